//! Partitions that come and go: two writers on one journal, and an engine that lets go.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, bounded};
use tempfile::TempDir;
use zeitgeber::{
    config::Config,
    cycle::{Batch, OutcomeDetail, Reply, Told, Unsettled, Wants},
    door::profile::profile,
    engine::{Engine, EngineSettings, NotTaken, WaitError},
    fold::Fold,
    ingest::{Intake, SessionSettings},
    journal::{Journal, Layout, MemoryJournal, ScanFrom},
    runtime::{QUEUE_SHARES, Report, Runtime, Sizing},
    state::{Memory, Partition},
    store::{Store, fold_chunk},
};
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::{PartitionId, murmur2_partition};

const PARTITIONS: u16 = 4;
const WITHIN: Duration = Duration::from_secs(20);

fn runtime(journal: &Arc<dyn Journal>) -> Runtime {
    let sizing = Sizing {
        threads: 2,
        chunk_bytes: 1 << 16,
        outcomes: OutcomeDetail::Counts,
        snapshot_every_bytes: 0,
        queue_shares: QUEUE_SHARES,
        wants: Wants::default(),
    };
    let held = (0..PARTITIONS).map(|n| Partition::from(State::initial(PartitionId(n)))).collect();
    Runtime::start(journal, held, sizing).unwrap()
}

/// Somebody whose inputs go to this partition.
fn somebody(partition: u16, n: usize) -> String {
    let names = (0..).map(|i| format!("person-{i}"));
    let there = |name: &String| murmur2_partition(name.as_bytes(), PARTITIONS).0 == partition;
    names.filter(there).nth(n).unwrap()
}

fn intake(user: &str) -> Intake {
    let mut intake = Intake::new(PARTITIONS);
    let text = format!(r#"{{"user_id":"{user}","tz_offset_min":0}}"#);
    intake.take_profile(0, &profile(text.as_bytes()).unwrap());
    intake
}

/// Hands a profile over and tells what became of it.
fn submit(runtime: &Runtime, user: &str) -> Receiver<Result<Told, Unsettled>> {
    let mut batches = intake(user).take_batches(Batch::default);
    let (sender, told) = bounded(1);
    let settled = Box::new(move |outcome| drop(sender.send(outcome)));
    let reply = Reply::new(batches.len(), settled);
    batches.iter_mut().for_each(|(_, batch)| batch.reply = Some(reply.clone()));
    drop(reply);
    runtime.doors().submit(batches).unwrap();
    told
}

fn is_settled(told: &Receiver<Result<Told, Unsettled>>) -> bool {
    told.recv_timeout(WITHIN).expect("whoever waits is told").is_ok()
}

/// What the journal says of a partition.
fn folded(journal: &dyn Journal, partition: PartitionId) -> Partition {
    let mut fold = Fold::resume(State::initial(partition), 0);
    let mut scan = journal.scan(ScanFrom::default()).unwrap();
    while let Some(chunk) = scan.next_chunk().unwrap() {
        if chunk.header.partition == partition {
            fold_chunk(&mut fold, &chunk).unwrap();
        }
    }
    fold.into_partition()
}

#[test]
fn a_stale_writer_loses_its_partition_acknowledges_nothing_of_it_and_keeps_the_others() {
    let layout = Layout { log_id: [7; 16], partitions: PARTITIONS };
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new(layout));
    let (owner, stale) = (runtime(&journal), runtime(&journal));
    assert!(is_settled(&submit(&owner, &somebody(1, 0))));

    assert!(!is_settled(&submit(&stale, &somebody(1, 1))), "its chunk was taken already");
    let lost = stale.reports().iter().find(|report| !matches!(report, Report::Durable(_)));
    assert!(matches!(lost, Some(Report::Lost(PartitionId(1)))), "{lost:?}");
    assert!(!is_settled(&submit(&stale, &somebody(1, 2))), "it has no such partition any more");
    assert!(is_settled(&submit(&stale, &somebody(2, 0))), "the others go on");
    assert!(is_settled(&submit(&owner, &somebody(1, 3))), "and so does the owner");

    let partition = PartitionId(1);
    let (held, tail) = (folded(&*journal, partition), journal.tail(partition));
    stale.doors().adopt(held, tail).unwrap();
    assert!(is_settled(&submit(&stale, &somebody(1, 4))), "what was read again is no longer stale");
    assert!(!is_settled(&submit(&owner, &somebody(1, 5))), "the other one is now");

    stale.finish();
    owner.finish();
    let state = folded(&*journal, partition).into_whole().unwrap();
    let known = |n| state.subject("default", &somebody(1, n)) > 0;
    assert_eq!([0, 1, 2, 3, 4, 5].map(known), [true, false, false, true, true, false]);
}

#[test]
fn an_engine_takes_for_the_partitions_it_has_and_lets_go_of_durable_ones() {
    let dir = TempDir::new().unwrap();
    let store = Store::write(dir.path(), PARTITIONS, 1 << 20).unwrap();
    let (held, _) = store.hold(Memory::UNBOUNDED).unwrap();
    let settings = SessionSettings {
        partitions: PARTITIONS,
        segment_bytes: 1 << 20,
        threads: 2,
        chunk_bytes: 1 << 16,
        outcomes: OutcomeDetail::Counts,
        announce: false,
        memory: Memory::UNBOUNDED,
    };
    let bounds = EngineSettings { pending_bytes: 1 << 20, pending_requests: 8 };
    let configuration = Config::layered(None, [], &[]).unwrap().configuration();
    let engine = Engine::start(store, &settings, bounds, ()).unwrap();
    let handle = engine.handle();
    let (user, there) = (somebody(3, 0), PartitionId(3));

    let elsewhere = WaitError::NotTaken(NotTaken::Elsewhere(there));
    assert_eq!(handle.settle(intake(&user)).unwrap_err(), elsewhere);
    let tail = handle.journal().tail(there);
    let of_there = held.into_iter().find(|held| held.state().partition() == there).unwrap();
    handle.adopt(of_there, tail, &configuration).unwrap();
    assert_eq!(handle.owned().collect::<Vec<_>>(), [there]);
    handle.settle(intake(&user)).unwrap();
    assert_eq!(handle.settle(intake(&somebody(2, 0))).unwrap_err().to_string(), {
        NotTaken::Elsewhere(PartitionId(2)).to_string()
    });

    let (tail, held) = handle.release(there, WITHIN).unwrap().expect("it was here");
    assert_eq!(tail, handle.journal().tail(there), "all of it is durable");
    assert_eq!(handle.settle(intake(&user)).unwrap_err(), elsewhere);
    assert!(handle.release(there, WITHIN).unwrap().is_none(), "it is here no more");

    handle.adopt(held, tail, &configuration).unwrap();
    handle.settle(intake(&somebody(3, 1))).unwrap();
    engine.close().unwrap();
    let log = Store::read(dir.path()).unwrap();
    let (state, _) = log.from_log(there).unwrap();
    assert!(state.subject("default", &user) > 0);
    assert!(state.subject("default", &somebody(3, 1)) > 0);
}
