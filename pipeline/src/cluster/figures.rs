//! What a worker counts, for whoever watches it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    measure::{Histogram, LATENCY_S},
    store::Recovered,
};

/// What a worker counts.
#[derive(Debug)]
pub struct Figures {
    takeovers: [Arc<Histogram>; 3],
    counts: Mutex<Counts>,
}

/// How many partitions came and went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Partitions that are here.
    pub owned: u64,
    /// Partitions that other writers took.
    pub conflicts: u64,
    /// Openings that failed and are tried again.
    pub failures: u64,
    /// Partitions of others whose state is kept here.
    pub followed: u64,
    /// Bytes of people's states in memory in those.
    pub followed_people_bytes: u64,
    /// When the log was last read to its end for them.
    pub followed_at: Option<Instant>,
}

impl Counts {
    /// For how long the log of followed partitions has not been read to its end.
    pub fn behind(&self) -> Duration {
        let at = self.followed_at.filter(|_| self.followed > 0);
        at.map_or(Duration::ZERO, |at| at.elapsed())
    }
}

/// What a partition's state began with when it was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A state that was kept beside its writer.
    Standby,
    /// A snapshot.
    Snapshot,
    /// Nothing: the whole log was folded.
    Log,
}

impl Basis {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Standby, Self::Snapshot, Self::Log];

    /// What opening a partition found.
    pub(super) const fn of(recovered: &Recovered) -> Self {
        match (recovered.from_standby, recovered.from_snapshot) {
            (true, _) => Self::Standby,
            (false, 0) => Self::Log,
            (false, _) => Self::Snapshot,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Snapshot => "snapshot",
            Self::Log => "log",
        }
    }
}

impl Figures {
    pub(super) fn new() -> Arc<Self> {
        let takeovers = std::array::from_fn(|_| Arc::new(Histogram::new(LATENCY_S)));
        Arc::new(Self { takeovers, counts: Mutex::default() })
    }

    /// How long partitions that began so took from the group's word until inputs were read, s.
    pub fn takeovers(&self, basis: Basis) -> Arc<Histogram> {
        Arc::clone(&self.takeovers[basis as usize])
    }

    /// How many partitions came and went.
    pub fn counts(&self) -> Counts {
        *self.counts.lock().expect("nothing panics while the counts are held")
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().expect("nothing panics while the counts are held"));
    }
}
