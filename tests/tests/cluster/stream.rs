//! Live streams at workers that share a log: whoever goes on at another node misses nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;
use tungstenite::{Message, client::IntoClientRequest, handshake::client::generate_key};
use zeitgeber_tests::{dir, http::get, json_lines, sample_dir, sample_lines, write_lines};

use super::{
    bus::PARTITIONS,
    kit::{Cluster, owners},
    streams::{Event, Stream, position},
};

/// Lines sent at a time.
const LINES: usize = 1_500;

/// The position of an event by its row: partition and number.
fn place(row: &Value) -> (u64, u64) {
    let part = |name: &str| row["position"][name].as_u64().expect("a position");
    (part("partition"), part("n"))
}

fn log(cluster: &Cluster) -> Vec<Value> {
    json_lines(&mut cluster.command(&["events", "--json"]))
}

/// What came over WebSocket behind a token: so many rows.
fn rows(address: SocketAddr, path: &str, after: &str, count: usize) -> Vec<Value> {
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a URL");
    let key = generate_key().parse().expect("a key is a header's value");
    request.headers_mut().insert("sec-websocket-key", key);
    let after = after.parse().expect("an id is a header's value");
    request.headers_mut().insert("last-event-id", after);
    let (mut socket, _) = tungstenite::client(request, stream).expect("it is a WebSocket");
    let mut rows = Vec::new();
    while rows.len() < count {
        if let Message::Text(text) = socket.read().expect("it goes on") {
            rows.push(serde_json::from_str(&text).expect("a message is JSON"));
        }
    }
    rows
}

/// Sends lines of the day.
fn send(cluster: &Cluster, from: usize) {
    let dir = dir();
    let file = dir.path().join("part.jsonl");
    write_lines(&file, &sample_lines()[from..from + LINES]);
    cluster.bus.ingest(&[&file.display().to_string()]);
}

#[test]
fn a_stream_of_everything_goes_on_at_another_node_when_its_own_is_killed() {
    let cluster = Cluster::made("stream", &[]);
    let (mut first, second) = (cluster.worker(&[]), cluster.worker(&[]));
    let all = usize::from(PARTITIONS);
    cluster.until("both own partitions", |status| owners(status) == (2, all));
    cluster.until_read();
    let before: BTreeSet<_> = log(&cluster).iter().map(place).collect();

    let mut stream = Stream::open(first.address(), "/v1/stream", &[]);
    assert_eq!(stream.status, 200, "{}", stream.head);
    cluster.send_profiles(&sample_dir().join("users.json"));
    send(&cluster, 0);
    let mut came: Vec<(u64, u64)> = Vec::new();
    let mut last = String::new();
    let mut take = |events: Vec<Event>| {
        came.extend(events.iter().map(|event| place(&event.row())));
        events.last().expect("something came").id.clone()
    };
    for _ in 0..6 {
        last = take(stream.take(100));
        assert!(last.starts_with("v1.") && last.len() < 200, "{last}");
    }
    first.kill();
    send(&cluster, LINES);

    // The killed one's partitions come to this node while the stream goes on.
    let header = |last: &str| [("last-event-id", last.to_owned())];
    let resumed = header(&last);
    let headers = [(resumed[0].0, resumed[0].1.as_str())];
    let mut stream = Stream::open(second.address(), "/v1/stream", &headers);
    assert_eq!(stream.status, 200, "{}", stream.head);
    last = take(stream.take(1_000));
    drop(stream);
    cluster.until_read();
    let expected: Vec<_> =
        log(&cluster).iter().map(place).filter(|place| !before.contains(place)).collect();
    let left = expected.len() - came.len();
    assert!(left > 100, "the rest is for the last connection: {left}");
    let rows = rows(second.address(), "/v1/ws", &last, left);
    came.extend(rows.iter().map(place));
    assert!(rows.iter().all(|row| row["id"].as_str().is_some_and(|id| id.starts_with("v1."))));

    let mut of: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    came.iter().for_each(|(partition, n)| of.entry(*partition).or_default().push(*n));
    assert!(of.len() > 1, "several partitions had events");
    for (partition, came) in of {
        let stored = expected.iter().filter(|place| place.0 == partition).map(|place| place.1);
        assert_eq!(came, stored.collect::<Vec<_>>(), "partition {partition}: once, and in order");
    }
    second.stop();
}

#[test]
fn a_stream_of_one_person_has_positions_for_ids_and_goes_on_at_any_node() {
    let cluster = Cluster::made("person", &[]);
    let nodes = [cluster.worker(&[]), cluster.worker(&["--roles", "door,query"])];
    cluster.until("it owns all", |status| owners(status) == (1, usize::from(PARTITIONS)));
    let path = "/v1/stream?user=u11";
    let mut streams = nodes.each_ref().map(|node| Stream::open(node.address(), path, &[]));
    cluster.send_profiles(&sample_dir().join("users.json"));
    send(&cluster, 0);
    cluster.until_read();
    let theirs = |row: &&Value| row["user_id"] == "u11";
    let expected: Vec<String> = log(&cluster).iter().filter(theirs).map(position).collect();
    assert!(expected.len() > 20, "{}", expected.len());
    let half = expected.len() / 2;
    for (at, stream) in streams.iter_mut().enumerate() {
        assert_eq!(stream.ids(half), expected[..half], "node {at}");
    }
    for (at, node) in nodes.iter().enumerate() {
        let headers = [("last-event-id", expected[half - 1].as_str())];
        let mut stream = Stream::open(node.address(), path, &headers);
        assert_eq!(stream.ids(expected.len() - half), expected[half..], "node {at}");
    }
    // An event's position says nothing of other partitions, and nothing here reads other tokens.
    for after in [expected[0].as_str(), "v1.AAAAAAAA", "9999:1"] {
        let refused = get(nodes[0].address(), &format!("/v1/stream?after={after}"));
        assert_eq!(refused.status, 400, "{after}");
    }
    for node in nodes {
        node.stop();
    }
}
