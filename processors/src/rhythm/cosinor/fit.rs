//! The complete fit: every estimate with its standard error and 95 % interval, the zero-amplitude
//! test and the range of the curve.
//!
//! Errors follow by the delta method from the residual variance and the inverse of X'X. Minutes
//! are correlated with their neighbours, so that the errors are too small and P far too small:
//! both describe the fit and decide nothing.

use core::f64::consts::TAU;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Moments, Tables, cholesky, curve, student::upper_quantile};

/// An estimate with its uncertainty, in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Lower and upper bound of its 95 % confidence interval.
    pub ci95: [f64; 2],
}

/// One harmonic of the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its number: 1 is the 24 h component.
    pub harmonic: u8,
    /// Its period, h.
    pub period_h: f64,
    /// Half its range, in the signal's unit.
    pub amplitude: Estimate,
    /// Its phase in (-2 pi, 0], rad: the wave is `amplitude * cos(angle + acrophase)`.
    pub acrophase_rad: Estimate,
    /// Its first peak after midnight, h.
    pub peak_h: f64,
}

/// A cosinor of one to three harmonics (Cornelissen 2014).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Values that were fitted.
    pub n: u32,
    /// Degrees of freedom of the residuals.
    pub dof: u32,
    /// Midline of the curve, in the signal's unit.
    pub mesor: Estimate,
    /// Share of the variance that the curve explains.
    pub r2: f64,
    /// Sum of the squared residuals.
    pub rss: f64,
    /// Standard deviation of the residuals.
    pub resid_se: f64,
    /// F of the zero-amplitude test.
    pub f: f64,
    /// Decimal logarithm of its P, which itself is often too small for a double.
    pub log10_p: f64,
    /// The harmonics.
    pub components: Vec<Component>,
    /// Greatest value of the curve on a grid of 6 s.
    pub curve_max: f64,
    /// Least value of the curve.
    pub curve_min: f64,
    /// When the curve is greatest, h.
    pub orthophase_h: f64,
    /// When it is least, h.
    pub bathyphase_h: f64,
}

impl Fit {
    /// P of the zero-amplitude test; 0 where it is too small for a normal double.
    pub fn p(&self) -> f64 {
        if self.log10_p > -307.0 { libm::exp10(self.log10_p) } else { 0.0 }
    }

    /// The fitted curve at a clock time, h, in the signal's unit.
    pub fn at(&self, clock_h: f64) -> f64 {
        self.components.iter().fold(self.mesor.value, |sum, wave| {
            let angle = TAU * clock_h / wave.period_h + wave.acrophase_rad.value;
            sum + wave.amplitude.value * libm::cos(angle)
        })
    }
}

impl Moments<3> {
    /// The complete fits of one, two and three harmonics. None where the times do not determine a
    /// curve, where nothing is left of the values or where a harmonic vanishes and has no phase.
    pub(crate) fn fits(&self, tables: &Tables) -> [Option<Fit>; 3] {
        [self.fit::<3>(tables), self.fit::<5>(tables), self.fit::<7>(tables)]
    }

    fn fit<const P: usize>(&self, tables: &Tables) -> Option<Fit> {
        let (fit, r2) = self.solve::<P>()?;
        let (matrix, right) = self.normal::<P>();
        let slopes = fit.iter().zip(&right).skip(1);
        let above: f64 = slopes.map(|(b, y)| b * y).sum();
        let explained = (fit[0] - self.centre) * self.sum + above - self.sum * self.sum / self.n;
        let total = self.squares - self.sum * self.sum / self.n;
        let (rss, dof) = (total - explained, self.n - P as f64);
        if dof < 1.0 || rss <= 0.0 {
            return None;
        }
        let variance = rss / dof;
        let t = upper_quantile(0.025, dof);
        let covariance = Covariance { inverse: inverse(&matrix)?, variance };
        let components: Option<Vec<Component>> =
            (1..=P / 2).map(|harmonic| covariance.component(&fit, harmonic, t)).collect();
        let (top, bottom) = (curve::top(&fit, tables), curve::top(&fit.map(|b| -b), tables));
        Some(Fit {
            n: self.n as u32,
            dof: dof as u32,
            mesor: Estimate::new(fit[0], libm::sqrt(covariance.of(0, 0)), t),
            r2,
            rss,
            resid_se: libm::sqrt(variance),
            f: explained / (P - 1) as f64 / variance,
            log10_p: log10_p(rss / total, 0.5 * dof, P / 2),
            components: components?,
            curve_max: fit[0] + top.height,
            curve_min: fit[0] - bottom.height,
            orthophase_h: top.at_h,
            bathyphase_h: bottom.at_h,
        })
    }
}

impl Estimate {
    fn new(value: f64, se: f64, t: f64) -> Self {
        Self { value, se, ci95: [value - t * se, value + t * se] }
    }
}

/// The covariance of the coefficients.
struct Covariance<const P: usize> {
    inverse: [[f64; P]; P],
    variance: f64,
}

impl<const P: usize> Covariance<P> {
    fn of(&self, i: usize, j: usize) -> f64 {
        self.variance * self.inverse[i][j]
    }

    /// Standard error of a quantity that moves by `gradient` with the coefficients of a harmonic.
    fn se(&self, harmonic: usize, gradient: [f64; 2]) -> f64 {
        let (c, s) = (2 * harmonic - 1, 2 * harmonic);
        let square = gradient[0] * gradient[0] * self.of(c, c)
            + 2.0 * gradient[0] * gradient[1] * self.of(c, s)
            + gradient[1] * gradient[1] * self.of(s, s);
        libm::sqrt(square)
    }

    fn component(&self, fit: &[f64; P], harmonic: usize, t: f64) -> Option<Component> {
        let (cos, sin) = (fit[2 * harmonic - 1], fit[2 * harmonic]);
        let amplitude = libm::hypot(cos, sin);
        if amplitude <= 0.0 {
            return None;
        }
        let acrophase = acrophase_rad(cos, sin);
        let square = amplitude * amplitude;
        Some(Component {
            harmonic: harmonic as u8,
            period_h: 24.0 / harmonic as f64,
            amplitude: Estimate::new(
                amplitude,
                self.se(harmonic, [cos / amplitude, sin / amplitude]),
                t,
            ),
            acrophase_rad: Estimate::new(
                acrophase,
                self.se(harmonic, [sin / square, -cos / square]),
                t,
            ),
            peak_h: -acrophase * 24.0 / (TAU * harmonic as f64),
        })
    }
}

/// The phase in (-2 pi, 0] of a harmonic with these coefficients.
pub(super) fn acrophase_rad(cos: f64, sin: f64) -> f64 {
    let phase = libm::atan2(-sin, cos);
    if phase > 0.0 { phase - TAU } else { phase }
}

fn inverse<const P: usize>(matrix: &[[f64; P]; P]) -> Option<[[f64; P]; P]> {
    let mut inverse = [[0.0; P]; P];
    for (j, column) in inverse.iter_mut().enumerate() {
        column[j] = 1.0;
        *column = cholesky(*matrix, *column)?;
    }
    Some(inverse)
}

/// Decimal logarithm of P of the zero-amplitude test, from the share `x` of the variance that is
/// left, half the degrees of freedom and the number of harmonics. The numerator has an even number
/// of degrees of freedom, so that the incomplete beta function is a finite sum.
fn log10_p(x: f64, half_dof: f64, harmonics: usize) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for j in 1..harmonics {
        let j = j as f64;
        term *= (half_dof + j - 1.0) / j * (1.0 - x);
        sum += term;
    }
    half_dof * libm::log10(x) + libm::log10(sum)
}
