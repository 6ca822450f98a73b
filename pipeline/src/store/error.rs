//! Why a log could not be used, for people.

use std::{io, path::PathBuf};

use zeitgeber_schemas::PartitionId;

use crate::{
    fold::FoldError,
    journal::{AppendError, ClaimError, OpenError, Place, ReadError},
    state::SnapshotError,
};

/// Why a log could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log in a database could not be opened.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Database(#[from] crate::journal::cql::OpenError),
    /// The directory for what is derived cannot be used.
    #[error("{} cannot be used for what is kept of the log: {source}", dir.display())]
    Cache {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A partition could not be taken over.
    #[error("could not take a partition over: {0}")]
    Claim(#[from] ClaimError),
    /// The journal could not be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal could not be closed.
    #[error("could not stop cleanly: {0}")]
    Close(#[from] AppendError),
    /// A stored entry could not be folded.
    #[error("could not fold the chunk at {place}: {source}")]
    Fold {
        /// Where the chunk stands.
        place: Place,
        /// Why.
        source: FoldError,
    },
    /// A snapshot could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What was folded of a partition is of another history than the log's.
    #[error("what was folded of partition {partition} before chunk {chunk} is not the log's")]
    Strayed {
        /// The partition.
        partition: PartitionId,
        /// The chunk that was to be folded next.
        chunk: u64,
    },
    /// The log does not tell of somebody who was known.
    #[error("the log does not tell of person {subject}, who was known from it")]
    Lost {
        /// The person's subject number.
        subject: u64,
    },
    /// There is no log.
    #[error("{} holds no log: `zeitgeber ingest FILE --data-dir {}` makes one", dir.display(), dir.display())]
    NoLog {
        /// The directory.
        dir: PathBuf,
    },
    /// No random bytes for a new log's id.
    #[error("could not draw an id for the new log: {0}")]
    NoId(io::Error),
}
