//! What an analysis was made of, kept where it is to be drawn: the values in order of time beside
//! the features, from the same pass over the rows.

use zeitgeber_processors::rhythm::{
    hrv::{Interval, Judgement},
    phase::{Model, Pacemaker, PhaseTracker},
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: f64 = 3_600_000.0;

/// Values in order of time; empty where the recording holds none of a kind. Times are ms
/// since 1970: instants for a person, the local clock for a recording, whose zone is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Movement by the minute, or by the hour.
    pub movement: Option<Movements>,
    /// Every interval between beats, kept or not.
    pub beats: Vec<Beat>,
    /// Spectral densities (Hz, ms²/Hz) of the windows of 5 minutes that are fit for it.
    pub spectra: Vec<Vec<(f64, f64)>>,
    /// Illuminance: when, and lux.
    pub light: Vec<(i64, f64)>,
    /// Minima of core body temperature, by the models that stand behind the estimate of phase.
    pub minima: Vec<Minimum>,
    /// Nights of a diary, from falling asleep to waking.
    pub nights: Vec<(i64, i64)>,
}

/// Movement in bins of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Movements {
    /// When the first bin begins.
    pub first_ms: i64,
    /// How long each lasts.
    pub bin_ms: i64,
    /// Their values; none for a bin without one.
    pub values: Vec<Option<f64>>,
    /// The mean day, by the minute or by the hour of the local day.
    pub mean_day: Vec<Option<f64>>,
}

/// An interval between beats, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// The interval.
    pub interval: Interval,
    /// Whether it lies between normal beats.
    pub judgement: Judgement,
}

/// A minimum of core body temperature that a model tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// When.
    pub at_ms: i64,
    /// Whether by Hannay's model, which is shown; else by Forger's, its check.
    pub shown: bool,
}

/// The minima of a phase that can be told, in order of time for each model.
pub fn minima(phase: &PhaseTracker) -> Vec<Minimum> {
    let (Some(start), Some(_)) = (phase.start_minute(), phase.value()) else { return Vec::new() };
    let start_ms = start * MINUTE_MS;
    let of = |(model, pacemaker): (Model, &Pacemaker)| {
        let shown = match model {
            Model::Hannay19 => true,
            Model::Forger99 => false,
            _ => return Vec::new(),
        };
        let at = |h: f64| Minimum { at_ms: start_ms + (h * HOUR_MS) as i64, shown };
        pacemaker.cbtmin_h().map(at).collect()
    };
    Model::ALL.into_iter().zip(phase.pacemakers()).flat_map(of).collect()
}
