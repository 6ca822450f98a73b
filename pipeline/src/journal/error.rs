//! Why a journal does not append or read, for people: what, where, and what to do.

use std::{io, path::PathBuf, sync::Arc};

use zeitgeber_schemas::PartitionId;

/// Why a chunk was not appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended or took the partition over, or the writer lost count: drop its
    /// state, claim and read again.
    #[error("chunk {expected} is not appended: {actual} is next, or the partition is another's")]
    Conflict {
        /// The number the writer believed to be next.
        expected: u64,
        /// The number that is next, as far as this process knows.
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

/// Why a partition could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such partition.
    #[error(transparent)]
    Unknown(#[from] SeekError),
    /// What stands in the log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Others claimed it again and again while it was being taken.
    #[error("partition {partition} was claimed by others {times} times meanwhile: try again")]
    Contended {
        /// The partition.
        partition: PartitionId,
        /// How often.
        times: u32,
    },
    /// The journal was closed, or opened for reading only.
    #[error("the journal does not take partitions over: it is closed or open for reading only")]
    Closed,
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
    /// The database could not be asked.
    #[error("could not {action} {log}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The log's address.
        log: String,
        /// What the driver said.
        source: Box<dyn std::error::Error + Send + Sync>,
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

/// Why there is no such position.
#[derive(Debug, thiserror::Error)]
pub enum SeekError {
    /// The log has fewer partitions.
    #[error("there is no partition {partition}: this log has {partitions}, from 0")]
    UnknownPartition {
        /// The partition asked for.
        partition: PartitionId,
        /// How many there are.
        partitions: u16,
    },
    /// The event is not there (yet).
    #[error("partition {partition} has no event {n}: its next one will be {next}")]
    BeyondEnd {
        /// The partition.
        partition: PartitionId,
        /// The event asked for.
        n: u64,
        /// The event to come.
        next: u64,
    },
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
