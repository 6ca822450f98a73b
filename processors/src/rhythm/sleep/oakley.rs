//! Oakley: wake where a weighted sum of the counts within two minutes is large (Oakley 1997, as
//! Actiware computes it).
//!
//! The weights are multiples of 1/25 and counts are on the signal grid, so that scores are summed
//! as integers and a score of exactly the threshold is seen as such: it is sleep.

use serde::{Deserialize, Serialize};

use crate::exact;

/// Score above which an epoch is wake, counts: the vendor's medium threshold.
pub const WAKE_ABOVE: f64 = 40.0;

/// Greatest counts of an epoch. It bounds the sums.
const COUNTS_MAX: f64 = 1_000_000.0;

/// Weights times 25 of an epoch and of those after it, which those before it share.
const WEIGHTS_15_S: [i64; 9] = [100, 5, 5, 5, 5, 1, 1, 1, 1];
const WEIGHTS_30_S: [i64; 5] = [50, 5, 5, 1, 1];
const WEIGHTS_60_S: [i64; 3] = [25, 5, 1];

/// Scores epochs of 15, 30 or 60 s; the score of an epoch is told two minutes later. The first and
/// last two minutes have no score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Oakley {
    /// Epochs on either side that take part.
    half: u8,
    window: [i64; 17],
    fed: u8,
}

impl Oakley {
    /// Before the first epoch; none for an epoch of another length.
    pub fn new(epoch_s: i64) -> Option<Self> {
        let half = weights(epoch_s)?.len() as u8 - 1;
        Some(Self { half, window: [0; 17], fed: 0 })
    }

    /// Takes in the counts of the next epoch; `emit` gets the score of an earlier one.
    pub fn feed(&mut self, counts: f64, mut emit: impl FnMut(Option<f64>)) {
        self.window.rotate_left(1);
        self.window[16] = exact::signal(counts.clamp(0.0, COUNTS_MAX));
        self.fed = self.fed.saturating_add(1).min(2 * self.half + 1);
        if self.fed > 2 * self.half {
            emit(Some(self.score()));
        } else if self.fed <= self.half {
            emit(None);
        }
    }

    /// Tells of the last epochs.
    pub fn finish(self, mut emit: impl FnMut(Option<f64>)) {
        let told = if self.fed > self.half { self.fed.min(2 * self.half) - self.half } else { 0 };
        for _ in 0..told {
            emit(None);
        }
    }

    fn score(&self) -> f64 {
        let weights: &[i64] = match self.half {
            8 => &WEIGHTS_15_S,
            4 => &WEIGHTS_30_S,
            _ => &WEIGHTS_60_S,
        };
        let centre = 16 - usize::from(self.half);
        let mut sum = weights[0] * self.window[centre];
        for (distance, weight) in weights.iter().enumerate().skip(1) {
            sum += weight * (self.window[centre - distance] + self.window[centre + distance]);
        }
        exact::signal_value(sum) / 25.0
    }
}

fn weights(epoch_s: i64) -> Option<&'static [i64]> {
    match epoch_s {
        15 => Some(&WEIGHTS_15_S),
        30 => Some(&WEIGHTS_30_S),
        60 => Some(&WEIGHTS_60_S),
        _ => None,
    }
}
