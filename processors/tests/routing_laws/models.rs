//! Hybrid, forgetting, warm start and added features are what they are said to be.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    forgetting::{ALL_TIME, Forgetting},
    lanes::Lanes,
    learner::{Layout, Learner, LearnerArm, Model},
    linucb::{Derived, Score},
};
use zeitgeber_schemas::PartitionId;

use crate::kit::{ARMS, D, Outcome, bits, config, grid, learner, learnt, models, outcomes};

const HOUR_MS: i64 = 3_600_000;
const DISJOINT: Layout = Layout { own: D, shared: 0 };

/// Solves m y = right by elimination with pivoting.
fn solve(mut m: Vec<Vec<f64>>, right: &[f64]) -> Vec<f64> {
    let d = right.len();
    m.iter_mut().zip(right).for_each(|(row, value)| row.push(*value));
    for k in 0..d {
        let greater = |i: &usize, j: &usize| m[*i][k].abs().total_cmp(&m[*j][k].abs());
        let best = (k..d).max_by(greater).expect("k is below d");
        m.swap(k, best);
        let pivot = m[k].clone();
        for row in &mut m[k + 1..] {
            let factor = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(entry, above)| *entry -= factor * above);
        }
    }
    let mut solution = vec![0.0; d];
    for i in (0..d).rev() {
        let known: f64 = (i + 1..d).map(|j| m[i][j] * solution[j]).sum();
        solution[i] = (m[i][d] - known) / m[i][i];
    }
    solution
}

/// Where a feature of an arm stands in the one ridge system over all arms: shared ones first.
fn place(layout: Layout, arm: usize, feature: usize) -> usize {
    match feature.checked_sub(layout.own) {
        Some(shared) => shared,
        None => layout.shared + arm * layout.own + feature,
    }
}

/// Mean and width of an arm by the one system over all arms, solved as a whole.
fn whole_system(
    layout: Layout,
    lambda: f64,
    given: &[Outcome],
    arm: usize,
    x: &[i32],
) -> (f64, f64) {
    let size = layout.shared + ARMS.len() * layout.own;
    let (mut m, mut right) = (vec![vec![0.0; size]; size], vec![0.0; size]);
    (0..size).for_each(|i| m[i][i] = lambda);
    let spread = |arm, x: &[i32]| {
        let mut whole = vec![0.0; size];
        for (feature, value) in x.iter().enumerate() {
            whole[place(layout, arm, feature)] = f64::from(*value) / 4096.0;
        }
        whole
    };
    for outcome in given {
        let u = spread(outcome.arm, &outcome.x);
        for i in 0..size {
            (0..size).for_each(|j| m[i][j] += u[i] * u[j]);
            right[i] += u[i] * f64::from(outcome.r) / 4096.0;
        }
    }
    let (u, dot) =
        (spread(arm, x), |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>());
    (dot(&solve(m.clone(), &right), &u), dot(&solve(m, &u), &u).max(0.0).sqrt())
}

/// The outcomes of some hours, the newest being `newest`.
fn within(given: &[Outcome], from_ms: i64) -> Vec<Outcome> {
    given.iter().filter(|outcome| outcome.at_ms >= from_ms).copied().collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_hybrid_is_one_ridge_system_over_all_arms(
        given in outcomes(30), shared in 0usize..=D, lambda in 0.5f64..4.0, arm in 0..ARMS.len(),
        x in prop::array::uniform4(grid()),
    ) {
        let layout = Layout { own: D - shared, shared };
        let learner = learnt(&(layout, Model::plain(lambda)), &given);
        let score = learner.arms()[arm].score(&x);
        let (mean, width) = whole_system(layout, lambda, &given, arm, &x);
        prop_assert!((score.mean - mean).abs() < 1e-6, "{score:?} {mean}");
        prop_assert!((score.width - width).abs() < 1e-6, "{score:?} {width}");
    }

    #[test]
    fn a_window_scores_as_if_it_had_never_seen_what_is_past(
        given in outcomes(40), buckets in 1usize..9, x in prop::array::uniform4(grid()),
    ) {
        let forgetting = Some(Forgetting::window(HOUR_MS, buckets));
        let windowed = learnt(&(DISJOINT, Model { forgetting, ..Model::plain(1.0) }), &given);
        let newest_ms = given.iter().map(|outcome| outcome.at_ms).max().unwrap_or(0);
        let from_ms = (newest_ms / HOUR_MS - buckets as i64 + 1) * HOUR_MS;
        let rest = learnt(&(DISJOINT, Model::plain(1.0)), &within(&given, from_ms));
        prop_assert_eq!(bits(&windowed, &x), bits(&rest, &x));
    }

    #[test]
    fn weights_of_one_give_the_bits_of_no_weights_whatever_the_buckets(
        given in outcomes(40), x in prop::array::uniform4(grid()), bucket_h in 1i64..24,
    ) {
        let forgetting = Some(Forgetting::window(bucket_h * HOUR_MS, 100));
        let bucketed = learnt(&(DISJOINT, Model { forgetting, ..Model::plain(1.0) }), &given);
        let plain = learnt(&(DISJOINT, Model::plain(1.0)), &given);
        prop_assert_eq!(bits(&bucketed, &x), bits(&plain, &x));
    }

    #[test]
    fn added_features_change_no_bit_where_they_are_zero(
        given in outcomes(30), model in models(), own in 0usize..3, shared in 0usize..3,
        x in prop::array::uniform4(grid()), late in outcomes(5),
    ) {
        let (from, _) = model;
        // Disjoint learners stay so: what is shared is the model's choice.
        let shared = if from.shared > 0 { shared } else { 0 };
        let to = Layout { own: from.own + own, shared: from.shared + shared };
        let (mut plain, mut wide) = (learnt(&model, &given), learnt(&model, &given));
        prop_assert_eq!(wide.extend(to), own + shared > 0);
        let widened: Vec<i32> = x[..from.own].iter().copied()
            .chain(std::iter::repeat_n(0, own))
            .chain(x[from.own..].iter().copied())
            .chain(std::iter::repeat_n(0, shared))
            .collect();
        prop_assert_eq!(bits(&plain, &x), bits(&wide, &widened));
        // Outcomes of decisions made before still come in the old layout, as do contributions.
        plain.absorb(late.iter().map(Outcome::observation));
        wide.absorb(late.iter().map(Outcome::observation));
        prop_assert_eq!(bits(&plain, &x), bits(&wide, &widened));
        let contribution = learnt(&model, &late).contribution();
        plain.take(PartitionId(1), contribution.clone());
        wide.take(PartitionId(1), contribution);
        prop_assert_eq!(bits(&plain, &x), bits(&wide, &widened));
    }

    #[test]
    fn four_arms_side_by_side_score_the_bits_of_one_by_one(
        given in outcomes(30), model in models(), arms in 0usize..=ARMS.len(), more in outcomes(5),
        x in prop::array::uniform4(grid()),
    ) {
        let mut learner = learnt(&model, &given);
        // One arm more than fits in a row of lanes, and every number below.
        learner.configure(model.1.lambda, ["a", "b", "c", "d", "e"].map(|a| (a, false)).into_iter());
        let some = &learner.arms()[..arms + 2];
        let mut lanes = Lanes::of(some.iter().map(LearnerArm::derived), D);
        let (mut values, mut out) = (Vec::new(), Vec::new());
        let one_by_one = |learner: &Learner| bits(learner, &x)[..arms + 2].to_vec();
        let told = |out: &[Score]| -> Vec<_> {
            out.iter().map(|score| (score.mean.to_bits(), score.width.to_bits())).collect()
        };
        lanes.score(&x, &mut values, &mut out);
        prop_assert_eq!(told(&out), one_by_one(&learner));
        learner.absorb(more.iter().map(Outcome::observation));
        for (index, arm) in learner.arms()[..arms + 2].iter().enumerate() {
            lanes.set(index, arm.derived());
        }
        lanes.score(&x, &mut values, &mut out);
        prop_assert_eq!(told(&out), one_by_one(&learner));
    }

    #[test]
    fn the_two_widths_are_one_where_nothing_is_discounted(
        given in outcomes(30), x in prop::array::uniform4(grid()),
    ) {
        let model = |two| {
            let forgetting = Some(Forgetting::discounted(HOUR_MS, 1.0, 100, two));
            (DISJOINT, Model { forgetting, ..Model::plain(1.0) })
        };
        let (one, two) = (learnt(&model(false), &given), learnt(&model(true), &given));
        for (one, two) in one.arms().iter().zip(two.arms()) {
            let (one, two) = (one.score(&x), two.score(&x));
            prop_assert!((one.width - two.width).abs() < 1e-7, "{one:?} {two:?}");
            prop_assert!((one.mean - two.mean).abs() < 1e-7, "{one:?} {two:?}");
        }
    }
}

#[test]
fn what_no_longer_counts_is_dropped_and_does_not_come_back() {
    let forgetting = Some(Forgetting::window(HOUR_MS, 2));
    let model = (DISJOINT, Model { forgetting, ..Model::plain(1.0) });
    let at = |hour: i64| Outcome { arm: 0, at_ms: hour * HOUR_MS, x: [4096; D], r: 4096 };
    let late = learnt(&model, &[at(10), at(9), at(8), at(0)]);
    assert_eq!(late.arms()[0].sums().n, 2);
    let early = learnt(&model, &[at(0), at(8), at(9), at(10)]);
    assert_eq!(early.contribution(), late.contribution());
    let mut idle = learnt(&model, &[at(0)]);
    let fresh = learner(&model);
    idle.advance(10 * HOUR_MS);
    assert_eq!(bits(&idle, &[4096; D]), bits(&fresh, &[4096; D]), "time alone forgets");
}

#[test]
fn a_warm_start_begins_at_the_others_mean_and_is_not_passed_on() {
    let model = Model { warm_start: 0.5, ..Model::plain(1.0) };
    let mut warm = Learner::of(DISJOINT, model);
    warm.configure(1.0, [("a", false), ("b", false)].into_iter());
    assert_eq!(warm.arms()[1].prior(), None, "there was nothing to learn from");
    let x = [4096, 0, 0, 0];
    (0..4).for_each(|_| warm.learn("a", 0, &x, 4096));
    warm.configure(1.0, [("a", false), ("b", false), ("new", false)].into_iter());
    // The others' mean is A = 2, b = 2 there; a half of it is 1 and 1, beside lambda.
    let new = warm.current("new").expect("registered");
    assert!((new.score(&x).mean - 0.5).abs() < 1e-15 && new.sums().n == 0);
    assert_eq!(warm.current("b").expect("registered").score(&x).mean, 0.0);
    let contribution = warm.contribution();
    let passed_on = contribution.arms.iter().find(|one| one.arm == "new").expect("registered");
    assert_eq!(passed_on.buckets.iter().count(), 0);
    // What comes after adds to it, and restoring keeps it.
    warm.learn("new", 0, &x, 4096);
    assert!((warm.current("new").expect("registered").score(&x).mean - 2.0 / 3.0).abs() < 1e-15);
    let text = serde_json::to_string(&warm).expect("plain data");
    assert_eq!(serde_json::from_str::<Learner>(&text).expect("its own text"), warm);
}

#[test]
fn a_fresh_hybrid_arm_knows_what_all_share() {
    let layout = Layout { own: 1, shared: 1 };
    let mut hybrid = Learner::of(layout, Model::plain(1.0));
    hybrid.configure(1.0, [("a", false)].into_iter());
    (0..50).for_each(|_| hybrid.learn("a", 0, &[0, 4096], 4096));
    let newcomer = hybrid.fresh("b", 0);
    assert!(newcomer.score(&[4096, 4096]).mean > 0.9);
    hybrid.configure(1.0, [("a", false), ("b", false)].into_iter());
    let registered = hybrid.current("b").expect("registered");
    assert_eq!(registered.score(&[4096, 4096]), newcomer.score(&[4096, 4096]));
    // A removed arm's part of what is shared stays.
    hybrid.configure(1.0, [("b", false)].into_iter());
    let kept = hybrid.current("b").expect("registered").derived();
    assert_ne!(kept, &Derived::default());
    assert_eq!(kept, newcomer.derived());
}

#[test]
fn a_layout_with_fewer_features_is_refused() {
    let mut learner = Learner::of(Layout { own: 3, shared: 1 }, Model::plain(1.0));
    assert!(!learner.extend(Layout { own: 2, shared: 5 }));
    assert!(!learner.extend(Layout { own: 3, shared: 1 }));
    assert!(learner.extend(Layout { own: 3, shared: 2 }));
    assert_eq!(learner.dimension(), 5);
}

#[test]
fn weights_are_a_table_by_age_with_an_end() {
    let half = Forgetting::discounted(HOUR_MS, 0.5, 3, false);
    let one = 1u64 << 52;
    let now_ms = 10 * HOUR_MS + 5;
    let weights = [10, 9, 8, 7, 11].map(|hour| half.weight(hour * HOUR_MS, now_ms));
    assert_eq!(weights, [one, one / 2, one / 4, 0, 0]);
    assert_eq!(half.weight(ALL_TIME, now_ms), 0);
    assert_eq!([-1, 0, HOUR_MS].map(|at_ms| half.start(at_ms)), [-HOUR_MS, 0, HOUR_MS]);
}
