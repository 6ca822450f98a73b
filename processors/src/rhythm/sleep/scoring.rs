//! Sleep and rest of a stretch of minutes, by every scorer that the device allows.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::Scale;

use super::{
    BIN_MIN, ColeKripke, Counts, Masda, Oakley, Regularity, RestBout, RestBouts, Sadeh, WAKE_ABOVE,
    Webster,
};
use crate::rhythm::local::DAY_MIN;

/// What a scorer tells of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sleep {
    /// Minutes of sleep or rest.
    pub sleep_minutes: u64,
    /// Sleep regularity index, -100 to 100.
    pub sri: Option<f64>,
    /// Pairs of epochs a day apart that it stands on.
    pub sri_pairs: u64,
}

/// A stretch of rest, in minutes of the clock that the minutes were counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Its first minute.
    pub from: i64,
    /// The minute after its last one.
    pub until: i64,
    /// Minutes of its bins that hold a value.
    pub seen: u32,
}

/// Scores minutes of counts, `first` being the first one's number on the local clock, by the
/// scorers that fit the device, each with its name; none where its scale is not known.
pub fn by_counts(values: &[Option<f64>], first: i64, scale: Scale) -> Vec<(&'static str, Sleep)> {
    let counts = match scale {
        Scale::Unknown => return Vec::new(),
        Scale::Actigraph => Counts::ActiGraph,
        Scale::Actiwatch => Counts::Generic,
    };
    let mut told = Vec::new();
    let mut states = Vec::new();
    let mut machine = ColeKripke::new(counts);
    values.iter().for_each(|v| machine.feed(v.unwrap_or(0.0), |state| states.push(Some(state))));
    machine.finish(|state| states.push(Some(state)));
    told.push(("cole_kripke", of_minutes(&states, values, first)));
    let (mut machine, mut rescored) = (Webster::new(), Vec::new());
    let asleep = states.iter().flatten();
    asleep.for_each(|state| machine.feed(*state, |state| rescored.push(Some(state))));
    machine.finish(|state| rescored.push(Some(state)));
    told.push(("cole_kripke_webster", of_minutes(&rescored, values, first)));
    if scale == Scale::Actigraph {
        let (mut machine, mut states) = (Sadeh::new(), Vec::new());
        values
            .iter()
            .for_each(|v| machine.feed(v.unwrap_or(0.0), |state| states.push(Some(state))));
        machine.finish(|state| states.push(Some(state)));
        told.push(("sadeh", of_minutes(&states, values, first)));
    }
    if let (Scale::Actiwatch, Some(mut machine)) = (scale, Oakley::new(60)) {
        let mut states = Vec::new();
        let is_sleep = |score: Option<f64>| score.map(|score| score <= WAKE_ABOVE);
        values
            .iter()
            .for_each(|v| machine.feed(v.unwrap_or(0.0), |score| states.push(is_sleep(score))));
        machine.finish(|score| states.push(is_sleep(score)));
        told.push(("oakley", of_minutes(&states, values, first)));
    }
    told
}

/// Sleep of scored minutes; those without a value or a score take no part in the regularity.
fn of_minutes(states: &[Option<bool>], values: &[Option<f64>], first: i64) -> Sleep {
    let mut regularity = Regularity::new(DAY_MIN as u32, first.rem_euclid(DAY_MIN) as u32);
    let mut sleep_minutes = 0;
    for (state, value) in states.iter().zip(values) {
        // A missing minute was fed as one without movement; nobody slept in it as far as is known.
        let known = state.filter(|_| value.is_some());
        regularity.feed(known);
        sleep_minutes += u64::from(known == Some(true));
    }
    let all = regularity.all();
    Sleep { sleep_minutes, sri: all.index(), sri_pairs: all.pairs }
}

/// Rest by ten-minute bins of the clock, which fits any device and any movement signal.
pub fn rest(values: &[Option<f64>], first: i64) -> (Sleep, Vec<Rest>) {
    let skipped = (-first).rem_euclid(BIN_MIN);
    let (mut machine, mut states) = (Masda::new(), Vec::new());
    let bins = values.get(skipped as usize..).unwrap_or_default();
    for bin in bins.chunks_exact(BIN_MIN as usize) {
        machine.feed(bin.iter().flatten().sum(), |rest| states.push(rest));
    }
    machine.finish(|rest| states.push(rest));
    let first = first + skipped;
    let seen: Vec<u32> = bins
        .chunks_exact(BIN_MIN as usize)
        .map(|bin| bin.iter().flatten().count() as u32)
        .collect();
    let per_day = DAY_MIN / BIN_MIN;
    let mut regularity =
        Regularity::new(per_day as u32, (first / BIN_MIN).rem_euclid(per_day) as u32);
    let (mut gather, mut bouts, mut rested) = (RestBouts::default(), Vec::new(), 0);
    let at = |bin: u64| first + bin as i64 * BIN_MIN;
    let rest = |bout: RestBout| Rest {
        from: at(bout.onset),
        until: at(bout.offset),
        seen: seen[bout.onset as usize..bout.offset as usize].iter().sum(),
    };
    for (state, seen) in states.iter().zip(&seen) {
        regularity.feed((*seen > 0).then_some(*state));
        rested += u64::from(*state && *seen > 0);
        bouts.extend(gather.feed(*state).map(rest));
    }
    bouts.extend(gather.finish().map(rest));
    let (all, sleep_minutes) = (regularity.all(), rested * BIN_MIN as u64);
    (Sleep { sleep_minutes, sri: all.index(), sri_pairs: all.pairs }, bouts)
}
