//! Chunks: the unit of appending, hashing and replay.
//!
//! A chunk is one Avro datum of the record `Chunk { header: ChunkHeader, entries: array<Entry> }`,
//! so any Avro library reads it. Its hash is BLAKE3 over exactly these bytes; the header holds the
//! hash of the chunk before, which makes the chain. Building writes the entries behind free space
//! into which the header is set last, and reading borrows from the bytes: neither allocates or
//! copies for an entry.

use zeitgeber_schemas::{
    ChunkHeader, Cursor, PartitionId, Repeat, SchemaId,
    wire::{self, Malformed, Wire},
};

use super::Hash;

/// Version of the chunk's form.
pub const FORMAT: u32 = 1;
/// A chunk is best sealed at this size, bytes.
pub const TARGET_CHUNK_BYTES: usize = 1 << 20;
/// A chunk above this size is refused, bytes.
pub const MAX_CHUNK_BYTES: usize = 8 << 20;
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

    /// Bytes of entries so far.
    pub fn len(&self) -> usize {
        self.buffer.len() - HEADROOM
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
        (self.entries, self.events) = (0, 0);
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

/// Why bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes do not follow the schema.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A later version's form.
    #[error("the chunk has form {found}, this program reads up to {FORMAT}")]
    TooNew {
        /// The form's version.
        found: u32,
    },
    /// Compressed in a way this version cannot read.
    #[error("the chunk is compressed by the unknown codec {found}")]
    Codec {
        /// The codec's number.
        found: u32,
    },
    /// Something follows the last entry.
    #[error("bytes follow the chunk's last entry")]
    Excess,
}

/// Reads chunks.
#[derive(Debug, Clone, Copy)]
pub struct Chunk;

impl Chunk {
    /// The header, and the entries still encoded.
    pub fn decode(bytes: &[u8]) -> Result<(ChunkHeader, EntryIter<'_>), ChunkError> {
        let (header, body) = Self::split(bytes)?;
        Ok((header, EntryIter::new(body)))
    }

    pub(super) fn split(bytes: &[u8]) -> Result<(ChunkHeader, &[u8]), ChunkError> {
        let mut rest = bytes;
        // The form's version is the first field of every version.
        let found = u32::get(&mut &*rest)?;
        if found != FORMAT {
            return Err(ChunkError::TooNew { found });
        }
        let header = ChunkHeader::get(&mut rest)?;
        match header.codec {
            0 => Ok((header, rest)),
            found => Err(ChunkError::Codec { found }),
        }
    }
}

/// The entries of a chunk, borrowed. After an error it ends.
#[derive(Debug, Clone)]
pub struct EntryIter<'a> {
    rest: &'a [u8],
    /// Entries left in the array's block.
    left: usize,
    ended: bool,
}

impl<'a> EntryIter<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, left: 0, ended: false }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<EntryRef<'a>>, ChunkError> {
        if self.left == 0 {
            self.left = wire::get_block(&mut self.rest)?;
            if self.left == 0 {
                self.ended = true;
                return if self.rest.is_empty() { Ok(None) } else { Err(ChunkError::Excess) };
            }
        }
        self.left -= 1;
        Ok(Some(EntryRef::get(&mut self.rest)?))
    }
}

impl<'a> Iterator for EntryIter<'a> {
    type Item = Result<EntryRef<'a>, ChunkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended |= step.is_err();
        step.transpose()
    }
}

/// An input and what it caused, borrowed from a chunk. Fields as in `schemas::Entry`.
#[derive(Debug, Clone)]
pub struct EntryRef<'a> {
    /// The subject's number in this partition; 0: nobody known.
    pub subject: u64,
    /// The tenant.
    pub tenant: &'a str,
    /// The input's schema.
    pub schema: SchemaId,
    /// The input's id.
    pub id: &'a str,
    /// Event time, ms UTC.
    pub ts: i64,
    /// Arrival time, ms UTC.
    pub recv_ts: Option<i64>,
    /// Index of the source among the header's cursors.
    pub source: u32,
    /// Line in the source, from 1.
    pub line: u64,
    /// The bytes as they came, where the input was refused.
    pub raw: Option<RawRef<'a>>,
    /// 0: the payload is in clear. Otherwise the generation of the subject's key.
    pub seal: u32,
    /// Avro bytes of the input's body.
    pub payload: &'a [u8],
    /// What it caused.
    pub events: EventIter<'a>,
}

impl<'a> EntryRef<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, ChunkError> {
        Ok(Self {
            subject: u64::get(from)?,
            tenant: wire::get_str(from)?,
            schema: SchemaId::get(from)?,
            id: wire::get_str(from)?,
            ts: i64::get(from)?,
            recv_ts: Option::get(from)?,
            source: u32::get(from)?,
            line: u64::get(from)?,
            raw: RawRef::get(from)?,
            seal: u32::get(from)?,
            payload: wire::get_bytes(from)?,
            events: EventIter::get(from)?,
        })
    }
}

/// The bytes of a refused input, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRef<'a> {
    /// The first 4 KiB.
    pub head: &'a [u8],
    /// Length of the whole, bytes.
    pub length: u64,
    /// BLAKE3 of the whole, cut to 16 bytes.
    pub hash: [u8; 16],
    /// BLAKE3 of what follows the first 4 KiB; none where nothing does.
    pub rest_hash: Option<[u8; 32]>,
}

impl<'a> RawRef<'a> {
    fn get(from: &mut &'a [u8]) -> Result<Option<Self>, Malformed> {
        if wire::get_index(from, 2)? == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            head: wire::get_bytes(from)?,
            length: u64::get(from)?,
            hash: Wire::get(from)?,
            rest_hash: Option::get(from)?,
        }))
    }
}

/// One event, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// The event's schema.
    pub schema: SchemaId,
    /// 0: the payload is in clear. Otherwise the generation of the subject's key.
    pub seal: u32,
    /// Avro bytes.
    pub payload: &'a [u8],
}

impl<'a> EventRef<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let (schema, seal) = (SchemaId::get(from)?, u32::get(from)?);
        Ok(Self { schema, seal, payload: wire::get_bytes(from)? })
    }
}

/// The events of an entry. They were checked when the entry was read, so none can fail.
#[derive(Debug, Clone)]
pub struct EventIter<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> EventIter<'a> {
    #[inline]
    fn get(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let rest = *from;
        loop {
            let count = wire::get_block(from)?;
            if count == 0 {
                return Ok(Self { rest, left: 0 });
            }
            for _ in 0..count {
                EventRef::get(from)?;
            }
        }
    }
}

impl<'a> Iterator for EventIter<'a> {
    type Item = EventRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<EventRef<'a>> {
        if self.left == 0 {
            self.left = wire::get_block(&mut self.rest).ok().filter(|count| *count > 0)?;
        }
        self.left -= 1;
        EventRef::get(&mut self.rest).ok()
    }
}
