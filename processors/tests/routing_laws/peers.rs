//! Defects found in other libraries do not occur here.

use zeitgeber_processors::routing::{
    choice::{Candidate, Occasion, Policy, Rule, choose},
    learner::Learner,
};

fn learner(lambda: f64, arms: &[&str]) -> Learner {
    let mut learner = Learner::new(2, lambda);
    learner.configure(lambda, arms.iter().map(|arm| (*arm, false)));
    learner
}

/// mabwiser 2.7.4 starts the inverse as lambda I instead of I / lambda, so that its untrained arms'
/// width is sqrt(lambda) |x|.
#[test]
fn an_untrained_arm_has_the_width_of_the_inverse_prior() {
    for lambda in [0.25, 1.0, 4.0, 1024.0] {
        let score = learner(lambda, &["a"]).arms()[0].score(&[3 * 4096, 4 * 4096]);
        assert_eq!((score.mean, score.width), (0.0, 5.0 / lambda.sqrt()));
    }
}

/// trashpanda 0.1.0 updates that inverse, so that it never heals: with lambda 4 one outcome of 1 at
/// x = 1 predicts 0.8 instead of 0.2.
#[test]
fn one_outcome_shrinks_towards_zero_by_the_prior() {
    let mut learner = learner(4.0, &["a"]);
    learner.learn("a", 0, &[4096, 0], 4096);
    let score = learner.arms()[0].score(&[4096, 0]);
    assert!((score.mean - 0.2).abs() < 1e-15, "{score:?}");
    assert!((score.width - 0.2f64.sqrt()).abs() < 1e-15, "{score:?}");
}

/// trashpanda's expectations are means although it is asked for the bound.
#[test]
fn what_is_compared_is_the_bound_and_not_the_mean() {
    let mut learner = learner(1.0, &["known", "unknown"]);
    let x = [4096, 0];
    (0..100).for_each(|_| learner.learn("known", 0, &x, 2048));
    let candidates: Vec<_> = learner.arms().iter().map(|arm| Candidate::new(arm, &x)).collect();
    let with = |rule| {
        let policy = Policy { rule, epsilon: 0.0, seed: 1 };
        choose(&candidates, &policy, &Occasion::new(b"id")).expect("arms to choose from")
    };
    let (bound, mean) = (with(Rule::Linucb { alpha: 1.0 }), with(Rule::Greedy));
    assert_eq!((bound.greedy, mean.greedy), (1, 0));
    for scored in &bound.scored {
        assert_eq!(scored.value, scored.mean + scored.width);
    }
}

/// irithyll and trashpanda give arms without outcomes an infinite bound, which no log can hold.
#[test]
fn an_untrained_arm_has_a_finite_bound() {
    let learner = learner(1.0, &["a"]);
    let score = learner.arms()[0].score(&[32_768, -32_768]);
    assert!(score.width.is_finite() && score.width > 0.0);
}
