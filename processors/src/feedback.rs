//! Feedback: joins an outcome to its decision and says what reward the learner takes.
//!
//! A decision waits for its outcome for one window, and is remembered for another one, so that
//! what comes late is told from what never had a decision. Its features are the
//! logged ones, kept here, never computed again. What one feedback input does, first match:
//!
//! | | result |
//! |---|---|
//! | the response is not a number in its range | dead letter, `out_of_range` |
//! | the decision is not open (not yet, or not any more) | `FeedbackParked` |
//! | the same, and [`MOST_PARKED`] or [`MOST_SEEN`] on it wait already | dead letter, `orphan` |
//! | this feedback id was seen, or [`MOST_SEEN`] were | `Duplicate` |
//! | an outcome that corrects none came after the window, and none was imputed | `Expired` |
//! | an outcome, and the arm was removed since | `Retired` |
//! | it is what stands from now on, and nothing stood | `Applied` |
//! | it is what stands from now on | `Corrected`, replacing the reward that stood |
//! | an outcome, and another reward stands as before | `Duplicate` |
//! | else | `FeedbackNoted`, with what is taken back and what stands |
//!
//! What stands for a decision does not depend on the order in which reports came: see `account.rs`.
//!
//! Windows close at sealed hours: at each one the caller runs [`decide_expiry`], folds its events,
//! and then folds [`apply_clock`] with the same instant, live and in replay. The clock's fold drops
//! every decision two windows old. An `OutcomeExpired` may be folded before or after it.
//!
//! Feedback that was parked is joined where its decision is made ([`decide_arrivals`]), or given up
//! at a sealed hour ([`decide_orphans`]).

mod account;
mod parking;

use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};

use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, DeadLettered, DecisionId, DecisionMade, Envelope, Event,
    FeedbackBody, FeedbackClaim, FeedbackNoted, FeedbackOrphaned, FeedbackParked, FeedbackPolicy,
    FeedbackRecorded, InterventionSuppressed, Missing, OutcomeExpired, Reason, Response,
    Suppression,
};

pub use self::{
    account::MOST_SEEN,
    parking::{MOST_ORPHANED_AT_ONCE, MOST_PARKED},
};
use self::{
    account::{Account, Incoming},
    parking::Parking,
};
use crate::{exact, ledger::NO_INTERVENTION, versions::Versions};

/// A measured change of this many standard deviations earns reward 1, its opposite 0.
const CHANGE_SD: f64 = 3.0;

/// What a partition's people share.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shared {
    versions: Versions<()>,
    policy: FeedbackPolicy,
    open: BTreeMap<DecisionId, Account>,
    parking: Parking,
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
        Self {
            versions: Versions::none(),
            policy,
            open: BTreeMap::new(),
            parking: Parking::empty(),
        }
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

    /// Whether a decision that is still open has had this very feedback, or it waits for that
    /// decision: it then causes nothing.
    pub fn has_seen(&self, decision_id: DecisionId, feedback_id: &str) -> bool {
        match self.open.get(&decision_id) {
            Some(open) => open.has_seen(feedback_id),
            None => self.parking.holds(decision_id, feedback_id),
        }
    }

    /// How much feedback waits for its decision.
    pub const fn parked(&self) -> usize {
        self.parking.len()
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

/// Joins feedback to its decision: `FeedbackRecorded`, `FeedbackNoted` or `FeedbackParked`. Its
/// arrival counts against the window, its envelope's id is the feedback id. `newest_ms` is the
/// partition's newest arrival: what is parked waits for a window from there, so that old data
/// that is fed again has its time, too.
///
/// # Errors
///
/// A dead letter where the response is out of range, or too much feedback waits for decisions.
pub fn decide(
    shared: &Shared,
    envelope: &Envelope<'_>,
    body: &FeedbackBody,
    newest_ms: Option<i64>,
) -> Result<Event, DeadLettered> {
    let (id, decision_id) = (envelope.id, body.decision_id);
    let reward = reward(body)?;
    if let Some(open) = shared.open.get(&decision_id) {
        let is_late = shared.is_past(open.at_ms, envelope.received());
        return Ok(open.join(&Incoming { id, given_ms: envelope.ts, body, reward, is_late }));
    }
    if !shared.parking.has_room(decision_id) {
        let detail = format!("decision {decision_id} is not open, and too much waits already");
        return Err(dead(Reason::Orphan, detail));
    }
    let from_ms = newest_ms.map_or(envelope.received(), |newest| newest.max(envelope.received()));
    let until_ms = from_ms.saturating_add(shared.policy.window_ms);
    Ok(Event::FeedbackParked(FeedbackParked { decision_id, feedback_id: id.to_string(), until_ms }))
}

/// What the feedback that waited for a decision does once it is made for a person: each is joined
/// as if it came now, or given up where it claims to be somebody else's.
pub fn decide_arrivals(
    shared: &Shared,
    (tenant, user_id): (&str, &str),
    decision: &DecisionMade,
    suppressed: Option<&InterventionSuppressed>,
    out: &mut Vec<Event>,
) {
    let mut account = Account::open(0, decision);
    if suppressed.is_some_and(withholds) {
        account.withhold();
    }
    for parked in shared.parking.of(decision.decision_id) {
        let claimed = parked.body.user_id.as_deref();
        if claimed.is_some_and(|claimed| claimed != user_id || parked.tenant != tenant) {
            let detail = "the decision concerns somebody else than the feedback's person";
            out.push(Event::FeedbackOrphaned(parked.orphaned(detail)));
            continue;
        }
        // What could not be told as a reward was never parked.
        let reward = reward(&parked.body).unwrap_or_default();
        let is_late = shared.is_past(decision.at_ms, parked.received_ms);
        let (id, given_ms, body) = (&*parked.id, parked.given_ms, &parked.body);
        let event = account.join(&Incoming { id, given_ms, body, reward, is_late });
        match &event {
            Event::FeedbackRecorded(event) => account.fold_recorded(event),
            Event::FeedbackNoted(event) => account.fold_noted(event),
            _ => {}
        }
        out.push(event);
    }
}

/// The feedback that has waited for its decision long enough by `clock_ms`, at most
/// [`MOST_ORPHANED_AT_ONCE`]. `made` is the decision that the same input makes: what waits for that
/// is joined.
pub fn decide_orphans(
    shared: &Shared,
    clock_ms: i64,
    made: Option<DecisionId>,
    out: &mut Vec<Event>,
) {
    let orphaned = shared.parking.overdue(clock_ms, made).map(|parked| {
        let detail = format!("decision {} did not come within a window", parked.body.decision_id);
        Event::FeedbackOrphaned(parked.orphaned(&detail))
    });
    out.extend(orphaned);
}

/// The reward of an outcome on the grid 2^-12; 0 of what is none.
fn reward(body: &FeedbackBody) -> Result<i32, DeadLettered> {
    if body.claim != FeedbackClaim::Outcome {
        return Ok(0);
    }
    let value = match body.response {
        Response::Accepted => 1.0,
        Response::Dismissed => 0.0,
        Response::Rating(stars) if (1.0..=5.0).contains(&stars) => (stars - 1.0) / 4.0,
        Response::MeasuredChange(change) if change.is_finite() => {
            ((1.0 + change / CHANGE_SD) / 2.0).clamp(0.0, 1.0)
        }
        Response::Reward(value) if value.is_finite() => value,
        Response::Rating(value) | Response::MeasuredChange(value) | Response::Reward(value) => {
            let name = body.response.name();
            let bound = if name == "rating" { "1 to 5" } else { "a finite number" };
            return Err(dead(Reason::OutOfRange, format!("{name} is {value}, not {bound}")));
        }
    };
    Ok(exact::feature(value))
}

/// The decisions of a person whose outcome has not come by `clock_ms`. Nothing is learnt in place
/// of the outcome where the arm was removed since, or the intervention was never shown.
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
        let open = shared.open.get(decision_id).filter(|open| open.is_unanswered());
        let imputed = match shared.policy.missing {
            Missing::ImputeZero => Some(0),
            Missing::Drop => None,
        };
        out.extend(open.map(|open| open.expire(*decision_id, imputed)));
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
    let Shared { versions, policy, open, parking: _ } = shared;
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
    shared.open.insert(event.decision_id, Account::open(subject, event));
}

/// Notes that an intervention did not go out.
pub fn apply_suppressed(shared: &mut Shared, event: &InterventionSuppressed) {
    if let Some(open) = shared.open.get_mut(&event.decision_id).filter(|_| withholds(event)) {
        open.withhold();
    }
}

/// Doing nothing is what was to be seen of it.
fn withholds(event: &InterventionSuppressed) -> bool {
    event.reason != Suppression::NoIntervention
}

/// Takes in what feedback did.
pub fn apply_recorded(shared: &mut Shared, event: &FeedbackRecorded) {
    shared.parking.remove(event.decision_id, &event.feedback_id);
    if let Some(open) = shared.open.get_mut(&event.decision_id) {
        open.fold_recorded(event);
    }
}

/// Takes in what feedback did other than by its own reward.
pub fn apply_noted(shared: &mut Shared, event: &FeedbackNoted) {
    shared.parking.remove(event.decision_id, &event.feedback_id);
    if let Some(open) = shared.open.get_mut(&event.decision_id) {
        open.fold_noted(event);
    }
}

/// Lets feedback wait for its decision.
pub fn apply_parked(
    shared: &mut Shared,
    envelope: &Envelope<'_>,
    body: &FeedbackBody,
    event: &FeedbackParked,
) {
    shared.parking.put(envelope, body, event);
}

/// Forgets feedback that was given up.
pub fn apply_orphaned(shared: &mut Shared, event: &FeedbackOrphaned) {
    shared.parking.remove(event.decision_id, &event.feedback_id);
}

/// Notes that a decision's outcome did not come in time, and what was learnt in its place.
pub fn apply_expired(shared: &mut Shared, event: &OutcomeExpired) {
    if let Some(open) = shared.open.get_mut(&event.decision_id) {
        open.fold_expired(event);
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

const fn dead(reason: Reason, detail: String) -> DeadLettered {
    DeadLettered { reason, detail }
}
