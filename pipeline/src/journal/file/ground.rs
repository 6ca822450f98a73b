//! What a log of files stands on: a disk, and who moves its writer on.

use crate::disk::{self, SharedDisk};

/// What a log stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The disk.
    pub disk: SharedDisk,
    /// Who moves the writer on.
    pub pace: Pace,
}

/// Who moves a log's writer on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A thread of its own.
    Thread,
    /// Whoever calls [`FileJournal::step`](super::FileJournal::step). What waits when the journal is dropped stays unwritten,
    /// as if the process had been killed.
    Steps,
}

impl Ground {
    /// The system's disk, and a thread.
    pub fn system() -> Self {
        Self { disk: disk::system(), pace: Pace::Thread }
    }
}
