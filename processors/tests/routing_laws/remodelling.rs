//! A learner under another model: what was learnt stays, and only what is made of it changes.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    forgetting::Forgetting,
    learner::{Layout, Model},
};

use crate::kit::{D, Outcome, bits, config, grid, learnt, models, outcomes};

const HOUR_MS: i64 = 3_600_000;
const DISJOINT: Layout = Layout { own: D, shared: 0 };

proptest! {
    #![proptest_config(config())]

    #[test]
    fn another_length_of_buckets_keeps_every_sum_and_its_full_weight(
        given in outcomes(30), bucket_h in 1i64..12, x in prop::array::uniform4(grid()),
    ) {
        let plain = (DISJOINT, Model::plain(2.0));
        let (mut learner, before) = (learnt(&plain, &given), learnt(&plain, &given));
        let forgetting = Some(Forgetting::discounted(bucket_h * HOUR_MS, 0.5, 9, false));
        let forgets = Model { forgetting, ..Model::plain(2.0) };
        learner.remodel(DISJOINT, forgets.clone());
        for (now, then) in learner.arms().iter().zip(before.arms()) {
            prop_assert_eq!(now.sums(), then.sums());
        }
        prop_assert_eq!(bits(&learner, &x), bits(&before, &x));
        // And it ages from there on, as one.
        let newest_ms = given.iter().map(|outcome| outcome.at_ms).max().unwrap_or(0);
        learner.advance(newest_ms + 9 * bucket_h * HOUR_MS);
        let fresh = learnt(&(DISJOINT, forgets), &[]);
        prop_assert_eq!(bits(&learner, &x), bits(&fresh, &x));
        learner.remodel(DISJOINT, Model::plain(2.0));
        prop_assert_eq!(bits(&learner, &x), bits(&before, &x));
    }

    #[test]
    fn what_comes_after_a_change_may_come_in_any_order(
        given in outcomes(20), late in outcomes(20), (from, to) in (models(), models()),
        x in prop::array::uniform4(grid()),
    ) {
        let later = |late: &mut dyn Iterator<Item = &Outcome>| {
            let mut learner = learnt(&from, &given);
            learner.remodel(to.0, to.1.clone());
            late.for_each(|outcome| learner.absorb([outcome.observation()]));
            learner
        };
        let (forth, back) = (later(&mut late.iter()), later(&mut late.iter().rev()));
        prop_assert_eq!(forth.contribution(), back.contribution());
        prop_assert_eq!(bits(&forth, &x), bits(&back, &x));
    }

    #[test]
    fn another_division_of_the_features_is_as_if_it_had_always_been_so(
        given in outcomes(20), late in outcomes(5), (from, to) in (0..=D, 0..=D),
        x in prop::array::uniform4(grid()),
    ) {
        let layout = |shared| Layout { own: D - shared, shared };
        let mut learner = learnt(&(layout(from), Model::plain(1.0)), &given);
        learner.remodel(layout(to), Model::plain(0.5));
        let mut always = learnt(&(layout(to), Model::plain(0.5)), &given);
        learner.absorb(late.iter().map(Outcome::observation));
        always.absorb(late.iter().map(Outcome::observation));
        prop_assert_eq!(bits(&learner, &x), bits(&always, &x));
    }
}

#[test]
fn a_correction_finds_what_was_learnt_before_the_buckets_changed() {
    use zeitgeber_processors::routing::sums::Change;
    let outcome = Outcome { arm: 0, at_ms: HOUR_MS, x: [4096, 0, 0, 0], r: 4096 };
    let newer = Outcome { at_ms: 40 * HOUR_MS, ..outcome };
    let mut learner = learnt(&(DISJOINT, Model::plain(1.0)), &[outcome, newer]);
    let forgetting = Some(Forgetting::window(HOUR_MS, 2));
    learner.remodel(DISJOINT, Model { forgetting, ..Model::plain(1.0) });
    learner.absorb([outcome.with(Change::Correct { old: 4096, new: 0 })]);
    let sums = learner.arms()[0].sums().into_owned();
    assert_eq!((sums.n, sums.reward_sum), (2, 4096));
}

#[test]
fn another_number_of_features_is_not_taken() {
    let mut learner = learnt(&(DISJOINT, Model::plain(1.0)), &[]);
    learner.remodel(Layout { own: D, shared: 1 }, Model::plain(3.0));
    assert_eq!((learner.dimension(), learner.model().lambda), (D, 3.0));
}
