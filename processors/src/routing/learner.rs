//! The learner: every arm ever registered, with its exact sums and what is derived from them.
//!
//! The sums are the state. Which learner they make is the [`Model`]'s alone: disjoint or hybrid by
//! the layout of the features, forgetting by weights of event-time buckets. The derived values are
//! a cache beside the sums, made again when an arm learns, when the model, the layout or the newest
//! bucket changes and when a learner is restored; they are never stored.

mod registry;

use alloc::{borrow::Cow, string::String, vec::Vec};

use zeitgeber_schemas::PartitionId;

use super::{
    forgetting::{ALL_TIME, Buckets, Forgetting},
    linucb::{Derived, Score, System, derive},
    merge::{ArmContribution, Contribution, Others},
    sums::{ArmSums, Change, WEIGHT_ONE},
};

/// Whether an arm may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ArmStatus {
    /// It may.
    Active,
    /// Not at present; it keeps learning from earlier decisions.
    Suspended,
    /// Never again. Its sums stay; the same name comes back as a new incarnation.
    Removed,
}

/// How features are laid out: an arm's own first, then those whose coefficients all arms share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    /// Features with coefficients of each arm's own.
    pub own: usize,
    /// Features with shared coefficients; 0: disjoint.
    pub shared: usize,
}

impl Layout {
    /// Number of features.
    pub const fn dimension(self) -> usize {
        self.own + self.shared
    }

    /// Whether `later` has features more than this one and none less.
    pub const fn extends_to(self, later: Self) -> bool {
        later.own >= self.own && later.shared >= self.shared && later.dimension() > self.dimension()
    }

    /// Sums of this layout in a later one. New features have been 0 so far.
    pub(super) fn extended(self, sums: &ArmSums, later: Self) -> ArmSums {
        let own = sums.extended(self.own, later.own - self.own);
        own.extended(later.own + self.shared, later.shared - self.shared)
    }

    /// Puts features of this layout into a later one.
    fn widen(self, x: &[i32], later: Self) -> Vec<i32> {
        let (own, shared) = x.split_at(self.own);
        let zeros = |count| core::iter::repeat_n(0, count);
        let own = own.iter().copied().chain(zeros(later.own - self.own));
        own.chain(shared.iter().copied()).chain(zeros(later.shared - self.shared)).collect()
    }
}

/// What makes a learner of sums. Never part of the sums.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// Ridge prior: 1 / variance of a coefficient.
    pub lambda: f64,
    /// How outcomes lose weight with age; none: never.
    pub forgetting: Option<Forgetting>,
    /// Share of the other arms' mean sums that a newly registered arm starts with; 0: none.
    pub warm_start: f64,
}

impl Model {
    /// A model that never forgets and starts each arm from nothing.
    pub const fn plain(lambda: f64) -> Self {
        Self { lambda, forgetting: None, warm_start: 0.0 }
    }
}

/// An outcome of a decision, or a change of one.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The arm that was chosen.
    pub arm: &'a str,
    /// Which registration of it.
    pub incarnation: u32,
    /// When was decided, ms of event time. A learner that does not forget ignores it.
    pub at_ms: i64,
    /// The decision's features on the grid 2^-12, in the layout of the decision's time.
    pub x: &'a [i32],
    /// What the outcome does to the sums.
    pub change: Change,
}

/// One registration of an arm.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LearnerArm {
    name: String,
    incarnation: u32,
    status: ArmStatus,
    dimension: usize,
    /// What a warm start gave it.
    prior: Option<ArmSums>,
    buckets: Buckets,
    #[serde(skip)]
    derived: Derived,
}

impl LearnerArm {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which registration of that name, from 0.
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether it may be chosen.
    pub const fn status(&self) -> ArmStatus {
        self.status
    }

    /// Its exact sums over all that is kept, without prior, weights and other partitions.
    pub fn sums(&self) -> Cow<'_, ArmSums> {
        let mut buckets = self.buckets.iter().map(|(_, sums)| sums);
        let Some(first) = buckets.next() else {
            return Cow::Owned(ArmSums::new(self.dimension));
        };
        let add = |mut total: Cow<'_, ArmSums>, sums| {
            total.to_mut().merge(sums);
            Cow::Owned(total.into_owned())
        };
        buckets.fold(Cow::Borrowed(first), add)
    }

    /// What a warm start gave it.
    pub const fn prior(&self) -> Option<&ArmSums> {
        self.prior.as_ref()
    }

    /// What scoring needs of it.
    pub const fn derived(&self) -> &Derived {
        &self.derived
    }

    /// Scores features of the learner's dimension on the grid 2^-12.
    pub fn score(&self, x: &[i32]) -> Score {
        self.derived.score(x)
    }
}

/// Every arm ever registered, with its sums; what is derived from them is kept beside them and
/// made again on change and on restoring.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "Stored")]
pub struct Learner {
    layout: Layout,
    /// Layouts of the past, the oldest first.
    earlier: Vec<Layout>,
    model: Model,
    /// Newest event time told, ms; weights are as of then.
    now_ms: i64,
    /// What was decided earlier is in this time's bucket, ms.
    floor_ms: i64,
    /// Outcomes taken in.
    version: u64,
    arms: Vec<LearnerArm>,
    others: Others,
}

/// A learner as it is stored: its derived values are still missing.
#[derive(serde::Deserialize)]
struct Stored {
    layout: Layout,
    earlier: Vec<Layout>,
    model: Model,
    now_ms: i64,
    floor_ms: i64,
    version: u64,
    arms: Vec<LearnerArm>,
    others: Others,
}

impl From<Stored> for Learner {
    fn from(stored: Stored) -> Self {
        let Stored { layout, earlier, model, now_ms, floor_ms, version, arms, others } = stored;
        let mut learner = Self { layout, earlier, model, now_ms, floor_ms, version, arms, others };
        learner.derive_all();
        learner
    }
}

impl Learner {
    /// A disjoint learner without arms that never forgets, for `dimension` features.
    pub const fn new(dimension: usize, lambda: f64) -> Self {
        Self::of(Layout { own: dimension, shared: 0 }, Model::plain(lambda))
    }

    /// A learner without arms.
    pub const fn of(layout: Layout, model: Model) -> Self {
        Self {
            layout,
            earlier: Vec::new(),
            model,
            now_ms: ALL_TIME,
            floor_ms: ALL_TIME,
            version: 0,
            arms: Vec::new(),
            others: Others::none(),
        }
    }

    /// Number of features.
    pub const fn dimension(&self) -> usize {
        self.layout.dimension()
    }

    /// What makes it of its sums.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Every registration, oldest first, removed ones included.
    pub fn arms(&self) -> &[LearnerArm] {
        &self.arms
    }

    /// The registration of `name` that is not removed.
    pub fn current(&self, name: &str) -> Option<&LearnerArm> {
        self.arms.iter().find(|arm| arm.status != ArmStatus::Removed && arm.name == name)
    }

    /// Takes in outcomes and changes of them, and derives once. An unknown registration learns
    /// nothing.
    pub fn absorb<'a>(&mut self, observations: impl IntoIterator<Item = Observation<'a>>) {
        let mut dirty: Vec<usize> = Vec::new();
        let before_ms = self.now_ms;
        for observation in observations {
            let Observation { arm, incarnation, at_ms, x, change } = observation;
            let is_it = |known: &LearnerArm| known.incarnation == incarnation && known.name == arm;
            if let Some(index) = self.arms.iter().position(is_it) {
                self.change(index, at_ms, x, change);
                if !dirty.contains(&index) {
                    dirty.push(index);
                }
            }
        }
        if self.moved(before_ms) {
            return self.derive_all();
        }
        dirty.into_iter().for_each(|index| self.derive_changed(index));
    }

    /// Takes in a change of the arm at `index`. Another incarnation learns nothing.
    pub fn absorb_at(&mut self, index: usize, observation: &Observation<'_>) {
        let before_ms = self.now_ms;
        if self.arms.get(index).is_some_and(|arm| arm.incarnation == observation.incarnation) {
            self.change(index, observation.at_ms, observation.x, observation.change);
            if self.moved(before_ms) { self.derive_all() } else { self.derive_changed(index) }
        }
    }

    /// Learns an outcome whose time does not matter, see [`Self::absorb`].
    pub fn learn(&mut self, arm: &str, incarnation: u32, x: &[i32], r: i32) {
        self.absorb([Observation {
            arm,
            incarnation,
            at_ms: ALL_TIME,
            x,
            change: Change::Learn(r),
        }]);
    }

    /// Lets time pass: weights are as of the newest time told.
    pub fn advance(&mut self, now_ms: i64) {
        let before_ms = self.now_ms;
        self.now_ms = before_ms.max(now_ms);
        if self.moved(before_ms) {
            self.derive_all();
        }
    }

    /// All that was learnt here, for other partitions.
    pub fn contribution(&self) -> Contribution {
        let arms = self.arms.iter().map(|arm| ArmContribution {
            arm: arm.name.clone(),
            incarnation: arm.incarnation,
            buckets: arm.buckets.clone(),
        });
        let Self { layout, version, now_ms, .. } = *self;
        Contribution { version, layout, now_ms, arms: arms.collect() }
    }

    /// Takes over what another partition learnt, if it is newer than what is known of it; whether it
    /// was. Features of a later layout count once this learner has them.
    pub fn take(&mut self, from: PartitionId, contribution: Contribution) -> bool {
        let now_ms = contribution.now_ms;
        let is_newer = self.others.take(from, contribution);
        if is_newer {
            self.now_ms = self.now_ms.max(now_ms);
            self.others.extend(self.layout);
            self.derive_all();
        }
        is_newer
    }

    fn change(&mut self, index: usize, at_ms: i64, x: &[i32], change: Change) {
        let (layout, dimension) = (self.layout, self.layout.dimension());
        let is_past = |past: &&Layout| past.dimension() == x.len() && x.len() < dimension;
        let past = self.earlier.iter().find(is_past);
        let x = past.map_or(Cow::Borrowed(x), |past| Cow::Owned(past.widen(x, layout)));
        let forgetting = self.model.forgetting.as_ref();
        let kept_ms = at_ms.max(self.floor_ms);
        if let Some(sums) = self.arms[index].buckets.at(forgetting, kept_ms, dimension) {
            sums.change(&x, change);
        }
        self.now_ms = self.now_ms.max(at_ms);
        self.version = self.version.saturating_add(1);
    }
}

/// What is derived, and when.
impl Learner {
    /// Whether weights are others than as of `before_ms`.
    fn moved(&self, before_ms: i64) -> bool {
        let forgetting = self.model.forgetting.as_ref();
        forgetting.is_some_and(|one| one.start(before_ms) != one.start(self.now_ms))
    }

    fn system(&self, arm: &LearnerArm) -> System {
        let forgetting = self.model.forgetting.as_ref();
        let weight =
            |start_ms| forgetting.map_or(WEIGHT_ONE, |one| one.weight(start_ms, self.now_ms));
        let others = self.others.of(&arm.name, arm.incarnation).flat_map(Buckets::iter);
        let kept = arm.buckets.iter().chain(others);
        let weighed = kept.map(|(start_ms, sums)| (sums, weight(start_ms)));
        let parts = arm.prior.iter().map(|prior| (prior, WEIGHT_ONE)).chain(weighed);
        match forgetting {
            Some(one) if one.two_matrices() => System::two_matrices(parts, self.dimension()),
            _ => System::of(parts, self.dimension()),
        }
    }

    fn derive_changed(&mut self, index: usize) {
        if self.layout.shared > 0 {
            return self.derive_all();
        }
        self.arms[index].derived = self.derived(&self.arms[index]);
    }

    /// What an arm is by itself; with shared features, among all the others.
    fn derived(&self, arm: &LearnerArm) -> Derived {
        let among = self.arms.iter().filter(|_| self.layout.shared > 0);
        let systems = among.chain([arm]).map(|arm| self.system(arm)).collect();
        derive(systems, self.layout.own, self.model.lambda).pop().unwrap_or_default()
    }

    fn derive_all(&mut self) {
        let systems = self.arms.iter().map(|arm| self.system(arm)).collect();
        let derived = derive(systems, self.layout.own, self.model.lambda);
        for (arm, derived) in self.arms.iter_mut().zip(derived) {
            arm.derived = derived;
        }
    }
}
