//! Orders about decisions, as people give them: a version goes forward or back, something stops.
//!
//! The command line and the service read an [`Order`] from what they are given, put it into an
//! intake for every partition that it concerns, and tell its [`Fate`]s. Each partition stands by
//! itself: where one fails in between, the same order again is enough.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, ControlStep, Envelope, PartitionId,
};

use crate::{
    cycle::LineOutcome,
    door::DEFAULT_TENANT,
    ingest::{Intake, Whose, partition_of},
    query::PolicyView,
};

/// What is ordered.
#[derive(Debug, Clone)]
pub enum Order {
    /// A version comes in the stage that it names.
    Enter(Box<ConfigurationBody>),
    /// A step about everybody.
    Step(ControlBody),
    /// A person's decisions stop, or go on.
    Person {
        /// To stop or to resume.
        step: ControlStep,
        /// The person's tenant.
        tenant: String,
        /// The person.
        user_id: String,
    },
}

/// What became of an order in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Fate {
    /// The partition.
    pub partition: u64,
    /// `accepted`: in force from the next decision on. `duplicate`: it stood already. `rejected`.
    #[cfg_attr(feature = "service", schema(pattern = "^(accepted|duplicate|rejected)$"))]
    pub outcome: String,
    /// Why it was refused, in words.
    pub detail: Option<String>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Fates {
    /// The order, in words.
    pub order: String,
    /// What became of it in each partition that it concerns.
    pub partitions: Vec<Fate>,
}

impl Order {
    /// The order that takes this step with the version that it is about in these partitions.
    ///
    /// # Errors
    ///
    /// There is no such version, or partitions differ; in words.
    pub fn step(step: ControlStep, views: &[PolicyView]) -> Result<Self, String> {
        let from = |view: &PolicyView| match step {
            ControlStep::Rollback => view.previous.clone(),
            _ => view.candidate.clone(),
        };
        let names: BTreeSet<String> =
            views.iter().filter_map(from).map(|version| version.version).collect();
        let mut names = names.into_iter();
        match (names.next(), names.next()) {
            (Some(name), None) => {
                Ok(Self::Step(ControlBody { step, scope: ControlScope::Version, name }))
            }
            (None, _) if step == ControlStep::Rollback => {
                Err("there is no version before the active one".into())
            }
            (None, _) => Err("there is no candidate: `policy shadow` or `canary` makes one".into()),
            (Some(one), Some(other)) => {
                Err(format!("partitions differ ({one}, {other}): see `zeitgeber policy status`"))
            }
        }
    }

    /// Puts the order into an intake for each of these partitions that it concerns; `count` is how
    /// many the log has.
    pub fn put(
        &self,
        intake: &mut Intake,
        partitions: impl IntoIterator<Item = PartitionId>,
        count: u16,
        at_ms: i64,
    ) {
        for partition in partitions {
            let number = u64::from(partition.0) + 1;
            match self {
                Self::Enter(body) => intake.numbered_configuration(number, partition, body),
                Self::Step(body) => {
                    let whose = Whose { tenant: DEFAULT_TENANT, user_id: "", at_ms };
                    intake.control(number, partition, whose, body);
                }
                Self::Person { step, tenant, user_id } => {
                    let named = Envelope { tenant, user_id, id: "", ts: 0, recv_ts: None };
                    if partition_of(&named, count) == partition {
                        let (scope, name) = (ControlScope::Person, String::new());
                        let body = ControlBody { step: *step, scope, name };
                        let whose = Whose { tenant, user_id, at_ms };
                        intake.control(number, partition, whose, &body);
                    }
                }
            }
        }
    }

    /// What became of it by the outcomes of its inputs.
    pub fn fates(&self, lines: &[LineOutcome]) -> Fates {
        let fate = |line: &LineOutcome| Fate {
            partition: line.line.saturating_sub(1),
            outcome: line.outcome.into(),
            detail: line.detail.clone(),
        };
        Fates { order: self.to_string(), partitions: lines.iter().map(fate).collect() }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(body) => write!(f, "version {} as {}", body.version, body.rollout.stage),
            Self::Step(ControlBody { step, scope, name }) => match scope {
                ControlScope::All => write!(f, "{step} all"),
                ControlScope::Version
                    if !matches!(step, ControlStep::Stop | ControlStep::Resume) =>
                {
                    write!(f, "{step} of version {name}")
                }
                scope => write!(f, "{step} {scope} {name}"),
            },
            Self::Person { step, user_id, .. } => write!(f, "{step} person {user_id}"),
        }
    }
}

impl Fates {
    /// Why it was refused somewhere, in words; none where it was not.
    pub fn refused(&self) -> Option<&str> {
        let refused = self.partitions.iter().find(|fate| fate.outcome == "rejected")?;
        Some(refused.detail.as_deref().unwrap_or("no reason told"))
    }

    /// In how many partitions it changed something.
    pub fn changed(&self) -> usize {
        self.partitions.iter().filter(|fate| fate.outcome == "accepted").count()
    }
}
