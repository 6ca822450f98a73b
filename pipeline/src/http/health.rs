//! Whether it lives, whether it takes requests, and what it can be asked.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, header::CONTENT_TYPE};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{App, Problem, ProblemBody};

#[derive(OpenApi)]
#[openapi(paths(healthz, readyz, openapi_json))]
pub(super) struct Api;

/// Open to everybody.
pub(super) fn routes(_: &App) -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(openapi_json))
}

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
struct Well {
    /// `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "service", responses(
    (status = 200, description = "It lives.", body = Well),
))]
async fn healthz() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// Whether inputs are taken
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "They are.", body = Well),
    (status = 503, description = "They are not: the service is stopping, or its journal failed.",
     body = ProblemBody, content_type = "application/problem+json"),
))]
async fn readyz(State(app): State<App>) -> Result<Json<Well>, Problem> {
    app.check_running()?;
    Ok(Json(Well { status: "ok" }))
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses(
    (status = 200, description = "OpenAPI.", body = serde_json::Value,
     content_type = "application/json"),
))]
async fn openapi_json() -> Response {
    let mut response = super::openapi::text().into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
