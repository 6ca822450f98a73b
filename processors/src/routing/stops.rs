//! What operators stopped. A stop is by name, and holds until it is resumed.

use alloc::{collections::BTreeSet, format, string::String};

use zeitgeber_schemas::{ControlBody, ControlScope, ControlStep};

use super::learner::Learner;
use crate::versions::{Verdict, Versions};

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Stops {
    all: bool,
    versions: BTreeSet<String>,
    arms: BTreeSet<String>,
    people: BTreeSet<String>,
}

impl Stops {
    /// Nothing.
    pub const fn none() -> Self {
        Self {
            all: false,
            versions: BTreeSet::new(),
            arms: BTreeSet::new(),
            people: BTreeSet::new(),
        }
    }

    /// Whether everything is stopped.
    pub const fn all(&self) -> bool {
        self.all
    }

    /// Versions that are stopped, by name.
    pub const fn versions(&self) -> &BTreeSet<String> {
        &self.versions
    }

    /// Arms that are stopped, by name.
    pub const fn arms(&self) -> &BTreeSet<String> {
        &self.arms
    }

    /// People who are stopped, by key.
    pub const fn people(&self) -> &BTreeSet<String> {
        &self.people
    }

    /// What becomes of an order to stop or to resume. What is to stop must be known, so that a slip
    /// of the name does not pass for a stop.
    pub(super) fn decide(
        &self,
        order: &ControlBody,
        key: &str,
        known: &Versions<Learner>,
    ) -> Verdict {
        let (name, stop) = (&order.name, order.step == ControlStep::Stop);
        let (stands, is_known) = match order.scope {
            ControlScope::All => (self.all, true),
            ControlScope::Person => (self.people.contains(key), true),
            ControlScope::Version => {
                let is_it = |one: &str| one == name;
                let versions = known.iter().map(|one| one.configuration.version.as_str());
                (self.versions.contains(name), versions.into_iter().any(is_it))
            }
            ControlScope::Arm => {
                let is_known = known.iter().any(|one| one.kept.current(name).is_some());
                (self.arms.contains(name), is_known)
            }
        };
        if stands == stop {
            Verdict::Repeated
        } else if stop && !is_known {
            Verdict::Refused(format!("no {} is named {name:?}", order.scope))
        } else {
            Verdict::Taken
        }
    }

    pub(super) fn apply(&mut self, order: &ControlBody, key: &str) {
        let stop = match order.step {
            ControlStep::Stop => true,
            ControlStep::Resume => false,
            ControlStep::Promote | ControlStep::Rollback | ControlStep::Drop => return,
        };
        let (names, name) = match order.scope {
            ControlScope::All => {
                self.all = stop;
                return;
            }
            ControlScope::Person => (&mut self.people, key),
            ControlScope::Version => (&mut self.versions, order.name.as_str()),
            ControlScope::Arm => (&mut self.arms, order.name.as_str()),
        };
        if stop {
            names.insert(name.into());
        } else {
            names.remove(name);
        }
    }
}
