//! What the log holds: events, dead letters, decisions and their reasons, reports; its audits.
//!
//! Every answer is a query's of the command line, read off within bounds (`reading_off`).

use std::{collections::BTreeMap, ops::ControlFlow};

use axum::{Json, Router, extract::State, routing::get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::rhythm::report::Report;
use zeitgeber_schemas::{Reason, SchemaId, person_key};

use super::{
    App, Id, Kind, Params, Problem, ProblemBody, Scope,
    extract::{checked_tenant, default_tenant, limit},
    readings::None as Nothing,
};
use crate::{
    journal::Journal,
    query::{
        self, DeadLetter, DeadLetterFilter, EventFilter, EventRow, Explanation, Moment, Position,
        QueryError, Range, Rebuilt, Until, Verified, Walk,
    },
};

/// Most rows of one answer.
const LIMIT_MAX: usize = 10_000;
/// Rows of one answer, unless asked for otherwise.
const LIMIT: usize = 100;

#[derive(OpenApi)]
#[openapi(paths(
    get_user_events,
    get_events,
    get_dead_letters,
    get_report,
    get_decision,
    get_verify,
    get_replay
))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new()
        .route("/v1/users/{id}/events", get(get_user_events))
        .route("/v1/events", get(get_events))
        .route("/v1/dead-letters", get(get_dead_letters))
        .route("/v1/report", get(get_report))
        .route("/v1/decisions/{id}", get(get_decision));
    let operate =
        Router::new().route("/v1/verify", get(get_verify)).route("/v1/replay", get(get_replay));
    app.scoped(Scope::Read, read).merge(app.scoped(Scope::Operate, operate))
}

/// Which events of one person.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserEvents {
    /// Those of this type.
    #[param(min_length = 1, max_length = 64)]
    r#type: Option<String>,
    /// Those behind this position, `P:N`: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,5}:[0-9]{1,18}$")]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Events {
    /// Those of this person; `tenant/user` outside the tenant `default`.
    #[param(min_length = 1, max_length = 513)]
    user: Option<String>,
    /// Those of this type.
    #[param(min_length = 1, max_length = 64)]
    r#type: Option<String>,
    /// Those behind this position, `P:N`: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,5}:[0-9]{1,18}$")]
    after: Option<String>,
    /// Of inputs received at this time or later: RFC 3339, a date (UTC), or ms since 1970.
    #[param(min_length = 1, max_length = 64)]
    from: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Some events, in log order.
#[derive(Debug, Serialize, ToSchema)]
struct EventPage {
    /// As `zeitgeber events --json` prints them.
    #[schema(value_type = Vec<Object>)]
    events: Vec<EventRow>,
    /// The `after` of the next page; null: there is nothing more now.
    #[schema(required = true)]
    next: Option<String>,
}

/// A person's events
///
/// In log order, page by page.
#[utoipa::path(get, path = "/v1/users/{id}/events", tag = "people",
    params(("id" = String, Path, description = "The person.", min_length = 1, max_length = 256),
           UserEvents),
    responses(
        (status = 200, description = "One page.", body = EventPage),
        (status = 404, description = "Nobody of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_user_events(
    State(app): State<App>,
    Id(id): Id,
    Params(wanted): Params<UserEvents>,
) -> Result<Json<EventPage>, Problem> {
    let tenant = checked_tenant(wanted.tenant)?;
    if !super::people::is_known(&app, &tenant, &id).await? {
        return Err(super::people::unknown(&app, &tenant, &id).await);
    }
    let UserEvents { r#type, after, limit, .. } = wanted;
    let user = Some(person_key(&tenant, &id).into_owned());
    page(&app, Events { user, r#type, after, limit, ..Events::default() }).await
}

/// Events of everybody
///
/// In log order, page by page: each partition's in theirs, between partitions in that of writing.
#[utoipa::path(get, path = "/v1/events", tag = "log", params(Events),
    responses((status = 200, description = "One page.", body = EventPage)),
)]
async fn get_events(
    State(app): State<App>,
    Params(wanted): Params<Events>,
) -> Result<Json<EventPage>, Problem> {
    page(&app, wanted).await
}

async fn page(app: &App, wanted: Events) -> Result<Json<EventPage>, Problem> {
    let limit = limit(wanted.limit, LIMIT, LIMIT_MAX)?;
    let after = wanted.after.map(|text| text.parse::<Position>().map_err(malformed)).transpose()?;
    let schema = wanted.r#type.as_deref().map(event_type).transpose()?;
    let from = wanted.from.as_deref().map(time).transpose()?.map(Moment::Time);
    let filter = EventFilter { user: wanted.user, schema, from, inputs: false };
    let mut rows = app.long_read(move |journal, _| rows(journal, &filter, after, limit)).await?;
    let next = (rows.len() > limit).then(|| rows[limit - 1].position.to_string());
    rows.truncate(limit);
    Ok(Json(EventPage { events: rows, next }))
}

/// The rows behind a position, one more than are asked for where there are more.
fn rows(
    journal: &dyn Journal,
    filter: &EventFilter,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<EventRow>, QueryError> {
    let mut rows = Vec::new();
    let mut passed = after.is_none();
    Walk::start(journal)?.run(|met| {
        if let (false, Some(after)) = (passed, after) {
            let events = met.entry.events.clone().count() as u64;
            passed = met.partition() == after.partition && met.first + events > after.n;
            if passed {
                let behind = |row: &EventRow| row.position.n > after.n;
                rows.extend(filter.rows(met)?.into_iter().filter(behind));
            }
        } else {
            rows.extend(filter.rows(met)?);
        }
        let enough = rows.len() > limit;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(rows)
}

fn malformed(error: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Malformed, error.to_string())
}

fn event_type(name: &str) -> Result<SchemaId, Problem> {
    query::event_types().find(|schema| schema.as_str() == name).ok_or_else(|| {
        let known: Vec<_> = query::event_types().map(SchemaId::as_str).collect();
        malformed(format!("{name:?} is no type of events; known: {}", known.join(", ")))
    })
}

fn time(text: &str) -> Result<i64, Problem> {
    query::parse_time(text).map_err(malformed)
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Letters {
    /// Those of this person, as far as it could be read; `tenant/user` outside `default`.
    #[param(min_length = 1, max_length = 513)]
    user: Option<String>,
    /// Those refused for this reason.
    #[param(min_length = 1, max_length = 64)]
    reason: Option<String>,
    /// Those behind this position, `P:N`: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,5}:[0-9]{1,18}$")]
    after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Some refused inputs, in log order.
#[derive(Debug, Serialize, ToSchema)]
struct LetterPage {
    /// As `zeitgeber deadletters --json` prints them.
    #[schema(value_type = Vec<Object>)]
    dead_letters: Vec<DeadLetter>,
    /// The `after` of the next page; null: there is nothing more now.
    #[schema(required = true)]
    next: Option<String>,
}

/// Refused inputs
///
/// Why, from where, and their bytes as far as they are kept.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "log", params(Letters),
    responses((status = 200, description = "One page.", body = LetterPage)),
)]
async fn get_dead_letters(
    State(app): State<App>,
    Params(wanted): Params<Letters>,
) -> Result<Json<LetterPage>, Problem> {
    let limit = limit(wanted.limit, LIMIT, LIMIT_MAX)?;
    let after = wanted.after.map(|text| text.parse::<Position>().map_err(malformed)).transpose()?;
    let reason = wanted.reason.as_deref().map(reason).transpose()?;
    let filter = DeadLetterFilter { reason, user: wanted.user };
    let mut letters =
        app.long_read(move |journal, _| letters(journal, &filter, after, limit)).await?;
    let next = (letters.len() > limit).then(|| letters[limit - 1].position.to_string());
    letters.truncate(limit);
    Ok(Json(LetterPage { dead_letters: letters, next }))
}

fn letters(
    journal: &dyn Journal,
    filter: &DeadLetterFilter,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<DeadLetter>, QueryError> {
    let mut letters = Vec::new();
    let mut passed = after.is_none();
    query::dead_letters(journal, filter, |letter| {
        // What is asked for comes behind a letter of the page before, which is met again.
        if passed {
            letters.push(letter);
        } else {
            passed = Some(letter.position) == after;
        }
        let enough = letters.len() > limit;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(letters)
}

fn reason(name: &str) -> Result<Reason, Problem> {
    Reason::from_symbol(name).ok_or_else(|| {
        let known: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        malformed(format!("{name:?} is no reason; known: {}", known.join(", ")))
    })
}

/// Whose report, over which readings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Over {
    /// This person's; `tenant/user` outside the tenant `default`.
    #[param(min_length = 1, max_length = 513)]
    user: Option<String>,
    /// First instant, by event time: RFC 3339, a date (UTC), or ms since 1970.
    #[param(min_length = 1, max_length = 64)]
    from: Option<String>,
    /// End, itself left out, in the same forms.
    #[param(min_length = 1, max_length = 64)]
    to: Option<String>,
}

/// People's features over any range of the log
///
/// Folded from the accepted readings by the code that analyses live.
#[utoipa::path(get, path = "/v1/report", tag = "log", params(Over),
    responses(
        (status = 200, description = "What `zeitgeber report --json` prints, by person.",
         body = BTreeMap<String, Value>),
        (status = 404, description = "Nobody of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_report(
    State(app): State<App>,
    Params(over): Params<Over>,
) -> Result<Json<BTreeMap<String, Report>>, Problem> {
    let all = Range::default();
    let range = Range {
        from_ms: over.from.as_deref().map(time).transpose()?.unwrap_or(all.from_ms),
        to_ms: over.to.as_deref().map(time).transpose()?.unwrap_or(all.to_ms),
    };
    let user = over.user;
    app.long_read(move |journal, _| query::report(journal, range, user.as_deref())).await.map(Json)
}

/// One decision, from the readings behind it to the reward that it earned
#[utoipa::path(get, path = "/v1/decisions/{id}", tag = "log",
    params(("id" = String, Path, pattern = "^[0-9a-fA-F]{4,32}$",
            description = "The decision's id, or its beginning: at least 4 of its 32 digits.")),
    responses(
        (status = 200, description = "What `zeitgeber explain --json` prints.", body = Value),
        (status = 404, description = "No decision of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_decision(
    State(app): State<App>,
    Id(id): Id,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Json<Explanation>, Problem> {
    app.long_read(move |journal, _| query::explain(journal, &id)).await.map(Json)
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
    #[param(min_length = 1, max_length = 65536)]
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
        Some(text) => Until::Moment(text.parse::<Moment>().map_err(malformed)?),
    };
    app.audit(move |journal, _| query::replay(journal, &until)).await.map(Json)
}
