//! Following a service's events (server-sent events), over every break of the connection.
//!
//! The id of the last event that was handed out goes with the next connection, so that nothing
//! comes twice and nothing is left out (WHATWG HTML, 9.2). An event that a break cut in half is
//! not handed out; it comes again whole.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
    time::Duration,
};

use http::{Method, Request, header};
use ureq::BodyReader;

use super::{ANSWER, Call, Client, ClientError, SILENCE, Token, patience::rest};

/// Longest line of a stream, bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// The pause before a connection is made again that ended without an event.
const PAUSE: Duration = Duration::from_millis(500);

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Its id: the position `P:N`.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its data.
    pub data: String,
}

/// A stream that is followed.
pub struct Follow {
    client: Client,
    query: Vec<(&'static str, String)>,
    last: Option<String>,
    connection: Option<BufReader<BodyReader<'static>>>,
}

impl Client {
    /// Follows the events that come after the one with the id `after`; without one, those that
    /// come from now on.
    pub fn follow(&self, query: Vec<(&'static str, String)>, after: Option<String>) -> Follow {
        Follow { client: self.clone(), query, last: after, connection: None }
    }

    fn connect(
        &self,
        query: &[(&str, String)],
        last: Option<&str>,
    ) -> Result<BufReader<BodyReader<'static>>, ClientError> {
        let call = Call::get(&["v1", "stream"], query);
        let url = self.address.join(call.path, call.query);
        let mut request = Request::builder().method(Method::GET).uri(&url);
        request = request.header(header::ACCEPT, "text/event-stream");
        if let Some(Token(token)) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request
            .body(())
            .map_err(|error| ClientError::Url { url: url.clone(), problem: error.to_string() })?;
        let request = self.agent.configure_request(request);
        let request =
            request.timeout_recv_response(Some(ANSWER)).timeout_per_read(Some(SILENCE)).build();
        let response = self.agent.run(request).map_err(|error| self.unreachable(error))?;
        self.note_version(&response);
        if !response.status().is_success() {
            return Err(self.problem(response));
        }
        Ok(BufReader::new(response.into_body().into_reader()))
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = self.connection.is_some();
        f.debug_struct("Follow").field("last", &self.last).field("connected", &connected).finish()
    }
}

impl Follow {
    /// Connects, so that what happens from here on is not missed.
    pub fn connect(&mut self) -> Result<(), ClientError> {
        if self.connection.is_none() {
            let (client, query, last) = (&self.client, &self.query, self.last.as_deref());
            let made = client.patience.persist(&client.stop, || client.connect(query, last))?;
            self.connection = Some(made);
        }
        Ok(())
    }

    /// Waits for the next event, connecting again as often as needed.
    #[expect(clippy::should_implement_trait, reason = "an endless stream with errors is no list")]
    pub fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            self.connect()?;
            let Some(connection) = &mut self.connection else { continue };
            match event(connection) {
                Ok(Some(event)) => {
                    if !event.id.is_empty() {
                        self.last = Some(event.id.clone());
                    }
                    return Ok(event);
                }
                Ok(None) | Err(_) => {
                    self.connection = None;
                    rest(PAUSE, &self.client.stop)?;
                }
            }
        }
    }
}

/// Reads one event; none where the stream ends before it is whole.
fn event(from: &mut impl BufRead) -> io::Result<Option<Event>> {
    let mut event = Event::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let Some(text) = line.strip_suffix(b"\n") else { return Ok(None) };
        let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text));
        if text.is_empty() {
            if event.data.is_empty() {
                event = Event::default();
                continue;
            }
            event.data.pop();
            return Ok(Some(event));
        }
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = value.to_owned(),
            "event" => event.kind = value.to_owned(),
            "data" => {
                event.data.push_str(value);
                event.data.push('\n');
            }
            // Comments are heartbeats; unknown fields are for others.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_past_heartbeats_and_a_cut_one_is_not_handed_out() {
        let text = ": beat\n\nid: 3:7\r\nevent: decision_made\r\ndata: {\"a\":\ndata:1}\r\n\r\n\
                    :\nretry: 10\n\nid:3:8\ndata: x\n\nid: 3:9\ndata: cut\n";
        let mut from = text.as_bytes();
        let first = event(&mut from).expect("no fault").expect("a whole event");
        assert_eq!((first.id.as_str(), first.kind.as_str()), ("3:7", "decision_made"));
        assert_eq!(first.data, "{\"a\":\n1}");
        let second = event(&mut from).expect("no fault").expect("a whole event");
        assert_eq!((second.id.as_str(), second.data.as_str()), ("3:8", "x"));
        assert_eq!(event(&mut from).expect("no fault"), None);
    }
}
