//! Just enough HTTP to ask a service and Prometheus on loopback: one request a connection.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Longest time for one answer.
const TIME_OUT: Duration = Duration::from_secs(30);

/// An answer: its status and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks and waits for the whole answer; an error where nobody answers.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    media_type: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = begin(address, method, path, media_type, body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = head else { return Err(std::io::ErrorKind::UnexpectedEof.into()) };
    let first = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Ok(Answer { status, body: bytes[end + 4..].to_vec() })
}

/// Asks. HTTP/1.0, so that a body ends with its connection.
pub(crate) fn begin(
    address: SocketAddr,
    method: &str,
    path: &str,
    media_type: &str,
    body: &[u8],
) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIME_OUT))?;
    let typed =
        if body.is_empty() { String::new() } else { format!("content-type: {media_type}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\n{typed}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    Ok(stream)
}

/// A value as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
