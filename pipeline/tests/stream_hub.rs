//! Live streams against a running engine and its log on disk.
//!
//! **STREAM-1** A subscriber gets every event that it wants from where it began, once, in log
//! order, however slowly it takes them and however often it is cut and resumes.

#[path = "kit/engine.rs"]
mod engine;
#[path = "stream_hub/kit.rs"]
mod kit;
#[cfg(feature = "cluster")]
#[path = "stream_hub/shared.rs"]
mod shared;

use std::{
    thread,
    time::{Duration, Instant},
};

use kit::{AMPLE, Random, Service, block_on, reading, take_all, within};
use zeitgeber::{
    query::{Position, Topic},
    stream::{Begin, Ended, Filter, StreamSettings, SubscribeError},
};
use zeitgeber_schemas::PartitionId;

const PEOPLE: [&str; 6] = ["ada", "bo", "cy", "di", "ed", "fi"];
/// Rounds of a reading for each person; with all else more than a queue holds.
const ROUNDS: u64 = 400;

/// One subscriber's life: what it wants, how slowly it takes, how often it is cut.
#[derive(Debug, Clone)]
struct Plan {
    filter: Filter,
    begin: Begin,
    pause_us: u64,
    cut_after: u64,
    /// It takes something, then nothing until all has been written: more than a queue holds.
    sleeps: bool,
}

fn plan(random: &mut Random, seen: &[Position]) -> Plan {
    let mut filter = Filter::default();
    if random.below(3) > 0 {
        filter.person = Some(PEOPLE[random.below(6) as usize].into());
    }
    for topic in Topic::ALL {
        if random.below(3) == 0 {
            filter.topics.push(topic);
        }
    }
    let begin = Begin::After(seen[random.below(seen.len() as u64) as usize]);
    let pause_us = [0, 0, 300, 3_000][random.below(4) as usize];
    let cut_after = [3, 100, 700, u64::MAX][random.below(4) as usize];
    Plan { filter, begin, pause_us, cut_after, sleeps: false }
}

/// Longest time until everything has come.
const LIMIT: Duration = Duration::from_secs(240);

/// Lives a plan until nothing of the log is left for it.
fn live(service: &Service, plan: &Plan, random: &mut Random) -> Vec<Position> {
    let mut got = Vec::new();
    let mut begin = plan.begin.clone();
    let mut dry = false;
    let Begin::After(after) = plan.begin else { panic!("all plans resume") };
    let (began, mut expected) = (Instant::now(), None);
    while !dry {
        let stream =
            service.hub.subscribe(plan.filter.clone(), begin.clone()).expect("there is room");
        let mut taken = 0;
        let cut_after = plan.cut_after.saturating_add(random.below(5));
        while taken < cut_after {
            let bytes = 1 + random.below(20_000) as usize;
            let Some(frames) = within(Duration::from_millis(700), stream.take(bytes)) else {
                if !service.is_quiet() {
                    break;
                }
                let all = || service.log_after(&plan.filter, after).len();
                dry = got.len() >= *expected.get_or_insert_with(all);
                if dry {
                    break;
                }
                assert!(began.elapsed() < LIMIT, "all of it comes in time: {plan:?}");
                continue;
            };
            let frames = frames.expect("the stream goes on");
            assert!(!frames.is_empty(), "a take brings something");
            taken += frames.len() as u64;
            got.extend(frames.iter().map(|frame| frame.id()));
            while plan.sleeps && !service.is_quiet() {
                thread::sleep(Duration::from_millis(5));
            }
            if plan.pause_us > 0 {
                thread::sleep(Duration::from_micros(random.below(plan.pause_us)));
            }
        }
        begin = got.last().map_or(plan.begin.clone(), |last| Begin::After(*last));
    }
    got
}

#[test]
fn slow_cut_and_resumed_streams_deliver_the_filtered_log_once_and_in_order() {
    for seed in [1, 2] {
        let service = Service::open(AMPLE);
        service.open_people(&PEOPLE);
        service.readings(&PEOPLE, 0..20);
        let seen: Vec<Position> = service.log(&Filter::default());
        let mut random = Random(seed);
        let mut plans: Vec<Plan> = (0..24).map(|_| plan(&mut random, &seen)).collect();
        for (plan, cut_after) in plans.iter_mut().zip([u64::MAX, 700]) {
            *plan = Plan {
                filter: Filter::default(),
                begin: Begin::After(seen[0]),
                pause_us: 300,
                cut_after,
                sleeps: true,
            };
        }
        let got: Vec<Vec<Position>> = thread::scope(|scope| {
            let readers: Vec<_> = plans
                .iter()
                .zip(1..)
                .map(|(plan, n)| {
                    let service = &service;
                    scope.spawn(move || live(service, plan, &mut Random(seed * 1_000 + n)))
                })
                .collect();
            for round in 20..ROUNDS {
                service.readings(&PEOPLE, round..round + 1);
                if round % 7 == 0 {
                    service.line(b"neither this nor that");
                }
            }
            service.fall_quiet();
            readers.into_iter().map(|reader| reader.join().expect("the reader held")).collect()
        });
        let mut delivered = 0;
        for (plan, got) in plans.iter().zip(&got) {
            let Begin::After(after) = plan.begin else { panic!("all plans resume") };
            let expected = service.log_after(&plan.filter, after);
            assert_eq!(*got, expected, "seed {seed}: {plan:?}");
            delivered += got.len();
        }
        assert!(delivered > 5_000, "seed {seed}: the plans want something: {delivered}");
        let counts = service.hub.counts();
        assert!(counts.fell_behind > 0, "seed {seed}: somebody was too slow: {counts:?}");
        assert_eq!((counts.open, counts.queued_bytes), (0, 0), "seed {seed}: {counts:?}");
    }
}

#[test]
fn a_stream_from_now_brings_what_comes_after_it_joined_and_nothing_before() {
    let service = Service::open(AMPLE);
    service.open_people(&PEOPLE);
    service.readings(&PEOPLE, 0..50);
    let before = service.log(&Filter::default()).len();
    let stream = service.hub.subscribe(Filter::default(), Begin::Now).expect("there is room");
    block_on(stream.joined());
    service.readings(&PEOPLE, 50..60);
    let expected = service.log(&Filter::default()).split_off(before);
    assert!(expected.len() >= 60, "{}", expected.len());
    let mut got = Vec::new();
    while got.len() < expected.len() {
        let frames = block_on(stream.take(1 << 20)).expect("the stream goes on");
        for frame in frames {
            let row: serde_json::Value = serde_json::from_str(frame.json()).expect("it is JSON");
            assert_eq!(row["type"], frame.schema().as_str());
            let head = format!("id: {}\nevent: {}\ndata: {{", frame.id(), frame.schema().as_str());
            assert!(frame.sse().starts_with(&head), "{}", frame.sse());
            assert!(frame.sse().ends_with("}\n\n"), "{}", frame.sse());
            got.push(frame.id());
        }
    }
    assert_eq!(got, expected);
}

#[test]
fn a_person_filter_finds_their_refused_inputs_and_nobody_elses() {
    let service = Service::open(AMPLE);
    let topics = vec![Topic::DeadLetters];
    let filter = Filter { topics, person: Some("nobody-yet".into()), ..Filter::default() };
    let stream = service.hub.subscribe(filter.clone(), Begin::Now).expect("there is room");
    block_on(stream.joined());
    service.line(reading("somebody-else", 1).as_bytes());
    service.line(reading("nobody-yet", 1).as_bytes());
    let expected = service.log(&filter);
    assert_eq!(expected.len(), 1);
    let frames = block_on(stream.take(1 << 20)).expect("the stream goes on");
    assert_eq!(frames.iter().map(|frame| frame.id()).collect::<Vec<_>>(), expected);
    assert!(frames[0].json().contains(r#""user_id":"nobody-yet""#), "{}", frames[0].json());
}

#[test]
fn who_takes_nothing_is_cut_off_and_can_resume() {
    let settings = StreamSettings { slow_client: Duration::from_millis(50), ..AMPLE };
    let service = Service::open(settings);
    service.open_people(&["ada"]);
    let stream = service.hub.subscribe(Filter::default(), Begin::Now).expect("there is room");
    let idle = service.hub.subscribe(Filter::default(), Begin::Now).expect("there is room");
    let nothing = Filter { person: Some("bo".into()), ..Filter::default() };
    let nothing = service.hub.subscribe(nothing, Begin::Now).expect("there is room");
    block_on(async { (stream.joined().await, idle.joined().await, nothing.joined().await) });
    service.readings(&["ada"], 0..1);
    let first = block_on(stream.take(1)).expect("the stream goes on").remove(0);
    let ended = loop {
        thread::sleep(Duration::from_millis(20));
        if service.hub.counts().cut_off > 0 {
            break block_on(idle.take(1));
        }
    };
    assert_eq!(ended.err(), Some(Ended::Slow));
    let waits = within(Duration::from_millis(10), nothing.take(1));
    assert!(waits.is_none(), "who has nothing to take is not slow");
    let again = service.hub.subscribe(Filter::default(), Begin::After(first.id()));
    service.readings(&["ada"], 1..2);
    let expected = service.log_after(&Filter::default(), first.id());
    let again = again.expect("there is room");
    assert_eq!(take_all(&again, expected.len()), expected);
}

#[test]
fn more_streams_than_may_be_and_positions_that_are_not_are_refused() {
    let service = Service::open(StreamSettings { streams: 2, ..AMPLE });
    service.open_people(&["ada"]);
    let subscribe = |begin| service.hub.subscribe(Filter::default(), begin);
    let at = |partition, n| Begin::After(Position { partition: PartitionId(partition), n });
    let beyond = subscribe(at(0, 1 << 40)).expect_err("there is no such event");
    assert!(matches!(beyond, SubscribeError::Position(_)), "{beyond}");
    let elsewhere = subscribe(at(99, 0)).expect_err("there is no such partition");
    assert!(elsewhere.to_string().contains("partition 99"), "{elsewhere}");
    let first = subscribe(Begin::Now).expect("there is room");
    let _second = subscribe(Begin::Now).expect("there is room");
    let third = subscribe(Begin::Now).expect_err("two is the most");
    assert!(matches!(third, SubscribeError::Busy { streams: 2 }), "{third}");
    drop(first);
    subscribe(Begin::Now).expect("there is room again");
}

#[test]
fn stopping_hands_out_what_is_queued_and_ends_every_stream() {
    let service = Service::open(AMPLE);
    service.open_people(&["ada"]);
    let stream = service.hub.subscribe(Filter::default(), Begin::Now).expect("there is room");
    let idle = service
        .hub
        .subscribe(Filter { person: Some("bo".into()), ..Filter::default() }, Begin::Now);
    let idle = idle.expect("there is room");
    block_on(async { (stream.joined().await, idle.joined().await) });
    service.readings(&["ada"], 0..3);
    service.hub.stop();
    assert_eq!(block_on(idle.take(1)).err(), Some(Ended::Stopping));
    assert_eq!(take_all(&stream, 3).len(), 3);
    assert_eq!(block_on(stream.take(1)).err(), Some(Ended::Stopping));
    let late = service.hub.subscribe(Filter::default(), Begin::Now);
    assert!(matches!(late, Err(SubscribeError::Stopped)), "{late:?}");
}
