//! Feedback: joins an outcome to its decision and says what reward the learner takes.
//!
//! A decision waits for its outcome for one window, and is remembered for another one, so that
//! what comes late is told from what never had a decision. Its features are the
//! logged ones, kept here, never computed again. What one feedback input does, first match:
//!
//! | | result |
//! |---|---|
//! | the decision is not open (any more) | dead letter, `orphan` |
//! | the response is not a number in its range | dead letter, `out_of_range` |
//! | this feedback id was seen, or [`MOST_SEEN`] were | `Duplicate` |
//! | the window is over and a reward was imputed | `Corrected`, replacing the imputed one |
//! | it arrived after the window | `Expired` |
//! | the arm was removed since | `Retired` |
//! | a reward was learnt and nothing is corrected | `Duplicate` |
//! | a reward was learnt and is corrected | `Corrected`, replacing the reward that stands |
//! | else | `Applied` |
//!
//! Windows close at sealed hours: at each one the caller runs [`decide_expiry`], folds its events,
//! and then folds [`apply_clock`] with the same instant, live and in replay. The clock's fold drops
//! every decision two windows old. An `OutcomeExpired` may be folded before or after it.

use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, DeadLettered, DecisionId, DecisionMade, Envelope, FeedbackBody,
    FeedbackPolicy, FeedbackRecorded, FeedbackStatus, Missing, OutcomeExpired, Reason, Response,
};

use crate::{exact, ledger::NO_INTERVENTION, versions::Versions};

/// Most feedback ids remembered for one decision. Later ones count as duplicates, so that none is
/// ever forgotten and taken twice.
pub const MOST_SEEN: usize = 32;

/// A measured change of this many standard deviations earns reward 1, its opposite 0.
const CHANGE_SD: f64 = 3.0;

/// What a partition's people share.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shared {
    versions: Versions<()>,
    policy: FeedbackPolicy,
    open: BTreeMap<DecisionId, Open>,
}

/// A decision that waits for its outcome, or whose outcome may still be corrected.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Open {
    subject: u64,
    arm: String,
    incarnation: u32,
    features: Vec<i32>,
    at_ms: i64,
    /// The reward that stands.
    learnt: Option<i32>,
    /// The arm was removed after the decision.
    retired: bool,
    /// The window passed without an outcome.
    expired: bool,
    /// Hashes of the feedback ids that were taken in.
    seen: Vec<u64>,
}

/// What this stage knows of one person.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// Open decisions, oldest first: when each was made (ms UTC), and its id.
    open: VecDeque<(i64, DecisionId)>,
    /// How many of them, from the oldest, have been looked at when their window passed.
    settled: usize,
}

impl Shared {
    /// No decision is open.
    pub const fn initial() -> Self {
        let policy = FeedbackPolicy { window_ms: 0, missing: Missing::Drop };
        Self { versions: Versions::none(), policy, open: BTreeMap::new() }
    }

    /// Number of open decisions.
    pub fn open_decisions(&self) -> usize {
        self.open.len()
    }

    /// Number of decisions that still wait for an outcome to learn from.
    pub fn waiting_decisions(&self) -> usize {
        self.open.values().filter(|open| open.learnt.is_none() && !open.expired).count()
    }

    /// The subject number of the person whom an open decision concerns.
    pub fn subject_of(&self, decision_id: DecisionId) -> Option<u64> {
        self.open.get(&decision_id).map(|open| open.subject)
    }

    /// Whether a decision still waits for an outcome to learn from.
    pub fn waits(&self, decision_id: DecisionId) -> bool {
        let open = self.open.get(&decision_id);
        open.is_some_and(|open| open.learnt.is_none() && !open.expired)
    }

    /// Whether a decision that is still open has had this very feedback: it then causes nothing.
    pub fn has_seen(&self, decision_id: DecisionId, feedback_id: &str) -> bool {
        let open = self.open.get(&decision_id);
        open.is_some_and(|open| open.seen.contains(&hash(feedback_id)))
    }

    fn is_past(&self, at_ms: i64, clock_ms: i64) -> bool {
        clock_ms.saturating_sub(at_ms) > self.policy.window_ms
    }
}

impl Person {
    /// No decision is open.
    pub const fn initial() -> Self {
        Self { open: VecDeque::new(), settled: 0 }
    }

    /// How many of the person's decisions still wait for an outcome to learn from.
    pub fn waiting(&self, shared: &Shared) -> usize {
        self.open.iter().filter(|(_, decision_id)| shared.waits(*decision_id)).count()
    }
}

/// Joins feedback to its decision. Its arrival counts against the window, its envelope's id is
/// the feedback id.
///
/// # Errors
///
/// A dead letter where the decision is not open, or the response is out of range.
pub fn decide(
    shared: &Shared,
    envelope: &Envelope<'_>,
    body: &FeedbackBody,
) -> Result<FeedbackRecorded, DeadLettered> {
    let Some(open) = shared.open.get(&body.decision_id) else {
        return Err(dead(Reason::Orphan, format!("decision {} is not open", body.decision_id)));
    };
    let reward = reward(&body.response)?;
    let is_late = shared.is_past(open.at_ms, envelope.received());
    let (status, replaces) = join(open, envelope.id, body.corrects.is_some(), is_late);
    Ok(FeedbackRecorded {
        decision_id: body.decision_id,
        feedback_id: envelope.id.to_string(),
        status,
        arm: open.arm.clone(),
        incarnation: open.incarnation,
        features: open.features.clone(),
        reward,
        replaces,
        decided_ms: Some(open.at_ms),
    })
}

fn join(
    open: &Open,
    feedback_id: &str,
    corrects: bool,
    is_late: bool,
) -> (FeedbackStatus, Option<i32>) {
    let seen = open.seen.contains(&hash(feedback_id)) || open.seen.len() >= MOST_SEEN;
    let status = match open.learnt {
        _ if seen => FeedbackStatus::Duplicate,
        Some(imputed) if open.expired && !open.retired => {
            return (FeedbackStatus::Corrected, Some(imputed));
        }
        _ if is_late => FeedbackStatus::Expired,
        _ if open.retired => FeedbackStatus::Retired,
        Some(_) if !corrects => FeedbackStatus::Duplicate,
        Some(old) => return (FeedbackStatus::Corrected, Some(old)),
        None => FeedbackStatus::Applied,
    };
    (status, None)
}

/// The reward of a response on the grid 2^-12.
fn reward(response: &Response) -> Result<i32, DeadLettered> {
    let value = match *response {
        Response::Accepted => 1.0,
        Response::Dismissed => 0.0,
        Response::Rating(stars) if (1.0..=5.0).contains(&stars) => (stars - 1.0) / 4.0,
        Response::MeasuredChange(change) if change.is_finite() => {
            ((1.0 + change / CHANGE_SD) / 2.0).clamp(0.0, 1.0)
        }
        Response::Reward(value) if value.is_finite() => value,
        Response::Rating(value) | Response::MeasuredChange(value) | Response::Reward(value) => {
            let name = response.name();
            let bound = if name == "rating" { "1 to 5" } else { "a finite number" };
            return Err(dead(Reason::OutOfRange, format!("{name} is {value}, not {bound}")));
        }
    };
    Ok(exact::feature(value))
}

/// The decisions of a person whose outcome has not come by `clock_ms`. An arm removed since learns
/// nothing in place of the outcome.
pub fn decide_expiry(
    shared: &Shared,
    person: &Person,
    clock_ms: i64,
    out: &mut Vec<OutcomeExpired>,
) {
    for (at_ms, decision_id) in person.open.range(person.settled.min(person.open.len())..) {
        if !shared.is_past(*at_ms, clock_ms) {
            return;
        }
        let waits = |open: &&Open| {
            let answered = open.learnt.is_some() || (open.retired && !open.seen.is_empty());
            !open.expired && !answered
        };
        let open = shared.open.get(decision_id).filter(waits);
        out.extend(open.map(|open| OutcomeExpired {
            decision_id: *decision_id,
            arm: open.arm.clone(),
            incarnation: open.incarnation,
            features: open.features.clone(),
            imputed: match shared.policy.missing {
                Missing::ImputeZero if !open.retired => Some(0),
                Missing::ImputeZero | Missing::Drop => None,
            },
            decided_ms: Some(open.at_ms),
        }));
    }
}

/// Takes over a configuration. The active one says how outcomes are taken in, whichever decided.
/// Open decisions of an arm that neither it nor a candidate has are retired, and stay so if the
/// name comes back: that is another incarnation.
pub fn apply_configuration(shared: &mut Shared, configuration: &ConfigurationBody) {
    shared.versions.enter(configuration, |_, _| ());
    settle(shared);
}

/// Takes over an order, as [`apply_configuration`] does a configuration.
pub fn apply_control(shared: &mut Shared, order: &ControlBody) {
    shared.versions.step(order.step);
    settle(shared);
}

fn settle(shared: &mut Shared) {
    let Shared { versions, policy, open } = shared;
    if let Some(active) = versions.active() {
        *policy = active.configuration.feedback.clone();
    }
    let in_force = versions.active().into_iter().chain(versions.candidate());
    let arms = in_force.flat_map(|version| &version.configuration.arms);
    let names: Vec<&str> = arms.map(|arm| arm.name.as_str()).collect();
    for open in open.values_mut() {
        open.retired |= open.arm != NO_INTERVENTION && !names.contains(&open.arm.as_str());
    }
}

/// Opens a decision of the person with this subject number. Doing nothing waits for its outcome
/// like any other arm.
pub fn apply_decision(
    shared: &mut Shared,
    person: &mut Person,
    subject: u64,
    event: &DecisionMade,
) {
    person.open.push_back((event.at_ms, event.decision_id));
    let open = Open {
        subject,
        arm: event.chosen.clone(),
        incarnation: event.incarnation,
        features: event.features.clone(),
        at_ms: event.at_ms,
        learnt: None,
        retired: false,
        expired: false,
        seen: Vec::new(),
    };
    shared.open.insert(event.decision_id, open);
}

/// Takes in what feedback did.
pub fn apply_recorded(shared: &mut Shared, event: &FeedbackRecorded) {
    let Some(open) = shared.open.get_mut(&event.decision_id) else {
        return;
    };
    match event.status {
        FeedbackStatus::Applied | FeedbackStatus::Corrected => open.learnt = Some(event.reward),
        FeedbackStatus::Retired | FeedbackStatus::Expired => {}
        FeedbackStatus::Duplicate => return,
    }
    open.seen.push(hash(&event.feedback_id));
}

/// Notes that a decision's outcome did not come in time, and what was learnt in its place.
pub fn apply_expired(shared: &mut Shared, event: &OutcomeExpired) {
    if let Some(open) = shared.open.get_mut(&event.decision_id) {
        open.expired = true;
        open.learnt = event.imputed;
    }
}

/// Forgets the person's decisions that are two windows old by `clock_ms`.
pub fn apply_clock(shared: &mut Shared, person: &mut Person, clock_ms: i64) {
    while let Some(&(at_ms, decision_id)) = person.open.front()
        && shared.is_past(at_ms, clock_ms.saturating_sub(shared.policy.window_ms))
    {
        person.open.pop_front();
        person.settled = person.settled.saturating_sub(1);
        shared.open.remove(&decision_id);
    }
    let settled = |(at_ms, _): &&(i64, DecisionId)| shared.is_past(*at_ms, clock_ms);
    let from = person.settled.min(person.open.len());
    person.settled = from + person.open.range(from..).take_while(settled).count();
}

fn hash(feedback_id: &str) -> u64 {
    xxh3_64(feedback_id.as_bytes())
}

const fn dead(reason: Reason, detail: String) -> DeadLettered {
    DeadLettered { reason, detail }
}
