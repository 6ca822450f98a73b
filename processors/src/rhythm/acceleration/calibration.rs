//! Autocalibration of a worn accelerometer (van Hees 2014): at rest it must measure 1 g in every
//! posture, so still windows must lie on the unit sphere.
//!
//! The fit is exact on the windows it is given; a stream keeps a bounded set of them.

mod still;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Sample, norm};
use crate::rhythm::cosinor::cholesky;

pub(crate) use still::{POSTURES, posture};
pub use still::{STILL_SD_G, StillFinder, StillWindows, WINDOW_S, WINDOWS_MAX};

/// How far every axis has to be seen on both sides of 0, g.
const SIDES_G: f64 = 0.3;

/// Fewest windows of a fit.
const WINDOWS_MIN: usize = 10;

/// Most steps of the fit, and the change of its residual that ends it.
const STEPS_MAX: u32 = 1000;
const RESIDUAL_CHANGE: f64 = 1e-10;

/// Greatest weight of a window: that of one 10 mg off the sphere.
const WEIGHT_MAX: f64 = 100.0;

/// A window in which the wrist was still.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StillWindow {
    /// Mean of each axis, g.
    pub mean_g: Sample,
    /// Temperature of the sensor, degC.
    pub temperature_c: Option<f64>,
}

/// What corrects a sensor: `(a + offset) scale + (T - centre) offset per degree`, axis by axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Gain of each axis.
    pub scale: Sample,
    /// What is added to each axis before, g.
    pub offset_g: Sample,
    /// What is added for each degree above the centre, g/degC; 0 where temperature is unknown.
    pub temperature_offset_g_per_c: Sample,
    /// Mean temperature of the windows, degC.
    pub temperature_centre_c: f64,
    /// Mean distance of the windows from 1 g before, g.
    pub error_start_g: f64,
    /// The same after, g.
    pub error_end_g: f64,
    /// Steps that the fit took.
    pub iterations: u32,
    /// Windows that it is based on.
    pub n: u32,
}

impl Calibration {
    /// A sample without the sensor's errors, g. Without a temperature it is taken as the centre.
    pub fn apply(&self, sample: Sample, temperature_c: Option<f64>) -> Sample {
        let warm = temperature_c.map_or(0.0, |degrees| degrees - self.temperature_centre_c);
        let mut out = sample;
        for (axis, value) in out.iter_mut().enumerate() {
            let warmth = warm * self.temperature_offset_g_per_c[axis];
            *value = (*value + self.offset_g[axis]) * self.scale[axis] + warmth;
        }
        out
    }
}

/// Fits a sensor's errors to still windows, each nearer to the sphere weighing more.
///
/// None where there are fewer than 10 windows, where an axis is not seen beyond 0.3 g on both
/// sides, or where the windows do not determine the fit. Temperature takes part where every window
/// has one and they differ.
pub fn fit(windows: &[StillWindow]) -> Option<Calibration> {
    let finite = windows.iter().all(|window| {
        norm(window.mean_g).is_finite() && window.temperature_c.is_none_or(f64::is_finite)
    });
    if windows.len() < WINDOWS_MIN || !finite || !all_sides(windows) {
        return None;
    }
    let n = windows.len() as f64;
    let warmth: Option<Vec<f64>> = windows.iter().map(|window| window.temperature_c).collect();
    let warmth = warmth.filter(|all| all.iter().any(|degrees| *degrees != all[0]));
    let centre = warmth.as_ref().map_or(0.0, |all| all.iter().sum::<f64>() / n);
    let mut found = Calibration {
        scale: [1.0; 3],
        offset_g: [0.0; 3],
        temperature_offset_g_per_c: [0.0; 3],
        temperature_centre_c: centre,
        error_start_g: 0.0,
        error_end_g: 0.0,
        iterations: 0,
        n: windows.len() as u32,
    };
    found.error_start_g = error(&found, windows);
    let (mut weights, mut before) = (alloc::vec![1.0; windows.len()], f64::INFINITY);
    while found.iterations < STEPS_MAX {
        found.iterations += 1;
        let residual = step(&mut found, windows, warmth.is_some(), &mut weights)?;
        if libm::fabs(residual - before) < RESIDUAL_CHANGE {
            break;
        }
        before = residual;
    }
    found.error_end_g = error(&found, windows);
    Some(found)
}

fn all_sides(windows: &[StillWindow]) -> bool {
    (0..3).all(|axis| {
        let beyond = |sign: f64| windows.iter().any(|w| sign * w.mean_g[axis] > SIDES_G);
        beyond(1.0) && beyond(-1.0)
    })
}

fn error(found: &Calibration, windows: &[StillWindow]) -> f64 {
    let apart = |w: &StillWindow| libm::fabs(norm(found.apply(w.mean_g, w.temperature_c)) - 1.0);
    windows.iter().map(apart).sum::<f64>() / windows.len() as f64
}

/// One step: each axis is regressed on where the windows would lie on the sphere. The weighted
/// residual; none where the windows do not determine the regression.
fn step(
    found: &mut Calibration,
    windows: &[StillWindow],
    warm: bool,
    weights: &mut [f64],
) -> Option<f64> {
    let mut now: Vec<Sample> =
        windows.iter().map(|w| found.apply(w.mean_g, w.temperature_c)).collect();
    let on_sphere: Vec<Sample> = now.iter().map(|point| unit(*point)).collect();
    let centre = found.temperature_centre_c;
    let mut rows = Vec::with_capacity(windows.len());
    for axis in 0..3 {
        rows.clear();
        for (at, window) in windows.iter().enumerate() {
            let warmth = window.temperature_c.filter(|_| warm).map_or(0.0, |c| c - centre);
            let columns = [1.0, now[at][axis], warmth];
            rows.push(Row { columns, target: on_sphere[at][axis], weight: weights[at] });
        }
        let [offset, scale, by_degree] = regress(&rows, warm)?;
        for (point, row) in now.iter_mut().zip(&rows) {
            point[axis] = offset + row.columns[1] * scale + row.columns[2] * by_degree;
        }
        found.scale[axis] *= scale;
        found.offset_g[axis] += offset / found.scale[axis];
        let known = &mut found.temperature_offset_g_per_c[axis];
        *known = *known * scale + by_degree;
    }
    Some(reweigh(&now, &on_sphere, weights))
}

fn unit(point: Sample) -> Sample {
    let length = norm(point);
    point.map(|value| value / length)
}

/// One window of a regression.
struct Row {
    columns: [f64; 3],
    target: f64,
    weight: f64,
}

/// Weighted least squares; without temperature its column has the coefficient 0.
fn regress(rows: &[Row], warm: bool) -> Option<[f64; 3]> {
    let (mut matrix, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for Row { columns, target, weight } in rows {
        for (cells, x) in matrix.iter_mut().zip(columns) {
            cells.iter_mut().zip(columns).for_each(|(cell, y)| *cell += weight * x * y);
        }
        right.iter_mut().zip(columns).for_each(|(cell, x)| *cell += weight * x * target);
    }
    if !warm {
        matrix[2][2] = matrix[0][0];
    }
    cholesky(matrix, right)
}

/// The weighted mean square distance from the sphere, and new weights: the inverse of the distance,
/// bounded.
fn reweigh(now: &[Sample], on_sphere: &[Sample], weights: &mut [f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let mut residual = 0.0;
    for ((point, target), weight) in now.iter().zip(on_sphere).zip(weights) {
        let apart = [point[0] - target[0], point[1] - target[1], point[2] - target[2]];
        let squares = apart[0] * apart[0] + apart[1] * apart[1] + apart[2] * apart[2];
        residual += *weight * squares / total;
        *weight = (1.0 / libm::sqrt(squares)).min(WEIGHT_MAX);
    }
    residual / now.len() as f64
}
