//! Measures a running service over loopback: the server and the loader share this machine's cores.
//!
//! The server is this very program, started as `zeitgeber serve` on an empty directory. Four runs
//! follow each other on one log, each on readings of its own: as fast as possible in batches; half
//! as fast, while a few clients ask for people's status; single readings by many clients; and a
//! steady stream, timed from the moment a reading is sent until the intervention that it causes is
//! read from the event stream.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet, time};

use super::{
    Latency,
    load::Load,
    server::{Server, ServerError},
};
use crate::door::profile::Profile;

mod wire;

use wire::{Connection, Stream};

/// Readings of one request in the batch runs.
const BATCH_READINGS: usize = 1_000;
/// Clients that send batches.
const BATCH_CLIENTS: usize = 4;
/// Clients that send single readings, each waiting for its answer.
const SINGLE_CLIENTS: usize = 64;
/// Readings of one request in the steady stream.
const STEADY_READINGS: usize = 100;
/// Readings a second in the steady stream.
const STEADY_PER_S: f64 = 10_000.0;
/// Clients that ask for a status.
const STATUS_CLIENTS: u32 = 4;
/// Questions for a status that are spread over their run: a p99 rests on 24 of them.
const STATUS_QUESTIONS: u32 = 2_400;
/// How long the stream is read after the last reading.
const STRAGGLERS: Duration = Duration::from_secs(2);
const NDJSON: &str = "application/x-ndjson";

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct HttpFigures {
    /// Readings a second in batches of 1,000 from 4 clients, durable.
    pub batch_readings_per_s: f64,
    /// The server's processor time for one of them, us.
    pub batch_server_us_per_reading: f64,
    /// From a batch sent to its answer.
    pub batch: Latency,
    /// One person's status while batches come in at half that rate.
    pub status_at_half_rate: Latency,
    /// Readings a second, one a request, from 64 clients, durable.
    pub single_readings_per_s: f64,
    /// From a single reading sent to its answer.
    pub single: Latency,
    /// From a reading sent to its intervention read from the stream, at 10,000 readings/s.
    pub visible: Latency,
    /// Resident memory of the server at the end, MiB.
    pub server_rss_mib: f64,
}

/// Why the measurement stopped.
#[derive(Debug, thiserror::Error)]
pub enum HttpBenchError {
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A request.
    #[error("a request failed: {0}")]
    Request(#[from] io::Error),
}

/// Runs everything against a server on `dir`. `say` hears what is going on.
pub fn run(dir: &Path, load: &Load, say: impl FnMut(&str)) -> Result<HttpFigures, HttpBenchError> {
    let server = Server::start(["--data-dir".as_ref(), dir.as_os_str()])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(&server, load, say));
    server.stop()?;
    Ok(figures?)
}

async fn measure(
    server: &Server,
    load: &Load,
    mut say: impl FnMut(&str),
) -> io::Result<HttpFigures> {
    let address = server.address();
    say("people's profiles");
    profiles(address, load).await?;
    let lines: Vec<&[u8]> = load.lines().collect();
    let (bulk, rest) = lines.split_at(lines.len() / 4);
    // The longest part, so that there is time for many questions.
    let (half, rest) = rest.split_at(lines.len() / 2);
    let (single, steady) = rest.split_at(rest.len() / 2);
    say("batches, as fast as they go");
    let cpu = server.cpu_seconds();
    let started = Instant::now();
    let batch = batches(address, &bodies(bulk, BATCH_READINGS), None).await?;
    let rate = bulk.len() as f64 / started.elapsed().as_secs_f64();
    let cpu = server.cpu_seconds() - cpu;
    say("status, while batches come at half the rate");
    let status = status(address, load, &bodies(half, BATCH_READINGS), rate / 2.0).await?;
    say("single readings");
    let started = Instant::now();
    let singly = singles(address, single).await?;
    let single_rate = single.len() as f64 / started.elapsed().as_secs_f64();
    say("from reading to intervention on the stream");
    let visible = visible(address, steady).await?;
    Ok(HttpFigures {
        batch_readings_per_s: rate,
        batch_server_us_per_reading: cpu * 1e6 / bulk.len() as f64,
        batch: Latency::of(batch),
        status_at_half_rate: Latency::of(status),
        single_readings_per_s: single_rate,
        single: Latency::of(singly),
        visible: Latency::of(visible),
        server_rss_mib: server.rss_mib(),
    })
}

fn bodies(lines: &[&[u8]], readings: usize) -> Vec<Bytes> {
    lines.chunks(readings).map(|lines| Bytes::from(lines.join(&b'\n'))).collect()
}

async fn profiles(address: SocketAddr, load: &Load) -> io::Result<()> {
    let mut connection = Connection::open(address).await?;
    for profile in load.profiles() {
        let path = format!("/v1/users/{}/profile", profile.user_id);
        connection.put(&path, profile_body(&profile).to_string().into()).await?;
    }
    Ok(())
}

/// A profile as a producer of the bus sends it.
#[cfg(feature = "cluster")]
pub(super) fn profile_document(profile: &Profile) -> serde_json::Value {
    let mut document = profile_body(profile);
    document["user_id"] = json!(profile.user_id);
    document["tenant"] = json!(profile.tenant);
    document
}

fn profile_body(profile: &Profile) -> serde_json::Value {
    let body = &profile.body;
    let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut json = json!({
        "sleep": { "start": time(body.sleep_start_min), "end": time(body.sleep_end_min) },
        "device_scale": body.device_scale.as_str(),
        "channel": body.channel,
    });
    match &body.zone {
        Some(zone) => json["zone"] = json!(zone),
        None => json["tz_offset_min"] = json!(body.offset_min),
    }
    if let Some(device) = &body.primary_device {
        json["primary_device"] = json!(device);
    }
    json
}

/// Sends bodies from several clients, all at once or at `pace` batches' beginnings apart.
async fn batches(
    address: SocketAddr,
    bodies: &[Bytes],
    pace: Option<Duration>,
) -> io::Result<Vec<Duration>> {
    let mut clients = JoinSet::new();
    let started = time::Instant::now();
    for client in 0..BATCH_CLIENTS {
        let mut connection = Connection::open(address).await?;
        let numbered = bodies.iter().cloned().zip(0u32..).skip(client).step_by(BATCH_CLIENTS);
        let mine: Vec<(Bytes, u32)> = numbered.collect();
        clients.spawn(async move {
            let mut times = Vec::with_capacity(mine.len());
            for (body, number) in mine {
                if let Some(pace) = pace {
                    time::sleep_until(started + pace * number).await;
                }
                let sent = Instant::now();
                connection.post("/v1/readings", NDJSON, body).await?;
                times.push(sent.elapsed());
            }
            io::Result::Ok(times)
        });
    }
    joined(clients).await
}

async fn joined(mut clients: JoinSet<io::Result<Vec<Duration>>>) -> io::Result<Vec<Duration>> {
    let mut all = Vec::new();
    while let Some(times) = clients.join_next().await {
        all.extend(times.map_err(io::Error::other)??);
    }
    Ok(all)
}

/// Sends bodies at a pace, and as evenly over their time asks for people's status.
async fn status(
    address: SocketAddr,
    load: &Load,
    bodies: &[Bytes],
    readings_per_s: f64,
) -> io::Result<Vec<Duration>> {
    let people: Vec<String> = load.profiles().map(|profile| profile.user_id).collect();
    let pace = Duration::from_secs_f64(BATCH_READINGS as f64 / readings_per_s);
    let every = pace * bodies.len() as u32 / STATUS_QUESTIONS;
    let is_over = Arc::new(AtomicBool::new(false));
    let (mut clients, started) = (JoinSet::new(), time::Instant::now());
    for client in 0..STATUS_CLIENTS {
        let mut connection = Connection::open(address).await?;
        let (people, is_over) = (people.clone(), Arc::clone(&is_over));
        clients.spawn(async move {
            let mut times = Vec::new();
            let mine = (client..).step_by(STATUS_CLIENTS as usize);
            for (user, number) in people.iter().cycle().zip(mine) {
                time::sleep_until(started + every * number).await;
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let asked = Instant::now();
                connection.get(&format!("/v1/users/{user}/status")).await?;
                times.push(asked.elapsed());
            }
            io::Result::Ok(times)
        });
    }
    batches(address, bodies, Some(pace)).await?;
    is_over.store(true, Ordering::Relaxed);
    joined(clients).await
}

async fn singles(address: SocketAddr, lines: &[&[u8]]) -> io::Result<Vec<Duration>> {
    let mut clients = JoinSet::new();
    for client in 0..SINGLE_CLIENTS {
        let mut connection = Connection::open(address).await?;
        let mine: Vec<Bytes> = lines
            .iter()
            .skip(client)
            .step_by(SINGLE_CLIENTS)
            .map(|line| Bytes::copy_from_slice(line))
            .collect();
        clients.spawn(async move {
            let mut times = Vec::with_capacity(mine.len());
            for body in mine {
                let sent = Instant::now();
                connection.post("/v1/readings", NDJSON, body).await?;
                times.push(sent.elapsed());
            }
            io::Result::Ok(times)
        });
    }
    joined(clients).await
}

async fn visible(address: SocketAddr, lines: &[&[u8]]) -> io::Result<Vec<Duration>> {
    let mut stream = Stream::open(address, "/v1/stream?topic=interventions").await?;
    let (seen_in, mut seen) = mpsc::unbounded_channel();
    let reading = tokio::spawn(async move {
        while let Ok(Some((rows, came))) = stream.next().await {
            for row in rows {
                let row: serde_json::Value = serde_json::from_slice(&row).unwrap_or_default();
                let issued = row["type"] == "intervention_issued";
                if let (true, Some(id)) = (issued, row["input_id"].as_str()) {
                    drop(seen_in.send((id.to_owned(), came)));
                }
            }
        }
    });
    let mut connection = Connection::open(address).await?;
    let mut sent: HashMap<String, Instant> = HashMap::new();
    let pace = Duration::from_secs_f64(STEADY_READINGS as f64 / STEADY_PER_S);
    let started = time::Instant::now();
    for (batch, number) in lines.chunks(STEADY_READINGS).zip(0u32..) {
        time::sleep_until(started + pace * number).await;
        let now = Instant::now();
        sent.extend(batch.iter().filter_map(|line| Some((id_of(line)?, now))));
        connection.post("/v1/readings", NDJSON, batch.join(&b'\n').into()).await?;
    }
    time::sleep(STRAGGLERS).await;
    reading.abort();
    seen.close();
    let mut times = Vec::new();
    while let Ok((id, came)) = seen.try_recv() {
        times.extend(sent.get(&id).map(|at| came.saturating_duration_since(*at)));
    }
    Ok(times)
}

/// The `id` of a reading's line, as producers write it.
fn id_of(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(br#"{"id":""#)?;
    let end = memchr::memchr(b'"', rest)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}
