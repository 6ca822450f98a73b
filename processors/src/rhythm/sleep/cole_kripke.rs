//! Cole-Kripke: sleep where a weighted sum of seven minutes is small (Cole 1992).

use serde::{Deserialize, Serialize};

/// Weights of the four minutes before, the scored one and the two after it, in thousandths.
const WEIGHTS: [f64; 7] = [106.0, 54.0, 58.0, 76.0, 230.0, 74.0, 67.0];

/// Minutes after the scored one that take part.
const AHEAD: u8 = 2;

/// The scale of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counts {
    /// ActiGraph, vertical axis: divided by 100, at most 300.
    ActiGraph,
    /// Any other device with counts of a like size: divided by 30.
    Generic,
}

/// Scores minutes; the state of a minute is told two minutes later. Before the recording and
/// after it nothing moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColeKripke {
    counts: Counts,
    window: [f64; 7],
    waiting: u8,
}

impl ColeKripke {
    /// Before the first minute.
    pub const fn new(counts: Counts) -> Self {
        Self { counts, window: [0.0; 7], waiting: 0 }
    }

    /// Takes in the counts of the next minute; `emit` gets whether an earlier one is sleep.
    pub fn feed(&mut self, counts: f64, mut emit: impl FnMut(bool)) {
        self.push(match self.counts {
            Counts::ActiGraph => (counts / 100.0).min(300.0),
            Counts::Generic => counts / 30.0,
        });
        if self.waiting < AHEAD {
            self.waiting += 1;
        } else {
            emit(self.is_sleep());
        }
    }

    /// Tells the states of the last minutes.
    pub fn finish(mut self, mut emit: impl FnMut(bool)) {
        for _ in self.waiting..AHEAD {
            self.push(0.0);
        }
        for _ in 0..self.waiting {
            self.push(0.0);
            emit(self.is_sleep());
        }
    }

    fn push(&mut self, value: f64) {
        self.window.rotate_left(1);
        self.window[6] = value;
    }

    fn is_sleep(&self) -> bool {
        let weighted = self.window.iter().zip(WEIGHTS);
        weighted.fold(0.0, |sum, (value, weight)| sum + value * (weight * 1e-3)) < 1.0
    }
}
