//! Snapshots during a run: what a crash leaves of them opens to the same states, in less time.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use zeitgeber::{
    cycle::{Action, Cycle, OutcomeDetail},
    journal::Appended,
    query::{self, Position},
    state::Memory,
    store::Store,
};
use zeitgeber_schemas::{PartitionId, murmur2_partition};

use super::kit::*;

const PEOPLE: usize = 8;

fn day(people: usize, minutes: std::ops::Range<i64>) -> Vec<String> {
    minutes.flat_map(|minute| (0..people).map(move |person| reading(person, minute))).collect()
}

#[test]
fn a_crash_between_snapshots_opens_to_the_states_of_the_log() {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 2, TINY_OFTEN);
    introduce(&mut session, PEOPLE);
    let lines = day(PEOPLE, 0..420);
    let mut from_snapshots = 0;
    for (number, lines) in lines.chunks(lines.len() / 6).enumerate() {
        play(&mut session, lines, 70);
        let image = TempDir::new().unwrap();
        crash_image(dir.path(), image.path());
        let store = Store::write(image.path(), 2, 1 << 20).unwrap();
        let truth = states_by_log(&store);
        let events: u64 = store.tails().iter().map(|tail| tail.next_position).sum();
        let (held, recovered) = store.hold(TINY).unwrap();
        from_snapshots += recovered.from_snapshot;
        if recovered.from_snapshot == 2 {
            assert!(recovered.folded_events < events, "part {number}: {recovered:?}");
        }
        let whole = held.into_iter().map(|partition| partition.into_whole().unwrap());
        let digests = whole.map(|state| zeitgeber::fold::state_digest(&state).unwrap());
        assert_eq!(digests.collect::<Vec<_>>(), truth, "part {number}");
    }
    assert!(from_snapshots >= 6, "{from_snapshots} of 12 began at a snapshot");
    session.finish().unwrap();
}

#[test]
fn what_is_dead_in_people_files_is_left_behind() {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 1, TINY_OFTEN);
    introduce(&mut session, PEOPLE);
    let mut most = 0;
    let mut written_once = 0;
    for lines in day(PEOPLE, 0..1_000).chunks(400) {
        play(&mut session, lines, 16);
        most = most.max(people_bytes(dir.path()));
        written_once += 1;
    }
    assert!(written_once == 20);
    session.finish().unwrap();
    let names: Vec<_> = files(&dir.path().join("snapshots")).into_keys().collect();
    let is_first = |path: &std::path::PathBuf| path.ends_with("00000-000000.people");
    assert!(!names.iter().any(is_first), "the first file is gone: {names:?}");
    // Two while one is being left, each of which may grow to twice the bound and a round beyond it.
    assert!((1 << 20..8 << 20).contains(&most), "{most} bytes");
    let store = Store::read(dir.path()).unwrap();
    assert_eq!(states(&store), states_by_log(&store));
}

#[test]
fn a_cold_status_on_a_long_log_is_one_read() {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 1, Memory::UNBOUNDED);
    introduce(&mut session, 150);
    for line in day(150, 0..1_400) {
        session.take(|intake| intake.reading_line(0, line.as_bytes(), &OPTIONS)).unwrap();
    }
    session.finish().unwrap();
    let store = Store::read(dir.path()).unwrap();
    let events = store.tails()[0].next_position;
    assert!(events > 200_000, "{events}");
    let (held, n) = store.glance(PartitionId(0)).unwrap();
    let (_, recovered) = store.hold(Memory::UNBOUNDED).unwrap();
    assert_eq!((recovered.folded_events, recovered.folded_chunks), (0, 0), "no history is folded");
    assert_eq!((held.people_in_memory(), held.reads(), n), (0, 0, events));
    let started = Instant::now();
    let person = held.person(held.state().subject("default", "u77")).unwrap().unwrap();
    let clock_ms = person.rhythm.clock_ms();
    let status = query::status_of(
        held.state(),
        &person,
        clock_ms,
        Position { partition: PartitionId(0), n },
    );
    println!("status of somebody cold: {:?}", started.elapsed());
    assert_eq!(held.reads(), 1);
    assert_eq!(status, query::status(&store, "default", "u77").unwrap());
    assert!(status.analysis.is_some() && status.decisions.len() == 5, "{status:?}");
    let again: query::Status =
        serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(again, status);
}

#[test]
fn no_snapshot_is_released_before_its_last_chunk_is_durable() {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 1, Memory::UNBOUNDED);
    introduce(&mut session, 1);
    session.finish().unwrap();
    let store = Store::write(dir.path(), 1, 1 << 20).unwrap();
    let (held, _) = store.hold(Memory::UNBOUNDED).unwrap();
    let tail = store.tails().remove(0);
    let (mut cycle, mut actions) = (
        Cycle::resume(held.into_iter().next().unwrap(), tail, 1 << 20, OutcomeDetail::Counts),
        Vec::new(),
    );
    cycle.request_checkpoint();
    cycle.flush(&mut actions);
    assert!(actions.is_empty(), "nothing is new since the last one: {actions:?}");
    cycle.take(&batch(&reading(0, 1)), &mut actions);
    assert!(actions.is_empty(), "the chunk is open: {actions:?}");
    cycle.flush(&mut actions);
    let Some(Action::Append(chunk)) = actions.pop() else { panic!("{actions:?}") };
    assert!(actions.is_empty(), "the chunk is not durable: {actions:?}");
    let number = chunk.header().number;
    // What comes while the chunk is in flight is not in the snapshot.
    cycle.take(&batch(&reading(0, 2)), &mut actions);
    let partition = PartitionId(0);
    let done = Appended { partition, chunk: number, result: Ok(()), buffer: chunk.into_buffer() };
    cycle.appended(done, &mut actions);
    let Some(Action::Checkpoint(cut)) = actions.pop() else { panic!("{actions:?}") };
    let written = cut.write().unwrap();
    assert_eq!((written.next_chunk, written.people), (number + 1, 1));
}

#[test]
fn snapshots_are_written_while_the_run_goes_on() {
    let dir = TempDir::new().unwrap();
    let every = Memory { people_bytes: 64 << 20, snapshot_every_bytes: 16 << 10 };
    let mut session = open(dir.path(), 4, every);
    introduce(&mut session, PEOPLE);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut minute = 0;
    let wanted = (0..PEOPLE).map(|person| murmur2_partition(format!("u{person}").as_bytes(), 4).0);
    let wanted: std::collections::BTreeSet<u16> = wanted.collect();
    let snapshot = |partition: &u16| dir.path().join(format!("snapshots/{partition:05}.snap"));
    while !wanted.iter().all(|partition| snapshot(partition).exists()) {
        assert!(Instant::now() < deadline, "no snapshot after {minute} minutes of readings");
        play(&mut session, &day(PEOPLE, minute..minute + 30), 120);
        minute += 30;
    }
    session.finish().unwrap();
}
