//! What is said in Zeitgeber: one Avro schema and one Rust type for each input and event.
//!
//! The types here are the *wire forms*. Encoding is Avro binary, written by hand for the current
//! schema versions ([`wire`]); any Avro library reads the same bytes with the schema texts in
//! [`catalogue`] (feature `catalogue`). Older versions are resolved by the shell with
//! `apache-avro` before they reach these types.
#![no_std]
extern crate alloc;

mod agent;
#[cfg(any(test, feature = "catalogue"))]
pub mod catalogue;
mod configuration;
mod control;
mod day;
mod decision;
mod envelope;
mod event;
mod feedback;
mod ids;
mod journal;
mod pool;
mod profile;
mod reading;
mod rhythm;
mod task;
mod task_event;
mod task_input;
mod validation;
pub mod wire;

pub use agent::{
    AgentBody, AgentCommand, AgentHealthChanged, AgentProfile, AgentRegistered, AgentSeen, Health,
    Label, Resources, Tier,
};
pub use configuration::{
    Arm, ConfigurationBody, Daypart, FeedbackPolicy, ForgettingKind, LearnerModel, Limits, Missing,
    Policy, PolicyRule, Rollout, RuleKind, Stage,
};
pub use control::{ControlBody, ControlScope, ControlStep};
pub use day::{DayAnalysed, Family, FamilyAnalysed, FeatureValue};
pub use decision::{
    DecisionMade, DecisionWithheld, Eligible, InterventionIssued, InterventionSuppressed,
    MaskReason, Masked, ShadowDecided, Suppression,
};
pub use envelope::Envelope;
pub use event::Event;
pub use feedback::{
    FeedbackBody, FeedbackClaim, FeedbackNoted, FeedbackOrphaned, FeedbackParked, FeedbackRecorded,
    FeedbackStatus, OutcomeExpired, Response,
};
pub use ids::{
    DecisionId, ParseDecisionIdError, PartitionId, murmur2_partition, partition_key, person_key,
};
pub use journal::{ChunkHeader, Cursor, Entry, RawBytes, Recorded, Repeat, SchemaId};
pub use pool::{
    AssignmentPolicy, PersonTickBody, PoolBody, PoolLimits, PoolOpened, PoolPolicy, RetryPolicy,
    RewardWeights, TickBody,
};
pub use profile::{OffsetChange, ProfileBody, Scale};
pub use reading::{Doubles, Environment, Imu, Kind, ReadingBody, Values};
pub use rhythm::{
    Composite, EnergyState, HeartSummary, HourlyRhythm, LightSummary, MinuteRhythm, Part, PartName,
    RhythmAnalysed, Signal, Span,
};
pub use task::{Payload, Priority, TaskBody, TaskCancelBody, TaskResultBody, TaskStartBody};
pub use task_event::{
    QueueReason, Setback, TaskAssigned, TaskCancelled, TaskCompleted, TaskDeadLettered,
    TaskEscalated, TaskExpired, TaskFailed, TaskQueued, TaskReleased, TaskStarted,
};
pub use task_input::TaskInput;
pub use validation::{
    DeadLettered, FieldSet, FlagSet, ReadingAccepted, Reason, SubjectOpened, Unreadable,
};
