//! The fidelity monitor: what is wrong shows, what is right is green, order and parts do not matter.

use proptest::prelude::*;
use zeitgeber_processors::fidelity::{Fidelity, Level, Monitor, Sign, What};
use zeitgeber_schemas::{
    DecisionId, DecisionMade, Eligible, FeedbackRecorded, FeedbackStatus, OutcomeExpired, Stage,
};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Uniform values by number, the same in every run (SplitMix64).
fn uniform(n: u64) -> f64 {
    let mix = zeitgeber_processors::routing::rng::mix;
    (mix(mix(n)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A decision of day `n / 40` between two arms, `walk` with probability 0.7.
fn decision(n: u64, walks: bool) -> DecisionMade {
    let at_ms = n as i64 * DAY_MS / 40;
    let eligible = [("walk", 0.7), ("no_intervention", 0.3)].map(|(arm, propensity)| Eligible {
        arm: arm.into(),
        incarnation: 0,
        mean: 0.0,
        width: 0.0,
        ucb: 0.0,
        propensity,
    });
    DecisionMade {
        decision_id: DecisionId(u128::from(n)),
        at_ms,
        analysis_end_ms: at_ms - 5 * MINUTE_MS,
        feature_version: 1,
        configuration: "v1".into(),
        model_version: 0,
        features: vec![4_096, ((uniform(n + 1_000_000) - 0.5) * 8_192.0) as i32],
        eligible: eligible.into(),
        masked: Vec::new(),
        greedy: "walk".into(),
        chosen: if walks { "walk" } else { "no_intervention" }.into(),
        incarnation: 0,
        propensity: if walks { 0.7 } else { 0.3 },
        explore: false,
        seed: 1,
        stage: Stage::Active,
        stopped: Vec::new(),
    }
}

fn sound(n: u64) -> DecisionMade {
    decision(n, uniform(n) < 0.7)
}

fn feedback(made: &DecisionMade) -> FeedbackRecorded {
    FeedbackRecorded {
        decision_id: made.decision_id,
        feedback_id: "f".into(),
        status: FeedbackStatus::Applied,
        arm: made.chosen.clone(),
        incarnation: 0,
        features: made.features.clone(),
        reward: 0,
        replaces: None,
        decided_ms: Some(made.at_ms),
        corrects: None,
        given_ms: None,
        shows: false,
    }
}

fn expired(made: &DecisionMade) -> OutcomeExpired {
    OutcomeExpired {
        decision_id: made.decision_id,
        arm: made.chosen.clone(),
        incarnation: 0,
        features: made.features.clone(),
        imputed: None,
        decided_ms: Some(made.at_ms),
        unshown: false,
    }
}

fn judged(decisions: impl Iterator<Item = DecisionMade>) -> Fidelity {
    let mut monitor = Monitor::default();
    decisions.for_each(|made| monitor.decision(&made));
    monitor.judge()
}

fn sign(found: &Fidelity, what: What) -> &Sign {
    found.versions[0].signs.iter().find(|sign| sign.what == what).expect("it is told")
}

#[test]
fn arms_that_are_not_chosen_as_their_propensities_say_are_red() {
    let found = judged((0..1_000).map(sound));
    assert_eq!(sign(&found, What::Shares).level, Level::Green, "{found:?}");
    assert_eq!(sign(&found, What::Age).value, Some(5.0));
    let found = judged((0..1_000).map(|n| decision(n, uniform(n) < 0.5)));
    assert_eq!(sign(&found, What::Shares).level, Level::Red, "{found:?}");
    assert_eq!(found.level, Level::Red);
}

#[test]
fn a_distribution_that_does_not_add_up_and_a_tiny_propensity_show() {
    let broken = |n| {
        let mut made = sound(n);
        made.eligible[0].propensity = 0.71;
        made.propensity = 0.0001;
        made
    };
    let found = judged((0..200).map(broken));
    assert_eq!(sign(&found, What::Mass).level, Level::Red);
    assert_eq!(sign(&found, What::Propensity).level, Level::Red);
}

#[test]
fn too_few_decisions_are_judged_neither_green_nor_red() {
    let found = judged((0..50).map(sound));
    assert_eq!(found.level, Level::Unknown);
    assert_eq!(judged(std::iter::empty()).level, Level::Unknown);
}

#[test]
fn decisions_with_nothing_else_to_choose_are_fallbacks() {
    let alone = |n| {
        let mut made = decision(n, false);
        made.eligible.remove(0);
        made.eligible[0].propensity = 1.0;
        made.propensity = 1.0;
        made
    };
    let found = judged((0..200).map(|n| if n % 20 == 0 { sound(n) } else { alone(n) }));
    assert_eq!(sign(&found, What::Fallback).value, Some(0.95));
    assert_eq!(sign(&found, What::Fallback).level, Level::Yellow);
}

#[test]
fn outcomes_that_are_missing_for_one_arm_alone_show() {
    let mut monitor = Monitor::default();
    for n in 0..1_000 {
        let made = sound(n);
        monitor.decision(&made);
        let is_missed = made.chosen == "walk" && uniform(n + 5_000) < 0.4;
        match is_missed {
            true => monitor.expired(&expired(&made)),
            false => monitor.feedback(&feedback(&made), made.at_ms + (n as i64 % 100) * MINUTE_MS),
        }
    }
    let found = monitor.judge();
    let by_arm = sign(&found, What::MissingByArm);
    assert_eq!(by_arm.level, Level::Red, "{by_arm:?}");
    assert_eq!(sign(&found, What::Missing).level, Level::Yellow);
    assert_eq!(sign(&found, What::Delay).level, Level::Unknown, "no window is known");
    let delay = found.versions[0].delay_min.expect("there was feedback");
    assert!(
        (40..60).contains(&delay.p50) && delay.p95 >= 90 && delay.p99 >= delay.p95,
        "{delay:?}"
    );
    assert_eq!(found.awaited, 0);
}

/// 20 days of 40 decisions; the last seven days' second feature moves by three quarters.
#[test]
fn a_feature_that_moved_in_the_newest_week_shows_and_one_that_did_not_does_not() {
    let moved = |n: u64, by: i32| {
        let mut made = sound(n);
        made.features[1] += if n >= 13 * 40 { by } else { 0 };
        made
    };
    let still = judged((0..800).map(|n| moved(n, 0))).drift.expect("there is enough");
    assert!(still.iter().all(|feature| feature.level == Level::Green), "{still:?}");
    let found = judged((0..800).map(|n| moved(n, 3_072))).drift.expect("there is enough");
    assert_eq!((found[0].level, found[1].level), (Level::Green, Level::Red));
    assert!((found[1].newest - found[1].before - 0.75).abs() < 0.15, "{found:?}");
    // Uniform on -1 to 1 has a standard deviation of 0.577.
    assert!((found[1].standardised - 1.3).abs() < 0.25, "{found:?}");
    assert!(judged((0..300).map(sound)).drift.is_none(), "nothing lies before the first week");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn partitions_and_their_order_change_no_bit(parts in 1..6_usize, turn in 0..6_usize) {
        let whole = judged((0..400).map(sound));
        let mut monitors = vec![Monitor::default(); parts];
        for n in 0..400 {
            monitors[n as usize % parts].decision(&sound(n));
        }
        monitors.rotate_left(turn % parts);
        let mut all = Monitor::default();
        monitors.into_iter().for_each(|part| all.merge(part));
        prop_assert_eq!(all.judge(), whole);
    }
}
