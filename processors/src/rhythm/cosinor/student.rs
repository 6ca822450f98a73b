//! Student's t distribution: the quantile that confidence intervals are made with.

use core::f64::consts::PI;

/// Most Newton steps; each at least halves what is left in the heaviest tail.
const STEPS_MAX: usize = 200;
/// Most terms of the continued fraction: it needs about the square root of the degrees of freedom.
const TERMS_MAX: u32 = 20_000;
/// Where the continued fraction has converged.
const NEAR_ONE: f64 = 1e-16;
/// What stands for zero in a denominator.
const TINY: f64 = 1e-300;

/// The value that a t variable with `dof` degrees of freedom exceeds with probability `upper`,
/// which lies in (0, 0.5].
///
/// Newton's method on the upper tail, written with the regularised incomplete beta function. From
/// 0 upwards the distribution is concave, so that no step passes the root.
pub(crate) fn upper_quantile(upper: f64, dof: f64) -> f64 {
    let log_density =
        libm::lgamma(0.5 * (dof + 1.0)) - libm::lgamma(0.5 * dof) - 0.5 * libm::log(dof * PI);
    let mut t = 0.0;
    for _ in 0..STEPS_MAX {
        let log_shape = -0.5 * (dof + 1.0) * libm::log1p(t * t / dof);
        let step = (upper_tail(t, dof) - upper) / libm::exp(log_density + log_shape);
        if !(step.is_finite() && step > 1e-15 * t) {
            break;
        }
        t += step;
    }
    t
}

/// P(T > t) for t of at least 0.
fn upper_tail(t: f64, dof: f64) -> f64 {
    let whole = dof + t * t;
    0.5 * incomplete_beta(dof / whole, t * t / whole, 0.5 * dof, 0.5)
}

/// The regularised incomplete beta function at `x`, of which `rest` is `1 - x`.
fn incomplete_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log(rest) - log_beta);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(rest, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |value: f64| if libm::fabs(value) < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = denominator;
    for term in 1..=TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / away(1.0 + coefficient * denominator);
            numerator = away(1.0 + coefficient / numerator);
            change = denominator * numerator;
            value *= change;
        }
        if libm::fabs(change - 1.0) <= NEAR_ONE {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::upper_quantile;

    #[test]
    fn quantiles_are_those_of_the_closed_forms() {
        let one = libm::tan(core::f64::consts::PI * 0.475);
        let found = upper_quantile(0.025, 1.0);
        assert!((found / one - 1.0).abs() < 1e-12, "{found}, not {one}");
        let two = 0.95 * libm::sqrt(2.0 / (1.0 - 0.95 * 0.95));
        let found = upper_quantile(0.025, 2.0);
        assert!((found / two - 1.0).abs() < 1e-12, "{found}, not {two}");
        assert_eq!(upper_quantile(0.5, 7.0), 0.0);
    }

    #[test]
    fn many_degrees_of_freedom_approach_the_normal_distribution() {
        let normal = 1.959_963_984_540_054;
        for dof in [1e2, 1e3, 1e4] {
            let expected = normal + (normal * normal * normal + normal) / (4.0 * dof);
            let found = upper_quantile(0.025, dof);
            assert!((found - expected).abs() < 4.0 / (dof * dof), "{found}, not {expected}");
        }
    }
}
