//! `zeitgeber agents`: who takes tasks, and how they are.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use zeitgeber::query::Assignment;

use super::{
    Failure, Layers,
    fleet::{self, InPool, Listed, When},
    output::{self, Tone, right, tone},
    say,
};

/// Register agents of a pool, see how they are and what they have
///
/// An agent that is not heard of for the pool's time to live is lost, and its tasks go to others.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber agents register a1 --capability ocr --capacity 4 --data-dir data\n  \
    zeitgeber agents assignments a1 --data-dir data\n  \
    zeitgeber agents list --to http://127.0.0.1:8787\n  \
    zeitgeber agents drain a1 --data-dir data")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Register(Register),
    List(List),
    Show(One),
    Assignments(Assignments),
    Heartbeat(Heartbeat),
    Drain(Word),
    Leave(Bye),
}

/// Register an agent, or change what it says of itself
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents register a1 --data-dir data\n  \
    zeitgeber agents register a2 --capability ocr --capacity 4 --tier advanced --label zone=eu \
    --data-dir data")]
struct Register {
    /// The agent
    agent: String,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
    /// What it can do (repeatable)
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Tasks that it takes at a time
    #[arg(long, default_value_t = 1)]
    capacity: u32,
    /// What it is fit for under the policy threshold
    #[arg(long, default_value = "basic", value_parser = ["basic", "advanced"])]
    tier: String,
    /// Its share under the policy weighted
    #[arg(long, default_value_t = 1.0)]
    weight: f64,
    /// Anything for people (repeatable)
    #[arg(long = "label", value_name = "NAME=TEXT")]
    labels: Vec<String>,
    /// Thousandths of a processor that it has
    #[arg(long, default_value_t = 0, value_name = "N")]
    cpu_milli: u32,
    /// Memory that it has, MiB
    #[arg(long, default_value_t = 0, value_name = "N")]
    memory_mib: u32,
    /// Graphics processors that it has
    #[arg(long, default_value_t = 0, value_name = "N")]
    gpu: u32,
}

/// List the agents of a pool
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents list --pool ocr --data-dir data")]
struct List {
    #[command(flatten)]
    home: InPool,
    /// At most this many [default: all]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Show an agent
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents show a1 --data-dir data --json")]
struct One {
    /// The agent
    agent: String,
    #[command(flatten)]
    home: InPool,
}

/// Show what an agent has, with the leases
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents assignments a1 --data-dir data\n  \
    zeitgeber agents assignments a1 --wait-ms 30000 --to http://127.0.0.1:8787")]
struct Assignments {
    /// The agent
    agent: String,
    #[command(flatten)]
    home: InPool,
    /// Wait for this long where there is nothing, ms; a directory is never waited for
    #[arg(long, default_value_t = 0, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(0..=60_000))]
    wait_ms: u64,
}

/// Say that an agent is alive
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents heartbeat a1 --load 0.4 --data-dir data")]
struct Heartbeat {
    /// The agent
    agent: String,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
    /// How busy it feels
    #[arg(long)]
    load: Option<f64>,
    /// A lease that it still works on; started tasks of other leases are taken from it (repeatable)
    #[arg(long = "lease", value_name = "N")]
    leases: Vec<u64>,
}

/// Have an agent finish what it started and take nothing more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents drain a1 --data-dir data")]
struct Word {
    /// The agent
    agent: String,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
}

/// Say that an agent is gone
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber agents leave a1 --data-dir data")]
struct Bye {
    #[command(flatten)]
    word: Word,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Register(args) => {
            let (home, when) = (&args.home, &args.when);
            say_of("register", &args.agent, home, when, layers, profile(args)?)
        }
        What::Heartbeat(args) => {
            let mut fields = Map::new();
            fields.extend(args.load.map(|load| ("load".into(), load.into())));
            if !args.leases.is_empty() {
                fields.insert("leases".into(), json!(args.leases));
            }
            say_of("heartbeat", &args.agent, &args.home, &args.when, layers, fields)
        }
        What::Drain(word) => {
            say_of("drain", &word.agent, &word.home, &word.when, layers, Map::new())
        }
        What::Leave(Bye { word }) => {
            say_of("leave", &word.agent, &word.home, &word.when, layers, Map::new())
        }
        What::List(args) => list(args),
        What::Show(args) => show(args),
        What::Assignments(args) => assignments(args),
    }
}

fn say_of(
    kind: &str,
    agent: &str,
    home: &InPool,
    when: &When,
    layers: &Layers,
    fields: Map<String, Value>,
) -> Result<ExitCode, Failure> {
    let mut document = fleet::input(kind, &home.pool, &home.at, when);
    document.insert("agent".into(), agent.into());
    document.extend(fields);
    fleet::give(&home.at, layers, &format!("agent {agent}, {kind}"), document)
}

fn profile(args: &Register) -> Result<Map<String, Value>, Failure> {
    let mut labels = Map::new();
    for label in &args.labels {
        let (name, text) = label
            .split_once('=')
            .ok_or_else(|| format!("`{label}` is not NAME=TEXT, for example zone=eu"))?;
        labels.insert(name.into(), text.into());
    }
    let profile = json!({
        "capabilities": args.capabilities, "capacity": args.capacity, "tier": args.tier,
        "weight": args.weight, "labels": labels,
        "resources": {
            "cpu_milli": args.cpu_milli, "memory_mib": args.memory_mib, "gpu": args.gpu,
        },
    });
    match profile {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

fn unknown(agent: &str, home: &InPool) -> Failure {
    format!("agent {agent:?} is not known in pool {:?}: let it register first", home.pool).into()
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    let found = fleet::list(&args.home, "agents", Vec::new(), args.limit, |pool| {
        Listed::of(pool.agents().iter().map(|agent| pool.agent_view(agent)), args.limit)
    })?;
    found.print("agents", args.home.at.json, |rows| {
        let headings = ["agent", "health", "holds", "capacity", "done", "failed", "learnt", "seen"];
        let mut table = output::table(&headings);
        for agent in rows {
            table.add_row([
                right(fleet::text(&agent["id"])),
                right(fleet::text(&agent["health"])),
                right(fleet::text(&agent["holds"])),
                right(fleet::text(&agent["profile"]["capacity"])),
                right(fleet::text(&agent["completed"])),
                right(fleet::text(&agent["failed"])),
                right(output::number(agent["learnt"]["mean_reward"].as_f64(), 2)),
                right(fleet::time(&agent["seen_ms"])),
            ]);
        }
        table
    })
}

fn show(args: &One) -> Result<ExitCode, Failure> {
    let found = fleet::ask(&args.home, &["agents", &args.agent], Vec::new(), |pool| {
        let agent = pool.agent(&args.agent).ok_or_else(|| unknown(&args.agent, &args.home))?;
        fleet::value(&pool.agent_view(agent))
    })?;
    if args.home.at.json {
        say::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "agent {} of pool {}: {}\n  holds {} of {}, {} done, {} failed, mean reward {} of {} \
         outcome(s)\n  joined {}, last heard of {}\n  capabilities {}\n",
        fleet::text(&found["id"]),
        fleet::text(&found["pool"]),
        tone(Tone::Bold, &fleet::text(&found["health"])),
        fleet::text(&found["holds"]),
        fleet::text(&found["profile"]["capacity"]),
        fleet::text(&found["completed"]),
        fleet::text(&found["failed"]),
        output::number(found["learnt"]["mean_reward"].as_f64(), 2),
        fleet::text(&found["learnt"]["outcomes"]),
        fleet::time(&found["joined_ms"]),
        fleet::time(&found["seen_ms"]),
        fleet::text(&found["profile"]["capabilities"]),
    );
    for change in fleet::rows(&found, "history") {
        let (at, health) = (fleet::time(&change["at_ms"]), fleet::text(&change["health"]));
        text.push_str(&format!("  {at}  {health}\n"));
    }
    say::text(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn assignments(args: &Assignments) -> Result<ExitCode, Failure> {
    let path = ["agents", args.agent.as_str(), "assignments"];
    let query = vec![("wait_ms", args.wait_ms.to_string()), ("started", "true".into())];
    let found = fleet::ask(&args.home, &path, query, |pool| {
        pool.agent(&args.agent).ok_or_else(|| unknown(&args.agent, &args.home))?;
        let held: Vec<Assignment<'_>> =
            pool.assignments(&args.agent).map(Assignment::from).collect();
        Ok(json!({ "assignments": held }))
    })?;
    if args.home.at.json {
        say::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["task", "lease", "attempt", "priority", "assigned", "started", "lease until"];
    let mut table = output::table(&headings);
    for held in fleet::rows(&found, "assignments") {
        table.add_row([
            right(fleet::text(&held["task"])),
            right(fleet::text(&held["lease"])),
            right(fleet::text(&held["attempt"])),
            right(fleet::text(&held["priority"])),
            right(fleet::time(&held["assigned_ms"])),
            right(fleet::time(&held["started_ms"])),
            right(fleet::time(&held["lease_until_ms"])),
        ]);
    }
    say::text(&format!("{table}\n"))?;
    Ok(ExitCode::SUCCESS)
}
