//! What the log holds: events, dead letters, decisions and their reasons, reports.
//!
//! Every answer is a query's of the command line, read off within bounds (`reading_off`).

use std::{collections::BTreeMap, ops::ControlFlow};

use axum::{Json, Router, extract::State, routing::get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::rhythm::report::Report;
use zeitgeber_schemas::{Reason, SchemaId, person_key};

use super::{
    App, Cancel, Id, Kind, Params, Problem, ProblemBody, Scope,
    extract::{check_text, checked_tenant, default_tenant, limit},
    readings::None as Nothing,
};
use crate::{
    journal::Journal,
    query::{
        self, DeadLetter, DeadLetterFilter, EventFilter, EventRow, Explanation, Moment, Position,
        QueryError, Range,
    },
};

/// Most rows of one answer.
const LIMIT_MAX: usize = 10_000;
/// Longest person key: tenant, `/`, id; bytes.
const KEY_BYTES_MAX: usize = 513;
/// Longest time, bytes.
const TIME_BYTES_MAX: usize = 64;
/// Rows of one answer, unless asked for otherwise.
const LIMIT: usize = 100;

#[derive(OpenApi)]
#[openapi(paths(get_user_events, get_events, get_dead_letters, get_report, get_decision))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new()
        .route("/v1/users/{id}/events", get(get_user_events))
        .route("/v1/events", get(get_events))
        .route("/v1/dead-letters", get(get_dead_letters))
        .route("/v1/report", get(get_report))
        .route("/v1/decisions/{id}", get(get_decision));
    app.scoped(Scope::Read, read)
}

/// Which events of one person.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserEvents {
    /// Those of this topic.
    topic: Option<String>,
    /// Those of this type.
    #[param(min_length = 1, max_length = 64)]
    r#type: Option<String>,
    /// Those behind this position, `P:N`: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,4}:[0-9]{1,18}$")]
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
    /// Those of this topic.
    topic: Option<String>,
    /// Those of this type.
    #[param(min_length = 1, max_length = 64)]
    r#type: Option<String>,
    /// Those behind this position, `P:N`: the `next` of the page before.
    #[param(pattern = "^[0-9]{1,4}:[0-9]{1,18}$")]
    after: Option<String>,
    /// From these positions on (`P:N`, several with commas; partitions not named whole), or of
    /// inputs received at this time or later: RFC 3339, a date (UTC), or ms since 1970.
    #[param(min_length = 1, max_length = 65536)]
    from: Option<String>,
    /// Of inputs received before this time, in the same forms.
    #[param(min_length = 1, max_length = 64)]
    to: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
    /// Only the last ones, this many, instead of the first.
    #[param(minimum = 1, maximum = 10000)]
    last: Option<usize>,
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
        (status = 404, description = "Nobody of this id, or no such position.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_user_events(
    State(app): State<App>,
    Id(id): Id,
    Params(wanted): Params<UserEvents>,
) -> Result<Json<EventPage>, Problem> {
    let tenant = checked_tenant(wanted.tenant)?;
    let UserEvents { topic, r#type, after, limit, .. } = wanted;
    let user = Some(person_key(&tenant, &id).into_owned());
    page(&app, Events { user, topic, r#type, after, limit, ..Events::default() }).await
}

/// Events of everybody
///
/// In log order, page by page: each partition's in theirs, between partitions in that of writing.
#[utoipa::path(get, path = "/v1/events", tag = "log", params(Events),
    responses(
        (status = 200, description = "One page.", body = EventPage),
        (status = 404, description = "Nobody of this id, or no such position.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_events(
    State(app): State<App>,
    Params(wanted): Params<Events>,
) -> Result<Json<EventPage>, Problem> {
    page(&app, wanted).await
}

async fn page(app: &App, wanted: Events) -> Result<Json<EventPage>, Problem> {
    let limit = limit(wanted.limit, LIMIT, LIMIT_MAX)?;
    check_key(wanted.user.as_deref())?;
    let after = wanted.after.as_deref().map(position).transpose()?;
    let topic =
        wanted.topic.as_deref().map(|topic| topic.parse().map_err(malformed)).transpose()?;
    let schema = wanted.r#type.as_deref().map(event_type).transpose()?;
    let from = wanted.from.map(|text| text.parse::<Moment>().map_err(malformed)).transpose()?;
    let until_ms = wanted.to.as_deref().map(time).transpose()?;
    let user = wanted.user;
    let filter =
        EventFilter { user, topic, schema, from, until_ms, after, ..EventFilter::default() };
    let last = wanted.last.map(|last| self::limit(Some(last), LIMIT, LIMIT_MAX)).transpose()?;
    let read = move |journal: &dyn Journal, _: &Cancel| {
        let scope = query::Scope::of(journal, &filter)?;
        match last {
            None => scope.page(journal, &filter, limit),
            // Whoever asks for the last ones has them all.
            Some(last) => {
                Ok(query::EventPage { next: None, ..scope.newest(journal, &filter, last)? })
            }
        }
    };
    let page = app.long_read(read).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(EventPage { events: page.rows, next }))
}

fn position(text: &str) -> Result<Position, Problem> {
    text.parse().map_err(malformed)
}

pub(super) fn malformed(error: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::Malformed, error.to_string())
}

fn event_type(name: &str) -> Result<SchemaId, Problem> {
    query::event_types().find(|schema| schema.as_str() == name).ok_or_else(|| {
        let known: Vec<_> = query::event_types().map(SchemaId::as_str).collect();
        malformed(format!("{name:?} is no type of events; known: {}", known.join(", ")))
    })
}

/// Refuses a person key that nobody can have.
pub(super) fn check_key(user: Option<&str>) -> Result<(), Problem> {
    user.map_or(Ok(()), |user| check_text("user", user, KEY_BYTES_MAX))
}

fn time(text: &str) -> Result<i64, Problem> {
    check_text("from` or `to", text, TIME_BYTES_MAX)?;
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
    #[param(pattern = "^[0-9]{1,4}:[0-9]{1,18}$")]
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
    responses(
        (status = 200, description = "One page.", body = LetterPage),
        (status = 404, description = "No such position.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_dead_letters(
    State(app): State<App>,
    Params(wanted): Params<Letters>,
) -> Result<Json<LetterPage>, Problem> {
    let limit = limit(wanted.limit, LIMIT, LIMIT_MAX)?;
    check_key(wanted.user.as_deref())?;
    let after = wanted.after.as_deref().map(position).transpose()?;
    let reason = wanted.reason.as_deref().map(reason).transpose()?;
    let filter = DeadLetterFilter { reason, user: wanted.user };
    let read = app.long_read(move |journal, _| letters(journal, &filter, after, limit));
    let mut letters = read.await?;
    let next = (letters.len() > limit).then(|| letters[limit - 1].position.to_string());
    letters.truncate(limit);
    Ok(Json(LetterPage { dead_letters: letters, next }))
}

/// The dead letters behind an event, one more than are asked for where there are more.
fn letters(
    journal: &dyn Journal,
    filter: &DeadLetterFilter,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<DeadLetter>, QueryError> {
    let mut letters = Vec::new();
    query::dead_letters_behind(journal, filter, after, |letter| {
        letters.push(letter);
        if letters.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(letters)
}

pub(super) fn reason(name: &str) -> Result<Reason, Problem> {
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
    check_key(over.user.as_deref())?;
    let user = over.user;
    app.long_read(move |journal, _| query::report(journal, range, user.as_deref())).await.map(Json)
}

/// One decision, from what led to it to the reward that it earned
///
/// `about` says whether it is about a `person` (which intervention: readings, analysis, arms,
/// feedback) or a `task` (which agent: what was asked, agents, assignment, result).
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
