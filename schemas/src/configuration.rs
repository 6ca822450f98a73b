//! Configuration of the decisions: a journaled input, so that a replay decides as the live run did.

use alloc::{string::String, vec::Vec};

use crate::wire::{record, symbols};

record! {
    /// The policy in force from this input on.
    ConfigurationBody {
        /// Name of this version, for people.
        version: String,
        /// How an arm is picked.
        policy: Policy,
        /// What may reach a person, and how often.
        limits: Limits,
        /// How outcomes are taken in.
        feedback: FeedbackPolicy,
        /// The arms, in registration order (ties go to the first).
        arms: Vec<Arm>,
        /// Which arm is preferred.
        rule: PolicyRule = PolicyRule::linucb(),
        /// What the learner makes of outcomes.
        model: LearnerModel = LearnerModel::plain(),
        /// In what part it takes.
        rollout: Rollout = Rollout::active(),
    }
}

symbols! {
    /// A rule by which an arm is preferred. Of equals it is the first.
    RuleKind {
        /// The greatest mean + alpha * width.
        Linucb = "linucb",
        /// The greatest mean.
        Greedy = "greedy",
        /// The greatest of each arm's draw from its posterior.
        Thompson = "thompson",
        /// The first eligible one of a list.
        Fixed = "fixed",
        /// The next after the arm that the person got last.
        RoundRobin = "round_robin",
    }
}

record! {
    /// Which of the eligible arms is preferred.
    PolicyRule {
        /// By what.
        kind: RuleKind,
        /// Thompson: standard deviation of a unit of width.
        spread: f64,
        /// Thompson: draws from the posterior; propensities are multiples of their share.
        draws: u32,
        /// Fixed: names, the most preferred first. Arms not named come after them.
        order: Vec<String>,
    }
}

impl PolicyRule {
    /// LinUCB, the rule of configurations that name none.
    pub const fn linucb() -> Self {
        Self { kind: RuleKind::Linucb, spread: 1.0, draws: 64, order: Vec::new() }
    }
}

symbols! {
    /// How outcomes lose weight with age.
    ForgettingKind {
        /// Never.
        None = "none",
        /// By half in each half-life.
        Discount = "discount",
        /// All at once, behind a window.
        Window = "window",
    }
}

record! {
    /// What the learner makes of outcomes.
    LearnerModel {
        /// How outcomes lose weight with age.
        forgetting: ForgettingKind,
        /// Length of a step in which they age, h.
        bucket_h: u32,
        /// Discount: age at which an outcome weighs half, h.
        half_life_h: u32,
        /// Window: age behind which nothing counts, h.
        window_h: u32,
        /// Discount: the width is D-LinUCB's, of two matrices.
        two_matrices: bool,
        /// Share of the other arms' mean sums that a new arm starts with; 0: nothing.
        warm_start: f64,
        /// How many of the features, the last ones, have coefficients that all arms share.
        shared: u32,
    }
}

impl LearnerModel {
    /// Disjoint, without forgetting: the model of configurations that name none.
    pub const fn plain() -> Self {
        Self {
            forgetting: ForgettingKind::None,
            bucket_h: 24,
            half_life_h: 720,
            window_h: 2160,
            two_matrices: false,
            warm_start: 0.0,
            shared: 0,
        }
    }
}

symbols! {
    /// What part a configuration takes.
    Stage {
        /// It decides.
        Active = "active",
        /// It decides beside the active one; nobody hears of it.
        Shadow = "shadow",
        /// It decides for a share of the people.
        Canary = "canary",
    }
}

record! {
    /// What part a configuration takes, and for whom.
    Rollout {
        /// The part.
        stage: Stage,
        /// Canary: for how many of a hundred people.
        percent: u32,
    }
}

impl Rollout {
    /// It decides for everybody.
    pub const fn active() -> Self {
        Self { stage: Stage::Active, percent: 100 }
    }
}

record! {
    /// How scores and draws are made.
    Policy {
        /// Width of the confidence bound.
        alpha: f64,
        /// Ridge prior, in units of squared feature values.
        lambda: f64,
        /// Share of decisions spread evenly over the eligible arms, 0 to 1.
        epsilon: f64,
        /// Seed of the counter RNG.
        seed: i64,
    }
}

record! {
    /// Limits on what reaches a person.
    Limits {
        /// Least time between two issued interventions, minutes.
        cooldown_min: u32,
        /// Most interventions issued in a local day.
        daily_budget: u32,
    }
}

symbols! {
    /// What becomes of a decision whose outcome never came.
    Missing {
        /// Leave it out (missing at random).
        Drop = "drop",
        /// Learn it as reward 0.
        ImputeZero = "impute_zero",
    }
}

record! {
    /// How outcomes are taken in.
    FeedbackPolicy {
        /// How long a decision waits for its outcome, ms.
        window_ms: i64,
        /// What becomes of it afterwards.
        missing: Missing,
    }
}

symbols! {
    /// What an arm's time window counts from, in the person's local day.
    Daypart {
        /// Any time.
        Any = "any",
        /// Minutes after the usual wake-up.
        AfterWake = "after_wake",
        /// Minutes before the usual sleep onset.
        BeforeSleep = "before_sleep",
    }
}

record! {
    /// One thing that can be suggested, and when it makes sense.
    Arm {
        /// Its name; `no_intervention` is always eligible.
        name: String,
        /// What is said to the person.
        message: String,
        /// What the time window counts from.
        daypart: Daypart,
        /// Start of the window, minutes from the anchor.
        from_min: u32,
        /// End of the window, minutes from the anchor.
        to_min: u32,
        /// Least predicted sleepiness (KSS, 1 to 9) at which it makes sense.
        min_kss: Option<f64>,
        /// Most of it that may be issued in a local day.
        dose_cap: u32,
        /// How long it stays valid once issued, minutes.
        valid_for_min: u32,
        /// Masked while set; its sums are kept.
        suspended: bool,
    }
}
