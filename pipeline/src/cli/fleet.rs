//! What the commands of tasks, agents and pools share: which pool is meant, one input given, one
//! answer asked for; on a data directory or at a running service.
//!
//! An input is written as a producer would send it, and an answer is the JSON that the service
//! gives, so that there is one reader of each and both places print alike.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Map, Value, json};
use zeitgeber::{
    cycle::OutcomeDetail,
    door::tasks::{Arrival, command_of},
    engine::{Engine, EngineSettings},
    ingest::{Configure, now_ms},
    query,
};
use zeitgeber_processors::tasks::Pool;
use zeitgeber_schemas::Reason;

use super::{
    Failure, Layers, output, say, session,
    target::{Place, Source, Target},
};

/// Inputs that may wait to become durable, bytes.
const PENDING_BYTES: usize = 64 << 20;
/// Requests that may wait: this command makes one at a time.
const PENDING_REQUESTS: usize = 4;

/// Where the pool is, and how to answer.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Where {
    #[command(flatten)]
    target: Target,
    /// The tenant
    #[arg(long, default_value = "default")]
    pub(super) tenant: String,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// When an input is given.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct When {
    /// When it arrives, ms UTC [default: now]
    #[arg(long, value_name = "MS")]
    at: Option<i64>,
}

/// Somebody or something of a pool.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct InPool {
    /// The pool
    #[arg(long, default_value = "default")]
    pub(super) pool: String,
    #[command(flatten)]
    pub(super) at: Where,
}

/// What became of an input.
#[derive(Serialize)]
struct Fate {
    outcome: String,
    reason: Option<Reason>,
    detail: Option<String>,
}

/// Starts the document of an input.
pub(super) fn input(kind: &str, pool: &str, at: &Where, when: &When) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("type".into(), kind.into());
    document.insert("pool".into(), pool.into());
    document.insert("tenant".into(), at.tenant.clone().into());
    if let Some(at_ms) = when.at {
        document.insert("ts".into(), at_ms.into());
        document.insert("recv_ts".into(), at_ms.into());
    }
    document
}

/// Gives one input and says what became of it; `what` names it for people.
pub(super) fn give(
    at: &Where,
    layers: &Layers,
    what: &str,
    document: Map<String, Value>,
) -> Result<ExitCode, Failure> {
    let document = Value::Object(document);
    let fate = match at.target.place()? {
        Place::Log(dir) => {
            let now_ms = now_ms();
            let arrival = Arrival { stamp_ms: Some(now_ms), door_now_ms: now_ms };
            let command = command_of(&document, arrival)
                .map_err(|refusal| format!("{} ({})", refusal.detail, refusal.reason))?;
            let config = session::config(layers)?;
            let settings = session::settings(&config, OutcomeDetail::Counts);
            let bounds =
                EngineSettings { pending_bytes: PENDING_BYTES, pending_requests: PENDING_REQUESTS };
            let body = config.configuration();
            let engine = Engine::open(&dir, &settings, bounds, &body, Configure::Keep, ())?;
            let handle = engine.handle();
            let mut intake = handle.intake();
            intake.take_command(1, &command, document.to_string().as_bytes());
            let told = handle.settle(intake);
            engine.close()?;
            let line = told?.lines.into_iter().next().ok_or("the writer told of no outcome")?;
            Fate { outcome: line.outcome.into(), reason: line.reason, detail: line.detail }
        }
        #[cfg(feature = "service")]
        Place::Service(client) => {
            let told = client.command(&document)?;
            Fate { outcome: told.outcome, reason: told.reason, detail: told.detail }
        }
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    };
    tell(at, what, &document, &fate)
}

fn tell(at: &Where, what: &str, document: &Value, fate: &Fate) -> Result<ExitCode, Failure> {
    let refused = fate.outcome == "rejected";
    if at.json {
        let mut told = json!({ "pool": document["pool"], "tenant": document["tenant"] });
        for name in ["task", "agent"] {
            if let Some(id) = document.get(name) {
                told[name] = id.clone();
            }
        }
        told["outcome"] = fate.outcome.as_str().into();
        told["reason"] = json!(fate.reason.map(|reason| reason.as_str()));
        told["detail"] = json!(fate.detail);
        say::json(&told)?;
    } else {
        let mut text = format!("{what}: {}", fate.outcome);
        if let Some(reason) = fate.reason.filter(|_| refused) {
            text.push_str(&format!(" ({reason})"));
        }
        if let Some(detail) = &fate.detail {
            text.push_str(&format!(": {detail}"));
        }
        say::text(&format!("{}\n", output::cell(&text)))?;
    }
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Asks about one pool: `local` a directory's, and a service by path and query.
pub(super) fn ask(
    at: &InPool,
    path: &[&str],
    query: Vec<(&str, String)>,
    local: impl FnOnce(&Pool) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    match &at.at.target.source()? {
        Source::Log(store) => {
            let found = query::pool(store, &at.at.tenant, &at.pool, local)?;
            found.unwrap_or_else(|| Err(unknown_pool(store, at)))
        }
        #[cfg(feature = "service")]
        Source::Service(client) => {
            let mut whole = vec![("tenant", at.at.tenant.clone())];
            if path.first() != Some(&"pools") {
                whole.push(("pool", at.pool.clone()));
            }
            whole.extend(query);
            Ok(client.fleet(path, &whole)?)
        }
        #[cfg(not(feature = "service"))]
        Source::Service(none) => {
            let (_, _) = (path, query);
            match *none {}
        }
    }
}

fn unknown_pool(store: &zeitgeber::store::Store, at: &InPool) -> Failure {
    let known = query::pools(store, &at.at.tenant, |pool| pool.name.clone()).unwrap_or_default();
    let known = match known.as_slice() {
        [] => "it has none: `zeitgeber pools set` makes one".to_owned(),
        names => format!("it has {}", names.join(", ")),
    };
    format!("no pool {:?} in this log; {known}", at.pool).into()
}

/// Every pool of a tenant.
pub(super) fn all(at: &Where, view: impl Fn(&Pool) -> Value) -> Result<Value, Failure> {
    match &at.target.source()? {
        Source::Log(store) => {
            let pools = query::pools(store, &at.tenant, view)?;
            Ok(json!({ "pools": pools, "more": false }))
        }
        #[cfg(feature = "service")]
        Source::Service(client) => Ok(client.fleet(&["pools"], &[("tenant", at.tenant.clone())])?),
        #[cfg(not(feature = "service"))]
        Source::Service(none) => match *none {},
    }
}

/// A view as the JSON that the service answers.
pub(super) fn value(view: &impl Serialize) -> Result<Value, Failure> {
    Ok(serde_json::to_value(view)?)
}

/// A value of an answer as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => output::cell(text),
        other => output::cell(&other.to_string()),
    }
}

/// A time of an answer as text.
pub(super) fn time(value: &Value) -> String {
    value.as_i64().map_or_else(|| "-".into(), query::time_text)
}

/// The rows of a list.
pub(super) fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}
