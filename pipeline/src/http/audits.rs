//! Audits of the whole log: verification and replay, one at a time.

use axum::{Json, Router, extract::State, routing::get};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{
    App, Params, Problem, Scope, extract::check_text, log::malformed, readings::None as Nothing,
};
use crate::query::{self, Moment, Rebuilt, Until, Verified};

/// Longest list of positions, bytes.
const POSITIONS_BYTES_MAX: usize = 4_096;

#[derive(OpenApi)]
#[openapi(paths(get_verify, get_replay))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let routes =
        Router::new().route("/v1/verify", get(get_verify)).route("/v1/replay", get(get_replay));
    app.scoped(Scope::Operate, routes)
}

/// Verify the log
///
/// Frames, hash chain, and every stored input decided again, every event compared. One at a time.
#[utoipa::path(get, path = "/v1/verify", tag = "operate",
    responses((status = 200, body = Value,
               description = "What `zeitgeber verify --json` prints; `ok` says whether all holds.")),
)]
async fn get_verify(
    State(app): State<App>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Json<Verified>, Problem> {
    app.audit(|journal, _| query::verify(journal)).await.map(Json)
}

/// How far to replay.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct At {
    /// Only up to here: `P:N` (several with commas), or a time.
    #[param(min_length = 1, max_length = 4096)]
    at: Option<String>,
}

/// Rebuild the state from the log alone
///
/// Without snapshots; gives the digests of the state and of the log. One at a time.
#[utoipa::path(get, path = "/v1/replay", tag = "operate", params(At),
    responses((status = 200, description = "What `zeitgeber replay --json` prints.",
               body = Value)),
)]
async fn get_replay(
    State(app): State<App>,
    Params(At { at }): Params<At>,
) -> Result<Json<Rebuilt>, Problem> {
    let until = match at {
        None => Until::End,
        Some(text) => {
            check_text("at", &text, POSITIONS_BYTES_MAX)?;
            Until::Moment(text.parse::<Moment>().map_err(malformed)?)
        }
    };
    app.audit(move |journal, _| query::replay(journal, &until)).await.map(Json)
}
