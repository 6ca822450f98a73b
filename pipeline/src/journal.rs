//! The journal port: an append-only log of chunks, one chain for each partition.
//!
//! The journal is the commit point: what it has acknowledged happened, everything else in the
//! program is a fold over it. [`Journal`] carries the specification; [`FileJournal`] keeps it on
//! disk (`docs/journal.md` describes the bytes), [`MemoryJournal`] in memory for tests and trials.

mod chain;
mod chunk;
#[cfg(feature = "cluster")]
pub mod cql;
mod error;
mod file;
mod keys;
mod memory;
mod meter;

use std::{fmt, ops::Range};

pub use chain::Tail;
pub use chunk::{
    Chunk, ChunkBuilder, ChunkError, EntryIter, EntryRef, EventIter, EventRef, FORMAT,
    MAX_CHUNK_BYTES, RawRef, SealedChunk, TARGET_CHUNK_BYTES,
};
pub use error::{AppendError, ClaimError, ReadError, SeekError, WriteFailure};
pub use file::{
    BuildError, Built, Cut, FileJournal, Ground, Mode, OpenError, Pace, Recovery, Settings,
};
pub use keys::{KEYS_VERSION, Key, keys_of, keys_of_header, refused_user};
pub use memory::MemoryJournal;
pub use meter::Meter;
use zeitgeber_schemas::{ChunkHeader, PartitionId};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// What is fixed when a log is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Tells this log from every other one.
    pub log_id: [u8; 16],
    /// Number of partitions, at least 1.
    pub partitions: u16,
}

/// An append-only log of chunks with compare-and-append for each partition.
///
/// The contract, which every implementation keeps and the conformance suite checks:
///
/// - **JOURNAL-1** Chunk `k` is accepted only where `k` follows the last chunk submitted to its
///   partition. Any other number is a [`AppendError::Conflict`] that changes nothing.
/// - **JOURNAL-2** Every `submit` is answered by exactly one completion. Those of accepted
///   appends come in the order of submission within a partition. A completion may come before
///   `submit` returns, and on any thread.
/// - **JOURNAL-3** `Ok` is reported only when the chunk, and every one accepted before it in any
///   partition (in its own, where several processes share the log), is as durable as the
///   implementation can make it.
/// - **JOURNAL-4** Several appends to a partition may be in flight. When one fails, so do all
///   that were accepted after it.
/// - **JOURNAL-5** After a failed write or sync the journal is poisoned: every pending and later
///   append fails, and only opening the log again tells what it holds. A journal in a database
///   makes the same write again instead, until it succeeds or the partition is another's.
/// - **JOURNAL-6** A scan yields the bytes that were appended, each chunk once, each partition's
///   in order and without a gap, starting where it was asked to.
/// - **JOURNAL-7** A tail describes the last durable chunk of a partition, the same after opening
///   the log again.
/// - **JOURNAL-8** A chunk that does not continue its partition's chain (first position, hash of
///   the chunk before) or is longer than [`MAX_CHUNK_BYTES`] is refused and changes nothing.
/// - **JOURNAL-9** After `close` the journal refuses appends and can still be scanned.
/// - **JOURNAL-14** A search yields, as a scan does, at least every chunk that holds one of its
///   keys; it may yield others. No state of an index changes that.
/// - **JOURNAL-15** Appends are accepted only between `claim` and `release` of their partition,
///   where several processes share the log; a journal that one process holds has everything
///   claimed when it is opened. Before `claim` returns, whatever an earlier owner had acknowledged
///   is in the tail that it returns, and nothing that an earlier owner may still send can change
///   the chain behind it.
/// - **JOURNAL-16** An append to a partition that is not claimed, or that somebody else claimed
///   since, is a [`AppendError::Conflict`], and so are all that were accepted after it in that
///   partition. Nothing of them was acknowledged; the tail that the next claim returns tells
///   whether it stands all the same. Other partitions go on, and claiming again begins anew.
///
/// For journals on disk moreover:
///
/// - **JOURNAL-10** What a crash tore off at the end was never acknowledged: opening for writing
///   cuts and reports it.
/// - **JOURNAL-11** Damage below the durable mark, or before anything valid, is refused with its
///   file and offset: by opening, or where opening passes over it by the index, by reading. Opening
///   then changes nothing.
/// - **JOURNAL-12** After a clean stop every flipped byte is found by opening or by scanning.
/// - **JOURNAL-13** One process writes at a time. Readers change nothing and bear a live writer.
///
/// It is *not* a place for rules: what a chunk says does not matter to it beyond the header, and
/// beyond the keys under which [`keys_of`] files an entry.
pub trait Journal: Send + Sync {
    /// What was fixed when the log was created.
    fn layout(&self) -> Layout;

    /// Where a partition's durable chain ends. A partition outside the layout has an empty one.
    fn tail(&self, partition: PartitionId) -> Tail;

    /// Takes a partition over for writing, from whoever had it, and tells where its chain ends.
    /// Waits for other machines; whatever of ours was in flight there ends with a conflict.
    ///
    /// # Errors
    ///
    /// The partition could not be taken, or its chain not be read. It is then not claimed.
    fn claim(&self, partition: PartitionId) -> Result<Tail, ClaimError> {
        let partitions = self.layout().partitions;
        if partition.0 >= partitions {
            return Err(SeekError::UnknownPartition { partition, partitions }.into());
        }
        Ok(self.tail(partition))
    }

    /// Gives a partition up: what is in flight completes first, and whoever claims it next has
    /// nothing to wait for. A partition that is not claimed stays as it is.
    fn release(&self, partition: PartitionId) {
        let _ = partition;
    }

    /// Whether a partition is claimed here, as far as is known: what is appended to it is appended
    /// here.
    fn is_claimed(&self, partition: PartitionId) -> bool {
        partition.0 < self.layout().partitions
    }

    /// Appends a chunk; `done` gets the outcome later. Waits only where more than the bound of
    /// queued bytes is pending.
    fn submit(&self, append: Append, done: Done);

    /// Appends several chunks as if they were submitted one after the other. What is submitted
    /// together can become durable together.
    fn submit_all(&self, appends: Vec<(Append, Done)>) {
        appends.into_iter().for_each(|(append, done)| self.submit(append, done));
    }

    /// Reads stored chunks in log order.
    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError>;

    /// Reads, in log order, at least the stored chunks that hold one of these keys. Hashes are
    /// checked only where the whole log is read for it.
    fn find(&self, keys: &[Key], from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        let _ = keys;
        self.scan(from)
    }

    /// The place of the chunk that holds event `n` of a partition. Together with
    /// [`ScanFrom::places`] it resumes what was read up to that event.
    fn place_of(&self, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
        seek_tail(self.layout(), self.tail(partition), partition, n)?;
        seek(&mut *self.scan(ScanFrom::default())?, partition, n)
    }

    /// Whether what is appended later always stands behind what was stored before, whatever their
    /// partitions. Where not, places order each partition by itself, and a place in one says
    /// nothing of what was read of another.
    fn has_one_order(&self) -> bool {
        true
    }

    /// How many segments the log has: [`Place::segment`] counts them from 0.
    fn segments(&self) -> u32 {
        1
    }

    /// Waits for what is pending, then stops cleanly and leaves the durable mark.
    fn close(&self) -> Result<(), AppendError>;
}

/// One chunk to append.
#[derive(Debug)]
pub struct Append {
    /// The partition.
    pub partition: PartitionId,
    /// The number the writer believes to be next.
    pub expected_chunk: u64,
    /// The chunk.
    pub chunk: SealedChunk,
}

/// Receives the one completion of an append, often on the journal's own thread: it hands it on
/// (to a channel) and must not block, submit, close or panic.
pub type Done = Box<dyn FnOnce(Appended) + Send>;

/// The outcome of an append.
#[derive(Debug)]
pub struct Appended {
    /// The partition.
    pub partition: PartitionId,
    /// The chunk number that was expected.
    pub chunk: u64,
    /// Whether the chunk is durable.
    pub result: Result<(), AppendError>,
    /// The chunk's memory, for [`ChunkBuilder::recycle`].
    pub buffer: Vec<u8>,
}

/// Where a scan starts, and how much it checks.
#[derive(Debug, Clone)]
pub struct ScanFrom {
    /// First chunk wanted of each partition; partitions beyond the list start at 0.
    pub chunks: Vec<u64>,
    /// Hash every chunk read and compare it with what its successor says.
    pub check_hashes: bool,
    /// Only chunks that begin within these places.
    pub places: Range<Place>,
}

impl Default for ScanFrom {
    fn default() -> Self {
        Self { chunks: Vec::new(), check_hashes: false, places: Place::START..Place::END }
    }
}

impl ScanFrom {
    /// What stands in these places, of all partitions.
    pub fn places(places: Range<Place>) -> Self {
        Self { places, ..Self::default() }
    }

    fn wants(&self, header: &ChunkHeader, place: Place) -> bool {
        let from = self.chunks.get(usize::from(header.partition.0));
        from.is_none_or(|from| header.number >= *from) && self.places.contains(&place)
    }
}

fn seek_tail(layout: Layout, tail: Tail, partition: PartitionId, n: u64) -> Result<(), SeekError> {
    if partition.0 >= layout.partitions {
        return Err(SeekError::UnknownPartition { partition, partitions: layout.partitions });
    }
    if n >= tail.next_position {
        return Err(SeekError::BeyondEnd { partition, n, next: tail.next_position });
    }
    Ok(())
}

/// Reads on to the chunk that holds an event.
fn seek(scan: &mut dyn Scan, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
    while let Some(chunk) = scan.next_chunk()? {
        let (header, first) = (&chunk.header, chunk.header.first_position);
        let holds = (first..first + u64::from(header.events)).contains(&n);
        if header.partition == partition && holds {
            return Ok(chunk.place);
        }
    }
    // Only a log that became shorter since it was opened gets here.
    Err(SeekError::BeyondEnd { partition, n, next: n })
}

/// A running scan.
pub trait Scan {
    /// The next chunk. `None`: nothing more is stored now; asking again later looks again.
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError>;
}

/// A chunk in its place.
#[derive(Debug)]
pub struct StoredChunk<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its header.
    pub header: ChunkHeader,
    /// All its bytes, header included: what its hash covers.
    pub bytes: &'a [u8],
    body: &'a [u8],
}

impl<'a> StoredChunk<'a> {
    /// The hash that the partition's next chunk names as `previous`.
    pub fn hash(&self) -> Hash {
        *blake3::hash(self.bytes).as_bytes()
    }

    /// The inputs and what they caused, in order.
    pub fn entries(&self) -> EntryIter<'a> {
        EntryIter::new(self.body)
    }
}

/// A place in the log: a segment and a byte in its file; in a database a partition and a chunk's
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the start of its file.
    pub offset: u64,
}

impl Place {
    /// Before everything.
    pub const START: Self = Self { segment: 0, offset: 0 };
    /// Behind everything.
    pub const END: Self = Self { segment: u32::MAX, offset: u64::MAX };

    /// Where a segment begins.
    pub const fn of_segment(segment: u32) -> Self {
        Self { segment, offset: 0 }
    }

    /// Just behind this place.
    const fn after(self) -> Self {
        Self { segment: self.segment, offset: self.offset + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}.zj:{}", self.segment, self.offset)
    }
}
