//! Off-policy evaluation against worlds whose truth is known, and the laws that it keeps.

#[path = "evaluation/coverage.rs"]
mod coverage;
#[path = "evaluation/world.rs"]
mod world;

use proptest::prelude::*;
use world::{Logged, Logger, Target, World};
use zeitgeber_processors::evaluation::{
    Answer, Difference, Evaluation, Missing, Settings, Told, Verdict,
    diagnostics::{Check, Level},
    estimators::Estimator,
    intervals::confidence_sequence,
};

fn told(evaluation: &Evaluation) -> &Told {
    match &evaluation.answer {
        Answer::Told(told) => told,
        Answer::Refused { reasons, .. } => panic!("refused: {reasons:?}"),
    }
}

fn refusing(evaluation: &Evaluation) -> Vec<Check> {
    match &evaluation.answer {
        Answer::Told(_) => Vec::new(),
        Answer::Refused { reasons, .. } => reasons.iter().map(|one| one.check).collect(),
    }
}

fn quick() -> Settings {
    Settings { replicates: 200, ..Settings::default() }
}

#[test]
fn ips_and_dr_are_unbiased_and_snips_nearly() {
    let world = World { n: 300, ..World::plain(Logger::EpsilonGreedy) };
    let truth = world.truth(Target::Other);
    for (estimator, slack) in
        [(Estimator::Ips, 0.0), (Estimator::Dr, 0.0), (Estimator::Snips, 0.004)]
    {
        let values: Vec<f64> = (0..600)
            .map(|seed| {
                let terms = world.log(seed).terms(Target::Other);
                estimator.apply(&terms, &quick()).expect("there is weight").value
            })
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let se = (squares / (n - 1.0) / n).sqrt();
        let apart = (mean - truth).abs();
        assert!(apart < 4.0 * se + slack, "{estimator:?}: {mean} ± {se}, truth {truth}");
        assert!(se < 0.01, "the test can tell: {se}");
    }
}

#[test]
fn a_logger_evaluated_on_its_own_log_has_weight_one_and_its_own_mean() {
    for logger in [Logger::Uniform, Logger::EpsilonGreedy, Logger::Skewed] {
        let log = World::plain(logger).log(3);
        let found = log.evaluate(Target::Same, &quick());
        let told = told(&found);
        assert_eq!((found.weights.mean, found.weights.se, found.weights.max), (1.0, 0.0, 1.0));
        let mean = log.rows.iter().map(|row| row.reward.expect("there is one")).sum::<f64>()
            / log.rows.len() as f64;
        for one in &told.estimates {
            let exact = matches!(one.estimator, Estimator::Ips | Estimator::Snips);
            let within = if exact { 1e-12 } else { 4.0 * one.difference.se + 0.02 };
            assert!(
                (one.value - mean).abs() <= within,
                "{:?}: {} {mean}",
                one.estimator,
                one.value
            );
            let Difference { value, se, normal, bootstrap } = one.difference;
            let interval = bootstrap.map_or(normal, |other| normal.hull(other));
            let all = [value, se, interval.low, interval.high];
            assert_eq!(all, [0.0; 4], "{:?}: a policy beside itself", one.estimator);
        }
        assert_eq!(told.verdict, Verdict::Hold);
        let own = found.findings.iter().find(|one| one.check == Check::Incumbent);
        assert_eq!(own.map(|one| one.level), Some(Level::Pass));
    }
}

/// An interval from sums of weights that are frozen at the whole's (zr-obp#187) is as wide as that
/// of IPS over the mean weight; where nearly every reward is 1, SNIPS has nearly no spread.
#[test]
fn the_interval_of_snips_resamples_its_denominator_too() {
    let world = World { high: true, n: 2_000, ..World::plain(Logger::EpsilonGreedy) };
    let found = world.log(5).evaluate(Target::Other, &quick());
    let one = |estimator| {
        let all = &told(&found).estimates;
        *all.iter().find(|one| one.estimator == estimator).expect("it is told")
    };
    let (plain, ratio) = (one(Estimator::Ips), one(Estimator::Snips));
    let resampled = ratio.bootstrap.expect("it is defined");
    let (width, delta) = (resampled.high - resampled.low, ratio.normal.high - ratio.normal.low);
    assert!((width / delta - 1.0).abs() < 0.25, "{width} {delta}");
    assert!(ratio.se < 0.4 * plain.se, "{} {}", ratio.se, plain.se);
}

#[test]
fn replay_is_told_of_an_even_log_and_a_decided_candidate_only() {
    for (logger, target, expected) in [
        (Logger::Uniform, Target::Best, true),
        (Logger::Uniform, Target::Other, false),
        (Logger::EpsilonGreedy, Target::Best, false),
    ] {
        let found = World::plain(logger).log(7).evaluate(target, &quick());
        let told = told(&found);
        let is_told = told.estimates.iter().any(|one| one.estimator == Estimator::Replay);
        let is_left = told.left_out.iter().any(|(one, _)| *one == Estimator::Replay);
        assert_eq!((is_told, is_left), (expected, !expected), "{logger:?} {target:?}");
    }
}

#[test]
fn no_interval_leaves_what_rewards_can_be() {
    for seed in 0..40 {
        let world = World { n: 150, high: seed % 2 == 0, ..World::plain(Logger::EpsilonGreedy) };
        let found = world.log(seed).evaluate(Target::Best, &quick());
        let Answer::Told(told) = &found.answer else { continue };
        let own = told.estimates.iter().flat_map(|one| {
            assert!((0.0..=1.0).contains(&one.value), "{one:?}");
            [Some(one.normal), one.bootstrap]
        });
        for interval in own.chain([told.bounds, told.anytime]).flatten() {
            assert!(0.0 <= interval.low && interval.low <= interval.high, "{interval:?}");
            assert!(interval.high <= 1.0, "{interval:?}");
        }
    }
}

#[test]
fn a_log_that_cannot_carry_a_number_gives_none() {
    let world = World::plain(Logger::EpsilonGreedy);
    let log = world.log(11);
    let evaluated = |change: &dyn Fn(usize, &mut Logged)| {
        let mut log = log.clone();
        log.rows.iter_mut().enumerate().for_each(|(at, row)| change(at, row));
        refusing(&log.evaluate(Target::Other, &quick()))
    };
    assert_eq!(evaluated(&|_, _| {}), []);
    assert!(
        evaluated(&|_, row| row.halve()).contains(&Check::MeanWeight),
        "propensities that are half of what they were"
    );
    assert!(
        evaluated(&|_, row| row.turn()).contains(&Check::Calibration),
        "propensities of other arms"
    );
    assert!(
        evaluated(&|at, row| row.forget(at)).contains(&Check::Feedback),
        "feedback of one arm alone"
    );
    assert_eq!(evaluated(&|_, row| row.reward = Some(1.0)), [Check::Rewards, Check::Drivers]);
    assert!(evaluated(&|_, row| row.person = "p".into()).contains(&Check::Persons));
    let short = World { n: 60, ..world }.log(1);
    assert!(
        refusing(&short.evaluate(Target::Worst, &quick())).contains(&Check::EffectiveSampleSize)
    );
    assert!(refusing(&log.evaluate(Target::Outside, &quick())).contains(&Check::Mask));
    let blind = World::plain(Logger::Greedy).log(2);
    assert!(refusing(&blind.evaluate(Target::Other, &quick())).contains(&Check::Support));
}

#[test]
fn a_refused_candidate_is_held_and_told_how_much_more_log_it_needs() {
    let short = World { n: 60, ..World::plain(Logger::EpsilonGreedy) }.log(1);
    let found = short.evaluate(Target::Worst, &quick());
    assert_eq!(found.verdict(), Verdict::Hold);
    let Answer::Refused { decisions_needed, .. } = found.answer else { panic!("it is refused") };
    let needed = decisions_needed.expect("more log would help");
    assert!(needed > 60.0 && needed < 10_000.0, "{needed}");
}

#[test]
fn a_better_candidate_is_promoted_a_worse_one_rejected_and_an_unclear_one_held() {
    let world = World { n: 6_000, ..World::plain(Logger::Uniform) };
    let verdict = |target| world.log(13).evaluate(target, &quick()).verdict();
    assert_eq!(verdict(Target::Best), Verdict::Promote);
    assert_eq!(verdict(Target::Worst), Verdict::Reject);
    assert_eq!(verdict(Target::Same), Verdict::Hold);
    let strict = Settings { margin: 0.5, ..quick() };
    assert_eq!(world.log(13).evaluate(Target::Best, &strict).verdict(), Verdict::Reject);
}

/// The sequence may be looked at after every hundred decisions: it misses, ever, in few logs.
#[test]
fn the_confidence_sequence_holds_however_often_one_looks() {
    let world = World { n: 1_000, ..World::plain(Logger::EpsilonGreedy) };
    let truth = world.truth(Target::Other);
    let (logs, mut missed, mut widths) = (200, 0, 0.0);
    for seed in 0..logs {
        let log = world.log(seed);
        let looks = (1..=10).map(|look| {
            let terms = log.first(look * 100).terms(Target::Other);
            confidence_sequence(&terms, (0.0, 1.0)).expect("there are rows")
        });
        let looks: Vec<_> = looks.collect();
        missed += u32::from(looks.iter().any(|interval| !interval.contains(truth)));
        widths += looks[9].high - looks[9].low;
    }
    assert!(missed <= 10, "{missed} of {logs}");
    assert!(widths / (logs as f64) < 0.6, "it tells something: {}", widths / logs as f64);
}

#[test]
fn feedback_that_is_missing_is_dropped_or_counts_as_nothing() {
    let mut log = World::plain(Logger::Uniform).log(17);
    log.rows.iter_mut().step_by(10).for_each(|row| row.reward = None);
    let mean = |missing| {
        let found = log.evaluate(Target::Same, &Settings { missing, ..quick() });
        told(&found).incumbent
    };
    let (dropped, zero) = (mean(Missing::Drop), mean(Missing::Zero));
    assert!((zero / dropped - 0.9).abs() < 1e-9, "{zero} {dropped}");
}

#[test]
fn a_decision_that_is_logged_twice_is_named() {
    let mut log = World::plain(Logger::Uniform).log(19);
    log.rows[5].id = log.rows[900].id.clone();
    let twice = log.weighing(Target::Same, &quick()).finish().expect_err("it is there twice");
    assert_eq!(twice.0, log.rows[900].id.as_str().into());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// EVALUATION-2: the rows' order changes no bit of anything that is told.
    #[test]
    fn rows_in_another_order_give_the_same_bits(seed in 0..1_000_u64, by in any::<u64>()) {
        let world = World { n: 400, rows_per_person: 3, ..World::plain(Logger::EpsilonGreedy) };
        let log = world.log(seed);
        let settings = Settings { replicates: 50, ..Settings::default() };
        let expected = log.evaluate(Target::Other, &settings);
        prop_assert_eq!(log.shuffled(by).evaluate(Target::Other, &settings), expected);
    }

    /// EVALUATION-1: a person's rewards change no prediction for their own rows.
    #[test]
    fn nobody_is_predicted_from_their_own_rows(seed in 0..1_000_u64, person in 0..100_usize) {
        let world = World { n: 300, rows_per_person: 3, ..World::plain(Logger::Uniform) };
        let log = world.log(seed);
        let mut other = log.clone();
        let name = log.rows[person].person.clone();
        let theirs = other.rows.iter_mut().filter(|row| row.person == name);
        theirs.for_each(|row| row.reward = row.reward.map(|reward| 1.0 - reward));
        let (before, after) = (log.terms(Target::Other), other.terms(Target::Other));
        let mut compared = 0;
        for (at, (one, two)) in before.iter().zip(after.iter()).enumerate() {
            prop_assert_eq!(&one.id, &two.id);
            if one.reward != two.reward {
                prop_assert_eq!((one.q, one.target_q), (two.q, two.target_q), "row {}", at);
                compared += 1;
            }
        }
        prop_assert!(compared > 0);
    }
}
