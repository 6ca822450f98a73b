//! What readers see: followers, long chunks, the stream index, places.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use zeitgeber::journal::{Append, ChunkBuilder, Journal, Key, Scan, ScanFrom};
use zeitgeber_schemas::{PartitionId, wire::Bytes};
use zeitgeber_test_services::cql;

use crate::{
    cql::{claimed, made, reader, run},
    kit::{Hand, add, append, append_ok, checked, done, entry, stored},
    search::{THINGS, about, agrees, resumes_everywhere, write},
};

/// Asks again until there is one, as a follower does.
fn next_number(scan: &mut dyn Scan) -> u64 {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(chunk) = scan.next_chunk().expect("read") {
            return chunk.header.number;
        }
        assert!(Instant::now() < until, "nothing came");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn epoch_3_a_follower_sees_every_acknowledged_chunk_soon_and_in_order() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    let follower = reader(&connect).expect("opened");
    let mut scan = follower.scan(checked()).expect("a scan");
    let mut hand = Hand::new(1);
    for number in 0..5 {
        append_ok(&journal, &mut hand, 2);
        assert_eq!(next_number(&mut *scan), number);
    }
    assert_eq!(follower.tail(PartitionId(1)), hand.tail);
    journal.close().expect("closed");
    assert_eq!(follower.tail(PartitionId(1)), hand.tail);
}

#[test]
fn epoch_3_a_follower_does_not_trust_what_nothing_vouches_for() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    let mut hand = Hand::new(0);
    append_ok(&journal, &mut hand, 2);
    append_ok(&journal, &mut hand, 2);
    drop(journal);
    // As if the owner had died before it left its mark.
    run(&connect, "TRUNCATE {k}.marks");
    let follower = reader(&connect).expect("opened");
    assert_eq!(stored(&follower, checked()).expect("scanned").len(), 1);
    assert_eq!(follower.tail(PartitionId(0)).next_chunk, 1);
    // The next owner resolves it.
    claimed(&connect);
    assert_eq!(stored(&follower, checked()).expect("scanned").len(), 2);
}

#[test]
fn journal_6_a_chunk_longer_than_a_row_comes_back_whole() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    let mut builder = ChunkBuilder::new(PartitionId(0), 1);
    let mut long = entry(1);
    let mut state = 1_u64;
    let noise = (0..3_500_000).map(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    long.payload = Bytes(noise.collect());
    add(&mut builder, &long);
    let chunk = builder.seal(0, 0, [0; 32]);
    let bytes = chunk.bytes().to_vec();
    append(&journal, Append { partition: PartitionId(0), expected_chunk: 0, chunk })
        .result
        .expect("appended");
    assert_eq!(stored(&journal, checked()).expect("scanned")[0].3, bytes);
    // Without one of its parts it is not there.
    run(
        &connect,
        "DELETE FROM {k}.chunks WHERE partition = 0 AND bucket = 0 AND epoch = 0 AND chunk = 0 \
         AND part = 2",
    );
    let error = stored(&journal, checked()).expect_err("a part is missing");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains("missing"), "{error}: {cause}");
}

#[test]
fn journal_12_a_changed_byte_is_found() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    append_ok(&journal, &mut Hand::new(0), 2);
    run(
        &connect,
        "UPDATE {k}.chunks SET body = 0x00 WHERE partition = 0 AND bucket = 0 AND epoch = 0 \
         AND chunk = 0 AND part = 0",
    );
    let error = stored(&journal, checked()).expect_err("it is damaged");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains("damaged"), "{error}: {cause}");
}

/// How many chunks a search reads.
fn read_for(journal: &dyn Journal, key: Key) -> usize {
    let mut scan = journal.find(&[key], ScanFrom::default()).expect("a scan");
    let mut chunks = 0;
    while scan.next_chunk().expect("read").is_some() {
        chunks += 1;
    }
    chunks
}

#[test]
fn journal_14_no_state_of_the_index_changes_what_a_search_finds() {
    let connect = made(&cql());
    let journal = claimed(&connect);
    let (to, from) = mpsc::channel();
    let mut tail = journal.tail(PartitionId(0));
    for n in 0..300_u64 {
        let mut builder = ChunkBuilder::new(PartitionId(0), 1);
        add(&mut builder, &about(n, if n == 77 { 5 } else { n % 4 + 1 }, n % THINGS));
        let chunk = builder.seal(tail.next_chunk, tail.next_position, tail.head);
        let expected_chunk = tail.next_chunk;
        tail.next_chunk += 1;
        tail.next_position += u64::from(chunk.header().events);
        tail.head = chunk.hash();
        journal.submit(Append { partition: PartitionId(0), expected_chunk, chunk }, done(&to));
    }
    drop(to);
    assert_eq!(from.iter().filter(|appended| appended.result.is_ok()).count(), 300);
    write(&journal, &vec![(1, vec![(1, 2), (3, 4)]), (2, vec![])]);
    // Two full buckets and 44 chunks: the index is written beside, after the bucket is full.
    let rare = Key::subject(PartitionId(0), 5);
    let until = Instant::now() + Duration::from_secs(20);
    while read_for(&journal, rare) > 50 {
        assert!(Instant::now() < until, "the buckets are not indexed");
        thread::sleep(Duration::from_millis(100));
    }
    agrees(&journal);
    agrees(&reader(&connect).expect("opened"));
    resumes_everywhere(&reader(&connect).expect("opened"));
    run(&connect, "DELETE FROM {k}.stream_index WHERE partition = 0 AND bucket = 0 AND shard = 3");
    agrees(&journal);
    run(
        &connect,
        "INSERT INTO {k}.stream_index (partition, bucket, shard, keys_version, postings) \
         VALUES (0, 1, 0, 1, 0x0011)",
    );
    agrees(&journal);
    run(&connect, "TRUNCATE {k}.stream_index");
    run(&connect, "TRUNCATE {k}.tails");
    agrees(&journal);
    resumes_everywhere(&journal);
}
