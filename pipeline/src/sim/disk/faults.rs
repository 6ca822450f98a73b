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

/// What the log's writer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doing {
    /// The log is being opened, or made.
    Opening,
    /// Nothing waits for the disk.
    Idle,
    /// Inputs or chunks wait for the disk.
    Waiting,
    /// A frame is being written and synced.
    Frame,
    /// A segment ends: it is cut, the mark put, the next one made.
    Roll,
    /// A frame was written, or failed, and nobody has heard of it.
    Untold,
    /// A clean stop.
    Stopping,
}

impl Doing {
    pub(crate) const ALL: [Self; 7] = [
        Self::Opening,
        Self::Idle,
        Self::Waiting,
        Self::Frame,
        Self::Roll,
        Self::Untold,
        Self::Stopping,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Frame => "frame",
            Self::Roll => "roll",
            Self::Untold => "untold",
            Self::Stopping => "stopping",
        }
    }

    /// What it is doing more exactly when this is done to a file.
    pub(super) fn at(self, site: Site, what: &str) -> Self {
        let is_frame = site == Site::Segment && matches!(what, "write" | "sync data");
        if self == Self::Frame && !is_frame { Self::Roll } else { self }
    }

    /// How much more often things go wrong meanwhile: what takes few operations is met as well.
    pub(super) const fn weight(self) -> u32 {
        match self {
            Self::Opening | Self::Roll => 1,
            Self::Idle | Self::Stopping => 2,
            Self::Waiting | Self::Frame | Self::Untold => 5,
        }
    }

    /// Whether this can go wrong meanwhile: the writer reads nothing while it writes.
    pub(crate) const fn can_meet(self, fault: Fault) -> bool {
        !matches!((self, fault), (Self::Frame | Self::Roll, Fault::ReadError))
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// A segment.
    Segment,
    /// A segment that has not got its name yet.
    NewSegment,
    /// The durable mark.
    Mark,
    /// Names of the log.
    LogNames,
    /// Anything else.
    Other,
}

impl Site {
    /// What a file is for.
    pub(crate) fn of(path: &Path) -> Self {
        let text = path.to_str().unwrap_or_default();
        if text.contains("/journal/MARK") {
            Self::Mark
        } else if text.contains("/journal/") {
            if text.ends_with(".tmp") { Self::NewSegment } else { Self::Segment }
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
    /// A change at which something derived rots or is lost.
    pub(crate) decay: u32,
    /// Whatever is done to something derived, where that is more.
    pub(crate) derived: u32,
}

impl Odds {
    /// Nothing fails.
    pub(crate) const NONE: Self = Self {
        short_write: 0,
        write_error: 0,
        full: 0,
        sync_error: 0,
        read_error: 0,
        slow: 0,
        decay: 0,
        derived: 0,
    };

    pub(crate) const fn of(&self, fault: Fault) -> u32 {
        match fault {
            Fault::ShortWrite => self.short_write,
            Fault::WriteError => self.write_error,
            Fault::Full => self.full,
            Fault::SyncError => self.sync_error,
            Fault::ReadError => self.read_error,
            Fault::Slow => self.slow,
            Fault::BitRot | Fault::Lost => self.decay,
            Fault::Kill | Fault::PowerCut => 0,
        }
    }
}
