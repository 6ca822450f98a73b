//! `GET /metrics`, and what requests and connections add to it.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;

use super::{Answered, App, Kind, Observer, Problem, ProblemBody, Scope};
use crate::telemetry::{self, Metrics, UNMATCHED};

#[derive(OpenApi)]
#[openapi(paths(metrics))]
pub(super) struct Api;

/// For operators.
pub(super) fn routes(app: &App) -> Router<App> {
    app.scoped(Scope::Operate, Router::new().route("/metrics", get(metrics)))
}

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "Every metric; docs/metrics.md explains them.", body = String,
     content_type = "text/plain"),
    (status = 500, description = "They could not be gathered.", body = ProblemBody,
     content_type = "application/problem+json"),
))]
async fn metrics() -> Result<Response, Problem> {
    // It waits for the cores, up to a quarter of a second, which no worker should.
    let text = tokio::task::spawn_blocking(telemetry::render).await;
    let text = text.map_err(|_| Problem::new(Kind::Internal, "the metrics were not gathered"))?;
    let mut response = text.into_response();
    let format = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, format);
    Ok(response)
}

impl Observer for &'static Metrics {
    fn answered(&self, answered: &Answered<'_>) {
        let route = answered.route.unwrap_or(UNMATCHED);
        let serving = self.serving();
        serving.request(route, answered.method.as_str(), answered.status, answered.took);
        if let Some(reason) = refusal(answered.status) {
            serving.refused(reason);
        }
    }

    fn connections(&self, open: usize) {
        self.serving().connections(open);
    }
}

/// Why a request was turned away, by its status.
const fn refusal(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "malformed",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method",
        408 | 504 => "timeout",
        413 => "too_large",
        415 => "media_type",
        429 => "busy",
        503 => "stopping",
        _ => return None,
    })
}
