//! Live streams over HTTP: server-sent events, and the same rows over WebSocket.
//!
//! A response is a subscription of the [`Hub`](crate::stream::Hub) and nothing besides: the text
//! of an event is rendered once there and only copied here. A client that takes nothing is cut off
//! twice over: by the hub, whose queues are bounded, and by the connection, whose writes are.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{SinkExt, stream::unfold};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Deserialize;
use tokio::time::{Instant, interval_at, timeout};
use utoipa::{IntoParams, OpenApi};
use zeitgeber_schemas::person_key;

use super::{
    App, Kind, Params, Problem, ProblemBody, Scope,
    carried::Carried,
    extract::{check_id, checked_tenant, default_tenant},
};
use crate::{
    config::Service,
    query::{Position, Topic},
    stream::{Begin, Ended, Filter, SubscribeError},
    telemetry::Transport,
};

/// Bytes of events that are written together, at least one event.
const WRITE_BYTES: usize = 16 << 10;
/// What a client may wait before it comes back, ms.
const RETRY_MS: u32 = 2_000;
/// Largest message of a WebSocket client, bytes: it has nothing to say but pings.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Largest backlog of a WebSocket connection, bytes; a longer row may still be written alone.
const BACKLOG_BYTES_MAX: usize = 4 << 20;
/// How long a WebSocket client has to answer that it is closed.
const FAREWELL: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

#[derive(OpenApi)]
#[openapi(paths(get_stream, get_ws))]
pub(super) struct Api;

pub(super) fn routes(app: &App) -> Router<App> {
    let read = Router::new().route("/v1/stream", get(get_stream)).route("/v1/ws", get(get_ws));
    app.scoped(Scope::Read, read)
}

/// Which events are wanted, from where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Topics, separated by commas; every topic where none is given.
    #[param(min_length = 1, max_length = 1024, nullable = false)]
    topic: Option<String>,
    /// Events of this person only.
    #[param(min_length = 1, max_length = 256, nullable = false)]
    user: Option<String>,
    /// Events of this pool of agents only; not together with `user`.
    #[param(min_length = 1, max_length = 256, nullable = false)]
    pool: Option<String>,
    /// Events that name this agent only.
    #[param(min_length = 1, max_length = 256, nullable = false)]
    agent: Option<String>,
    /// The tenant of the person or the pool; `default` where it is not given.
    #[serde(default = "default_tenant")]
    #[param(min_length = 1, max_length = 256, pattern = "^[^/]+$", required = false)]
    tenant: String,
    /// What follows the event that came with this `id`: `PARTITION:NUMBER`, or, in streams of
    /// several partitions of a log in a database, a token; from now on where it is not given. The
    /// header `last-event-id` comes first.
    #[param(pattern = "^([0-9]{1,4}:[0-9]{1,18}|v1\\.[A-Za-z0-9_-]{1,15000})$", nullable = false)]
    after: Option<String>,
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        let names = self.topic.iter().flat_map(|topics| topics.split(','));
        let topics = names.map(|name| name.trim().parse::<Topic>()).collect::<Result<_, _>>();
        let topics =
            topics.map_err(|error| Problem::new(Kind::Malformed, format!("`topic`: {error}")))?;
        let tenant = checked_tenant(self.tenant.clone())?;
        if self.user.is_some() && self.pool.is_some() {
            return Err(Problem::new(Kind::Malformed, "give `user` or `pool`, not both"));
        }
        let key = |what: &str, name: &Option<String>| match name.as_deref() {
            None => Ok::<_, Problem>(None),
            Some(name) => {
                check_id(what, name)?;
                Ok(Some(person_key(&tenant, name).into_owned()))
            }
        };
        let (person, pool) = (key("`user`", &self.user)?, key("`pool`", &self.pool)?);
        if let Some(agent) = &self.agent {
            check_id("`agent`", agent)?;
        }
        Ok(Filter { topics, person, pool, agent: self.agent.clone() })
    }

    fn begin(&self, headers: &HeaderMap) -> Result<Begin, Problem> {
        let header = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty());
        let (what, text) = match (header, &self.after) {
            (Some(id), _) => ("the header `last-event-id`", String::from_utf8_lossy(id.as_bytes())),
            (None, Some(after)) => ("`after`", after.as_str().into()),
            (None, None) => return Ok(Begin::Now),
        };
        let token = || text.parse().map(Begin::Behind);
        text.parse::<Position>().map(Begin::After).or_else(|_| token()).map_err(|_| {
            let text: String = text.chars().take(80).collect();
            let detail = format!(
                "{what} is {text:?}; it must be the id that came with an event: PARTITION:NUMBER, \
                 or a token as this service gives it"
            );
            Problem::new(Kind::Malformed, detail)
        })
    }

    async fn subscribe(
        &self,
        app: &App,
        headers: &HeaderMap,
        transport: Transport,
    ) -> Result<Carried, Problem> {
        app.check_running()?;
        let (filter, begin) = (self.filter()?, self.begin(headers)?);
        let hub = app.streams();
        let subscription = hub.subscribe(filter, begin).map_err(|error| {
            let detail = error.to_string();
            match error {
                SubscribeError::Busy { .. } => Problem::new(Kind::Busy, detail),
                SubscribeError::Position(_)
                | SubscribeError::OneOfMany
                | SubscribeError::OtherLog => Problem::new(Kind::Malformed, detail),
                SubscribeError::Stopped => match hub.failure() {
                    Some(failure) => {
                        let detail = format!("the log could not be read: {failure}");
                        Problem::new(Kind::JournalFailed, detail)
                    }
                    None => app.stopped(),
                },
            }
        })?;
        subscription.joined().await;
        Ok(Carried::new(subscription, transport, app.service()))
    }
}

/// Events as they become durable (server-sent events)
///
/// Each event comes with `id` (its position), `event` (its type) and `data`: the row that
/// `/v1/events` has for it, on one line. A client that comes back with the last id gets everything
/// since, in the log's order, without gap or repeat. On a log in a database the order is that of
/// each partition, any node goes on where another one ended, and the `id` in a stream of several
/// partitions is a token for all of them; it comes once before the first event, too. A quiet
/// stream shows by comments that it lives. A client that takes its events too slowly for the
/// service to keep them is served from the log until it is up to date, and cut off when it takes
/// none at all.
#[utoipa::path(get, path = "/v1/stream", tag = "streams",
    params(Wanted,
        ("last-event-id" = Option<String>, Header,
         description = "The id of the last event that came: the stream goes on behind it.")),
    responses(
        (status = 200, description = "Events until the client or the service ends.",
         body = String, content_type = "text/event-stream"),
    ),
)]
async fn get_stream(
    State(app): State<App>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let carried = wanted.subscribe(&app, &headers, Transport::Sse).await?;
    let heartbeat = Service::seconds(app.service().heartbeat_s);
    let watch = carried.watch();
    let events = Events { carried, heartbeat, stage: Stage::Begin };
    let mut response = Body::from_stream(unfold(events, Events::next)).into_response();
    // Nobody asks the body for more while its client takes nothing, so the connection looks.
    response.extensions_mut().insert(watch);
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    carried: Carried,
    heartbeat: Duration,
    stage: Stage,
}

enum Stage {
    Begin,
    Live,
    Over,
}

impl Events {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let text = match self.stage {
            Stage::Over => return None,
            Stage::Begin => {
                self.stage = Stage::Live;
                self.carried.ids().begin(RETRY_MS)
            }
            Stage::Live => match timeout(self.heartbeat, self.carried.take(WRITE_BYTES)).await {
                Err(_) => Bytes::from_static(b": here\n\n"),
                Ok(Ok(frames)) => {
                    self.carried.written(&frames);
                    self.carried.ids().text(&frames)
                }
                Ok(Err(ended)) => {
                    self.stage = Stage::Over;
                    Bytes::from(format!(": {ended}\n\n"))
                }
            },
        };
        Some((Ok(text), self))
    }
}

/// The same events over WebSocket
///
/// Each row is one text message: a JSON object as in `/v1/events`, with the event's `id` before
/// all else. The service pings a quiet client. It closes with 1001 where it stops and with 1011
/// where the log cannot be read. A client that takes nothing is cut off without a word, since it
/// would not take that either.
#[utoipa::path(get, path = "/v1/ws", tag = "streams",
    params(Wanted,
        ("last-event-id" = Option<String>, Header,
         description = "The id of the last event that came: the stream goes on behind it.")),
    responses(
        (status = 101, description = "Rows until the client or the service ends."),
        (status = 426, description = "The request does not ask for a WebSocket in a way that the \
         connection allows.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn get_ws(
    State(app): State<App>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| {
        let kind = match error {
            WebSocketUpgradeRejection::ConnectionNotUpgradable(_) => Kind::UpgradeRequired,
            _ => Kind::Malformed,
        };
        Problem::new(kind, format!("this path speaks WebSocket: {}", error.body_text()))
    })?;
    let carried = wanted.subscribe(&app, &headers, Transport::WebSocket).await?;
    let heartbeat = Service::seconds(app.service().heartbeat_s);
    let upgrade = upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(BACKLOG_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| talk(socket, carried, heartbeat)))
}

/// Sends rows until one of the two ends.
async fn talk(mut socket: WebSocket, mut carried: Carried, heartbeat: Duration) {
    let mut pings = interval_at(Instant::now() + heartbeat, heartbeat);
    let ended = loop {
        let sent = tokio::select! {
            taken = carried.take(WRITE_BYTES) => match taken {
                Ok(frames) => {
                    pings.reset();
                    let rows = carried.ids().rows(&frames);
                    let sent = tokio::select! {
                        sent = send(&mut socket, rows) => sent,
                        () = carried.cut_off() => return,
                    };
                    carried.written(&frames);
                    sent
                }
                Err(ended) => break ended,
            },
            // Pings are answered by the library; whatever else the client says is passed over.
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_))) => {
                    // The library has its answer ready; it goes out with a flush.
                    drop(timeout(FAREWELL, socket.flush()).await);
                    return;
                }
                None => return,
                Some(said) => said.map(drop),
            },
            _ = pings.tick() => socket.send(Message::Ping(Bytes::new())).await,
        };
        if sent.is_err() {
            return;
        }
    };
    drop(carried);
    let close = CloseFrame { code: code(ended), reason: ended.to_string().into() };
    if socket.send(Message::Close(Some(close))).await.is_ok() {
        // Whoever closes first would break off the last rows.
        drop(timeout(FAREWELL, async { while let Some(Ok(_)) = socket.recv().await {} }).await);
    }
}

const fn code(ended: Ended) -> u16 {
    match ended {
        Ended::Stopping | Ended::Dropped => close_code::AWAY,
        Ended::Slow => close_code::POLICY,
        Ended::Failed => close_code::ERROR,
    }
}

async fn send(socket: &mut WebSocket, rows: Vec<String>) -> Result<(), axum::Error> {
    for row in rows {
        socket.feed(Message::Text(row.into())).await?;
    }
    socket.flush().await
}
