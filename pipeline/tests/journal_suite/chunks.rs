//! Chunks: building and reading agree with the wire types.

use proptest::prelude::*;
use zeitgeber::journal::{Chunk, ChunkBuilder, ChunkError};
use zeitgeber_schemas::{
    ChunkHeader, Entry, PartitionId, RawBytes, Reason, Recorded, Repeat,
    wire::{Bytes, Malformed, Wire, to_bytes},
};

use crate::kit::{SOURCE, add, entry};

/// The record `Chunk` as the wire types read it.
fn by_wire_types(mut bytes: &[u8]) -> Result<(ChunkHeader, Vec<Entry>), Malformed> {
    let chunk = (ChunkHeader::get(&mut bytes)?, Vec::get(&mut bytes)?);
    if bytes.is_empty() { Ok(chunk) } else { Err(Malformed::Range) }
}

fn by_borrowing(bytes: &[u8]) -> Result<(ChunkHeader, Vec<Entry>), ChunkError> {
    let (header, entries) = Chunk::decode(bytes)?;
    let owned = entries.map(|entry| {
        let entry = entry?;
        let raw = entry.raw.map(|raw| RawBytes {
            head: Bytes(raw.head.into()),
            length: raw.length,
            hash: raw.hash,
            rest_hash: raw.rest_hash,
        });
        let event = |event: zeitgeber::journal::EventRef<'_>| Recorded {
            schema: event.schema,
            seal: event.seal,
            payload: Bytes(event.payload.into()),
        };
        Ok(Entry {
            subject: entry.subject,
            tenant: entry.tenant.into(),
            schema: entry.schema,
            id: entry.id.into(),
            ts: entry.ts,
            recv_ts: entry.recv_ts,
            source: entry.source,
            line: entry.line,
            raw,
            seal: entry.seal,
            payload: Bytes(entry.payload.into()),
            events: entry.events.map(event).collect(),
        })
    });
    Ok((header, owned.collect::<Result<_, ChunkError>>()?))
}

fn build(numbers: &[u64], repeats: u64) -> (Vec<u8>, ChunkHeader) {
    let mut builder = ChunkBuilder::new(PartitionId(2), 7);
    let index = builder.source(SOURCE, "day.jsonl");
    assert_eq!(builder.source(SOURCE, "day.jsonl"), index);
    for line in 0..repeats {
        let reason = Reason::ALL.first().copied();
        let user_id = Some("a person".into());
        builder.repeat(index, Repeat { line, reason, user_id, kind: None });
    }
    numbers.iter().for_each(|n| add(&mut builder, &entry(*n)));
    let chunk = builder.seal(4, 10, [3; 32]);
    assert_eq!(chunk.hash(), *blake3::hash(chunk.bytes()).as_bytes());
    // The builder is empty again, whatever it held, and may use old memory.
    let bytes = chunk.bytes().to_vec();
    let header = chunk.header().clone();
    builder.recycle(chunk.into_buffer());
    let _ = builder.seal(5, 10, [3; 32]);
    numbers.iter().for_each(|n| add(&mut builder, &entry(*n)));
    let again = builder.seal(4, 10, [3; 32]);
    assert_eq!((again.header().events, again.header().min_ts), (header.events, header.min_ts));
    assert_eq!(
        by_wire_types(again.bytes()).map(|chunk| chunk.1),
        by_wire_types(&bytes).map(|chunk| chunk.1)
    );
    (bytes, header)
}

proptest! {
    #[test]
    fn a_chunk_reads_the_same_borrowed_and_by_the_wire_types(
        numbers in prop::collection::vec(0..10_000_u64, 0..40),
        // Many repeats make the header longer than the space kept for it.
        repeats in prop_oneof![Just(0_u64), 1..5_u64, 80..100_u64],
    ) {
        let (bytes, header) = build(&numbers, repeats);
        let entries: Vec<Entry> = numbers.iter().map(|n| entry(*n)).collect();
        let events: usize = entries.iter().map(|e| e.events.len()).sum();
        prop_assert_eq!(header.events as usize, events);
        prop_assert_eq!(header.min_ts, entries.iter().map(|e| e.ts).min().unwrap_or(0));
        prop_assert_eq!(header.max_ts, entries.iter().map(|e| e.ts).max().unwrap_or(0));
        let expected = (header, entries);
        prop_assert_eq!(by_wire_types(&bytes), Ok(expected.clone()));
        prop_assert_eq!(by_borrowing(&bytes), Ok(expected));
    }

    #[test]
    fn flipped_bytes_never_panic_and_read_as_the_wire_types_read_them(
        at in 0..2_000_usize, flip in 1..=255_u8,
    ) {
        let (mut bytes, _) = build(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 2);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(borrowed) = by_borrowing(&bytes) {
            prop_assert_eq!(by_wire_types(&bytes), Ok(borrowed));
        }
    }
}

#[test]
fn a_chunk_cut_anywhere_or_followed_by_anything_is_an_error() {
    let (mut bytes, _) = build(&[1, 2, 3, 5], 1);
    for length in 0..bytes.len() {
        assert!(by_borrowing(&bytes[..length]).is_err(), "{length}");
    }
    bytes.push(0);
    assert_eq!(by_borrowing(&bytes), Err(ChunkError::Excess));
}

#[test]
fn an_array_in_several_blocks_reads_the_same() {
    let (bytes, header) = build(&[1, 2], 0);
    let mut blocks = to_bytes(&header);
    for n in [1, 2] {
        // A negative count is followed by the block's length.
        let entry = to_bytes(&entry(n));
        (-1_i64).put(&mut blocks);
        (entry.len() as i64).put(&mut blocks);
        blocks.extend(entry);
    }
    blocks.push(0);
    assert_eq!(by_borrowing(&blocks), by_borrowing(&bytes));
}

#[test]
fn a_newer_form_and_an_unknown_codec_are_named() {
    let (_, header) = build(&[1], 0);
    let with = |change: fn(&mut ChunkHeader)| {
        let mut header = header.clone();
        change(&mut header);
        Chunk::decode(&to_bytes(&header)).map(drop)
    };
    assert_eq!(with(|header| header.format = 2), Err(ChunkError::TooNew { found: 2 }));
    assert_eq!(with(|header| header.codec = 3), Err(ChunkError::Codec { found: 3 }));
}
