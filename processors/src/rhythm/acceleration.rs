//! Raw acceleration of a wrist: how much and in what posture it moves, every 5 s.
//!
//! Samples are in g, at a fixed rate, in order of time. ENMO and MAD tell movement, angle-z
//! posture; the counts of [`counts`] make a raw recording comparable with count-based ones, and
//! [`calibration`] removes the sensor's own errors first.

pub mod calibration;
pub mod counts;

mod features;
mod resample;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use features::FEATURES;

/// Length of an epoch, s.
pub const EPOCH_S: u32 = 5;

/// Greatest number of samples in an epoch. It bounds the state.
pub const EPOCH_SAMPLES_MAX: u32 = 5 * 1600;

/// Greatest acceleration that is taken for one, g.
pub const RANGE_G: f64 = 1000.0;

/// Acceleration along x, y and z, g.
pub type Sample = [f64; 3];

/// The Euclidean norm of a sample, g.
pub fn norm(sample: Sample) -> f64 {
    libm::sqrt(sample[0] * sample[0] + sample[1] * sample[1] + sample[2] * sample[2])
}

/// What an epoch of 5 s tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Mean of the norm less 1 g where it is greater (van Hees 2013), g.
    pub enmo_g: f64,
    /// Mean distance of the norm from its mean (Vähä-Ypyä 2015), g.
    pub mad_g: f64,
    /// Mean angle of the z axis above the horizontal (van Hees 2015), degrees.
    pub angle_z_deg: f64,
}

/// Makes epochs of samples. State: one epoch's norms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epochs {
    samples_per_epoch: u32,
    norms: Vec<f64>,
    enmo_sum: f64,
    angle_sum: f64,
    n: u64,
    norm_sum: f64,
}

impl Epochs {
    /// Epochs of samples taken `rate_hz` times a second; none where 5 s are not a whole number of
    /// samples or too many.
    pub fn new(rate_hz: f64) -> Option<Self> {
        let samples = rate_hz * f64::from(EPOCH_S);
        let whole = libm::trunc(samples) == samples;
        let bounded = (1.0..=f64::from(EPOCH_SAMPLES_MAX)).contains(&samples);
        (whole && bounded).then(|| Self {
            samples_per_epoch: samples as u32,
            norms: Vec::with_capacity(samples as usize),
            enmo_sum: 0.0,
            angle_sum: 0.0,
            n: 0,
            norm_sum: 0.0,
        })
    }

    /// Samples in one epoch.
    pub const fn samples_per_epoch(&self) -> u32 {
        self.samples_per_epoch
    }

    /// Takes the next sample in; gives the epoch that it completes. A sample that is not finite or
    /// longer than [`RANGE_G`] is a [`gap`](Self::gap).
    pub fn feed(&mut self, sample: Sample) -> Option<Epoch> {
        let norm = norm(sample);
        if !(0.0..=RANGE_G).contains(&norm) {
            self.gap();
            return None;
        }
        self.n += 1;
        self.norm_sum += norm;
        self.enmo_sum += (norm - 1.0).max(0.0);
        self.angle_sum += angle_z_deg(sample);
        self.norms.push(norm);
        (self.norms.len() >= self.samples_per_epoch as usize).then(|| self.complete())
    }

    /// Drops the epoch under way, because samples are missing; the next sample begins another.
    pub fn gap(&mut self) {
        self.norms.clear();
        (self.enmo_sum, self.angle_sum) = (0.0, 0.0);
    }

    /// Mean norm of all samples, g: near 1 at rest if the sensor is calibrated.
    pub fn norm_mean_g(&self) -> Option<f64> {
        (self.n > 0).then(|| self.norm_sum / self.n as f64)
    }

    fn complete(&mut self) -> Epoch {
        let n = self.norms.len() as f64;
        let mean = self.norms.iter().sum::<f64>() / n;
        let apart: f64 = self.norms.iter().map(|norm| libm::fabs(norm - mean)).sum();
        let epoch =
            Epoch { enmo_g: self.enmo_sum / n, mad_g: apart / n, angle_z_deg: self.angle_sum / n };
        self.gap();
        epoch
    }
}

fn angle_z_deg([x, y, z]: Sample) -> f64 {
    libm::atan2(z, libm::hypot(x, y)).to_degrees()
}
