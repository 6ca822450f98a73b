//! Policies: the logged propensity is the probability with which is chosen.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    choice::{Candidate, Choice, Occasion, Policy, Rule, choose},
    learner::Learner,
};

use crate::kit::{D, config, grid};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn learner(arms: usize, given: &[([i32; D], i32)]) -> Learner {
    let mut learner = Learner::new(D, 1.0);
    learner.configure(1.0, NAMES[..arms].iter().map(|name| (*name, false)));
    for (i, (x, r)) in given.iter().enumerate() {
        learner.learn(NAMES[i % arms], 0, x, *r);
    }
    learner
}

fn candidates<'a>(learner: &'a Learner, x: &'a [i32]) -> Vec<Candidate<'a>> {
    let numbered = learner.arms().iter().zip(0..);
    numbered.map(|(arm, place)| Candidate { place, ..Candidate::new(arm, x) }).collect()
}

fn decide(candidates: &[Candidate<'_>], rule: Rule, occasion: &Occasion<'_>) -> Choice {
    let policy = Policy { rule, epsilon: 0.0, seed: 5 };
    choose(candidates, &policy, occasion).expect("arms to choose from")
}

fn rules() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::Linucb { alpha: 0.5 }),
        Just(Rule::Greedy),
        (0.0f64..3.0, 1u32..200).prop_map(|(spread, draws)| Rule::Thompson { spread, draws }),
        Just(Rule::Fixed { arms: vec!["c".into(), "a".into()] }),
        Just(Rule::RoundRobin),
        Just(Rule::LeastLoaded),
        Just(Rule::Threshold { complexity: 0.5 }),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_rule_gives_a_distribution_and_chooses_from_its_support(
        given in prop::collection::vec((prop::array::uniform4(grid()), grid()), 0..20),
        rule in rules(), epsilon in 0.0f64..=1.0, arms in 1usize..6, id in ".{1,16}",
        x in prop::array::uniform4(grid()),
    ) {
        let learner = learner(arms, &given);
        let candidates = candidates(&learner, &x);
        let policy = Policy { rule, epsilon, seed: 9 };
        let occasion = Occasion::new(id.as_bytes());
        let choice = choose(&candidates, &policy, &occasion).expect("arms to choose from");
        let total: f64 = choice.scored.iter().map(|scored| scored.propensity).sum();
        prop_assert!((total - 1.0).abs() < 1e-12);
        prop_assert!(choice.propensity > 0.0);
        prop_assert_eq!(choice.propensity, choice.scored[choice.chosen].propensity);
        for scored in &choice.scored {
            prop_assert!(scored.propensity >= epsilon / arms as f64 - 1e-15);
            prop_assert!(scored.value.is_finite());
            prop_assert!(scored.value <= choice.scored[choice.greedy].value);
        }
        prop_assert_eq!(choose(&candidates, &policy, &occasion), Some(choice));
    }
}

/// Whatever the rule, over many decisions an arm is chosen as often as the propensities say.
#[test]
fn arms_are_chosen_as_often_as_their_propensities_say() {
    const DECISIONS: u32 = 20_000;
    let learner = learner(3, &[([4096, 0, 0, 0], 4096), ([4096, 0, 0, 0], 4000)]);
    let x = [4096, 100, -200, 300];
    let candidates = candidates(&learner, &x);
    let thompson = Rule::Thompson { spread: 1.0, draws: 16 };
    for (rule, epsilon) in [(Rule::Greedy, 0.3), (thompson.clone(), 0.0), (thompson, 0.1)] {
        let policy = Policy { rule, epsilon, seed: 3 };
        let (mut chosen, mut expected, mut variance) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        for decision in 0..DECISIONS {
            let id = decision.to_le_bytes();
            let choice = choose(&candidates, &policy, &Occasion::new(&id));
            let choice = choice.expect("arms to choose from");
            chosen[choice.chosen] += 1.0;
            for (arm, scored) in choice.scored.iter().enumerate() {
                expected[arm] += scored.propensity;
                variance[arm] += scored.propensity * (1.0 - scored.propensity);
            }
        }
        for arm in 0..3 {
            let apart: f64 = chosen[arm] - expected[arm];
            assert!(
                apart.abs() < 4.5 * variance[arm].sqrt(),
                "{policy:?}: {chosen:?} {expected:?}"
            );
        }
    }
}

/// Two arms of known posterior: the share of draws won tends to the probability of the greater.
#[test]
fn thompson_sampling_wins_as_often_as_the_posterior_says() {
    let learner = learner(2, &[([4096, 0, 0, 0], 4096)]);
    let x = [4096, 0, 0, 0];
    let candidates = candidates(&learner, &x);
    // Means 1/2 and 0, variances 1/2 and 1: P(first greater) = Phi(0.5 / sqrt(1.5)) = 0.65844.
    let (rule, mut won) = (Rule::Thompson { spread: 1.0, draws: 1000 }, 0.0);
    for decision in 0..100u32 {
        let id = decision.to_le_bytes();
        won += decide(&candidates, rule.clone(), &Occasion::new(&id)).scored[0].value;
    }
    assert!((won / 100.0 - 0.65844).abs() < 0.006, "{won}");
}

#[test]
fn a_fixed_policy_falls_back_in_its_order() {
    let learner = learner(4, &[]);
    let x = [4096; D];
    let all = candidates(&learner, &x);
    let rule = Rule::Fixed { arms: vec!["c".into(), "b".into()] };
    let occasion = Occasion::new(b"id");
    assert_eq!(decide(&all, rule.clone(), &occasion).chosen, 2);
    assert_eq!(decide(&all[..2], rule.clone(), &occasion).chosen, 1);
    assert_eq!(decide(&[all[0], all[3]], rule, &occasion).chosen, 0, "unnamed: the first");
}

#[test]
fn round_robin_goes_on_after_the_last_and_skips_who_is_not_eligible() {
    let learner = learner(4, &[]);
    let x = [4096; D];
    let all = candidates(&learner, &x);
    let next = |eligible: &[Candidate<'_>], last| {
        let occasion = Occasion { last, ..Occasion::new(b"id") };
        eligible[decide(eligible, Rule::RoundRobin, &occasion).chosen].place
    };
    assert_eq!([None, Some(0), Some(2), Some(3)].map(|last| next(&all, last)), [0, 1, 3, 0]);
    let some = [all[0], all[1], all[3]];
    assert_eq!([Some(1), Some(2), Some(3)].map(|last| next(&some, last)), [3, 3, 0]);
}

#[test]
fn the_least_loaded_arm_is_preferred_and_thresholds_ask_for_a_tier() {
    let learner = learner(4, &[]);
    let x = [4096; D];
    let mut all = candidates(&learner, &x);
    for (candidate, (load, advanced)) in
        all.iter_mut().zip([(0.5, false), (0.25, false), (0.9, true), (0.75, true)])
    {
        (candidate.load, candidate.advanced) = (load, advanced);
    }
    let at = |eligible: &[Candidate<'_>], rule, complexity| {
        let occasion = Occasion { complexity, ..Occasion::new(b"id") };
        eligible[decide(eligible, rule, &occasion).chosen].place
    };
    let threshold = || Rule::Threshold { complexity: 0.6 };
    assert_eq!(at(&all, Rule::LeastLoaded, 0.0), 1);
    assert_eq!([0.5, 0.6, 0.9].map(|complexity| at(&all, threshold(), complexity)), [1, 3, 3]);
    assert_eq!(at(&all[..2], threshold(), 0.9), 1, "nobody advanced is there: the least loaded");
    assert_eq!(at(&all[2..], threshold(), 0.1), 3);
}
