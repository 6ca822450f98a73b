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
    }
}

record! {
    /// Disjoint LinUCB with an epsilon mix over the eligible arms.
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
