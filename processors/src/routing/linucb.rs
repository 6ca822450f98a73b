//! Disjoint LinUCB (Li, Chu, Langford, Schapire 2010, algorithm 1) over exact integer sums.
//!
//! What is true of an arm is its sums of x x' and r x, integers of 2^-24 because x and r come on
//! the grid 2^-12. Integers commute and associate, so learning in any order, merging and taking
//! back give the same bits. Everything else is derived from the sums and lambda from scratch:
//! lambda I + A = L L', W = L^-1, W b. Lambda is never part of the sums, or a merge of two
//! partitions would count the prior twice. Every float reduction below runs in index order; a
//! library's dot product would take its order from the CPU.

use alloc::{vec, vec::Vec};

use crate::exact::FEATURE_ONE;

/// Units of the sums in one.
const SUM_ONE: f64 = FEATURE_ONE * FEATURE_ONE;

/// Least ridge prior. Anything below it, or no number, counts as this much.
const LEAST_LAMBDA: f64 = 1.0 / (1u64 << 40) as f64;

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
        self.change(x, 1, i64::from(r), square(r));
    }

    /// Replaces the reward learnt for `x`.
    pub fn correct(&mut self, x: &[i32], old: i32, new: i32) {
        self.change(x, 0, i64::from(new) - i64::from(old), square(new) - square(old));
    }

    /// Takes back what [`Self::learn`] did with the same values.
    pub fn retract(&mut self, x: &[i32], r: i32) {
        self.change(x, -1, -i64::from(r), -square(r));
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
    fn change(&mut self, x: &[i32], count: i64, reward: i64, reward_sq: i64) {
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
            let mut rest = self.a.as_mut_slice();
            for (i, &xi) in x.iter().enumerate() {
                let (row, below) = rest.split_at_mut(i + 1);
                let factor = count * i64::from(xi);
                for (sum, &xj) in row.iter_mut().zip(x) {
                    add(sum, factor * i64::from(xj), &mut overflow);
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

    /// Derives W and W b from scratch. O(d^3 / 3) for each of the two steps.
    pub fn derive(&self, lambda: f64) -> Derived {
        let d = self.b.len();
        let lambda = lambda.max(LEAST_LAMBDA);
        let mut lower: Vec<f64> = self.a.iter().map(|&sum| sum as f64 / SUM_ONE).collect();
        for i in 0..d {
            lower[packed(i) + i] += lambda;
        }
        factor(&mut lower, d, lambda);
        let w = invert(&lower, d);
        let w_b = rows(&w, d)
            .map(|row| dot(row, self.b.iter().map(|&sum| sum as f64 / SUM_ONE)))
            .collect();
        Derived { w, w_b }
    }
}

/// What scoring needs of an arm; a pure function of its sums and lambda.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Derived {
    /// W = L^-1, the lower triangle row by row.
    w: Vec<f64>,
    /// W b.
    w_b: Vec<f64>,
}

/// An arm's prediction for some features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Predicted reward, theta' x.
    pub mean: f64,
    /// sqrt(x' A^-1 x): how uncertain the prediction is.
    pub width: f64,
}

impl Derived {
    /// Scores features on the grid 2^-12: p = W x, mean = (W b)' p, width = |p|. The width is a
    /// root of squares, so it is never NaN.
    pub fn score(&self, x: &[i32]) -> Score {
        let (mut mean, mut squares) = (0.0, 0.0);
        for (row, w_b) in rows(&self.w, self.w_b.len()).zip(&self.w_b) {
            let p = dot(row, x.iter().map(|&xj| f64::from(xj) / FEATURE_ONE));
            mean += w_b * p;
            squares += p * p;
        }
        Score { mean, width: libm::sqrt(squares) }
    }
}

/// Cholesky in place, right-looking: each step changes every later entry once, by one product.
///
/// Every pivot of lambda I + (a sum of x x') is at least lambda, so a smaller one is rounding (or
/// a sum that was taken back twice) and is raised to it.
fn factor(lower: &mut [f64], d: usize, lambda: f64) {
    let mut column = vec![0.0; d];
    for k in 0..d {
        let root = libm::sqrt(lower[packed(k) + k].max(lambda));
        lower[packed(k) + k] = root;
        for i in k + 1..d {
            let entry = &mut lower[packed(i) + k];
            *entry /= root;
            column[i] = *entry;
        }
        for i in k + 1..d {
            let row = &mut lower[packed(i) + k + 1..packed(i) + i + 1];
            for (entry, below) in row.iter_mut().zip(&column[k + 1..]) {
                *entry -= column[i] * below;
            }
        }
    }
}

/// The inverse of a lower triangle, row by row from the rows above.
fn invert(lower: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; packed(d)];
    for i in 0..d {
        let (above, rest) = inverse.split_at_mut(packed(i));
        let pivot = lower[packed(i) + i];
        for (row, factor) in rows(above, i).zip(&lower[packed(i)..]) {
            for (entry, value) in rest.iter_mut().zip(row) {
                *entry -= factor * value;
            }
        }
        rest[..i].iter_mut().for_each(|entry| *entry /= pivot);
        rest[i] = 1.0 / pivot;
    }
    inverse
}

/// The rows of a packed lower triangle.
fn rows(lower: &[f64], d: usize) -> impl Iterator<Item = &[f64]> {
    (0..d).map(|i| &lower[packed(i)..packed(i) + i + 1])
}

/// Sum of products in index order, as far as `row` reaches.
fn dot(row: &[f64], values: impl Iterator<Item = f64>) -> f64 {
    row.iter().zip(values).fold(0.0, |sum, (w, value)| sum + w * value)
}

/// Entries of the first `rows` rows of a packed lower triangle.
const fn packed(rows: usize) -> usize {
    rows * (rows + 1) / 2
}

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
