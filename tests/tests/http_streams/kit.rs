//! A client of server-sent events that reads bytes and nothing else, and what a log holds.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, command,
    http::{get, post, request},
    json_lines,
};

/// Longest silence that is waited for.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest wait for a number to come about.
const COMES_ABOUT: Duration = Duration::from_secs(60);

/// What one block of a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// A comment, without its colon.
    Comment(String),
    /// An event.
    Event(Event),
    /// Fields without data, such as `retry`.
    Control(String),
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn row(&self) -> Value {
        serde_json::from_str(&self.data).expect("the data of an event is JSON")
    }
}

/// An open stream.
pub(crate) struct Stream {
    reader: BufReader<TcpStream>,
    pub(crate) status: u16,
    pub(crate) head: String,
    chunks: Vec<u8>,
}

impl Stream {
    /// Asks for `path` with these headers.
    pub(crate) fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::over(TcpStream::connect(address).expect("the service listens"), path, headers)
    }

    fn over(mut stream: TcpStream, path: &str, headers: &[(&str, &str)]) -> Self {
        stream.set_read_timeout(Some(SILENCE)).expect("it can be set");
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("it answers") > 0, "no answer: {head}");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.expect("an answer has a status");
        Self { reader, status, head, chunks: Vec::new() }
    }

    /// The next block; none where the stream ended as it should.
    pub(crate) fn block(&mut self) -> io::Result<Option<Block>> {
        loop {
            if let Some(end) = self.chunks.windows(2).position(|two| two == b"\n\n") {
                let text: Vec<u8> = self.chunks.drain(..end + 2).collect();
                let text = String::from_utf8(text).expect("a stream is UTF-8");
                return Ok(Some(block(text.trim_end_matches('\n'))));
            }
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let length = usize::from_str_radix(line.trim_end(), 16);
            let length = length.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let mut chunk = vec![0; length + 2];
            self.reader.read_exact(&mut chunk)?;
            if length == 0 {
                assert!(self.chunks.is_empty(), "a stream ends behind a whole block");
                return Ok(None);
            }
            self.chunks.extend_from_slice(&chunk[..length]);
        }
    }

    /// The next so many events.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            match self.block().expect("the stream goes on").expect("the stream goes on") {
                Block::Event(event) => events.push(event),
                Block::Comment(_) | Block::Control(_) => {}
            }
        }
        events
    }

    /// The ids of the next so many events.
    pub(crate) fn ids(&mut self, count: usize) -> Vec<String> {
        self.take(count).into_iter().map(|event| event.id).collect()
    }
}

fn block(text: &str) -> Block {
    if let Some(comment) = text.strip_prefix(':') {
        return Block::Comment(comment.trim().into());
    }
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.next().map(str::to_owned);
        assert!(lines.next().is_none(), "{name} stands once: {text}");
        value
    };
    match (field("id: "), field("event: "), field("data: ")) {
        (Some(id), Some(kind), Some(data)) => Block::Event(Event { id, kind, data }),
        _ => Block::Control(text.into()),
    }
}

/// `P:N` of a row.
pub(crate) fn position(row: &Value) -> String {
    format!("{}:{}", row["position"]["partition"], row["position"]["n"])
}

/// All rows of a log, in its order.
pub(crate) fn log(dir: &Path) -> Vec<Value> {
    json_lines(command("events", dir).arg("--json"))
}

/// The positions of those rows behind `after` that are wanted.
pub(crate) fn behind(rows: &[Value], after: &str, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let at = rows.iter().position(|row| position(row) == after).expect("it is in the log");
    rows[at + 1..].iter().filter(|row| wanted(row)).map(position).collect()
}

/// A reading of somebody in some minute.
pub(crate) fn reading(tenant: &str, user: &str, minute: u64) -> String {
    let ts = 1_740_971_940_000 + minute * 60_000;
    let reading = json!({
        "id": format!("{tenant}-{user}-{minute}"), "tenant": tenant, "user_id": user,
        "device_id": "d", "kind": "imu", "ts": ts, "recv_ts": ts,
        "values": {"activity_counts": minute % 300, "epoch_s": 60},
    });
    format!("{reading}\n")
}

/// Gives somebody a profile, so that their readings count.
pub(crate) fn open_person(service: &Service, tenant: &str, user: &str) {
    let path = format!("/v1/users/{user}/profile?tenant={tenant}");
    let json = [("content-type", "application/json")];
    let answer = request(service.address(), "PUT", &path, &json, br#"{"zone":"Europe/Berlin"}"#);
    assert!([200, 201, 204].contains(&answer.status), "{answer:?}");
}

/// Posts readings of these people for these minutes; they are durable on return.
pub(crate) fn readings(service: &Service, people: &[&str], minutes: std::ops::Range<u64>) {
    let lines: String = minutes
        .flat_map(|minute| people.iter().map(move |user| reading("default", user, minute)))
        .collect();
    post_lines(service, &lines);
}

pub(crate) fn post_lines(service: &Service, lines: &str) {
    let address = service.address();
    let answer = post(address, "/v1/readings", "application/x-ndjson", lines.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The value of a metric with its labels, now.
pub(crate) fn metric(service: &Service, name: &str) -> f64 {
    let answer = get(service.address(), "/metrics");
    let text = String::from_utf8(answer.body).expect("metrics are text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is missing: {text}"))
}

/// Waits until a metric has a value that is enough.
pub(crate) fn wait_for(service: &Service, name: &str, enough: impl Fn(f64) -> bool) -> f64 {
    let began = Instant::now();
    loop {
        let value = metric(service, name);
        if enough(value) {
            return value;
        }
        assert!(began.elapsed() < COMES_ABOUT, "{name} is {value}: {}", service.said());
        thread::sleep(Duration::from_millis(50));
    }
}
