//! Tasks: given, called off, started and done; and where each stands.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header::LOCATION};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::tasks::{Pool, Task, TaskState};
use zeitgeber_schemas::{Priority, TaskInput};

use super::{
    App, Id, Kind, Params, Problem, ProblemBody, Received, Scope,
    agents::{Amounts, Name},
    commands::{CommandOutcome, Fields, command, take},
    extract::{default_tenant, limit},
    outcomes::{Carries, Outcomes, answer},
    pools::{Home, InPool, ROWS, ROWS_MAX, Retry, default_pool, json as as_json, written},
};
use crate::{
    door::tasks::PoolInput,
    query::{self, PoolPlace, Subject},
};

#[derive(OpenApi)]
#[openapi(paths(post_tasks, get_tasks, get_task, post_cancel, post_start, post_result))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let ingest = Router::new()
        .route("/v1/tasks", post(post_tasks))
        .route("/v1/tasks/{id}/cancel", post(post_cancel))
        .route("/v1/tasks/{id}/start", post(post_start))
        .route("/v1/tasks/{id}/result", post(post_result));
    let read =
        Router::new().route("/v1/tasks", get(get_tasks)).route("/v1/tasks/{id}", get(get_task));
    app.scoped(Scope::Ingest, ingest).merge(app.scoped(Scope::Read, read))
}

/// A task, or a list of whatever; each item of a list has an outcome of its own.
#[derive(ToSchema)]
#[schema(as = Submissions)]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum Body {
    #[schema(title = "one")]
    One(Submission),
    #[schema(title = "many")]
    Many(Vec<serde_json::Value>),
}

/// What is to be done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Submission {
    /// Its id within the pool: the same again is a repeat, another content under it a conflict.
    #[schema(min_length = 1, max_length = 256)]
    task: String,
    /// `low`, `normal` (which holds where it is not given), `high` or `critical`.
    #[schema(pattern = "^(low|normal|high|critical)$")]
    priority: Option<String>,
    /// What the agent must be able to do.
    #[schema(required = false, max_items = 16)]
    capabilities: Option<Vec<Name>>,
    /// Context for the policy `linucb`: at most 16 numbers, -1e9 to 1e9.
    #[schema(required = false, max_items = 16)]
    features: Option<Vec<Number>>,
    /// Score for the policy `threshold`.
    #[schema(minimum = -1000000000, maximum = 1000000000)]
    complexity: Option<f64>,
    /// When it expires unless finished, ms UTC: in the future, within a year.
    deadline_ms: Option<i64>,
    /// How long an attempt may take, ms.
    #[schema(minimum = 1, maximum = 31536000000_i64)]
    timeout_ms: Option<i64>,
    /// When it is tried again.
    retry: Option<Retry>,
    /// What it takes of an agent's quotas.
    needs: Option<Amounts>,
    /// What it is about.
    payload: Option<Content>,
}

/// A number of a task's context.
#[derive(ToSchema)]
#[schema(minimum = -1000000000, maximum = 1000000000)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Number(f64);

/// Content of a task or a result: by reference, or inline.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Content {
    /// Its media type.
    #[schema(max_length = 256)]
    content_type: Option<String>,
    /// Where it is.
    #[schema(max_length = 16384)]
    reference: Option<String>,
    /// The content itself: text, or any JSON, which is kept as its text; at most 64 KiB.
    inline: Option<serde_json::Value>,
}

/// Submit tasks
///
/// Answered when all of them are durable. A line of NDJSON, or an item of an array, has an outcome
/// of its own, and may be any input of a pool by its `type`, as `zeitgeber ingest --as tasks` reads
/// them; without one it is a task. One new task is answered by 201 and its address.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks", params(InPool),
    request_body(description = "Tasks.", content(
        (Body = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 201, description = "The one task is new.", body = Outcomes,
         headers(("location" = String, description = "Its address."))),
        (status = 404, description = "The one input names a pool, task or agent that is not known.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The one task was submitted before with another content.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The one task was refused.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_tasks(
    State(app): State<App>,
    Params(home): Params<InPool>,
    received: Received,
) -> Result<Response, Problem> {
    let taken = take(&app, &home.checked()?, received, "submit").await?;
    let mut response = answer(&taken.told, taken.carries)?;
    let is_new = taken.told.lines.first().is_some_and(|line| line.outcome == "accepted");
    if let (Carries::One, true, Some(input)) = (taken.carries, is_new, &taken.last)
        && matches!(input.body, TaskInput::Task(_))
    {
        *response.status_mut() = StatusCode::CREATED;
        response.headers_mut().insert(LOCATION, address(input));
    }
    Ok(response)
}

/// Where a task is asked for.
fn address(input: &PoolInput) -> HeaderValue {
    let PoolInput { tenant, pool, id, .. } = input;
    let [tenant, pool, id] = [tenant, pool, id].map(|text| encoded(text));
    let address = format!("/v1/tasks/{id}?pool={pool}&tenant={tenant}");
    HeaderValue::try_from(address).expect("what is encoded is plain")
}

/// Text as a part of an address (RFC 3986).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Why a task is called off.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Cancel {
    /// Why, for people.
    #[schema(max_length = 256)]
    why: Option<String>,
}

/// Call a task off
///
/// Whatever it is doing. An agent that works on it learns so when it tells the result.
#[utoipa::path(post, path = "/v1/tasks/{id}/cancel", tag = "tasks",
    params(("id" = String, Path, description = "The task.", min_length = 1, max_length = 256),
           InPool),
    request_body(content = Cancel, content_type = "application/json"),
    responses(
        (status = 200, description = "It is called off.", body = CommandOutcome),
        (status = 404, description = "No such pool, or no such task in it (any more).",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is finished already.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_cancel(
    State(app): State<App>,
    Id(task): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<axum::Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "cancel", Some(("task", &task)), fields).await
}

/// Who starts a task.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Start {
    /// The agent.
    #[schema(min_length = 1, max_length = 256)]
    agent: String,
    /// The lease under which it has the task.
    lease: u64,
}

/// Begin to work on a task
#[utoipa::path(post, path = "/v1/tasks/{id}/start", tag = "tasks",
    params(("id" = String, Path, description = "The task.", min_length = 1, max_length = 256),
           InPool),
    request_body(content = Start, content_type = "application/json"),
    responses(
        (status = 200, description = "It is started.", body = CommandOutcome),
        (status = 404, description = "No such pool, task or agent (any more).",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The lease is not in force: leave the task alone. The detail \
                                      says who has it, or how it ended.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_start(
    State(app): State<App>,
    Id(task): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<axum::Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "start", Some(("task", &task)), fields).await
}

/// What came of an attempt.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Outcome {
    /// The agent.
    #[schema(min_length = 1, max_length = 256)]
    agent: String,
    /// The lease under which it has the task.
    lease: u64,
    /// Whether it was done. Where it was not, it is tried again, or given up after its last try.
    success: bool,
    /// What went wrong, for people.
    #[schema(max_length = 16384)]
    error: Option<String>,
    /// How long it took, ms; since the assignment where it is not given.
    #[schema(minimum = 0, maximum = 31536000000_i64)]
    latency_ms: Option<i64>,
    /// What it cost, in units of the pool's.
    #[schema(minimum = 0, maximum = 1000000000)]
    cost: Option<f64>,
    /// How good it is.
    #[schema(minimum = 0, maximum = 1)]
    quality: Option<f64>,
    /// What came out.
    output: Option<Content>,
}

/// Tell what came of an attempt
///
/// The same again is a duplicate. A result under a lease that is not in force changes nothing.
#[utoipa::path(post, path = "/v1/tasks/{id}/result", tag = "tasks",
    params(("id" = String, Path, description = "The task.", min_length = 1, max_length = 256),
           InPool),
    request_body(content = Outcome, content_type = "application/json"),
    responses(
        (status = 200, description = "It counts, durably.", body = CommandOutcome),
        (status = 404, description = "No such pool, task or agent (any more).",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The lease is not in force: the result is not wanted. The \
                                      detail says who has the task, or how it ended.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_result(
    State(app): State<App>,
    Id(task): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<axum::Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "result", Some(("task", &task)), fields).await
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
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Some tasks.
#[derive(Debug, Serialize, ToSchema)]
struct Tasks {
    /// In a stable order, which is not that of submission.
    tasks: Vec<Row>,
    /// Whether there are more.
    more: bool,
}

/// A task in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskRow)]
struct Row {
    /// Its id within the pool.
    id: String,
    /// Where it stands.
    #[schema(value_type = String)]
    state: TaskState,
    /// Its priority now.
    #[schema(value_type = String)]
    priority: Priority,
    /// When it was submitted, ms UTC.
    submitted_ms: i64,
    /// When it expires unless finished, ms UTC.
    deadline_ms: i64,
    /// Failed attempts so far.
    failures: u32,
    /// The agent that has it.
    #[schema(required = true)]
    agent: Option<String>,
    /// The lease under which that agent has it.
    #[schema(required = true)]
    lease: Option<u64>,
}

impl Row {
    fn of(task: &Task) -> Self {
        let held = task.current();
        Self {
            id: task.id.clone(),
            state: task.state,
            priority: task.priority,
            submitted_ms: task.submitted_ms,
            deadline_ms: task.deadline_ms,
            failures: task.failures,
            agent: held.map(|attempt| attempt.agent.clone()),
            lease: held.map(|attempt| attempt.lease),
        }
    }
}

/// The tasks of a pool
///
/// Those that it remembers: all that are not finished, and the finished ones up to its bound.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks", params(Which),
    responses(
        (status = 200, description = "Some of the pool's tasks.", body = Tasks),
        (status = 404, description = "No such pool.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_tasks(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Tasks>, Problem> {
    let (limit, state) = (limit(which.limit, ROWS, ROWS_MAX)?, which.state);
    let home = Home::of(which.tenant, which.pool)?;
    let found = home.ask(&app, move |pool, _| {
        let wanted = pool.tasks().filter(|task| state.is_none_or(|state| task.state == state));
        let mut tasks: Vec<Row> = wanted.take(limit + 1).map(Row::of).collect();
        let more = tasks.len() > limit;
        tasks.truncate(limit);
        Tasks { tasks, more }
    });
    found.await.map(axum::Json)
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
