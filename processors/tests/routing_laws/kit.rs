//! Outcomes at random, and learners of them.

use proptest::prelude::*;
use zeitgeber_processors::routing::{
    forgetting::Forgetting,
    learner::{Layout, Learner, Model, Observation},
    sums::Change,
};

/// Features of an outcome.
pub(crate) const D: usize = 4;

/// Registered from the start, in this order.
pub(crate) const ARMS: [&str; 3] = ["a", "b", "c"];

const HOUR_MS: i64 = 3_600_000;

/// One outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) arm: usize,
    pub(crate) at_ms: i64,
    pub(crate) x: [i32; D],
    pub(crate) r: i32,
}

impl Outcome {
    pub(crate) fn observation(&self) -> Observation<'_> {
        self.with(Change::Learn(self.r))
    }

    pub(crate) fn with(&self, change: Change) -> Observation<'_> {
        let Self { arm, at_ms, ref x, .. } = *self;
        Observation { arm: ARMS[arm], incarnation: 0, at_ms, x, change }
    }
}

pub(crate) fn grid() -> std::ops::RangeInclusive<i32> {
    -32_768..=32_768
}

/// Outcomes of three arms over two days.
pub(crate) fn outcomes(most: usize) -> impl Strategy<Value = Vec<Outcome>> {
    let one = (0..ARMS.len(), 0..48 * HOUR_MS, prop::array::uniform4(grid()), grid());
    let one = one.prop_map(|(arm, at_ms, x, r)| Outcome { arm, at_ms, x, r });
    prop::collection::vec(one, 1..most)
}

/// Every kind of model: disjoint or hybrid, never forgetting, a window, or discounted with one
/// matrix or two.
pub(crate) fn models() -> impl Strategy<Value = (Layout, Model)> {
    let forgetting = prop_oneof![
        Just(None),
        Just(Some(Forgetting::window(6 * HOUR_MS, 3))),
        Just(Some(Forgetting::discounted(HOUR_MS, 0.9, 20, false))),
        Just(Some(Forgetting::discounted(HOUR_MS, 0.8, 30, true))),
    ];
    let lambda = prop_oneof![Just(1.0), Just(0.25), Just(8.0)];
    (0..=2usize, lambda, forgetting).prop_map(|(shared, lambda, forgetting)| {
        let model = Model { forgetting, ..Model::plain(lambda) };
        (Layout { own: D - shared, shared }, model)
    })
}

/// A learner with all arms.
pub(crate) fn learner((layout, model): &(Layout, Model)) -> Learner {
    let mut learner = Learner::of(*layout, model.clone());
    learner.configure(model.lambda, ARMS.map(|arm| (arm, false)).into_iter());
    learner
}

/// A learner of some outcomes.
pub(crate) fn learnt(model: &(Layout, Model), outcomes: &[Outcome]) -> Learner {
    let mut learner = learner(model);
    learner.absorb(outcomes.iter().map(Outcome::observation));
    learner
}

/// Bits of every arm's mean and width.
pub(crate) fn bits(learner: &Learner, x: &[i32]) -> Vec<(u64, u64)> {
    let scores = learner.arms().iter().map(|arm| arm.score(x));
    scores.map(|score| (score.mean.to_bits(), score.width.to_bits())).collect()
}

/// The tests' configuration: failing cases are printed, not stored.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
