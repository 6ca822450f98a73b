//! Versions of the decisions: which stand, which may come next, and what must stop.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post, put},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, ControlScope, ControlStep, Rollout, Stage,
};

use super::{
    App, Kind, Media, Params, Problem, ProblemBody, Received, Scope,
    extract::{check_id, checked_tenant, default_tenant},
    outcomes::settle,
    readings::None as Nothing,
};
use crate::{
    config::Config,
    http::Sort,
    ingest::now_ms,
    policy::{Fates, Order},
    query::{PolicyView, policy_of},
};

#[derive(OpenApi)]
#[openapi(paths(get_policy, post_order, put_candidate))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new().route("/v1/policy", get(get_policy));
    let operate = Router::new()
        .route("/v1/policy/orders", post(post_order))
        .route("/v1/policy/candidate", put(put_candidate));
    app.scoped(Scope::Read, read).merge(app.scoped(Scope::Operate, operate))
}

/// How decisions are made.
#[derive(Debug, Serialize, ToSchema)]
struct Policies {
    /// In each partition.
    partitions: Vec<PolicyView>,
}

/// An order about decisions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    /// `promote`, `rollback` or `drop` a version; `stop` or `resume` what `scope` names.
    #[schema(value_type = String, pattern = "^(promote|rollback|drop|stop|resume)$")]
    step: ControlStep,
    /// Of a stop: `version`, `arm`, `person` or `all`.
    #[schema(value_type = Option<String>, pattern = "^(version|arm|person|all)$", nullable = false)]
    scope: Option<ControlScope>,
    /// Of a stop: the version, the arm or the person.
    #[serde(default)]
    #[schema(max_length = 256)]
    name: String,
    /// Of a stop of a person: the tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[schema(min_length = 1, max_length = 256, pattern = "^[^/]+$")]
    tenant: String,
}

/// A version of the decisions that may come next.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CandidateBody {
    /// `shadow`: it decides beside the active version, and nobody hears of it. `canary`: it decides
    /// for a share of the people.
    #[schema(value_type = String, pattern = "^(shadow|canary)$")]
    stage: Stage,
    /// Of a canary: for how many of a hundred people.
    #[schema(minimum = 1, maximum = 99, nullable = false)]
    percent: Option<u32>,
    /// The keys below `decisions` of the configuration, over their defaults.
    #[schema(value_type = Object)]
    decisions: Value,
}

/// Which versions decide, and what is stopped
#[utoipa::path(get, path = "/v1/policy", tag = "operate",
    responses((status = 200, body = Policies,
               description = "What `zeitgeber policy status --json` prints.")),
)]
async fn get_policy(
    State(app): State<App>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Json<Policies>, Problem> {
    Ok(Json(Policies { partitions: views(&app).await? }))
}

async fn views(app: &App) -> Result<Vec<PolicyView>, Problem> {
    let mut views = Vec::new();
    for partition in app.engine().store().partitions() {
        views.push(app.ask(partition, |held, _| policy_of(held.state())).await?);
    }
    Ok(views)
}

/// Order a version forward or back, or stop decisions
///
/// In force from the next decision on. A stop is about a version, an arm, a person or all.
#[utoipa::path(post, path = "/v1/policy/orders", tag = "operate",
    request_body(content = OrderBody, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of it in each partition, durably.", body = Fates),
        (status = 422, description = "It cannot stand.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_order(
    State(app): State<App>,
    Params(Nothing {}): Params<Nothing>,
    received: Received,
) -> Result<Json<Fates>, Problem> {
    let received = received.only(&[Media::Json])?;
    let body: OrderBody =
        serde_json::from_slice(&received.bytes).map_err(|error| Problem::json(&error))?;
    let order = match body.step {
        ControlStep::Stop | ControlStep::Resume => stop(body)?,
        step => Order::step(step, &views(&app).await?).map_err(unprocessable)?,
    };
    give(&app, &order).await
}

fn stop(body: OrderBody) -> Result<Order, Problem> {
    let OrderBody { step, scope, name, tenant } = body;
    let Some(scope) = scope else {
        return Err(unprocessable(format!(
            "a {step} needs a `scope`: version, arm, person or all"
        )));
    };
    match scope {
        ControlScope::All => {}
        _ => check_id("`name`", &name)?,
    }
    Ok(match scope {
        ControlScope::Person => {
            Order::Person { step, tenant: checked_tenant(tenant)?, user_id: name }
        }
        ControlScope::All => Order::Step(ControlBody { step, scope, name: String::new() }),
        scope => Order::Step(ControlBody { step, scope, name }),
    })
}

/// Let a version of the decisions come as a candidate
#[utoipa::path(put, path = "/v1/policy/candidate", tag = "operate",
    request_body(content = CandidateBody, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of it in each partition, durably.", body = Fates),
        (status = 422, description = "It is no version, or cannot stand.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn put_candidate(
    State(app): State<App>,
    Params(Nothing {}): Params<Nothing>,
    received: Received,
) -> Result<Json<Fates>, Problem> {
    let received = received.only(&[Media::Json])?;
    let CandidateBody { stage, percent, decisions } =
        serde_json::from_slice(&received.bytes).map_err(|error| Problem::json(&error))?;
    let percent = match (stage, percent) {
        (Stage::Shadow, None) => 0,
        (Stage::Canary, Some(percent @ 1..=99)) => percent,
        (Stage::Canary, _) => {
            return Err(unprocessable("a canary needs a `percent` from 1 to 99".into()));
        }
        _ => {
            return Err(unprocessable(
                "a candidate is a shadow, or a canary of a `percent`".into(),
            ));
        }
    };
    let wrong = |error: &dyn std::fmt::Display| unprocessable(error.to_string());
    let text = toml::to_string(&serde_json::json!({ "decisions": without_nulls(decisions) }))
        .map_err(|error| wrong(&error))?;
    let config = Config::of_text("the body", &text).map_err(|error| wrong(&error))?;
    let rollout = Rollout { stage, percent };
    let body = ConfigurationBody { rollout, ..config.configuration() };
    give(&app, &Order::Enter(Box::new(body))).await
}

/// A key that is null is one that is not given.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

async fn give(app: &App, order: &Order) -> Result<Json<Fates>, Problem> {
    if app.onward().is_some() {
        let detail = "orders about decisions go to the log itself: `zeitgeber policy --journal`, \
                      while no worker writes it";
        return Err(Problem::new(Kind::NotOffered, detail));
    }
    let engine = app.engine();
    let (mut intake, count) = (engine.intake(), engine.store().layout().partitions);
    order.put(&mut intake, engine.store().partitions(), count, now_ms());
    let told = settle(app, Sort::Profiles, intake).await?;
    let fates = order.fates(&told.lines);
    match fates.refused() {
        Some(why) if fates.changed() == 0 => Err(unprocessable(why.into())),
        _ => Ok(Json(fates)),
    }
}

fn unprocessable(detail: String) -> Problem {
    Problem::new(Kind::Unprocessable, detail)
}
