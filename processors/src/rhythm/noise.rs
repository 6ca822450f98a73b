//! Noise by the minute: equivalent, greatest and percentile levels (ISO 1996-1, 2016).
//!
//! Levels are logarithms of energy, so their mean is taken of the energies; percentiles are taken
//! of the levels themselves, exactly, from a buffer of one minute. The levels may come at any rate
//! and unevenly: each counts the same.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::feature::Feature;

const MINUTE_MS: i64 = 60_000;

/// Most levels of a minute whose percentiles are taken: 128 a second.
const LEVELS_MAX: usize = 60 * 128;

/// A-weights of octave bands: nominal centre, Hz, and correction, dB (IEC 61672-1, 2013).
pub const A_WEIGHTS: [(u32, f64); 8] = [
    (63, -26.2),
    (125, -16.1),
    (250, -8.6),
    (500, -3.2),
    (1000, 0.0),
    (2000, 1.2),
    (4000, 1.0),
    (8000, -1.1),
];

/// The A-weighted level of octave bands, dB: the sum of their weighted energies.
///
/// Each band is its nominal centre in Hz and its unweighted level in dB. Bands that are not given
/// are missing from the sum, so the level of a few bands is a partial one. None without a known
/// band with a finite level.
pub fn a_weighted(bands: &[(u32, f64)]) -> Option<f64> {
    let (mut energy, mut known) = (0.0, false);
    for (centre_hz, level_db) in bands.iter().filter(|(_, level_db)| level_db.is_finite()) {
        let weight = A_WEIGHTS.iter().find(|(known_hz, _)| known_hz == centre_hz);
        if let Some((_, weight_db)) = weight {
            energy += energy_of(level_db + weight_db);
            known = true;
        }
    }
    known.then(|| level_of(energy))
}

/// Energies of levels, added up in the order given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    n: u64,
    sum: f64,
}

impl Energy {
    /// Takes in a level, dB. One that is not finite is left out.
    pub fn feed(&mut self, level_db: f64) {
        if level_db.is_finite() {
            self.n += 1;
            self.sum += energy_of(level_db);
        }
    }

    /// The equivalent level, dB; none without levels.
    pub fn equivalent(&self) -> Option<f64> {
        (self.n > 0).then(|| level_of(self.sum / self.n as f64))
    }
}

/// What a minute sounded like, dB.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoiseMinute {
    /// Start of the minute, ms.
    pub minute_ms: i64,
    /// Levels.
    pub n: u32,
    /// Equivalent level: that of the mean energy.
    pub laeq: f64,
    /// Greatest level.
    pub lamax: f64,
    /// Level exceeded for a tenth of the time: the 90th percentile, linearly interpolated. None if
    /// more levels came than the buffer holds.
    pub l10: Option<f64>,
    /// Level exceeded for nine tenths of the time: the 10th percentile.
    pub l90: Option<f64>,
}

/// Levels in order of time, closed by the minute. State: one minute of levels and the total.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    minute_ms: Option<i64>,
    levels: Vec<f64>,
    energy: Energy,
    greatest: f64,
    total: Energy,
}

impl Noise {
    /// Nothing heard yet.
    pub const fn new() -> Self {
        let none = Energy { n: 0, sum: 0.0 };
        Self { minute_ms: None, levels: Vec::new(), energy: none, greatest: 0.0, total: none }
    }

    /// Takes in an A-weighted level, dB, and gives the minute that it ends. A level that is not
    /// finite, or of an earlier minute than the one under way, is left out.
    pub fn feed(&mut self, at_ms: i64, level_db: f64) -> Option<NoiseMinute> {
        let minute_ms = at_ms.div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS);
        if !level_db.is_finite() || self.minute_ms.is_some_and(|known| minute_ms < known) {
            return None;
        }
        let ended = if self.minute_ms == Some(minute_ms) { None } else { self.close() };
        self.minute_ms = Some(minute_ms);
        self.greatest = if self.energy.n == 0 { level_db } else { self.greatest.max(level_db) };
        self.energy.feed(level_db);
        self.total.feed(level_db);
        if self.levels.len() < LEVELS_MAX {
            self.levels.push(level_db);
        }
        ended
    }

    /// The minute under way as it stands; none before the first level.
    pub fn value(&self) -> Option<NoiseMinute> {
        let mut sorted = self.levels.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        self.summary(&sorted)
    }

    /// Ends the minute under way.
    pub fn close(&mut self) -> Option<NoiseMinute> {
        let mut levels = core::mem::take(&mut self.levels);
        levels.sort_unstable_by(f64::total_cmp);
        let ended = self.summary(&levels);
        levels.clear();
        self.levels = levels;
        self.energy = Energy::default();
        ended
    }

    /// The equivalent level of everything heard, dB.
    pub fn equivalent(&self) -> Option<f64> {
        self.total.equivalent()
    }

    fn summary(&self, sorted: &[f64]) -> Option<NoiseMinute> {
        let whole = self.energy.n == sorted.len() as u64;
        let percentile = |share| whole.then(|| percentile(sorted, share)).flatten();
        Some(NoiseMinute {
            minute_ms: self.minute_ms?,
            n: u32::try_from(self.energy.n).unwrap_or(u32::MAX),
            laeq: self.energy.equivalent()?,
            lamax: self.greatest,
            l10: percentile(0.9),
            l90: percentile(0.1),
        })
    }
}

/// The value below which a share of sorted values lies, linear between neighbours.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share * last as f64;
    let below = (libm::floor(at) as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (at - below as f64) * (high - low))
}

fn energy_of(level_db: f64) -> f64 {
    libm::pow(10.0, level_db / 10.0)
}

fn level_of(energy: f64) -> f64 {
    10.0 * libm::log10(energy)
}

const ONE_MINUTE: Feature = Feature {
    name: "laeq",
    unit: "dB",
    meaning: "The steady level with the same energy as the minute's noise.",
    formula: "10 log10 mean 10^(L/10)",
    window: "a clock minute",
    source: "ISO 1996-1 (2016)",
    reference: "batch formula in 64-bit floats",
    tolerance: "1e-6 dB",
    distrust: "levels of a few bands only, of an uncalibrated microphone, or of part of the minute",
};

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    ONE_MINUTE,
    Feature {
        name: "laeq_db",
        meaning: "The steady level with the same energy as everything heard.",
        window: "everything heard",
        ..ONE_MINUTE
    },
    Feature {
        name: "lamax",
        meaning: "The greatest level of the minute.",
        formula: "max L",
        distrust: "it depends on the time weighting and rate of the device; one knock decides it",
        ..ONE_MINUTE
    },
    Feature {
        name: "l10",
        meaning: "The level exceeded for a tenth of the minute: its louder events.",
        formula: "90th percentile of L, linear between neighbours",
        distrust: "fewer than about 50 levels in the minute; absent above 128 levels a second",
        ..ONE_MINUTE
    },
    Feature {
        name: "l90",
        meaning: "The level exceeded for nine tenths of the minute: its background.",
        formula: "10th percentile of L, linear between neighbours",
        distrust: "fewer than about 50 levels in the minute; absent above 128 levels a second",
        ..ONE_MINUTE
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_heard_is_nothing_told() {
        let mut noise = Noise::new();
        assert_eq!((noise.value(), noise.close(), noise.equivalent()), (None, None, None));
        assert_eq!(noise.feed(0, f64::NAN), None);
        assert_eq!(noise.close(), None);
        assert_eq!(a_weighted(&[]), None);
        assert_eq!(a_weighted(&[(500, f64::NEG_INFINITY), (501, 40.0)]), None);
    }

    #[test]
    fn energies_add_and_one_level_is_its_own_summary() {
        let two = a_weighted(&[(1000, 60.0), (1000, 60.0)]);
        assert!(two.is_some_and(|db| (db - 63.010_299_956_639_81).abs() < 1e-12));
        let mut noise = Noise::new();
        assert_eq!(noise.feed(-1, 40.0), None);
        let minute = noise.close().expect("it holds a level");
        assert_eq!((minute.minute_ms, minute.n, minute.lamax), (-MINUTE_MS, 1, 40.0));
        assert_eq!((minute.l10, minute.l90), (Some(40.0), Some(40.0)));
        assert!((minute.laeq - 40.0).abs() < 1e-12);
    }

    #[test]
    fn a_snapshot_within_a_minute_changes_no_bit() {
        let level = |i: i64| 40.0 + (i * 37 % 101) as f64 / 7.0;
        let mut whole = Noise::new();
        let mut restored = Noise::new();
        for i in 0..1500 {
            let ended = whole.feed(i * 100, level(i));
            assert_eq!(restored.feed(i * 100, level(i)), ended);
            assert_eq!(ended.is_some(), i == 600 || i == 1200);
            if i % 97 == 0 {
                let bytes = serde_json::to_vec(&restored).expect("it can be written");
                restored = serde_json::from_slice(&bytes).expect("it can be read");
            }
        }
        assert_eq!(restored.value(), whole.close());
        assert_eq!(restored.equivalent(), whole.equivalent());
    }

    #[test]
    fn gaps_close_a_minute_and_late_levels_are_left_out() {
        let mut noise = Noise::new();
        noise.feed(0, 50.0);
        let ended = noise.feed(10 * MINUTE_MS, 60.0).expect("the first minute ended");
        assert_eq!((ended.minute_ms, ended.n), (0, 1));
        assert_eq!(noise.feed(9 * MINUTE_MS, 90.0), None);
        assert_eq!(noise.value().map(|minute| (minute.n, minute.lamax)), Some((1, 60.0)));
    }

    #[test]
    fn more_levels_than_the_buffer_holds_leave_percentiles_out() {
        let mut noise = Noise::new();
        for i in 0..=LEVELS_MAX as i64 {
            noise.feed(i, 50.0);
        }
        let minute = noise.close().expect("it holds levels");
        assert_eq!((minute.n as usize, minute.l10, minute.l90), (LEVELS_MAX + 1, None, None));
        assert!((minute.laeq - 50.0).abs() < 1e-9);
    }
}
