//! Cosinor: ordinary least squares on one to three harmonics of the day (Cornelissen 2014).
//!
//! The design depends on the time of day alone, so the fit needs no more than how many values each
//! bin of the day has and what they add up to. Values are centred on the grid before they are
//! squared, so that no digits cancel.

mod curve;
mod fit;
mod student;

use core::f64::consts::TAU;

use alloc::vec::Vec;

use super::window::{Hour, Totals};
use crate::exact;

pub use fit::{Component, Estimate, Fit};

/// Cosine and sine of the first six harmonics at one time of day.
type Harmonics = [f64; 12];

/// Cosines and sines at the centres of the day's minutes and hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    minutes: Vec<Harmonics>,
    hours: Vec<Harmonics>,
}

/// A fitted curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cosinor {
    pub(crate) mesor: f64,
    pub(crate) amplitude: f64,
    pub(crate) acrophase_rad: f64,
    pub(crate) peak_h: f64,
    pub(crate) r2: f64,
}

/// The second harmonic's gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TwoComponents {
    pub(crate) r2: f64,
    pub(crate) orthophase_h: f64,
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl Tables {
    /// Computes the tables.
    pub fn new() -> Self {
        let rows = |n: u32| (0..n).map(move |i| harmonics((f64::from(i) + 0.5) / f64::from(n), 6));
        Self { minutes: rows(1440).collect(), hours: rows(24).collect() }
    }
}

/// The first `count` harmonics; the others are left 0.
fn harmonics(of_day: f64, count: usize) -> Harmonics {
    let mut row = [0.0; 12];
    for (harmonic, pair) in row.chunks_exact_mut(2).enumerate().take(count) {
        let angle = TAU * of_day * (harmonic + 1) as f64;
        (pair[0], pair[1]) = (libm::cos(angle), libm::sin(angle));
    }
    row
}

/// Weighted sums of a series over the bins of the day, for fits of at most `K` harmonics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments<const K: usize> {
    n: f64,
    /// Sum of the values less `centre`.
    sum: f64,
    /// Sum of their squares.
    squares: f64,
    centre: f64,
    /// Count-weighted sums of cosines and sines of the first `2 * K` harmonics.
    design: Harmonics,
    /// Value-weighted sums of the first `K` harmonics.
    product: [f64; 6],
}

impl<const K: usize> Moments<K> {
    /// Of a minute series.
    pub(crate) fn of_minutes(totals: &Totals, tables: &Tables) -> Option<Self> {
        let bins = totals.sums.iter().zip(&totals.counts).map(|(sum, count)| (*sum, *count));
        Self::new(bins, &tables.minutes, totals.sum_squares)
    }

    /// Of an hourly series, each hour standing for its mean at its centre.
    pub(crate) fn of_hours(hours: &[Hour], tables: &Tables) -> Option<Self> {
        let mut bins = [(0i64, 0u32); 24];
        let mut sum_squares = 0;
        for hour in hours.iter().filter(|hour| hour.count > 0) {
            let mean = hour.sum / i64::from(hour.count);
            let bin = &mut bins[usize::from(hour.of_day % 24)];
            *bin = (bin.0 + mean, bin.1 + 1);
            sum_squares += i128::from(mean) * i128::from(mean);
        }
        Self::new(bins.into_iter(), &tables.hours, sum_squares)
    }

    fn new(
        bins: impl Iterator<Item = (i64, u32)> + Clone,
        rows: &[Harmonics],
        sum_squares: i128,
    ) -> Option<Self> {
        let count: i128 = bins.clone().map(|bin| i128::from(bin.1)).sum();
        let total: i128 = bins.clone().map(|bin| i128::from(bin.0)).sum();
        if count == 0 {
            return None;
        }
        let centre = total.div_euclid(count);
        let squares = sum_squares - 2 * centre * total + count * centre * centre;
        let scale = exact::SIGNAL_ONE;
        let mut moments = Self {
            n: count as f64,
            sum: (total - count * centre) as f64 / scale,
            squares: squares as f64 / (scale * scale),
            centre: centre as f64 / scale,
            design: [0.0; 12],
            product: [0.0; 6],
        };
        let centre = centre as i64;
        for ((sum, count), row) in bins.zip(rows) {
            let value = exact::signal_value(sum - i64::from(count) * centre);
            let count = f64::from(count);
            let design = moments.design[..4 * K].iter_mut().zip(row);
            design.for_each(|(to, wave)| *to += count * wave);
            let product = moments.product[..2 * K].iter_mut().zip(row);
            product.for_each(|(to, wave)| *to += value * wave);
        }
        Some(moments)
    }

    /// The 24 h component alone.
    pub(crate) fn one(&self) -> Option<Cosinor> {
        let (fit, r2) = self.solve::<3>()?;
        let acrophase_rad = fit::acrophase_rad(fit[1], fit[2]);
        Some(Cosinor {
            mesor: fit[0],
            amplitude: libm::hypot(fit[1], fit[2]),
            acrophase_rad,
            peak_h: -acrophase_rad * 24.0 / TAU,
            r2,
        })
    }

    /// The 24 h and 12 h components together.
    pub(crate) fn two(&self, tables: &Tables) -> Option<TwoComponents> {
        let (fit, r2) = self.solve::<5>()?;
        Some(TwoComponents { r2, orthophase_h: curve::top(&fit, tables).at_h })
    }

    /// Least squares with `P` columns: MESOR, then cosine and sine of each harmonic; and R2. None
    /// where the times do not determine the curve or the values do not vary.
    fn solve<const P: usize>(&self) -> Option<([f64; P], f64)> {
        const { assert!(P <= 2 * K + 1, "the moments hold that many harmonics") };
        let (matrix, right) = self.normal::<P>();
        let mut fit = cholesky(matrix, right)?;
        let explained: f64 = fit.iter().zip(&right).map(|(b, y)| b * y).sum();
        let mean_square = self.sum * self.sum / self.n;
        let total = self.squares - mean_square;
        fit[0] += self.centre;
        (total > 0.0).then(|| (fit, (explained - mean_square) / total))
    }

    /// X'X and X'y.
    fn normal<const P: usize>(&self) -> ([[f64; P]; P], [f64; P]) {
        let mut right = [self.sum; P];
        right[1..].copy_from_slice(&self.product[..P - 1]);
        let mut matrix = [[0.0; P]; P];
        for (i, row) in matrix.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = self.cross(i, j);
            }
        }
        (matrix, right)
    }

    /// One cell of X'X, by the product formulas of cosine and sine.
    fn cross(&self, i: usize, j: usize) -> f64 {
        let (low, high) = (i.min(j), i.max(j));
        if high == 0 {
            return self.n;
        }
        if low == 0 {
            return self.design[high - 1];
        }
        let (a, b) = (low.div_ceil(2), high.div_ceil(2));
        let cos = |k: usize| {
            if k == 0 { self.n } else { self.design[2 * k - 2] }
        };
        let sin = |k: usize| if k == 0 { 0.0 } else { self.design[2 * k - 1] };
        match (low % 2, high % 2) {
            (1, 1) => 0.5 * (cos(b - a) + cos(a + b)),
            (0, 0) => 0.5 * (cos(b - a) - cos(a + b)),
            (1, _) => 0.5 * (sin(a + b) + sin(b - a)),
            _ => 0.5 * (sin(a + b) - sin(b - a)),
        }
    }
}

/// Solves a symmetric positive definite system; none where it is singular.
pub(super) fn cholesky<const P: usize>(
    mut matrix: [[f64; P]; P],
    mut right: [f64; P],
) -> Option<[f64; P]> {
    let least = 1e-9 * matrix[0][0];
    for j in 0..P {
        for k in 0..j {
            let factor = matrix[j][k];
            for row in matrix.iter_mut().skip(j) {
                row[j] -= factor * row[k];
            }
        }
        if matrix[j][j] <= least {
            return None;
        }
        let pivot = libm::sqrt(matrix[j][j]);
        for row in matrix.iter_mut().skip(j) {
            row[j] /= pivot;
        }
    }
    for i in 0..P {
        for k in 0..i {
            right[i] -= matrix[i][k] * right[k];
        }
        right[i] /= matrix[i][i];
    }
    for i in (0..P).rev() {
        for k in i + 1..P {
            right[i] -= matrix[k][i] * right[k];
        }
        right[i] /= matrix[i][i];
    }
    Some(right)
}
