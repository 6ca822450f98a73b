//! A client that sends exactly the bytes it is told to: one request a connection.
//!
//! It is small on purpose: a test of broken requests needs one that mends nothing.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longest time that an answer is waited for.
const TIME_OUT: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer that bytes begin with, and how many it takes.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&bytes[..head]);
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
        let body = bytes.get(head + 4..head + 4 + length)?.to_vec();
        Some((Self { status, headers, body }, head + 4 + length))
    }
}

/// A connection.
///
/// # Panics
///
/// If there is none to be had.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(TIME_OUT)).expect("a time-out can be set");
    stream
}

/// Reads until the other side closes (or breaks off); gives every whole answer.
pub fn answers(stream: &mut TcpStream) -> Vec<Answer> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    // A connection that was cut off is as good as one that was closed.
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((answer, length)) = Answer::read(&bytes[at..]) {
        found.push(answer);
        at += length;
    }
    found
}

/// Sends a request and gives its answer.
///
/// # Panics
///
/// If there is none.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut stream = connect(address);
    // A service that refuses a body answers before it has taken all of it.
    drop(stream.write_all(&[head.as_bytes(), body].concat()));
    let mut found = answers(&mut stream);
    assert_eq!(found.len(), 1, "{method} {path} is answered once: {found:?}");
    found.remove(0)
}

/// `GET path`.
pub fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[], b"")
}

/// `POST path` of a body of this type.
pub fn post(address: SocketAddr, path: &str, media: &str, body: &[u8]) -> Answer {
    request(address, "POST", path, &[("content-type", media)], body)
}
