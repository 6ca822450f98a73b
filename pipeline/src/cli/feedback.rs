//! `zeitgeber feedback`: one outcome by hand.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;
use zeitgeber::{
    cycle::OutcomeDetail,
    door::feedback::Feedback,
    ingest::{Configure, now_ms},
    query,
    store::Store,
};
use zeitgeber_schemas::{DecisionId, FeedbackBody, Response};

use super::{DataDir, Failure, Layers, say, session};

/// Tell what became of a decision
///
/// The outcome becomes a reward that the learner takes in. Feedback ids are idempotency keys:
/// the same id twice changes nothing. `--corrects` replaces a reward that was learnt before.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber feedback 000c61f9… --outcome accepted --data-dir data\n  \
    zeitgeber feedback 000c61f9… --outcome rating --value 4 --data-dir data")]
pub(super) struct Args {
    /// The decision: its id, or the first hexadecimal digits of it
    decision: String,
    #[command(flatten)]
    data: DataDir,
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
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let response = response(args)?;
    let config = session::config(layers)?;
    let found = query::explain(&*Store::read(&args.data.dir)?.journal(), &args.decision)?;
    let (decision_id, decided_at) = (found.decision.decision_id, found.decision.at_ms);
    let mut writer =
        session::open(&args.data.dir, &config, OutcomeDetail::Counts, Configure::Keep)?;
    let feedback = feedback(args, decision_id, decided_at, response);
    writer.take_feedback(0, &feedback, &[])?;
    writer.settle()?;
    let summary = writer.finish()?;
    let told = if summary.counts.rewards > 0 {
        "recorded"
    } else if summary.counts.others > 0 {
        "not learnt: the decision has an outcome, or its window is over"
    } else if summary.counts.refused > 0 {
        "refused"
    } else {
        "a repeat"
    };
    if args.json {
        let decision = decision_id.to_string();
        say::json(&json!({ "decision_id": decision, "id": feedback.id, "outcome": told }))?;
    } else {
        say::text(&format!("feedback {} on {decision_id}: {told}\n", feedback.id))?;
    }
    let refused = summary.counts.refused > 0;
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn response(args: &Args) -> Result<Response, Failure> {
    let value = || args.value.ok_or("this outcome needs --value");
    Ok(match args.outcome {
        Outcome::Accepted => Response::Accepted,
        Outcome::Dismissed => Response::Dismissed,
        Outcome::Rating => Response::Rating(value()?),
        Outcome::MeasuredChange => Response::MeasuredChange(value()?),
        Outcome::Reward => Response::Reward(value()?),
    })
}

/// Without a time of its own, feedback by hand is given on the log's clock, or now where the log
/// is live: never before the decision.
fn feedback(args: &Args, decision_id: DecisionId, decided_at: i64, response: Response) -> Feedback {
    let recent = now_ms() - decided_at < 7 * 86_400_000;
    let at = args.at.unwrap_or(if recent { now_ms() } else { decided_at }).max(decided_at);
    let id = args.id.clone().unwrap_or_else(|| format!("{decision_id}-{}", response.name()));
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
        },
    }
}
