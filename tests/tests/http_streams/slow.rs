//! Clients that take nothing, over HTTP/1.1 and HTTP/2: cut off within the bound, and nobody else.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use zeitgeber_tests::{Service, dir};

use crate::kit::{
    Block, Stream, behind, log, open_person, position, post_lines, reading, readings, wait_for,
};

/// How long a client may take nothing in these tests, and what looking for it may add.
const BOUND: Duration = Duration::from_secs(1);
const LOOKING: Duration = Duration::from_secs(9);
/// Readings of one request.
const BATCH: u64 = 1_000;
/// Requests whose events are more than the system holds for a client.
const BATCHES: u64 = 12;

/// A service that cuts off by its streams' own bound: writes may take ten minutes.
fn impatient(dir: &std::path::Path) -> Service {
    let bounds = ["service.slow_client_s=1", "service.write_s=600", "clock.mode=\"inputs\""];
    let service = Service::start_with(dir, &bounds.map(|bound| ["--set", bound]).concat());
    open_person(&service, "default", "ada");
    service
}

/// Fills the log with events that are mostly their ids.
fn fill(service: &Service, batches: u64) {
    let pad = "p".repeat(200);
    for batch in 0..batches {
        let lines = (batch * BATCH..(batch + 1) * BATCH).map(|n| {
            // All within one hour, so that there is little to analyse.
            let line = reading("default", "ada", n % 60);
            line.replace("\"id\":\"default-", &format!("\"id\":\"{pad}-{n}-"))
        });
        post_lines(service, &lines.collect::<String>());
    }
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_alone_and_goes_on_where_it_was() {
    let dir = dir();
    let service = impatient(dir.path());
    let first = position(&log(dir.path())[0]);
    fill(&service, BATCHES);
    let after = [("last-event-id", first.as_str())];
    let mut quick = Stream::open(service.address(), "/v1/stream?user=bo", &[]);
    let mut slow = Stream::open(service.address(), "/v1/stream", &after);
    let began = Instant::now();
    wait_for(&service, "zeitgeber_stream_cutoffs_total{reason=\"slow\"}", |cut| cut >= 1.0);
    assert!(began.elapsed() < BOUND + LOOKING, "{:?}", began.elapsed());
    let mut came = Vec::new();
    let ended = loop {
        match slow.block() {
            Ok(Some(Block::Event(event))) => came.push(event.id),
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error.kind()),
        }
    };
    let broken = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(ended.is_some_and(|ended| broken.contains(&ended)), "{ended:?}");
    let expected = behind(&log(dir.path()), &first, |_| true);
    assert!(came.len() < expected.len(), "it was cut off before the end: {}", came.len());
    assert_eq!(came, expected[..came.len()], "what came is whole");
    let last = came.last().unwrap_or(&first).clone();
    let mut again = Stream::open(service.address(), "/v1/stream", &[("last-event-id", &last)]);
    came.extend(again.ids(expected.len() - came.len()));
    assert_eq!(came, expected);
    open_person(&service, "default", "bo");
    readings(&service, &["bo"], 0..1);
    assert!(!quick.ids(1).is_empty(), "who had nothing to take stayed");
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Reads one frame: its kind and flags, and how much it carried.
fn read_frame(stream: &mut TcpStream) -> std::io::Result<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], payload))
}

#[test]
fn a_stream_of_http_2_that_takes_nothing_is_cut_off_though_its_connection_lives() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    let dir = dir();
    let service = impatient(dir.path());
    let first = position(&log(dir.path())[0]);
    fill(&service, 2);
    let mut client = TcpStream::connect(service.address()).expect("it listens");
    client.set_read_timeout(Some(BOUND + LOOKING)).expect("it can be set");
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // The windows stay as they are at first: 65,535 bytes, never more.
    request.extend(frame(SETTINGS, 0, 0, &[]));
    // `:method: GET`, `:scheme: http`, then `:path` and `:authority` in letters (RFC 7541).
    let mut head = vec![0x82, 0x86];
    for (name, value) in [(0x04, format!("/v1/stream?after={first}")), (0x01, "test".into())] {
        head.extend([name, value.len() as u8]);
        head.extend_from_slice(value.as_bytes());
    }
    request.extend(frame(HEADERS, 0x5, 1, &head));
    client.write_all(&request).expect("it is sent");
    let began = Instant::now();
    let mut carried = 0;
    let mut pings = 0;
    while let Ok((kind, flags, payload)) = read_frame(&mut client) {
        match kind {
            DATA => carried += payload.len(),
            SETTINGS if flags == 0 => {
                client.write_all(&frame(SETTINGS, 1, 0, &[])).expect("it is sent");
            }
            PING if flags == 0 => drop(client.write_all(&frame(PING, 1, 0, &payload))),
            PING => pings += 1,
            _ => {}
        }
        // The connection is asked whether it lives, once.
        if carried == 65_535 && pings == 0 {
            client.write_all(&frame(PING, 0, 0, &[7; 8])).expect("it is sent");
            carried += 1;
        }
    }
    assert_eq!((carried, pings), (65_536, 1), "the window was used up and the connection alive");
    assert!(began.elapsed() >= BOUND, "{:?}", began.elapsed());
    assert!(began.elapsed() < BOUND + LOOKING, "{:?}", began.elapsed());
    let cut = "zeitgeber_stream_cutoffs_total{reason=\"slow\"}";
    wait_for(&service, cut, |cut| cut >= 1.0);
    let open = "zeitgeber_stream_subscribers_count{transport=\"sse\"}";
    wait_for(&service, open, |open| open == 0.0);
}
