//! One partition's fold: the stages in their order, over the partition's whole state.
//!
//! [`State::decide`] turns an input into events without changing anything; [`State::apply`] folds
//! one event. Every stage decides on the state before the input, plus the events that earlier
//! stages just made of it. A live run, a replay and a verification all go through these two.

use alloc::{boxed::Box, string::String, vec::Vec};

use xxhash_rust::xxh3::xxh3_64_with_seed;
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, DeadLettered, Envelope, Event, FeedbackBody,
    PartitionId, PersonTickBody, ProfileBody, ReadingBody, Reason, RhythmAnalysed, SubjectOpened,
    TaskInput, Unreadable,
};

use crate::{
    feedback, intervention, rhythm, routing,
    tasks::{self, Pool, Pools},
    validation::{self, Arrival, RefusedMemory, Verdict},
};

mod control;
mod fold;
mod follow;
mod people;
mod pools;
mod recent;

pub use recent::{DECISIONS_TOLD, Decided, Fate, Recent};

use people::People;

/// Version of the deciding code. It changes when the same inputs would cause other events.
pub const DECIDE_VERSION: u32 = 4;
/// Version of the fold. A snapshot of another version is ignored.
pub const FOLD_VERSION: u32 = 9;

/// An input's body.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A reading.
    Reading(ReadingBody<'a>),
    /// A profile.
    Profile(&'a ProfileBody),
    /// Feedback on a decision.
    Feedback(&'a FeedbackBody),
    /// A configuration of decisions.
    Configuration(&'a ConfigurationBody),
    /// An order about decisions.
    Control(&'a ControlBody),
    /// Bytes that a door could not read.
    Unreadable(&'a Unreadable),
    /// The time, for a person.
    Tick(&'a PersonTickBody),
    /// An input of a pool of agents: `user_id` is the pool, `id` the task or agent.
    Task(&'a TaskInput),
}

/// An input: who, which, when, and what.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Who, which, when.
    pub envelope: Envelope<'a>,
    /// What.
    pub body: Body<'a>,
    /// [`content_fingerprint`] of a reading or a task; 0 otherwise.
    pub content: u64,
}

/// What an input led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its events are to be stored.
    Stored,
    /// It caused nothing and is only counted: a copy of an accepted input, or refused bytes that
    /// were stored within two days (then with the reason).
    Repeated(Option<Reason>),
    /// It changes nothing that matters (a heartbeat soon after another, a tick with nothing due):
    /// it is not stored, and its sender is told that all is well.
    Idle,
}

/// A person's state, stage by stage.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// The tenant.
    pub tenant: String,
    /// The id within the tenant.
    pub user_id: String,
    /// Names the person unambiguously: `user`, or `tenant/user`.
    pub key: String,
    /// The latest profile.
    pub profile: ProfileBody,
    /// The newest first analysis of an hour, for status.
    pub latest: Option<Box<RhythmAnalysed>>,
    /// The last decisions, for status.
    pub recent: Recent,
    validation: validation::Person,
    /// Rhythm.
    pub rhythm: rhythm::Person,
    /// Routing.
    pub routing: routing::Person,
    /// Intervention.
    pub intervention: intervention::Person,
    /// Feedback.
    pub feedback: feedback::Person,
}

/// A partition's state.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct State {
    partition: PartitionId,
    people: People,
    refused: RefusedMemory,
    /// Routing: configuration and learner.
    pub routing: routing::Shared,
    /// Intervention: configuration.
    pub intervention: intervention::Shared,
    /// Feedback: decisions that wait for their outcome.
    pub feedback: feedback::Shared,
    pools: Pools,
}

/// Buffers and tables that deciding reuses, so that an ordinary reading allocates nothing.
#[derive(Debug)]
pub struct Desk {
    tables: rhythm::Tables,
    analyses: rhythm::Analyses,
    expired: Vec<zeitgeber_schemas::OutcomeExpired>,
    /// What feedback does that waited for the decision just made.
    arrived: Vec<Event>,
    tasks: tasks::Draft,
}

impl Desk {
    /// Fresh buffers.
    pub fn new() -> Self {
        Self {
            tables: rhythm::Tables::new(),
            analyses: rhythm::Analyses::default(),
            expired: Vec::new(),
            arrived: Vec::new(),
            tasks: tasks::Draft::new(),
        }
    }

    /// The tables of the rhythm stage.
    pub const fn tables(&self) -> &rhythm::Tables {
        &self.tables
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// Fingerprint of a reading's event time and Avro body, to tell exact copies.
pub fn content_fingerprint(ts: i64, body: &[u8]) -> u64 {
    xxh3_64_with_seed(body, ts as u64)
}

impl State {
    /// The state before any input.
    pub fn initial(partition: PartitionId) -> Self {
        Self {
            partition,
            people: People::default(),
            refused: RefusedMemory::initial(),
            routing: routing::Shared::initial(),
            intervention: intervention::Shared::initial(),
            feedback: feedback::Shared::initial(),
            pools: Pools::initial(),
        }
    }

    /// The partition.
    pub const fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The greatest arrival time of an accepted reading, ms UTC; none before the first.
    pub const fn newest_ms(&self) -> Option<i64> {
        self.refused.newest_ms()
    }

    /// The person with this subject number, who must be hot where known.
    pub fn person(&self, subject: u64) -> Option<&Person> {
        self.people.get(subject).map(|person| &**person)
    }

    /// The subject number of a person, 0 for nobody known.
    pub fn subject(&self, tenant: &str, user_id: &str) -> u64 {
        self.people.number(tenant, user_id)
    }

    /// The subject an input concerns: by key, but for feedback by its decision where it is open.
    pub fn subject_of(&self, input: &Input<'_>) -> u64 {
        match input.body {
            Body::Feedback(body) => self
                .feedback
                .subject_of(body.decision_id)
                .unwrap_or_else(|| self.subject(input.envelope.tenant, input.envelope.user_id)),
            Body::Configuration(_) => 0,
            Body::Control(order) if order.scope != ControlScope::Person => 0,
            Body::Task(_) => self.pools.number(input.envelope.tenant, input.envelope.user_id),
            _ => self.subject(input.envelope.tenant, input.envelope.user_id),
        }
    }

    /// The subject number that a new person would get.
    pub fn next_subject(&self) -> u64 {
        self.people.len() as u64 + 1
    }

    /// Turns an input of `subject` into events. `raw_hash` is asked for the hash of the input's
    /// bytes only where it is refused.
    pub fn decide(
        &self,
        desk: &mut Desk,
        subject: u64,
        input: &Input<'_>,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        out.clear();
        match input.body {
            Body::Reading(body) => {
                let arrival = Arrival { envelope: input.envelope, body, content: input.content };
                return self.decide_reading(desk, subject, &arrival, raw_hash, out);
            }
            Body::Profile(profile) => match self.person(subject) {
                Some(person) if person.profile == *profile => return Outcome::Repeated(None),
                Some(_) => out.push(Event::ProfileSet),
                None => {
                    let user_id = input.envelope.user_id.into();
                    out.push(Event::SubjectOpened(SubjectOpened { user_id }));
                    out.push(Event::ProfileSet);
                }
            },
            Body::Configuration(body) => {
                let verdict = self.routing.versions.decide(body);
                return self.stand(verdict, Event::ConfigurationSet, raw_hash, out);
            }
            Body::Control(order) => {
                return self.decide_control(subject, &input.envelope, order, raw_hash, out);
            }
            Body::Feedback(body) if self.feedback.has_seen(body.decision_id, input.envelope.id) => {
                return Outcome::Repeated(None);
            }
            Body::Feedback(body) if self.is_anothers(subject, &input.envelope, body) => {
                let detail = "the decision concerns somebody else than the feedback's person";
                return self.refuse(orphan(detail), raw_hash, out);
            }
            Body::Feedback(body) => match self.decide_feedback(&input.envelope, body) {
                Ok(event) => out.push(event),
                Err(refusal) => return self.refuse(refusal, raw_hash, out),
            },
            Body::Task(body) => {
                return self.decide_task(desk, subject, &command(input, body), raw_hash, out);
            }
            Body::Tick(tick) => return self.decide_tick(desk, subject, tick.at_ms, out),
            Body::Unreadable(body) => {
                let refusal = DeadLettered { reason: body.reason, detail: body.detail.clone() };
                return self.refuse(refusal, raw_hash, out);
            }
        }
        Outcome::Stored
    }

    /// Whether feedback claims to be from somebody else than its decision's person.
    fn is_anothers(&self, subject: u64, envelope: &Envelope<'_>, body: &FeedbackBody) -> bool {
        let (Some(claimed), Some(person)) = (&body.user_id, self.person(subject)) else {
            return false;
        };
        self.feedback.subject_of(body.decision_id).is_some()
            && (person.tenant != envelope.tenant || person.user_id != *claimed)
    }

    /// What feedback does. A decision that another partition would make is never waited for.
    fn decide_feedback(
        &self,
        envelope: &Envelope<'_>,
        body: &FeedbackBody,
    ) -> Result<Event, DeadLettered> {
        if body.decision_id.partition() != self.partition {
            return Err(orphan("no partition of this log makes such a decision"));
        }
        feedback::decide(&self.feedback, envelope, body, self.newest_ms())
    }

    fn refuse(
        &self,
        refusal: DeadLettered,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        if self.refused.contains(raw_hash()) {
            return Outcome::Repeated(Some(refusal.reason));
        }
        out.push(Event::DeadLettered(refusal));
        Outcome::Stored
    }

    fn decide_task(
        &self,
        desk: &mut Desk,
        subject: u64,
        command: &tasks::Command<'_>,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        match self.pools.decide(self.partition, &mut desk.tasks, subject, command, out) {
            tasks::Verdict::Stored => Outcome::Stored,
            tasks::Verdict::Repeated => Outcome::Repeated(None),
            tasks::Verdict::Idle => Outcome::Idle,
            tasks::Verdict::Refused(refusal) => self.refuse(refusal, raw_hash, out),
        }
    }

    fn decide_reading(
        &self,
        desk: &mut Desk,
        subject: u64,
        arrival: &Arrival<'_>,
        raw_hash: impl FnOnce() -> [u8; 16],
        out: &mut Vec<Event>,
    ) -> Outcome {
        let person = self.person(subject);
        match validation::decide(person.map(|person| &person.validation), arrival) {
            Verdict::Repeat => Outcome::Repeated(None),
            Verdict::Refused(refusal) => self.refuse(refusal, raw_hash, out),
            Verdict::Accepted(accepted) => {
                let person = person.expect("validation refuses a reading without a person");
                self.follow(desk, person, arrival, &accepted, out);
                out.insert(0, Event::ReadingAccepted(accepted));
                Outcome::Stored
            }
        }
    }
}

fn orphan(detail: &str) -> DeadLettered {
    DeadLettered { reason: Reason::Orphan, detail: detail.into() }
}

/// An input of a pool as that flow takes it.
const fn command<'a>(input: &Input<'a>, body: &'a TaskInput) -> tasks::Command<'a> {
    tasks::Command { envelope: input.envelope, body, content: input.content }
}

impl Person {
    /// Memory of the person's state, bytes: the struct and what it points to.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>()
            + self.validation.heap_bytes()
            + self.rhythm.heap_bytes()
            + self.key.capacity() * 3
            + self.recent.heap_bytes()
            + self.latest.as_ref().map_or(0, |_| size_of::<RhythmAnalysed>() + 512)
    }
}
