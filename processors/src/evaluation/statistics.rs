//! The few distributions that checks and intervals need, without tables.

use core::f64::consts::PI;

/// The standard normal's 97.5 % point.
pub const Z_975: f64 = 1.959_963_984_540_054;
/// From this many on, Student's t counts as normal.
const NORMAL_FROM: usize = 1_000;
const STEPS_MAX: u32 = 500;
const TINY: f64 = 1e-300;

/// The factor of a standard error in a two-sided 95 % interval over `units` independent units:
/// Student's t below 1,000 units, normal from there.
pub fn critical(units: usize) -> f64 {
    match units {
        0 | 1 => f64::INFINITY,
        2..NORMAL_FROM => student_quantile(0.975, units as f64 - 1.0),
        _ => Z_975,
    }
}

/// The point that Student's t with `df` degrees of freedom stays below with probability `p`, for
/// `p` in (0.5, 1).
pub fn student_quantile(p: f64, df: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_above(high, df) > 1.0 - p && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..STEPS_MAX {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if student_above(middle, df) > 1.0 - p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The probability that Student's t exceeds `t`, which is not below 0.
fn student_above(t: f64, df: f64) -> f64 {
    0.5 * incomplete_beta(0.5 * df, 0.5, df / (df + t * t))
}

/// The probability that a normal variable lies further from 0 than `z` standard errors.
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(libm::fabs(z) / core::f64::consts::SQRT_2)
}

/// The probability that chi-square with `df` degrees of freedom exceeds `x`; 1 where there are none.
pub fn chi_square_above(x: f64, df: f64) -> f64 {
    if df <= 0.0 || x.is_nan() || x <= 0.0 {
        return 1.0;
    }
    let (a, x) = (0.5 * df, 0.5 * x);
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 { 1.0 - front * gamma_series(a, x) } else { front * gamma_fraction(a, x) }
}

/// The lower incomplete gamma function by its series, without its front.
fn gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for n in 1..STEPS_MAX * 20 {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// The upper incomplete gamma function by Lentz's continued fraction, without its front.
fn gamma_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut product = d;
    for n in 1..STEPS_MAX * 20 {
        let n = f64::from(n);
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / away(numerator * d + b);
        c = away(b + numerator / c);
        product *= c * d;
        if libm::fabs(c * d - 1.0) < 1e-16 {
            break;
        }
    }
    product
}

/// The regularised incomplete beta function I_x(a, b).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // For great a the difference of the logarithms of gamma would lose what it is needed for.
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x)) / beta(a, b);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// Beta(a, b). For b = 1/2 and great a by Stirling's series of the quotient of gammas.
fn beta(a: f64, b: f64) -> f64 {
    if b == 0.5 && a > 50.0 {
        let inverse = 1.0 / a;
        let series = 1.0
            + inverse
                * (0.125
                    + inverse
                        * (0.007_812_5 + inverse * (-5.0 / 1024.0 - inverse * 21.0 / 32768.0)));
        return libm::sqrt(PI * inverse) * series;
    }
    libm::exp(libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b))
}

/// Lentz's continued fraction of the incomplete beta function.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut product = d;
    for m in 1..STEPS_MAX {
        let m = f64::from(m);
        for numerator in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / away(1.0 + numerator * d);
            c = away(1.0 + numerator / c);
            product *= c * d;
        }
        if libm::fabs(c * d - 1.0) < 1e-16 {
            break;
        }
    }
    product
}

fn away(value: f64) -> f64 {
    if libm::fabs(value) < TINY { TINY } else { value }
}

/// The point below which a share `p` of sorted values lies, by linear interpolation. None of none.
pub fn percentile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-10, "{found}, not {expected}");
    }

    /// Points as the usual tables print them, to the digits of R's `qt` and `pchisq`.
    #[test]
    fn distributions_agree_with_the_tables() {
        near(student_quantile(0.975, 1.0), 12.706_204_736_432_1);
        near(student_quantile(0.975, 10.0), 2.228_138_851_964_94);
        near(student_quantile(0.95, 30.0), 1.697_260_886_593_96);
        assert!((student_quantile(0.975, 1e7) - Z_975).abs() < 1e-6);
        assert!((chi_square_above(3.841_458_820_694_124, 1.0) - 0.05).abs() < 1e-12);
        assert!((chi_square_above(18.307_038_053_275_146, 10.0) - 0.05).abs() < 1e-12);
        near(chi_square_above(100.0, 2.0), libm::exp(-50.0));
        assert!((normal_two_sided(Z_975) - 0.05).abs() < 1e-14);
    }

    #[test]
    fn beta_is_the_same_by_both_ways() {
        for a in [60.0, 100.0, 300.0] {
            let direct = libm::exp(libm::lgamma(a) + libm::lgamma(0.5) - libm::lgamma(a + 0.5));
            near(beta(a, 0.5), direct);
        }
    }

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
