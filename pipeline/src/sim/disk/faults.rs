//! What can go wrong with the disk, where, and how often.

use std::path::Path;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The process is killed.
    Kill,
    /// The power fails.
    PowerCut,
    /// A write takes only a part of what it was given.
    ShortWrite,
    /// A write fails.
    WriteError,
    /// There is no room.
    Full,
    /// A sync fails.
    SyncError,
    /// A read fails.
    ReadError,
    /// An operation takes seconds.
    Slow,
    /// A bit of the medium changes.
    BitRot,
    /// A file is lost.
    Lost,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Kill,
        Self::PowerCut,
        Self::ShortWrite,
        Self::WriteError,
        Self::Full,
        Self::SyncError,
        Self::ReadError,
        Self::Slow,
        Self::BitRot,
        Self::Lost,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut => "power cut",
            Self::ShortWrite => "short write",
            Self::WriteError => "write error",
            Self::Full => "disk full",
            Self::SyncError => "sync error",
            Self::ReadError => "read error",
            Self::Slow => "slow",
            Self::BitRot => "bit rot",
            Self::Lost => "file lost",
        }
    }
}

/// What the process was doing to the disk: the states of its writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    /// The segment being written, or made.
    Segment,
    /// The durable mark.
    Mark,
    /// A people file.
    People,
    /// A snapshot.
    Snapshot,
    /// An index.
    Index,
    /// Names of the log.
    LogNames,
    /// Anything else, or nothing.
    Other,
}

impl Site {
    pub(crate) const ALL: [Self; 7] = [
        Self::Segment,
        Self::Mark,
        Self::People,
        Self::Snapshot,
        Self::Index,
        Self::LogNames,
        Self::Other,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Mark => "mark",
            Self::People => "people",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
            Self::LogNames => "names",
            Self::Other => "other",
        }
    }

    /// What a file is for.
    pub(crate) fn of(path: &Path) -> Self {
        let text = path.to_str().unwrap_or_default();
        if text.contains("/journal/MARK") {
            Self::Mark
        } else if text.contains("/journal/") {
            Self::Segment
        } else if text.ends_with(".people") {
            Self::People
        } else if text.contains("/snapshots/") {
            Self::Snapshot
        } else if text.contains("/index/") {
            Self::Index
        } else {
            Self::Other
        }
    }

    /// Of whose directory the names are changed or synced.
    pub(crate) fn of_names(dir: &Path) -> Self {
        if dir.ends_with("journal") { Self::LogNames } else { Self::Other }
    }
}

/// How often each fault strikes, of a million operations that it can strike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    pub(crate) short_write: u32,
    pub(crate) write_error: u32,
    pub(crate) full: u32,
    pub(crate) sync_error: u32,
    pub(crate) read_error: u32,
    pub(crate) slow: u32,
}

impl Odds {
    /// Nothing fails.
    pub(crate) const NONE: Self =
        Self { short_write: 0, write_error: 0, full: 0, sync_error: 0, read_error: 0, slow: 0 };

    pub(crate) const fn of(&self, fault: Fault) -> u32 {
        match fault {
            Fault::ShortWrite => self.short_write,
            Fault::WriteError => self.write_error,
            Fault::Full => self.full,
            Fault::SyncError => self.sync_error,
            Fault::ReadError => self.read_error,
            Fault::Slow => self.slow,
            Fault::Kill | Fault::PowerCut | Fault::BitRot | Fault::Lost => 0,
        }
    }
}
