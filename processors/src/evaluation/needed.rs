//! How many decisions an answer needs: before logging from the design, after it from the data.

use super::statistics::Z_975;

/// A planned log: the incumbent explores evenly with probability epsilon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Eligible arms.
    pub arms: u32,
    /// Share of decisions that explore, above 0 and at most 1.
    pub epsilon: f64,
    /// Share of decisions where the candidate would not choose what the incumbent prefers.
    pub disagreement: f64,
    /// Mean of the squared reward.
    pub reward_square: f64,
}

impl Design {
    /// Mean of the squared weight: (1 - delta) / (1 - epsilon + epsilon / k) + delta k / epsilon.
    pub fn weight_square(&self) -> f64 {
        let arms = f64::from(self.arms.max(1));
        let preferred = 1.0 - self.epsilon + self.epsilon / arms;
        (1.0 - self.disagreement) / preferred + self.disagreement * arms / self.epsilon
    }
}

/// Decisions after which IPS is known to ± `half_width` with 95 %, by a design.
pub fn decisions_for(design: &Design, half_width: f64) -> f64 {
    let z = Z_975 / half_width;
    libm::ceil(z * z * design.reward_square * design.weight_square())
}

/// Decisions after which an estimate is known to ± `half_width` with 95 %, where `n` decisions like
/// those to come gave it the standard error `se`.
pub fn decisions_needed(n: usize, se: f64, half_width: f64) -> f64 {
    let times = Z_975 * se / half_width;
    libm::ceil(n as f64 * times * times)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ± 0.02 for rewards of 0 and 1, as likely as each other half the time.
    #[test]
    fn a_design_needs_as_many_decisions_as_its_weights_make_it() {
        let needed = |arms, disagreement| {
            let design = Design { arms, epsilon: 0.1, disagreement, reward_square: 0.25 };
            decisions_for(&design, 0.02)
        };
        let thousands = |n: f64| (n / 1_000.0).round();
        assert_eq!(thousands(needed(3, 0.2)), 16.0);
        assert_eq!(thousands(needed(10, 0.2)), 50.0);
        assert_eq!(thousands(needed(50, 0.2)), 242.0);
        assert_eq!(thousands(needed(50, 0.05)), 62.0);
        assert_eq!(decisions_needed(100, 0.1, 0.0979981992270027), 400.0);
    }
}
