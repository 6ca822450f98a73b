//! Spectrum of evenly resampled intervals by Welch's method (Welch 1967).
//!
//! Intervals are interpolated linearly at 4 Hz and cut into segments of 64 s that overlap by half;
//! each has its mean removed and a periodic Hann window applied, and the one-sided densities of all
//! are averaged. Only the frequencies inside the bands are computed, as plain sums over a table of
//! one turn: a transform of all 4096 points would mostly compute what nobody reads.

use alloc::{vec, vec::Vec};
use core::f64::consts::TAU;

use super::spectrum::{Bands, HIGHEST_HZ, LOWEST_HZ};

/// Samples per second.
const RATE_HZ: f64 = 4.0;

/// Samples of a segment.
const SEGMENT: usize = 256;

/// Samples from one segment's start to the next one's.
const STEP: usize = SEGMENT / 2;

/// Length to which a segment is padded with zeros: it sets the distance between frequencies.
const PADDED: usize = 4096;

/// Tables of the method.
#[derive(Debug, Clone, PartialEq)]
pub struct Welch {
    window: Vec<f64>,
    /// Sum of the window's squares.
    window_power: f64,
    /// Cosine of each part of a turn.
    cosine: Vec<f64>,
}

impl Default for Welch {
    fn default() -> Self {
        Self::new()
    }
}

impl Welch {
    /// Computes the tables.
    pub fn new() -> Self {
        let turn = |i: usize, n: usize| libm::cos(TAU * i as f64 / n as f64);
        let window: Vec<f64> = (0..SEGMENT).map(|i| 0.5 - 0.5 * turn(i, SEGMENT)).collect();
        let window_power = window.iter().map(|weight| weight * weight).sum();
        Self { window, window_power, cosine: (0..PADDED).map(|i| turn(i, PADDED)).collect() }
    }

    /// Powers of the bands, ms²; none when the intervals (ms, in order) last less than a segment.
    pub fn bands(&self, nn_ms: &[f64]) -> Option<Bands> {
        Bands::of(self.density(nn_ms)?.into_iter())
    }

    /// The density itself at the frequencies inside the bands, in order: Hz, and ms²/Hz; none when
    /// the intervals last less than a segment.
    pub fn density(&self, nn_ms: &[f64]) -> Option<Vec<(f64, f64)>> {
        let samples = resample(nn_ms);
        if samples.len() < SEGMENT {
            return None;
        }
        let bins = bins();
        let mut powers = vec![0.0; bins.len()];
        let mut segments = 0.0;
        for segment in samples.windows(SEGMENT).step_by(STEP) {
            self.add_segment(segment, bins.start, &mut powers);
            segments += 1.0;
        }
        let scale = 2.0 / (segments * RATE_HZ * self.window_power);
        let hz = bins.map(|bin| bin as f64 * RATE_HZ / PADDED as f64);
        Some(hz.zip(powers.iter().map(|power| power * scale)).collect())
    }

    /// Adds a segment's squared amplitudes from the bin `first` on.
    fn add_segment(&self, segment: &[f64], first: usize, powers: &mut [f64]) {
        let mean = segment.iter().sum::<f64>() / SEGMENT as f64;
        let mut tapered = [0.0; SEGMENT];
        for ((place, value), weight) in tapered.iter_mut().zip(segment).zip(&self.window) {
            *place = (value - mean) * weight;
        }
        for (power, bin) in powers.iter_mut().zip(first..) {
            let (mut real, mut imaginary) = (0.0, 0.0);
            let mut at = 0;
            for value in &tapered {
                real += value * self.cosine[at];
                imaginary += value * self.cosine[(at + PADDED / 4) % PADDED];
                at = (at + bin) % PADDED;
            }
            *power += real * real + imaginary * imaginary;
        }
    }
}

/// Bins inside the bands.
fn bins() -> core::ops::Range<usize> {
    let bin_of = |hz: f64| libm::ceil(hz * PADDED as f64 / RATE_HZ) as usize;
    bin_of(LOWEST_HZ)..bin_of(HIGHEST_HZ)
}

/// Linear interpolation over the times of the beats, from the first to before the last.
fn resample(nn_ms: &[f64]) -> Vec<f64> {
    let Some((first, rest)) = nn_ms.split_first() else { return Vec::new() };
    let mut samples = Vec::new();
    let mut total_ms = *first;
    let start_s = first / 1000.0;
    let (mut from_s, mut from_ms) = (0.0, *first);
    for to_ms in rest {
        total_ms += to_ms;
        let to_s = total_ms / 1000.0 - start_s;
        let slope = (to_ms - from_ms) / (to_s - from_s);
        loop {
            let at_s = samples.len() as f64 / RATE_HZ;
            if at_s >= to_s {
                break;
            }
            samples.push(slope * (at_s - from_s) + from_ms);
        }
        (from_s, from_ms) = (to_s, *to_ms);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_segment_has_no_spectrum() {
        let welch = Welch::new();
        assert_eq!(welch.bands(&[]), None);
        assert_eq!(welch.bands(&[800.0; 80]), None);
    }

    #[test]
    fn a_constant_rate_has_no_power() {
        let bands = Welch::new().bands(&[1000.0; 300]).expect("it is long enough");
        assert_eq!((bands.total, bands.lf_hf), (0.0, None));
    }

    #[test]
    fn an_oscillation_has_its_power_in_its_band() {
        let wave = |hz: f64| -> Vec<f64> {
            (0..300).map(|i| 1000.0 + 20.0 * libm::sin(TAU * hz * f64::from(i))).collect()
        };
        let slow = Welch::new().bands(&wave(0.1)).expect("it is long enough");
        assert!(slow.lf > 0.9 * slow.total && (150.0..220.0).contains(&slow.lf), "{slow:?}");
        let fast = Welch::new().bands(&wave(0.25)).expect("it is long enough");
        assert!(fast.hf > 0.9 * fast.total, "{fast:?}");
    }
}
