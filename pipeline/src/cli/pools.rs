//! `zeitgeber pools`: how pools of agents work, and how they are doing.

use std::{path::PathBuf, process::ExitCode};

use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};
use zeitgeber::query::PoolView;
use zeitgeber_schemas::AssignmentPolicy;

use super::{
    Failure, Layers,
    fleet::{self, InPool, When, Where},
    output::{self, Tone, right, tone},
    say,
};

/// Show how pools of agents work and are doing, or set how one works
///
/// How a pool works stands in the log as an input, so a replay assigns tasks as the live run did.
/// Pools may also be named in the configuration (`[[pools]]`).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber pools list --data-dir data\n  \
    zeitgeber pools set ocr --policy linucb --features 4 --data-dir data\n  \
    zeitgeber pools show ocr --to http://127.0.0.1:8787")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
    Show(Show),
    Set(Set),
}

/// List pools
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber pools list --data-dir data --json")]
struct List {
    #[command(flatten)]
    at: Where,
}

/// Show a pool: its tasks, its agents, how it works
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber pools show ocr --data-dir data")]
struct Show {
    /// The pool
    pool: String,
    #[command(flatten)]
    at: Where,
}

/// Set how a pool works; what is not given falls back to its default
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber pools set ocr --policy least_loaded --data-dir data\n  \
    zeitgeber pools set ocr --policy linucb --alpha 0.3 --epsilon 0.1 --features 6 --data-dir data\n  \
    zeitgeber pools set ocr --file pool.json --data-dir data")]
struct Set {
    /// The pool
    pool: String,
    #[command(flatten)]
    at: Where,
    #[command(flatten)]
    when: When,
    /// All of it as JSON, as over HTTP; the flags below go before it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of this version, for people
    #[arg(long)]
    version_name: Option<String>,
    /// How a task finds its agent
    #[arg(long, value_parser = policies())]
    policy: Option<String>,
    /// Width of linucb's confidence bound
    #[arg(long, requires = "policy")]
    alpha: Option<f64>,
    /// Share of linucb's decisions that is spread evenly, 0 to 1
    #[arg(long, requires = "policy")]
    epsilon: Option<f64>,
    /// Context features that linucb takes, 0 to 16
    #[arg(long, requires = "policy")]
    features: Option<u32>,
    /// Complexity from which on a task goes to an advanced agent
    #[arg(long, requires = "policy")]
    threshold: Option<f64>,
    /// An agent not heard of for this long is lost, ms
    #[arg(long, value_name = "MS")]
    heartbeat_ttl_ms: Option<i64>,
    /// How long an attempt may take where the task does not say, ms
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<i64>,
    /// Failed attempts until a task is given up
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
}

fn policies() -> PossibleValuesParser {
    PossibleValuesParser::new(AssignmentPolicy::ALL.iter().map(|policy| policy.as_str()))
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    match &args.what {
        What::List(args) => list(args),
        What::Show(args) => show(args),
        What::Set(args) => set(args, layers),
    }
}

fn set(args: &Set, layers: &Layers) -> Result<ExitCode, Failure> {
    let mut document = fleet::input("pool", &args.pool, &args.at, &args.when);
    if let Some(file) = &args.file {
        let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let body: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| format!("{} is no JSON object: {error}", file.display()))?;
        for (key, value) in body {
            document.entry(key).or_insert(value);
        }
    }
    if let Some(kind) = &args.policy {
        let policy = json!({
            "kind": kind, "alpha": args.alpha, "epsilon": args.epsilon,
            "features": args.features, "threshold": args.threshold,
        });
        document.insert("policy".into(), said(policy));
    }
    let own = json!({
        "version": args.version_name,
        "heartbeat_ttl_ms": args.heartbeat_ttl_ms,
        "timeout_ms": args.timeout_ms,
        "retry": args.max_attempts.map(|most| json!({ "max_attempts": most })),
    });
    if let Value::Object(own) = said(own) {
        document.extend(own);
    }
    fleet::give(&args.at, layers, &format!("pool {}", args.pool), document)
}

/// An object without what is null.
fn said(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    fleet::all(&args.at)?.print("pools", args.at.json, |rows| {
        let headings =
            ["pool", "policy", "submitted", "queued", "assigned", "started", "done", "agents"];
        let mut table = output::table(&headings);
        for pool in rows {
            let tasks = &pool["tasks"];
            let agents = pool["agents"].as_object();
            let agents: u64 = agents.into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
            table.add_row([
                right(fleet::text(&pool["pool"])),
                right(fleet::text(&pool["policy"])),
                right(fleet::text(&pool["submitted"])),
                right(fleet::text(&tasks["queued"])),
                right(fleet::text(&tasks["assigned"])),
                right(fleet::text(&tasks["started"])),
                right(fleet::text(&tasks["completed"])),
                right(agents),
            ]);
        }
        table
    })
}

fn show(args: &Show) -> Result<ExitCode, Failure> {
    let home = InPool { pool: args.pool.clone(), at: args.at.clone() };
    let path = ["pools", &args.pool];
    let found = fleet::ask(&home, &path, Vec::new(), |pool| fleet::value(&PoolView::whole(pool)))?;
    if args.at.json {
        say::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "pool {}: {}\n  {} task(s) submitted, {} reward(s) learnt, clock {}\n",
        fleet::text(&found["pool"]),
        tone(Tone::Bold, &fleet::text(&found["policy"])),
        fleet::text(&found["submitted"]),
        fleet::text(&found["rewards"]),
        fleet::time(&found["clock_ms"]),
    );
    for name in ["tasks", "agents"] {
        text.push_str(&format!("  {name:<6}"));
        for (state, count) in found[name].as_object().into_iter().flatten() {
            text.push_str(&format!("  {state} {count}"));
        }
        text.push('\n');
    }
    let mut lines = Vec::new();
    flat("", &found["configuration"], &mut lines);
    lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    say::text(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The leaves of an object, a line each.
fn flat(prefix: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flat(&name, value, lines);
            }
        }
        leaf => lines.push(format!("{prefix} = {}", fleet::text(leaf))),
    }
}
