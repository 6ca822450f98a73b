//! Feedback in JSON → feedback inputs.

use zeitgeber_schemas::{Envelope, FeedbackBody, FeedbackClaim, Reason, Response};

use super::{
    DEFAULT_TENANT, Refusal,
    fields::{
        Fault, Object, integer, number, object, optional, optional_integer, optional_text, quoted,
        refusal, required, text, wrong_type,
    },
};

/// Stars of a rating.
const STARS: (f64, f64) = (1.0, 5.0);
/// Bounds of an explicit reward.
const REWARD: (f64, f64) = (-8.0, 8.0);
/// Bounds of a measured change, standard deviations; beyond them the reward is clipped long since.
const CHANGE: (f64, f64) = (-1e6, 1e6);

/// The response of feedback that tells no outcome.
pub const WITHOUT_MEANING: Response = Response::Reward(0.0);

/// One feedback input.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// The tenant; `default` where none is named.
    pub tenant: String,
    /// The person, where named; otherwise the decision's id tells the partition.
    pub user_id: Option<String>,
    /// The feedback's id, its idempotency key.
    pub id: String,
    /// When it was given, ms UTC.
    pub ts: i64,
    /// Arrival time, ms UTC, where given.
    pub recv_ts: Option<i64>,
    /// What it says.
    pub body: FeedbackBody,
}

impl Feedback {
    /// Who, which, when.
    pub fn envelope(&self) -> Envelope<'_> {
        let user_id = self.user_id.as_deref().unwrap_or("");
        let Self { tenant, id, ts, recv_ts, .. } = self;
        Envelope { tenant, user_id, id, ts: *ts, recv_ts: *recv_ts }
    }
}

/// Reads one feedback: one JSON object with `id`, `decision_id` (32 hexadecimal digits), `ts` and
/// `outcome` (`accepted`, `dismissed`, or with a `value`: `rating` 1 to 5, `measured_change` in
/// standard deviations, `reward` -8 to 8; or none: `retracted` with `corrects`, `shown`,
/// `not_shown`), and as it likes `tenant`, `user_id`, `recv_ts`,
/// `corrects` (a feedback id) and `simulated`. Other keys are ignored.
pub fn feedback(json: &[u8]) -> Result<Feedback, Box<Refusal>> {
    let value = object(json).map_err(|(reason, detail)| Box::new(Refusal::new(reason, detail)))?;
    let object = value.as_object().ok_or_else(|| {
        let (reason, detail) = wrong_type("feedback", "an object", &value);
        Box::new(Refusal::new(reason, detail))
    })?;
    fields(object).map_err(|fault| refusal(object, fault))
}

fn fields(object: &Object) -> Result<Feedback, Fault> {
    let decision = required(object, "decision_id")?;
    let decision_id = text(decision, "decision_id")?.parse();
    let decision_id =
        decision_id.map_err(|_| wrong_type("decision_id", "32 hexadecimal digits", decision))?;
    let simulated = match optional(object, "simulated") {
        None => false,
        Some(value) => {
            value.as_bool().ok_or_else(|| wrong_type("simulated", "true or false", value))?
        }
    };
    // Outcomes that need none may carry one, and of its type.
    if let Some(value) = optional(object, "value") {
        number(value, "value")?;
    }
    let corrects = optional_text(object, "corrects")?.map(Into::into);
    let claim = claim(object)?;
    if claim == FeedbackClaim::Retracted && corrects.is_none() {
        return Err((Reason::MissingField, "`corrects` says which feedback is retracted".into()));
    }
    Ok(Feedback {
        tenant: optional_text(object, "tenant")?.unwrap_or(DEFAULT_TENANT).into(),
        user_id: optional_text(object, "user_id")?.map(Into::into),
        id: text(required(object, "id")?, "id")?.into(),
        ts: integer(required(object, "ts")?, "ts")?,
        recv_ts: optional_integer(object, "recv_ts")?,
        body: FeedbackBody {
            decision_id,
            response: match claim {
                FeedbackClaim::Outcome => response(object)?,
                _ => WITHOUT_MEANING,
            },
            corrects,
            simulated,
            user_id: optional_text(object, "user_id")?.map(Into::into),
            claim,
        },
    })
}

/// What it says, by its outcome.
fn claim(object: &Object) -> Result<FeedbackClaim, Fault> {
    let named = FeedbackClaim::from_symbol(text(required(object, "outcome")?, "outcome")?);
    // `outcome` is what all the others are.
    Ok(named.unwrap_or(FeedbackClaim::Outcome))
}

fn response(object: &Object) -> Result<Response, Fault> {
    let value = |(least, most): (f64, f64)| {
        let value = number(required(object, "value")?, "value")?;
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let detail = format!("`value` is {value}; it must be {least} to {most}");
        Err((Reason::OutOfRange, detail))
    };
    match text(required(object, "outcome")?, "outcome")? {
        "accepted" => Ok(Response::Accepted),
        "dismissed" => Ok(Response::Dismissed),
        "rating" => value(STARS).map(Response::Rating),
        "measured_change" => value(CHANGE).map(Response::MeasuredChange),
        "reward" => value(REWARD).map(Response::Reward),
        other => {
            let claims = FeedbackClaim::ALL[1..].iter().map(|claim| claim.as_str());
            let known: Vec<_> = Response::NAMES.into_iter().chain(claims).collect();
            let known = known.join(", ");
            Err((Reason::WrongType, format!("outcome {}; known: {known}", quoted(other))))
        }
    }
}
