//! What a chunk of the journal holds: a header, then inputs and what they caused.
//!
//! These records are the clear part of the log. Payloads are Avro bytes of another schema, named
//! by [`SchemaId`], and may be sealed with their subject's key.

use alloc::{string::String, vec::Vec};

use crate::{
    PartitionId,
    wire::{Bytes, record, symbols},
};

symbols! {
    /// The schemas a payload can follow. The number is stored, so the order never changes.
    SchemaId {
        /// Body of a reading.
        Reading = "reading",
        /// Body of a profile.
        Profile = "profile",
        /// Body of feedback.
        Feedback = "feedback",
        /// Body of a configuration.
        Configuration = "configuration",
        /// An input that no door could read.
        Unreadable = "unreadable",
        /// Event.
        SubjectOpened = "subject_opened",
        /// Event.
        ReadingAccepted = "reading_accepted",
        /// Event.
        DeadLettered = "dead_lettered",
        /// Event without a payload: the profile of the input stands from here on.
        ProfileSet = "profile_set",
        /// Event without a payload: the configuration of the input stands from here on.
        ConfigurationSet = "configuration_set",
        /// Event.
        RhythmAnalysed = "rhythm_analysed",
        /// Event.
        DecisionMade = "decision_made",
        /// Event.
        InterventionIssued = "intervention_issued",
        /// Event.
        InterventionSuppressed = "intervention_suppressed",
        /// Event.
        FeedbackRecorded = "feedback_recorded",
        /// Event.
        OutcomeExpired = "outcome_expired",
        /// Body of what an agent of a pool says.
        Agent = "agent",
        /// Body of a task.
        Task = "task",
        /// Body of the end of interest in a task.
        TaskCancel = "task_cancel",
        /// Body of the beginning of work on a task.
        TaskStart = "task_start",
        /// Body of a result.
        TaskResult = "task_result",
        /// Body of the configuration of a pool.
        Pool = "pool",
        /// Body of the time for a pool.
        Tick = "tick",
        /// Event.
        PoolOpened = "pool_opened",
        /// Event without a payload: the configuration in the input stands from here on.
        PoolConfigured = "pool_configured",
        /// Event.
        AgentRegistered = "agent_registered",
        /// Event.
        AgentSeen = "agent_seen",
        /// Event.
        AgentHealthChanged = "agent_health_changed",
        /// Event.
        TaskQueued = "task_queued",
        /// Event.
        TaskEscalated = "task_escalated",
        /// Event.
        TaskAssigned = "task_assigned",
        /// Event.
        TaskStarted = "task_started",
        /// Event.
        TaskCompleted = "task_completed",
        /// Event.
        TaskFailed = "task_failed",
        /// Event.
        TaskReleased = "task_released",
        /// Event.
        TaskCancelled = "task_cancelled",
        /// Event.
        TaskExpired = "task_expired",
        /// Event.
        TaskDeadLettered = "task_dead_lettered",
        /// Body of a person's tick.
        PersonTick = "person_tick",
        /// Event.
        DayAnalysed = "day_analysed",
        /// Body of an order about decisions.
        Control = "control",
        /// Event without a payload: the order of the input stands from here on.
        ControlSet = "control_set",
        /// Event.
        ShadowDecided = "shadow_decided",
        /// Event.
        DecisionWithheld = "decision_withheld",
        /// Event.
        FeedbackNoted = "feedback_noted",
        /// Event.
        FeedbackParked = "feedback_parked",
        /// Event.
        FeedbackOrphaned = "feedback_orphaned",
    }
}

impl SchemaId {
    /// Whether payloads of this schema are the bodies of inputs.
    pub const fn is_input(self) -> bool {
        self.is_task_input()
            || matches!(
                self,
                Self::Reading
                    | Self::Profile
                    | Self::Feedback
                    | Self::Configuration
                    | Self::Unreadable
                    | Self::PersonTick
                    | Self::Control
            )
    }

    /// Whether it is an input of a pool of agents: its entry's subject is a pool's number, not a
    /// person's.
    pub const fn is_task_input(self) -> bool {
        matches!(
            self,
            Self::Agent
                | Self::Task
                | Self::TaskCancel
                | Self::TaskStart
                | Self::TaskResult
                | Self::Pool
                | Self::Tick
        )
    }
}

record! {
    /// How far a source of inputs is covered by this chunk and the ones before it.
    Cursor {
        /// The source: for a file the BLAKE3 hash of its content, cut to 16 bytes; zeros for a
        /// stream, which cannot be resumed.
        source: [u8; 16],
        /// Its name for people (a file name).
        name: String,
        /// The last line (or record) of the source that is covered, from 1.
        line: u64,
        /// Inputs of this chunk's span that caused nothing and are not stored.
        repeats: Vec<Repeat>,
    }
}

record! {
    /// An input that caused nothing: an exact repeat.
    Repeat {
        /// Its line in the source.
        line: u64,
        /// Why it would have been refused; none: an exact copy of an accepted input.
        reason: Option<crate::Reason>,
        /// The person's id where it could be read, and the kind.
        user_id: Option<String>,
        /// The kind, where it could be read.
        kind: Option<String>,
    }
}

record! {
    /// What stands before a chunk's entries.
    ChunkHeader {
        /// Version of the chunk's form.
        format: u32,
        /// Version of the deciding code.
        decide_version: u32,
        /// The partition.
        partition: PartitionId,
        /// Chunk number within the partition, from 0, contiguous.
        number: u64,
        /// Position (event number within the partition, from 0) of the first event.
        first_position: u64,
        /// Events in the chunk.
        events: u32,
        /// Least event time of the entries, ms UTC.
        min_ts: i64,
        /// Greatest event time of the entries, ms UTC.
        max_ts: i64,
        /// How far each source is covered.
        cursors: Vec<Cursor>,
        /// BLAKE3 hash of the partition's chunk before; zeros for the first.
        previous: [u8; 32],
        /// How the entries are compressed: 0 not at all.
        codec: u32,
    }
}

record! {
    /// The bytes of a refused input: the first 4 KiB, and hashes that stand for the rest.
    RawBytes {
        /// The first 4 KiB.
        head: Bytes,
        /// Length of the whole, bytes.
        length: u64,
        /// BLAKE3 hash of the whole, cut to 16 bytes.
        hash: [u8; 16],
        /// BLAKE3 hash of what follows the first 4 KiB; none where nothing does.
        rest_hash: Option<[u8; 32]>,
    }
}

record! {
    /// One event, after its input.
    Recorded {
        /// The event's schema.
        schema: SchemaId,
        /// 0: the payload is in clear. Otherwise the generation of the subject's key.
        seal: u32,
        /// Avro bytes.
        payload: Bytes,
    }
}

record! {
    /// An input and the events it caused.
    Entry {
        /// The subject's number in this partition; 0: nobody known.
        subject: u64,
        /// The tenant.
        tenant: String,
        /// The input's schema.
        schema: SchemaId,
        /// The input's id.
        id: String,
        /// Event time, ms UTC.
        ts: i64,
        /// Arrival time, ms UTC.
        recv_ts: Option<i64>,
        /// Index of the source among the header's cursors, from 1; 0: no source.
        source: u32,
        /// Line (or record) in the source, from 1.
        line: u64,
        /// The bytes as they came, where the input was refused.
        raw: Option<RawBytes>,
        /// 0: the payload is in clear. Otherwise the generation of the subject's key.
        seal: u32,
        /// Avro bytes of the input's body.
        payload: Bytes,
        /// What it caused.
        events: Vec<Recorded>,
    }
}
