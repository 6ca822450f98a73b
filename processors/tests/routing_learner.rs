//! The learner's laws: exact sums whatever the order, and scores that follow from them alone.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    choice::{Candidate, Occasion, Policy, Rule, choose},
    learner::{ArmStatus, Learner},
    sums::ArmSums,
};

const D: usize = 4;

fn outcomes(most: usize) -> impl Strategy<Value = Vec<([i32; D], i32)>> {
    let grid = -32_768..=32_768i32;
    prop::collection::vec((prop::array::uniform4(grid.clone()), grid), 1..most)
}

fn policy(alpha: f64, epsilon: f64) -> Policy {
    Policy { rule: Rule::Linucb { alpha }, epsilon, seed: 42 }
}

fn sums_of(outcomes: &[([i32; D], i32)]) -> ArmSums {
    let mut sums = ArmSums::new(D);
    outcomes.iter().for_each(|(x, r)| sums.learn(x, *r));
    sums
}

/// x' (lambda I + A)^-1 x and b' (lambda I + A)^-1 x by Gaussian elimination with pivoting.
fn reference(sums: &ArmSums, lambda: f64, x: &[i32; D]) -> (f64, f64) {
    const UNIT: f64 = 16_777_216.0;
    let mut m = [[0.0; D + 1]; D];
    for (i, row) in m.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate().take(D) {
            let (low, high) = (i.min(j), i.max(j));
            *entry = sums.a[high * (high + 1) / 2 + low] as f64 / UNIT;
        }
        row[i] += lambda;
        row[D] = f64::from(x[i]) / 4096.0;
    }
    for k in 0..D {
        let best =
            (k..D).max_by(|&i, &j| m[i][k].abs().total_cmp(&m[j][k].abs())).expect("k is below D");
        m.swap(k, best);
        let pivot = m[k];
        for row in &mut m[k + 1..] {
            let factor = row[k] / pivot[k];
            row.iter_mut().zip(pivot).for_each(|(entry, above)| *entry -= factor * above);
        }
    }
    let mut solution = [0.0; D];
    for i in (0..D).rev() {
        let known: f64 = (i + 1..D).map(|j| m[i][j] * solution[j]).sum();
        solution[i] = (m[i][D] - known) / m[i][i];
    }
    let times = |values: [f64; D]| values.iter().zip(solution).map(|(v, s)| v * s).sum::<f64>();
    let b: [f64; D] = core::array::from_fn(|i| sums.b[i] as f64 / UNIT);
    (times(x.map(|xi| f64::from(xi) / 4096.0)), times(b))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_and_scores_are_the_same_bits_in_any_order(
        (given, shuffled) in outcomes(40)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        x in prop::array::uniform4(-32_768..=32_768i32),
    ) {
        let (one, other) = (sums_of(&given), sums_of(&shuffled));
        prop_assert_eq!(&one, &other);
        let (a, b) = (one.derive(0.5).score(&x), other.derive(0.5).score(&x));
        prop_assert_eq!(a.mean.to_bits(), b.mean.to_bits());
        prop_assert_eq!(a.width.to_bits(), b.width.to_bits());
    }

    #[test]
    fn merged_parts_equal_the_whole(given in outcomes(40), cut in 0usize..40) {
        let cut = cut.min(given.len());
        let mut parts = sums_of(&given[..cut]);
        parts.merge(&sums_of(&given[cut..]));
        prop_assert_eq!(parts, sums_of(&given));
    }

    #[test]
    fn corrections_and_retractions_are_exact(
        given in outcomes(20), index in 0usize..20, new in -32_768..=32_768i32,
    ) {
        let index = index % given.len();
        let (x, old) = given[index];
        let mut changed = sums_of(&given);
        changed.correct(&x, old, new);
        let mut wanted = given.clone();
        wanted[index].1 = new;
        prop_assert_eq!(&changed, &sums_of(&wanted));
        changed.retract(&x, new);
        wanted.remove(index);
        prop_assert_eq!(changed, sums_of(&wanted));
    }

    #[test]
    fn scores_agree_with_gaussian_elimination(
        given in outcomes(40), x in prop::array::uniform4(-32_768..=32_768i32),
        lambda in 0.25f64..4.0,
    ) {
        let sums = sums_of(&given);
        let score = sums.derive(lambda).score(&x);
        let (square, mean) = reference(&sums, lambda, &x);
        prop_assert!((score.width - square.max(0.0).sqrt()).abs() < 1e-6, "{score:?} {square}");
        prop_assert!((score.mean - mean).abs() < 1e-6, "{score:?} {mean}");
    }

    #[test]
    fn propensities_add_up_to_one_and_hold_whatever_the_coin(
        given in outcomes(20), epsilon in 0.0f64..=1.0, arms in 1usize..6, id in ".{1,16}",
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let mut learner = Learner::new(D, 1.0);
        learner.configure(1.0, names[..arms].iter().map(|name| (*name, false)));
        for (i, (x, r)) in given.iter().enumerate() {
            learner.learn(names[i % arms], 0, x, *r);
        }
        let x = [4096, 100, -200, 300];
        let candidates: Vec<_> =
            learner.arms().iter().map(|arm| Candidate::new(arm, &x)).collect();
        let choice = choose(&candidates, &policy(0.5, epsilon), &Occasion::new(id.as_bytes()));
        let choice = choice.expect("arms to choose from");
        let total: f64 = choice.scored.iter().map(|scored| scored.propensity).sum();
        prop_assert!((total - 1.0).abs() < 1e-12);
        prop_assert_eq!(choice.propensity, choice.scored[choice.chosen].propensity);
        prop_assert!(choice.explore || choice.chosen == choice.greedy);
        for scored in &choice.scored {
            prop_assert!(scored.value <= choice.scored[choice.greedy].value);
        }
    }
}

#[test]
fn an_untrained_arm_has_mean_zero_and_the_prior_width() {
    let x = [4096, 0, -8192, 4096];
    let score = ArmSums::new(D).derive(4.0).score(&x);
    assert_eq!(score.mean, 0.0);
    assert!((score.width - 6f64.sqrt() / 2.0).abs() < 1e-15);
}

#[test]
fn an_overflow_changes_nothing_and_is_counted() {
    let mut sums = ArmSums::new(2);
    sums.learn(&[i32::MAX, 1], 0);
    sums.learn(&[i32::MIN, 1], 0);
    let (n, a) = (sums.n, sums.a.clone());
    sums.learn(&[i32::MAX, 1], 5);
    assert_eq!((sums.n, sums.refused, &sums.a), (n, 1, &a));
    assert_eq!((sums.b.as_slice(), sums.reward_sum), ([0, 0].as_slice(), 0));
    sums.learn(&[1, 2, 3], 5);
    assert_eq!((sums.n, sums.refused, sums.a), (n, 2, a));
}

#[test]
fn doubtful_sums_still_give_finite_scores() {
    let mut sums = ArmSums::new(2);
    sums.retract(&[4096, 4096], 4096);
    assert_eq!(sums.refused, 1, "nothing was there to take back");
    sums.learn(&[4096, 4096], 4096);
    sums.learn(&[4096, 4096], 4096);
    for lambda in [0.0, -1.0, f64::NAN, 1e-300] {
        let score = sums.derive(lambda).score(&[4096, -4096]);
        assert!(score.mean.is_finite() && score.width.is_finite(), "{lambda}: {score:?}");
    }
}

#[test]
fn equal_scores_go_to_the_first_and_a_lone_arm_has_propensity_one() {
    let mut learner = Learner::new(1, 1.0);
    learner.configure(1.0, [("a", false), ("b", false)].into_iter());
    let x = [4096];
    let candidates: Vec<_> = learner.arms().iter().map(|arm| Candidate::new(arm, &x)).collect();
    let choice =
        choose(&candidates, &policy(1.0, 0.0), &Occasion::new(b"id")).expect("arms to choose from");
    assert_eq!((choice.greedy, choice.chosen, choice.propensity), (0, 0, 1.0));
    let lone = choose(&candidates[1..], &policy(1.0, 0.1), &Occasion::new(b"id"))
        .expect("arms to choose from");
    assert_eq!((lone.chosen, lone.propensity), (0, 1.0));
    assert_eq!(choose(&[], &policy(1.0, 0.1), &Occasion::new(b"id")), None);
}

#[test]
fn a_removed_arm_keeps_its_sums_and_comes_back_afresh() {
    let mut learner = Learner::new(1, 1.0);
    learner.configure(1.0, [("a", false), ("b", false)].into_iter());
    learner.learn("a", 0, &[4096], 4096);
    learner.configure(1.0, [("b", true)].into_iter());
    assert_eq!(learner.arms()[0].status(), ArmStatus::Removed);
    assert_eq!(learner.current("b").expect("in force").status(), ArmStatus::Suspended);
    learner.configure(1.0, [("b", false), ("a", false)].into_iter());
    let again = learner.current("a").expect("in force");
    assert_eq!((again.incarnation(), again.sums().n), (1, 0));
    assert_eq!(
        (learner.arms()[0].sums().n, learner.current("b").expect("in force").incarnation()),
        (1, 0)
    );
    learner.learn("a", 0, &[4096], 4096);
    assert_eq!(
        (learner.arms()[0].sums().n, learner.current("a").expect("in force").sums().n),
        (2, 0)
    );
}

#[test]
fn a_stored_learner_comes_back_equal_and_scores_the_same_bits() {
    let mut learner = Learner::new(2, 0.25);
    learner.configure(0.25, [("a", false)].into_iter());
    learner.learn("a", 0, &[4096, -77], 1234);
    let text = serde_json::to_string(&learner).expect("plain data");
    assert!(!text.contains("derived"), "a derived value is never stored");
    let restored: Learner = serde_json::from_str(&text).expect("its own text");
    assert_eq!(restored, learner);
    let (old, new) = (learner.arms()[0].score(&[1, 2]), restored.arms()[0].score(&[1, 2]));
    assert_eq!(old.mean.to_bits(), new.mean.to_bits());
    assert_eq!(old.width.to_bits(), new.width.to_bits());
}

#[test]
fn a_new_lambda_acts_on_sums_learnt_under_the_old_one() {
    let configured = |lambdas: &[f64]| {
        let mut learner = Learner::new(1, 1.0);
        learner.configure(lambdas[0], [("a", false)].into_iter());
        learner.learn("a", 0, &[4096], 4096);
        learner.configure(*lambdas.last().expect("not empty"), [("a", false)].into_iter());
        learner
    };
    assert_eq!(configured(&[1.0, 3.0]), configured(&[3.0]));
    assert_eq!(configured(&[3.0]).arms()[0].score(&[4096]).mean, 0.25);
}
