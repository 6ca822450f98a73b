//! Where tasks stand: of a pool's state, and of the log where the pool has forgotten one.

use axum::{Router, extract::State, response::Response, routing::get};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::tasks::{Pool, TaskState};

use super::{
    App, Id, Kind, Params, Problem, ProblemBody, Scope,
    extract::{default_tenant, limit, place},
    listed::{Listed, written},
    pools::{Home, InPool, ROWS, ROWS_MAX, default_pool, json as as_json},
};
use crate::query::{self, PoolPlace, Subject, TaskRow};

#[derive(OpenApi)]
#[openapi(paths(get_tasks, get_task))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read =
        Router::new().route("/v1/tasks", get(get_tasks)).route("/v1/tasks/{id}", get(get_task));
    app.scoped(Scope::Read, read)
}

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The pool; `default` where it is not given.
    #[serde(default = "default_pool")]
    #[param(min_length = 1, max_length = 256, required = false)]
    pool: String,
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
    /// Those in this state.
    #[param(value_type = Option<String>)]
    state: Option<TaskState>,
    /// Those behind this one: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,9}$", nullable = false)]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Some tasks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written one by one")]
struct Tasks<'a> {
    /// In a stable order, which is not that of submission.
    tasks: Vec<TaskRow<'a>>,
    /// The `after` of the next page; null: there is nothing more now.
    #[schema(required = true)]
    next: Option<String>,
}

/// The tasks of a pool
///
/// Those that it remembers: all that are not finished, and the finished ones up to its bound; page
/// by page. A task that stays as it is between two pages stands in one of them.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks", params(Which),
    responses(
        (status = 200, description = "One page.", body = Tasks),
        (status = 404, description = "No such pool.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_tasks(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let (limit, state) = (limit(which.limit, ROWS, ROWS_MAX)?, which.state);
    let after = place(which.after.as_deref())?;
    let home = Home::of(which.tenant, which.pool)?;
    let found = home.ask(&app, move |pool, _| {
        let rows = pool.tasks_behind(after).map(|(at, task)| (at, TaskRow::from(task)));
        let wanted = rows.filter(|(_, row)| state.is_none_or(|state| row.state == state));
        Listed::page("tasks", limit, wanted)
    });
    found.await.map(as_json)
}

/// A task. One that the pool does not remember any more has `id`, `pool`, `tenant`, `state`,
/// `submitted_ms`, `forgotten` and its newest `events`, read from the log.
#[derive(ToSchema)]
#[schema(as = Task)]
#[expect(dead_code, reason = "it describes what the state writes")]
struct View {
    /// Its id within the pool.
    id: String,
    /// The pool.
    pool: String,
    /// The tenant.
    tenant: String,
    /// Where it stands.
    #[schema(pattern = "^(queued|waiting|assigned|started|completed|failed|cancelled|expired)$")]
    state: String,
    /// When it was submitted, ms UTC.
    submitted_ms: i64,
    /// Its priority now.
    #[schema(required = false, nullable = false)]
    priority: Option<String>,
    /// What was asked; inline content of a finished task is dropped.
    #[schema(required = false, nullable = false, value_type = Object)]
    task: Option<()>,
    /// When it expires unless finished, ms UTC.
    #[schema(required = false, nullable = false)]
    deadline_ms: Option<i64>,
    /// When it is tried again, ms UTC, while it waits for that.
    retry_at_ms: Option<i64>,
    /// Failed attempts so far.
    #[schema(required = false, nullable = false)]
    failures: Option<u32>,
    /// The attempt in force: the agent and its lease.
    #[schema(value_type = Option<Object>)]
    assignment: Option<()>,
    /// The newest attempts, each with its agent, lease and end.
    #[schema(required = false, nullable = false, value_type = Vec<Object>)]
    attempts: Option<()>,
    /// The newest transitions: when, and to which state.
    #[schema(required = false, nullable = false, value_type = Vec<Object>)]
    transitions: Option<()>,
    /// What an agent told last.
    #[schema(value_type = Option<Object>)]
    outcome: Option<()>,
    /// Whether it was read from the log.
    #[schema(required = false, nullable = false)]
    forgotten: Option<bool>,
    /// Its newest events, where it was.
    #[schema(required = false, nullable = false, value_type = Vec<Object>)]
    events: Option<()>,
}

/// What the state tells of a task.
enum Found {
    Task(Vec<u8>),
    /// It may have been forgotten.
    Perhaps(u64),
    Never,
}

/// A task
///
/// With its attempts, transitions and outcome. A finished one that the pool does not remember any
/// more is looked up in the log.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "tasks",
    params(("id" = String, Path, description = "The task.", min_length = 1, max_length = 256),
           InPool),
    responses(
        (status = 200, description = "The task.", body = View),
        (status = 404, description = "No such pool, or no such task in it.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_task(
    State(app): State<App>,
    Id(id): Id,
    Params(home): Params<InPool>,
) -> Result<Response, Problem> {
    let home = home.checked()?;
    let asked = id.clone();
    let found = home.ask(&app, move |pool, number| match pool.task(&asked) {
        Some(task) => Found::Task(written(&pool.task_view(task))),
        None if forgot(pool) => Found::Perhaps(number),
        None => Found::Never,
    });
    match found.await? {
        Found::Task(text) => Ok(as_json(text)),
        Found::Perhaps(number) => from_log(&app, &home, number, id).await,
        Found::Never => Err(unknown(&id)),
    }
}

/// Whether the pool has forgotten a task so far.
fn forgot(pool: &Pool) -> bool {
    pool.submitted() > pool.tasks_by_state().map(|(_, count)| count).sum()
}

fn unknown(id: &str) -> Problem {
    Problem::new(Kind::UnknownTask, format!("no task {id:?} was submitted to the pool"))
}

async fn from_log(app: &App, home: &Home, number: u64, id: String) -> Result<Response, Problem> {
    let name = Subject { tenant: home.tenant.clone(), user_id: home.pool.clone() };
    let place = PoolPlace { partition: home.partition(app), number, name };
    let asked = id.clone();
    let read = app.long_read(move |journal, _| query::task_history(journal, &place, &asked));
    let history = read.await?.ok_or_else(|| unknown(&id))?;
    Ok(as_json(written(&json!({
        "id": id, "pool": home.pool, "tenant": home.tenant,
        "state": history.state, "submitted_ms": history.submitted_ms,
        "forgotten": true, "events": history.events,
    }))))
}
