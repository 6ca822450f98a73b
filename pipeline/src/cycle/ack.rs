//! What is told once inputs are durable: counts, and for those who ask an outcome a line.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use zeitgeber_processors::flow::{Body, Input, State};
use zeitgeber_schemas::{
    DecisionMade, Event, FeedbackStatus, InterventionIssued, PartitionId, ReadingAccepted, Reason,
    SchemaId, Span,
};

use super::{Outgoing, tally::Tally};

/// Whether outcomes are told line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeDetail {
    /// Counts only.
    Counts,
    /// An outcome for each line.
    PerLine,
}

/// What acknowledgements tell besides counts. What nobody wants is not gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// What inputs and events add up to, and how long chunks take to become durable.
    pub tally: bool,
    /// Decisions and what was issued of them.
    pub decisions: bool,
    /// Who was given a task.
    pub assignments: bool,
    /// The chunks themselves.
    pub chunks: bool,
}

impl Wants {
    /// All that one or the other wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            tally: self.tally || other.tally,
            decisions: self.decisions || other.decisions,
            assignments: self.assignments || other.assignments,
            chunks: self.chunks || other.chunks,
        }
    }
}

/// What became durable with one chunk.
#[derive(Debug, Default)]
pub struct Ack {
    /// The partition.
    pub partition: Option<PartitionId>,
    /// How many of what.
    pub counts: Counts,
    /// An outcome for each line, where they were asked for.
    pub lines: Vec<LineOutcome>,
    /// Agents that were given a task, for those who wait for one.
    pub assigned: Vec<Assigned>,
    /// Decisions and what was issued of them, for those who respond to them.
    pub decisions: Vec<Announced>,
    /// Who waits for it.
    pub outgoing: Outgoing,
    /// What its inputs and events add up to, where somebody watches.
    pub tally: Option<Box<Tally>>,
    /// How long its chunk took to become durable, where somebody watches.
    pub commit: Option<Duration>,
    /// The chunk's bytes, for those who publish what it says.
    pub chunk: Option<Arc<[u8]>>,
}

/// An agent was given a task, and the assignment is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The pool's number in the partition.
    pub pool: u64,
    /// The agent.
    pub agent: String,
}

/// A decision that became durable.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The person.
    pub user_id: String,
    /// The tenant.
    pub tenant: String,
    /// The decision.
    pub decision: DecisionMade,
    /// What was issued.
    pub issued: Option<InterventionIssued>,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        /// How many of what.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts { $($(#[$doc])* pub $field: u64),* }

        impl Counts {
            /// What came since `before`.
            #[must_use]
            pub const fn since(&self, before: Self) -> Self {
                Self { $($field: self.$field - before.$field),* }
            }

            /// Each count by name.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),*].into_iter()
            }
        }

        impl std::ops::AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counts! {
    /// Readings that count.
    accepted,
    /// Inputs refused and kept as dead letters.
    refused,
    /// Inputs that caused nothing: exact repeats.
    repeats,
    /// Inputs skipped because an earlier run covered them.
    skipped,
    /// Other inputs that count: profiles, feedback, configurations.
    others,
    /// Inputs of pools of agents that count.
    commands,
    /// Inputs that changed nothing and are not stored: heartbeats soon after another, ticks.
    idle,
    /// Tasks given to an agent.
    assignments,
    /// Tasks done.
    completions,
    /// Events of every type.
    events,
    /// Analyses, revisions included.
    analyses,
    /// Analyses at local midnights, revisions included.
    midnights,
    /// Decisions.
    decisions,
    /// Interventions issued.
    interventions,
    /// Rewards learnt or corrected.
    rewards,
    /// Chunks.
    chunks,
    /// Bytes of chunks made durable.
    bytes,
}

impl Counts {
    /// Inputs of every outcome, those of earlier runs left out (SIM-5).
    pub const fn inputs(&self) -> u64 {
        self.accepted + self.refused + self.repeats + self.others + self.commands + self.idle
    }

    pub(super) fn stored(&mut self, events: &[Event], schema: SchemaId) {
        self.events += events.len() as u64;
        let mut refused = false;
        for event in events {
            match event {
                Event::ReadingAccepted(_) => self.accepted += 1,
                Event::DeadLettered(_) => refused = true,
                Event::RhythmAnalysed(analysed) => {
                    self.analyses += 1;
                    self.midnights += u64::from(analysed.span == Span::Midnight);
                }
                Event::DecisionMade(_) => self.decisions += 1,
                Event::InterventionIssued(_) => self.interventions += 1,
                Event::TaskAssigned(_) => self.assignments += 1,
                Event::TaskCompleted(_) => self.completions += 1,
                Event::FeedbackRecorded(event) => {
                    let learnt =
                        matches!(event.status, FeedbackStatus::Applied | FeedbackStatus::Corrected);
                    self.rewards += u64::from(learnt);
                }
                Event::FeedbackNoted(event) => self.rewards += u64::from(event.stands.is_some()),
                _ => {}
            }
        }
        self.refused += u64::from(refused);
        let is_command = schema.is_task_input();
        self.commands += u64::from(!refused && is_command);
        self.others += u64::from(!refused && !is_command && schema != SchemaId::Reading);
    }
}

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineOutcome {
    /// The line in its file, from 1.
    pub line: u64,
    /// The person, where it could be read.
    pub user_id: Option<String>,
    /// The kind, where it could be read.
    pub kind: Option<String>,
    /// `accepted`, `rejected` or `duplicate`.
    pub outcome: &'static str,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// What exactly is wrong, in words, where somebody waits for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Fields left out of an accepted reading.
    pub dropped_fields: Vec<&'static str>,
    /// Intervals left out of an accepted reading.
    pub dropped_intervals: u32,
    /// Remarks on an accepted reading.
    pub flags: Vec<&'static str>,
    /// It changed nothing and is not stored.
    #[serde(skip)]
    pub is_idle: bool,
}

impl LineOutcome {
    /// The outcome of a stored input.
    pub fn stored(line: u64, input: &Input<'_>, events: &[Event]) -> Self {
        let user_id = Some(input.envelope.user_id).filter(|user| !user.is_empty());
        Self::of_events(line, user_id.map(Into::into), kind_name(input), events)
    }

    /// The outcome that an input's events tell.
    pub fn of_events(
        line: u64,
        user_id: Option<String>,
        kind: Option<String>,
        events: &[Event],
    ) -> Self {
        match events.first() {
            Some(Event::DeadLettered(refused)) => {
                Self::refused(line, user_id, kind, refused.reason)
            }
            Some(Event::ReadingAccepted(accepted)) => Self::accepted(line, user_id, kind, accepted),
            _ => Self { outcome: "accepted", ..Self::bare(line, user_id, kind) },
        }
    }

    /// The outcome of a stored input for whoever sent it, who knows the person and the kind.
    pub fn answer(line: u64, events: &[Event]) -> Self {
        let detail = match events.first() {
            Some(Event::DeadLettered(refused)) => Some(refused.detail.clone()),
            _ => None,
        };
        Self { detail, ..Self::of_events(line, None, None, events) }
    }

    /// The outcome of an input that changed nothing, for whoever sent it.
    pub fn idle(line: u64) -> Self {
        Self { is_idle: true, ..Self::of_events(line, None, None, &[]) }
    }

    /// The outcome of an input that caused nothing.
    pub fn repeated(line: u64, input: &Input<'_>, reason: Option<Reason>) -> Self {
        let user_id = Some(input.envelope.user_id).filter(|user| !user.is_empty());
        let reason = reason.unwrap_or(Reason::Duplicate);
        Self::refused(line, user_id.map(Into::into), kind_name(input), reason)
    }

    /// A refused line.
    pub fn refused(
        line: u64,
        user_id: Option<String>,
        kind: Option<String>,
        reason: Reason,
    ) -> Self {
        let outcome = if reason == Reason::Duplicate { "duplicate" } else { "rejected" };
        Self { outcome, reason: Some(reason), ..Self::bare(line, user_id, kind) }
    }

    fn accepted(
        line: u64,
        user_id: Option<String>,
        kind: Option<String>,
        accepted: &ReadingAccepted,
    ) -> Self {
        Self {
            outcome: "accepted",
            dropped_fields: accepted.dropped_fields.names().collect(),
            dropped_intervals: accepted.dropped_intervals,
            flags: accepted.flags.names().collect(),
            ..Self::bare(line, user_id, kind)
        }
    }

    fn bare(line: u64, user_id: Option<String>, kind: Option<String>) -> Self {
        Self {
            line,
            user_id,
            kind,
            outcome: "",
            reason: None,
            detail: None,
            dropped_fields: Vec::new(),
            dropped_intervals: 0,
            flags: Vec::new(),
            is_idle: false,
        }
    }
}

impl Ack {
    pub(super) fn assign(&mut self, pool: u64, events: &[Event]) {
        self.assigned.extend(events.iter().filter_map(|event| match event {
            Event::TaskAssigned(event) => Some(Assigned { pool, agent: event.agent.clone() }),
            _ => None,
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts == Counts::default() && self.outgoing.is_empty()
    }

    pub(super) fn announce(&mut self, subject: u64, events: &[Event], state: &State) {
        for (i, event) in events.iter().enumerate() {
            let Event::DecisionMade(decision) = event else { continue };
            let person = state.person(subject);
            let issued = match events.get(i + 1) {
                Some(Event::InterventionIssued(issued)) => Some(issued.clone()),
                _ => None,
            };
            self.decisions.push(Announced {
                user_id: person.map_or_else(String::new, |person| person.user_id.clone()),
                tenant: person.map_or_else(String::new, |person| person.tenant.clone()),
                decision: (**decision).clone(),
                issued,
            });
        }
    }
}

/// The kind of an input as outcomes name it.
fn kind_name(input: &Input<'_>) -> Option<String> {
    match input.body {
        Body::Reading(body) => Some(body.kind().as_str().into()),
        Body::Profile(_) => Some(SchemaId::Profile.as_str().into()),
        Body::Feedback(_) => Some(SchemaId::Feedback.as_str().into()),
        Body::Configuration(_) => Some(SchemaId::Configuration.as_str().into()),
        Body::Unreadable(body) => body.kind.clone(),
        Body::Task(body) => Some(body.schema().as_str().into()),
        Body::Control(_) => Some(SchemaId::Control.as_str().into()),
        Body::Tick(_) => Some(SchemaId::PersonTick.as_str().into()),
    }
}
