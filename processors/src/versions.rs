//! Versions of the configuration: the one that decides, the one before it, and a candidate.
//!
//! Each stage folds its own. A configuration comes as an input in the stage that it names: an active
//! one takes the active place, a shadow or a canary the candidate's. Orders move them: promote,
//! rollback, drop. What last came as active is remembered beside what is active, so that a file
//! that did not change since is told from a new one, whatever was promoted in between.

use alloc::{format, string::String};

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_schemas::{ConfigurationBody, ControlStep, Rollout, Stage};

/// A version, with what a stage keeps for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Version<T> {
    /// What it says.
    pub configuration: ConfigurationBody,
    /// What the stage keeps for it.
    pub kept: T,
}

/// The versions of a partition.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Versions<T> {
    entered: Option<ConfigurationBody>,
    active: Option<Version<T>>,
    previous: Option<Version<T>>,
    candidate: Option<Version<T>>,
}

/// What becomes of a configuration or an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stands.
    Taken,
    /// It stands already.
    Repeated,
    /// It cannot stand, and why.
    Refused(String),
}

impl<T> Versions<T> {
    /// Nothing configured.
    pub const fn none() -> Self {
        Self { entered: None, active: None, previous: None, candidate: None }
    }

    /// The configuration that last came as active.
    pub const fn entered(&self) -> Option<&ConfigurationBody> {
        self.entered.as_ref()
    }

    /// The version that decides. Without one there are no decisions.
    pub const fn active(&self) -> Option<&Version<T>> {
        self.active.as_ref()
    }

    /// The version that decided before.
    pub const fn previous(&self) -> Option<&Version<T>> {
        self.previous.as_ref()
    }

    /// The version that may decide next.
    pub const fn candidate(&self) -> Option<&Version<T>> {
        self.candidate.as_ref()
    }

    /// All of them: active, previous, candidate.
    pub fn iter(&self) -> impl Iterator<Item = &Version<T>> {
        [&self.active, &self.previous, &self.candidate].into_iter().flatten()
    }

    /// What is kept for each.
    pub fn kept_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let all = [&mut self.active, &mut self.previous, &mut self.candidate];
        all.into_iter().flatten().map(|version| &mut version.kept)
    }

    /// The version that decides for a person, and in what stage.
    pub fn deciding_for(&self, key: &str) -> Option<(&Version<T>, Stage)> {
        let canary = self.candidate.as_ref().filter(|one| takes(&one.configuration, key));
        match canary {
            Some(canary) => Some((canary, Stage::Canary)),
            None => self.active.as_ref().map(|active| (active, Stage::Active)),
        }
    }

    /// The version that decides beside the active one.
    pub fn shadow(&self) -> Option<&Version<T>> {
        let is_shadow = |one: &&Version<T>| one.configuration.rollout.stage == Stage::Shadow;
        self.candidate.as_ref().filter(is_shadow)
    }

    /// The version that made a decision in this stage just now.
    pub const fn at(&self, stage: Stage) -> Option<&Version<T>> {
        match stage {
            Stage::Active => self.active.as_ref(),
            Stage::Shadow | Stage::Canary => self.candidate.as_ref(),
        }
    }

    /// What becomes of a configuration.
    pub fn decide(&self, body: &ConfigurationBody) -> Verdict {
        if body.rollout.stage == Stage::Active {
            let same = self.entered.as_ref() == Some(body);
            return if same { Verdict::Repeated } else { Verdict::Taken };
        }
        let Some(active) = &self.active else {
            return Verdict::Refused("no version is active that a candidate could follow".into());
        };
        if self.candidate.as_ref().is_some_and(|one| one.configuration == *body) {
            return Verdict::Repeated;
        }
        if active.configuration.version == body.version {
            let version = &body.version;
            return Verdict::Refused(format!("the active version is named {version:?}, too"));
        }
        Verdict::Taken
    }

    /// What becomes of an order that moves the version `name`.
    pub fn decide_step(&self, step: ControlStep, name: &str) -> Verdict {
        let (from, what) = match step {
            ControlStep::Promote => (&self.candidate, "candidate"),
            ControlStep::Rollback => (&self.previous, "version before the active one"),
            ControlStep::Drop => (&self.candidate, "candidate"),
            ControlStep::Stop | ControlStep::Resume => return Verdict::Taken,
        };
        let is_named = |one: &Version<T>| one.configuration.version == name;
        let stands = step != ControlStep::Drop && self.active.as_ref().is_some_and(is_named);
        match from {
            Some(one) if is_named(one) => Verdict::Taken,
            _ if stands => Verdict::Repeated,
            Some(one) => {
                let known = &one.configuration.version;
                Verdict::Refused(format!("the {what} is {known:?}, not {name:?}"))
            }
            None => Verdict::Refused(format!("there is no {what}")),
        }
    }
}

impl<T: Clone> Versions<T> {
    /// Takes over a configuration; `fit` makes what the stage keeps for it of what it kept for the
    /// active one.
    pub fn enter(
        &mut self,
        body: &ConfigurationBody,
        fit: impl FnOnce(Option<&T>, &ConfigurationBody) -> T,
    ) {
        let fitted = |active: Option<&Version<T>>| Version {
            kept: fit(active.map(|active| &active.kept), body),
            configuration: body.clone(),
        };
        if body.rollout.stage != Stage::Active {
            let same = self.candidate.take().filter(|one| {
                let rollout = body.rollout.clone();
                ConfigurationBody { rollout, ..one.configuration.clone() } == *body
            });
            self.candidate = Some(match same {
                // Only its part changes: what it learnt stays.
                Some(one) => Version { configuration: body.clone(), ..one },
                None => fitted(self.active.as_ref()),
            });
            return;
        }
        self.entered = Some(body.clone());
        self.candidate = self.candidate.take().filter(|c| c.configuration.version != body.version);
        if self.active.as_ref().is_none_or(|active| active.configuration != *body) {
            let next = fitted(self.active.as_ref());
            self.previous = self.active.replace(next);
        }
    }

    /// Moves versions as ordered.
    pub fn step(&mut self, step: ControlStep) {
        match step {
            ControlStep::Promote => {
                if let Some(mut next) = self.candidate.take() {
                    next.configuration.rollout = Rollout::active();
                    self.previous = self.active.replace(next);
                }
            }
            ControlStep::Rollback => {
                if self.previous.is_some() {
                    core::mem::swap(&mut self.active, &mut self.previous);
                }
            }
            ControlStep::Drop => self.candidate = None,
            ControlStep::Stop | ControlStep::Resume => {}
        }
    }
}

/// Whether a canary takes a person: by a hash of person and version, so that everybody stays where
/// they are while its share grows, and each version draws its own share of the people.
fn takes(configuration: &ConfigurationBody, key: &str) -> bool {
    let Rollout { stage, percent } = &configuration.rollout;
    let name = [key.as_bytes(), b"\0", configuration.version.as_bytes()].concat();
    *stage == Stage::Canary && xxh3_64(&name) % 100 < u64::from(*percent)
}
