//! The same events over WebSocket.

use std::{io, net::TcpStream, time::Duration};

use serde_json::Value;
use tungstenite::{
    Message, WebSocket, client::IntoClientRequest, handshake::client::generate_key,
    protocol::frame::coding::CloseCode,
};
use zeitgeber_tests::{Service, dir, http::get};

use crate::kit::{behind, log, position, readings};

fn open(service: &Service, path: &str, after: Option<&str>) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(service.address()).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    let url = format!("ws://{}{path}", service.address());
    let mut request = url.into_client_request().expect("it is a URL");
    let key = generate_key().parse().expect("a key is a header's value");
    request.headers_mut().insert("sec-websocket-key", key);
    if let Some(after) = after {
        let after = after.parse().expect("an id is a header's value");
        request.headers_mut().insert("last-event-id", after);
    }
    tungstenite::client(request, stream).expect("it is a WebSocket").0
}

/// The next so many rows.
fn take(socket: &mut WebSocket<TcpStream>, count: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    while rows.len() < count {
        if let Message::Text(text) = socket.read().expect("it goes on") {
            rows.push(serde_json::from_str(&text).expect("a message is JSON"));
        }
    }
    rows
}

#[test]
fn rows_come_over_a_websocket_with_their_ids_and_go_on_behind_one() {
    let dir = dir();
    let service = Service::start(dir.path());
    readings(&service, &["ada", "bo"], 0..50);
    let rows = log(dir.path());
    let first = position(&rows[0]);
    let expected = behind(&rows, &first, |row| row["user_id"] == "ada");
    let path = format!("/v1/ws?user=ada&after={first}");
    let came = take(&mut open(&service, &path, None), expected.len());
    for (row, id) in came.iter().zip(&expected) {
        assert_eq!(row["id"], **id);
        let mut whole = row.clone();
        whole.as_object_mut().expect("a row is an object").remove("id");
        let stored = rows.iter().find(|row| position(row) == *id).expect("it is in the log");
        assert_eq!(whole, *stored);
    }
    let middle = &expected[expected.len() / 2];
    let mut socket = open(&service, &path, Some(middle));
    readings(&service, &["ada", "bo"], 50..60);
    let expected = behind(&log(dir.path()), middle, |row| row["user_id"] == "ada");
    let came = take(&mut socket, expected.len());
    let came: Vec<_> = came.iter().map(|row| row["id"].as_str().unwrap_or_default()).collect();
    assert_eq!(came, expected);
}

#[test]
fn a_quiet_websocket_is_pinged_and_a_stop_closes_it_with_1001_behind_the_last_row() {
    let dir = dir();
    let arguments = ["--set", "service.heartbeat_s=1", "--set", "clock.mode=\"inputs\""];
    let service = Service::start_with(dir.path(), &arguments);
    let mut quiet = open(&service, "/v1/ws?user=nobody", None);
    assert!(matches!(quiet.read(), Ok(Message::Ping(_))), "it is pinged");
    let mut socket = open(&service, "/v1/ws?user=ada", None);
    readings(&service, &["ada"], 0..20);
    let reading = std::thread::spawn(move || {
        let mut came = Vec::new();
        loop {
            match socket.read().expect("it ends with a close") {
                Message::Text(text) => {
                    let row: Value = serde_json::from_str(&text).expect("a message is JSON");
                    came.push(position(&row));
                }
                Message::Close(close) => return (came, close.expect("it says why")),
                _ => {}
            }
        }
    });
    service.stop();
    let (came, close) = reading.join().expect("it read on");
    let rows = log(dir.path());
    let own: Vec<_> = rows.iter().filter(|row| row["user_id"] == "ada").map(position).collect();
    assert_eq!(came, own, "what was acknowledged came before the end");
    assert_eq!(close.code, CloseCode::Away);
    assert!(close.reason.contains("stopping"), "{close}");
}

#[test]
fn a_client_that_closes_is_answered_and_one_that_asks_for_no_websocket_is_told() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut socket = open(&service, "/v1/ws", None);
    socket.close(None).expect("it is sent");
    let ended = loop {
        match socket.read() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let gone = match &ended {
        tungstenite::Error::ConnectionClosed => true,
        tungstenite::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionReset,
        _ => false,
    };
    assert!(gone, "{ended}");
    let answer = get(service.address(), "/v1/ws");
    assert!([400, 426].contains(&answer.status), "{answer:?}");
    assert!(answer.json()["detail"].to_string().contains("WebSocket"), "{answer:?}");
}
