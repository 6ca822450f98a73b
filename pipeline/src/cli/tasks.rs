//! `zeitgeber tasks`: what is to be done, and where it stands.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};
use zeitgeber::query::TaskRow;
use zeitgeber_processors::tasks::{Task, TaskState};
use zeitgeber_schemas::Priority;

use super::{
    Failure, Layers,
    fleet::{self, InPool, Listed, When},
    output::{self, Tone, right, tone},
    say,
};

/// Submit tasks to a pool of agents, follow them, tell their results
///
/// A task waits until an agent that can do it has room, is assigned under a lease, and ends once:
/// completed, failed after its last try, cancelled or expired. Whole files of such inputs are taken
/// by `zeitgeber ingest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber tasks submit t1 --capability ocr --priority high --data-dir data\n  \
    zeitgeber tasks list --state queued --data-dir data\n  \
    zeitgeber tasks show t1 --to http://127.0.0.1:8787\n  \
    zeitgeber tasks result t1 --agent a1 --lease 1 --success --quality 0.9 --data-dir data")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Submit(Submit),
    Show(Show),
    List(List),
    Cancel(Cancel),
    Start(Start),
    Result(Told),
}

/// Submit a task
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber tasks submit t1 --data-dir data\n  \
    zeitgeber tasks submit t2 --capability ocr --feature 1 --feature 0 --text 'page 7' \
    --data-dir data")]
struct Submit {
    /// The task's id: the same task again is a repeat
    task: String,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
    /// How urgent it is
    #[arg(long, default_value = "normal", value_parser = priorities())]
    priority: String,
    /// What the agent must be able to do (repeatable)
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Context for the policy linucb, in order (repeatable)
    #[arg(long = "feature", value_name = "NUMBER", allow_negative_numbers = true)]
    features: Vec<f64>,
    /// Score for the policy threshold
    #[arg(long, allow_negative_numbers = true, value_name = "NUMBER")]
    complexity: Option<f64>,
    /// When it expires unless finished, ms UTC
    #[arg(long, value_name = "MS")]
    deadline_ms: Option<i64>,
    /// How long an attempt may take, ms
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<i64>,
    /// What it is about, as text
    #[arg(long, conflicts_with = "reference")]
    text: Option<String>,
    /// Where what it is about is to be found
    #[arg(long, value_name = "URI")]
    reference: Option<String>,
}

/// Show a task: its attempts, where it stands, its outcome
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber tasks show t1 --data-dir data\n  \
    zeitgeber tasks show t1 --pool ocr --to http://127.0.0.1:8787 --json")]
struct Show {
    /// The task
    task: String,
    #[command(flatten)]
    home: InPool,
}

/// List tasks that the pool remembers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber tasks list --data-dir data\n  \
    zeitgeber tasks list --pool ocr --state failed --limit 20 --data-dir data --json")]
struct List {
    #[command(flatten)]
    home: InPool,
    /// Only those in this state
    #[arg(long, value_parser = states())]
    state: Option<String>,
    /// At most this many [default: all]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Call a task off
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zeitgeber tasks cancel t1 --why 'not needed' --data-dir data")]
struct Cancel {
    /// The task
    task: String,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
    /// Why, for people
    #[arg(long)]
    why: Option<String>,
}

/// Say that an agent begins to work on a task
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber tasks start t1 --agent a1 --lease 1 --data-dir data")]
struct Start {
    /// The task
    task: String,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
}

/// Who has a task.
#[derive(Debug, clap::Args)]
struct Holder {
    /// The agent
    #[arg(long)]
    agent: String,
    /// The lease under which it has the task
    #[arg(long)]
    lease: u64,
}

/// Tell what came of a task
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber tasks result t1 --agent a1 --lease 1 --success --quality 0.9 --data-dir data\n  \
    zeitgeber tasks result t1 --agent a1 --lease 1 --error 'no such file' --data-dir data")]
struct Told {
    /// The task
    task: String,
    #[command(flatten)]
    holder: Holder,
    #[command(flatten)]
    home: InPool,
    #[command(flatten)]
    when: When,
    /// It was done
    #[arg(long, required_unless_present = "error", conflicts_with = "error")]
    success: bool,
    /// It was not done: what went wrong
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// How good the result is, 0 to 1
    #[arg(long)]
    quality: Option<f64>,
    /// What it cost
    #[arg(long)]
    cost: Option<f64>,
    /// How long it took, ms [default: since the assignment]
    #[arg(long, value_name = "MS")]
    latency_ms: Option<i64>,
    /// What came out, as text
    #[arg(long)]
    output: Option<String>,
}

fn priorities() -> PossibleValuesParser {
    PossibleValuesParser::new(Priority::ALL.iter().map(|priority| priority.as_str()))
}

const STATES: [TaskState; 8] = [
    TaskState::Queued,
    TaskState::Waiting,
    TaskState::Assigned,
    TaskState::Started,
    TaskState::Completed,
    TaskState::Failed,
    TaskState::Cancelled,
    TaskState::Expired,
];

fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(STATES.iter().map(|state| state.as_str()))
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Submit(args) => submit(args, layers),
        What::Show(args) => show(args),
        What::List(args) => list(args),
        What::Cancel(args) => {
            let fields = json!({ "task": args.task, "why": args.why });
            about("cancel", &args.task, &args.home, &args.when, layers, fields)
        }
        What::Start(args) => {
            let Holder { agent, lease } = &args.holder;
            let fields = json!({ "task": args.task, "agent": agent, "lease": lease });
            about("start", &args.task, &args.home, &args.when, layers, fields)
        }
        What::Result(args) => {
            let Holder { agent, lease } = &args.holder;
            let fields = json!({
                "task": args.task, "agent": agent, "lease": lease, "success": args.success,
                "error": args.error, "quality": args.quality, "cost": args.cost,
                "latency_ms": args.latency_ms,
                "output": args.output.as_ref().map(|text| json!({ "inline": text })),
            });
            about("result", &args.task, &args.home, &args.when, layers, fields)
        }
    }
}

fn submit(args: &Submit, layers: &Layers) -> Result<ExitCode, Failure> {
    let payload = match (&args.text, &args.reference) {
        (Some(text), _) => json!({ "inline": text }),
        (None, Some(reference)) => json!({ "reference": reference }),
        (None, None) => Value::Null,
    };
    let fields = json!({
        "task": args.task, "priority": args.priority, "capabilities": args.capabilities,
        "features": args.features, "complexity": args.complexity,
        "deadline_ms": args.deadline_ms, "timeout_ms": args.timeout_ms, "payload": payload,
    });
    about("submit", &args.task, &args.home, &args.when, layers, fields)
}

/// Gives one input about a task; what is null is not said.
fn about(
    kind: &str,
    task: &str,
    home: &InPool,
    when: &When,
    layers: &Layers,
    fields: Value,
) -> Result<ExitCode, Failure> {
    let mut document = fleet::input(kind, &home.pool, &home.at, when);
    if let Value::Object(fields) = fields {
        document.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    fleet::give(&home.at, layers, &format!("task {task}, {kind}"), document)
}

fn show(args: &Show) -> Result<ExitCode, Failure> {
    let found = fleet::ask(&args.home, &["tasks", &args.task], Vec::new(), |pool| {
        let task = pool.task(&args.task).ok_or_else(|| {
            let (task, pool) = (&args.task, &args.home.pool);
            format!(
                "task {task:?} is not known in pool {pool:?} (any more): \
                 `zeitgeber events --topic task.assignments` still tells of it"
            )
        })?;
        fleet::value(&pool.task_view(task))
    })?;
    if args.home.at.json {
        say::json(&found)?;
    } else {
        say::text(&readable(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn readable(task: &Value) -> String {
    let state = tone(Tone::Bold, &fleet::text(&task["state"]));
    let mut text = format!(
        "task {} of pool {}: {state}\n  priority {}, submitted {}, expires {}, {} failure(s)\n",
        fleet::text(&task["id"]),
        fleet::text(&task["pool"]),
        fleet::text(&task["priority"]),
        fleet::time(&task["submitted_ms"]),
        fleet::time(&task["deadline_ms"]),
        fleet::text(&task["failures"]),
    );
    let attempts = fleet::rows(task, "attempts");
    if !attempts.is_empty() {
        let headings =
            ["attempt", "agent", "lease", "assigned", "ended", "setback", "propensity", "decision"];
        let mut table = output::table(&headings);
        for attempt in attempts {
            table.add_row([
                right(fleet::text(&attempt["attempt"])),
                right(fleet::text(&attempt["agent"])),
                right(fleet::text(&attempt["lease"])),
                right(fleet::time(&attempt["at_ms"])),
                right(fleet::time(&attempt["ended_ms"])),
                right(fleet::text(&attempt["setback"])),
                right(output::number(attempt["propensity"].as_f64(), 3)),
                right(fleet::text(&attempt["decision_id"])),
            ]);
        }
        text.push_str(&format!("{table}\n"));
    }
    let outcome = &task["outcome"];
    if !outcome.is_null() {
        let done = if outcome["success"] == true { "done" } else { "not done" };
        text.push_str(&format!(
            "told last: {done}, quality {}, cost {}, error {}\n",
            fleet::text(&outcome["quality"]),
            fleet::text(&outcome["cost"]),
            fleet::text(&outcome["error"]),
        ));
    }
    text
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    let query = args.state.iter().map(|state| ("state", state.clone())).collect();
    let found = fleet::list(&args.home, "tasks", query, args.limit, |pool| {
        let wanted =
            |task: &&Task| args.state.as_ref().is_none_or(|state| task.state.as_str() == state);
        Listed::of(pool.tasks().filter(wanted).map(TaskRow::from), args.limit)
    })?;
    found.print("tasks", args.home.at.json, |rows| {
        let headings = ["task", "state", "priority", "submitted", "failures", "agent", "lease"];
        let mut table = output::table(&headings);
        for task in rows {
            table.add_row([
                right(fleet::text(&task["id"])),
                right(fleet::text(&task["state"])),
                right(fleet::text(&task["priority"])),
                right(fleet::time(&task["submitted_ms"])),
                right(fleet::text(&task["failures"])),
                right(fleet::text(&task["agent"])),
                right(fleet::text(&task["lease"])),
            ]);
        }
        table
    })
}
