//! Agents: they register, show that they live, and go.

use axum::{
    Json, Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::tasks::Pool;

use super::{
    App, Id, Kind, Params, Problem, ProblemBody, Received, Scope,
    commands::{CommandOutcome, Fields, Left, command, take},
    extract::{default_tenant, limit, place},
    listed::{Listed, written},
    onward::Queued,
    outcomes::{Outcomes, answer},
    pools::{Home, InPool, ROWS, ROWS_MAX, default_pool, json},
};

#[derive(OpenApi)]
#[openapi(paths(post_agents, get_agents, get_agent, post_heartbeat, post_drain, post_leave))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let ingest = Router::new()
        .route("/v1/agents", post(post_agents))
        .route("/v1/agents/{id}/heartbeat", post(post_heartbeat))
        .route("/v1/agents/{id}/drain", post(post_drain))
        .route("/v1/agents/{id}/leave", post(post_leave));
    let read =
        Router::new().route("/v1/agents", get(get_agents)).route("/v1/agents/{id}", get(get_agent));
    app.scoped(Scope::Ingest, ingest).merge(app.scoped(Scope::Read, read))
}

/// An agent, or a list of whatever; each item of a list has an outcome of its own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Registrations)]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum Body {
    One(Registration),
    Many(Vec<serde_json::Value>),
}

/// What an agent says of itself.
#[derive(Serialize, ToSchema)]
struct Registration {
    /// Its id within the pool. The same again changes what it says of itself.
    #[schema(min_length = 1, max_length = 256)]
    agent: String,
    /// What it can do.
    #[schema(required = false, nullable = false, max_items = 16)]
    capabilities: Option<Vec<Name>>,
    /// Tasks that it takes at a time; 1 where it is not given.
    #[schema(minimum = 1, maximum = 256)]
    capacity: Option<u32>,
    /// Anything for people: names and texts, at most 32.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Name>>)]
    labels: Option<()>,
    /// `basic` (which holds where it is not given) or `advanced`.
    #[schema(pattern = "^(basic|advanced)$")]
    tier: Option<String>,
    /// Its share under the policy `weighted`; 1 where it is not given.
    #[schema(minimum = 0.001, maximum = 1000000000)]
    weight: Option<f64>,
    /// Its quotas under the policy `resource_fit`.
    resources: Option<Amounts>,
}

/// A capability, or what a label says.
#[derive(Serialize, ToSchema)]
#[schema(min_length = 1, max_length = 256)]
pub(super) struct Name(String);

/// Quotas of an agent, or needs of a task; 0 where one is not given.
#[derive(Serialize, ToSchema)]
pub(super) struct Amounts {
    /// Thousandths of a processor.
    #[schema(maximum = 4294967295_u32)]
    cpu_milli: Option<u32>,
    /// Memory, MiB.
    #[schema(maximum = 4294967295_u32)]
    memory_mib: Option<u32>,
    /// Graphics processors.
    #[schema(maximum = 4294967295_u32)]
    gpu: Option<u32>,
}

/// Register agents
///
/// The first one opens its pool. Registering again is how an agent comes back and changes what it
/// says of itself; the same again counts as a heartbeat.
#[utoipa::path(post, path = "/v1/agents", tag = "tasks", params(InPool),
    request_body(description = "Agents.", content(
        (Body = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 202, description = "A bus keeps them until they are decided on.", body = Queued),
        (status = 404, description = "The one input names a pool, task or agent that is not known.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The one input does not go with what stands already.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The one agent was refused.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_agents(
    State(app): State<App>,
    Params(home): Params<InPool>,
    received: Received,
) -> Result<Response, Problem> {
    let home = home.checked()?;
    let taken = take(&app, Left::Filled("register", &home), received).await?;
    answer(&taken.told, taken.carries)
}

/// A sign of life.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Heartbeat {
    /// How busy it feels, for people.
    load: Option<f64>,
    /// The leases that it still works on. A task that it started and does not name is taken from
    /// it; where none are told, nothing is taken.
    #[schema(required = false, max_items = 256)]
    leases: Option<Vec<u64>>,
}

/// Show that an agent lives
#[utoipa::path(post, path = "/v1/agents/{id}/heartbeat", tag = "tasks",
    params(("id" = String, Path, description = "The agent.", min_length = 1, max_length = 256),
           InPool),
    request_body(content = Option<Heartbeat>, content_type = "application/json"),
    responses(
        (status = 200, description = "It is heard of.", body = CommandOutcome),
        (status = 404, description = "No such pool, or no such agent in it: register first.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "A lease that it names is not in force.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_heartbeat(
    State(app): State<App>,
    Id(agent): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "heartbeat", Some(("agent", &agent)), fields).await
}

/// Let an agent drain
///
/// It gets no more tasks and finishes those that it has started; the others go to other agents.
#[utoipa::path(post, path = "/v1/agents/{id}/drain", tag = "tasks",
    params(("id" = String, Path, description = "The agent.", min_length = 1, max_length = 256),
           InPool),
    responses(
        (status = 200, description = "It drains.", body = CommandOutcome),
        (status = 404, description = "No such pool, or no such agent in it.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_drain(
    State(app): State<App>,
    Id(agent): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "drain", Some(("agent", &agent)), fields).await
}

/// Let an agent leave
///
/// Its tasks go to other agents.
#[utoipa::path(post, path = "/v1/agents/{id}/leave", tag = "tasks",
    params(("id" = String, Path, description = "The agent.", min_length = 1, max_length = 256),
           InPool),
    responses(
        (status = 200, description = "It is gone.", body = CommandOutcome),
        (status = 404, description = "No such pool, or no such agent in it.",
         body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_leave(
    State(app): State<App>,
    Id(agent): Id,
    Params(home): Params<InPool>,
    fields: Fields,
) -> Result<Json<CommandOutcome>, Problem> {
    command(&app, &home.checked()?, "leave", Some(("agent", &agent)), fields).await
}

/// Which agents.
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
    /// Those behind this one: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,9}$", nullable = false)]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Some agents.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written one by one")]
struct Agents {
    /// In the order in which they joined.
    agents: Vec<Agent>,
    /// The `after` of the next page; null: there is nothing more now.
    #[schema(required = true)]
    next: Option<String>,
}

/// An agent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what the state writes")]
struct Agent {
    /// Its id within the pool.
    id: String,
    /// The pool.
    pool: String,
    /// The tenant.
    tenant: String,
    /// `healthy`, `late`, `lost`, `draining` or `left`.
    #[schema(pattern = "^(healthy|late|lost|draining|left)$")]
    health: String,
    /// What it says of itself.
    #[schema(value_type = Object)]
    profile: (),
    /// How busy it feels.
    #[schema(required = true)]
    load: Option<f64>,
    /// When it joined, ms UTC.
    joined_ms: i64,
    /// When it was last heard of, as far as that is stored, ms UTC.
    seen_ms: i64,
    /// Tasks that it has.
    holds: u64,
    /// Tasks done.
    completed: u64,
    /// Attempts failed.
    failed: u64,
    /// Outcomes that were learnt from, and their mean reward.
    #[schema(value_type = Object)]
    learnt: (),
    /// The newest changes of its health: when, and to what.
    #[schema(value_type = Vec<Object>)]
    history: (),
}

/// The agents of a pool
///
/// In the order in which they joined, page by page.
#[utoipa::path(get, path = "/v1/agents", tag = "tasks", params(Which),
    responses(
        (status = 200, description = "One page.", body = Agents),
        (status = 404, description = "No such pool.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_agents(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let limit = limit(which.limit, ROWS, ROWS_MAX)?;
    let home = Home::of(which.tenant, which.pool)?;
    let after = place(which.after.as_deref())?;
    home.ask(&app, move |pool, _| list(pool, after, limit)).await.map(json)
}

fn list(pool: &Pool, after: Option<u32>, limit: usize) -> Vec<u8> {
    let first = after.map_or(0, |after| after.saturating_add(1));
    let rest = pool.agents().get(first as usize..).unwrap_or_default();
    let views = rest.iter().map(|agent| pool.agent_view(agent));
    Listed::page("agents", limit, (first..).zip(views))
}

/// An agent
#[utoipa::path(get, path = "/v1/agents/{id}", tag = "tasks",
    params(("id" = String, Path, description = "The agent.", min_length = 1, max_length = 256),
           InPool),
    responses(
        (status = 200, description = "The agent.", body = Agent),
        (status = 404, description = "No such pool, or no such agent in it.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_agent(
    State(app): State<App>,
    Id(id): Id,
    Params(home): Params<InPool>,
) -> Result<Response, Problem> {
    let asked = id.clone();
    let home = home.checked()?;
    let found = home
        .ask(&app, move |pool, _| pool.agent(&asked).map(|agent| written(&pool.agent_view(agent))));
    found.await?.map(json).ok_or_else(|| {
        let detail = format!("agent {id:?} is not known: let it register first");
        Problem::new(Kind::UnknownAgent, detail)
    })
}
