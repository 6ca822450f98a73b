//! How inputs of pools are taken: a body of them, or one that its path names.
//!
//! All go through the one door of [`crate::door::tasks`], so a line sent here and the same line in
//! a file are the same input. What the address says (type, pool, task, agent) is put in before;
//! nothing else is added to an input but its arrival time.

use axum::extract::{FromRequest, Request};
use hyper::body::Body as _;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeitgeber_schemas::Reason;

use super::{
    App, Media, Problem, Received, Sort,
    items::Items,
    outcomes::{self, Carries, settle},
    people::{named, object, refused},
    pools::Home,
    readings::{oversized, turn},
};
use crate::{
    cycle::{LineOutcome, Told},
    door::{
        DEFAULT_TENANT, Refusal,
        tasks::{self, Arrival, PoolInput},
    },
    ingest::now_ms,
};

/// What became of the input.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CommandOutcome {
    /// `accepted`: it counts. `duplicate`: it was so already, and nothing changed.
    #[schema(pattern = "^(accepted|duplicate|queued)$")]
    outcome: &'static str,
}

/// What a request's inputs came to.
pub(super) struct Taken {
    /// What was told of them.
    pub(super) told: Told,
    /// Whether it was one input as such.
    pub(super) carries: Carries,
    /// The last input that could be read.
    pub(super) last: Option<PoolInput>,
}

fn arrival(app: &App) -> Arrival {
    Arrival { stamp_ms: app.stamp_ms(), door_now_ms: now_ms() }
}

/// What stands in for what inputs leave out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left<'a> {
    /// The `type`, and pool and tenant of the address.
    Filled(&'static str, &'a Home),
    /// Nothing: each input is read as it is in a file.
    Out,
}

/// Takes a body of inputs; returns once all are durable.
pub(super) async fn take(app: &App, left: Left<'_>, received: Received) -> Result<Taken, Problem> {
    let received = received.only(&[Media::Json, Media::Ndjson])?;
    let (options, arrival) = (app.options(false), arrival(app));
    let mut intake = app.engine().intake();
    let limit = app.line_bytes_max();
    let mut last = None;
    let (items, carries) = Items::of(received.media, &received.bytes)?;
    for (item, number) in items.zip(1..) {
        if item.len() > limit {
            oversized(&mut intake, number, item, &options, limit);
        } else {
            let (command, completed) = read(item, left, arrival);
            let raw = completed.as_ref().map_or(item, String::as_bytes);
            match command {
                Ok(command) => {
                    intake.take_command(number, &command, raw);
                    last = Some(command);
                }
                Err(mut refusal) => {
                    refusal.recv_ts = refusal.recv_ts.or(options.stamp_ms);
                    intake.refused_bytes(number, &refusal, raw);
                }
            }
        }
        turn(number).await;
    }
    let mut told = settle(app, Sort::Tasks, intake).await?;
    if matches!(left, Left::Out) {
        as_of_a_file(&mut told);
    }
    Ok(Taken { told, carries, last })
}

/// What changed nothing is told as a repeat, which is what it is of a file.
fn as_of_a_file(told: &mut Told) {
    told.counts.repeats += std::mem::take(&mut told.counts.idle);
    for line in told.lines.iter_mut().filter(|line| line.is_idle) {
        *line = LineOutcome::refused(line.line, None, None, Reason::Duplicate);
    }
}

/// One input, and its text where something of the address had to be put in.
fn read(
    item: &[u8],
    left: Left<'_>,
    arrival: Arrival,
) -> (Result<PoolInput, Box<Refusal>>, Option<String>) {
    let Left::Filled(kind, home) = left else {
        return (tasks::command(item, arrival), None);
    };
    let Ok(Value::Object(mut object)) = serde_json::from_slice(item) else {
        return (tasks::command(item, arrival), None);
    };
    let said = object.len();
    for (key, value) in [("type", kind), ("pool", &home.pool), ("tenant", &home.tenant)] {
        // What goes without saying is not put in: an input that says all else keeps its bytes.
        if (key, value) != ("tenant", DEFAULT_TENANT) {
            object.entry(key).or_insert_with(|| value.into());
        }
    }
    let completed = object.len() > said;
    let value = Value::Object(object);
    let text = completed.then(|| value.to_string());
    (tasks::command_of(&value, arrival), text)
}

/// Takes the one input that a path names: what `kind` does to the task or agent of this id.
pub(super) async fn command(
    app: &App,
    home: &Home,
    kind: &str,
    whom: Option<(&str, &str)>,
    Fields(mut fields): Fields,
) -> Result<axum::Json<CommandOutcome>, Problem> {
    named(&mut fields, "type", kind)?;
    named(&mut fields, "pool", &home.pool)?;
    named(&mut fields, "tenant", &home.tenant)?;
    if let Some((key, id)) = whom {
        named(&mut fields, key, id)?;
    }
    let value = Value::Object(fields);
    let command = tasks::command_of(&value, arrival(app)).map_err(|refusal| refused(&refusal))?;
    let line = value.to_string();
    app.check_line(&line)?;
    let mut intake = app.engine().intake();
    intake.take_command(1, &command, line.as_bytes());
    let told = settle(app, Sort::Tasks, intake).await?;
    match told.lines.into_iter().next() {
        Some(LineOutcome { outcome: "rejected", detail: None, reason, .. }) => {
            // The same was refused before. The reason is of now, and so must be what is told.
            let stands = home.standing(app, whom).await?;
            let line = LineOutcome::refused(1, None, None, reason.unwrap_or(Reason::Conflict));
            Err(outcomes::refused(&LineOutcome { detail: stands, ..line }))
        }
        Some(line) if line.outcome == "rejected" => Err(outcomes::refused(&line)),
        line => {
            let outcome = line.map_or("accepted", |line| line.outcome);
            Ok(axum::Json(CommandOutcome { outcome }))
        }
    }
}

/// The fields of a JSON object; a request without a body, or with `null`, has none.
pub(super) struct Fields(pub(super) Map<String, Value>);

impl FromRequest<App> for Fields {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        app.check_running()?;
        if request.body().is_end_stream() {
            return Ok(Self(Map::new()));
        }
        let received = Received::from_request(request, app).await?.only(&[Media::Json])?;
        if received.bytes.trim_ascii() == b"null" {
            return Ok(Self(Map::new()));
        }
        object(&received.bytes).map(Self)
    }
}
