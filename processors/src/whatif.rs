//! What if: the decisions of a log, made again by a candidate configuration.
//!
//! [`Replay`] goes through one partition's entries in log order. Each logged decision is made again
//! by [`routing::decide`] itself, under the candidate, from the recorded analysis, on the person's
//! ledger and profile as they stood; the candidate's learner has taken in the log's outcomes as
//! far as they had come by then. What is compared becomes [`Flips`]; what can be weighed becomes
//! [`Rows`], which the off-policy evaluation takes.
//!
//! - `WHATIF-1`: a candidate that was in force all along decides as the log says, bit for bit.
//! - `WHATIF-2`: nothing that came after a decision reaches the candidate's decision.
//!
//! Held fixed: who was decided for and when, analyses and with them the context, what was issued
//! (cooldowns, budgets and doses go by that), profiles, and the outcomes: what was learnt, imputed
//! or left out, and when. So it is first-order: a candidate that would have issued something else
//! is not followed into the eligibility that would have come of it, and it learns from the arms
//! that were chosen, not from those that it would have chosen.

mod flips;
mod rows;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{mem, slice};

pub use flips::{Cause, Example, Flips, Hour, PersonFlips, Turn};
pub use rows::{Evaluated, Rows, RowsFault, evaluate};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, DecisionMade, Event, FeedbackNoted,
    FeedbackRecorded, OutcomeExpired, PartitionId, ProfileBody, RhythmAnalysed, Span,
};

use crate::{
    ledger::LocalTime,
    routing::{self, Context, Decided},
};

/// One partition of a log, decided again.
#[derive(Debug)]
pub struct Replay {
    partition: PartitionId,
    shared: routing::Shared,
    /// By subject number, from 1.
    people: Vec<Option<Person>>,
    decided: Option<Box<DecisionMade>>,
}

#[derive(Debug)]
struct Person {
    key: String,
    profile: ProfileBody,
    routing: routing::Person,
}

/// A logged decision beside the candidate's.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The person's number in the partition.
    pub subject: u64,
    /// The person's key.
    pub key: &'a str,
    /// Where the person was in their day.
    pub local: LocalTime,
    /// The log's decision.
    pub logged: &'a DecisionMade,
    /// The candidate's, of the same id and thus by the same draw.
    pub candidate: &'a DecisionMade,
}

impl Replay {
    /// The partition before any input, with the candidate in force.
    pub fn new(partition: PartitionId, candidate: &ConfigurationBody) -> Self {
        let mut shared = routing::Shared::initial();
        routing::apply_configuration(&mut shared, candidate);
        Self { partition, shared, people: Vec::new(), decided: None }
    }

    /// Takes over a person's profile; `key` names whoever is new.
    pub fn set_profile(
        &mut self,
        subject: u64,
        profile: ProfileBody,
        key: impl FnOnce() -> Option<String>,
    ) {
        let Some(index) = usize::try_from(subject).ok().and_then(|n| n.checked_sub(1)) else {
            return;
        };
        if self.people.len() <= index {
            self.people.resize_with(index + 1, || None);
        }
        match &mut self.people[index] {
            Some(person) => person.profile = profile,
            place => {
                let routing = routing::Person::initial();
                *place = key().map(|key| Person { key, profile, routing });
            }
        }
    }

    /// Makes the decision among an input's events again, before they are folded. None: it cannot
    /// be made from these events, as its analysis or its person is not among what can be read.
    pub fn decide<'a>(
        &'a mut self,
        subject: u64,
        logged: &'a DecisionMade,
        events: &[Event],
    ) -> Option<Pair<'a>> {
        let person = self.people.get(usize::try_from(subject).ok()?.checked_sub(1)?)?.as_ref()?;
        let context = Context {
            partition: self.partition,
            key: &person.key,
            profile: &person.profile,
            clock_ms: logged.at_ms,
            backfill: false,
        };
        let analysis = events.iter().find_map(|event| analysis_of(logged, event))?;
        let analysed = slice::from_ref(analysis);
        let decided = routing::decide(&self.shared, &person.routing, &context, analysed)?;
        let Decided::Made(made, _) = decided else { return None };
        let candidate = &**self.decided.insert(made);
        (candidate.decision_id == logged.decision_id).then_some(Pair {
            subject,
            key: &person.key,
            local: LocalTime::of(&person.profile, logged.at_ms),
            logged,
            candidate,
        })
    }

    /// Takes over an order that stood: arms that were stopped are so for the candidate, too. Which
    /// version decided, and for whom nothing did, is the log's.
    pub fn order(&mut self, order: &ControlBody) {
        if order.scope == ControlScope::Arm {
            routing::apply_control(&mut self.shared, "", order);
        }
    }

    /// Folds an input's events.
    pub fn apply(&mut self, subject: u64, events: &mut [Event]) {
        for event in events {
            match event {
                Event::FeedbackRecorded(event) => self.learn(event),
                Event::FeedbackNoted(event) => self.note(event),
                Event::OutcomeExpired(event) => self.impute(event),
                _ => self.apply_to_person(subject, event),
            }
        }
    }

    /// The candidate has registered each of its arms once, so an outcome is that registration's.
    fn learn(&mut self, event: &mut FeedbackRecorded) {
        let incarnation = mem::take(&mut event.incarnation);
        routing::apply_feedback(&mut self.shared, event);
        event.incarnation = incarnation;
    }

    fn note(&mut self, event: &mut FeedbackNoted) {
        let incarnation = mem::take(&mut event.incarnation);
        routing::apply_noted(&mut self.shared, event);
        event.incarnation = incarnation;
    }

    fn impute(&mut self, event: &mut OutcomeExpired) {
        let incarnation = mem::take(&mut event.incarnation);
        routing::apply_expired(&mut self.shared, event);
        event.incarnation = incarnation;
    }

    fn apply_to_person(&mut self, subject: u64, event: &Event) {
        let index = usize::try_from(subject).ok().and_then(|n| n.checked_sub(1));
        let Some(Some(person)) = index.and_then(|index| self.people.get_mut(index)) else { return };
        match event {
            Event::RhythmAnalysed(event) => routing::apply_analysed(&mut person.routing, event),
            Event::DecisionMade(event) => {
                routing::apply_decision(&mut self.shared, &mut person.routing, event);
            }
            Event::InterventionIssued(event) => {
                routing::apply_issued(&mut person.routing, &person.profile, event);
            }
            _ => {}
        }
    }
}

/// The analysis that led to a decision, if this is it.
fn analysis_of<'a>(logged: &DecisionMade, event: &'a Event) -> Option<&'a RhythmAnalysed> {
    let Event::RhythmAnalysed(analysed) = event else { return None };
    let is_it = analysed.span == Span::Hour
        && analysed.revision == 0
        && analysed.window_end_ms == logged.analysis_end_ms;
    is_it.then_some(Box::as_ref(analysed))
}
