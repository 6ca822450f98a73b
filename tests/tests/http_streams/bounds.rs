//! Bounds: silence, more streams than there may be; and what is counted.

use std::time::{Duration, Instant};

use zeitgeber_tests::{
    Service, dir,
    http::{Answer, get},
};

use crate::kit::{Block, Stream, log, metric, position, readings, wait_for};

#[test]
fn a_quiet_stream_shows_that_it_lives() {
    let dir = dir();
    let service = Service::start_with(dir.path(), &["--set", "service.heartbeat_s=1"]);
    let mut stream = Stream::open(service.address(), "/v1/stream?user=nobody", &[]);
    let began = Instant::now();
    let blocks: Vec<_> = (0..3).map(|_| stream.block().expect("it goes on")).collect();
    assert!(matches!(blocks[0], Some(Block::Control(_))), "{blocks:?}");
    let here = Some(Block::Comment("here".into()));
    assert_eq!(blocks[1..], [here.clone(), here]);
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
}

#[test]
fn one_stream_more_than_there_may_be_is_told_when_to_come_back() {
    let dir = dir();
    let service = Service::start_with(dir.path(), &["--set", "service.streams_max=2"]);
    let first = Stream::open(service.address(), "/v1/stream", &[]);
    let _second = Stream::open(service.address(), "/v1/stream", &[]);
    let third: Answer = get(service.address(), "/v1/stream");
    assert_eq!(third.status, 429, "{third:?}");
    assert!(third.header("retry-after").is_some(), "{third:?}");
    drop(first);
    let open = "zeitgeber_stream_subscribers_count{transport=\"sse\"}";
    wait_for(&service, open, |open| open == 1.0);
    assert_eq!(Stream::open(service.address(), "/v1/stream", &[]).status, 200);
}

#[test]
fn streams_are_counted_with_what_they_carried_and_how_late() {
    let dir = dir();
    let service = Service::start(dir.path());
    let open = "zeitgeber_stream_subscribers_count{transport=\"sse\"}";
    let events = "zeitgeber_stream_events_total{transport=\"sse\"}";
    assert_eq!(metric(&service, open), 0.0);
    let mut streams: Vec<_> =
        (0..3).map(|_| Stream::open(service.address(), "/v1/stream?user=ada", &[])).collect();
    assert_eq!(metric(&service, open), 3.0);
    readings(&service, &["ada"], 0..10);
    let own = log(dir.path()).iter().filter(|row| row["user_id"] == "ada").count();
    for stream in &mut streams {
        stream.take(own);
    }
    assert_eq!(metric(&service, events), (3 * own) as f64);
    let late = metric(&service, "zeitgeber_stream_lag_seconds_count");
    assert_eq!(late, (3 * own) as f64, "each event came live");
    assert!(metric(&service, "zeitgeber_stream_lag_seconds_sum") > 0.0);
    let first = position(&log(dir.path())[0]);
    let after = [("last-event-id", first.as_str())];
    Stream::open(service.address(), "/v1/stream?user=ada", &after).take(own - 1);
    assert!(metric(&service, events) > (3 * own) as f64);
    let late_after = metric(&service, "zeitgeber_stream_lag_seconds_count");
    assert_eq!(late_after, late, "what is read back is not late");
    drop(streams);
    wait_for(&service, open, |open| open == 0.0);
}
