//! Bodies: received whole, within bounds of size and time, and of a type that is taken.

use std::{sync::atomic::Ordering, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use tokio::time::{Instant, timeout};

use super::{App, Kind, Problem};
use crate::config::Service;

/// What is read of a body that is refused, bytes.
const DRAIN_BYTES_MAX: usize = 16 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// One JSON object or array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// An Avro object container.
    Avro,
}

impl Media {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let refused = |detail: String| Problem::new(Kind::UnsupportedMediaType, detail);
        if let Some(encoding) = headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(refused("send the body as it is, without `content-encoding`".into()));
        }
        let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or("").to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"'))
        });
        if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
            return Err(refused("only UTF-8 is read".into()));
        }
        match media.as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" => Ok(Self::Ndjson),
            "application/vnd.apache.avro" => Ok(Self::Avro),
            "" => Err(refused("say what the body is by `content-type`".into())),
            _ => {
                let media: String = media.chars().take(100).collect();
                Err(refused(format!("`content-type: {media}` is not read here")))
            }
        }
    }
}

/// A body that arrived whole.
pub struct Received {
    /// What it is.
    pub media: Media,
    /// Its bytes.
    pub bytes: Bytes,
    _room: Room,
}

impl Received {
    /// Refuses a body of any type but these.
    pub fn only(self, taken: &[Media]) -> Result<Self, Problem> {
        if taken.contains(&self.media) {
            return Ok(self);
        }
        let detail = "this path takes application/json (and application/x-ndjson where a list is)";
        Err(Problem::new(Kind::UnsupportedMediaType, detail))
    }
}

/// Room within the bound of all bodies, given back when it is dropped.
struct Room {
    app: App,
    bytes: usize,
}

impl Room {
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let held = self.app.0.bodies.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        // One body alone always fits, however small the bound.
        let alone = held + bytes == self.bytes;
        if alone || held + bytes <= Service::bytes(self.app.service().bodies_mib) {
            return Ok(());
        }
        Err(Problem::new(Kind::Busy, "too many bodies are arriving; try again in a moment"))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.app.0.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl FromRequest<App> for Received {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        app.check_running()?;
        let limit = Service::bytes(app.service().body_mib);
        let media = match Media::of(request.headers()) {
            Ok(media) => media,
            Err(problem) => return Err(refuse(request.into_body(), problem).await),
        };
        let length = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit as u64) {
            return Err(refuse(request.into_body(), too_large(limit)).await);
        }
        let mut room = Room { app: app.clone(), bytes: 0 };
        room.grow(length.unwrap_or(0) as usize)?;
        let bytes = collect(request.into_body(), limit, &mut room).await?;
        Ok(Self { media, bytes, _room: room })
    }
}

async fn collect(mut body: Body, limit: usize, room: &mut Room) -> Result<Bytes, Problem> {
    let service = room.app.service();
    let pause = Service::seconds(service.read_s);
    let deadline = Instant::now() + Service::seconds(service.request_s);
    let mut first = Bytes::new();
    let mut all: Vec<u8> = Vec::new();
    let mut length = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(data) = next(&mut body, pause.min(left)).await? else { break };
        length += data.len();
        if length > limit {
            return Err(refuse(body, too_large(limit)).await);
        }
        if length > room.bytes {
            room.grow(length - room.bytes)?;
        }
        if length == data.len() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve_exact(room.bytes.max(length));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Takes some of a body that is refused: a connection that is closed on unread bytes would take
/// the answer away from its client.
async fn refuse(mut body: Body, problem: Problem) -> Problem {
    let drained = async {
        let mut left = DRAIN_BYTES_MAX;
        while let Ok(Some(data)) = next(&mut body, DRAIN_TIME).await
            && data.len() < left
        {
            left -= data.len();
        }
    };
    drop(timeout(DRAIN_TIME, drained).await);
    problem
}

async fn next(body: &mut Body, wait: Duration) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = timeout(wait, body.frame())
            .await
            .map_err(|_| Problem::new(Kind::ClientTimedOut, "the body did not arrive in time"))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                let detail = format!("the body broke off: {error}");
                return Err(Problem::new(Kind::Malformed, detail));
            }
            // Anything else is trailers, of which nothing is wanted.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is larger than {limit} bytes; send it in parts");
    Problem::new(Kind::TooLarge, detail)
}
