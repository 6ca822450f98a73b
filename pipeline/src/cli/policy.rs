//! `zeitgeber policy`: versions of the decisions go forward and back, and what must stop stops.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use serde_json::json;
use zeitgeber::{
    config::Config,
    cycle::{LineOutcome, OutcomeDetail},
    engine::{Engine, EngineSettings},
    ingest::{Configure, Intake, Whose, now_ms, partition_of},
    query::{self, PolicyView, VersionView},
    store::{LogPlace, Store},
};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, ControlStep, Envelope, PartitionId, Rollout,
    Stage,
};

use super::{
    Failure, Layers, output, say, session,
    target::{Place, Target},
};

/// Show which version of the decisions stands, try another one, and stop what must stop
///
/// A version is a configuration under `decisions`. Each change is an input of the log, in force at
/// the next decision, so a replay decides as the live run did. Works on the log itself: stop a
/// service that writes it first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber policy status --data-dir data\n  \
    zeitgeber policy shadow candidate.toml --data-dir data\n  \
    zeitgeber policy canary candidate.toml --percent 10 --data-dir data\n  \
    zeitgeber policy promote --data-dir data\n  \
    zeitgeber policy stop --arm nap --data-dir data")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the versions that stand, and what is stopped
    Status(Log),
    /// Let a version decide beside the active one; nobody hears of it
    Shadow(Candidate),
    /// Let a version decide for a share of the people
    Canary(Canary),
    /// Let the candidate decide for everybody
    Promote(Log),
    /// Let the version before decide again
    Rollback(Log),
    /// Give the candidate up
    Drop(Log),
    /// Let nothing more be decided by a version, with an arm, for a person, or at all
    #[command(disable_version_flag = true)]
    Stop(Order),
    /// End a stop
    #[command(disable_version_flag = true)]
    Resume(Order),
}

#[derive(Debug, clap::Args)]
struct Log {
    #[command(flatten)]
    target: Target,
    /// Print what happened as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Candidate {
    /// Configuration whose `decisions` are the version, laid over the defaults
    file: PathBuf,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Args)]
struct Canary {
    #[command(flatten)]
    candidate: Candidate,
    /// For how many of a hundred people it decides
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=99))]
    percent: u32,
}

#[derive(Debug, clap::Args)]
struct Order {
    #[command(flatten)]
    scope: Scope,
    /// The person's tenant
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Scope {
    /// An arm
    #[arg(long)]
    arm: Option<String>,
    /// A person
    #[arg(long)]
    user: Option<String>,
    /// A version
    #[arg(long, value_name = "NAME")]
    version: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Status(log) => status(log),
        What::Shadow(candidate) => enter(candidate, Stage::Shadow, 0, layers),
        What::Canary(canary) => enter(&canary.candidate, Stage::Canary, canary.percent, layers),
        What::Promote(log) => step(log, ControlStep::Promote, layers),
        What::Rollback(log) => step(log, ControlStep::Rollback, layers),
        What::Drop(log) => step(log, ControlStep::Drop, layers),
        What::Stop(order) => stop(order, ControlStep::Stop, layers),
        What::Resume(order) => stop(order, ControlStep::Resume, layers),
    }
}

/// The log that is meant; a service is not asked.
fn place(log: &Log) -> Result<LogPlace, Failure> {
    match log.target.place()? {
        Place::Log(place) => Ok(place),
        #[cfg(feature = "service")]
        Place::Service(_) => Err("this works on the log itself: name it with --data-dir or \
                                  --journal, while no service writes it"
            .into()),
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    }
}

fn status(log: &Log) -> Result<ExitCode, Failure> {
    let views = query::policies(&Store::read_at(&place(log)?)?)?;
    if log.json {
        say::json(&json!({ "partitions": views }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["partition", "active", "previous", "candidate", "stopped"]);
    for view in &views {
        let name = |version: &Option<VersionView>| version.as_ref().map_or("-".into(), named);
        table.add_row([
            view.partition.to_string(),
            name(&view.active),
            name(&view.previous),
            name(&view.candidate),
            output::cell(&stopped(view)),
        ]);
    }
    say::text(&format!("{table}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn named(view: &VersionView) -> String {
    let part = match view.stage {
        Stage::Active => String::new(),
        Stage::Shadow => " in the shadow".into(),
        Stage::Canary => format!(" for {} %", view.percent),
    };
    output::cell(&format!("{}{part} ({})", view.version, view.rule))
}

fn stopped(view: &PolicyView) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(view.all_stopped.then(|| "everything".into()));
    let lists = [
        ("version", &view.versions_stopped),
        ("arm", &view.arms_stopped),
        ("person", &view.people_stopped),
    ];
    for (what, names) in lists {
        parts.extend(names.iter().map(|name| format!("{what} {name}")));
    }
    if parts.is_empty() { "-".into() } else { parts.join(", ") }
}

fn enter(
    candidate: &Candidate,
    stage: Stage,
    percent: u32,
    layers: &Layers,
) -> Result<ExitCode, Failure> {
    let named = Config::load(Some(&candidate.file), &layers.set)?;
    let rollout = Rollout { stage, percent };
    let body = ConfigurationBody { rollout, ..named.configuration() };
    let log = &candidate.log;
    let put = |intake: &mut Intake, partition, number| {
        intake.numbered_configuration(number, partition, &body);
    };
    let what = format!("version {} as {stage}", body.version);
    give(log, layers, &what, None, put)
}

fn step(log: &Log, step: ControlStep, layers: &Layers) -> Result<ExitCode, Failure> {
    let views = query::policies(&Store::read_at(&place(log)?)?)?;
    let from = |view: &PolicyView| match step {
        ControlStep::Rollback => view.previous.clone(),
        _ => view.candidate.clone(),
    };
    let names: BTreeSet<String> =
        views.iter().filter_map(from).map(|version| version.version).collect();
    let mut names = names.into_iter();
    let name = match (names.next(), names.next()) {
        (Some(name), None) => name,
        (None, _) if step == ControlStep::Rollback => {
            return Err("there is no version before the active one".into());
        }
        (None, _) => {
            return Err("there is no candidate: `policy shadow` or `canary` makes one".into());
        }
        (Some(one), Some(other)) => {
            return Err(format!(
                "partitions differ ({one}, {other}): see `zeitgeber policy status`"
            )
            .into());
        }
    };
    let body = ControlBody { step, scope: ControlScope::Version, name };
    let what = format!("{step} of version {}", body.name);
    give(log, layers, &what, None, order("", "", &body))
}

fn stop(args: &Order, step: ControlStep, layers: &Layers) -> Result<ExitCode, Failure> {
    let Scope { arm, user, version, .. } = &args.scope;
    let (scope, name) = match (arm, user, version) {
        (Some(arm), ..) => (ControlScope::Arm, arm.clone()),
        (_, Some(_), _) => (ControlScope::Person, String::new()),
        (.., Some(version)) => (ControlScope::Version, version.clone()),
        (None, None, None) => (ControlScope::All, String::new()),
    };
    let person = user.as_deref().map(|user| (args.tenant.as_str(), user));
    let body = ControlBody { step, scope, name };
    let of = user.as_deref().unwrap_or(&body.name);
    let what = format!("{step} {scope} {of}").trim_end().to_owned();
    let (tenant, user_id) = person.unwrap_or_default();
    give(&args.log, layers, &what, person, order(tenant, user_id, &body))
}

fn order<'a>(
    tenant: &'a str,
    user_id: &'a str,
    body: &'a ControlBody,
) -> impl Fn(&mut Intake, PartitionId, u64) + 'a {
    let at_ms = now_ms();
    let tenant = if tenant.is_empty() { "default" } else { tenant };
    move |intake, partition, number| {
        intake.control(number, partition, Whose { tenant, user_id, at_ms }, body);
    }
}

/// Gives every partition its input, or only that of a person, and says what became of it. Each
/// partition stands by itself: where one fails in between, the same command again is enough.
fn give(
    log: &Log,
    layers: &Layers,
    what: &str,
    person: Option<(&str, &str)>,
    put: impl Fn(&mut Intake, PartitionId, u64),
) -> Result<ExitCode, Failure> {
    let config = session::config(layers)?;
    let settings = session::settings(&config, OutcomeDetail::Counts);
    let bounds = EngineSettings { pending_bytes: 64 << 20, pending_requests: 4 };
    let body = config.configuration();
    let engine = Engine::open(place(log)?, &settings, bounds, &body, Configure::Keep, ())?;
    let handle = engine.handle();
    let mut intake = handle.intake();
    let all = handle.store().partitions();
    let count = handle.store().layout().partitions;
    let only = person.map(|(tenant, user_id)| {
        partition_of(&Envelope { tenant, user_id, id: "", ts: 0, recv_ts: None }, count)
    });
    for partition in all.filter(|partition| only.is_none_or(|only| only == *partition)) {
        put(&mut intake, partition, u64::from(partition.0) + 1);
    }
    let told = handle.settle(intake);
    engine.close()?;
    tell(log, what, &told?.lines)
}

fn tell(log: &Log, what: &str, lines: &[LineOutcome]) -> Result<ExitCode, Failure> {
    let refused = lines.iter().find(|line| line.outcome == "rejected");
    let changed = lines.iter().filter(|line| line.outcome == "accepted").count();
    if log.json {
        let rows = lines.iter().map(|line| {
            json!({ "partition": line.line.saturating_sub(1), "outcome": line.outcome,
                    "reason": line.reason, "detail": line.detail })
        });
        say::json(&json!({ "order": what, "partitions": rows.collect::<Vec<_>>() }))?;
    } else {
        let fate = match refused {
            Some(line) => {
                format!("refused: {}", line.detail.as_deref().unwrap_or("no reason told"))
            }
            None if changed == 0 => "stands already".into(),
            None => format!("in force from the next decision on, in {changed} partition(s)"),
        };
        say::text(&format!("{}\n", output::cell(&format!("{what}: {fate}"))))?;
    }
    Ok(if refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
