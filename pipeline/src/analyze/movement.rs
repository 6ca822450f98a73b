//! Movement by the epoch or by the hour: rhythm, non-wear, sleep and its regularity.

use std::collections::BTreeMap;

use serde::Serialize;
use zeitgeber_processors::rhythm::{
    Accepted, Tables,
    cycles::{Cycles, HourlyCycles},
    report::Fold,
    sleep::{BIN_MIN, ColeKripke, Counts, Masda, Regularity, RestBout, RestBouts, Sadeh, Webster},
};
use zeitgeber_schemas::{
    Envelope, FieldSet, FlagSet, Imu, ProfileBody, ReadingAccepted, ReadingBody, Scale, Signal,
    Values,
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

/// What a scorer tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sleep {
    /// Minutes of sleep or rest.
    pub sleep_minutes: u64,
    /// Sleep regularity index, -100 to 100.
    pub sri: Option<f64>,
    /// Pairs of epochs a day apart that it stands on.
    pub sri_pairs: u64,
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
        scores(&values, first, profile.device_scale, &mut sleep);
    }
    let (rest, rest_bouts) = rest(&values, first);
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

/// The scorers of minutes that fit the device.
fn scores(
    values: &[Option<f64>],
    first: i64,
    scale: Scale,
    sleep: &mut BTreeMap<&'static str, Sleep>,
) {
    let counts = match scale {
        Scale::Unknown => return,
        Scale::Actigraph => Counts::ActiGraph,
        Scale::Actiwatch => Counts::Generic,
    };
    let mut states = Vec::new();
    let mut machine = ColeKripke::new(counts);
    values.iter().for_each(|v| machine.feed(v.unwrap_or(0.0), |state| states.push(state)));
    machine.finish(|state| states.push(state));
    sleep.insert("cole_kripke", of_minutes(&states, values, first));
    let (mut machine, mut rescored) = (Webster::new(), Vec::new());
    states.iter().for_each(|state| machine.feed(*state, |state| rescored.push(state)));
    machine.finish(|state| rescored.push(state));
    sleep.insert("cole_kripke_webster", of_minutes(&rescored, values, first));
    if scale == Scale::Actigraph {
        let (mut machine, mut states) = (Sadeh::new(), Vec::new());
        values.iter().for_each(|v| machine.feed(v.unwrap_or(0.0), |state| states.push(state)));
        machine.finish(|state| states.push(state));
        sleep.insert("sadeh", of_minutes(&states, values, first));
    }
}

/// Sleep of scored minutes; those without a value take no part in the regularity.
fn of_minutes(states: &[bool], values: &[Option<f64>], first: i64) -> Sleep {
    let mut regularity = Regularity::new(DAY_MIN as u32, first.rem_euclid(DAY_MIN) as u32);
    for (state, value) in states.iter().zip(values) {
        regularity.feed(value.map(|_| *state));
    }
    let all = regularity.all();
    // A missing minute was fed as one without movement; nobody slept in it as far as is known.
    let asleep = states.iter().zip(values).filter(|(state, value)| **state && value.is_some());
    let sleep_minutes = asleep.count() as u64;
    Sleep { sleep_minutes, sri: all.index(), sri_pairs: all.pairs }
}

/// Rest by ten-minute bins of the clock, which fits any device.
fn rest(values: &[Option<f64>], first: i64) -> (Sleep, Vec<Bout>) {
    let skipped = (-first).rem_euclid(BIN_MIN);
    let (mut machine, mut states) = (Masda::new(), Vec::new());
    let bins = values.get(skipped as usize..).unwrap_or_default();
    for bin in bins.chunks_exact(BIN_MIN as usize) {
        machine.feed(bin.iter().flatten().sum(), |rest| states.push(rest));
    }
    machine.finish(|rest| states.push(rest));
    let first = first + skipped;
    let per_day = DAY_MIN / BIN_MIN;
    let mut regularity =
        Regularity::new(per_day as u32, (first / BIN_MIN).rem_euclid(per_day) as u32);
    let (mut gather, mut bouts) = (RestBouts::default(), Vec::new());
    let at_ms = |bin: u64| (first + bin as i64 * BIN_MIN) * MINUTE_MS;
    let bout = |bout: RestBout| Bout { onset_ms: at_ms(bout.onset), offset_ms: at_ms(bout.offset) };
    let scored = bins.chunks_exact(BIN_MIN as usize).map(|bin| bin.iter().any(Option::is_some));
    let mut rested = 0;
    for (state, scored) in states.iter().zip(scored) {
        regularity.feed(scored.then_some(*state));
        rested += u64::from(*state && scored);
        bouts.extend(gather.feed(*state).map(bout));
    }
    bouts.extend(gather.finish().map(bout));
    let (all, sleep_minutes) = (regularity.all(), rested * BIN_MIN as u64);
    (Sleep { sleep_minutes, sri: all.index(), sri_pairs: all.pairs }, bouts)
}
