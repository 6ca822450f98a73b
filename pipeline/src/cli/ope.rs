//! `zeitgeber ope`.

pub(super) mod show;

use std::{io::Write, path::PathBuf, process::ExitCode};

use zeitgeber::ope::{candidate::Candidate, evaluate, fields::FIELDS};
use zeitgeber_processors::evaluation::{Answer, Design, Missing, Settings, decisions_for};

use super::{Failure, output};

/// Evaluate a candidate policy on a log of decisions made by another
///
/// Off-policy: what the candidate would have earned, from a log that knows with which probability
/// each arm was chosen. What the log cannot carry is refused, with the reasons and no number, and
/// the command exits with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Columns of a table, or keys of JSON lines; other names that are known:
  action        the arm that was chosen (chosen, arm)
  propensity    the probability with which it was chosen (pscore, action_prob)
  propensities  or that of every eligible arm: 0.8|0.1|0.1, walk=0.8|rest=0.2; in JSON an array or
                an object (pmf, probabilities)
  reward        what came of it; empty where no feedback came (outcome)
  eligible      arms that could be chosen: walk|rest; all arms of the log unless given (arms, actions)
  decision_id   (id); the line unless given
  user_id       whom it was about; rows of one person may depend on each other (user, person)
  t_ms          when (at_ms, timestamp, time); the order of lines unless given
  segment       the group of contexts that it belongs to (context, position)

A candidate is a document in TOML:
  policy = \"uniform\"
  policy = \"fixed\"      arms = [\"walk\", \"rest\"], the first that is eligible
  policy = \"values\"     [values] walk = 0.3, rest = 0.1: the greatest that is eligible
  policy = \"segments\"   [segments] morning = [\"walk\"], and otherwise = [\"rest\"]
  policy = \"column\"     column = \"candidate\": the column with its arm or probabilities
each with epsilon = 0.05 to explore evenly.

Examples:
  zeitgeber ope decisions.csv --policy candidate.toml
  zeitgeber ope decisions.jsonl --policy candidate.toml --missing zero --json
  zeitgeber ope log.csv --policy candidate.toml --column action=item_id --reward-range 0,1
  zeitgeber ope --plan 10,0.1,0.2,0.02")]
pub(super) struct Args {
    /// The log: a table of text or JSON lines, may be packed
    #[arg(required_unless_present = "plan", value_name = "LOG")]
    log: Option<PathBuf>,
    /// The candidate
    #[arg(long, required_unless_present = "plan", value_name = "CANDIDATE.toml")]
    policy: Option<PathBuf>,
    /// A column that has another name: one of the names above, `=`, its own (repeatable)
    #[arg(long = "column", value_name = "HOLDS=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// Least and greatest possible reward; the log's own, with 0, unless given
    #[arg(long, value_name = "LEAST,GREATEST", value_parser = range, allow_hyphen_values = true)]
    reward_range: Option<(f64, f64)>,
    /// What a decision without feedback counts as
    #[arg(long, default_value = "drop", value_parser = ["drop", "zero"])]
    missing: String,
    /// The candidate must be better by this much to be promoted
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    margin: f64,
    /// Weights are clipped here, where an estimator clips
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    clip: f64,
    /// Bootstrap resamples
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    resamples: u32,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: i64,
    /// Print instead how many decisions a log would need: arms, share that explores, share of
    /// decisions where both policies differ, and the wanted half width of a 95 % interval of a rate
    #[arg(long, value_name = "ARMS,EPSILON,DISAGREE,HALF", value_parser = plan,
        conflicts_with_all = ["log", "policy"])]
    plan: Option<Plan>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    design: Design,
    half_width: f64,
}

fn column(text: &str) -> Result<(String, String), String> {
    let (holds, name) = text.split_once('=').ok_or("write HOLDS=NAME, for example reward=click")?;
    if FIELDS.iter().any(|(field, _)| *field == holds) {
        return Ok((holds.to_owned(), name.to_owned()));
    }
    let known: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
    Err(format!("{holds:?} is nothing that columns hold; known: {}", known.join(", ")))
}

fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let parts: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    parts.ok()?.try_into().ok().filter(|all: &[f64; N]| all.iter().all(|one| one.is_finite()))
}

pub(super) fn range(text: &str) -> Result<(f64, f64), String> {
    match numbers(text) {
        Some([least, greatest]) if least < greatest => Ok((least, greatest)),
        _ => Err("write two numbers, the lesser first, for example 0,1".into()),
    }
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "write a number above 0".into())
}

fn plan(text: &str) -> Result<Plan, String> {
    let share = |value: f64| (0.0..=1.0).contains(&value);
    match numbers(text) {
        Some([arms, epsilon, disagreement, half_width])
            if (1.0..=1e6).contains(&arms)
                && share(epsilon)
                && epsilon > 0.0
                && share(disagreement)
                && half_width > 0.0 =>
        {
            // A rate whose variance is not known: half of the rewards are 1 at worst, 0.25 squared.
            let design = Design { arms: arms as u32, epsilon, disagreement, reward_square: 0.25 };
            Ok(Plan { design, half_width })
        }
        _ => Err("write four numbers, for example 10,0.1,0.2,0.02: arms, two shares of at most 1 \
                  (the first above 0), a half width"
            .into()),
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut out = output::stdout();
    if let Some(plan) = &args.plan {
        let decisions = decisions_for(&plan.design, plan.half_width);
        if args.json {
            output::document(&mut out, &serde_json::json!({ "decisions": decisions }))?;
        } else {
            writeln!(out, "{decisions:.0} decisions")?;
            out.flush()?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (Some(log), Some(policy)) = (&args.log, &args.policy) else {
        return Err("a log and --policy are needed".into());
    };
    let settings = Settings {
        seed: args.seed,
        replicates: args.resamples,
        clip: args.clip,
        reward_range: args.reward_range,
        missing: if args.missing == "zero" { Missing::Zero } else { Missing::Drop },
        margin: args.margin,
        ..Settings::default()
    };
    let report = evaluate(log, &Candidate::read(policy)?, &args.columns, &settings)?;
    if args.json {
        output::document(&mut out, &report)?;
    } else {
        show::readable(&mut out, &report)?;
        out.flush()?;
    }
    let is_told = matches!(report.valuation.answer, Answer::Told(_));
    Ok(if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
