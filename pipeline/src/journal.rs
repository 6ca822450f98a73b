//! The journal port: an append-only log of chunks, one chain for each partition.
//!
//! The journal is the commit point: what it has acknowledged happened, everything else in the
//! program is a fold over it. [`Journal`] carries the specification; [`FileJournal`] keeps it on
//! disk (`docs/journal.md` describes the bytes), [`MemoryJournal`] in memory for tests and trials.

mod chain;
mod chunk;
mod file;
mod memory;
mod meter;

use std::{fmt, io, path::PathBuf, sync::Arc};

pub use chain::Tail;
pub use chunk::{
    Chunk, ChunkBuilder, ChunkError, EntryIter, EntryRef, EventIter, EventRef, FORMAT,
    MAX_CHUNK_BYTES, RawRef, SealedChunk, TARGET_CHUNK_BYTES,
};
pub use file::{Cut, FileJournal, Mode, OpenError, Recovery, Settings};
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
///   partition, is as durable as the implementation can make it.
/// - **JOURNAL-4** Several appends to a partition may be in flight. When one fails, so do all
///   that were accepted after it.
/// - **JOURNAL-5** After a failed write or sync the journal is poisoned: every pending and later
///   append fails, and only opening the log again tells what it holds.
/// - **JOURNAL-6** A scan yields the bytes that were appended, each chunk once, each partition's
///   in order and without a gap, starting where it was asked to.
/// - **JOURNAL-7** A tail describes the last durable chunk of a partition, the same after opening
///   the log again.
/// - **JOURNAL-8** A chunk that does not continue its partition's chain (first position, hash of
///   the chunk before) or is longer than [`MAX_CHUNK_BYTES`] is refused and changes nothing.
/// - **JOURNAL-9** After `close` the journal refuses appends and can still be scanned.
///
/// For journals on disk moreover:
///
/// - **JOURNAL-10** What a crash tore off at the end was never acknowledged: opening for writing
///   cuts and reports it.
/// - **JOURNAL-11** Damage below the durable mark, or before anything valid, is refused with its
///   file and offset, and opening changes nothing.
/// - **JOURNAL-12** After a clean stop every flipped byte is found by opening or by scanning.
/// - **JOURNAL-13** One process writes at a time. Readers change nothing and bear a live writer.
///
/// It is *not* a place for rules: what a chunk says does not matter to it beyond the header.
pub trait Journal: Send + Sync {
    /// What was fixed when the log was created.
    fn layout(&self) -> Layout;

    /// Where a partition's durable chain ends. A partition outside the layout has an empty one.
    fn tail(&self, partition: PartitionId) -> Tail;

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

    /// What it measures about its writing, where it does.
    fn meter(&self) -> Option<Arc<Meter>> {
        None
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

/// Why a chunk was not appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended, or the writer lost count: drop its state and read again.
    #[error("chunk {expected} was expected to be next, but it is {actual}")]
    Conflict {
        /// The number the writer believed to be next.
        expected: u64,
        /// The number that is next.
        actual: u64,
    },
    /// The chunk cannot stand in this log; a fault of the program.
    #[error("the chunk {0}")]
    Refused(&'static str),
    /// An earlier write failed: open the log again to learn what it holds.
    #[error("the journal stopped after an earlier failure")]
    Poisoned,
    /// The journal was closed, or opened for reading only.
    #[error("the journal does not take appends: it is closed or open for reading only")]
    Closed,
    /// This write or sync failed.
    #[error(transparent)]
    Failed(Arc<WriteFailure>),
}

/// A write or sync that failed. What was acknowledged before it is safe.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}: {source}{}", path.display(), hint(source))]
pub struct WriteFailure {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; nothing acknowledged is lost: free some space, then start again"
        }
        io::ErrorKind::FileTooLarge => "; nothing acknowledged is lost: raise the file size limit",
        _ => "",
    }
}

/// Where a scan starts, and how much it checks.
#[derive(Debug, Clone, Default)]
pub struct ScanFrom {
    /// First chunk wanted of each partition; partitions beyond the list start at 0.
    pub chunks: Vec<u64>,
    /// Hash every chunk read and compare it with what its successor says.
    pub check_hashes: bool,
}

impl ScanFrom {
    fn wants(&self, header: &ChunkHeader) -> bool {
        self.chunks.get(usize::from(header.partition.0)).is_none_or(|from| header.number >= *from)
    }
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

/// A place in the log: a segment and a byte in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The segment's number.
    pub segment: u32,
    /// Bytes from the start of its file.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}.zj:{}", self.segment, self.offset)
    }
}

/// Why the log could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Bytes that were durable are not what was written.
    #[error("{} is damaged at byte {offset}: {why}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where the damaged structure starts.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The bytes are as written, but do not form a chain.
    #[error(
        "the chain of partition {partition} breaks at chunk {chunk}, {} byte {offset}: {why}",
        file.display()
    )]
    Broken {
        /// The file.
        file: PathBuf,
        /// Where the chunk starts.
        offset: u64,
        /// The chunk's partition.
        partition: PartitionId,
        /// The chunk's number.
        chunk: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of the log is not there.
    #[error("{} is missing from the log", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A file of another log stands among this one's.
    #[error("{} belongs to another log", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// A later version of this program wrote the file.
    #[error(
        "{} has format {found}, this program reads up to {supported}: use a newer version",
        file.display()
    )]
    TooNew {
        /// The file.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The greatest version that can be read.
        supported: u32,
    },
    /// Nobody waits for what is read any more.
    #[error("the reading was stopped before its end")]
    Cancelled,
    /// The system could not read.
    #[error("could not read {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
