//! What an agent is to do: asked for, and waited for, by the agent itself.
//!
//! - ASSIGNMENTS-1: what is told is durable, and was in force when it was told. Whether it still is
//!   the lease decides, when the agent starts or tells the result.
//! - ASSIGNMENTS-2: an agent that waits hears of every assignment made after it asked: it listens
//!   before it asks the state.

use std::time::Duration;

use axum::{Router, extract::State, response::Response, routing::get};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::tasks::{Pool, TaskState};

use super::{
    App, Id, Kind, Params, Problem, ProblemBody, Scope,
    extract::default_tenant,
    listed::Listed,
    pools::{Home, default_pool, json},
};
use crate::query::Assignment;

/// Longest wait, ms.
const WAIT_MAX_MS: u64 = 60_000;

#[derive(OpenApi)]
#[openapi(paths(get_assignments))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new().route("/v1/agents/{id}/assignments", get(get_assignments));
    app.scoped(Scope::Read, read)
}

/// How to ask.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct How {
    /// The pool; `default` where it is not given.
    #[serde(default = "default_pool")]
    #[param(min_length = 1, max_length = 256, required = false)]
    pool: String,
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
    /// How long to wait where there is nothing to do, ms.
    #[serde(default)]
    #[param(minimum = 0, maximum = 60000, required = false)]
    wait_ms: u64,
    /// Also what the agent has started: what it left off at where it begins anew.
    #[serde(default)]
    #[param(required = false)]
    started: bool,
}

/// What an agent is to do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written one by one")]
struct Assignments<'a> {
    /// Oldest first. Where they are large, the rest comes once these are started.
    assignments: Vec<Assignment<'a>>,
}

/// What an agent has now.
struct Found {
    pool: u64,
    is_empty: bool,
    text: Vec<u8>,
}

fn found(pool: &Pool, number: u64, agent: &str, started: bool) -> Option<Found> {
    pool.agent(agent)?;
    let mut list = Listed::new("assignments");
    for held in pool.assignments(agent) {
        let wanted = started || held.task.state == TaskState::Assigned;
        // What does not fit any more comes with the next answer.
        if wanted && !list.push(&Assignment::from(held)) {
            break;
        }
    }
    let is_empty = list.is_empty();
    Some(Found { pool: number, is_empty, text: list.finish() })
}

async fn ask(app: &App, home: &Home, agent: &str, started: bool) -> Result<Found, Problem> {
    let id = agent.to_owned();
    let answer = home.ask(app, move |pool, number| found(pool, number, &id, started));
    answer.await?.ok_or_else(|| {
        let detail = format!("agent {agent:?} is not known: let it register first");
        Problem::new(Kind::UnknownAgent, detail)
    })
}

/// What an agent is to do
///
/// What it has and has not started, at once; where that is nothing, as soon as a task is assigned
/// to it, or an empty list after `wait_ms`. Asking again gives the same until it starts, ends or
/// loses them.
#[utoipa::path(get, path = "/v1/agents/{id}/assignments", tag = "tasks",
    params(("id" = String, Path, description = "The agent.", min_length = 1, max_length = 256),
           How),
    responses(
        (status = 200, description = "Durable assignments with their leases.", body = Assignments),
        (status = 404, description = "No such pool, or no such agent in it.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_assignments(
    State(app): State<App>,
    Id(agent): Id,
    Params(how): Params<How>,
) -> Result<Response, Problem> {
    if how.wait_ms > WAIT_MAX_MS {
        let detail = format!("`wait_ms` is {}; it must be 0 to {WAIT_MAX_MS}", how.wait_ms);
        return Err(Problem::new(Kind::Malformed, detail));
    }
    let until = Instant::now() + Duration::from_millis(how.wait_ms);
    let started = how.started;
    let home = Home::of(how.tenant, how.pool)?;
    let mut found = ask(&app, &home, &agent, started).await?;
    if !found.is_empty || how.wait_ms == 0 {
        return Ok(json(found.text));
    }
    let waiter = app.waiters().wait(home.partition(&app), found.pool, &agent).ok_or_else(|| {
        Problem::new(Kind::Busy, "as many agents wait as may; try again in a moment")
    })?;
    loop {
        let news = waiter.news();
        found = ask(&app, &home, &agent, started).await?;
        if !found.is_empty {
            return Ok(json(found.text));
        }
        tokio::select! {
            () = news => {}
            () = sleep_until(until) => return Ok(json(found.text)),
            () = app.stopping() => return Ok(json(found.text)),
        }
    }
}
