//! The learner: every arm ever registered, with its exact sums and what is derived from them.
//!
//! The sums are the state. The derived values are a cache beside them, made again when an arm
//! learns, when lambda changes and when a learner is restored; they are never stored.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::linucb::{ArmSums, Derived, Score};

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

/// One registration of an arm.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LearnerArm {
    name: String,
    incarnation: u32,
    status: ArmStatus,
    sums: ArmSums,
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

    /// Its exact sums.
    pub const fn sums(&self) -> &ArmSums {
        &self.sums
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
    dimension: usize,
    lambda: f64,
    arms: Vec<LearnerArm>,
}

/// A learner as it is stored: its derived values are still missing.
#[derive(serde::Deserialize)]
struct Stored {
    dimension: usize,
    lambda: f64,
    arms: Vec<LearnerArm>,
}

impl From<Stored> for Learner {
    fn from(stored: Stored) -> Self {
        let Stored { dimension, lambda, arms } = stored;
        let mut learner = Self { dimension, lambda, arms };
        learner.derive_all();
        learner
    }
}

impl Learner {
    /// A learner without arms, for `dimension` features.
    pub const fn new(dimension: usize, lambda: f64) -> Self {
        Self { dimension, lambda, arms: Vec::new() }
    }

    /// Number of features.
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// Every registration, oldest first, removed ones included.
    pub fn arms(&self) -> &[LearnerArm] {
        &self.arms
    }

    /// The registration of `name` that is not removed.
    pub fn current(&self, name: &str) -> Option<&LearnerArm> {
        self.arms.iter().find(|arm| arm.status != ArmStatus::Removed && arm.name == name)
    }

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
    }

    /// An arm that has learnt nothing.
    pub fn fresh(&self, name: &str, incarnation: u32) -> LearnerArm {
        let sums = ArmSums::new(self.dimension);
        let derived = sums.derive(self.lambda);
        LearnerArm { name: name.to_owned(), incarnation, status: ArmStatus::Active, sums, derived }
    }

    /// Lets the arm at `index` be chosen, or not.
    pub fn set_status(&mut self, index: usize, status: ArmStatus) {
        if let Some(arm) = self.arms.get_mut(index) {
            arm.status = status;
        }
    }

    /// Takes over another prior.
    pub fn set_lambda(&mut self, lambda: f64) {
        if self.lambda.to_bits() != lambda.to_bits() {
            self.lambda = lambda;
            self.derive_all();
        }
    }

    /// Learns an outcome of the arm at `index`. Another incarnation learns nothing.
    pub fn learn_at(&mut self, index: usize, incarnation: u32, x: &[i32], r: i32) {
        if let Some(arm) = self.arms.get_mut(index).filter(|arm| arm.incarnation == incarnation) {
            arm.sums.learn(x, r);
            arm.derived = arm.sums.derive(self.lambda);
        }
    }

    /// Learns an outcome. An unknown registration learns nothing.
    pub fn learn(&mut self, name: &str, incarnation: u32, x: &[i32], r: i32) {
        self.change(name, incarnation, |sums| sums.learn(x, r));
    }

    /// Replaces a reward learnt before.
    pub fn correct(&mut self, name: &str, incarnation: u32, x: &[i32], old: i32, new: i32) {
        self.change(name, incarnation, |sums| sums.correct(x, old, new));
    }

    /// Takes an outcome back.
    pub fn retract(&mut self, name: &str, incarnation: u32, x: &[i32], r: i32) {
        self.change(name, incarnation, |sums| sums.retract(x, r));
    }

    fn change(&mut self, name: &str, incarnation: u32, change: impl FnOnce(&mut ArmSums)) {
        let arm = self.arms.iter_mut().find(|a| a.incarnation == incarnation && a.name == name);
        if let Some(arm) = arm {
            change(&mut arm.sums);
            arm.derived = arm.sums.derive(self.lambda);
        }
    }

    fn register(&mut self, name: &str, status: ArmStatus) {
        let incarnation = self.arms.iter().filter(|arm| arm.name == name).count() as u32;
        let arm = self.fresh(name, incarnation);
        self.arms.push(LearnerArm { status, ..arm });
    }

    fn derive_all(&mut self) {
        for arm in &mut self.arms {
            arm.derived = arm.sums.derive(self.lambda);
        }
    }
}
