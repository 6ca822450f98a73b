//! Topics: the groups of event types that streams carry, by the names other systems know.

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::SchemaId;

/// A group of event types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Topic {
    /// Accepted readings.
    #[serde(rename = "readings.validated")]
    ReadingsValidated,
    /// Analysed windows.
    #[serde(rename = "rhythm.analysis")]
    RhythmAnalysis,
    /// Decisions, with scores and propensities.
    #[serde(rename = "routing.decisions")]
    RoutingDecisions,
    /// What went to a person, or why nothing did.
    #[serde(rename = "interventions")]
    Interventions,
    /// Outcomes of decisions, and that none came.
    #[serde(rename = "feedback.rewards")]
    FeedbackRewards,
    /// Refused inputs, and tasks that were given up.
    #[serde(rename = "dead.letters")]
    DeadLetters,
    /// Tasks from the queue to their end.
    #[serde(rename = "task.assignments")]
    TaskAssignments,
    /// Agents that came, were heard of, or changed in health.
    #[serde(rename = "task.agents")]
    TaskAgents,
    /// People and pools met, profiles and configurations in force.
    #[serde(rename = "inputs.configured")]
    InputsConfigured,
}

/// Text that is not a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic {0:?}: the topics are {list}", list = Topic::ALL.map(Topic::as_str).join(", "))]
pub struct ParseTopicError(String);

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 9] = [
        Self::ReadingsValidated,
        Self::RhythmAnalysis,
        Self::RoutingDecisions,
        Self::Interventions,
        Self::FeedbackRewards,
        Self::DeadLetters,
        Self::TaskAssignments,
        Self::TaskAgents,
        Self::InputsConfigured,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadingsValidated => "readings.validated",
            Self::RhythmAnalysis => "rhythm.analysis",
            Self::RoutingDecisions => "routing.decisions",
            Self::Interventions => "interventions",
            Self::FeedbackRewards => "feedback.rewards",
            Self::DeadLetters => "dead.letters",
            Self::TaskAssignments => "task.assignments",
            Self::TaskAgents => "task.agents",
            Self::InputsConfigured => "inputs.configured",
        }
    }

    /// The topic of an event type; inputs have none.
    pub const fn of(schema: SchemaId) -> Option<Self> {
        match schema {
            SchemaId::ReadingAccepted => Some(Self::ReadingsValidated),
            SchemaId::RhythmAnalysed | SchemaId::DayAnalysed => Some(Self::RhythmAnalysis),
            SchemaId::DecisionMade | SchemaId::ShadowDecided | SchemaId::DecisionWithheld => {
                Some(Self::RoutingDecisions)
            }
            SchemaId::InterventionIssued | SchemaId::InterventionSuppressed => {
                Some(Self::Interventions)
            }
            SchemaId::FeedbackRecorded
            | SchemaId::FeedbackNoted
            | SchemaId::FeedbackParked
            | SchemaId::OutcomeExpired => Some(Self::FeedbackRewards),
            SchemaId::DeadLettered | SchemaId::TaskDeadLettered | SchemaId::FeedbackOrphaned => {
                Some(Self::DeadLetters)
            }
            SchemaId::TaskQueued
            | SchemaId::TaskEscalated
            | SchemaId::TaskAssigned
            | SchemaId::TaskStarted
            | SchemaId::TaskCompleted
            | SchemaId::TaskFailed
            | SchemaId::TaskReleased
            | SchemaId::TaskCancelled
            | SchemaId::TaskExpired => Some(Self::TaskAssignments),
            SchemaId::AgentRegistered | SchemaId::AgentSeen | SchemaId::AgentHealthChanged => {
                Some(Self::TaskAgents)
            }
            SchemaId::SubjectOpened
            | SchemaId::ProfileSet
            | SchemaId::ConfigurationSet
            | SchemaId::ControlSet
            | SchemaId::PoolOpened
            | SchemaId::PoolConfigured => Some(Self::InputsConfigured),
            SchemaId::Reading
            | SchemaId::Profile
            | SchemaId::Feedback
            | SchemaId::Configuration
            | SchemaId::Unreadable
            | SchemaId::Agent
            | SchemaId::Task
            | SchemaId::TaskCancel
            | SchemaId::TaskStart
            | SchemaId::TaskResult
            | SchemaId::Pool
            | SchemaId::Tick
            | SchemaId::PersonTick
            | SchemaId::Control => None,
        }
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Topic {
    type Err = ParseTopicError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|topic| topic.as_str() == text);
        found.ok_or_else(|| ParseTopicError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::event_types;

    #[test]
    fn every_event_has_one_topic_whose_name_is_read_back_and_inputs_have_none() {
        let with_topic = SchemaId::ALL.iter().copied().filter(|s| Topic::of(*s).is_some());
        assert!(with_topic.eq(event_types()));
        for topic in Topic::ALL {
            assert_eq!(topic.as_str().parse(), Ok(topic));
            assert_eq!(serde_json::to_value(topic).ok(), Some(topic.as_str().into()));
        }
        let unknown = "readings".parse::<Topic>().expect_err("no topic");
        assert!(unknown.to_string().contains("dead.letters"), "{unknown}");
    }
}
