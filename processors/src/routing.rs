//! Routing: which arm a person gets at a sealed hour, and what the learner makes of outcomes.
//!
//! Only the newest sealed hour in its first revision, at most [`FRESH_MS`] behind the person's
//! clock, leads to a decision; late data and backfills change analyses and decide nothing. The
//! event carries all that a later reader needs: features, masks with reasons, every eligible arm's
//! score and propensity, the draw's seed.

pub mod choice;
pub mod configured;
mod decision;
pub mod features;
pub mod forgetting;
pub mod lanes;
pub mod learner;
pub mod linucb;
mod mask;
pub mod merge;
pub mod rng;
mod stops;
pub mod sums;

use alloc::string::String;

use zeitgeber_schemas::{
    Arm, ConfigurationBody, ControlBody, ControlStep, DecisionMade, FeedbackNoted,
    FeedbackRecorded, FeedbackStatus, InterventionIssued, OutcomeExpired, PartitionId, ProfileBody,
    RhythmAnalysed, Span,
};

pub use self::{
    decision::{Decided, decide},
    stops::Stops,
};
use self::{
    forgetting::ALL_TIME,
    learner::{Learner, Observation},
    sums::Change,
};
use crate::{
    ledger::{Ledger, NO_INTERVENTION},
    versions::{Verdict, Versions},
};

/// How far a sealed hour may lie behind the person's clock and still lead to a decision, ms.
pub const FRESH_MS: i64 = 2 * 3_600_000;

/// What a partition's people share.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shared {
    /// The configurations, each with what it makes of every outcome, whichever decided.
    pub versions: Versions<Learner>,
    /// What is stopped.
    pub stops: Stops,
    /// Rewards taken in, corrections and imputed ones included: the model's version.
    pub rewards_taken: u64,
}

/// What routing knows of one person.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// What was issued to the person.
    pub ledger: Ledger,
    /// Decisions made for the person; it numbers their ids.
    pub decisions: u64,
    /// The arm chosen last.
    pub last: Option<String>,
    /// End of the newest analysed hour, ms UTC.
    pub last_hour_end_ms: i64,
}

/// For whom, and when, is decided.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The partition that decides.
    pub partition: PartitionId,
    /// The person's key.
    pub key: &'a str,
    /// The person's profile.
    pub profile: &'a ProfileBody,
    /// The person's clock, ms UTC.
    pub clock_ms: i64,
    /// The input is a backfill, which decides nothing.
    pub backfill: bool,
}

impl Shared {
    /// Nothing configured, nothing learnt.
    pub const fn initial() -> Self {
        Self { versions: Versions::none(), stops: Stops::none(), rewards_taken: 0 }
    }

    /// What the active version makes of the outcomes.
    pub fn learner(&self) -> Option<&Learner> {
        self.versions.active().map(|active| &active.kept)
    }
}

impl Person {
    /// Nothing issued, nothing decided.
    pub const fn initial() -> Self {
        Self { ledger: Ledger::initial(), decisions: 0, last: None, last_hour_end_ms: i64::MIN }
    }
}

/// What becomes of an order; `key` is the person whom it concerns, where it is about one.
pub fn decide_control(shared: &Shared, key: &str, order: &ControlBody) -> Verdict {
    match order.step {
        ControlStep::Stop | ControlStep::Resume => {
            shared.stops.decide(order, key, &shared.versions)
        }
        step => shared.versions.decide_step(step, &order.name),
    }
}

/// Takes over a configuration, with what was learnt.
pub fn apply_configuration(shared: &mut Shared, configuration: &ConfigurationBody) {
    shared.versions.enter(configuration, |learnt, body| fitted(learnt.cloned(), body));
}

/// Takes over an order; `key` is the person whom it concerns, where it is about one.
pub fn apply_control(shared: &mut Shared, key: &str, order: &ControlBody) {
    shared.versions.step(order.step);
    shared.stops.apply(order, key);
}

/// A learner as a configuration wants it: arms are registered in its order, doing nothing last
/// where it is not named.
fn fitted(learnt: Option<Learner>, configuration: &ConfigurationBody) -> Learner {
    let (layout, model) = (configured::layout(configuration), configured::model(configuration));
    let mut learner = learnt.unwrap_or_else(|| Learner::of(layout, model.clone()));
    let named = configuration.arms.iter().map(registration);
    let absent = !named.clone().any(|(name, _)| name == NO_INTERVENTION);
    let implicit = absent.then_some((NO_INTERVENTION, false));
    learner.remodel(layout, model);
    learner.configure(configuration.policy.lambda, named.chain(implicit));
    learner
}

fn registration(arm: &Arm) -> (&str, bool) {
    (&arm.name, arm.suspended && arm.name != NO_INTERVENTION)
}

/// Takes in an analysis of the person.
pub fn apply_analysed(person: &mut Person, event: &RhythmAnalysed) {
    if matches!(event.span, Span::Hour) {
        person.last_hour_end_ms = person.last_hour_end_ms.max(event.window_end_ms);
    }
}

/// Takes in a decision for the person. Its time passes for every version.
pub fn apply_decision(shared: &mut Shared, person: &mut Person, event: &DecisionMade) {
    person.decisions = person.decisions.saturating_add(1);
    person.last = Some(event.chosen.clone());
    shared.versions.kept_mut().for_each(|learner| learner.advance(event.at_ms));
}

/// Takes in what was issued to the person.
pub fn apply_issued(person: &mut Person, profile: &ProfileBody, event: &InterventionIssued) {
    person.ledger.record(profile, &event.arm, event.at_ms);
}

/// Learns from feedback that counted.
pub fn apply_feedback(shared: &mut Shared, event: &FeedbackRecorded) {
    let change = match (event.status, event.replaces) {
        (FeedbackStatus::Applied, _) => Change::Learn(event.reward),
        (FeedbackStatus::Corrected, Some(old)) => Change::Correct { old, new: event.reward },
        (FeedbackStatus::Corrected, None)
        | (FeedbackStatus::Duplicate | FeedbackStatus::Expired | FeedbackStatus::Retired, _) => {
            return;
        }
    };
    let (arm, incarnation, x) = (&event.arm, event.incarnation, &event.features);
    let at_ms = event.decided_ms.unwrap_or(ALL_TIME);
    absorb(shared, &Observation { arm, incarnation, at_ms, x, change });
}

/// Learns, and takes back, what stands and stood by other feedback than the last.
pub fn apply_noted(shared: &mut Shared, event: &FeedbackNoted) {
    let change = match (event.replaces, event.stands) {
        (None, Some(new)) => Change::Learn(new),
        (Some(old), Some(new)) => Change::Correct { old, new },
        (Some(old), None) => Change::Retract(old),
        (None, None) => return,
    };
    let (arm, incarnation, x) = (&event.arm, event.incarnation, &event.features);
    absorb(shared, &Observation { arm, incarnation, at_ms: event.decided_ms, x, change });
}

/// Learns the reward that stands in for one that never came, where the policy says so.
pub fn apply_expired(shared: &mut Shared, event: &OutcomeExpired) {
    if let Some(reward) = event.imputed {
        let (arm, incarnation, x) = (&event.arm, event.incarnation, &event.features);
        let (at_ms, change) = (event.decided_ms.unwrap_or(ALL_TIME), Change::Learn(reward));
        absorb(shared, &Observation { arm, incarnation, at_ms, x, change });
    }
}

fn absorb(shared: &mut Shared, observation: &Observation<'_>) {
    shared.versions.kept_mut().for_each(|learner| learner.absorb([*observation]));
    shared.rewards_taken = shared.rewards_taken.saturating_add(1);
}
