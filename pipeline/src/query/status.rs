//! Where one person stands: the newest analysis, what was decided, what may come next.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use zeitgeber_processors::{
    flow::{Decided, Fate, Person, State},
    ledger::LocalTime,
};
use zeitgeber_schemas::{
    Composite, ControlScope, DecisionId, InterventionIssued, MaskReason, murmur2_partition,
    partition_key, person_key,
};

use super::{Position, QueryError, Walk, summary::reward_value, unknown_user};
use crate::store::Store;

/// How far ahead the next possible intervention is looked for, minutes.
const LOOK_AHEAD_MIN: i64 = 2 * 1_440;
/// In steps of this many minutes.
const LOOK_STEP_MIN: i64 = 5;
const MINUTE_MS: i64 = 60_000;

/// Where one person stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What an operator's stop that holds for the person is about; null: none does.
    #[serde(default)]
    pub stopped: Option<ControlScope>,
    /// When the next intervention may reach the person, ms UTC; none within two days.
    pub next_possible_ms: Option<i64>,
}

/// What the newest analysed hour says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    let key = partition_key(tenant, user_id);
    let partition = murmur2_partition(key.as_bytes(), store.layout().partitions);
    let (held, n) = store.glance(partition)?;
    let subject = held.state().subject(tenant, user_id);
    match held.person(subject) {
        Ok(Some(person)) => {
            let clock_ms = person.rhythm.clock_ms();
            Ok(status_of(held.state(), &person, clock_ms, Position { partition, n }))
        }
        Ok(None) => Err(nobody(store, &key)?),
        // A damaged record costs a fold of the whole log, nothing else.
        Err(_) => {
            let (state, n) = store.from_log(partition)?;
            let person = state.share(state.subject(tenant, user_id));
            let person = person.ok_or_else(|| unknown_user(&key, None))?;
            let clock_ms = person.rhythm.clock_ms();
            Ok(status_of(&state, &person, clock_ms, Position { partition, n }))
        }
    }
}

/// The error for somebody whom the log does not know.
fn nobody(store: &Store, key: &str) -> Result<QueryError, QueryError> {
    let mut walk = Walk::start(&*store.journal())?;
    walk.run(|_| Ok(ControlFlow::Continue(())))?;
    let known: Vec<String> = walk.names().iter().map(|subject| subject.key()).collect();
    Ok(unknown_user(key, known.iter().map(String::as_str)))
}

/// Where a person stands by a partition's state, which holds all events before `as_of`, when their
/// clock was at `clock_ms`.
pub fn status_of(state: &State, person: &Person, clock_ms: Option<i64>, as_of: Position) -> Status {
    let limits = state.intervention.versions.active().map(|active| &active.configuration.limits);
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
        decisions: person.recent.decisions().rev().map(|made| seen(state, made)).collect(),
        open_feedback: person.feedback.waiting(&state.feedback) as u64,
        last_intervention: person.recent.issued().cloned(),
        hindrance: clock_ms.and_then(hindrance),
        stopped: state.routing.stopped_for(&person_key(&person.tenant, &person.user_id)),
        next_possible_ms: possible
            .and_then(|at_ms| steps(at_ms).find(|at_ms| hindrance(*at_ms).is_none())),
    }
}

fn seen(state: &State, made: &Decided) -> DecisionSeen {
    DecisionSeen {
        decision_id: made.decision_id,
        at_ms: made.at_ms,
        chosen: made.chosen.clone(),
        propensity: made.propensity,
        outcome: match made.fate {
            Some(Fate::Issued) => "issued".into(),
            Some(Fate::Suppressed(reason)) => reason.to_string(),
            None => String::new(),
        },
        reward: made.reward.map(reward_value),
        open: state.feedback.waits(made.decision_id),
    }
}
