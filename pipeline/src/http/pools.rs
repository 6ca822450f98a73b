//! Pools of agents: which one a request is about, how each works, and how it is doing.

use axum::{Json, Router, extract::State, response::Response, routing::get};
use http::{HeaderValue, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::tasks::Pool;
use zeitgeber_schemas::PartitionId;

use super::{
    App, Id, Kind, Media, Params, Problem, ProblemBody, Received, Scope, Tenant,
    commands::{CommandOutcome, Fields, command},
    extract::{check_id, checked_tenant, default_tenant},
    people::object,
};
use crate::query::PoolView;

/// The pool where none is named.
const DEFAULT_POOL: &str = "default";
/// Most rows of a list of pools, tasks or agents.
pub(super) const ROWS_MAX: usize = 1_000;
/// Rows of such a list, unless asked for otherwise.
pub(super) const ROWS: usize = 100;

#[derive(OpenApi)]
#[openapi(paths(get_pools, get_pool, put_pool))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new().route("/v1/pools", get(get_pools));
    let read = read.route("/v1/pools/{pool}", get(get_pool));
    let ingest = Router::new().route("/v1/pools/{pool}", axum::routing::put(put_pool));
    app.scoped(Scope::Read, read).merge(app.scoped(Scope::Ingest, ingest))
}

/// Which pool.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InPool {
    /// The pool; `default` where it is not given.
    #[serde(default = "default_pool")]
    #[param(min_length = 1, max_length = 256, required = false)]
    pool: String,
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
}

/// The pool where none is given.
pub(super) fn default_pool() -> String {
    DEFAULT_POOL.into()
}

/// A pool within its tenant, both checked.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) tenant: String,
    pub(super) pool: String,
}

impl InPool {
    pub(super) fn checked(self) -> Result<Home, Problem> {
        Home::of(self.tenant, self.pool)
    }
}

impl Home {
    pub(super) fn of(tenant: String, pool: String) -> Result<Self, Problem> {
        check_id("`pool`", &pool)?;
        Ok(Self { tenant: checked_tenant(tenant)?, pool })
    }

    pub(super) fn partition(&self, app: &App) -> PartitionId {
        app.partition_of(&self.tenant, &self.pool)
    }

    /// Asks about the pool, which is given with its number in the partition.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        app: &App,
        question: impl FnOnce(&Pool, u64) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { tenant, pool } = self.clone();
        let found = app.ask(self.partition(app), move |held, _| {
            let state = held.state();
            let number = state.pool_number(&tenant, &pool);
            state.pool_by_number(number).map(|pool| question(pool, number))
        });
        found.await?.ok_or_else(|| {
            let detail = format!(
                "there is no pool {:?}: PUT /v1/pools/ and its name, or register an agent with it",
                self.pool
            );
            Problem::new(Kind::UnknownPool, detail)
        })
    }

    /// Where a task or an agent stands now, in words.
    pub(super) async fn standing(
        &self,
        app: &App,
        whom: Option<(&str, &str)>,
    ) -> Result<Option<String>, Problem> {
        let Some((what, id)) = whom else { return Ok(None) };
        let (is_task, id) = (what == "task", id.to_owned());
        let told = self.ask(app, move |pool, _| {
            if is_task { task_standing(pool, &id) } else { agent_standing(pool, &id) }
        });
        told.await.map(Some)
    }
}

fn task_standing(pool: &Pool, id: &str) -> String {
    let Some(task) = pool.task(id) else {
        return format!("task {id:?} is not known (any more)");
    };
    let state = task.state.as_str();
    match task.current() {
        Some(attempt) => format!(
            "task {id:?} is {state}; lease {} of agent {:?} is in force",
            attempt.lease, attempt.agent
        ),
        None => format!("task {id:?} is {state} and no lease is in force"),
    }
}

fn agent_standing(pool: &Pool, id: &str) -> String {
    let Some(agent) = pool.agent(id) else {
        return format!("agent {id:?} is not known: let it register first");
    };
    let leases: Vec<u64> = pool.assignments(id).map(|held| held.attempt.lease).collect();
    format!("agent {id:?} is {}; its leases in force: {leases:?}", agent.health.as_str())
}

/// JSON that was written where the state is.
pub(super) fn json(text: Vec<u8>) -> Response {
    let mut response = Response::new(text.into());
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}

/// Some pools.
#[derive(Debug, Serialize, ToSchema)]
struct Pools {
    /// By name.
    pools: Vec<PoolView>,
    /// The `after` of the next page; null: there is nothing more now.
    #[schema(required = true)]
    next: Option<String>,
}

/// Which pools.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
    /// Those behind this name: the `next` of the page before.
    #[param(min_length = 1, max_length = 256, nullable = false)]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Which pools there are
///
/// The tenant's, by name, page by page.
#[utoipa::path(get, path = "/v1/pools", tag = "tasks", params(Which),
    responses((status = 200, description = "One page.", body = Pools)),
)]
async fn get_pools(
    State(app): State<App>,
    Params(which): Params<Which>,
) -> Result<Json<Pools>, Problem> {
    let tenant = checked_tenant(which.tenant)?;
    let limit = super::extract::limit(which.limit, ROWS, ROWS_MAX)?;
    if let Some(after) = &which.after {
        check_id("`after`", after)?;
    }
    let mut pools = Vec::new();
    for partition in app.engine().store().partitions() {
        let (tenant, after) = (tenant.clone(), which.after.clone());
        let found = app.ask(partition, move |held, _| {
            let behind = |pool: &&Pool| after.as_ref().is_none_or(|after| pool.name > *after);
            let own = held.state().pools().iter().filter(|pool| pool.tenant == tenant);
            let mut own: Vec<&Pool> = own.filter(behind).collect();
            own.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            own.into_iter().take(limit + 1).map(PoolView::row).collect::<Vec<_>>()
        });
        pools.extend(found.await?);
    }
    pools.sort_unstable_by(|a, b| a.pool.cmp(&b.pool));
    let next = (pools.len() > limit).then(|| pools[limit - 1].pool.clone());
    pools.truncate(limit);
    Ok(Json(Pools { pools, next }))
}

/// A pool: how it works and how it is doing
#[utoipa::path(get, path = "/v1/pools/{pool}", tag = "tasks",
    params(("pool" = String, Path, description = "The pool.", min_length = 1, max_length = 256),
           Tenant),
    responses(
        (status = 200, description = "The pool.", body = PoolView),
        (status = 404, description = "No pool of this name.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_pool(
    State(app): State<App>,
    Id(pool): Id,
    Params(tenant): Params<Tenant>,
) -> Result<Json<PoolView>, Problem> {
    let home = Home::of(tenant.checked()?, pool)?;
    home.ask(&app, |pool, _| PoolView::whole(pool)).await.map(Json)
}

/// A policy by its name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum PolicyName {
    Fifo,
    Priority,
    RoundRobin,
    LeastLoaded,
    Weighted,
    ResourceFit,
    Threshold,
    Linucb,
}

/// How a pool works. What is not given has its default, not what stood before.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Configuration {
    /// Name of this version, for people.
    #[schema(max_length = 64, nullable = false, required = false)]
    version: Option<String>,
    /// `fifo`, `priority`, `round_robin`, `least_loaded`, `weighted`, `resource_fit`, `threshold`
    /// or `linucb`; or an object with `kind` and the policy's parameters.
    #[schema(nullable = false, required = false)]
    policy: Option<PolicyName>,
    /// An agent not heard of for this long is lost, ms.
    #[schema(minimum = 100, maximum = 31536000000_i64, nullable = false, required = false)]
    heartbeat_ttl_ms: Option<i64>,
    /// A task queued for this long rises one priority, ms; null: never.
    #[schema(minimum = 1, maximum = 31536000000_i64)]
    escalate_after_ms: Option<i64>,
    /// How long an attempt may take where the task does not say, ms.
    #[schema(minimum = 1, maximum = 31536000000_i64, nullable = false, required = false)]
    timeout_ms: Option<i64>,
    /// How long after its submission a task without a deadline expires, ms.
    #[schema(minimum = 1, maximum = 31536000000_i64, nullable = false, required = false)]
    time_to_live_ms: Option<i64>,
    /// When a failed task is tried again where it does not say.
    #[schema(nullable = false, required = false)]
    retry: Option<Retry>,
    /// Bounds.
    #[schema(nullable = false, required = false)]
    limits: Option<Limits>,
    /// What outcomes earn: weights of `success`, `quality`, `latency` and `cost`.
    #[schema(nullable = false, required = false, value_type = Object)]
    reward: Option<()>,
}

/// When a failed task is tried again: after backoff * 2^(failures - 1), less a random share.
#[derive(Serialize, ToSchema)]
pub(super) struct Retry {
    /// Failed attempts after which it is given up.
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u32>,
    /// Wait after the first failure, ms.
    #[schema(minimum = 0, maximum = 31536000000_i64)]
    backoff_ms: Option<i64>,
    /// Longest wait, ms.
    #[schema(minimum = 0, maximum = 31536000000_i64)]
    backoff_max_ms: Option<i64>,
    /// Share of the wait that is random.
    #[schema(minimum = 0, maximum = 1)]
    jitter: Option<f64>,
}

/// Bounds of a pool.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Limits {
    /// Most tasks that are not finished.
    #[schema(minimum = 1, maximum = 1000000)]
    queue: Option<u32>,
    /// Most agents.
    #[schema(minimum = 1, maximum = 1000000)]
    agents: Option<u32>,
    /// Finished tasks that are remembered.
    #[schema(minimum = 1, maximum = 1000000)]
    retained: Option<u32>,
}

/// Configure a pool
///
/// A pool that is not there begins with it. What is learnt of the agents is kept unless the number
/// of features changes.
#[utoipa::path(put, path = "/v1/pools/{pool}", tag = "tasks",
    params(("pool" = String, Path, description = "The pool.", min_length = 1, max_length = 256),
           Tenant),
    request_body(content = Configuration, content_type = "application/json"),
    responses(
        (status = 200, description = "It is in force, durably.", body = CommandOutcome),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn put_pool(
    State(app): State<App>,
    Id(pool): Id,
    Params(tenant): Params<Tenant>,
    received: Received,
) -> Result<Json<CommandOutcome>, Problem> {
    let home = Home::of(tenant.checked()?, pool)?;
    let fields = Fields(object(&received.only(&[Media::Json])?.bytes)?);
    command(&app, &home, "pool", None, fields).await
}
