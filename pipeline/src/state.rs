//! A partition's state beside the log: people in bounded memory, and snapshots.
//!
//! Everything here is derived and disposable. What is damaged, of another version or of another log
//! is ignored at the cost of time alone: the log is folded from its start.
//!
//! ```text
//! DIR/snapshots/PPPPP.snap           what the people share, and where each one's record stands
//! DIR/snapshots/PPPPP-NNNNNN.people  records of people, appended; from number N on
//! ```
//!
//! A **snapshot** names the log, the partition, the fold's version, the chunk it stands before with
//! that chunk's chain hash, and the people files it points into. It is written whole beside the old
//! one, after the people files were synced, and renamed over it:
//!
//! ```text
//! "ZGSNAP02"  BLAKE3 of what follows (32)  postcard(Head)  zstd(postcard(State, places))
//! ```
//!
//! A **people file** begins with `ZGPEOP01` and 16 random bytes that tell it from every other; each
//! record is the XXH3 of what follows it, seeded with the subject number (8), the length unpacked
//! (4, 0: not packed) and the person, in postcard, packed by zstd where that pays. A record is never
//! changed: a person who changed gets another one, and what is dead is left behind when a partition
//! moves to a new file.
//!
//! - **PEOPLE-2** Nobody is written down with a change that the log does not durably hold.
//! - **PEOPLE-3** A snapshot points only to records that were synced before it was renamed in place.

use std::{io, path::PathBuf};

use zeitgeber_schemas::PartitionId;

mod file;
mod partition;
mod residents;
mod snapshot;

pub(crate) use partition::{HandOn, Home, Rebuild};
pub use partition::{Memory, Partition};
#[cfg(feature = "cluster")]
pub(crate) use snapshot::saved_before;
pub use snapshot::{Cut, Written};
pub(crate) use snapshot::{Found, find};

/// Why a snapshot could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error("could not write the snapshot {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state could not be serialised.
    #[error("could not serialise the state: {0}")]
    Encode(#[from] postcard::Error),
}

/// A person's record that cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record of person {subject} of partition {partition} is damaged or missing")]
pub struct DamagedRecord {
    /// The partition.
    pub partition: PartitionId,
    /// The person's subject number.
    pub subject: u64,
}
