//! Intervention: whether a chosen arm reaches the person, as what, and until when.
//!
//! Routing masked by the same limits before it chose. They are checked again here because this
//! stage answers for what reaches a person, whoever chose: nothing goes out past a limit.

use alloc::string::String;

use zeitgeber_schemas::{
    Arm, ConfigurationBody, ControlBody, DecisionMade, InterventionIssued, InterventionSuppressed,
    MaskReason, ProfileBody, Suppression,
};

use crate::{
    ledger::{DAY_MIN, Ledger, LocalTime, NO_INTERVENTION},
    versions::Versions,
};

const MINUTE_MS: i64 = 60_000;

/// What a partition's people share.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shared {
    /// The configurations. Without one every arm is unknown.
    pub versions: Versions<()>,
}

/// What this stage knows of one person.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    /// What was issued to the person.
    pub ledger: Ledger,
}

/// What becomes of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It goes to the person.
    Issued(InterventionIssued),
    /// It reaches nobody.
    Suppressed(InterventionSuppressed),
}

impl Shared {
    /// Nothing configured.
    pub const fn initial() -> Self {
        Self { versions: Versions::none() }
    }
}

impl Person {
    /// Nothing issued.
    pub const fn initial() -> Self {
        Self { ledger: Ledger::initial() }
    }
}

/// Decides what becomes of a decision, at its own instant. The first reason of these suppresses
/// it: it was to do nothing, its arm is unknown, no channel, quiet hours or usual sleep, cooldown,
/// budget, dose cap.
pub fn decide(
    shared: &Shared,
    person: &Person,
    profile: &ProfileBody,
    decision: &DecisionMade,
) -> Outcome {
    match passed(shared, person, profile, decision) {
        Ok((arm, channel)) => Outcome::Issued(InterventionIssued {
            decision_id: decision.decision_id,
            arm: arm.name.clone(),
            channel: channel.clone(),
            message: arm.message.clone(),
            at_ms: decision.at_ms,
            valid_until_ms: valid_until_ms(arm, profile, decision.at_ms),
        }),
        Err(reason) => Outcome::Suppressed(InterventionSuppressed {
            decision_id: decision.decision_id,
            arm: decision.chosen.clone(),
            reason,
        }),
    }
}

fn passed<'a>(
    shared: &'a Shared,
    person: &Person,
    profile: &'a ProfileBody,
    decision: &DecisionMade,
) -> Result<(&'a Arm, &'a String), Suppression> {
    if decision.chosen == NO_INTERVENTION {
        return Err(Suppression::NoIntervention);
    }
    let version = shared.versions.at(decision.stage).ok_or(Suppression::UnknownArm)?;
    let configuration = &version.configuration;
    let arm = configuration.arms.iter().find(|arm| arm.name == decision.chosen);
    let arm = arm.ok_or(Suppression::UnknownArm)?;
    let (ledger, at_ms) = (&person.ledger, decision.at_ms);
    if let Some(reason) = ledger.hindrance(profile, &configuration.limits, at_ms) {
        return Err(suppression(reason));
    }
    let today = LocalTime::of(profile, at_ms).day;
    if ledger.doses_on(today, &arm.name) >= arm.dose_cap {
        return Err(Suppression::DoseCap);
    }
    profile.channel.as_ref().map(|channel| (arm, channel)).ok_or(Suppression::NoChannel)
}

const fn suppression(reason: MaskReason) -> Suppression {
    match reason {
        MaskReason::QuietHours | MaskReason::Asleep => Suppression::QuietHours,
        MaskReason::Cooldown => Suppression::Cooldown,
        MaskReason::Budget => Suppression::Budget,
        MaskReason::DoseCap => Suppression::DoseCap,
        MaskReason::NoChannel => Suppression::NoChannel,
        MaskReason::Suspended | MaskReason::Daypart | MaskReason::Alert => Suppression::UnknownArm,
    }
}

/// The arm's validity, cut at the next start of quiet hours: a slow channel must not deliver
/// within them what was issued before.
fn valid_until_ms(arm: &Arm, profile: &ProfileBody, at_ms: i64) -> i64 {
    let valid_ms = i64::from(arm.valid_for_min) * MINUTE_MS;
    let until_quiet_ms = match (profile.quiet_start_min, profile.quiet_end_min) {
        (Some(start), Some(end)) if start != end => {
            let since_start_min = LocalTime::of(profile, at_ms).since(start);
            i64::from(DAY_MIN - since_start_min) * MINUTE_MS - at_ms.rem_euclid(MINUTE_MS)
        }
        _ => i64::MAX,
    };
    at_ms.saturating_add(valid_ms.min(until_quiet_ms))
}

/// Takes over a configuration.
pub fn apply_configuration(shared: &mut Shared, configuration: &ConfigurationBody) {
    shared.versions.enter(configuration, |_, _| ());
}

/// Takes over an order.
pub fn apply_control(shared: &mut Shared, order: &ControlBody) {
    shared.versions.step(order.step);
}

/// Takes in what was issued to the person.
pub fn apply_issued(person: &mut Person, profile: &ProfileBody, event: &InterventionIssued) {
    person.ledger.record(profile, &event.arm, event.at_ms);
}
