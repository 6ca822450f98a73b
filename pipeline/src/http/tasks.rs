//! Tasks: submitted, called off, started and done.
//!
//! Where they stand is told by [`super::task_views`].

use axum::{Router, extract::State, response::Response, routing::post};
use http::{HeaderValue, StatusCode, header::LOCATION};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_schemas::TaskInput;

use super::{
    App, Id, Params, Problem, ProblemBody, Received, Scope,
    agents::{Amounts, Name},
    commands::{CommandOutcome, Fields, Left, command, take},
    extract::default_tenant,
    onward::Queued,
    outcomes::{Carries, Outcomes, answer},
    pools::{Home, InPool, Retry, default_pool},
};
use crate::door::tasks::PoolInput;

#[derive(OpenApi)]
#[openapi(paths(post_tasks, post_cancel, post_start, post_result))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let ingest = Router::new()
        .route("/v1/tasks", post(post_tasks))
        .route("/v1/tasks/{id}/cancel", post(post_cancel))
        .route("/v1/tasks/{id}/start", post(post_start))
        .route("/v1/tasks/{id}/result", post(post_result));
    app.scoped(Scope::Ingest, ingest)
}

/// A task, or a list of whatever; each item of a list has an outcome of its own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Submissions)]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum Body {
    One(Box<Submission>),
    Many(Vec<serde_json::Value>),
}

/// What is to be done.
#[derive(Serialize, ToSchema)]
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
#[derive(Serialize, ToSchema)]
#[schema(minimum = -1000000000, maximum = 1000000000)]
struct Number(f64);

/// Content of a task or a result: by reference, or inline.
#[derive(Serialize, ToSchema)]
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

/// How inputs are taken.
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
    /// Each input is taken as it is from a file: nothing of the address stands in for a `type` or a
    /// `pool` that it leaves out, and one that changes nothing is a repeat.
    #[serde(default)]
    #[param(required = false)]
    as_sent: bool,
}

/// Submit tasks
///
/// Answered when all of them are durable. A line of NDJSON, or an item of an array, has an outcome
/// of its own, and may be any input of a pool by its `type`, as `zeitgeber ingest --as tasks` reads
/// them; without one it is a task, unless it is taken `as_sent`. One new task is answered by 201 and its address.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks", params(How),
    request_body(description = "Tasks.", content(
        (Body = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 202, description = "A bus keeps them until they are decided on.", body = Queued),
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
    Params(how): Params<How>,
    received: Received,
) -> Result<Response, Problem> {
    let home = Home::of(how.tenant, how.pool)?;
    let left = if how.as_sent { Left::Out } else { Left::Filled("submit", &home) };
    let taken = take(&app, left, received).await?;
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
    let [tenant, pool, id] =
        [tenant, pool, id].map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC));
    let address = format!("/v1/tasks/{id}?pool={pool}&tenant={tenant}");
    HeaderValue::try_from(address).expect("what is encoded is plain")
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
    request_body(content = Option<Cancel>, content_type = "application/json"),
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
struct TaskResult {
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
    request_body(content = TaskResult, content_type = "application/json"),
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
