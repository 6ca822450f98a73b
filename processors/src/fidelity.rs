//! Fidelity: whether decisions are made as designed, each sign green, yellow or red.
//!
//! [`Monitor`] folds one partition's decisions and outcomes; monitors of several partitions are
//! merged in any order, as all that they hold are counts and exact sums. [`Monitor::judge`] holds
//! each policy version's figures, and the drift of the context, against fixed [`thresholds`]. A sign
//! without enough behind it is told as such and never green.

mod drift;
mod judge;
pub mod thresholds;
mod version;

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};

use drift::Drift;
pub use drift::FeatureDrift;
pub use judge::{ArmSign, Fidelity, Level, Quantiles, Sign, VersionSigns, What};
use version::Version;
use zeitgeber_schemas::{
    ConfigurationBody, DecisionId, DecisionMade, FeedbackNoted, FeedbackRecorded, FeedbackStatus,
    OutcomeExpired,
};

/// What is counted of one partition, or of several.
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    versions: BTreeMap<String, Version>,
    drift: Drift,
    /// Decisions whose outcome may still come.
    open: BTreeMap<DecisionId, Open>,
}

#[derive(Debug, Clone)]
struct Open {
    at_ms: i64,
    version: String,
    arm: String,
}

impl Monitor {
    /// Takes in a configuration: what its version is held against.
    pub fn configuration(&mut self, body: &ConfigurationBody) {
        let version = self.versions.entry(body.version.clone()).or_default();
        version.epsilon = Some(body.policy.epsilon);
        version.window_ms = Some(body.feedback.window_ms);
    }

    /// Takes in a decision.
    pub fn decision(&mut self, event: &DecisionMade) {
        self.drift.add(event);
        if !self.versions.contains_key(&event.configuration) {
            self.versions.insert(event.configuration.clone(), Version::default());
        }
        if let Some(version) = self.versions.get_mut(&event.configuration) {
            version.decision(event);
        }
        let (version, arm) = (event.configuration.clone(), event.chosen.clone());
        self.open.insert(event.decision_id, Open { at_ms: event.at_ms, version, arm });
    }

    /// Takes in feedback that arrived at an instant, ms UTC.
    pub fn feedback(&mut self, event: &FeedbackRecorded, received_ms: i64) {
        if event.status == FeedbackStatus::Applied {
            self.answered(event.decision_id, received_ms);
        }
    }

    /// Takes in other feedback that arrived at an instant, ms UTC: an outcome that stands by it has
    /// come. One that is taken back later has come all the same.
    pub fn noted(&mut self, event: &FeedbackNoted, received_ms: i64) {
        if event.replaces.is_none() && event.stands.is_some() {
            self.answered(event.decision_id, received_ms);
        }
    }

    fn answered(&mut self, decision_id: DecisionId, received_ms: i64) {
        if let Some(open) = self.open.remove(&decision_id) {
            let delay_ms = received_ms.saturating_sub(open.at_ms);
            let version = self.versions.entry(open.version).or_default();
            version.answered(&open.arm, delay_ms);
        }
    }

    /// Takes in that an outcome did not come.
    pub fn expired(&mut self, event: &OutcomeExpired) {
        if let Some(open) = self.open.remove(&event.decision_id) {
            let version = self.versions.entry(open.version).or_default();
            version.missed(&open.arm, event.unshown);
        }
    }

    /// Adds what another partition counted.
    pub fn merge(&mut self, other: Self) {
        for (name, version) in other.versions {
            self.versions.entry(name).or_default().merge(version);
        }
        self.drift.merge(other.drift);
        self.open.extend(other.open);
    }

    /// Judges what was counted. Versions that decided nothing are left out.
    pub fn judge(&self) -> Fidelity {
        let decided = self.versions.iter().filter(|(_, version)| version.decisions > 0);
        let versions = decided.map(|(name, version)| version.judge(name.to_string()));
        Fidelity::new(versions.collect(), self.drift.judge(), self.open.len() as u64)
    }
}
