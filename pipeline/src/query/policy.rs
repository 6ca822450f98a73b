//! Which versions of the decisions stand in each partition, and what is stopped.

use serde::{Deserialize, Serialize};
use zeitgeber_processors::{flow::State, routing::learner::Learner, versions::Version};
use zeitgeber_schemas::{PartitionId, Stage};

use super::QueryError;
use crate::store::Store;

/// How decisions are made in a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct PolicyView {
    /// The partition.
    #[cfg_attr(feature = "service", schema(value_type = u16))]
    pub partition: PartitionId,
    /// The version that decides.
    pub active: Option<VersionView>,
    /// The version before, to which a rollback leads.
    pub previous: Option<VersionView>,
    /// The version that may decide next.
    pub candidate: Option<VersionView>,
    /// Everything is stopped.
    pub all_stopped: bool,
    /// Versions that are stopped.
    pub versions_stopped: Vec<String>,
    /// Arms that are stopped.
    pub arms_stopped: Vec<String>,
    /// People who are stopped, by key.
    pub people_stopped: Vec<String>,
}

/// A version of the decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct VersionView {
    /// Its name.
    pub version: String,
    /// Its part.
    #[cfg_attr(feature = "service", schema(value_type = String, pattern = "^(active|shadow|canary)$"))]
    pub stage: Stage,
    /// Canary: for how many of a hundred people it decides.
    pub percent: u32,
    /// Its rule.
    pub rule: String,
    /// Outcomes that its learner has.
    pub outcomes: u64,
}

/// How decisions are made in each partition.
///
/// # Errors
///
/// The log cannot be read.
pub fn policies(store: &Store) -> Result<Vec<PolicyView>, QueryError> {
    let of = |partition| Ok(policy_of(store.glance(partition)?.0.state()));
    store.partitions().map(of).collect()
}

/// How decisions are made in a partition.
pub fn policy_of(state: &State) -> PolicyView {
    let (versions, stops) = (&state.routing.versions, &state.routing.stops);
    let view = |version: &Version<Learner>| VersionView {
        version: version.configuration.version.clone(),
        stage: version.configuration.rollout.stage,
        percent: version.configuration.rollout.percent,
        rule: version.configuration.rule.kind.as_str().into(),
        outcomes: version.kept.arms().iter().map(|arm| arm.sums().n).sum(),
    };
    PolicyView {
        partition: state.partition(),
        active: versions.active().map(view),
        previous: versions.previous().map(view),
        candidate: versions.candidate().map(view),
        all_stopped: stops.all(),
        versions_stopped: stops.versions().iter().cloned().collect(),
        arms_stopped: stops.arms().iter().cloned().collect(),
        people_stopped: stops.people().iter().cloned().collect(),
    }
}
