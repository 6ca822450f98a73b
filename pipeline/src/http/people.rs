//! People: profile and status of one, and who there is.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, put},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, OpenApi, ToSchema};
use zeitgeber_processors::flow;
use zeitgeber_schemas::{ProfileBody, person_key};

use super::{
    App, Id, Kind, Media, Params, Problem, ProblemBody, Received, Scope, Sort, Tenant,
    extract::{check_id, checked_tenant, default_tenant},
    outcomes::{Caused, caused_by, settle},
};
use crate::{
    door::{DEFAULT_TENANT, Refusal, profile},
    query::{self, Position, QueryError, Status},
    store::StoreError,
};

/// Most people of one answer.
const LIMIT_MAX: usize = 10_000;
/// People of each partition with whose ids one that nobody has is compared.
const COMPARED_MAX: usize = 1_000;
/// People of one answer, unless asked for otherwise.
const LIMIT: usize = 1_000;

#[derive(OpenApi)]
#[openapi(paths(put_profile, get_profile, get_status, get_users))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let ingest = Router::new().route("/v1/users/{id}/profile", put(put_profile));
    let read = Router::new()
        .route("/v1/users/{id}/profile", get(get_profile))
        .route("/v1/users/{id}/status", get(get_status))
        .route("/v1/users", get(get_users));
    app.scoped(Scope::Ingest, ingest).merge(app.scoped(Scope::Read, read))
}

/// A profile. What is not given falls back to its default, not to the profile before.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Profile {
    /// IANA time zone, for example `Europe/Berlin`. This or `tz_offset_min` must be there.
    #[schema(max_length = 256)]
    zone: Option<String>,
    /// Fixed offset of local time, minutes east of UTC.
    #[schema(minimum = -1080, maximum = 1080)]
    tz_offset_min: Option<i32>,
    /// Usual sleep; 23:00 to 07:00 where it is not given.
    sleep: Option<Hours>,
    /// Hours in which nothing may reach the person.
    quiet_hours: Option<Hours>,
    /// How the device scales counts: `unknown`, `actigraph` or `actiwatch`.
    #[schema(pattern = "^(unknown|actigraph|actiwatch)$")]
    device_scale: Option<String>,
    /// The device that counts where two report the same minute.
    #[schema(max_length = 256)]
    primary_device: Option<String>,
    /// Where interventions reach the person; `app` where it is not given, null: nowhere.
    #[schema(max_length = 256)]
    channel: Option<String>,
}

/// A span of the local day.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Hours {
    /// Its start, HH:MM.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    start: String,
    /// Its end, HH:MM.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: String,
}

/// What became of a profile.
#[derive(Debug, Serialize, ToSchema)]
struct ProfileOutcome {
    /// `accepted`: it is in force. `duplicate`: it was already. `queued`: a bus keeps it until it
    /// is decided on.
    #[schema(pattern = "^(accepted|duplicate|queued)$")]
    outcome: &'static str,
    /// What it caused.
    #[schema(value_type = Caused)]
    counts: BTreeMap<&'static str, u64>,
}

/// Set a person's profile
#[utoipa::path(put, path = "/v1/users/{id}/profile", tag = "people",
    params(("id" = String, Path, description = "The person.", min_length = 1, max_length = 256),
           Tenant),
    request_body(content = Profile, content_type = "application/json"),
    responses(
        (status = 200, description = "It is in force, durably.", body = ProfileOutcome),
        (status = 422, description = "It cannot be used.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn put_profile(
    State(app): State<App>,
    Id(id): Id,
    Params(tenant): Params<Tenant>,
    received: Received,
) -> Result<Json<ProfileOutcome>, Problem> {
    let tenant = tenant.checked()?;
    let received = received.only(&[Media::Json])?;
    let mut document = object(&received.bytes)?;
    named(&mut document, "user_id", &id)?;
    named(&mut document, "tenant", &tenant)?;
    let document = Value::Object(document).to_string();
    app.check_line(&document)?;
    let mut profile = profile::profile(document.as_bytes()).map_err(|refusal| refused(&refusal))?;
    profile.recv_ts = profile.recv_ts.or_else(|| app.stamp_ms());
    let mut intake = app.engine().intake();
    // A bus carries what was sent; the log keeps what was read of it.
    let raw = if app.onward().is_some() { document.as_bytes() } else { &[] };
    intake.take_profile_of(1, &profile, raw);
    let told = settle(&app, Sort::Profiles, intake).await?;
    let outcome = told.lines.first().map_or("accepted", |line| line.outcome);
    let counts = caused_by(&told.counts).collect();
    Ok(Json(ProfileOutcome { outcome, counts }))
}

pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes).map_err(|error| Problem::json(&error))? {
        Value::Object(object) => Ok(object),
        _ => Err(Problem::new(Kind::Malformed, "the body is no JSON object").at(1, 0)),
    }
}

/// Puts what the path says into the document, which may say the same.
pub(super) fn named(
    document: &mut Map<String, Value>,
    key: &str,
    value: &str,
) -> Result<(), Problem> {
    match document.insert(key.into(), value.into()) {
        Some(given) if given != value => {
            let detail = format!("`{key}` of the body is not the one that the address names");
            Err(Problem::new(Kind::Unprocessable, detail))
        }
        _ => Ok(()),
    }
}

pub(super) fn refused(refusal: &Refusal) -> Problem {
    Problem::new(Kind::Unprocessable, refusal.detail.clone()).because(refusal.reason.as_str())
}

/// A person's profile
#[utoipa::path(get, path = "/v1/users/{id}/profile", tag = "people",
    params(("id" = String, Path, description = "The person.", min_length = 1, max_length = 256),
           Tenant),
    responses(
        (status = 200, description = "As it would be given.", body = Profile),
        (status = 404, description = "Nobody of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_profile(
    State(app): State<App>,
    Id(id): Id,
    Params(tenant): Params<Tenant>,
) -> Result<Json<Value>, Problem> {
    let tenant = tenant.checked()?;
    let (asked_tenant, asked_id) = (tenant.clone(), id.clone());
    let found = app.ask_of_person(&tenant, &id, move |held, _| {
        let subject = held.state().subject(&asked_tenant, &asked_id);
        let person = held.person_or_rebuild(subject)?;
        Ok::<_, StoreError>(person.map(|person| person.profile.clone()))
    });
    match found.await?.map_err(QueryError::from)? {
        Some(profile) => Ok(Json(profile_document(&tenant, &id, &profile))),
        None => Err(unknown(&app, &tenant, &id).await),
    }
}

/// A profile as it would be given.
fn profile_document(tenant: &str, id: &str, profile: &ProfileBody) -> Value {
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let hours = |start, end| json!({ "start": clock(start), "end": clock(end) });
    let mut document = json!({
        "user_id": id,
        "tenant": tenant,
        "sleep": hours(profile.sleep_start_min, profile.sleep_end_min),
        "device_scale": profile.device_scale,
        "channel": profile.channel,
    });
    match &profile.zone {
        Some(zone) => document["zone"] = zone.as_str().into(),
        None => document["tz_offset_min"] = profile.offset_min.into(),
    }
    if let (Some(start), Some(end)) = (profile.quiet_start_min, profile.quiet_end_min) {
        document["quiet_hours"] = hours(start, end);
    }
    if let Some(device) = &profile.primary_device {
        document["primary_device"] = device.as_str().into();
    }
    document
}

/// The problem of a person whom nobody knows, with the ids most like theirs.
async fn unknown(app: &App, tenant: &str, id: &str) -> Problem {
    let key = person_key(tenant, id).into_owned();
    // Whoever asks for nobody over and over must not hold up the writers.
    let known = match app.0.asks_for_nobody.try_acquire() {
        Ok(_permit) => users(app, tenant, "", COMPARED_MAX).await,
        Err(_) => Ok(Vec::new()),
    };
    match known {
        Ok(known) => {
            let keys: Vec<_> = known.iter().map(|user| person_key(tenant, user)).collect();
            query::unknown_user(&key, keys.iter().map(|key| &**key)).into()
        }
        Err(problem) => problem,
    }
}

/// A person's status
///
/// The newest analysis with vitality, its parts and confidence, energy and risks, the last
/// decisions, what keeps interventions away and when the next one is possible; and up to which
/// event all this holds.
#[utoipa::path(get, path = "/v1/users/{id}/status", tag = "people",
    params(("id" = String, Path, description = "The person.", min_length = 1, max_length = 256),
           Tenant),
    responses(
        (status = 200, description = "What `zeitgeber status --json` prints.",
         body = serde_json::Value),
        (status = 404, description = "Nobody of this id.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_status(
    State(app): State<App>,
    Id(id): Id,
    Params(tenant): Params<Tenant>,
) -> Result<Json<Status>, Problem> {
    let tenant = tenant.checked()?;
    let partition = app.partition_of(&tenant, &id);
    let (asked_tenant, asked_id) = (tenant.clone(), id.clone());
    let found = app.ask_of_person(&tenant, &id, move |held, n| {
        let subject = held.state().subject(&asked_tenant, &asked_id);
        let person = held.person_or_rebuild(subject)?;
        let as_of = Position { partition, n };
        Ok::<_, StoreError>(person.map(|person| {
            let clock_ms = held.clock_ms(subject, &person);
            query::status_of(held.state(), &person, clock_ms, as_of)
        }))
    });
    match found.await?.map_err(QueryError::from)? {
        Some(status) => Ok(Json(status)),
        None => Err(unknown(&app, &tenant, &id).await),
    }
}

/// Whom to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whom {
    /// Those whose id begins so.
    #[serde(default)]
    #[param(max_length = 256, required = false)]
    prefix: String,
    /// At most this many.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
    /// The tenant; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
}

/// Some people.
#[derive(Debug, Serialize, ToSchema)]
struct Users {
    /// Their ids, in order.
    users: Vec<String>,
    /// Whether there are more.
    more: bool,
}

/// Who there is
#[utoipa::path(get, path = "/v1/users", tag = "people", params(Whom),
    responses((status = 200, description = "People's ids, in order.", body = Users)),
)]
async fn get_users(
    State(app): State<App>,
    Params(whom): Params<Whom>,
) -> Result<Json<Users>, Problem> {
    let tenant = checked_tenant(whom.tenant)?;
    if !whom.prefix.is_empty() {
        check_id("`prefix`", &whom.prefix)?;
    }
    let limit = super::extract::limit(whom.limit, LIMIT, LIMIT_MAX)?;
    let mut users = users(&app, &tenant, &whom.prefix, limit + 1).await?;
    let more = users.len() > limit;
    users.truncate(limit);
    Ok(Json(Users { users, more }))
}

/// The ids of a tenant's people that begin so, in order, at most `limit`.
async fn users(
    app: &App,
    tenant: &str,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    for partition in app.engine().store().partitions() {
        let (tenant, prefix) = (tenant.to_owned(), prefix.to_owned());
        let known = app.ask(partition, move |held, _| known(held.state(), &tenant, &prefix, limit));
        found.extend(known.await?);
    }
    found.sort_unstable();
    found.truncate(limit);
    Ok(found)
}

fn known(state: &flow::State, tenant: &str, prefix: &str, limit: usize) -> Vec<String> {
    let of_tenant = |key: &str| match key.split_once('/') {
        Some((named, user_id)) => (named == tenant).then(|| user_id.to_owned()),
        None => (tenant == DEFAULT_TENANT).then(|| key.to_owned()),
    };
    let ids = state.keys().into_iter().filter_map(of_tenant);
    let mut ids: Vec<String> = ids.filter(|id| id.starts_with(prefix)).collect();
    ids.sort_unstable();
    ids.truncate(limit);
    ids
}
