//! Every event, as one type: what stages decide, the journal stores and states fold.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    AgentHealthChanged, AgentRegistered, AgentSeen, DayAnalysed, DeadLettered, DecisionMade,
    DecisionWithheld, FeedbackNoted, FeedbackOrphaned, FeedbackParked, FeedbackRecorded,
    InterventionIssued, InterventionSuppressed, OutcomeExpired, PoolOpened, ReadingAccepted,
    RhythmAnalysed, SchemaId, ShadowDecided, SubjectOpened, TaskAssigned, TaskCancelled,
    TaskCompleted, TaskDeadLettered, TaskEscalated, TaskExpired, TaskFailed, TaskQueued,
    TaskReleased, TaskStarted,
    wire::{Malformed, Wire, from_bytes},
};

/// One event. Events that repeat their input carry no payload and refer to it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A person was met for the first time.
    SubjectOpened(SubjectOpened),
    /// The input's reading counts.
    ReadingAccepted(ReadingAccepted),
    /// The input was refused.
    DeadLettered(DeadLettered),
    /// The input's profile stands.
    ProfileSet,
    /// The input's configuration stands.
    ConfigurationSet,
    /// A window was analysed.
    RhythmAnalysed(Box<RhythmAnalysed>),
    /// A local day was analysed.
    DayAnalysed(Box<DayAnalysed>),
    /// An arm was chosen.
    DecisionMade(Box<DecisionMade>),
    /// An intervention goes out.
    InterventionIssued(InterventionIssued),
    /// A decision reaches nobody.
    InterventionSuppressed(InterventionSuppressed),
    /// Feedback was joined to its decision.
    FeedbackRecorded(FeedbackRecorded),
    /// An outcome did not come in time.
    OutcomeExpired(OutcomeExpired),
    /// A pool was met for the first time.
    PoolOpened(PoolOpened),
    /// The input's pool configuration stands.
    PoolConfigured,
    /// An agent joined, came back or changed.
    AgentRegistered(AgentRegistered),
    /// An agent was heard of.
    AgentSeen(AgentSeen),
    /// The health of an agent changed.
    AgentHealthChanged(AgentHealthChanged),
    /// A task waits for an agent.
    TaskQueued(TaskQueued),
    /// A task rose in priority.
    TaskEscalated(TaskEscalated),
    /// A task was given to an agent.
    TaskAssigned(TaskAssigned),
    /// An agent began to work on a task.
    TaskStarted(TaskStarted),
    /// A task was done.
    TaskCompleted(TaskCompleted),
    /// An attempt failed.
    TaskFailed(TaskFailed),
    /// A task was taken back before it was started.
    TaskReleased(TaskReleased),
    /// A task was called off.
    TaskCancelled(TaskCancelled),
    /// A task was not finished in time.
    TaskExpired(TaskExpired),
    /// A task was given up.
    TaskDeadLettered(TaskDeadLettered),
    /// The input's order stands.
    ControlSet,
    /// A candidate would have chosen an arm.
    ShadowDecided(Box<ShadowDecided>),
    /// A decision was not made, because of a stop.
    DecisionWithheld(DecisionWithheld),
    /// Feedback was joined to its decision, and what stands is not its own reward.
    FeedbackNoted(FeedbackNoted),
    /// The input's feedback waits for its decision.
    FeedbackParked(FeedbackParked),
    /// Feedback that waited for its decision is given up.
    FeedbackOrphaned(FeedbackOrphaned),
}

impl Event {
    /// The schema of the payload.
    pub const fn schema(&self) -> SchemaId {
        match self {
            Self::SubjectOpened(_) => SchemaId::SubjectOpened,
            Self::ReadingAccepted(_) => SchemaId::ReadingAccepted,
            Self::DeadLettered(_) => SchemaId::DeadLettered,
            Self::ProfileSet => SchemaId::ProfileSet,
            Self::ConfigurationSet => SchemaId::ConfigurationSet,
            Self::RhythmAnalysed(_) => SchemaId::RhythmAnalysed,
            Self::DayAnalysed(_) => SchemaId::DayAnalysed,
            Self::DecisionMade(_) => SchemaId::DecisionMade,
            Self::InterventionIssued(_) => SchemaId::InterventionIssued,
            Self::InterventionSuppressed(_) => SchemaId::InterventionSuppressed,
            Self::FeedbackRecorded(_) => SchemaId::FeedbackRecorded,
            Self::OutcomeExpired(_) => SchemaId::OutcomeExpired,
            Self::PoolOpened(_) => SchemaId::PoolOpened,
            Self::PoolConfigured => SchemaId::PoolConfigured,
            Self::AgentRegistered(_) => SchemaId::AgentRegistered,
            Self::AgentSeen(_) => SchemaId::AgentSeen,
            Self::AgentHealthChanged(_) => SchemaId::AgentHealthChanged,
            Self::TaskQueued(_) => SchemaId::TaskQueued,
            Self::TaskEscalated(_) => SchemaId::TaskEscalated,
            Self::TaskAssigned(_) => SchemaId::TaskAssigned,
            Self::TaskStarted(_) => SchemaId::TaskStarted,
            Self::TaskCompleted(_) => SchemaId::TaskCompleted,
            Self::TaskFailed(_) => SchemaId::TaskFailed,
            Self::TaskReleased(_) => SchemaId::TaskReleased,
            Self::TaskCancelled(_) => SchemaId::TaskCancelled,
            Self::TaskExpired(_) => SchemaId::TaskExpired,
            Self::TaskDeadLettered(_) => SchemaId::TaskDeadLettered,
            Self::ControlSet => SchemaId::ControlSet,
            Self::ShadowDecided(_) => SchemaId::ShadowDecided,
            Self::DecisionWithheld(_) => SchemaId::DecisionWithheld,
            Self::FeedbackNoted(_) => SchemaId::FeedbackNoted,
            Self::FeedbackParked(_) => SchemaId::FeedbackParked,
            Self::FeedbackOrphaned(_) => SchemaId::FeedbackOrphaned,
        }
    }

    /// Appends the payload's Avro bytes.
    pub fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::SubjectOpened(event) => event.put(out),
            Self::ReadingAccepted(event) => event.put(out),
            Self::DeadLettered(event) => event.put(out),
            Self::ProfileSet | Self::ConfigurationSet | Self::PoolConfigured | Self::ControlSet => {
            }
            Self::RhythmAnalysed(event) => event.put(out),
            Self::DayAnalysed(event) => event.put(out),
            Self::DecisionMade(event) => event.put(out),
            Self::InterventionIssued(event) => event.put(out),
            Self::InterventionSuppressed(event) => event.put(out),
            Self::FeedbackRecorded(event) => event.put(out),
            Self::OutcomeExpired(event) => event.put(out),
            Self::PoolOpened(event) => event.put(out),
            Self::AgentRegistered(event) => event.put(out),
            Self::AgentSeen(event) => event.put(out),
            Self::AgentHealthChanged(event) => event.put(out),
            Self::TaskQueued(event) => event.put(out),
            Self::TaskEscalated(event) => event.put(out),
            Self::TaskAssigned(event) => event.put(out),
            Self::TaskStarted(event) => event.put(out),
            Self::TaskCompleted(event) => event.put(out),
            Self::TaskFailed(event) => event.put(out),
            Self::TaskReleased(event) => event.put(out),
            Self::TaskCancelled(event) => event.put(out),
            Self::TaskExpired(event) => event.put(out),
            Self::TaskDeadLettered(event) => event.put(out),
            Self::ShadowDecided(event) => event.put(out),
            Self::DecisionWithheld(event) => event.put(out),
            Self::FeedbackNoted(event) => event.put(out),
            Self::FeedbackParked(event) => event.put(out),
            Self::FeedbackOrphaned(event) => event.put(out),
        }
    }

    /// Reads the payload of an event schema.
    pub fn from_payload(schema: SchemaId, payload: &[u8]) -> Result<Self, Malformed> {
        Ok(match schema {
            SchemaId::SubjectOpened => Self::SubjectOpened(from_bytes(payload)?),
            SchemaId::ReadingAccepted => Self::ReadingAccepted(from_bytes(payload)?),
            SchemaId::DeadLettered => Self::DeadLettered(from_bytes(payload)?),
            SchemaId::ProfileSet => Self::ProfileSet,
            SchemaId::ConfigurationSet => Self::ConfigurationSet,
            SchemaId::RhythmAnalysed => Self::RhythmAnalysed(Box::new(from_bytes(payload)?)),
            SchemaId::DayAnalysed => Self::DayAnalysed(Box::new(from_bytes(payload)?)),
            SchemaId::DecisionMade => Self::DecisionMade(Box::new(from_bytes(payload)?)),
            SchemaId::InterventionIssued => Self::InterventionIssued(from_bytes(payload)?),
            SchemaId::InterventionSuppressed => Self::InterventionSuppressed(from_bytes(payload)?),
            SchemaId::FeedbackRecorded => Self::FeedbackRecorded(from_bytes(payload)?),
            SchemaId::OutcomeExpired => Self::OutcomeExpired(from_bytes(payload)?),
            SchemaId::PoolOpened => Self::PoolOpened(from_bytes(payload)?),
            SchemaId::PoolConfigured => Self::PoolConfigured,
            SchemaId::AgentRegistered => Self::AgentRegistered(from_bytes(payload)?),
            SchemaId::AgentSeen => Self::AgentSeen(from_bytes(payload)?),
            SchemaId::AgentHealthChanged => Self::AgentHealthChanged(from_bytes(payload)?),
            SchemaId::TaskQueued => Self::TaskQueued(from_bytes(payload)?),
            SchemaId::TaskEscalated => Self::TaskEscalated(from_bytes(payload)?),
            SchemaId::TaskAssigned => Self::TaskAssigned(from_bytes(payload)?),
            SchemaId::TaskStarted => Self::TaskStarted(from_bytes(payload)?),
            SchemaId::TaskCompleted => Self::TaskCompleted(from_bytes(payload)?),
            SchemaId::TaskFailed => Self::TaskFailed(from_bytes(payload)?),
            SchemaId::TaskReleased => Self::TaskReleased(from_bytes(payload)?),
            SchemaId::TaskCancelled => Self::TaskCancelled(from_bytes(payload)?),
            SchemaId::TaskExpired => Self::TaskExpired(from_bytes(payload)?),
            SchemaId::TaskDeadLettered => Self::TaskDeadLettered(from_bytes(payload)?),
            SchemaId::ControlSet => Self::ControlSet,
            SchemaId::ShadowDecided => Self::ShadowDecided(Box::new(from_bytes(payload)?)),
            SchemaId::DecisionWithheld => Self::DecisionWithheld(from_bytes(payload)?),
            SchemaId::FeedbackNoted => Self::FeedbackNoted(from_bytes(payload)?),
            SchemaId::FeedbackParked => Self::FeedbackParked(from_bytes(payload)?),
            SchemaId::FeedbackOrphaned => Self::FeedbackOrphaned(from_bytes(payload)?),
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
            | SchemaId::Control => return Err(Malformed::Range),
        })
    }
}
