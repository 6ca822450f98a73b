//! Validation: is this reading possible, in time and new?
//!
//! A refused reading names the first rule it breaks, in this order: known person, new id, clock,
//! lateness, then its values. Doors refuse what they cannot read before it comes here.

use alloc::{format, string::String};

use zeitgeber_schemas::{
    DeadLettered, Doubles, Envelope, Environment, FieldSet, FlagSet, Imu, Kind, ReadingAccepted,
    ReadingBody, Reason, Values,
};

mod memory;
mod refused;

pub use memory::{IdKey, IdMemory, RUNS, STEMS};
pub use refused::{REMEMBER_MAX, REMEMBER_MS, RefusedMemory};

/// How far a measurement may lie ahead of its arrival, ms.
pub const CLOCK_AHEAD_MS: i64 = 5 * 60_000;
/// How long after its measurement a reading may arrive, ms.
pub const TOO_LATE_MS: i64 = 48 * 3_600_000;
/// No reading is older than the year 2000: a clock that says so was reset. ms UTC.
pub const EARLIEST_MS: i64 = 946_684_800_000;
/// Greatest movement value.
pub const IMU_MAX: f64 = 200_000.0;
/// Greatest magnitude of a raw acceleration, g.
pub const ACC_MAX_G: f64 = 100.0;
/// Most RR intervals in one reading.
pub const INTERVALS_MAX: usize = 1_000;
/// Shortest and longest RR interval that counts, ms.
pub const INTERVAL_MS: core::ops::RangeInclusive<f64> = 300.0..=2_000.0;
/// Readings in a row without change after which a sensor counts as stuck.
pub const STUCK_AFTER: u32 = 12;

/// What validation remembers of a person.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Person {
    ids: IdMemory,
    still: Still,
}

/// The last surroundings and how often they came in a row.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
struct Still {
    temp_c: f64,
    light: Option<f64>,
    run: u32,
}

/// What became of a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It counts.
    Accepted(ReadingAccepted),
    /// It does not.
    Refused(DeadLettered),
    /// It is a copy of an accepted reading, to the last value: it causes nothing.
    Repeat,
}

/// A reading as validation sees it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Who, which, when.
    pub envelope: Envelope<'a>,
    /// What was measured.
    pub body: ReadingBody<'a>,
    /// Fingerprint of event time and body, to tell an exact copy from a conflicting one.
    pub content: u64,
}

impl Person {
    /// Nothing seen yet.
    pub fn initial() -> Self {
        Self::default()
    }

    /// Memory held outside the struct itself, bytes.
    pub fn heap_bytes(&self) -> usize {
        self.ids.heap_bytes()
    }
}

/// Decides on one reading of a person; `None` is somebody without a profile.
pub fn decide(person: Option<&Person>, arrival: &Arrival<'_>) -> Verdict {
    let Some(person) = person else {
        return refuse(Reason::UnknownUser, "the person has no profile".into());
    };
    let kind = arrival.body.kind();
    let id = IdKey::of(arrival.envelope.id);
    if person.ids.contains(&id) {
        return if person.ids.is_conflict(kind, &id, arrival.content) {
            refuse(Reason::Duplicate, "the id was accepted before with other content".into())
        } else {
            Verdict::Repeat
        };
    }
    if let Some((reason, detail)) = untimely(&arrival.envelope) {
        return refuse(reason, detail);
    }
    match &arrival.body.values {
        Values::Imu(imu) => movement(imu),
        Values::Hrv(rr_ms) => beats(rr_ms),
        Values::Environment(environment) => Ok(surroundings(person, environment)),
    }
    .map_or_else(
        |(reason, detail)| refuse(reason, detail),
        |mut accepted| {
            if arrival.body.unknown_fields {
                accepted.flags = accepted.flags.with(FlagSet::UNKNOWN_FIELDS);
            }
            Verdict::Accepted(accepted)
        },
    )
}

/// Folds an accepted reading.
pub fn apply(person: &mut Person, arrival: &Arrival<'_>, accepted: &ReadingAccepted) {
    let id = IdKey::of(arrival.envelope.id);
    person.ids.insert(arrival.body.kind(), &id, arrival.content);
    if let Values::Environment(environment) = &arrival.body.values {
        person.still = next_still(person.still, environment, accepted.dropped_fields);
    }
}

/// The light value that counts: melanopic where present, else photopic, less dropped fields.
pub fn light(environment: &Environment, dropped: FieldSet) -> Option<f64> {
    let kept = |value: Option<f64>, field| value.filter(|_| !dropped.contains(field));
    kept(environment.medi_lux, FieldSet::MEDI_LUX).or(kept(environment.lux, FieldSet::LUX))
}

type Fault = (Reason, String);

fn refuse(reason: Reason, detail: String) -> Verdict {
    Verdict::Refused(DeadLettered { reason, detail })
}

fn untimely(envelope: &Envelope<'_>) -> Option<Fault> {
    let ahead = envelope.ts.saturating_sub(envelope.received());
    if ahead > CLOCK_AHEAD_MS {
        let detail = format!("measured {ahead} ms after it arrived; at most {CLOCK_AHEAD_MS} ms");
        return Some((Reason::ClockAhead, detail));
    }
    if envelope.ts < EARLIEST_MS {
        let detail = format!("measured at {} ms, before the year 2000", envelope.ts);
        return Some((Reason::TooLate, detail));
    }
    let late = envelope.received().saturating_sub(envelope.ts);
    (late > TOO_LATE_MS).then(|| {
        (Reason::TooLate, format!("arrived {late} ms after it was measured; at most {TOO_LATE_MS}"))
    })
}

const CLEAN: ReadingAccepted =
    ReadingAccepted { dropped_fields: FieldSet(0), dropped_intervals: 0, flags: FlagSet(0) };

fn movement(imu: &Imu<'_>) -> Result<ReadingAccepted, Fault> {
    let fields = [
        ("activity_counts", imu.activity_counts),
        ("enmo_mg", imu.enmo_mg),
        ("steps", imu.steps),
        ("lying", imu.lying),
        ("intensity", imu.intensity),
    ];
    for (name, value) in fields {
        if let Some(value) = value.filter(|value| !(0.0..=IMU_MAX).contains(value)) {
            return Err((Reason::OutOfRange, format!("{name} is {value}; 0 to {IMU_MAX}")));
        }
    }
    if let Some(epoch_s) = imu.epoch_s.filter(|epoch_s| !possible_epoch(*epoch_s)) {
        let detail =
            format!("epoch_s is {epoch_s}; a divisor of 60, or a multiple of 60 that divides 3600");
        return Err((Reason::OutOfRange, detail));
    }
    if let Some(g) = imu.acc_g.iter().find(|g| !(-ACC_MAX_G..=ACC_MAX_G).contains(g)) {
        return Err((Reason::OutOfRange, format!("acc_g holds {g}; -{ACC_MAX_G} to {ACC_MAX_G}")));
    }
    if !imu.acc_g.is_empty() && !imu.fs_hz.is_none_or(|fs| (0.1..=10_000.0).contains(&fs)) {
        return Err((Reason::OutOfRange, "fs_hz is outside 0.1 to 10000".into()));
    }
    Ok(CLEAN)
}

/// Whether whole epochs of this length fill a minute or an hour.
fn possible_epoch(epoch_s: f64) -> bool {
    if !(1.0..=3600.0).contains(&epoch_s) || libm::floor(epoch_s) != epoch_s {
        return false;
    }
    let epoch_s = epoch_s as u32;
    60_u32.is_multiple_of(epoch_s)
        || (epoch_s.is_multiple_of(60) && 3600_u32.is_multiple_of(epoch_s))
}

fn beats(rr_ms: &Doubles<'_>) -> Result<ReadingAccepted, Fault> {
    let intervals = rr_ms.len();
    if intervals == 0 {
        return Err((Reason::Empty, "rr_ms holds no interval".into()));
    }
    if intervals > INTERVALS_MAX {
        let detail = format!("rr_ms holds {intervals} intervals; at most {INTERVALS_MAX}");
        return Err((Reason::Oversized, detail));
    }
    let kept = rr_ms.iter().filter(|interval| INTERVAL_MS.contains(interval)).count();
    if kept * 2 < intervals {
        let detail = format!("{kept} of {intervals} intervals are within 300 to 2000 ms");
        return Err((Reason::TooFewValid, detail));
    }
    Ok(ReadingAccepted { dropped_intervals: (intervals - kept) as u32, ..CLEAN })
}

fn surroundings(person: &Person, environment: &Environment) -> ReadingAccepted {
    let fields = [
        (environment.lux, FieldSet::LUX, 0.0..=200_000.0),
        (environment.medi_lux, FieldSet::MEDI_LUX, 0.0..=200_000.0),
        (environment.temp_c, FieldSet::TEMP_C, -40.0..=60.0),
        (environment.noise_db, FieldSet::NOISE_DB, 0.0..=140.0),
    ];
    let mut dropped_fields = environment.malformed;
    for (value, field, range) in fields {
        if value.is_some_and(|value| !range.contains(&value)) {
            dropped_fields = dropped_fields.with(field);
        }
    }
    let still = next_still(person.still, environment, dropped_fields);
    let has_temp = environment.temp_c.is_some() && !dropped_fields.contains(FieldSet::TEMP_C);
    let flags = if has_temp && still.run >= STUCK_AFTER { FlagSet::STUCK } else { FlagSet(0) };
    ReadingAccepted { dropped_fields, flags, ..CLEAN }
}

/// A reading without a temperature leaves the run as it is: it says nothing about the sensor.
fn next_still(still: Still, environment: &Environment, dropped: FieldSet) -> Still {
    let Some(temp_c) = environment.temp_c.filter(|_| !dropped.contains(FieldSet::TEMP_C)) else {
        return still;
    };
    let light = light(environment, dropped);
    let light_same = light.is_none() || still.light.is_none() || light == still.light;
    let run = if still.run > 0 && temp_c == still.temp_c && light_same {
        still.run.saturating_add(1)
    } else {
        1
    };
    Still { temp_c, light, run }
}

/// The kinds' number, for tables of one row a kind.
pub(crate) const KINDS: usize = Kind::ALL.len();
