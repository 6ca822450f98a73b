//! Power of heart rate variability by frequency band (Task Force 1996).
//!
//! Very low frequencies are 0.003 to 0.04 Hz, low ones up to 0.15 Hz and high ones up to 0.4 Hz;
//! the lower end belongs to a band, the upper one to the next. A band's power is the trapezoidal
//! integral over the frequencies in it, so the step between two bands belongs to neither.

use serde::{Deserialize, Serialize};

/// Bounds of the bands, Hz.
pub const BOUNDS_HZ: [f64; 4] = [LOWEST_HZ, 0.04, 0.15, HIGHEST_HZ];

/// Where the lowest band begins, Hz.
pub(super) const LOWEST_HZ: f64 = 0.003;

/// Where the highest band ends, Hz.
pub(super) const HIGHEST_HZ: f64 = 0.40;

/// Powers of the bands, in the unit of the density times Hz.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// Power of very low frequencies, 0.003 to 0.04 Hz.
    pub vlf: f64,
    /// Power of low frequencies, 0.04 to 0.15 Hz.
    pub lf: f64,
    /// Power of high frequencies, 0.15 to 0.4 Hz.
    pub hf: f64,
    /// Their sum.
    pub total: f64,
    /// Low over high; none without power in the latter.
    pub lf_hf: Option<f64>,
    /// Low frequencies' share of low and high ones, %.
    pub lf_nu: Option<f64>,
    /// High frequencies' share of low and high ones, %.
    pub hf_nu: Option<f64>,
}

impl Bands {
    /// Integrates densities, in order of frequency; none where one is no number.
    pub(super) fn of(density: impl Iterator<Item = (f64, f64)>) -> Option<Self> {
        let mut powers = [0.0; 3];
        let mut before: Option<(usize, f64, f64)> = None;
        for (hz, value) in density {
            let bound = BOUNDS_HZ.iter().take_while(|bound| **bound <= hz).count();
            let band = bound.checked_sub(1).filter(|band| *band < powers.len());
            if let (Some(band), Some((same, hz_before, value_before))) = (band, before)
                && band == same
            {
                powers[band] += (value + value_before) / 2.0 * (hz - hz_before);
            }
            before = band.map(|band| (band, hz, value));
        }
        let [vlf, lf, hf] = powers;
        let total = vlf + lf + hf;
        let lf_nu = (lf + hf > 0.0).then(|| 100.0 * lf / (lf + hf));
        total.is_finite().then(|| Self {
            vlf,
            lf,
            hf,
            total,
            lf_hf: (hf > 0.0).then(|| lf / hf),
            lf_nu,
            hf_nu: lf_nu.map(|lf_nu| 100.0 - lf_nu),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_between_two_bands_belongs_to_neither() {
        let density = [
            (0.002, 9.0),
            (0.0078125, 1.0),
            (0.0234375, 1.0),
            (0.04, 2.0),
            (0.14, 2.0),
            (0.4, 9.0),
        ];
        let bands = Bands::of(density.into_iter()).expect("all are numbers");
        assert_eq!((bands.vlf, bands.hf, bands.lf_hf), (0.015625, 0.0, None));
        assert!((bands.lf - 0.2).abs() < 1e-15);
        assert_eq!((bands.lf_nu, bands.hf_nu), (Some(100.0), Some(0.0)));
    }

    #[test]
    fn no_power_has_no_shares() {
        let bands = Bands::of(core::iter::empty()).expect("nothing is a number");
        assert_eq!((bands.total, bands.lf_hf, bands.lf_nu, bands.hf_nu), (0.0, None, None, None));
        assert_eq!(Bands::of([(0.1, f64::NAN), (0.11, 1.0)].into_iter()), None);
    }
}
