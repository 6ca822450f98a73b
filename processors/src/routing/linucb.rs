//! LinUCB derived from exact sums: W = L^-1 and W b, from scratch, in a fixed order.
//!
//! Disjoint (Li, Chu, Langford, Schapire 2010, algorithm 1): lambda I + A = L L' for each arm. Hybrid
//! (algorithm 2): an arm's features are its own x, then z, whose coefficients all arms share. The
//! algorithm's A0 and b0 are not additive, but the sums over (x, z) are: each arm's system is
//! factored as far as x reaches, what is left of z (the Schur complement) is added up over the
//! arms, and that total ends every arm's factor. The lower triangle so found is the marginal of
//! the one ridge system over all arms, so scores are made as in the disjoint form.
//!
//! Forgetting weighs sums when they are derived, never an inverse, whose unexcited directions
//! would grow without bound. Under weights w the width of D-LinUCB (Russac, Vernade, Cappe 2019) is
//! sqrt(x' V^-1 V2 V^-1 x), V2 with w^2: with V V2^-1 V = K K' it is |K^-1 x|, so that
//! W = K^-1 and K' theta serve in the same score.
//!
//! Lambda is never part of the sums, or a merge of two partitions would count the prior twice.
//! Every float reduction below runs in index order; a library's dot product would take its order
//! from the CPU.

use alloc::{vec, vec::Vec};

use super::sums::{ArmSums, WEIGHT_ONE};
use crate::exact::FEATURE_ONE;

/// Units of the sums in one.
const SUM_ONE: f64 = FEATURE_ONE * FEATURE_ONE;

/// Least ridge prior. Anything below it, or no number, counts as this much.
const LEAST_LAMBDA: f64 = 1.0 / (1u64 << 40) as f64;

/// An arm's sums as numbers, weighted; without lambda.
#[derive(Debug, Clone)]
pub struct System {
    /// Sum of w x x', the lower triangle row by row.
    a: Vec<f64>,
    /// Sum of w r x.
    b: Vec<f64>,
    /// Sum of w^2 x x', where the width is D-LinUCB's of two matrices.
    squared: Option<Vec<f64>>,
}

impl System {
    /// Adds up sums of `dimension` features under weights of [`WEIGHT_ONE`]; sums of another
    /// dimension are left out. The integers are added first and rounded once.
    pub fn of<'a>(
        parts: impl Iterator<Item = (&'a ArmSums, u64)> + Clone,
        dimension: usize,
    ) -> Self {
        let parts = parts.filter(|(sums, weight)| sums.b.len() == dimension && *weight > 0);
        Self {
            a: weighted(parts.clone().map(|(sums, w)| (sums.a.as_slice(), w)), packed(dimension)),
            b: weighted(parts.map(|(sums, w)| (sums.b.as_slice(), w)), dimension),
            squared: None,
        }
    }

    /// The same, with what D-LinUCB's width needs beside it.
    pub fn two_matrices<'a>(
        parts: impl Iterator<Item = (&'a ArmSums, u64)> + Clone,
        dimension: usize,
    ) -> Self {
        let squares = parts.clone().map(|(sums, weight)| {
            let square = u128::from(weight) * u128::from(weight) + u128::from(WEIGHT_ONE / 2);
            (sums, (square / u128::from(WEIGHT_ONE)) as u64)
        });
        let squared = Some(Self::of(squares, dimension).a);
        Self { squared, ..Self::of(parts, dimension) }
    }
}

/// Sums of integers under weights, as numbers. Exact up to one rounding, so a lone part of weight 1
/// gives the same bits either way.
fn weighted<'a>(parts: impl Iterator<Item = (&'a [i64], u64)> + Clone, len: usize) -> Vec<f64> {
    let mut ahead = parts.clone();
    if let (Some((sums, WEIGHT_ONE)), None) = (ahead.next(), ahead.next()) {
        return sums.iter().map(|&sum| sum as f64 / SUM_ONE).collect();
    }
    let mut totals = vec![0i128; len];
    for (sums, weight) in parts {
        for (total, &sum) in totals.iter_mut().zip(sums) {
            *total = total.saturating_add(i128::from(sum) * i128::from(weight));
        }
    }
    totals.iter().map(|&total| total as f64 / (SUM_ONE * WEIGHT_ONE as f64)).collect()
}

/// What scoring needs of an arm; a pure function of its sums and the model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Derived {
    /// W = L^-1, the lower triangle row by row.
    pub(super) w: Vec<f64>,
    /// W b.
    pub(super) w_b: Vec<f64>,
}

/// An arm's prediction for some features.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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

/// Derives arms whose first `own` features are their own and whose others share coefficients.
/// O(d^3 / 3) for each of two steps and each arm. Without shared features an arm depends on its own
/// system alone. The width of two matrices exists for own features only; with shared ones it is
/// the one of one matrix.
pub fn derive(mut systems: Vec<System>, own: usize, lambda: f64) -> Vec<Derived> {
    let lambda = lambda.max(LEAST_LAMBDA);
    let d = systems.first().map_or(0, |system| system.b.len());
    let (own, shared) = (own.min(d), d - own.min(d));
    if shared == 0 {
        return systems.into_iter().map(|system| disjoint(system, lambda)).collect();
    }
    let mut left = vec![0.0; packed(shared)];
    let mut left_b = vec![0.0; shared];
    let mut firsts = Vec::with_capacity(systems.len());
    for System { a, b, .. } in &mut systems {
        (0..own).for_each(|i| a[packed(i) + i] += lambda);
        factor(a, own, d, lambda);
        let first: Vec<f64> = forward(a, b, own);
        for i in 0..shared {
            let row = &a[packed(own + i)..];
            for j in 0..=i {
                left[packed(i) + j] += row[own + j];
            }
            left_b[i] += b[own + i] - dot(&row[..own], first.iter().copied());
        }
        firsts.push(first);
    }
    (0..shared).for_each(|i| left[packed(i) + i] += lambda);
    factor(&mut left, shared, shared, lambda);
    let last = forward(&left, &left_b, shared);
    let finish = |(System { mut a, .. }, mut w_b): (System, Vec<f64>)| {
        for i in 0..shared {
            let at = packed(own + i) + own;
            a[at..=at + i].copy_from_slice(&left[packed(i)..=packed(i) + i]);
        }
        w_b.extend(&last);
        Derived { w: invert(&a, d), w_b }
    };
    systems.into_iter().zip(firsts).map(finish).collect()
}

fn disjoint(system: System, lambda: f64) -> Derived {
    let System { a: mut lower, b, squared } = system;
    let d = b.len();
    (0..d).for_each(|i| lower[packed(i) + i] += lambda);
    let weighed = squared.map(|squared| (squared, lower.clone()));
    factor(&mut lower, d, d, lambda);
    let w = invert(&lower, d);
    let w_b: Vec<f64> = rows(&w, d).map(|row| dot(row, b.iter().copied())).collect();
    match weighed {
        None => Derived { w, w_b },
        Some((squared, v)) => two_matrices(&Derived { w, w_b }, &v, squared, lambda),
    }
}

/// D-LinUCB's width by one triangle: with V2 = L2 L2', Y = L2^-1 V and Y' Y = K K', the triangle is
/// K^-1. V2 is nowhere greater than V, so Y' Y is nowhere less than V, nor its pivots than lambda.
fn two_matrices(one: &Derived, v: &[f64], mut squared: Vec<f64>, lambda: f64) -> Derived {
    let d = one.w_b.len();
    (0..d).for_each(|i| squared[packed(i) + i] += lambda);
    factor(&mut squared, d, d, lambda);
    let inverse = invert(&squared, d);
    let symmetric = |i: usize, j: usize| v[packed(i.max(j)) + i.min(j)];
    let mut lower = vec![0.0; packed(d)];
    for row in rows(&inverse, d) {
        let y: Vec<f64> =
            (0..d).map(|j| dot(row, (0..row.len()).map(|k| symmetric(k, j)))).collect();
        for i in 0..d {
            let entries = &mut lower[packed(i)..=packed(i) + i];
            entries.iter_mut().zip(&y).for_each(|(entry, yj)| *entry += y[i] * yj);
        }
    }
    factor(&mut lower, d, d, lambda);
    let mut theta = vec![0.0; d];
    for (row, w_b) in rows(&one.w, d).zip(&one.w_b) {
        theta.iter_mut().zip(row).for_each(|(sum, w)| *sum += w * w_b);
    }
    let mut mean = vec![0.0; d];
    for (row, theta) in rows(&lower, d).zip(&theta) {
        mean.iter_mut().zip(row).for_each(|(sum, entry)| *sum += entry * theta);
    }
    Derived { w: invert(&lower, d), w_b: mean }
}

/// Cholesky of the first `columns` columns of `d`, in place and right-looking: each step changes
/// every later entry once, by one product. What it leaves beyond them is the Schur complement.
///
/// Every pivot of lambda I + (a sum of x x') is at least lambda, so a smaller one is rounding (or
/// a sum that was taken back twice) and is raised to it.
fn factor(lower: &mut [f64], columns: usize, d: usize, lambda: f64) {
    let mut column = vec![0.0; d];
    for k in 0..columns {
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

/// Solves L y = b for the first `len` entries.
fn forward(lower: &[f64], b: &[f64], len: usize) -> Vec<f64> {
    let mut y: Vec<f64> = Vec::with_capacity(len);
    for (row, b) in rows(lower, len).zip(b) {
        let known = dot(&row[..row.len() - 1], y.iter().copied());
        y.push((b - known) / row[row.len() - 1]);
    }
    y
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
pub(super) fn rows(lower: &[f64], d: usize) -> impl Iterator<Item = &[f64]> {
    (0..d).map(|i| &lower[packed(i)..packed(i) + i + 1])
}

/// Sum of products in index order, as far as `row` reaches.
fn dot(row: &[f64], values: impl Iterator<Item = f64>) -> f64 {
    row.iter().zip(values).fold(0.0, |sum, (w, value)| sum + w * value)
}

/// Entries of the first `rows` rows of a packed lower triangle.
pub(super) const fn packed(rows: usize) -> usize {
    rows * (rows + 1) / 2
}
