//! Clients that do not play by the rules: slow, huge, broken, greedy. The service lives on.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use zeitgeber_tests::{
    Service, dir,
    http::{answers, connect, get, post, request},
};

/// How long a service that cuts off after a second may take to do so.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn slow_senders_and_idle_connections_are_cut_off() {
    let dir = dir();
    let settings = ["service.header_s=1", "service.read_s=1", "service.idle_s=1"];
    let service = Service::start_with(dir.path(), &settings.map(|set| ["--set", set]).concat());
    let at = service.address();
    let begun = Instant::now();
    let mut nothing = connect(at);
    let mut half = connect(at);
    half.write_all(b"GET /healthz HTTP/1.1\r\nho").expect("it is sent");
    let mut slow = connect(at);
    let head = b"POST /v1/readings HTTP/1.1\r\nhost: t\r\ncontent-type: application/x-ndjson\r\n\
                 content-length: 100\r\n\r\n{\"id\"";
    slow.write_all(head).expect("it is sent");
    assert!(answers(&mut half).is_empty(), "half a request is not answered");
    assert!(answers(&mut nothing).is_empty());
    let late = answers(&mut slow);
    assert_eq!(late.first().map(|answer| answer.status), Some(408), "{late:?}");
    assert!(begun.elapsed() < SOON, "they were cut off after {:?}", begun.elapsed());
    assert_eq!(get(at, "/healthz").status, 200);
    service.stop();
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off() {
    let dir = dir();
    let settings = ["--set", "service.write_s=1", "--set", "service.stop_s=1"];
    let service = Service::start_with(dir.path(), &settings);
    let mut greedy = connect(service.address());
    // Each answer is tens of kilobytes; hundreds of them fill every buffer between the two.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: t\r\n\r\n";
    let begun = Instant::now();
    greedy.set_write_timeout(Some(SOON)).expect("a time-out can be set");
    let cut_off = std::iter::repeat_with(|| greedy.write_all(request))
        .take_while(|_| begun.elapsed() < SOON)
        .any(|sent| sent.is_err());
    assert!(cut_off && begun.elapsed() < SOON, "it went on for {:?}", begun.elapsed());
    assert_eq!(get(service.address(), "/healthz").status, 200);
    service.stop();
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let dir = dir();
    let settings = ["--set", "service.body_mib=1", "--set", "limits.max_line_kib=16"];
    let service = Service::start_with(dir.path(), &settings);
    let at = service.address();
    let large = vec![b'x'; (1 << 20) + 1];
    assert_eq!(post(at, "/v1/readings", "application/x-ndjson", &large).status, 413);
    let mut chunked = connect(at);
    let head = b"POST /v1/readings HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\
                 content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    chunked.write_all(head).expect("it is sent");
    let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    drop(chunked.write_all(&chunk));
    assert_eq!(answers(&mut chunked).first().map(|answer| answer.status), Some(413));
    let line = vec![b'x'; 20_000];
    let told = post(at, "/v1/readings", "application/x-ndjson", &line).json();
    assert_eq!(told["outcomes"][0]["reason"], "oversized");
    let header = "x".repeat(100_000);
    let mut huge = connect(at);
    let head = format!("GET /healthz HTTP/1.1\r\nhost: t\r\nx-large: {header}\r\n\r\n");
    drop(huge.write_all(head.as_bytes()));
    // Closed on unread bytes, the connection may take its last word with it.
    let told = answers(&mut huge);
    assert!(told.iter().all(|answer| answer.status == 431), "{told:?}");
    let packed = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip")];
    assert_eq!(request(at, "POST", "/v1/readings", &packed, b"x").status, 415);
    assert_eq!(get(at, "/healthz").status, 200);
    service.stop();
}

#[test]
fn requests_in_a_row_on_one_connection_are_answered_in_their_order() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut stream = connect(service.address());
    let line = "POST /v1/readings HTTP/1.1\r\nhost: t\r\ncontent-type: application/x-ndjson\r\n\
                content-length: 1\r\nx-request-id: a\r\n\r\n{";
    let last = "GET /nowhere HTTP/1.1\r\nhost: t\r\nconnection: close\r\nx-request-id: b\r\n\r\n";
    stream.write_all(format!("{line}{last}").as_bytes()).expect("they are sent");
    let found = answers(&mut stream);
    let named: Vec<_> =
        found.iter().map(|answer| (answer.status, answer.header("x-request-id"))).collect();
    assert_eq!(named, [(200, Some("a")), (404, Some("b"))]);
    let mut noise = connect(service.address());
    noise.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").expect("it is sent");
    let mut said = Vec::new();
    drop(noise.read_to_end(&mut said));
    assert!(!String::from_utf8_lossy(&said).contains(" 200 "), "noise is not answered");
    assert_eq!(get(service.address(), "/healthz").status, 200);
    service.stop();
}

#[test]
fn connections_beyond_the_bound_wait_for_one_to_close() {
    let dir = dir();
    let settings = ["--set", "service.connections_max=2", "--set", "service.idle_s=60"];
    let service = Service::start_with(dir.path(), &settings);
    let (first, second) = (connect(service.address()), connect(service.address()));
    let mut third = connect(service.address());
    third
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")
        .expect("sent");
    third.set_read_timeout(Some(Duration::from_millis(500))).expect("a time-out can be set");
    assert!(third.read(&mut [0; 1]).is_err(), "it is not served yet");
    drop(first);
    third.set_read_timeout(Some(SOON)).expect("a time-out can be set");
    assert_eq!(answers(&mut third).first().map(|answer| answer.status), Some(200));
    drop(second);
    service.stop();
}
