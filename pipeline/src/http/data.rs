//! `POST /v1/users/{id}/data`: movement, heart beats and surroundings of one person together.

use axum::{Router, extract::State, response::Response, routing::post};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{
    App, Id, Kind, Media, Params, Problem, ProblemBody, Received, Scope, Sort, Tenant,
    onward::Queued,
    outcomes::{Carries, Outcomes, answer, settle},
    people::{object, refused},
};
use crate::ingest::Intake;

/// The kinds of readings of one person that may come together, in their order.
const KINDS: [&str; 3] = ["imu", "hrv", "environment"];
/// What the readings share.
const SHARED: [&str; 3] = ["ts", "recv_ts", "device_id"];

#[derive(OpenApi)]
#[openapi(paths(post_data))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    app.scoped(Scope::Ingest, Router::new().route("/v1/users/{id}/data", post(post_data)))
}

/// Readings of one person that were taken together. At least one kind must be there.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand")]
struct Data {
    /// END of the epoch or burst, ms UTC.
    ts: i64,
    /// When they arrived, ms UTC; the service's clock where it is not given.
    recv_ts: Option<i64>,
    /// The device.
    #[schema(max_length = 256)]
    device_id: Option<String>,
    /// What the readings' ids begin with: `<id>-imu`, `<id>-hrv`, `<id>-environment`. Made from
    /// device and time where it is not given.
    #[schema(max_length = 240)]
    id: Option<String>,
    /// Movement: values of an `imu` reading.
    #[schema(value_type = Option<Object>)]
    imu: (),
    /// Heart beats: values of an `hrv` reading.
    #[schema(value_type = Option<Object>)]
    hrv: (),
    /// Surroundings: values of an `environment` reading.
    #[schema(value_type = Option<Object>)]
    environment: (),
}

/// Take movement, heart beats and surroundings of one person together
///
/// Lines of the answer are those kinds that were there, in this order. Where one of them cannot be
/// read, none is taken (422).
#[utoipa::path(post, path = "/v1/users/{id}/data", tag = "ingest",
    params(("id" = String, Path, description = "The person.", min_length = 1, max_length = 256),
           Tenant),
    request_body(content = Data, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 202, description = "A bus keeps them until they are decided on.", body = Queued),
        (status = 422, description = "One of them cannot be read, or the only one was refused.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_data(
    State(app): State<App>,
    Id(id): Id,
    Params(tenant): Params<Tenant>,
    received: Received,
) -> Result<Response, Problem> {
    let tenant = tenant.checked()?;
    let received = received.only(&[Media::Json])?;
    let lines = parts(object(&received.bytes)?, &tenant, &id)?;
    let mut intake: Intake = app.engine().intake();
    let options = app.options(false);
    for (line, number) in lines.iter().zip(1..) {
        app.check_line(line)?;
        let taken = intake.reading_if_readable(number, line.as_bytes(), &options);
        taken.map_err(|refusal| refused(&refusal))?;
    }
    let carries = if lines.len() == 1 { Carries::One } else { Carries::Many };
    answer(&settle(&app, Sort::Readings, intake).await?, carries)
}

/// The readings of a document, as a producer would send each.
fn parts(
    mut document: Map<String, Value>,
    tenant: &str,
    user_id: &str,
) -> Result<Vec<String>, Problem> {
    let given = document.remove("id").filter(|id| !id.is_null());
    let id = match given {
        Some(Value::String(id)) => id,
        Some(_) => return Err(Problem::new(Kind::Unprocessable, "`id` must be a string")),
        None => {
            let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or("");
            let ts = document.get("ts").and_then(Value::as_i64).unwrap_or(0);
            format!("{}-{ts}", text("device_id"))
        }
    };
    let mut kinds = Vec::new();
    for kind in KINDS {
        kinds.extend(document.remove(kind).filter(|v| !v.is_null()).map(|values| (kind, values)));
    }
    if let Some(key) = document.keys().find(|key| !SHARED.contains(&key.as_str())) {
        let detail = format!(
            "`{key:.64}` is not known here; known: id, ts, recv_ts, device_id, imu, hrv, environment"
        );
        return Err(Problem::new(Kind::Unprocessable, detail));
    }
    if kinds.is_empty() {
        let detail = "none of `imu`, `hrv` and `environment` is there";
        return Err(Problem::new(Kind::Unprocessable, detail));
    }
    let line = |(kind, values): (&str, Value)| {
        let mut line = document.clone();
        line.insert("id".into(), format!("{id}-{kind}").into());
        line.insert("user_id".into(), user_id.into());
        line.insert("tenant".into(), tenant.into());
        line.insert("kind".into(), kind.into());
        line.insert("values".into(), values);
        Value::Object(line).to_string()
    };
    Ok(kinds.into_iter().map(line).collect())
}
