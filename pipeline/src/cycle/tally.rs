//! What a chunk's inputs and events add up to, for whoever watches a running service.
//!
//! Plain numbers of one thread, added up input by input and handed over with the chunk's
//! acknowledgement, so that they tell what is durable and nothing else. A cycle that nobody
//! watches keeps none.

use zeitgeber_processors::flow::{Body, Input};
use zeitgeber_schemas::{
    Event, FeedbackStatus, Reason, RhythmAnalysed, SchemaId, Span, Suppression, TaskInput,
};

mod tasks;

pub use tasks::{PoolTally, TaskTally, pool_events};

use crate::measure::{Buckets, DELAY_S, RATIO, SLEEPINESS};

/// Kinds of input.
pub const KINDS: [&str; 10] = [
    "imu",
    "hrv",
    "environment",
    "profile",
    "feedback",
    "configuration",
    "task",
    "agent",
    "tick",
    "unreadable",
];
/// What becomes of an input.
pub const OUTCOMES: [&str; 4] = ["accepted", "rejected", "duplicate", "idle"];
/// The stages.
pub const STAGES: [&str; 6] =
    ["validation", "rhythm", "routing", "intervention", "feedback", "tasks"];
/// First analyses of a window, and those after late data.
pub const REVISIONS: [&str; 2] = ["first", "later"];

const ACCEPTED: usize = 0;
const REJECTED: usize = 1;
const DUPLICATE: usize = 2;
const IDLE: usize = 3;

/// The stage that decides events of a schema; none: it is no event.
pub const fn stage_of(schema: SchemaId) -> Option<&'static str> {
    Some(match schema {
        SchemaId::SubjectOpened
        | SchemaId::ReadingAccepted
        | SchemaId::DeadLettered
        | SchemaId::ProfileSet
        | SchemaId::ConfigurationSet
        | SchemaId::ControlSet => STAGES[0],
        SchemaId::RhythmAnalysed | SchemaId::DayAnalysed => STAGES[1],
        SchemaId::DecisionMade | SchemaId::ShadowDecided | SchemaId::DecisionWithheld => STAGES[2],
        SchemaId::InterventionIssued | SchemaId::InterventionSuppressed => STAGES[3],
        SchemaId::FeedbackRecorded
        | SchemaId::FeedbackNoted
        | SchemaId::FeedbackParked
        | SchemaId::FeedbackOrphaned
        | SchemaId::OutcomeExpired => STAGES[4],
        SchemaId::PoolOpened
        | SchemaId::PoolConfigured
        | SchemaId::AgentRegistered
        | SchemaId::AgentSeen
        | SchemaId::AgentHealthChanged
        | SchemaId::TaskQueued
        | SchemaId::TaskEscalated
        | SchemaId::TaskAssigned
        | SchemaId::TaskStarted
        | SchemaId::TaskCompleted
        | SchemaId::TaskFailed
        | SchemaId::TaskReleased
        | SchemaId::TaskCancelled
        | SchemaId::TaskExpired
        | SchemaId::TaskDeadLettered => STAGES[5],
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
        | SchemaId::Control => return None,
    })
}

/// Every event's schema and name.
pub fn events() -> impl Iterator<Item = (SchemaId, &'static str)> {
    let events = SchemaId::ALL.iter().filter(|schema| stage_of(**schema).is_some());
    events.map(|schema| (*schema, schema.as_str()))
}

/// What inputs and events add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Inputs, by kind in the order of [`KINDS`] and outcome in the order of [`OUTCOMES`].
    pub inputs: [[u64; OUTCOMES.len()]; KINDS.len()],
    /// Inputs refused, by reason.
    pub refusals: [u64; Reason::ALL.len()],
    /// Events, by schema.
    pub events: [u64; SchemaId::ALL.len()],
    /// Decisions that reach nobody, by reason.
    pub suppressions: [u64; Suppression::ALL.len()],
    /// From measurement to arrival of accepted readings, s.
    pub reading_delay: Buckets,
    /// Analyses, by span, then first and later.
    pub analyses: [[u64; REVISIONS.len()]; Span::ALL.len()],
    /// Their coverage, 0 to 1.
    pub coverage: Buckets,
    /// Their vitality, 0 to 1, where there is one.
    pub vitality: Buckets,
    /// Their predicted sleepiness, 1 to 9.
    pub sleepiness: Buckets,
    /// From the end of their window to the arrival of what sealed it, s.
    pub analysis_delay: Buckets,
    /// What concerns arms, by name.
    pub arms: Vec<ArmTally>,
    /// What concerns tasks.
    pub tasks: TaskTally,
}

/// What happened with one arm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArmTally {
    /// The arm.
    pub arm: String,
    /// Decisions for it.
    pub decisions: u64,
    /// Interventions issued of it.
    pub interventions: u64,
    /// Rewards that it learnt, corrections included.
    pub rewards: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            inputs: [[0; OUTCOMES.len()]; KINDS.len()],
            refusals: [0; Reason::ALL.len()],
            events: [0; SchemaId::ALL.len()],
            suppressions: [0; Suppression::ALL.len()],
            reading_delay: Buckets::new(DELAY_S),
            analyses: [[0; REVISIONS.len()]; Span::ALL.len()],
            coverage: Buckets::new(RATIO),
            vitality: Buckets::new(RATIO),
            sleepiness: Buckets::new(SLEEPINESS),
            analysis_delay: Buckets::new(DELAY_S),
            arms: Vec::new(),
            tasks: TaskTally::default(),
        }
    }
}

impl Tally {
    /// An input was stored with these events.
    pub fn stored(&mut self, input: &Input<'_>, events: &[Event]) {
        let mut outcome = ACCEPTED;
        for event in events {
            self.events[event.schema() as usize] += 1;
            match event {
                Event::ReadingAccepted(_) => self.reading(input),
                Event::DeadLettered(refused) => {
                    outcome = REJECTED;
                    self.refusals[refused.reason as usize] += 1;
                }
                Event::RhythmAnalysed(analysed) => self.analysed(input, analysed),
                Event::DecisionMade(decision) => self.arm(&decision.chosen).decisions += 1,
                Event::InterventionIssued(issued) => self.arm(&issued.arm).interventions += 1,
                Event::InterventionSuppressed(event) => {
                    self.suppressions[event.reason as usize] += 1;
                }
                Event::FeedbackRecorded(event) => {
                    let learnt =
                        matches!(event.status, FeedbackStatus::Applied | FeedbackStatus::Corrected);
                    self.arm(&event.arm).rewards += u64::from(learnt);
                }
                Event::FeedbackNoted(event) => {
                    self.arm(&event.arm).rewards += u64::from(event.stands.is_some());
                }
                Event::FeedbackOrphaned(_) => self.refusals[Reason::Orphan as usize] += 1,
                Event::SubjectOpened(_)
                | Event::FeedbackParked(_)
                | Event::DayAnalysed(_)
                | Event::ProfileSet
                | Event::ConfigurationSet
                | Event::ControlSet
                | Event::ShadowDecided(_)
                | Event::DecisionWithheld(_)
                | Event::OutcomeExpired(_)
                | Event::PoolOpened(_)
                | Event::PoolConfigured
                | Event::AgentRegistered(_)
                | Event::AgentSeen(_)
                | Event::AgentHealthChanged(_)
                | Event::TaskQueued(_)
                | Event::TaskEscalated(_)
                | Event::TaskAssigned(_)
                | Event::TaskStarted(_)
                | Event::TaskCompleted(_)
                | Event::TaskFailed(_)
                | Event::TaskReleased(_)
                | Event::TaskCancelled(_)
                | Event::TaskExpired(_)
                | Event::TaskDeadLettered(_) => {}
            }
        }
        self.inputs[kind_of(input)][outcome] += 1;
    }

    /// An input changed nothing that matters.
    pub fn idle(&mut self, input: &Input<'_>) {
        self.inputs[kind_of(input)][IDLE] += 1;
    }

    /// An input caused nothing: it repeats another one.
    pub fn repeated(&mut self, input: &Input<'_>) {
        self.inputs[kind_of(input)][DUPLICATE] += 1;
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        add_rows(&mut self.inputs, &other.inputs);
        add(&mut self.refusals, &other.refusals);
        add(&mut self.events, &other.events);
        add(&mut self.suppressions, &other.suppressions);
        add_rows(&mut self.analyses, &other.analyses);
        self.reading_delay.merge(&other.reading_delay);
        self.coverage.merge(&other.coverage);
        self.vitality.merge(&other.vitality);
        self.sleepiness.merge(&other.sleepiness);
        self.analysis_delay.merge(&other.analysis_delay);
        self.tasks.merge(&other.tasks);
        for other in &other.arms {
            let arm = self.arm(&other.arm);
            arm.decisions += other.decisions;
            arm.interventions += other.interventions;
            arm.rewards += other.rewards;
        }
    }

    fn reading(&mut self, input: &Input<'_>) {
        let received = input.envelope.received();
        self.reading_delay.record(seconds(received.saturating_sub(input.envelope.ts)));
    }

    fn analysed(&mut self, input: &Input<'_>, analysed: &RhythmAnalysed) {
        self.analyses[analysed.span as usize][usize::from(analysed.revision > 0)] += 1;
        self.coverage.record(analysed.coverage);
        self.sleepiness.record(analysed.kss);
        if let Some(vitality) = analysed.composite.vitality {
            self.vitality.record(vitality);
        }
        let delay_ms = input.envelope.received().saturating_sub(analysed.window_end_ms);
        self.analysis_delay.record(seconds(delay_ms));
    }

    /// An arm's place; decisions are rare and arms few, so that a search does.
    fn arm(&mut self, name: &str) -> &mut ArmTally {
        let index = self.arms.iter().position(|tally| tally.arm == name);
        let index = index.unwrap_or_else(|| {
            self.arms.push(ArmTally { arm: name.into(), ..ArmTally::default() });
            self.arms.len() - 1
        });
        &mut self.arms[index]
    }
}

fn add(to: &mut [u64], from: &[u64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

fn add_rows<const N: usize>(to: &mut [[u64; N]], from: &[[u64; N]]) {
    to.iter_mut().zip(from).for_each(|(to, from)| add(to, from));
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// The place of an input's kind in [`KINDS`].
const fn kind_of(input: &Input<'_>) -> usize {
    match input.body {
        Body::Reading(body) => body.kind() as usize,
        Body::Profile(_) => 3,
        Body::Feedback(_) => 4,
        Body::Configuration(_) | Body::Control(_) => 5,
        Body::Task(TaskInput::Agent(_)) => 7,
        Body::Task(TaskInput::Tick(_)) | Body::Tick(_) => 8,
        Body::Task(TaskInput::Pool(_)) => 5,
        Body::Task(_) => 6,
        Body::Unreadable(_) => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_stage_and_no_input_has_one() {
        for schema in SchemaId::ALL {
            assert_eq!(stage_of(*schema).is_none(), schema.is_input(), "{schema}");
        }
    }

    #[test]
    fn kinds_of_readings_stand_in_the_order_of_their_schema() {
        let kinds = zeitgeber_schemas::Kind::ALL.iter().map(|kind| kind.as_str());
        assert!(kinds.eq(KINDS[..3].iter().copied()));
    }
}
