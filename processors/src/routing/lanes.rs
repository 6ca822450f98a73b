//! Scoring many arms on the same features: four arms side by side.
//!
//! One arm's score is a chain of additions in index order, which no compiler may reorder. Four arms'
//! chains are independent, so the triangles are interleaved and the compiler makes vector code of
//! whatever width the CPU has. Each lane does what [`Derived::score`] does in the same order, so
//! the bits are the same, on every CPU.

use alloc::{vec, vec::Vec};

use super::linucb::{Derived, Score, packed};
use crate::exact::FEATURE_ONE;

/// Arms side by side.
const LANES: usize = 4;

/// Interleaved triangles of some arms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lanes {
    arms: usize,
    dimension: usize,
    /// Four arms after four: entries of W, row by row.
    w: Vec<[f64; LANES]>,
    /// Four arms after four: entries of W b.
    w_b: Vec<[f64; LANES]>,
}

impl Lanes {
    /// Arms of `dimension` features, in the order of their scores. An arm of another dimension
    /// scores 0.
    pub fn of<'a>(arms: impl ExactSizeIterator<Item = &'a Derived>, dimension: usize) -> Self {
        let blocks = arms.len().div_ceil(LANES);
        let mut lanes = Self {
            arms: arms.len(),
            dimension,
            w: vec![[0.0; LANES]; blocks * packed(dimension)],
            w_b: vec![[0.0; LANES]; blocks * dimension],
        };
        for (index, arm) in arms.enumerate() {
            lanes.set(index, arm);
        }
        lanes
    }

    /// Puts another arm, or the same after it learnt, at `index`.
    pub fn set(&mut self, index: usize, arm: &Derived) {
        let (block, lane, d) = (index / LANES, index % LANES, self.dimension);
        if index < self.arms && arm.w_b.len() == d {
            let (w, w_b) = (&mut self.w[block * packed(d)..], &mut self.w_b[block * d..]);
            w.iter_mut().zip(&arm.w).for_each(|(lanes, value)| lanes[lane] = *value);
            w_b.iter_mut().zip(&arm.w_b).for_each(|(lanes, value)| lanes[lane] = *value);
        }
    }

    /// Scores features on the grid 2^-12 for every arm, into `out`; `values` is room for the
    /// features as numbers, so that nothing is allocated.
    pub fn score(&self, x: &[i32], values: &mut Vec<f64>, out: &mut Vec<Score>) {
        values.clear();
        values.extend(x.iter().map(|&xj| f64::from(xj) / FEATURE_ONE));
        out.clear();
        let d = self.dimension;
        if d == 0 {
            return out.resize(self.arms, Score::default());
        }
        let blocks = self.w.chunks_exact(packed(d)).zip(self.w_b.chunks_exact(d));
        for (w, w_b) in blocks {
            out.extend(block(w, w_b, values));
        }
        out.truncate(self.arms);
    }
}

/// The scores of four arms.
fn block(w: &[[f64; LANES]], w_b: &[[f64; LANES]], values: &[f64]) -> [Score; LANES] {
    let (mut mean, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let mut rest = w;
    for (i, w_b) in w_b.iter().enumerate() {
        let (row, below) = rest.split_at(i + 1);
        rest = below;
        let mut p = [0.0; LANES];
        for (w, value) in row.iter().zip(values) {
            for lane in 0..LANES {
                p[lane] += w[lane] * value;
            }
        }
        for lane in 0..LANES {
            mean[lane] += w_b[lane] * p[lane];
            squares[lane] += p[lane] * p[lane];
        }
    }
    core::array::from_fn(|lane| Score { mean: mean[lane], width: libm::sqrt(squares[lane]) })
}
