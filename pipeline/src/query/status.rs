//! Where one person stands: the newest analysis, what was decided, what may come next.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::ControlFlow,
};

use serde::Serialize;
use zeitgeber_processors::{
    flow::{Person, State},
    ledger::LocalTime,
};
use zeitgeber_schemas::{
    Composite, DecisionId, Event, FeedbackStatus, InterventionIssued, MaskReason, SchemaId,
    murmur2_partition, partition_key,
};

use super::{Position, QueryError, Visit, Walk, summary::reward_value, unknown_user};
use crate::store::Store;

/// How many decisions are told.
const DECISIONS_TOLD: usize = 5;
/// How far ahead the next possible intervention is looked for, minutes.
const LOOK_AHEAD_MIN: i64 = 2 * 1_440;
/// In steps of this many minutes.
const LOOK_STEP_MIN: i64 = 5;
const MINUTE_MS: i64 = 60_000;

/// Where one person stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The person.
    pub user_id: String,
    /// The tenant.
    pub tenant: String,
    /// Up to which event of the person's partition this holds: the next position.
    pub as_of: Position,
    /// The person's clock, ms UTC: the greatest arrival time of an accepted reading.
    pub clock_ms: Option<i64>,
    /// The person's local time of day by that clock, minutes after midnight.
    pub local_minute: Option<u32>,
    /// The newest analysed hour.
    pub analysis: Option<Analysis>,
    /// The last decisions, newest first.
    pub decisions: Vec<DecisionSeen>,
    /// Decisions that still wait for their outcome.
    pub open_feedback: u64,
    /// The last intervention issued.
    pub last_intervention: Option<InterventionIssued>,
    /// What keeps interventions from the person now.
    pub hindrance: Option<MaskReason>,
    /// When the next intervention may reach the person, ms UTC; none within two days.
    pub next_possible_ms: Option<i64>,
}

/// What the newest analysed hour says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Start of the window, ms UTC.
    pub window_start_ms: i64,
    /// End of the window, ms UTC.
    pub window_end_ms: i64,
    /// Revision.
    pub revision: u32,
    /// Share of the window that holds a worn value, 0 to 1.
    pub coverage: f64,
    /// Predicted sleepiness at the window's end (Karolinska scale).
    pub kss: f64,
    /// Predicted sleepiness in the 24 hours after it, by the hour.
    pub kss_forecast: Vec<f64>,
    /// Vitality, its parts, weights and confidence; energy and risks.
    pub composite: Composite,
}

/// A decision and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionSeen {
    /// Its id.
    pub decision_id: DecisionId,
    /// When, ms UTC.
    pub at_ms: i64,
    /// The arm chosen.
    pub chosen: String,
    /// With which probability.
    pub propensity: f64,
    /// `issued`, or why nothing reached the person.
    pub outcome: String,
    /// The reward that the learner holds for it.
    pub reward: Option<f64>,
    /// Whether it still waits for its outcome.
    pub open: bool,
}

/// Where a person stands at the end of the log.
pub fn status(store: &Store, tenant: &str, user_id: &str) -> Result<Status, QueryError> {
    let states = store.states()?;
    let key = partition_key(tenant, user_id);
    let partition = murmur2_partition(key.as_bytes(), store.layout().partitions);
    let state = states.get(usize::from(partition.0));
    let found = state.and_then(|state| {
        let subject = state.subject(tenant, user_id);
        Some((state, subject, state.person(subject)?))
    });
    let Some((state, subject, person)) = found else {
        let known = states.iter().flat_map(State::people).map(|person| person.key.as_str());
        return Err(unknown_user(&key, known));
    };
    let journal = store.journal();
    let mut seen = Seen::default();
    let mut next = 0;
    Walk::start(&*journal)?.run(|met| {
        if met.partition() == partition {
            next = met.first + met.entry.events.clone().count() as u64;
            seen.take(met, subject, state)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(compose(state, person, Position { partition, n: next }, seen))
}

fn compose(state: &State, person: &Person, as_of: Position, seen: Seen) -> Status {
    let clock_ms = person.rhythm.clock_ms();
    let limits = state.intervention.configuration.as_ref().map(|body| &body.limits);
    let ledger = &person.intervention.ledger;
    let hindrance = |at_ms| limits.and_then(|l| ledger.hindrance(&person.profile, l, at_ms));
    let steps = |from: i64| {
        (0..LOOK_AHEAD_MIN / LOOK_STEP_MIN)
            .map(move |step| from.saturating_add(step * LOOK_STEP_MIN * MINUTE_MS))
    };
    let possible = clock_ms.filter(|_| limits.is_some());
    Status {
        user_id: person.user_id.clone(),
        tenant: person.tenant.clone(),
        as_of,
        clock_ms,
        local_minute: clock_ms.map(|at_ms| LocalTime::of(&person.profile, at_ms).minute),
        analysis: person.latest.as_deref().map(|analysed| Analysis {
            window_start_ms: analysed.window_start_ms,
            window_end_ms: analysed.window_end_ms,
            revision: analysed.revision,
            coverage: analysed.coverage,
            kss: analysed.kss,
            kss_forecast: analysed.kss_forecast.clone(),
            composite: analysed.composite.clone(),
        }),
        decisions: seen.decisions.into_iter().rev().collect(),
        open_feedback: seen.waiting.len() as u64,
        last_intervention: seen.issued,
        hindrance: clock_ms.and_then(hindrance),
        next_possible_ms: possible
            .and_then(|at_ms| steps(at_ms).find(|at_ms| hindrance(*at_ms).is_none())),
    }
}

/// What the log tells of the person's decisions.
#[derive(Default)]
struct Seen {
    decisions: VecDeque<DecisionSeen>,
    issued: Option<InterventionIssued>,
    waiting: BTreeSet<DecisionId>,
}

impl Seen {
    fn take(&mut self, met: &Visit<'_>, subject: u64, state: &State) -> Result<(), QueryError> {
        let is_theirs = met.entry.subject == subject && !met.entry.schema.is_task_input();
        for stored in met.entry.events.clone() {
            // Feedback may come without the person's id; the decision's own id joins it.
            let wanted = match stored.schema {
                SchemaId::DecisionMade
                | SchemaId::InterventionIssued
                | SchemaId::InterventionSuppressed => is_theirs,
                SchemaId::FeedbackRecorded | SchemaId::OutcomeExpired => true,
                _ => false,
            };
            if wanted && stored.seal == 0 {
                self.fold(met.event(&stored)?, state);
            }
        }
        Ok(())
    }

    fn fold(&mut self, event: Event, state: &State) {
        match event {
            Event::DecisionMade(made) => {
                let open = state.feedback.subject_of(made.decision_id).is_some();
                if open {
                    self.waiting.insert(made.decision_id);
                }
                if self.decisions.len() == DECISIONS_TOLD {
                    self.decisions.pop_front();
                }
                self.decisions.push_back(DecisionSeen {
                    decision_id: made.decision_id,
                    at_ms: made.at_ms,
                    chosen: made.chosen,
                    propensity: made.propensity,
                    outcome: String::new(),
                    reward: None,
                    open,
                });
            }
            Event::InterventionIssued(issued) => {
                self.outcome(issued.decision_id, "issued".into());
                self.issued = Some(issued);
            }
            Event::InterventionSuppressed(event) => {
                self.outcome(event.decision_id, event.reason.to_string());
            }
            Event::FeedbackRecorded(event) => {
                let learnt =
                    matches!(event.status, FeedbackStatus::Applied | FeedbackStatus::Corrected);
                if learnt {
                    self.reward(event.decision_id, Some(event.reward));
                }
            }
            Event::OutcomeExpired(event) => self.reward(event.decision_id, event.imputed),
            _ => {}
        }
    }

    fn find(&mut self, id: DecisionId) -> Option<&mut DecisionSeen> {
        self.decisions.iter_mut().find(|decision| decision.decision_id == id)
    }

    fn outcome(&mut self, id: DecisionId, outcome: String) {
        if let Some(decision) = self.find(id) {
            decision.outcome = outcome;
        }
    }

    fn reward(&mut self, id: DecisionId, reward: Option<i32>) {
        self.waiting.remove(&id);
        if let Some(decision) = self.find(id) {
            decision.reward = reward.map(reward_value);
            decision.open = false;
        }
    }
}
