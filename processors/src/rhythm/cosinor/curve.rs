//! The extremes of a fitted curve on a fine grid of the day.

use alloc::vec::Vec;

use super::{Harmonics, Tables, harmonics};

/// Points of the day on which the extremes of the fitted curve are looked for.
const GRID: usize = 14_400;

/// The greatest point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Top {
    /// How far it lies above the MESOR.
    pub(super) height: f64,
    /// When, h.
    pub(super) at_h: f64,
}

/// Where the curve of some coefficients is greatest: each local maximum among the minute centres
/// is looked at more closely, and the earliest of the greatest points wins. The first coefficient,
/// which is the MESOR, lifts every point alike and is left out.
pub(super) fn top<const P: usize>(fit: &[f64; P], tables: &Tables) -> Top {
    let at = |row: &Harmonics| -> f64 {
        fit[1..].iter().zip(row).fold(0.0, |sum, (factor, wave)| sum + factor * wave)
    };
    // Around the day: the last minute comes before the first, and that after the last.
    let mut coarse: Vec<f64> = tables.minutes.iter().map(at).collect();
    let (first, last) = (coarse[0], coarse[coarse.len() - 1]);
    coarse.insert(0, last);
    coarse.push(first);
    let mut best = (f64::NEG_INFINITY, 0);
    for (k, around) in coarse.windows(3).enumerate() {
        if around[1] < around[0] || around[1] < around[2] {
            continue;
        }
        for step in 0..=20 {
            let point = (10 * k + 5 + GRID + step - 10) % GRID;
            let value = at(&harmonics(point as f64 / GRID as f64, P / 2));
            if value > best.0 || (value == best.0 && point < best.1) {
                best = (value, point);
            }
        }
    }
    Top { height: best.0, at_h: best.1 as f64 * 24.0 / GRID as f64 }
}
