//! Movement by the epoch or by the hour: rhythm, non-wear, sleep and its regularity.

use std::collections::BTreeMap;

use serde::Serialize;
use zeitgeber_processors::rhythm::{
    Accepted, Tables,
    cycles::{Cycles, HourlyCycles},
    report::Fold,
    sleep::{self, Sleep},
};
use zeitgeber_schemas::{
    Envelope, FieldSet, FlagSet, Imu, ProfileBody, ReadingAccepted, ReadingBody, Signal, Values,
};

use super::{
    kind::Quantity,
    recording::RecordingError,
    samples::{Sample, Samples},
    trace::{Movements, Trace},
};

const MINUTE_MS: i64 = 60_000;
const DAY_MIN: i64 = 1_440;
/// Longest stretch that is analysed, minutes: three years.
const SPAN_MAX_MIN: i64 = 3 * 366 * DAY_MIN;
/// Greatest value of an epoch.
const VALUE_MAX: f64 = 1_000_000.0;

/// What movement by the epoch tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Movement {
    /// Rhythm and non-wear.
    #[serde(flatten)]
    pub cycles: Cycles,
    /// Sleep, by each scorer that the device's counts allow.
    pub sleep: BTreeMap<&'static str, Sleep>,
    /// Rest bouts, ms by the local clock.
    pub rest_bouts: Vec<Bout>,
}

/// A rest bout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bout {
    /// Its beginning.
    pub onset_ms: i64,
    /// Its end.
    pub offset_ms: i64,
}

/// Analyses epochs of one person.
pub(super) fn epochs(
    samples: &mut Samples<'_>,
    quantity: Quantity,
    epoch_s: f64,
    profile: &ProfileBody,
    trace: Option<&mut Trace>,
) -> Result<Movement, RecordingError> {
    let folds = fold(samples, quantity, epoch_s, profile)?;
    let fold = folds.into_values().next().unwrap_or_default();
    told(&fold, profile, trace).ok_or_else(|| {
        samples.whole(format!(
            "no minute of the clock is whole: its rows of {epoch_s} s have no values, or do not \
             begin where minutes do"
        ))
    })
}

/// What a fold of readings tells of movement by the minute; none where it has none. Times
/// are instants, which for a profile in UTC are those of the local clock.
pub fn told(fold: &Fold, profile: &ProfileBody, trace: Option<&mut Trace>) -> Option<Movement> {
    let cycles = fold.cycles(profile, &Tables::new())?;
    let span = i64::from(cycles.n_minutes);
    let minutes = fold.minutes_of(cycles.signal);
    let values: Vec<Option<f64>> = minutes
        .map(|minutes| minutes.values(cycles.first_minute, cycles.first_minute + span).collect())
        .unwrap_or_default();
    let (first, mut sleep) = (cycles.first_minute, BTreeMap::new());
    if cycles.signal == Signal::ActivityCounts {
        sleep.extend(sleep::by_counts(&values, first, profile.device_scale));
    }
    let (rest, bouts) = sleep::rest(&values, first);
    let ms = |minute: i64| minute * MINUTE_MS;
    let rest_bouts = bouts.iter().map(|b| Bout { onset_ms: ms(b.from), offset_ms: ms(b.until) });
    let rest_bouts = rest_bouts.collect();
    if span >= 2 * DAY_MIN {
        sleep.insert("masda", rest);
    }
    if let Some(trace) = trace {
        trace.movement = Some(Movements {
            first_ms: first * MINUTE_MS,
            bin_ms: MINUTE_MS,
            values,
            mean_day: fold.mean_day(&cycles, profile),
        });
    }
    Some(Movement { cycles, sleep, rest_bouts })
}

/// Analyses hours, person by person; the trace is of a single one.
pub(super) fn hours(
    samples: &mut Samples<'_>,
    quantity: Quantity,
    profile: &ProfileBody,
    trace: Option<&mut Trace>,
) -> Result<BTreeMap<String, HourlyCycles>, RecordingError> {
    let tables = Tables::new();
    let folds = fold(samples, quantity, 3600.0, profile)?;
    if let (Some(trace), Some(fold), 1) = (trace, folds.values().next(), folds.len()) {
        trace.movement = hourly_movements(fold, profile);
    }
    let told = folds.into_iter().filter_map(|(person, fold)| {
        Some((person.unwrap_or_default(), fold.hourly_cycles(profile, &tables)?))
    });
    Ok(told.collect())
}

/// Movement by the hour; none where there is none.
pub fn hourly_movements(fold: &Fold, profile: &ProfileBody) -> Option<Movements> {
    let (first, values) = fold.hourly_means(profile)?;
    let mut day = [(0.0, 0u32); 24];
    for (hour, value) in (0..).zip(&values) {
        let local =
            first + 60 * hour + i64::from(profile.offset_at((first + 60 * hour) * MINUTE_MS));
        let of_day = &mut day[(local.rem_euclid(DAY_MIN) / 60) as usize];
        if let Some(value) = value {
            *of_day = (of_day.0 + value, of_day.1 + 1);
        }
    }
    let mean_day = day.map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).to_vec();
    Some(Movements { first_ms: first * MINUTE_MS, bin_ms: 60 * MINUTE_MS, values, mean_day })
}

/// Feeds the rows to the report's own fold, as readings.
fn fold(
    samples: &mut Samples<'_>,
    quantity: Quantity,
    epoch_s: f64,
    profile: &ProfileBody,
) -> Result<BTreeMap<Option<String>, Fold>, RecordingError> {
    let accepted = ReadingAccepted {
        dropped_fields: FieldSet::default(),
        dropped_intervals: 0,
        flags: FlagSet::default(),
    };
    let mut folds = BTreeMap::<Option<String>, Fold>::new();
    let mut begun = None;
    while let Some(sample) = samples.next()? {
        let begin = *begun.get_or_insert(sample.at_ms);
        if sample.at_ms - begin > (SPAN_MAX_MIN * MINUTE_MS) as f64 {
            return Err(samples.fault(
                &sample,
                "it is more than three years after the first row: give it in parts",
            ));
        }
        let Some(value) = sample.values[0] else { continue };
        if !(0.0..=VALUE_MAX).contains(&value) {
            let what = format!("{value} is no movement: from 0 to {VALUE_MAX}");
            return Err(samples.fault(&sample, what));
        }
        let body = ReadingBody {
            device_id: "",
            backfill: true,
            unknown_fields: false,
            values: Values::Imu(imu(quantity, value, epoch_s)),
        };
        let input = Accepted { envelope: envelope(&sample, epoch_s), body, accepted: &accepted };
        folds.entry(sample.person.clone()).or_default().add(profile, &input);
    }
    Ok(folds)
}

fn imu(quantity: Quantity, value: f64, epoch_s: f64) -> Imu<'static> {
    let (value, epoch_s) = (Some(value), Some(epoch_s));
    match quantity {
        Quantity::Enmo => Imu { enmo_mg: value, epoch_s, ..Imu::default() },
        Quantity::Intensity => Imu { intensity: value, epoch_s, ..Imu::default() },
        _ => Imu { activity_counts: value, epoch_s, ..Imu::default() },
    }
}

fn envelope(sample: &Sample, epoch_s: f64) -> Envelope<'_> {
    let ts = (sample.at_ms + 1000.0 * epoch_s).round() as i64;
    Envelope { tenant: "", user_id: "", id: "", ts, recv_ts: Some(ts) }
}
