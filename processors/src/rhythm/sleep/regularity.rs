//! The sleep regularity index: how likely the state is the same a day later (Phillips 2017).

use alloc::{boxed::Box, collections::VecDeque, vec};

use serde::{Deserialize, Serialize};

/// Days whose pairs are kept: a year and a month.
const DAYS_KEPT: usize = 400;

/// States in one word of the ring.
const PER_WORD: u32 = 32;

/// The pairs of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayPairs {
    /// Pairs of epochs 24 h apart with both scored.
    pub pairs: u64,
    /// Those of one state.
    pub same: u64,
}

impl DayPairs {
    /// The index of these pairs, -100 to 100; none where there are none.
    pub fn index(&self) -> Option<f64> {
        let share = self.same as f64 / self.pairs as f64;
        (self.pairs > 0).then_some(200.0 * share - 100.0)
    }

    fn add(&mut self, same: bool) {
        self.pairs += 1;
        self.same += u64::from(same);
    }
}

/// Compares each epoch with the one 24 h before it, in a ring of one day with two bits an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regularity {
    per_day: u32,
    /// The next epoch's place in its local day.
    of_day: u32,
    ring: Box<[u64]>,
    all: DayPairs,
    /// By the local day of the earlier epoch; the last one is not complete.
    days: VecDeque<DayPairs>,
    /// Epochs fed, up to a day.
    filled: u32,
}

impl Regularity {
    /// Before the first epoch: how many a day has and which of them, counted from local midnight,
    /// comes first.
    pub fn new(per_day: u32, first: u32) -> Self {
        let per_day = per_day.max(1);
        Self {
            per_day,
            of_day: first % per_day,
            ring: vec![0; per_day.div_ceil(PER_WORD) as usize].into_boxed_slice(),
            all: DayPairs::default(),
            days: VecDeque::new(),
            filled: 0,
        }
    }

    /// Takes in whether the next epoch is sleep; none where it is not scored.
    pub fn feed(&mut self, sleep: Option<bool>) {
        let (word, shift) = (self.of_day / PER_WORD, 2 * (self.of_day % PER_WORD));
        let code = sleep.map_or(0, |sleep| 2 + u64::from(sleep));
        let known = &mut self.ring[word as usize];
        let before = *known >> shift & 3;
        *known = *known & !(3 << shift) | code << shift;
        if self.filled < self.per_day {
            self.filled += 1;
        } else {
            if self.days.is_empty() || self.of_day == 0 {
                self.open_day();
            }
            if code != 0 && before != 0 {
                self.all.add(code == before);
                if let Some(day) = self.days.back_mut() {
                    day.add(code == before);
                }
            }
        }
        self.of_day = (self.of_day + 1) % self.per_day;
    }

    /// All pairs so far.
    pub const fn all(&self) -> DayPairs {
        self.all
    }

    /// The pairs of each day with the next one, oldest first: at most the last 400.
    pub fn days(&self) -> impl Iterator<Item = DayPairs> {
        self.days.iter().copied()
    }

    fn open_day(&mut self) {
        if self.days.len() == DAYS_KEPT {
            self.days.pop_front();
        }
        self.days.push_back(DayPairs::default());
    }
}

#[cfg(test)]
mod tests {
    use super::Regularity;

    #[test]
    fn a_day_that_repeats_scores_100_and_one_turned_round_minus_100() {
        let (mut same, mut turned) = (Regularity::new(144, 30), Regularity::new(144, 30));
        for epoch in 0..5 * 144u32 {
            let sleep = epoch % 144 < 48;
            same.feed(Some(sleep));
            turned.feed(Some(sleep != (epoch / 144 % 2 == 0)));
        }
        assert_eq!(same.all().index(), Some(100.0));
        assert_eq!(turned.all().index(), Some(-100.0));
        assert_eq!(same.days().map(|day| day.pairs).sum::<u64>(), 4 * 144);
    }

    #[test]
    fn an_epoch_that_is_not_scored_makes_no_pair() {
        let mut regularity = Regularity::new(24, 0);
        assert_eq!(regularity.all().index(), None);
        for epoch in 0..72 {
            regularity.feed((epoch != 30).then_some(true));
        }
        assert_eq!(regularity.all().pairs, 46);
    }
}
