//! Spectrum of intervals where they fall, without resampling: the periodogram with a floating mean
//! (Lomb 1976, Scargle 1982; Zechmeister and Kürster 2009).
//!
//! At each frequency a sine wave and a constant are fitted to the intervals at the times of their
//! beats. The turn of every beat is carried from one frequency to the next by one rotation and
//! computed afresh every [`REFRESHED_EVERY`] frequencies, which keeps rounding below 1e-13 and
//! costs a few multiplications where sine and cosine would cost many times as much.

use alloc::vec::Vec;
use core::f64::consts::TAU;

use super::spectrum::{Bands, HIGHEST_HZ, LOWEST_HZ};

/// Frequencies per distance that the length of the recording resolves.
const OVERSAMPLING: f64 = 5.0;

/// Frequencies after which turns are computed afresh.
const REFRESHED_EVERY: usize = 64;

/// Powers of the bands from intervals, ms, in order; none below 3 intervals.
///
/// The powers are squares of amplitudes times N / 4 and no density, ms²/Hz, so only their ratios
/// compare between recordings; multiplied by 2 T / N, with T the time from first to last beat, they
/// are densities.
pub fn lomb_scargle(nn_ms: &[f64]) -> Option<Bands> {
    let (step_hz, count) = grid(nn_ms)?;
    let mean_ms = nn_ms.iter().sum::<f64>() / nn_ms.len() as f64;
    let mut beats = beats(nn_ms, mean_ms, step_hz);
    Bands::of((0..count).map(|k| {
        let hz = LOWEST_HZ + step_hz * k as f64;
        if k % REFRESHED_EVERY == 0 {
            beats.iter_mut().for_each(|beat| beat.face(hz));
        } else {
            beats.iter_mut().for_each(Beat::turn);
        }
        (hz, power(&beats))
    }))
}

/// How many frequencies the periodogram of these intervals has.
pub fn lomb_frequencies(nn_ms: &[f64]) -> Option<usize> {
    grid(nn_ms).map(|(_, count)| count)
}

/// Distance of the frequencies, Hz, and their number.
fn grid(nn_ms: &[f64]) -> Option<(f64, usize)> {
    let total_s = nn_ms.iter().sum::<f64>() / 1000.0 - nn_ms.first()? / 1000.0;
    if nn_ms.len() < 3 || !total_s.is_finite() || total_s <= 0.0 {
        return None;
    }
    let step_hz = 1.0 / (OVERSAMPLING * total_s);
    Some((step_hz, 1 + libm::rint((HIGHEST_HZ - LOWEST_HZ) / step_hz) as usize))
}

/// A beat and its turn at the present frequency.
struct Beat {
    time_s: f64,
    /// Interval less the mean, ms.
    value: f64,
    cosine: f64,
    sine: f64,
    /// Cosine and sine of the turn from one frequency to the next.
    step: (f64, f64),
}

impl Beat {
    fn face(&mut self, hz: f64) {
        (self.sine, self.cosine) = libm::sincos(TAU * hz * self.time_s);
    }

    fn turn(&mut self) {
        let (cosine, sine) = self.step;
        let turned = self.cosine * cosine - self.sine * sine;
        self.sine = self.sine * cosine + self.cosine * sine;
        self.cosine = turned;
    }
}

fn beats(nn_ms: &[f64], mean_ms: f64, step_hz: f64) -> Vec<Beat> {
    let mut total_ms = 0.0;
    let mut start_s = None;
    let beat = |nn: &f64| {
        total_ms += nn;
        let time_s = total_ms / 1000.0 - *start_s.get_or_insert(total_ms / 1000.0);
        let (sine, cosine) = libm::sincos(TAU * step_hz * time_s);
        Beat { time_s, value: nn - mean_ms, cosine: 1.0, sine: 0.0, step: (cosine, sine) }
    };
    nn_ms.iter().map(beat).collect()
}

/// Power at the present frequency; 0 where sine and constant cannot be told apart.
fn power(beats: &[Beat]) -> f64 {
    let n = beats.len() as f64;
    let (mut c, mut s, mut cc, mut cs) = (0.0, 0.0, 0.0, 0.0);
    let (mut y, mut yc, mut ys) = (0.0, 0.0, 0.0);
    for Beat { value, cosine, sine, .. } in beats {
        c += cosine;
        s += sine;
        cc += cosine * cosine;
        cs += cosine * sine;
        y += value;
        yc += value * cosine;
        ys += value * sine;
    }
    let (c, s, y) = (c / n, s / n, y / n);
    let (yc, ys) = (yc / n - y * c, ys / n - y * s);
    // The squares of a turn's cosine and sine add up to 1.
    let ss = (n - cc) / n - s * s;
    let (cc, cs) = (cc / n - c * c, cs / n - c * s);
    let determinant = cc * ss - cs * cs;
    if determinant <= 0.0 {
        return 0.0;
    }
    (ss * yc * yc + cc * ys * ys - 2.0 * cs * yc * ys) / determinant * n / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_intervals_have_no_spectrum() {
        assert_eq!(lomb_scargle(&[]), None);
        assert_eq!(lomb_scargle(&[800.0, 810.0]), None);
        assert_eq!(lomb_scargle(&[f64::NAN; 9]), None);
    }

    #[test]
    fn rotation_agrees_with_turns_computed_at_every_frequency() {
        let uneven = |i: u32| 900.0 + 60.0 * libm::sin(f64::from(i * i));
        let nn_ms: Vec<f64> = (0..300).map(uneven).collect();
        let (step_hz, count) = grid(&nn_ms).expect("it is long enough");
        let mean_ms = nn_ms.iter().sum::<f64>() / 300.0;
        let mut beats = beats(&nn_ms, mean_ms, step_hz);
        let slow = Bands::of((0..count).map(|k| {
            let hz = LOWEST_HZ + step_hz * k as f64;
            beats.iter_mut().for_each(|beat| beat.face(hz));
            (hz, power(&beats))
        }));
        let (slow, fast) = slow.zip(lomb_scargle(&nn_ms)).expect("all are numbers");
        assert!((slow.lf - fast.lf).abs() < 1e-10 * slow.lf, "{slow:?} {fast:?}");
        assert!((slow.hf - fast.hf).abs() < 1e-10 * slow.hf, "{slow:?} {fast:?}");
    }
}
