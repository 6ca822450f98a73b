//! Arms come, rest and go, and features are added: what changes a learner without an outcome.

use alloc::{borrow::ToOwned, vec::Vec};

use super::{ArmStatus, Layout, Learner, LearnerArm, Model};
use crate::routing::{
    forgetting::{ALL_TIME, Buckets, Forgetting},
    linucb::Derived,
    sums::ArmSums,
};

impl Learner {
    /// Takes over the prior and the arms in force, each with whether it is suspended. An arm not
    /// named any more is removed; a name not in force is registered anew.
    pub fn configure<'a>(
        &mut self,
        lambda: f64,
        named: impl Iterator<Item = (&'a str, bool)> + Clone,
    ) {
        self.set_lambda(lambda);
        for arm in &mut self.arms {
            if !named.clone().any(|(name, _)| name == arm.name) {
                arm.status = ArmStatus::Removed;
            }
        }
        for (name, suspended) in named {
            let status = if suspended { ArmStatus::Suspended } else { ArmStatus::Active };
            match self.arms.iter_mut().find(|a| a.status != ArmStatus::Removed && a.name == name) {
                Some(arm) => arm.status = status,
                None => self.register(name, status),
            }
        }
    }

    /// Registers one arm at `index`, in place of the one that stands there, or at the end. For
    /// arms that come and go one by one; the caller numbers the incarnations.
    pub fn put(&mut self, index: usize, name: &str, incarnation: u32) {
        let arm = self.fresh(name, incarnation);
        match self.arms.get_mut(index) {
            Some(place) => *place = arm,
            None => self.arms.push(arm),
        }
        if self.layout.shared > 0 {
            self.derive_all();
        }
    }

    /// An arm that has learnt nothing here. Others may have: what they learnt counts.
    pub fn fresh(&self, name: &str, incarnation: u32) -> LearnerArm {
        let arm = LearnerArm {
            name: name.to_owned(),
            incarnation,
            status: ArmStatus::Active,
            dimension: self.dimension(),
            prior: self.prior(),
            buckets: Buckets::default(),
            derived: Derived::default(),
        };
        let derived = self.derived(&arm);
        LearnerArm { derived, ..arm }
    }

    /// Lets the arm at `index` be chosen, or not.
    pub fn set_status(&mut self, index: usize, status: ArmStatus) {
        if let Some(arm) = self.arms.get_mut(index) {
            arm.status = status;
        }
    }

    /// Takes over another ridge prior.
    pub fn set_lambda(&mut self, lambda: f64) {
        if self.model.lambda.to_bits() != lambda.to_bits() {
            self.model.lambda = lambda;
            self.derive_all();
        }
    }

    /// Takes over another model and another division of the same features, and derives anew from
    /// the sums. Under another length of buckets all that was learnt stays, in one bucket: that of
    /// the newest time told, to which whatever was decided earlier belongs from then on. A layout
    /// with another number of features is not taken.
    pub fn remodel(&mut self, layout: Layout, model: Model) {
        let layout = if layout.dimension() == self.dimension() { layout } else { self.layout };
        if self.model == model && self.layout == layout {
            return;
        }
        let length = |model: &Model| model.forgetting.as_ref().map(Forgetting::bucket_ms);
        if length(&self.model) != length(&model) {
            self.floor_ms = if model.forgetting.is_some() { self.now_ms } else { ALL_TIME };
            let forgetting = model.forgetting.as_ref();
            let start_ms = forgetting.map_or(ALL_TIME, |one| one.start(self.floor_ms));
            self.arms.iter_mut().for_each(|arm| arm.buckets.join(start_ms));
        }
        self.model = model;
        self.layout = layout;
        self.derive_all();
    }

    /// Adds features, which have been 0 in every outcome so far. A layout with fewer features of
    /// either kind is refused; whether it was taken.
    pub fn extend(&mut self, layout: Layout) -> bool {
        let from = self.layout;
        if !from.extends_to(layout) {
            return false;
        }
        for arm in &mut self.arms {
            arm.buckets.widen(|sums| from.extended(sums, layout));
            arm.dimension = layout.dimension();
            arm.prior = arm.prior.take().map(|prior| from.extended(&prior, layout));
        }
        self.earlier.push(from);
        self.layout = layout;
        self.others.extend(layout);
        self.derive_all();
        true
    }

    fn register(&mut self, name: &str, status: ArmStatus) {
        let incarnation = self.arms.iter().filter(|arm| arm.name == name).count() as u32;
        self.put(self.arms.len(), name, incarnation);
        self.set_status(self.arms.len() - 1, status);
    }

    /// What a new arm starts with: the model's share of the mean of what is known of the others in
    /// force. It stays as it was at registration and is not passed on.
    fn prior(&self) -> Option<ArmSums> {
        let rho = self.model.warm_start;
        let in_force = self.arms.iter().filter(|arm| arm.status != ArmStatus::Removed);
        let known: Vec<ArmSums> = in_force.map(|arm| self.total(arm)).collect();
        let warms = rho > 0.0 && known.iter().any(|sums| sums.n > 0);
        warms.then(|| ArmSums::prior(known.iter(), rho, self.dimension()))
    }

    /// All that is known of an arm, other partitions' part included; without prior and weights.
    pub fn total(&self, arm: &LearnerArm) -> ArmSums {
        let mut total = arm.sums().into_owned();
        let others = self.others.of(&arm.name, arm.incarnation).flat_map(Buckets::iter);
        others.for_each(|(_, sums)| total.merge(sums));
        total
    }
}
