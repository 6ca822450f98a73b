//! Who may append: claims, zombies, owners that are gone, claims that nobody holds.

use std::{
    collections::BTreeMap,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use zeitgeber::journal::{AppendError, ClaimError, Journal, SeekError, Tail, cql::Connect};
use zeitgeber_schemas::PartitionId;
use zeitgeber_test_services::cql;

use crate::{
    cql::{claimed, made, open, reader, run},
    kit::{Hand, LAYOUT, append, append_ok, checked, done, stored},
};

const FIRST: PartitionId = PartitionId(0);

#[test]
fn journal_16_what_is_not_claimed_is_a_conflict_and_other_partitions_go_on() {
    let connect = made(&cql());
    let journal = open(&connect);
    journal.claim(PartitionId(1)).expect("claimed");
    let refused = append(&journal, Hand::new(0).next(2)).result;
    assert!(matches!(refused, Err(AppendError::Conflict { .. })), "{refused:?}");
    append_ok(&journal, &mut Hand::new(1), 2);
    let unknown = journal.claim(PartitionId(LAYOUT.partitions));
    assert!(matches!(unknown, Err(ClaimError::Unknown(SeekError::UnknownPartition { .. }))));
}

#[test]
fn journal_15_a_claim_finds_what_was_acknowledged_after_release_and_after_a_crash() {
    let connect = made(&cql());
    let mut hand = Hand::new(0);
    let released = open(&connect);
    assert_eq!(released.claim(FIRST).expect("claimed"), Tail::default());
    (0..5).for_each(|n| append_ok(&released, &mut hand, n));
    released.release(FIRST);
    let conflict = append(&released, Hand::resume(0, hand.tail.clone()).next(1)).result;
    assert!(matches!(conflict, Err(AppendError::Conflict { .. })), "{conflict:?}");
    let crashed = open(&connect);
    assert_eq!(crashed.claim(FIRST).expect("claimed"), hand.tail);
    (0..5).for_each(|n| append_ok(&crashed, &mut hand, n));
    drop(crashed);
    let last = open(&connect);
    assert_eq!(last.claim(FIRST).expect("claimed"), hand.tail);
    append_ok(&last, &mut hand, 3);
    assert_eq!(stored(&last, checked()).expect("scanned").len(), 11);
}

#[test]
fn epoch_2_a_zombie_acknowledges_nothing_and_its_chunk_is_never_seen() {
    let connect = made(&cql());
    let (zombie, owner) = (claimed(&connect), open(&connect));
    let mut hand = Hand::new(0);
    append_ok(&zombie, &mut hand, 2);
    let mut late = Hand::resume(0, hand.tail.clone());
    assert_eq!(owner.claim(FIRST).expect("claimed"), hand.tail);
    // Two in flight: both stand at a quorum in the zombie's epoch before it looks.
    let (to, from) = mpsc::channel();
    (0..2).for_each(|_| zombie.submit(late.next(7), done(&to)));
    for expected in 1..3 {
        let appended = from.recv_timeout(Duration::from_secs(20)).expect("completed");
        assert!(matches!(appended.result, Err(AppendError::Conflict { .. })), "{appended:?}");
        assert_eq!(appended.chunk, expected);
    }
    append_ok(&owner, &mut hand, 3);
    let chunks = stored(&owner, checked()).expect("scanned");
    assert_eq!(chunks.last().map(|chunk| chunk.2), Some(hand.tail.head));
    assert_eq!(chunks.len(), 2);
    // The zombie goes on where it is asked to: by claiming anew.
    assert_eq!(zombie.claim(FIRST).expect("claimed"), hand.tail);
    append_ok(&zombie, &mut hand, 1);
}

#[test]
fn epoch_1_a_claim_that_nobody_holds_ends_the_owner_and_is_resolved_by_the_next() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    let mut hand = Hand::new(0);
    append_ok(&journal, &mut hand, 2);
    // As of an attempt that timed out at its client and was decided later.
    run(
        &connect,
        "INSERT INTO {k}.epochs (partition, epoch, nonce, owner) \
         VALUES (0, 1, 0x00112233445566778899aabbccddeeff, 'gone') IF NOT EXISTS",
    );
    let mut late = Hand::resume(0, hand.tail.clone());
    let conflict = append(&journal, late.next(1)).result;
    assert!(matches!(conflict, Err(AppendError::Conflict { .. })), "{conflict:?}");
    // Nobody else came in between, so the chunk that was not acknowledged is taken over.
    let tail = journal.claim(FIRST).expect("claimed");
    assert_eq!(tail.next_chunk, 2);
    let mut hand = Hand::resume(0, tail);
    append_ok(&journal, &mut hand, 4);
    assert_eq!(stored(&journal, checked()).expect("scanned").len(), 3);
}

/// Hash of each acknowledged chunk by its number.
type Acknowledged = Mutex<BTreeMap<u64, [u8; 32]>>;

/// Claims, appends until somebody else has claimed, and again.
fn fight(connect: &Connect, until: Instant, told: &Acknowledged) -> u64 {
    let journal = open(connect);
    let mut takeovers = 0;
    while Instant::now() < until {
        let Ok(tail) = journal.claim(FIRST) else { continue };
        takeovers += 1;
        let (mut hand, (to, from)) = (Hand::resume(0, tail), mpsc::channel());
        let mut under_way = BTreeMap::new();
        loop {
            let next = hand.next(3);
            under_way.insert(next.expected_chunk, next.chunk.hash());
            journal.submit(next, done(&to));
            let appended = from.recv().expect("every append completes");
            let hash = under_way[&appended.chunk];
            if appended.result.is_err() {
                break;
            }
            let before = told.lock().expect("held").insert(appended.chunk, hash);
            assert_eq!(before, None, "chunk {} was acknowledged twice", appended.chunk);
            if Instant::now() >= until {
                journal.release(FIRST);
            }
        }
    }
    takeovers
}

#[test]
fn epoch_2_and_5_writers_that_fight_over_a_partition_leave_one_chain_with_all_they_acknowledged() {
    let connect = made(&cql());
    let (told, until) = (Acknowledged::default(), Instant::now() + Duration::from_secs(6));
    let takeovers: u64 = thread::scope(|scope| {
        let fighter = || scope.spawn(|| fight(&connect, until, &told));
        let fighters = [fighter(), fighter(), fighter()];
        fighters.into_iter().map(|one| one.join().expect("it fought")).sum()
    });
    let chunks = stored(&reader(&connect).expect("opened"), checked()).expect("scanned");
    let chain: BTreeMap<u64, [u8; 32]> = chunks.iter().map(|chunk| (chunk.1, chunk.2)).collect();
    let told = told.into_inner().expect("held");
    assert!(takeovers > 3 && told.len() > 3, "{takeovers} takeovers, {} chunks", told.len());
    for (number, hash) in &told {
        assert_eq!(chain.get(number), Some(hash), "chunk {number} was acknowledged");
    }
    println!("{takeovers} takeovers, {} acknowledged of {} chunks", told.len(), chain.len());
}
