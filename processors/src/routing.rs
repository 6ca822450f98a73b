//! Routing: which arm a person gets at a sealed hour, and what the learner makes of outcomes.
//!
//! Only the newest sealed hour in its first revision, at most [`FRESH_MS`] behind the person's
//! clock, leads to a decision; late data and backfills change analyses and decide nothing. The
//! event carries all that a later reader needs: features, masks with reasons, every eligible arm's
//! score and propensity, the draw's seed.

pub mod choice;
pub mod configured;
pub mod features;
pub mod forgetting;
pub mod lanes;
pub mod learner;
pub mod linucb;
mod mask;
pub mod merge;
pub mod rng;
pub mod sums;

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use xxhash_rust::xxh3::xxh3_128;
use zeitgeber_schemas::{
    Arm, ConfigurationBody, DecisionId, DecisionMade, Eligible, FeedbackRecorded, FeedbackStatus,
    InterventionIssued, Masked, OutcomeExpired, PartitionId, ProfileBody, RhythmAnalysed, Span,
    Stage,
};

use self::{
    choice::{Candidate, Choice, Occasion, choose},
    features::{DIMENSION, FEATURE_VERSION, features},
    forgetting::ALL_TIME,
    learner::{ArmStatus, Learner, LearnerArm, Observation},
    mask::Moment,
    sums::Change,
};
use crate::ledger::{Ledger, LocalTime, NO_INTERVENTION};

/// How far a sealed hour may lie behind the person's clock and still lead to a decision, ms.
pub const FRESH_MS: i64 = 2 * 3_600_000;

/// What a partition's people share.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shared {
    /// The configuration in force. Without one there are no decisions.
    pub configuration: Option<ConfigurationBody>,
    /// What was learnt.
    pub learner: Learner,
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
        Self { configuration: None, learner: Learner::new(DIMENSION, 1.0), rewards_taken: 0 }
    }
}

impl Person {
    /// Nothing issued, nothing decided.
    pub const fn initial() -> Self {
        Self { ledger: Ledger::initial(), decisions: 0, last: None, last_hour_end_ms: i64::MIN }
    }
}

/// Decides for a person, if one of the analyses just made calls for it. `person` may have folded
/// `analysed` already or not: the first revision of an hour comes once.
pub fn decide(
    shared: &Shared,
    person: &Person,
    context: &Context<'_>,
    analysed: &[RhythmAnalysed],
    out: &mut Vec<DecisionMade>,
) {
    let Some(configuration) = shared.configuration.as_ref().filter(|_| !context.backfill) else {
        return;
    };
    let hours = analysed.iter().filter(|analysis| matches!(analysis.span, Span::Hour));
    let Some(newest) = hours.max_by_key(|analysis| analysis.window_end_ms) else {
        return;
    };
    let behind_ms = context.clock_ms.saturating_sub(newest.window_end_ms);
    let is_new = newest.revision == 0 && newest.window_end_ms >= person.last_hour_end_ms;
    if is_new && behind_ms <= FRESH_MS {
        out.extend(decision(shared, configuration, person, context, newest));
    }
}

fn decision(
    shared: &Shared,
    configuration: &ConfigurationBody,
    person: &Person,
    context: &Context<'_>,
    analysis: &RhythmAnalysed,
) -> Option<DecisionMade> {
    let (profile, at_ms) = (context.profile, context.clock_ms);
    let local = LocalTime::of(profile, at_ms);
    let since_last_ms = person.ledger.last_issued_ms().map(|last| at_ms.saturating_sub(last));
    let x = features(analysis, local, since_last_ms);
    let moment = Moment {
        local,
        kss: analysis.kss,
        hindrance: person.ledger.hindrance(profile, &configuration.limits, at_ms),
        profile,
        ledger: &person.ledger,
    };
    let (candidates, masked) = eligibility(configuration, &shared.learner, &moment, &x);
    let decision_id = decision_id(context, person.decisions);
    let id = decision_id.to_string();
    let last = person.last.as_deref().and_then(|name| place(&shared.learner, name));
    let occasion = Occasion { last, ..Occasion::new(id.as_bytes()) };
    let choice = choose(&candidates, &configured::policy(configuration), &occasion)?;
    let chosen = candidates[choice.chosen].arm;
    Some(DecisionMade {
        decision_id,
        at_ms,
        analysis_end_ms: analysis.window_end_ms,
        feature_version: FEATURE_VERSION,
        configuration: configuration.version.clone(),
        model_version: shared.rewards_taken,
        features: x.to_vec(),
        eligible: eligible(&candidates, &choice),
        masked,
        greedy: candidates[choice.greedy].arm.name().to_owned(),
        chosen: chosen.name().to_owned(),
        incarnation: chosen.incarnation(),
        propensity: choice.propensity,
        explore: choice.explore,
        seed: configuration.policy.seed,
        stage: Stage::Active,
        stopped: Vec::new(),
    })
}

/// The arms that may be chosen and those that may not, each in registration order.
fn eligibility<'a>(
    configuration: &ConfigurationBody,
    learner: &'a Learner,
    moment: &Moment<'_>,
    x: &'a [i32],
) -> (Vec<Candidate<'a>>, Vec<Masked>) {
    let (mut candidates, mut masked) = (Vec::new(), Vec::new());
    // In order of registration, which a later configuration cannot change: ties go to the first.
    let in_force = learner.arms().iter().zip(0..);
    for (known, place) in in_force.filter(|(arm, _)| arm.status() != ArmStatus::Removed) {
        let configured = configuration.arms.iter().find(|arm| arm.name == known.name());
        let reason = match configured {
            Some(arm) if arm.name != NO_INTERVENTION => moment.mask(arm),
            _ => None,
        };
        match reason {
            Some(reason) => masked.push(Masked { arm: known.name().to_owned(), reason }),
            None => candidates.push(Candidate { place, ..Candidate::new(known, x) }),
        }
    }
    (candidates, masked)
}

/// Place of a name's arm in order of registration.
fn place(learner: &Learner, name: &str) -> Option<u32> {
    let is_it =
        |(arm, _): &(&LearnerArm, u32)| arm.status() != ArmStatus::Removed && arm.name() == name;
    learner.arms().iter().zip(0..).find(is_it).map(|(_, place)| place)
}

fn eligible(candidates: &[Candidate<'_>], choice: &Choice) -> Vec<Eligible> {
    candidates
        .iter()
        .map(|candidate| candidate.arm)
        .zip(&choice.scored)
        .map(|(arm, scored)| Eligible {
            arm: arm.name().to_owned(),
            incarnation: arm.incarnation(),
            mean: scored.mean,
            width: scored.width,
            ucb: scored.value,
            propensity: scored.propensity,
        })
        .collect()
}

/// Partition and hash of key, kind and counter: the same decision has the same id in every run.
fn decision_id(context: &Context<'_>, counter: u64) -> DecisionId {
    let parts = [context.key.as_bytes(), b"\0decision", &counter.to_le_bytes()];
    DecisionId::new(context.partition, xxh3_128(&parts.concat()))
}

/// Takes over a configuration: arms are registered in its order, doing nothing last where it is
/// not named.
pub fn apply_configuration(shared: &mut Shared, configuration: &ConfigurationBody) {
    let named = configuration.arms.iter().map(registration);
    let absent = !named.clone().any(|(name, _)| name == NO_INTERVENTION);
    let implicit = absent.then_some((NO_INTERVENTION, false));
    shared.learner.remodel(configured::layout(configuration), configured::model(configuration));
    shared.learner.configure(configuration.policy.lambda, named.chain(implicit));
    shared.configuration = Some(configuration.clone());
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

/// Takes in a decision for the person. Its time passes for the learner.
pub fn apply_decision(shared: &mut Shared, person: &mut Person, event: &DecisionMade) {
    person.decisions = person.decisions.saturating_add(1);
    person.last = Some(event.chosen.clone());
    shared.learner.advance(event.at_ms);
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

/// Learns the reward that stands in for one that never came, where the policy says so.
pub fn apply_expired(shared: &mut Shared, event: &OutcomeExpired) {
    if let Some(reward) = event.imputed {
        let (arm, incarnation, x) = (&event.arm, event.incarnation, &event.features);
        let (at_ms, change) = (event.decided_ms.unwrap_or(ALL_TIME), Change::Learn(reward));
        absorb(shared, &Observation { arm, incarnation, at_ms, x, change });
    }
}

fn absorb(shared: &mut Shared, observation: &Observation<'_>) {
    shared.learner.absorb([*observation]);
    shared.rewards_taken = shared.rewards_taken.saturating_add(1);
}
