//! Sums whose order does not matter, and sums whose order is given.

/// Steps of the grid in one unit: 2^64.
const ONE: f64 = 18_446_744_073_709_551_616.0;
/// Greatest magnitude of a term; 2^22 such terms cannot overflow.
const TERM_MAX: f64 = 1_099_511_627_776.0;

/// A sum on the grid 2^-64, exact whatever the order of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactSum(i128);

impl ExactSum {
    /// Adds a value; beyond ±2^40 it counts as that much, and NaN as 0.
    pub fn add(&mut self, value: f64) {
        let clipped = value.clamp(-TERM_MAX, TERM_MAX);
        self.0 = self.0.saturating_add((clipped * ONE) as i128);
    }

    /// Adds another sum.
    pub const fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// The sum, rounded once.
    pub fn value(self) -> f64 {
        self.0 as f64 / ONE
    }
}

/// A compensated sum (Neumaier 1974) of terms in the order in which they are given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total {
    sum: f64,
    lost: f64,
}

impl Total {
    pub(super) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if libm::fabs(self.sum) >= libm::fabs(value) {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    pub(super) fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// The sum of values in their order.
pub(super) fn total(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Total::default();
    values.for_each(|value| sum.add(value));
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_sum_is_the_same_in_any_order_and_loses_nothing_small() {
        let terms = [1e9, 0.1, -1e9, 0.2, 1e-15];
        let (mut forth, mut back) = (ExactSum::default(), ExactSum::default());
        terms.iter().for_each(|&term| forth.add(term));
        terms.iter().rev().for_each(|&term| back.add(term));
        assert_eq!(forth, back);
        assert!((forth.value() - 0.300_000_000_000_001).abs() < 1e-17, "{}", forth.value());
    }

    #[test]
    fn a_total_keeps_what_a_plain_sum_would_lose() {
        assert_eq!(total([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
    }
}
