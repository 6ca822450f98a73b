//! Events of routing and intervention.

use alloc::{string::String, vec::Vec};

use crate::{
    ControlScope, DecisionId, Stage,
    wire::{record, symbols},
};

symbols! {
    /// Why an arm was not eligible.
    MaskReason {
        /// Suspended by configuration.
        Suspended = "suspended",
        /// Outside the arm's time window.
        Daypart = "daypart",
        /// The person is not sleepy enough for it.
        Alert = "alert",
        /// Within the person's quiet hours.
        QuietHours = "quiet_hours",
        /// Within the person's usual sleep.
        Asleep = "asleep",
        /// Too soon after the last intervention.
        Cooldown = "cooldown",
        /// The day's budget is spent.
        Budget = "budget",
        /// The arm's dose cap for the day is reached.
        DoseCap = "dose_cap",
        /// The person has no channel.
        NoChannel = "no_channel",
    }
}

record! {
    /// An arm that could be chosen, with its score.
    Eligible {
        /// The arm.
        arm: String,
        /// Which registration of that name: a removed and re-added arm starts afresh.
        incarnation: u32,
        /// Predicted reward.
        mean: f64,
        /// Uncertainty of the prediction, before alpha.
        width: f64,
        /// What the rule compares: under LinUCB mean + alpha * width.
        ucb: f64,
        /// Probability with which it was to be chosen.
        propensity: f64,
    }
}

record! {
    /// An arm that could not be chosen, with the first reason.
    Masked {
        /// The arm.
        arm: String,
        /// Why.
        reason: MaskReason,
    }
}

record! {
    /// An arm was chosen for a person.
    DecisionMade {
        /// The decision's id.
        decision_id: DecisionId,
        /// When, on the person's clock, ms UTC.
        at_ms: i64,
        /// End of the analysed window that led to it, ms UTC.
        analysis_end_ms: i64,
        /// Version of the feature transform.
        feature_version: u32,
        /// Version of the configuration.
        configuration: String,
        /// Rewards the learner had taken in, corrections included.
        model_version: u64,
        /// Features on the grid 2^-12, in the order of the feature version.
        features: Vec<i32>,
        /// Every eligible arm in registration order.
        eligible: Vec<Eligible>,
        /// Every masked arm in registration order.
        masked: Vec<Masked>,
        /// The arm of greatest ucb.
        greedy: String,
        /// The arm chosen.
        chosen: String,
        /// Its incarnation.
        incarnation: u32,
        /// Probability with which it was chosen.
        propensity: f64,
        /// Whether the coin came up explore. For diagnosis only.
        explore: bool,
        /// Seed of the counter RNG.
        seed: i64,
        /// In what part the configuration decided: active, or canary.
        stage: Stage = Stage::Active,
        /// Arms that were stopped by hand and would not have been masked otherwise, in registration
        /// order.
        stopped: Vec<String> = Vec::new(),
    }
}

record! {
    /// What a candidate in the shadow would have chosen where the active version decided.
    ShadowDecided {
        /// The decision beside which it stands.
        decision_id: DecisionId,
        /// Version of the candidate.
        configuration: String,
        /// Every eligible arm in registration order.
        eligible: Vec<Eligible>,
        /// Every masked arm in registration order.
        masked: Vec<Masked>,
        /// Arms that were stopped by hand, as in a decision.
        stopped: Vec<String>,
        /// The arm of greatest ucb.
        greedy: String,
        /// The arm that it would have chosen.
        chosen: String,
        /// Its incarnation.
        incarnation: u32,
        /// Probability with which it would have been chosen.
        propensity: f64,
        /// Whether the coin came up explore. For diagnosis only.
        explore: bool,
        /// Seed of the counter RNG.
        seed: i64,
    }
}

record! {
    /// A decision was due and not made, because of a stop.
    DecisionWithheld {
        /// When, on the person's clock, ms UTC.
        at_ms: i64,
        /// End of the analysed window that would have led to it, ms UTC.
        analysis_end_ms: i64,
        /// Version of the configuration that would have decided.
        configuration: String,
        /// What is stopped: all, the person or the version.
        scope: ControlScope,
    }
}

record! {
    /// An intervention goes to the person.
    InterventionIssued {
        /// The decision behind it.
        decision_id: DecisionId,
        /// The arm.
        arm: String,
        /// Where it goes.
        channel: String,
        /// What it says.
        message: String,
        /// When it was issued, ms UTC.
        at_ms: i64,
        /// After this instant it must not reach the person any more, ms UTC.
        valid_until_ms: i64,
    }
}

symbols! {
    /// Why nothing goes to the person.
    Suppression {
        /// The choice was to do nothing.
        NoIntervention = "no_intervention",
        /// Within quiet hours or usual sleep.
        QuietHours = "quiet_hours",
        /// Too soon after the last one.
        Cooldown = "cooldown",
        /// The day's budget is spent.
        Budget = "budget",
        /// The arm's dose cap is reached.
        DoseCap = "dose_cap",
        /// No channel.
        NoChannel = "no_channel",
        /// The arm is not in the configuration.
        UnknownArm = "unknown_arm",
    }
}

record! {
    /// A decision reaches nobody.
    InterventionSuppressed {
        /// The decision behind it.
        decision_id: DecisionId,
        /// The arm.
        arm: String,
        /// Why.
        reason: Suppression,
    }
}
