//! The engine: many doors at once, each hearing of its own inputs once they are durable.

use std::{sync::mpsc::channel, time::Duration};

use tempfile::TempDir;
use zeitgeber::{
    door::{Options, profile},
    engine::{EngineSettings, Handle, NotTaken},
    ingest::{Intake, now_ms, partition_of},
    query,
    state::Partition,
    store::Store,
};
use zeitgeber_schemas::{Envelope, PartitionId};

#[path = "kit/engine.rs"]
mod kit;

use kit::{AMPLE, SETTINGS, open};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

fn profile(intake: &mut Intake, user: &str) {
    let text = format!(r#"{{"user_id":"{user}","tz_offset_min":0}}"#);
    let read = profile::profile(text.as_bytes()).expect("it is a profile");
    intake.take_profile(1, &read);
}

fn reading(user: &str, n: u64) -> String {
    reading_at(user, n, 1_740_971_940_000 + n as i64 * 60_000)
}

fn reading_at(user: &str, n: u64, ts: i64) -> String {
    format!(
        r#"{{"id":"{user}-{n}","user_id":"{user}","device_id":"d","kind":"imu","ts":{ts},"recv_ts":{ts},"values":{{"activity_counts":{n},"epoch_s":60}}}}"#
    )
}

fn partition(user: &str) -> PartitionId {
    let envelope = Envelope { tenant: "default", user_id: user, id: "", ts: 0, recv_ts: None };
    partition_of(&envelope, 4)
}

fn people(handle: &Handle, user: &str) -> (Option<String>, u64) {
    let (sender, receiver) = channel();
    let wanted = user.to_owned();
    handle
        .ask(
            partition(user),
            move |held, position| {
                let subject = held.state().subject("default", &wanted);
                let person = held.person_or_rebuild(subject).expect("the log folds");
                (person.map(|person| person.user_id.clone()), position)
            },
            move |found| sender.send(found).expect("the asker waits"),
        )
        .expect("the engine runs");
    receiver.recv().expect("the engine answers")
}

#[test]
fn each_request_hears_of_its_own_inputs_and_the_log_holds_them() {
    let dir = TempDir::new().expect("there is room for a directory");
    let engine = open(dir.path(), &SETTINGS, AMPLE, ());
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let handle = engine.handle();
            std::thread::spawn(move || {
                let user = format!("user{n}");
                let mut intake = handle.intake();
                profile(&mut intake, &user);
                let mut lines = vec![reading(&user, 1), "not json".into(), reading(&user, 2)];
                lines.push(reading(&user, 2));
                for (line, number) in lines.iter().zip(2..) {
                    intake.reading_line(number, line.as_bytes(), &OPTIONS);
                }
                let mut told = handle.settle(intake).expect("it is durable");
                told.lines.sort_by_key(|line| line.line);
                let outcomes: Vec<_> = told.lines.iter().map(|line| line.outcome).collect();
                assert_eq!(outcomes[..2], ["accepted", "accepted"]);
                assert_eq!(outcomes[3..], ["accepted", "duplicate"]);
                assert!(["rejected", "duplicate"].contains(&outcomes[2]), "{outcomes:?}");
                let (found, position) = people(&handle, &user);
                assert_eq!(found.as_deref(), Some(&*user));
                assert!(position >= 4, "the question saw the inputs, at {position}");
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("the request held"));
    let counts = engine.close().expect("the engine stops cleanly");
    assert_eq!((counts.accepted, counts.repeats + counts.refused), (8, 8));
    let store = Store::read(dir.path()).expect("the log is there");
    let known: usize = store.states().expect("it folds").iter().map(|state| state.known()).sum();
    assert_eq!(known, 4);
}

#[test]
fn what_does_not_fit_the_bounds_is_refused_and_leaves_no_trace() {
    let dir = TempDir::new().expect("there is room for a directory");
    let engine = open(dir.path(), &SETTINGS, EngineSettings { pending_requests: 1, ..AMPLE }, ());
    let handle = engine.handle();
    let (release, held) = channel::<()>();
    let hold = move |_: &mut _, _| held.recv().expect("the test releases");
    handle.ask(PartitionId(0), hold, |()| {}).expect("the engine runs");
    let (sender, receiver) = channel();
    let user = (0..).map(|n| format!("user{n}")).find(|user| partition(user) == PartitionId(0));
    let user = user.expect("some user is of partition 0");
    let mut first = handle.intake();
    profile(&mut first, &user);
    handle.submit(first, move |told| sender.send(told).expect("it waits")).expect("it fits");
    let mut second = handle.intake();
    profile(&mut second, "grace");
    assert_eq!(handle.submit(second, |_| ()), Err(NotTaken::Busy));
    release.send(()).expect("the core waits");
    receiver.recv().expect("it is answered").expect("it is durable");
    assert_eq!(handle.pending(), (0, 0));
    assert_eq!(people(&handle, &user).0.as_deref(), Some(&*user));
    assert_eq!(people(&handle, "grace").0, None);
}

#[test]
fn the_time_seals_an_hour_without_a_reading_and_a_replay_sees_the_same() {
    let dir = TempDir::new().expect("there is room for a directory");
    let mut engine = open(dir.path(), &SETTINGS, AMPLE, ());
    let handle = engine.handle();
    let mut intake = handle.intake();
    profile(&mut intake, "ada");
    // An hour of movement that ended two hours ago; nothing came since to close it.
    let hour_ms = 3_600_000;
    let start = (now_ms() / hour_ms - 3) * hour_ms;
    for (minute, number) in (0..60).zip(2..) {
        let ts = start + (minute + 1) * 60_000;
        let line = reading_at("ada", minute as u64, ts);
        intake.reading_line(number, line.as_bytes(), &OPTIONS);
    }
    handle.settle(intake).expect("it is durable");
    let analysed = || {
        let (sender, receiver) = channel();
        let question = |held: &mut Partition, _| {
            let subject = held.state().subject("default", "ada");
            held.state().person(subject).and_then(|person| person.latest.clone())
        };
        let answer = move |found| sender.send(found).expect("the asker waits");
        handle.ask(partition("ada"), question, answer).expect("the engine runs");
        receiver.recv().expect("the engine answers")
    };
    assert_eq!(analysed(), None);
    engine.tick_every(Duration::from_millis(10)).expect("a thread starts");
    let latest = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        analysed()
    });
    assert_eq!(latest.expect("the tick sealed the hour").window_end_ms, start + hour_ms);
    let counts = engine.close().expect("the engine stops cleanly");
    assert_eq!((counts.accepted, counts.analyses), (60, 1));
    let store = Store::read(dir.path()).expect("the log is there");
    assert!(query::verify(&*store.journal()).expect("the log is sound").ok);
}
