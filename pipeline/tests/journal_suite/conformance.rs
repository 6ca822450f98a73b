//! What every implementation of the port keeps.

use std::sync::mpsc;

use zeitgeber::journal::{
    Append, AppendError, ChunkBuilder, FileJournal, Journal, MAX_CHUNK_BYTES, MemoryJournal,
    ScanFrom, Tail,
};
use zeitgeber_schemas::PartitionId;

use crate::kit::{
    Hand, LAYOUT, Stored, add, append, append_ok, checked, done, entry, settings, stored, tails,
};

/// Runs a check on an empty log of each kind. The file journal's segments are tiny, so that most
/// checks cross from one to the next.
fn on_each(check: impl Fn(&dyn Journal)) {
    check(&MemoryJournal::new(LAYOUT));
    let dir = tempfile::tempdir().expect("a directory");
    check(&FileJournal::create(dir.path(), LAYOUT, settings(2_000)).expect("created"));
    #[cfg(feature = "cluster")]
    {
        let keyspace = crate::cql::made(&zeitgeber_test_services::cql());
        check(&crate::cql::claimed(&keyspace));
    }
}

/// The same chunks, partition by partition: in which order partitions follow each other is the
/// implementation's own.
fn by_partition(mut chunks: Stored) -> Stored {
    chunks.sort_by_key(|chunk| chunk.0);
    chunks
}

#[test]
fn journal_1_a_chunk_that_is_not_next_is_a_conflict_and_changes_nothing() {
    on_each(|journal| {
        let mut hand = Hand::new(0);
        append_ok(journal, &mut hand, 2);
        let (mut behind, mut ahead) = (Hand::new(0), Hand::resume(0, hand.tail.clone()));
        let _ = ahead.next(1);
        for (wrong, expected) in [(behind.next(9), 0), (ahead.next(1), 2)] {
            let result = append(journal, wrong).result;
            assert!(
                matches!(result, Err(AppendError::Conflict { expected: e, actual: 1 }) if e == expected),
                "{result:?}"
            );
        }
        assert_eq!(journal.tail(PartitionId(0)), hand.tail);
        append_ok(journal, &mut hand, 1);
        assert_eq!(stored(journal, checked()).expect("scanned").len(), 2);
    });
}

#[test]
fn journal_2_and_4_appends_in_flight_complete_once_each_and_in_order() {
    on_each(|journal| {
        let (to, from) = mpsc::channel();
        let mut hands: Vec<_> = (0..3).map(Hand::new).collect();
        for n in 0..200 {
            journal.submit(hands[n % 3].next(1), done(&to));
        }
        drop(to);
        let completions: Vec<_> = from.iter().collect();
        assert_eq!(completions.len(), 200);
        for (partition, hand) in hands.iter().enumerate() {
            let of = completions.iter().filter(|c| usize::from(c.partition.0) == partition);
            let numbers: Vec<_> = of.clone().map(|c| c.chunk).collect();
            assert_eq!(numbers, (0..hand.tail.next_chunk).collect::<Vec<_>>());
            assert!(of.clone().all(|c| c.result.is_ok()));
        }
        assert_eq!(stored(journal, checked()).expect("scanned").len(), 200);
    });
}

#[test]
fn journal_3_and_7_what_was_acknowledged_is_in_tail_and_scan() {
    on_each(|journal| {
        assert_eq!(journal.tail(PartitionId(1)), Tail::default());
        let mut hand = Hand::new(1);
        for n in 0..20 {
            append_ok(journal, &mut hand, n % 4);
            assert_eq!(journal.tail(PartitionId(1)), hand.tail);
            let chunks = stored(journal, checked()).expect("scanned");
            assert_eq!(chunks.last().map(|chunk| chunk.2), Some(hand.tail.head));
        }
        assert_eq!(journal.tail(PartitionId(9)), Tail::default());
        assert_eq!(journal.layout(), LAYOUT);
    });
}

#[test]
fn journal_6_a_scan_yields_the_appended_bytes_from_where_it_was_asked_to_start() {
    on_each(|journal| {
        let mut hands: Vec<_> = (0..3).map(Hand::new).collect();
        let mut written = Vec::new();
        for n in 0..40_u64 {
            let next = hands[(n * n % 3) as usize].next(n % 5);
            let (header, hash) = (next.chunk.header(), next.chunk.hash());
            written.push((header.partition.0, header.number, hash, next.chunk.bytes().to_vec()));
            append(journal, next).result.expect("appended");
        }
        let written = by_partition(written);
        assert_eq!(by_partition(stored(journal, checked()).expect("scanned")), written);
        for from in [vec![5], vec![13, 26, 0], vec![10, 20, 0], vec![99, 99, 99]] {
            let wanted = |p: u16| from.get(usize::from(p)).copied().unwrap_or(0);
            let expected: Vec<_> = written.iter().filter(|c| c.1 >= wanted(c.0)).cloned().collect();
            let scan = ScanFrom { chunks: from.clone(), check_hashes: true, ..ScanFrom::default() };
            assert_eq!(by_partition(stored(journal, scan).expect("scanned")), expected, "{from:?}");
        }
    });
}

#[test]
fn journal_6_a_scan_that_ended_goes_on_when_more_is_appended() {
    on_each(|journal| {
        let mut hand = Hand::new(0);
        let mut scan = journal.scan(checked()).expect("a scan");
        for number in 0..30 {
            assert!(scan.next_chunk().expect("scanned").is_none());
            append_ok(journal, &mut hand, 3);
            let chunk = scan.next_chunk().expect("scanned").expect("a chunk");
            assert_eq!(chunk.header.number, number);
            assert_eq!(chunk.entries().filter(Result::is_ok).count(), 3);
        }
    });
}

#[test]
fn journal_8_a_chunk_that_does_not_continue_the_chain_is_refused() {
    on_each(|journal| {
        let mut hand = Hand::new(0);
        append_ok(journal, &mut hand, 5);
        let Tail { next_chunk, next_position, head, .. } = hand.tail;
        let seal = |number, position, previous, bytes| {
            let mut builder = ChunkBuilder::new(PartitionId(0), 1);
            let mut entry = entry(1);
            entry.payload.0 = vec![0; bytes];
            add(&mut builder, &entry);
            builder.seal(number, position, previous)
        };
        let wrong = [
            (0, seal(next_chunk, next_position + 1, head, 1)),
            (0, seal(next_chunk, next_position, [9; 32], 1)),
            (0, seal(next_chunk + 1, next_position, head, 1)),
            (0, seal(next_chunk, next_position, head, MAX_CHUNK_BYTES)),
            (7, seal(next_chunk, next_position, head, 1)),
        ];
        for (partition, chunk) in wrong {
            let partition = PartitionId(partition);
            let refused = append(journal, Append { partition, expected_chunk: next_chunk, chunk });
            assert!(matches!(refused.result, Err(AppendError::Refused(_))), "{refused:?}");
        }
        append_ok(journal, &mut hand, 1);
    });
}

#[test]
fn journal_9_a_closed_journal_refuses_appends_and_can_be_scanned() {
    on_each(|journal| {
        let (mut hand, (to, from)) = (Hand::new(2), mpsc::channel());
        for _ in 0..10 {
            journal.submit(hand.next(2), done(&to));
        }
        journal.close().expect("closed");
        journal.close().expect("still closed");
        drop(to);
        assert_eq!(from.iter().filter(|appended| appended.result.is_ok()).count(), 10);
        let tail = hand.tail.clone();
        let late = append(journal, hand.next(1)).result;
        assert!(matches!(late, Err(AppendError::Closed)), "{late:?}");
        assert_eq!(tails(journal)[2], tail);
        assert_eq!(stored(journal, checked()).expect("scanned").len(), 10);
    });
}
