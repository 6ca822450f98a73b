//! Chunks: the unit of appending, hashing and replay.
//!
//! A chunk is one Avro datum of the record `Chunk { header: ChunkHeader, entries: array<Entry> }`,
//! so any Avro library reads it. Its hash is BLAKE3 over exactly these bytes; the header holds the
//! hash of the chunk before, which makes the chain. Building writes the entries behind free space
//! into which the header is set last, and reading borrows from the bytes: neither allocates or
//! copies for an entry.

mod read;

pub use read::{Chunk, ChunkError, EntryIter, EntryRef, EventIter, EventRef, RawRef};
use zeitgeber_schemas::{
    ChunkHeader, Cursor, PartitionId, Repeat,
    wire::{self, Wire},
};

use super::Hash;

/// Version of the chunk's form.
pub const FORMAT: u32 = 1;
/// A chunk is best sealed at this size, bytes.
pub const TARGET_CHUNK_BYTES: usize = 1 << 20;
/// A chunk above this size is refused, bytes.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;
/// What a counted repeat takes besides its texts, bytes at most.
const REPEAT_BYTES: usize = 24;
/// Space kept in front of the entries for the header, bytes. A longer header costs one copy.
const HEADROOM: usize = 1 << 10;

/// Collects encoded entries of one partition and seals them into a chunk.
#[derive(Debug)]
pub struct ChunkBuilder {
    partition: PartitionId,
    decide_version: u32,
    /// Headroom, then entries.
    buffer: Vec<u8>,
    spare: Vec<u8>,
    entries: u64,
    events: u32,
    min_ts: i64,
    max_ts: i64,
    cursors: Vec<Cursor>,
    /// About what the counted repeats take in the header, bytes.
    repeat_bytes: usize,
}

impl ChunkBuilder {
    /// An empty chunk of `partition`, by the deciding code of `decide_version`.
    pub fn new(partition: PartitionId, decide_version: u32) -> Self {
        Self {
            partition,
            decide_version,
            buffer: vec![0; HEADROOM],
            spare: Vec::new(),
            entries: 0,
            events: 0,
            min_ts: i64::MAX,
            max_ts: i64::MIN,
            cursors: Vec::new(),
            repeat_bytes: 0,
        }
    }

    /// The index of a source among this chunk's cursors, which an entry names.
    pub fn source(&mut self, source: [u8; 16], name: &str) -> u32 {
        let found = self.cursors.iter().position(|cursor| cursor.source == source);
        let index = found.unwrap_or_else(|| {
            self.cursors.push(Cursor { source, name: name.into(), line: 0, repeats: Vec::new() });
            self.cursors.len() - 1
        });
        index as u32
    }

    /// Notes that the source at `index` is covered up to `line`.
    pub fn cover(&mut self, index: u32, line: u64) {
        if let Some(cursor) = self.cursors.get_mut(index as usize) {
            cursor.line = cursor.line.max(line);
        }
    }

    /// Notes an input that caused nothing; covers its line.
    pub fn repeat(&mut self, index: u32, repeat: Repeat) {
        self.cover(index, repeat.line);
        let texts = [&repeat.user_id, &repeat.kind].into_iter().flatten();
        self.repeat_bytes += texts.fold(REPEAT_BYTES, |sum, text| sum + text.len());
        if let Some(cursor) = self.cursors.get_mut(index as usize) {
            cursor.repeats.push(repeat);
        }
    }

    /// Appends one entry: `write` appends the Avro bytes of an `Entry` at time `ts` (ms UTC) with
    /// `events` events.
    pub fn entry(&mut self, ts: i64, events: u32, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.buffer);
        self.entries += 1;
        self.events += events;
        self.min_ts = self.min_ts.min(ts);
        self.max_ts = self.max_ts.max(ts);
    }

    /// Bytes of entries and of counted repeats so far.
    pub fn len(&self) -> usize {
        self.buffer.len() - HEADROOM + self.repeat_bytes
    }

    /// Whether there is nothing to store: no entry and no cursor.
    pub fn is_empty(&self) -> bool {
        self.entries == 0 && self.cursors.is_empty()
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Events so far.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// Gives back the memory of a chunk that is done with, for the next seal.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() {
            self.spare = buffer;
        }
    }

    /// Ends the chunk and begins the next one. `previous` is the hash of the chunk before, zeros
    /// for the first.
    pub fn seal(&mut self, number: u64, first_position: u64, previous: Hash) -> SealedChunk {
        let empty = self.entries == 0;
        let header = ChunkHeader {
            format: FORMAT,
            decide_version: self.decide_version,
            partition: self.partition,
            number,
            first_position,
            events: self.events,
            min_ts: if empty { 0 } else { self.min_ts },
            max_ts: if empty { 0 } else { self.max_ts },
            cursors: std::mem::take(&mut self.cursors),
            previous,
            codec: 0,
        };
        let mut front = Vec::with_capacity(HEADROOM);
        header.put(&mut front);
        if !empty {
            wire::put_long(self.entries as i64, &mut front);
            self.buffer.push(0);
        } else {
            front.push(0);
        }
        let mut next = std::mem::take(&mut self.spare);
        next.clear();
        next.resize(HEADROOM, 0);
        let mut buffer = std::mem::replace(&mut self.buffer, next);
        let start = HEADROOM.saturating_sub(front.len());
        buffer.splice(start..HEADROOM, front);
        (self.entries, self.events, self.repeat_bytes) = (0, 0, 0);
        (self.min_ts, self.max_ts) = (i64::MAX, i64::MIN);
        let hash = *blake3::hash(&buffer[start..]).as_bytes();
        SealedChunk { buffer, start, hash, header }
    }
}

/// A chunk that can be appended and no longer changed.
#[derive(Debug, Clone)]
pub struct SealedChunk {
    buffer: Vec<u8>,
    start: usize,
    hash: Hash,
    header: ChunkHeader,
}

impl SealedChunk {
    /// The Avro bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// BLAKE3 of the bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The header.
    pub fn header(&self) -> &ChunkHeader {
        &self.header
    }

    /// The memory, to be recycled.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}
