//! Feedback: what became of a decision.

use alloc::string::String;

use crate::{
    DecisionId,
    wire::{Malformed, Wire, get_index, put_long, record, symbols},
};

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The person did it: reward 1.
    Accepted,
    /// The person waved it away: reward 0.
    Dismissed,
    /// Stars, 1 to 5: reward (stars - 1) / 4.
    Rating(f64),
    /// A change measured afterwards, in standard deviations of the measure: reward
    /// (1 + change / 3) / 2, clipped to 0..1.
    MeasuredChange(f64),
    /// The reward itself, -8 to 8.
    Reward(f64),
}

impl Response {
    /// The schema names of the branches.
    pub const NAMES: [&'static str; 5] =
        ["accepted", "dismissed", "rating", "measured_change", "reward"];

    const fn parts(&self) -> (i64, f64) {
        match *self {
            Self::Accepted => (0, 0.0),
            Self::Dismissed => (1, 0.0),
            Self::Rating(value) => (2, value),
            Self::MeasuredChange(value) => (3, value),
            Self::Reward(value) => (4, value),
        }
    }

    /// The schema name of the branch.
    pub const fn name(&self) -> &'static str {
        Self::NAMES[self.parts().0 as usize]
    }
}

/// In Avro: the record `Response` of an enum and a double (0 where the branch has no value).
impl Wire for Response {
    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        let (branch, value) = self.parts();
        put_long(branch, out);
        value.put(out);
    }
    fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
        let branch = get_index(from, 5)?;
        let value = f64::get(from)?;
        Ok(match branch {
            0 => Self::Accepted,
            1 => Self::Dismissed,
            2 => Self::Rating(value),
            3 => Self::MeasuredChange(value),
            _ => Self::Reward(value),
        })
    }
}

symbols! {
    /// What feedback says.
    FeedbackClaim {
        /// What became of the decision.
        Outcome = "outcome",
        /// The feedback that it names does not count any more.
        Retracted = "retracted",
        /// The intervention was shown to the person.
        Shown = "shown",
        /// It was not.
        NotShown = "not_shown",
    }
}

record! {
    /// What became of a decision. The envelope's id is the feedback's id.
    FeedbackBody {
        /// The decision.
        decision_id: DecisionId,
        /// What became of it.
        response: Response,
        /// The feedback id that this one corrects.
        corrects: Option<String>,
        /// It was made up by a simulation.
        simulated: bool,
        /// Whose feedback it claims to be, where it says so: it must be the decision's person.
        user_id: Option<String>,
        /// What it says; the response has a meaning in an outcome alone.
        claim: FeedbackClaim = FeedbackClaim::Outcome,
    }
}

symbols! {
    /// What feedback did to the learner.
    FeedbackStatus {
        /// Its reward was learnt.
        Applied = "applied",
        /// It replaced the reward learnt before.
        Corrected = "corrected",
        /// The decision had its outcome already, or this feedback id was seen.
        Duplicate = "duplicate",
        /// It came after the window and was counted, not learnt.
        Expired = "expired",
        /// Its arm is no longer configured; counted, not learnt.
        Retired = "retired",
    }
}

record! {
    /// Feedback was joined to its decision.
    FeedbackRecorded {
        /// The decision.
        decision_id: DecisionId,
        /// The feedback.
        feedback_id: String,
        /// What it did.
        status: FeedbackStatus,
        /// The arm.
        arm: String,
        /// Its incarnation.
        incarnation: u32,
        /// The decision's features, on the grid 2^-12.
        features: alloc::vec::Vec<i32>,
        /// The reward, on the grid 2^-12.
        reward: i32,
        /// The reward that stood before, where this one corrects it.
        replaces: Option<i32>,
        /// When was decided, ms UTC; none: not told.
        decided_ms: Option<i64> = None,
        /// The feedback id that this one corrects: that one counts no more.
        corrects: Option<String> = None,
        /// When the feedback was given, ms UTC; none: not told.
        given_ms: Option<i64> = None,
        /// It tells that the intervention was shown.
        shows: bool = false,
    }
}

record! {
    /// Feedback was joined to its decision, and what stands is not its own reward: a retraction, a
    /// word on whether the intervention was shown, an outcome that waits for that word or that lets
    /// another stand.
    FeedbackNoted {
        /// The decision.
        decision_id: DecisionId,
        /// The feedback.
        feedback_id: String,
        /// What it says.
        claim: FeedbackClaim,
        /// The feedback id that it names: that one counts no more.
        corrects: Option<String>,
        /// When it was given, ms UTC.
        given_ms: i64,
        /// It tells that the intervention was shown.
        shows: bool,
        /// Its own reward, on the grid 2^-12; none: it has none.
        reward: Option<i32>,
        /// The arm.
        arm: String,
        /// Its incarnation.
        incarnation: u32,
        /// The decision's features, on the grid 2^-12.
        features: alloc::vec::Vec<i32>,
        /// The reward that was learnt and is taken back; none: none is.
        replaces: Option<i32>,
        /// The reward that is learnt now; none: none is.
        stands: Option<i32>,
        /// When was decided, ms UTC.
        decided_ms: i64,
    }
}

record! {
    /// The input's feedback is about a decision that is not known, and waits for it.
    FeedbackParked {
        /// The decision.
        decision_id: DecisionId,
        /// The feedback.
        feedback_id: String,
        /// How long it waits, ms UTC.
        until_ms: i64,
    }
}

record! {
    /// Feedback that waited for its decision is given up: a dead letter of an earlier input.
    FeedbackOrphaned {
        /// The decision.
        decision_id: DecisionId,
        /// The feedback.
        feedback_id: String,
        /// Its tenant.
        tenant: String,
        /// Whose feedback it claims to be, where it says so.
        user_id: Option<String>,
        /// When it was given, ms UTC.
        given_ms: i64,
        /// Why, in words.
        detail: String,
    }
}

record! {
    /// A decision's outcome did not come within its window.
    OutcomeExpired {
        /// The decision.
        decision_id: DecisionId,
        /// The arm.
        arm: String,
        /// Its incarnation.
        incarnation: u32,
        /// The decision's features, on the grid 2^-12.
        features: alloc::vec::Vec<i32>,
        /// The reward learnt in its place, on the grid 2^-12; none: it was left out.
        imputed: Option<i32>,
        /// When was decided, ms UTC; none: not told.
        decided_ms: Option<i64> = None,
        /// It was left out because the intervention was never shown.
        unshown: bool = false,
    }
}
