//! What a service lives through while it is watched: profiles, readings with their dirt, answers to
//! what it decided, questions, and somebody who follows its events.

use std::{
    fs,
    io::Read,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};
use zeitgeber_tests::{sample_dir, sample_lines};

use super::http::{Answer, ask, begin};

/// Lines of one request.
const LINES: usize = 600;
/// Pause between two requests, so that rates are seen over many scrapes.
const PAUSE: Duration = Duration::from_millis(400);
/// Interventions asked for at a time.
const PAGE: usize = 500;

/// Requests that go on until they are stopped.
#[derive(Debug)]
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<Sent>,
    follower: JoinHandle<usize>,
}

#[derive(Debug, Default)]
struct Sent {
    readings: usize,
    answers: usize,
}

impl Traffic {
    /// Begins: profiles, then pieces of the sample for as long as it lasts.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let profiles = profiles(address);
        assert!(profiles > 0, "the sample has people");
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let sender = std::thread::spawn(move || send(address, &stopping));
        let stopping = Arc::clone(&stop);
        let follower = std::thread::spawn(move || follow(address, &stopping));
        Self { stop, sender, follower }
    }

    /// Ends it; tells what was sent.
    pub(crate) fn stop(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().expect("the sender met no refusal");
        assert!(sent.answers > 0, "interventions were answered: {sent:?}");
        let bytes = self.follower.join().expect("the follower meets no refusal");
        assert!(bytes > 0, "the subscriber heard of something");
        let Sent { readings, answers } = sent;
        format!("{readings} readings and {answers} answers sent, {bytes} bytes of events heard")
    }
}

/// Puts every profile of the sample.
fn profiles(address: SocketAddr) -> usize {
    let text = fs::read(sample_dir().join("users.json")).expect("the sample has people");
    let users: Value = serde_json::from_slice(&text).expect("people are JSON");
    let users = users["users"].as_array().expect("people stand in a list");
    for user in users {
        let id = user["user_id"].as_str().expect("a person has an id");
        let mut body = user.clone();
        body.as_object_mut().expect("a person is an object").remove("user_id");
        let path = format!("/v1/users/{id}/profile");
        well(ask(address, "PUT", &path, "application/json", body.to_string().as_bytes()), &path);
    }
    users.len()
}

fn send(address: SocketAddr, stop: &AtomicBool) -> Sent {
    let mut sent = Sent::default();
    let mut after = None;
    for piece in sample_lines().chunks(LINES).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = piece.join(&b'\n');
        let path = "/v1/readings";
        well(ask(address, "POST", path, "application/x-ndjson", &body), path);
        sent.readings += piece.len();
        sent.answers += answer(address, &mut after);
        std::thread::sleep(PAUSE);
    }
    sent
}

/// Follows every event until it is to stop; gives the bytes that came.
fn follow(address: SocketAddr, stop: &AtomicBool) -> usize {
    let mut stream = begin(address, "GET", "/v1/stream", "", b"").expect("the service listens");
    let (mut buffer, mut bytes) = (vec![0; 65_536], 0);
    while !stop.load(Ordering::Relaxed) {
        let count = stream.read(&mut buffer).expect("heartbeats come before the time-out");
        assert!(count > 0, "the stream ended after {bytes} bytes");
        bytes += count;
    }
    bytes
}

/// Accepts every intervention that was issued since the last look.
fn answer(address: SocketAddr, after: &mut Option<String>) -> usize {
    let from = after.as_deref().map_or_else(String::new, |after| format!("&after={after}"));
    let path = format!("/v1/events?type=intervention_issued&limit={PAGE}{from}");
    let page = well(ask(address, "GET", &path, "", &[]), &path).json();
    if let Some(next) = page["next"].as_str() {
        *after = Some(next.into());
    }
    let events = page["events"].as_array().expect("a page has events");
    let lines = events.iter().map(|row| {
        let (decision, ts) = (&row["event"]["decision_id"], row["ts"].as_i64().unwrap_or(0));
        let id = format!("answer-{}", decision.as_str().expect("a decision has an id"));
        let body = json!({ "id": id, "decision_id": decision, "user_id": row["user_id"],
            "ts": ts + 1, "recv_ts": row["recv_ts"], "outcome": "accepted", "simulated": true });
        body.to_string()
    });
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let path = "/v1/feedback";
        let body = lines.join("\n");
        well(ask(address, "POST", path, "application/x-ndjson", body.as_bytes()), path);
    }
    lines.len()
}

fn well(answer: std::io::Result<Answer>, path: &str) -> Answer {
    let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}
