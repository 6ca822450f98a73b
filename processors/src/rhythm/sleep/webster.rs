//! Webster's rules: sleep that wakefulness surrounds is scored as wake (Webster 1982, as listed by
//! Cole 1992).
//!
//! All rules look at the original scoring, so that none sees what another changed. After 4, 10 or
//! 15 minutes of wake the first 1, 3 or 4 minutes of sleep are wake; sleep of at most 6 minutes
//! between wake of 10, and of at most 10 between wake of 20, is wake.

use serde::{Deserialize, Serialize};

/// Longest sleep that can become wake as a whole, minutes.
const SHORT_MAX: u8 = 10;
/// Longest wake that a rule asks for, minutes.
const WAKE_MAX: u8 = 20;

/// Scores minutes anew; a minute's state is told at most 30 minutes later.
///
/// Only lengths are held: a short sleep that is not decided, and the wake that follows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Webster {
    /// Length of the wake before the sleep that is held, or of the wake now, at most 20.
    before: u8,
    /// Minutes of sleep held.
    held: u8,
    /// Minutes of wake held that follow it.
    after: u8,
    /// Whether this is a sleep too long to be held.
    long: bool,
}

impl Webster {
    /// Before the first minute.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in whether the next minute is scored as sleep; `emit` gets earlier minutes' states.
    pub fn feed(&mut self, sleep: bool, mut emit: impl FnMut(bool)) {
        if sleep {
            self.sleep(&mut emit);
        } else if self.long {
            emit(false);
            *self = Self { before: 1, ..Self::default() };
        } else if self.held > 0 {
            self.after += 1;
            if self.after == WAKE_MAX {
                self.settle(&mut emit);
            }
        } else {
            emit(false);
            self.before = (self.before + 1).min(WAKE_MAX);
        }
    }

    /// Tells the states of the last minutes.
    pub fn finish(mut self, mut emit: impl FnMut(bool)) {
        self.settle(&mut emit);
    }

    fn sleep(&mut self, emit: &mut impl FnMut(bool)) {
        if self.after > 0 {
            self.settle(emit);
        }
        if self.long {
            emit(true);
            return;
        }
        self.held += 1;
        if self.held > SHORT_MAX {
            let wakes = self.wakes();
            (0..self.held).for_each(|minute| emit(minute >= wakes));
            (self.held, self.long) = (0, true);
        }
    }

    /// Decides the sleep that is held and tells it with the wake after it.
    fn settle(&mut self, emit: &mut impl FnMut(bool)) {
        let between = |wake: u8| self.before >= wake && self.after >= wake;
        let short = (self.held <= 6 && between(10)) || between(WAKE_MAX);
        let wakes = if short { self.held } else { self.wakes() };
        (0..self.held).for_each(|minute| emit(minute >= wakes));
        (0..self.after).for_each(|_| emit(false));
        *self = Self { before: self.after, ..Self::default() };
    }

    /// How many of the first minutes of sleep the wake before it takes.
    const fn wakes(&self) -> u8 {
        match self.before {
            0..4 => 0,
            4..10 => 1,
            10..15 => 3,
            _ => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::Webster;

    fn scored(runs: &[(bool, usize)]) -> Vec<bool> {
        let (mut machine, mut states) = (Webster::new(), Vec::new());
        for &(sleep, length) in runs {
            (0..length).for_each(|_| machine.feed(sleep, |state| states.push(state)));
        }
        machine.finish(|state| states.push(state));
        states
    }

    #[test]
    fn the_first_minutes_of_sleep_after_long_wake_are_wake() {
        for (wake, taken) in [(3, 0), (4, 1), (9, 1), (10, 3), (14, 3), (15, 4), (90, 4)] {
            let states = scored(&[(false, wake), (true, 30)]);
            assert_eq!(states.iter().filter(|sleep| !**sleep).count(), wake + taken, "{wake}");
        }
    }

    #[test]
    fn short_sleep_between_long_wake_is_wake() {
        for (before, length, after, sleep) in
            [(10, 6, 10, 0), (10, 7, 10, 4), (10, 6, 9, 3), (20, 10, 20, 0), (20, 11, 20, 7)]
        {
            let states = scored(&[(false, before), (true, length), (false, after)]);
            assert_eq!(states.len(), before + length + after);
            assert_eq!(states.iter().filter(|sleep| **sleep).count(), sleep, "{before} {length}");
        }
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert!(scored(&[]).is_empty());
    }
}
