//! `POST /v1/readings` and `POST /v1/feedback`: many inputs, told line by line once durable.

use std::{io::Cursor, time::Instant};

use axum::{Router, extract::State, response::Response, routing::post};
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{
    App, Kind, Media, Params, Problem, ProblemBody, Received, Scope, Sort,
    items::Items,
    onward::Queued,
    outcomes::{Carries, Outcomes, answer, settle},
};
use crate::{
    config::Service,
    door::{Options, Refusal, avro, feedback},
    ingest::Intake,
};

/// Inputs read before others get their turn.
const TURN: u64 = 512;
/// How much larger the readings of a packed container may be than the largest body.
const UNPACKED_TIMES: usize = 8;

#[derive(OpenApi)]
#[openapi(paths(post_readings, post_feedback))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let routes = Router::new()
        .route("/v1/readings", post(post_readings))
        .route("/v1/feedback", post(post_feedback));
    app.scoped(Scope::Ingest, routes)
}

/// How readings are taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct How {
    /// History loaded after the fact: it makes analyses and no decisions.
    #[serde(default)]
    #[param(required = false)]
    backfill: bool,
}

/// A reading, or a list of whatever; each item of a list has an outcome of its own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Readings)]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum Body {
    One(Reading),
    Many(Vec<serde_json::Value>),
}

/// One reading of a sensor.
#[derive(Serialize, ToSchema)]
struct Reading {
    /// Its id, unique among the person's readings: the same again is a repeat.
    #[schema(max_length = 256)]
    id: String,
    /// The person.
    #[schema(max_length = 256)]
    user_id: String,
    /// `imu`, `hrv` or `environment`.
    #[schema(pattern = "^(imu|hrv|environment)$")]
    kind: String,
    /// END of the epoch or burst, ms UTC.
    ts: i64,
    /// When it arrived, ms UTC; the service's clock where it is not given.
    recv_ts: Option<i64>,
    /// The device.
    #[schema(max_length = 256)]
    device_id: Option<String>,
    /// The tenant; `default` where it is not given.
    #[schema(max_length = 256)]
    tenant: Option<String>,
    /// What was measured, by kind: see `docs/http.md`.
    #[schema(value_type = Object)]
    values: (),
}

/// Take readings
///
/// Answered when all of them are durable. A line of NDJSON, or an item of an array, that is wrong
/// is an outcome of its own; the others count. A single object that a stage refuses is answered by
/// 422, and kept as a dead letter like any other.
#[utoipa::path(post, path = "/v1/readings", tag = "ingest", params(How),
    request_body(description = "Readings.", content(
        (Body = "application/json"),
        (String = "application/x-ndjson"),
        (Vec<u8> = "application/vnd.apache.avro"),
    )),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 202, description = "A bus keeps them until they are decided on.", body = Queued),
        (status = 422, description = "The one reading was refused by a stage.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_readings(
    State(app): State<App>,
    Params(how): Params<How>,
    received: Received,
) -> Result<Response, Problem> {
    if how.backfill && app.onward().is_some() {
        let detail = "a topic does not tell history from what arrives: load history with \
                      `zeitgeber ingest --backfill --journal` while no worker runs";
        return Err(Problem::new(Kind::NotOffered, detail));
    }
    let options = app.options(how.backfill);
    if received.media == Media::Avro {
        let intake = container(&app, received.bytes.clone(), options).await?;
        return answer(&settle(&app, Sort::Readings, intake).await?, Carries::Many);
    }
    let mut intake = app.engine().intake();
    let limit = app.line_bytes_max();
    let (items, carries) = Items::of(received.media, &received.bytes)?;
    for (item, number) in items.zip(1..) {
        if item.len() > limit {
            oversized(&mut intake, number, item, &options, limit);
        } else {
            intake.reading_line(number, item, &options);
        }
        turn(number).await;
    }
    answer(&settle(&app, Sort::Readings, intake).await?, carries)
}

/// Feedback, or a list of whatever; each item of a list has an outcome of its own.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = FeedbackBody)]
#[expect(dead_code, reason = "it describes what is read by hand")]
enum Answers {
    One(Feedback),
    Many(Vec<serde_json::Value>),
}

/// What a person answered to a decision, or what was measured after it.
#[derive(Serialize, ToSchema)]
struct Feedback {
    /// Its id: the same again is a repeat.
    #[schema(max_length = 256)]
    id: String,
    /// The decision: 32 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    decision_id: String,
    /// When it was given, ms UTC.
    ts: i64,
    /// `accepted`, `dismissed`, or with a `value` `rating`, `measured_change` or `reward`; `retracted`
    /// takes back what `corrects` names; `shown` and `not_shown` tell of the intervention.
    #[schema(
        pattern = "^(accepted|dismissed|rating|measured_change|reward|retracted|shown|not_shown)$"
    )]
    outcome: String,
    /// `rating`: 1 to 5; `measured_change`: standard deviations; `reward`: -8 to 8.
    value: Option<f64>,
    /// When it arrived, ms UTC; the service's clock where it is not given.
    recv_ts: Option<i64>,
    /// The person.
    #[schema(max_length = 256)]
    user_id: Option<String>,
    /// The tenant; `default` where it is not given.
    #[schema(max_length = 256)]
    tenant: Option<String>,
    /// The id of the feedback that this one corrects.
    #[schema(max_length = 256)]
    corrects: Option<String>,
    /// Nobody was asked: it is made up.
    simulated: Option<bool>,
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct None {}

/// Take feedback on decisions
///
/// Answered when all of it is durable, as readings are.
#[utoipa::path(post, path = "/v1/feedback", tag = "ingest",
    request_body(description = "Feedback.", content(
        (Answers = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "What became of each; all is durable.", body = Outcomes),
        (status = 202, description = "A bus keeps them until they are decided on.", body = Queued),
        (status = 422, description = "The one feedback was refused by a stage.",
         body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn post_feedback(
    State(app): State<App>,
    Params(None {}): Params<None>,
    received: Received,
) -> Result<Response, Problem> {
    let received = received.only(&[Media::Json, Media::Ndjson])?;
    let options = app.options(false);
    let mut intake = app.engine().intake();
    let limit = app.line_bytes_max();
    let (items, carries) = Items::of(received.media, &received.bytes)?;
    for (item, number) in items.zip(1..) {
        if item.len() > limit {
            oversized(&mut intake, number, item, &options, limit);
        } else {
            match feedback::feedback(item) {
                Ok(mut feedback) => {
                    feedback.recv_ts = feedback.recv_ts.or(options.stamp_ms);
                    intake.take_feedback(number, &feedback, item);
                }
                Err(mut refusal) => {
                    refusal.recv_ts = refusal.recv_ts.or(options.stamp_ms);
                    intake.refused_bytes(number, &refusal, item);
                }
            }
        }
        turn(number).await;
    }
    answer(&settle(&app, Sort::Feedback, intake).await?, carries)
}

/// Lets others run after every so many inputs.
pub(super) async fn turn(number: u64) {
    if number.is_multiple_of(TURN) {
        tokio::task::yield_now().await;
    }
}

pub(super) fn oversized(
    intake: &mut Intake,
    number: u64,
    item: &[u8],
    options: &Options,
    limit: usize,
) {
    let mut refusal = Refusal::oversized_line(item.len() as u64, limit);
    refusal.recv_ts = options.stamp_ms;
    intake.refused_bytes(number, &refusal, item);
}

/// The readings of an Avro container, unpacked on a thread of their own.
async fn container(app: &App, bytes: Bytes, options: Options) -> Result<Intake, Problem> {
    let mut intake = app.engine().intake();
    let most = Service::bytes(app.service().body_mib).saturating_mul(UNPACKED_TIMES);
    let until = Instant::now() + Service::seconds(app.service().request_s);
    let permit = app.within(app.unpacking().acquire_owned()).await?;
    let reading = tokio::task::spawn_blocking(move || {
        // Memory of a block is held until the container is read.
        let _permit = permit;
        let broken = |number: u64, error: &dyn std::fmt::Display| {
            let detail = format!(
                "the container breaks after record {number}: {error}; nothing of it was taken"
            );
            Problem::new(Kind::Malformed, detail)
        };
        let mut readings =
            avro::Readings::open(Cursor::new(bytes)).map_err(|error| broken(0, &error))?;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let number = readings.number();
            let record = readings.next(&options, &mut buffer);
            let Some(record) = record.map_err(|error| broken(number, &error))? else {
                return Ok(intake);
            };
            match record.outcome {
                Ok(head) => intake.reading_avro(record.number, &head.envelope, &buffer),
                Err(mut refusal) => {
                    refusal.recv_ts = refusal.recv_ts.or(options.stamp_ms);
                    intake.refused_bytes(record.number, &refusal, record.raw);
                }
            }
            if intake.bytes() > most {
                let detail = format!("the container unpacks to more than {most} bytes; send less");
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            if Instant::now() > until {
                let detail = "the container took too long to unpack; send less";
                return Err(Problem::new(Kind::TimedOut, detail));
            }
        }
    });
    match reading.await {
        Ok(taken) => taken,
        Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => Err(app.stopped()),
    }
}
