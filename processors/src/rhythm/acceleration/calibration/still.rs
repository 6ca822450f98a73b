//! Still windows of a wrist, and a bounded set of them.
//!
//! One window stands for each cell of posture and temperature, so that a night in one posture does
//! not crowd out the others.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Calibration, StillWindow, fit};
use crate::rhythm::acceleration::{Sample, norm};

/// Most windows that are kept.
pub const WINDOWS_MAX: usize = 600;

/// Width of a cell in posture, degrees, and in temperature, degC.
const CELL_DEG: f64 = 10.0;
const CELL_C: f64 = 2.0;

/// Greatest mean that a still window may have on an axis, g.
const STILL_MEAN_G: f64 = 2.0;

/// Standard deviation that each axis of a still window stays within, g.
pub const STILL_SD_G: f64 = 0.013;

/// Length of a still window, s.
pub const WINDOW_S: u32 = 10;

/// Still windows, at most one for each cell of posture and temperature. Whichever came last in a
/// cell stands for it; when there is no room, the window that is oldest goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StillWindows {
    /// By cell.
    kept: Vec<Kept>,
    n: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Kept {
    cell: [i16; 3],
    order: u64,
    window: StillWindow,
}

impl StillWindows {
    /// Takes a window of 10 s in, with the standard deviation of each axis, g; tells whether it is
    /// still.
    pub fn feed(&mut self, window: StillWindow, sd_g: Sample) -> bool {
        let still = sd_g.iter().all(|sd| *sd < STILL_SD_G)
            && window.mean_g.iter().all(|mean| libm::fabs(*mean) < STILL_MEAN_G)
            && norm(window.mean_g) > 0.0
            && window.temperature_c.is_none_or(f64::is_finite);
        if still {
            self.keep(window);
        }
        still
    }

    /// The windows, by cell.
    pub fn windows(&self) -> impl ExactSizeIterator<Item = &StillWindow> {
        self.kept.iter().map(|kept| &kept.window)
    }

    /// The calibration that they tell: see [`fit`].
    pub fn value(&self) -> Option<Calibration> {
        let windows: Vec<StillWindow> = self.windows().copied().collect();
        fit(&windows)
    }

    fn keep(&mut self, window: StillWindow) {
        let kept = Kept { cell: cell(&window), order: self.n, window };
        self.n += 1;
        match self.kept.binary_search_by_key(&kept.cell, |known| known.cell) {
            Ok(at) => self.kept[at] = kept,
            Err(at) => {
                self.kept.insert(at, kept);
                if self.kept.len() > WINDOWS_MAX {
                    self.drop_oldest();
                }
            }
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.kept.iter().map(|kept| kept.order).min();
        self.kept.retain(|kept| Some(kept.order) != oldest);
    }
}

fn cell(window: &StillWindow) -> [i16; 3] {
    let [up, around] = cell_of(window.mean_g);
    let temperature = window.temperature_c.map_or(i16::MIN, |c| libm::floor(c / CELL_C) as i16);
    [up, around, temperature]
}

fn cell_of([x, y, z]: Sample) -> [i16; 2] {
    let degrees = |radians: f64| libm::floor(radians.to_degrees() / CELL_DEG) as i16;
    [degrees(libm::atan2(z, libm::hypot(x, y))), degrees(libm::atan2(y, x))]
}

/// Cells of posture, those of straight up and of half a turn included.
pub(crate) const POSTURES: u16 = 19 * 37;

/// The number of the cell that a posture lies in, below [`POSTURES`].
pub(crate) fn posture(mean_g: Sample) -> u16 {
    let [up, around] = cell_of(mean_g);
    (up + 9) as u16 * 37 + (around + 18) as u16
}

/// Moments of the window of 10 s under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StillFinder {
    samples_per_window: u32,
    n: u32,
    mean: Sample,
    squares: Sample,
    temperature_sum: f64,
    temperatures: u32,
}

impl StillFinder {
    /// Windows of samples taken `rate_hz` times a second; none where a window would have fewer
    /// than two samples or 10 s are not a whole number of them.
    pub fn new(rate_hz: f64) -> Option<Self> {
        let samples = rate_hz * f64::from(WINDOW_S);
        let whole = libm::trunc(samples) == samples && (2.0..=1e6).contains(&samples);
        whole.then(|| Self { samples_per_window: samples as u32, ..Self::empty() })
    }

    const fn empty() -> Self {
        Self {
            samples_per_window: 0,
            n: 0,
            mean: [0.0; 3],
            squares: [0.0; 3],
            temperature_sum: 0.0,
            temperatures: 0,
        }
    }

    /// Takes the next sample in, with the sensor's temperature where known; gives the window that
    /// it completes and the standard deviation (n - 1) of each axis.
    pub fn feed(
        &mut self,
        sample: Sample,
        temperature_c: Option<f64>,
    ) -> Option<(StillWindow, Sample)> {
        self.n += 1;
        for (axis, value) in sample.into_iter().enumerate() {
            let apart = value - self.mean[axis];
            self.mean[axis] += apart / f64::from(self.n);
            self.squares[axis] += apart * (value - self.mean[axis]);
        }
        if let Some(degrees) = temperature_c {
            self.temperature_sum += degrees;
            self.temperatures += 1;
        }
        if self.n < self.samples_per_window {
            return None;
        }
        let known = self.temperatures > 0;
        let mean_c = known.then(|| self.temperature_sum / f64::from(self.temperatures));
        let sd = self.squares.map(|squares| libm::sqrt(squares / f64::from(self.n - 1)));
        let window = StillWindow { mean_g: self.mean, temperature_c: mean_c };
        *self = Self { samples_per_window: self.samples_per_window, ..Self::empty() };
        Some((window, sd))
    }
}
