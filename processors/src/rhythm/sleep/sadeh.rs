//! Sadeh: sleep by the level, the spread and the quiet minutes of eleven (Sadeh 1994, as ActiLife 6
//! computes it).

use serde::{Deserialize, Serialize};

/// Minutes after the scored one that take part.
const AHEAD: u8 = 5;
/// Greatest counts of a minute.
const COUNTS_MAX: f64 = 300.0;
/// Above it a minute is sleep.
const SLEEP_ABOVE: f64 = -4.0;

/// Scores minutes of ActiGraph counts; the state of a minute is told five minutes later. Before
/// the recording and after it nothing moves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sadeh {
    window: [f64; 11],
    waiting: u8,
}

impl Sadeh {
    /// Before the first minute.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the counts of the next minute; `emit` gets whether an earlier one is sleep.
    pub fn feed(&mut self, counts: f64, mut emit: impl FnMut(bool)) {
        self.push(counts.min(COUNTS_MAX));
        if self.waiting < AHEAD {
            self.waiting += 1;
        } else {
            emit(self.score() > SLEEP_ABOVE);
        }
    }

    /// Tells the states of the last minutes.
    pub fn finish(mut self, mut emit: impl FnMut(bool)) {
        for _ in self.waiting..AHEAD {
            self.push(0.0);
        }
        for _ in 0..self.waiting {
            self.push(0.0);
            emit(self.score() > SLEEP_ABOVE);
        }
    }

    fn push(&mut self, value: f64) {
        self.window.rotate_left(1);
        self.window[10] = value;
    }

    fn score(&self) -> f64 {
        let mean = self.window.iter().sum::<f64>() / 11.0;
        let quiet = self.window.iter().filter(|value| (50.0..100.0).contains(*value)).count();
        let before = &self.window[..6];
        let level = before.iter().sum::<f64>() / 6.0;
        let squares: f64 = before.iter().map(|value| (value - level) * (value - level)).sum();
        let spread = libm::sqrt(squares / 5.0);
        let scored = libm::log(self.window[5] + 1.0);
        7.601 - 0.065 * mean - 1.08 * quiet as f64 - 0.056 * spread - 0.703 * scored
    }
}
