//! How many refused inputs there are: the part of `zeitgeber deadletters` that reads all of them.

use std::ops::ControlFlow;

use axum::{Json, Router, extract::State, routing::get};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{
    App, Params, Problem, ProblemBody, Scope,
    log::{check_key, reason},
};
use crate::query::{self, DeadLetterFilter, DeadLetters};

#[derive(OpenApi)]
#[openapi(paths(get_dead_letter_counts))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let counts = get(get_dead_letter_counts);
    app.scoped(Scope::Read, Router::new().route("/v1/dead-letters/counts", counts))
}

/// Which dead letters to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Counted {
    /// Those of this person, as far as it could be read; `tenant/user` outside `default`.
    #[param(min_length = 1, max_length = 513)]
    user: Option<String>,
    /// Those refused for this reason.
    #[param(min_length = 1, max_length = 64)]
    reason: Option<String>,
}

/// How many refused inputs there are
///
/// By reason: those stored, and repeats of them, which are only counted.
#[utoipa::path(get, path = "/v1/dead-letters/counts", tag = "log", params(Counted),
    responses(
        (status = 200, description = "`stored` and `repeats`, by reason.", body = Value),
        (status = 404, description = "Nobody of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_dead_letter_counts(
    State(app): State<App>,
    Params(wanted): Params<Counted>,
) -> Result<Json<DeadLetters>, Problem> {
    check_key(wanted.user.as_deref())?;
    let reason = wanted.reason.as_deref().map(reason).transpose()?;
    let filter = DeadLetterFilter { reason, user: wanted.user };
    let counted = app.long_read(move |journal, _| {
        query::dead_letters(journal, &filter, |_| Ok(ControlFlow::Continue(())))
    });
    counted.await.map(Json)
}
