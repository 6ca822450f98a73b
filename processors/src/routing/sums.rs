//! Exact sums of outcomes: what is true of an arm.
//!
//! Integers of 2^-24, because features and rewards come on the grid 2^-12. Integers commute and
//! associate, so learning in any order, merging, correcting and taking back give the same bits.
//! Priors are never part of the sums, or a merge of two partitions would count them twice.

use alloc::{vec, vec::Vec};

use super::linucb::{Derived, System, derive, packed};
use crate::exact::{FEATURE_CLIP, FEATURE_ONE};

/// What an outcome does to an arm's sums; rewards are on the grid 2^-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is learnt.
    Learn(i32),
    /// Another reward takes the place of the one learnt.
    Correct {
        /// The reward learnt.
        old: i32,
        /// The one in its place.
        new: i32,
    },
    /// It is taken back, with the reward learnt.
    Retract(i32),
}

/// The exact sums of one arm.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArmSums {
    /// Outcomes learnt.
    pub n: u64,
    /// Sum of x x', the lower triangle row by row (d (d + 1) / 2 entries), units of 2^-24.
    pub a: Vec<i64>,
    /// Sum of r x (d entries), units of 2^-24.
    pub b: Vec<i64>,
    /// Sum of r, units of 2^-12.
    pub reward_sum: i64,
    /// Sum of r^2, units of 2^-24.
    pub reward_sq: i64,
    /// Outcomes left out, because x had another length or a sum would have overflowed (not before
    /// 2^33 outcomes at the clip of 8).
    pub refused: u64,
}

impl ArmSums {
    /// Sums of nothing, for `dimension` features.
    pub fn new(dimension: usize) -> Self {
        Self {
            n: 0,
            a: vec![0; packed(dimension)],
            b: vec![0; dimension],
            reward_sum: 0,
            reward_sq: 0,
            refused: 0,
        }
    }

    /// Learns reward `r` for features `x`, both on the grid 2^-12.
    pub fn learn(&mut self, x: &[i32], r: i32) {
        self.add_outcome(x, 1, i64::from(r), square(r));
    }

    /// Replaces the reward learnt for `x`.
    pub fn correct(&mut self, x: &[i32], old: i32, new: i32) {
        self.add_outcome(x, 0, i64::from(new) - i64::from(old), square(new) - square(old));
    }

    /// Takes back what [`Self::learn`] did with the same values.
    pub fn retract(&mut self, x: &[i32], r: i32) {
        self.add_outcome(x, -1, -i64::from(r), -square(r));
    }

    /// Makes a change.
    pub fn change(&mut self, x: &[i32], change: Change) {
        match change {
            Change::Learn(r) => self.learn(x, r),
            Change::Correct { old, new } => self.correct(x, old, new),
            Change::Retract(r) => self.retract(x, r),
        }
    }

    /// Adds the sums of another partition's arm.
    pub fn merge(&mut self, other: &Self) {
        if other.b.len() != self.b.len() {
            self.refused = self.refused.saturating_add(other.n);
            return;
        }
        let before = self.clone();
        let mut overflow = 0;
        for (sum, &term) in self.a.iter_mut().zip(&other.a) {
            add(sum, term, &mut overflow);
        }
        for (sum, &term) in self.b.iter_mut().zip(&other.b) {
            add(sum, term, &mut overflow);
        }
        add(&mut self.reward_sum, other.reward_sum, &mut overflow);
        add(&mut self.reward_sq, other.reward_sq, &mut overflow);
        self.n = self.n.saturating_add(other.n);
        if overflow < 0 {
            *self = Self { refused: before.refused.saturating_add(other.n), ..before };
        }
        self.refused = self.refused.saturating_add(other.refused);
    }

    /// All or nothing: a change that overflows any sum is undone, and counted.
    fn add_outcome(&mut self, x: &[i32], count: i64, reward: i64, reward_sq: i64) {
        let mut overflow = x.len() != self.b.len() || self.n.checked_add_signed(count).is_none();
        if !overflow {
            overflow = self.add_all(x, count, reward, reward_sq);
            if overflow {
                self.add_all(x, -count, -reward, -reward_sq);
            }
        }
        if overflow {
            self.refused = self.refused.saturating_add(1);
        } else {
            self.n = self.n.saturating_add_signed(count);
        }
    }

    /// Adds with wrapping, which the opposite change undoes exactly; whether any sum overflowed.
    fn add_all(&mut self, x: &[i32], count: i64, reward: i64, reward_sq: i64) -> bool {
        let mut overflow = 0;
        if count != 0 {
            // Products of clipped features fit 32 bits, and vectors of those are cheap everywhere.
            let is_clipped = x.iter().all(|xi| xi.unsigned_abs() <= CLIP);
            let mut rest = self.a.as_mut_slice();
            for (i, &xi) in x.iter().enumerate() {
                let (row, below) = rest.split_at_mut(i + 1);
                if is_clipped {
                    let factor = count as i32 * xi;
                    for (sum, &xj) in row.iter_mut().zip(x) {
                        add(sum, i64::from(factor * xj), &mut overflow);
                    }
                } else {
                    let factor = count * i64::from(xi);
                    for (sum, &xj) in row.iter_mut().zip(x) {
                        add(sum, factor * i64::from(xj), &mut overflow);
                    }
                }
                rest = below;
            }
        }
        for (sum, &xi) in self.b.iter_mut().zip(x) {
            add(sum, reward * i64::from(xi), &mut overflow);
        }
        add(&mut self.reward_sum, reward, &mut overflow);
        add(&mut self.reward_sq, reward_sq, &mut overflow);
        overflow < 0
    }

    /// The same sums for more features: `count` of them, all 0 so far, before place `at`.
    #[must_use]
    pub fn extended(&self, at: usize, count: usize) -> Self {
        let old = self.b.len();
        let at = at.min(old);
        let place = |i: usize| if i < at { i } else { i + count };
        let mut wide = Self {
            n: self.n,
            reward_sum: self.reward_sum,
            reward_sq: self.reward_sq,
            refused: self.refused,
            ..Self::new(old + count)
        };
        for i in 0..old {
            wide.b[place(i)] = self.b[i];
            for j in 0..=i {
                wide.a[packed(place(i)) + place(j)] = self.a[packed(i) + j];
            }
        }
        wide
    }

    /// `rho` times the mean of some arms' sums, each sum rounded to the nearest integer: a prior
    /// for an arm that has learnt nothing. It counts no outcome.
    pub fn prior<'a>(
        of: impl Iterator<Item = &'a Self> + Clone,
        rho: f64,
        dimension: usize,
    ) -> Self {
        let (mut prior, count) = (Self::new(dimension), of.clone().count() as i128);
        let rho = libm::rint(rho.clamp(0.0, RHO_MAX) * RHO_ONE as f64) as i128;
        let scaled = |total: i128| {
            let (product, parts) = (total.saturating_mul(rho), count.max(1) * RHO_ONE);
            let rounded = (product.saturating_add(parts / 2)).div_euclid(parts);
            i64::try_from(rounded).unwrap_or(0)
        };
        for (at, sum) in prior.a.iter_mut().enumerate() {
            *sum =
                scaled(of.clone().filter_map(|sums| sums.a.get(at)).map(|&s| i128::from(s)).sum());
        }
        for (at, sum) in prior.b.iter_mut().enumerate() {
            *sum =
                scaled(of.clone().filter_map(|sums| sums.b.get(at)).map(|&s| i128::from(s)).sum());
        }
        prior
    }

    /// Derives W and W b of an arm by itself, from scratch. O(d^3 / 3) for each of two steps.
    pub fn derive(&self, lambda: f64) -> Derived {
        let system = System::of(core::iter::once((self, WEIGHT_ONE)), self.b.len());
        derive(vec![system], self.b.len(), lambda).pop().unwrap_or_default()
    }
}

/// A weight of 1. Weights are integers of 2^-52, so that weighted sums are exact too.
pub const WEIGHT_ONE: u64 = 1 << 52;

/// Greatest magnitude of a feature on the grid.
const CLIP: u32 = (FEATURE_CLIP * FEATURE_ONE) as u32;

/// Steps of a warm start's share in one.
const RHO_ONE: i128 = 1 << 20;

/// Greatest share of a warm start.
const RHO_MAX: f64 = 1024.0;

const fn square(r: i32) -> i64 {
    r as i64 * r as i64
}

/// Adds with wrapping; the sign bit of `overflow` is set where the two's complement overflowed:
/// both operands differ in sign from the total. Without a branch the loop becomes vector code.
fn add(sum: &mut i64, term: i64, overflow: &mut i64) {
    let total = sum.wrapping_add(term);
    *overflow |= (*sum ^ total) & (term ^ total);
    *sum = total;
}
