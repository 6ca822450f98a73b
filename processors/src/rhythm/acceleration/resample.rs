//! Brings acceleration to 30 Hz as ActiGraph's software does, whose counts are defined on it.
//!
//! Rates that are multiples of 10 Hz are stuffed with zeros, smoothed by a leaky first-order filter
//! unless they are multiples of 30 Hz, and thinned out. Powers of two are brought to 256 Hz by a
//! long windowed sinc, smoothed by one pole and interpolated. Each sample rises at most one at
//! 30 Hz, as no rate lies below.

use core::f64::consts::PI;

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

use super::Sample;

/// What each sample is multiplied with in one step of a filter, on all axes.
fn each(f: impl Fn(usize) -> f64) -> Sample {
    [f(0), f(1), f(2)]
}

/// A converter to 30 Hz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Resampler {
    /// The rate is 30 Hz.
    Same,
    Rational(Rational),
    Binary(Binary),
}

impl Resampler {
    /// The converter of a rate; none where the counts are not defined on it.
    pub(super) fn new(rate_hz: u32) -> Option<Self> {
        let rational = |up, down| Some(Self::Rational(Rational::new(up, down)));
        match rate_hz {
            30 => Some(Self::Same),
            40 => rational(3, 4),
            50 => rational(3, 5),
            60 => rational(1, 2),
            70 => rational(3, 7),
            80 => rational(3, 8),
            90 => rational(1, 3),
            100 => rational(3, 10),
            32 | 64 | 128 | 256 => Some(Self::Binary(Binary::new(256 / rate_hz))),
            _ => None,
        }
    }

    /// Takes a sample in; gives the one at 30 Hz that is then known.
    pub(super) fn feed(&mut self, sample: Sample) -> Option<Sample> {
        match self {
            Self::Same => Some(sample),
            Self::Rational(rational) => rational.feed(sample),
            Self::Binary(binary) => binary.feed(sample),
        }
    }
}

/// Zeros between the samples, a leaky filter, and every so manieth value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rational {
    up: u32,
    down: u32,
    /// Values still to be left out before the next that counts.
    skip: u32,
    before: Sample,
    filtered: Sample,
}

impl Rational {
    const fn new(up: u32, down: u32) -> Self {
        Self { up, down, skip: 0, before: [0.0; 3], filtered: [0.0; 3] }
    }

    fn feed(&mut self, sample: Sample) -> Option<Sample> {
        let mut found = None;
        for step in 0..self.up {
            let stuffed = if step == 0 { sample } else { [0.0; 3] };
            let value = if self.up == 1 { stuffed } else { self.leak(stuffed) };
            if self.skip == 0 {
                (found, self.skip) = (Some(value), self.down);
            }
            self.skip -= 1;
        }
        found
    }

    /// The bilinear transform of a first-order low-pass at 15 Hz, with the gain that makes up for
    /// the zeros.
    fn leak(&mut self, stuffed: Sample) -> Sample {
        let up = f64::from(self.up);
        let gain = PI / (PI + 2.0 * up) * up;
        let back = (PI - 2.0 * up) / (PI + 2.0 * up);
        let value = each(|i| gain * (stuffed[i] + self.before[i]) - back * self.filtered[i]);
        (self.before, self.filtered) = (stuffed, value);
        value
    }
}

/// Taps of the windowed sinc at 256 Hz, on either side of its centre.
const REACH: usize = 127;

/// Shape of its Kaiser window: 90 dB below outside the band.
const KAISER_BETA: f64 = 0.1102 * (90.0 - 8.7);

/// What the one-pole filter takes of a new value.
const POLE_TAKES: f64 = 0.307_990_357_416_655;

/// From 32, 64, 128 or 256 Hz, half a second late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Binary {
    /// Values at 256 Hz for each sample.
    factor: u32,
    taps: Vec<f64>,
    /// The newest samples, oldest first.
    recent: VecDeque<Sample>,
    /// Samples so far.
    n: u64,
    /// The smoothed value before, at 256 Hz, and how many there were.
    smooth: Option<Sample>,
    n_smooth: u64,
    /// Values at 30 Hz so far.
    n_out: u64,
}

impl Binary {
    fn new(factor: u32) -> Self {
        let taps = if factor == 1 { Vec::new() } else { taps() };
        let reaches = taps.len().div_ceil(factor as usize).max(1);
        let recent = VecDeque::with_capacity(reaches + 1);
        Self { factor, taps, recent, n: 0, smooth: None, n_smooth: 0, n_out: 0 }
    }

    fn feed(&mut self, sample: Sample) -> Option<Sample> {
        if self.factor == 1 {
            return self.smooth(sample);
        }
        let factor = self.factor as usize;
        self.recent.push_back(sample);
        if self.recent.len() > self.taps.len().div_ceil(factor) {
            self.recent.pop_front();
        }
        let newest = self.n * u64::from(self.factor);
        self.n += 1;
        let mut found = None;
        for ahead in 0..factor {
            if newest + ahead as u64 >= REACH as u64 {
                found = self.smooth(self.convolve(ahead)).or(found);
            }
        }
        found
    }

    /// The sinc's value `REACH` before the place `ahead` of the newest sample, the places between
    /// samples being zero.
    fn convolve(&self, ahead: usize) -> Sample {
        let factor = self.factor as usize;
        let taps = self.taps.iter().skip(ahead).step_by(factor);
        let mut sum = [0.0; 3];
        for (sample, tap) in self.recent.iter().rev().zip(taps) {
            sum = each(|i| sum[i] + sample[i] * f64::from(self.factor) * tap);
        }
        sum
    }

    /// One pole at 256 Hz, at rest on the first value; then a line between two values at 30 Hz.
    fn smooth(&mut self, value: Sample) -> Option<Sample> {
        let before = self.smooth.unwrap_or(value);
        let now = each(|i| POLE_TAKES * value[i] + (1.0 - POLE_TAKES) * before[i]);
        self.smooth = Some(now);
        let place = self.n_smooth;
        self.n_smooth += 1;
        // The k-th value lies at 128 k / 15 places, the first of which is called 1.
        let next = 128 * (self.n_out + 1);
        if place != next / 15 {
            return None;
        }
        self.n_out += 1;
        let share = (next % 15) as f64 / 15.0;
        Some(each(|i| before[i] + (now[i] - before[i]) * share))
    }
}

/// The sinc that cuts at 16 Hz of 256 Hz, under its window, to six decimals.
fn taps() -> Vec<f64> {
    let reach = REACH as f64;
    let tap = |k: usize| {
        let x = k as f64 - reach;
        let angle = PI * x / 8.0;
        let sinc = if x == 0.0 { 1.0 } else { libm::sin(angle) / angle };
        let side = KAISER_BETA * libm::sqrt(1.0 - (x / reach) * (x / reach));
        let value = sinc / 8.0 * bessel_i0(side) / bessel_i0(KAISER_BETA);
        libm::rint(value * 1e6) / 1e6
    };
    (0..=2 * REACH).map(tap).collect()
}

/// The modified Bessel function of order 0 by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..64 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}
