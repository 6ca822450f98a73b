//! `zeitgeber whatif`.

mod show;

use std::{fs, path::PathBuf, process::ExitCode};

use zeitgeber::{
    config::Config,
    query::{self, MomentError, Range},
    whatif::{Question, html, what_if},
};
use zeitgeber_processors::evaluation::{Answer, Missing, Settings};
use zeitgeber_schemas::person_key;

use super::{
    Failure, Layers, ope, output, say,
    target::{Source, Target},
    watched,
};

/// Make the decisions of a log again under a candidate configuration
///
/// Tells which decisions turn, by arm, hour, person and cause, with the ids of some for `explain`;
/// and what the candidate would have earned, off policy, as `ope` does. The candidate is what
/// `--config CANDIDATE.toml` would put in force: its `decisions` keys over the defaults. Context,
/// analyses, outcomes and what was issued are the log's own. Where the log cannot carry a value,
/// the reasons are told and no number, and the command exits with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber whatif --policy candidate.toml --data-dir DIR
  zeitgeber whatif --policy candidate.toml --data-dir DIR --from 2024-05-01 --until 2024-06-01 --json
  zeitgeber whatif --policy candidate.toml --data-dir DIR --out report.html
  zeitgeber whatif --policy now.toml --set decisions.policy.epsilon=0.02 --data-dir DIR

A candidate:
  [decisions]
  version = \"bolder\"
  [decisions.policy]
  alpha = 0.8")]
pub(super) struct Args {
    /// The candidate
    #[arg(long, value_name = "CANDIDATE.toml")]
    policy: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Decisions made from this instant on: RFC 3339, a date (UTC), or ms since 1970. The learner
    /// begins with the log all the same
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    from: Option<i64>,
    /// Decisions made before this instant, in the same forms
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Only this person's decisions
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The person's tenant
    #[arg(long, default_value = "default")]
    tenant: String,
    /// What a decision without feedback counts as [default: as the log was configured]
    #[arg(long, value_parser = ["drop", "zero"])]
    missing: Option<String>,
    /// Least and greatest possible reward; the log's own, with 0, unless given
    #[arg(long, value_name = "LEAST,GREATEST", value_parser = ope::range, allow_hyphen_values = true)]
    reward_range: Option<(f64, f64)>,
    /// The candidate must be better by this much to be promoted
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    margin: f64,
    /// Weights are clipped here, where an estimator clips
    #[arg(long, default_value_t = 10.0, value_parser = ope::positive)]
    clip: f64,
    /// Bootstrap resamples
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    resamples: u32,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: i64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Write the report as one HTML file with pictures as well
    #[arg(long, value_name = "REPORT.html")]
    out: Option<PathBuf>,
}

fn time(text: &str) -> Result<i64, MomentError> {
    query::parse_time(text)
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let candidate = Config::layered(Some(&args.policy), [], &layers.set)?.configuration();
    let Source::Log(store) = &args.target.source()? else {
        return Err("decisions are made again from the log itself: name it with --data-dir or \
                    --journal"
            .into());
    };
    let all = Range::default();
    let question = Question {
        candidate,
        range: Range {
            from_ms: args.from.unwrap_or(all.from_ms),
            to_ms: args.until.unwrap_or(all.to_ms),
        },
        person: args.user.as_ref().map(|user| person_key(&args.tenant, user).into_owned()),
        settings: Settings {
            seed: args.seed,
            replicates: args.resamples,
            clip: args.clip,
            reward_range: args.reward_range,
            margin: args.margin,
            ..Settings::default()
        },
        missing: args.missing.as_ref().map(|missing| match missing.as_str() {
            "zero" => Missing::Zero,
            _ => Missing::Drop,
        }),
    };
    let journal = store.journal();
    let report = watched::over(&*journal, |watch| what_if(&*journal, &question, watch))?;
    if let Some(path) = &args.out {
        fs::write(path, html(&report)?).map_err(|error| {
            format!("could not write {}: {error}; name another file with --out", path.display())
        })?;
        say::note(&format!("{}: the report", path.display()));
    }
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &report)?;
    } else {
        show::readable(&mut out, &report)?;
    }
    let is_told = matches!(report.value.answer, Answer::Told(_));
    Ok(if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
