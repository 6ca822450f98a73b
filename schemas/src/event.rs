//! Every event, as one type: what stages decide, the journal stores and states fold.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    DeadLettered, DecisionMade, FeedbackRecorded, InterventionIssued, InterventionSuppressed,
    OutcomeExpired, ReadingAccepted, RhythmAnalysed, SchemaId, SubjectOpened,
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
            Self::DecisionMade(_) => SchemaId::DecisionMade,
            Self::InterventionIssued(_) => SchemaId::InterventionIssued,
            Self::InterventionSuppressed(_) => SchemaId::InterventionSuppressed,
            Self::FeedbackRecorded(_) => SchemaId::FeedbackRecorded,
            Self::OutcomeExpired(_) => SchemaId::OutcomeExpired,
        }
    }

    /// Appends the payload's Avro bytes.
    pub fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::SubjectOpened(event) => event.put(out),
            Self::ReadingAccepted(event) => event.put(out),
            Self::DeadLettered(event) => event.put(out),
            Self::ProfileSet | Self::ConfigurationSet => {}
            Self::RhythmAnalysed(event) => event.put(out),
            Self::DecisionMade(event) => event.put(out),
            Self::InterventionIssued(event) => event.put(out),
            Self::InterventionSuppressed(event) => event.put(out),
            Self::FeedbackRecorded(event) => event.put(out),
            Self::OutcomeExpired(event) => event.put(out),
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
            SchemaId::DecisionMade => Self::DecisionMade(Box::new(from_bytes(payload)?)),
            SchemaId::InterventionIssued => Self::InterventionIssued(from_bytes(payload)?),
            SchemaId::InterventionSuppressed => Self::InterventionSuppressed(from_bytes(payload)?),
            SchemaId::FeedbackRecorded => Self::FeedbackRecorded(from_bytes(payload)?),
            SchemaId::OutcomeExpired => Self::OutcomeExpired(from_bytes(payload)?),
            SchemaId::Reading
            | SchemaId::Profile
            | SchemaId::Feedback
            | SchemaId::Configuration
            | SchemaId::Unreadable => return Err(Malformed::Range),
        })
    }
}
