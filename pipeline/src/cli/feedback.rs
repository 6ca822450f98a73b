//! `zeitgeber feedback`: one outcome by hand.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;
#[cfg(feature = "service")]
use zeitgeber::client::{Answered, Client};
use zeitgeber::{
    cycle::{Counts, OutcomeDetail},
    door::feedback::{Feedback, WITHOUT_MEANING},
    ingest::{Configure, now_ms},
    query::Explanation,
};
#[cfg(feature = "service")]
use zeitgeber_schemas::FeedbackStatus;
use zeitgeber_schemas::{DecisionId, FeedbackBody, FeedbackClaim, Response};

use super::{
    Failure, Layers, say, session,
    target::{Place, Target},
};

/// Tell what became of a decision
///
/// The outcome becomes a reward that the learner takes in. Feedback ids are idempotency keys:
/// the same id twice changes nothing. `--corrects` replaces a reward that was learnt before, or
/// with the outcome `retracted` takes it back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber feedback 000c61f9… --outcome accepted --data-dir data\n  \
    zeitgeber feedback 000c61f9… --outcome rating --value 4 --data-dir data")]
pub(super) struct Args {
    /// The decision: its id, or the first hexadecimal digits of it
    decision: String,
    #[command(flatten)]
    target: Target,
    /// What became of it
    #[arg(long, value_enum)]
    outcome: Outcome,
    /// Stars (1 to 5), the measured change (standard deviations), or the reward (-8 to 8)
    #[arg(long, allow_negative_numbers = true)]
    value: Option<f64>,
    /// Id of this feedback [default: made of the decision and the outcome]
    #[arg(long)]
    id: Option<String>,
    /// The feedback id that this one corrects
    #[arg(long, value_name = "ID")]
    corrects: Option<String>,
    /// When it was given, ms UTC [default: the person's clock]
    #[arg(long, value_name = "MS")]
    at: Option<i64>,
    /// Print what happened as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Outcome {
    /// The person did it
    Accepted,
    /// The person waved it away
    Dismissed,
    /// Stars
    Rating,
    /// A change measured afterwards
    MeasuredChange,
    /// The reward itself
    Reward,
    /// The feedback of `--corrects` does not count any more
    Retracted,
    /// The intervention was shown
    Shown,
    /// The intervention was never shown: nothing is learnt from the decision
    NotShown,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let (response, claim) = response(args)?;
    let config = session::config(layers)?;
    let found = match args.target.source()?.explain(&args.decision)? {
        Explanation::Person(found) => found.decision,
        Explanation::Task(found) => {
            let id = found.decision.decision_id;
            let advice = "its agent tells what came of it: `zeitgeber tasks result`";
            return Err(format!("decision {id} gave a task to an agent; {advice}").into());
        }
    };
    let (decision_id, decided_at) = (found.decision_id, found.at_ms);
    let feedback = feedback(args, decision_id, decided_at, (response, claim));
    let fate = match args.target.place()? {
        Place::Log(dir) => {
            let mut writer = session::open(&dir, &config, OutcomeDetail::Counts, Configure::Keep)?;
            writer.take(|intake| intake.take_feedback(0, &feedback, &[]))?;
            writer.settle()?;
            Fate::of(&writer.finish()?.counts)
        }
        #[cfg(feature = "service")]
        Place::Service(client) => over_http(&client, &feedback)?,
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    // Of what tells no outcome nothing is to be learnt.
    let tells = claim == FeedbackClaim::Outcome || fate != Fate::NotLearnt;
    let fate = if tells { fate } else { Fate::Learnt };
    let told = fate.text();
    if args.json {
        let decision = decision_id.to_string();
        say::json(&json!({ "decision_id": decision, "id": feedback.id, "outcome": told }))?;
    } else {
        say::text(&format!("feedback {} on {decision_id}: {told}\n", feedback.id))?;
    }
    Ok(if fate == Fate::Refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Learnt,
    NotLearnt,
    Refused,
    Repeat,
    #[cfg(feature = "service")]
    Queued,
}

impl Fate {
    const fn of(counts: &Counts) -> Self {
        if counts.rewards > 0 {
            Self::Learnt
        } else if counts.others > 0 {
            Self::NotLearnt
        } else if counts.refused > 0 {
            Self::Refused
        } else {
            Self::Repeat
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Learnt => "recorded",
            Self::NotLearnt => "not learnt: the decision has an outcome, or its window is over",
            Self::Refused => "refused",
            Self::Repeat => "a repeat",
            #[cfg(feature = "service")]
            Self::Queued => "queued: the brokers have it",
        }
    }
}

/// Gives it to a service, which tells whether it counts; the decision tells whether it was learnt.
#[cfg(feature = "service")]
fn over_http(client: &Client, feedback: &Feedback) -> Result<Fate, Failure> {
    let body = &feedback.body;
    let mut document = json!({
        "id": feedback.id, "decision_id": body.decision_id.to_string(), "ts": feedback.ts,
        "recv_ts": feedback.recv_ts, "outcome": name(&body.response, body.claim),
    });
    match body.response {
        _ if body.claim != FeedbackClaim::Outcome => {}
        Response::Accepted | Response::Dismissed => {}
        Response::Rating(value) | Response::MeasuredChange(value) | Response::Reward(value) => {
            document["value"] = value.into();
        }
    }
    if let Some(corrects) = &body.corrects {
        document["corrects"] = corrects.as_str().into();
    }
    let answer = match client.give_feedback(&document)? {
        Answered::Told(answer) => answer,
        Answered::Queued { .. } => return Ok(Fate::Queued),
    };
    if answer.rejected > 0 {
        return Ok(Fate::Refused);
    } else if answer.accepted == 0 {
        return Ok(Fate::Repeat);
    }
    let Explanation::Person(found) = client.explain(&body.decision_id.to_string())? else {
        return Ok(Fate::NotLearnt);
    };
    let learnt = found.feedback.iter().map(|taken| &taken.recorded).any(|recorded| {
        recorded.feedback_id == feedback.id
            && matches!(recorded.status, FeedbackStatus::Applied | FeedbackStatus::Corrected)
    });
    Ok(if learnt { Fate::Learnt } else { Fate::NotLearnt })
}

fn response(args: &Args) -> Result<(Response, FeedbackClaim), Failure> {
    let value = || args.value.ok_or("this outcome needs --value");
    let told = match args.outcome {
        Outcome::Accepted => Response::Accepted,
        Outcome::Dismissed => Response::Dismissed,
        Outcome::Rating => Response::Rating(value()?),
        Outcome::MeasuredChange => Response::MeasuredChange(value()?),
        Outcome::Reward => Response::Reward(value()?),
        Outcome::Retracted if args.corrects.is_none() => {
            return Err("--corrects says which feedback is retracted".into());
        }
        Outcome::Retracted => return Ok((WITHOUT_MEANING, FeedbackClaim::Retracted)),
        Outcome::Shown => return Ok((WITHOUT_MEANING, FeedbackClaim::Shown)),
        Outcome::NotShown => return Ok((WITHOUT_MEANING, FeedbackClaim::NotShown)),
    };
    Ok((told, FeedbackClaim::Outcome))
}

/// How doors name it.
const fn name(response: &Response, claim: FeedbackClaim) -> &'static str {
    match claim {
        FeedbackClaim::Outcome => response.name(),
        other => other.as_str(),
    }
}

/// Without a time of its own, feedback by hand is given on the log's clock, or now where the log
/// is live: never before the decision.
fn feedback(
    args: &Args,
    decision_id: DecisionId,
    decided_at: i64,
    (response, claim): (Response, FeedbackClaim),
) -> Feedback {
    let recent = now_ms() - decided_at < 7 * 86_400_000;
    let at = args.at.unwrap_or(if recent { now_ms() } else { decided_at }).max(decided_at);
    let id = args.id.clone().unwrap_or_else(|| format!("{decision_id}-{}", name(&response, claim)));
    Feedback {
        tenant: "default".into(),
        user_id: None,
        id,
        ts: at,
        recv_ts: Some(at),
        body: FeedbackBody {
            decision_id,
            response,
            corrects: args.corrects.clone(),
            simulated: false,
            user_id: None,
            claim,
        },
    }
}
