//! What configurations make of the live decider: old logs fold to what they always did, and a rule
//! or a model that a configuration names is the one that decides.

use zeitgeber_processors::{
    exact,
    routing::{
        self, Shared,
        choice::{Candidate, Occasion, Policy, Rule, choose},
        features::DIMENSION,
        learner::Learner,
    },
};
use zeitgeber_schemas::{
    ConfigurationBody, FeedbackRecorded, LearnerModel, PolicyRule, Rollout, wire::from_bytes,
};

/// A configuration as version 1 of its schema wrote it: LinUCB over two arms, alpha 0.5, lambda 2.
const CONFIGURATION_1: &str = "047631000000000000e03f00000000000000409a9999999999b93f0e780680f0b252\
    00040877616c6b026d0000c016000678001e6e6f5f696e74657276656e74696f6e026d0000c0160006780000";
/// Feedback as version 1 of its schema wrote it.
const FEEDBACK_1: &str = "000000000000000000000000000000010266000877616c6b0000804000";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[test]
fn what_version_1_wrote_means_the_learner_that_was_always_there() {
    let body: ConfigurationBody = from_bytes(&bytes(CONFIGURATION_1)).expect("version 1 is read");
    assert_eq!(body.rule, PolicyRule::linucb());
    assert_eq!((&body.model, &body.rollout), (&LearnerModel::plain(), &Rollout::active()));
    let feedback: FeedbackRecorded = from_bytes(&bytes(FEEDBACK_1)).expect("version 1 is read");
    assert_eq!(feedback.decided_ms, None);
    let mut shared = Shared::initial();
    routing::apply_configuration(&mut shared, &body);
    let mut plain = Learner::new(DIMENSION, 2.0);
    plain.configure(2.0, [("walk", false), ("no_intervention", false)].into_iter());
    for n in 0..20 {
        let x: Vec<i32> = (0..DIMENSION as i32).map(|at| (at * 911 + n * 577) % 8192).collect();
        let event = FeedbackRecorded { features: x.clone(), reward: n * 200, ..feedback.clone() };
        routing::apply_feedback(&mut shared, &event);
        plain.learn("walk", 0, &x, n * 200);
    }
    let x: Vec<i32> = (0..DIMENSION).map(|at| exact::feature(at as f64 / 4.0)).collect();
    let chosen = |learner: &Learner, policy: &Policy| {
        let candidates: Vec<_> = learner.arms().iter().map(|arm| Candidate::new(arm, &x)).collect();
        choose(&candidates, policy, &Occasion::new(b"one")).expect("two arms")
    };
    let was = Policy { rule: Rule::Linucb { alpha: 0.5 }, epsilon: 0.1, seed: 7 };
    let now = routing::configured::policy(&body);
    let choice = chosen(shared.learner().expect("configured"), &now);
    assert_eq!((&now, &choice), (&was, &chosen(&plain, &was)));
    let bits = choice.scored.iter().map(|one| (one.mean.to_bits(), one.width.to_bits()));
    assert_eq!(bits.collect::<Vec<_>>(), GOLDEN);
}

const GOLDEN: [(u64, u64); 2] =
    [(4_602_806_780_073_029_004, 4_608_171_115_964_336_127), (0, 4_613_902_541_762_667_025)];
