//! `zeitgeber policy`: versions of the decisions go forward and back, and what must stop stops.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;
use zeitgeber::{
    config::Config,
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings},
    ingest::{Configure, now_ms},
    policy::{Fates, Order as Given},
    query::{self, PolicyView, VersionView},
    store::{LogPlace, Store},
};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, ControlStep, Rollout, Stage,
};

use super::{
    Failure, Layers, output, say, session,
    target::{Place, Target},
};

/// Show which version of the decisions stands, try another one, and stop what must stop
///
/// A version is a configuration under `decisions`. Each change is an input of the log, in force at
/// the next decision, so a replay decides as the live run did. With `--to`, a running service
/// takes it; otherwise no service may be writing the log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber policy status --data-dir data\n  \
    zeitgeber policy shadow candidate.toml --data-dir data\n  \
    zeitgeber policy canary candidate.toml --percent 10 --data-dir data\n  \
    zeitgeber policy promote --data-dir data\n  \
    zeitgeber policy stop --arm nap --to http://127.0.0.1:8787")]
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

fn views(log: &Log) -> Result<Vec<PolicyView>, Failure> {
    Ok(match log.target.place()? {
        Place::Log(place) => query::policies(&Store::read_at(&place)?)?,
        #[cfg(feature = "service")]
        Place::Service(client) => client.policies()?,
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    })
}

fn status(log: &Log) -> Result<ExitCode, Failure> {
    let views = views(log)?;
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
    let log = &candidate.log;
    let fates = match log.target.place()? {
        Place::Log(place) => {
            let rollout = Rollout { stage, percent };
            let body = ConfigurationBody { rollout, ..named.configuration() };
            give(place, layers, &Given::Enter(Box::new(body)))?
        }
        #[cfg(feature = "service")]
        Place::Service(client) => client.put_candidate(stage, percent, &named.decisions)?,
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    tell(log, &fates)
}

fn step(log: &Log, step: ControlStep, layers: &Layers) -> Result<ExitCode, Failure> {
    let fates = match log.target.place()? {
        Place::Log(place) => give(place, layers, &Given::step(step, &views(log)?)?)?,
        #[cfg(feature = "service")]
        Place::Service(client) => client.order(&json!({ "step": step }))?,
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    tell(log, &fates)
}

fn stop(args: &Order, step: ControlStep, layers: &Layers) -> Result<ExitCode, Failure> {
    let Scope { arm, user, version, .. } = &args.scope;
    let (scope, name) = match (arm, user, version) {
        (Some(arm), ..) => (ControlScope::Arm, arm.clone()),
        (_, Some(user), _) => (ControlScope::Person, user.clone()),
        (.., Some(version)) => (ControlScope::Version, version.clone()),
        (None, None, None) => (ControlScope::All, String::new()),
    };
    let fates = match args.log.target.place()? {
        Place::Log(place) => {
            let order = match scope {
                ControlScope::Person => {
                    Given::Person { step, tenant: args.tenant.clone(), user_id: name }
                }
                scope => Given::Step(ControlBody { step, scope, name }),
            };
            give(place, layers, &order)?
        }
        #[cfg(feature = "service")]
        Place::Service(client) => {
            let mut order = json!({ "step": step, "scope": scope });
            if scope != ControlScope::All {
                order["name"] = name.into();
            }
            if scope == ControlScope::Person {
                order["tenant"] = args.tenant.clone().into();
            }
            client.order(&order)?
        }
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    tell(&args.log, &fates)
}

/// Gives every partition of a log its input, and says what became of it.
fn give(place: LogPlace, layers: &Layers, order: &Given) -> Result<Fates, Failure> {
    let config = session::config(layers)?;
    let settings = session::settings(&config, OutcomeDetail::Counts);
    let bounds = EngineSettings { pending_bytes: 64 << 20, pending_requests: 4 };
    let body = config.configuration();
    let engine = Engine::open(place, &settings, bounds, &body, Configure::Keep, ())?;
    let handle = engine.handle();
    let mut intake = handle.intake();
    let count = handle.store().layout().partitions;
    order.put(&mut intake, handle.store().partitions(), count, now_ms());
    let told = handle.settle(intake);
    engine.close()?;
    Ok(order.fates(&told?.lines))
}

fn tell(log: &Log, fates: &Fates) -> Result<ExitCode, Failure> {
    let refused = fates.refused();
    if log.json {
        say::json(fates)?;
    } else {
        let fate = match (refused, fates.changed()) {
            (Some(why), _) => format!("refused: {why}"),
            (None, 0) => "stands already".into(),
            (None, changed) => {
                format!("in force from the next decision on, in {changed} partition(s)")
            }
        };
        say::text(&format!("{}\n", output::cell(&format!("{}: {fate}", fates.order))))?;
    }
    Ok(if refused.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
