//! Going on behind an event, over cuts, kills and stops.

use zeitgeber_tests::{Service, dir};

use crate::kit::{Block, Stream, behind, log, position, readings};

const PEOPLE: [&str; 3] = ["ada", "bo", "cy"];

#[test]
fn a_stream_brings_the_log_once_and_in_order_over_cuts_and_a_kill() {
    let dir = dir();
    let mut service = Service::start(dir.path());
    readings(&service, &PEOPLE, 0..100);
    let first = position(&log(dir.path())[0]);
    let mut came = vec![first.clone()];
    for round in 1..6 {
        let last = came.last().expect("there is a first").clone();
        // Every other round by the parameter; the header comes first where both are given.
        let (path, header) = match round % 2 {
            0 => (format!("/v1/stream?after={last}"), None),
            _ => (format!("/v1/stream?after={first}"), Some(("last-event-id", last.as_str()))),
        };
        let mut stream = Stream::open(service.address(), &path, header.as_slice());
        assert_eq!(stream.status, 200, "{}", stream.head);
        readings(&service, &PEOPLE, round * 100..(round + 1) * 100);
        came.extend(stream.ids(300));
        if round == 3 {
            service = service.kill_and_restart();
        }
    }
    let rows = log(dir.path());
    let mut expected = vec![first.clone()];
    expected.extend(behind(&rows, &first, |_| true));
    assert!(came.len() < expected.len(), "the last stream was cut before the end");
    assert_eq!(came, expected[..came.len()]);
    let last = came.last().expect("there is one");
    let mut stream =
        Stream::open(service.address(), "/v1/stream", &[("last-event-id", last.as_str())]);
    came.extend(stream.ids(expected.len() - came.len()));
    assert_eq!(came, expected);
}

#[test]
fn a_stream_without_an_id_brings_what_comes_from_now_on_as_events_has_it() {
    let dir = dir();
    let service = Service::start(dir.path());
    readings(&service, &PEOPLE, 0..50);
    let before = log(dir.path());
    let mut stream = Stream::open(service.address(), "/v1/stream", &[("last-event-id", "")]);
    assert!(stream.head.contains("text/event-stream"), "{}", stream.head);
    assert!(stream.head.contains("cache-control: no-store"), "{}", stream.head);
    let hint = stream.block().expect("it goes on");
    assert!(matches!(&hint, Some(Block::Control(text)) if text == "retry: 2000"), "{hint:?}");
    readings(&service, &PEOPLE, 50..60);
    let rows = log(dir.path()).split_off(before.len());
    assert!(rows.len() >= 30, "{}", rows.len());
    for (row, event) in rows.iter().zip(stream.take(rows.len())) {
        assert_eq!(event.id, position(row));
        assert_eq!(event.kind, row["type"]);
        assert_eq!(event.row(), *row);
    }
}

#[test]
fn a_stop_ends_streams_with_a_reason_behind_a_whole_event_and_they_can_go_on() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut stream = Stream::open(service.address(), "/v1/stream", &[]);
    let mut quiet = Stream::open(service.address(), "/v1/stream?user=nobody", &[]);
    readings(&service, &PEOPLE, 0..50);
    let said = service.stop();
    assert!(!said.contains("cut off"), "{said}");
    let (mut came, mut comments) = (Vec::new(), Vec::new());
    while let Some(block) = stream.block().expect("it ends as an answer should") {
        match block {
            Block::Event(event) => came.push(event.id),
            Block::Comment(comment) => comments.push(comment),
            Block::Control(_) => {}
        }
    }
    let rows = log(dir.path());
    let expected: Vec<String> = rows.iter().map(position).collect();
    let at = expected.iter().position(|id| *id == came[0]).expect("it is in the log");
    assert_eq!(came, expected[at..], "what was acknowledged came before the end");
    let stopping = "the service is stopping: resume after the last event that came";
    assert_eq!(comments, [stopping]);
    let mut last = None;
    while let Some(block) = quiet.block().expect("it ends as an answer should") {
        last = Some(block);
    }
    assert_eq!(last, Some(Block::Comment(stopping.into())));
    let service = Service::start(dir.path());
    let last = came.last().expect("something came");
    let mut again = Stream::open(service.address(), &format!("/v1/stream?after={last}"), &[]);
    readings(&service, &PEOPLE, 50..52);
    let expected = behind(&log(dir.path()), last, |_| true);
    assert_eq!(again.ids(expected.len()), expected);
}
