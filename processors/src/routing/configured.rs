//! What a configuration says, as the machines take it: the one place where one becomes the other.

use zeitgeber_schemas::{ConfigurationBody, ForgettingKind, PolicyRule, RuleKind};

use super::{
    choice::{Policy, Rule},
    features::DIMENSION,
    forgetting::Forgetting,
    learner::{Layout, Model},
};

/// Half-lives behind which an outcome no longer counts; it weighs 1/256 there.
const HALF_LIVES: u32 = 8;

const HOUR_MS: i64 = 3_600_000;

/// How arms are chosen.
pub fn policy(configuration: &ConfigurationBody) -> Policy {
    let ConfigurationBody { policy, rule, .. } = configuration;
    Policy { rule: preference(policy.alpha, rule), epsilon: policy.epsilon, seed: policy.seed }
}

fn preference(alpha: f64, rule: &PolicyRule) -> Rule {
    let PolicyRule { kind, spread, draws, order } = rule;
    match kind {
        RuleKind::Linucb => Rule::Linucb { alpha },
        RuleKind::Greedy => Rule::Greedy,
        RuleKind::Thompson => Rule::Thompson { spread: *spread, draws: *draws },
        RuleKind::Fixed => Rule::Fixed { arms: order.clone() },
        RuleKind::RoundRobin => Rule::RoundRobin,
    }
}

/// What makes a learner of sums.
pub fn model(configuration: &ConfigurationBody) -> Model {
    let ConfigurationBody { policy, model, .. } = configuration;
    let bucket_h = model.bucket_h.max(1);
    let bucket_ms = i64::from(bucket_h) * HOUR_MS;
    let forgetting = match model.forgetting {
        ForgettingKind::None => None,
        ForgettingKind::Discount => {
            let half_life_h = model.half_life_h.max(1);
            let gamma = libm::exp2(-f64::from(bucket_h) / f64::from(half_life_h));
            let buckets = half_life_h.saturating_mul(HALF_LIVES).div_ceil(bucket_h);
            let two_matrices = model.two_matrices;
            Some(Forgetting::discounted(bucket_ms, gamma, buckets as usize, two_matrices))
        }
        ForgettingKind::Window => {
            Some(Forgetting::window(bucket_ms, model.window_h.div_ceil(bucket_h) as usize))
        }
    };
    Model { lambda: policy.lambda, forgetting, warm_start: model.warm_start }
}

/// Which features have coefficients of each arm's own, and which shared ones: the last.
pub fn layout(configuration: &ConfigurationBody) -> Layout {
    let shared = (configuration.model.shared as usize).min(DIMENSION);
    Layout { own: DIMENSION - shared, shared }
}
