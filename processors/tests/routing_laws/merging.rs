//! Order, batches, partitions and the way of contributions change no bit.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    learner::{Layout, Learner, Model},
    merge::Contribution,
    sums::{ArmSums, Change},
};
use zeitgeber_schemas::PartitionId;

use crate::kit::{ARMS, D, Outcome, bits, config, grid, learner, learnt, models, outcomes};

/// All that is known of each arm.
fn totals(learner: &Learner) -> Vec<ArmSums> {
    learner.arms().iter().map(|arm| learner.total(arm)).collect()
}

/// Each partition's outcomes, by turns.
fn shared_out(all: &[Outcome], partitions: usize) -> Vec<Vec<Outcome>> {
    let of = |partition| all.iter().skip(partition).step_by(partitions).copied().collect();
    (0..partitions).map(of).collect()
}

/// What a partition publishes: after every second outcome and at the end.
fn published(model: &(Layout, Model), part: &[Outcome]) -> Vec<Contribution> {
    let mut partition = learner(model);
    let batches = part.chunks(2).map(|batch| {
        partition.absorb(batch.iter().map(Outcome::observation));
        partition.contribution()
    });
    batches.collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn order_and_batches_change_no_bit(
        (given, shuffled) in outcomes(40)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        model in models(), batch in 1usize..9, x in prop::array::uniform4(grid()),
    ) {
        let whole = learnt(&model, &given);
        let mut batched = learner(&model);
        for batch in shuffled.chunks(batch) {
            batched.absorb(batch.iter().map(Outcome::observation));
        }
        prop_assert_eq!(totals(&whole), totals(&batched));
        prop_assert_eq!(bits(&whole, &x), bits(&batched, &x));
        prop_assert_eq!(whole.contribution(), batched.contribution());
    }

    #[test]
    fn partitions_and_the_way_of_their_contributions_change_no_bit(
        given in outcomes(40), model in models(), partitions in 1usize..5,
        way in prop::collection::vec((0usize..5, 0usize..40), 0..60),
        last in Just([1usize, 2, 3, 4]).prop_shuffle(),
        x in prop::array::uniform4(grid()),
    ) {
        let whole = learnt(&model, &given);
        let parts = shared_out(&given, partitions);
        let mut one = learnt(&model, &parts[0]);
        let sent: Vec<_> = parts.iter().map(|part| published(&model, part)).collect();
        // Lost, repeated and out of order, but the last of each arrives in the end.
        for (partition, version) in way {
            if let Some(versions) = sent.get(partition).filter(|_| partition > 0)
                && let Some(contribution) = versions.get(version) {
                one.take(PartitionId(partition as u16), contribution.clone());
            }
        }
        for partition in last {
            if let Some(contribution) = sent.get(partition).and_then(|versions| versions.last()) {
                one.take(PartitionId(partition as u16), contribution.clone());
                one.take(PartitionId(partition as u16), contribution.clone());
            }
        }
        prop_assert_eq!(bits(&whole, &x), bits(&one, &x));
        if model.1.forgetting.is_none() {
            prop_assert_eq!(totals(&whole), totals(&one));
        }
    }

    #[test]
    fn corrections_and_retractions_are_exact_in_every_model(
        given in outcomes(20), model in models(), index in 0usize..20, new in grid(),
        x in prop::array::uniform4(grid()),
    ) {
        let index = index % given.len();
        let one = given[index];
        let mut changed = learnt(&model, &given);
        changed.absorb([one.with(Change::Correct { old: one.r, new })]);
        let mut wanted = given.clone();
        wanted[index].r = new;
        prop_assert_eq!(bits(&changed, &x), bits(&learnt(&model, &wanted), &x));
        changed.absorb([one.with(Change::Retract(new))]);
        wanted.remove(index);
        // Time has passed all the same.
        let mut rest = learnt(&model, &wanted);
        rest.advance(given.iter().map(|outcome| outcome.at_ms).max().unwrap_or(0));
        prop_assert_eq!(bits(&changed, &x), bits(&rest, &x));
    }

    #[test]
    fn a_stored_learner_comes_back_with_the_same_bits(
        given in outcomes(20), other in outcomes(20), model in models(),
        x in prop::array::uniform4(grid()),
    ) {
        let mut one = learnt(&model, &given);
        one.take(PartitionId(7), learnt(&model, &other).contribution());
        let text = serde_json::to_string(&one).expect("plain data");
        let restored: Learner = serde_json::from_str(&text).expect("its own text");
        prop_assert_eq!(&restored, &one);
        prop_assert_eq!(bits(&restored, &x), bits(&one, &x));
    }
}

#[test]
fn a_contribution_of_an_earlier_version_is_refused() {
    let model = (Layout { own: D, shared: 0 }, Model::plain(1.0));
    let outcome = Outcome { arm: 0, at_ms: 0, x: [4096; D], r: 4096 };
    let (early, late) = (learnt(&model, &[outcome]), learnt(&model, &[outcome; 2]));
    let mut one = learner(&model);
    assert!(one.take(PartitionId(1), late.contribution()));
    assert!(!one.take(PartitionId(1), early.contribution()));
    assert!(!one.take(PartitionId(1), late.contribution()));
    assert_eq!(one.total(&one.arms()[0]).n, 2);
    assert_eq!(one.arms()[0].sums().n, 0, "what others learnt is not this partition's to publish");
    assert!(one.contribution().arms.iter().all(|arm| arm.buckets.iter().count() == 0));
}

#[test]
fn others_teach_an_arm_that_is_registered_after_they_were_heard() {
    let model = (Layout { own: D, shared: 0 }, Model::plain(1.0));
    let outcome = Outcome { arm: 2, at_ms: 0, x: [4096, 0, 0, 0], r: 4096 };
    let mut late = Learner::of(model.0, model.1.clone());
    late.take(PartitionId(1), learnt(&model, &[outcome]).contribution());
    late.configure(1.0, ARMS.map(|arm| (arm, false)).into_iter());
    assert!((late.arms()[2].score(&outcome.x).mean - 0.5).abs() < 1e-15);
    assert_eq!(late.arms()[1].score(&outcome.x).mean, 0.0);
}
