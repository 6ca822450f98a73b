//! What a partition tells of its people and its snapshot: figures for whoever watches the service.

use std::{path::PathBuf, sync::atomic::Ordering};

use super::{super::snapshot, Partition};

impl Partition {
    /// Bytes of people's states in memory, as measured last.
    pub fn people_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.residents.hot_bytes())
    }

    /// How many people are in memory.
    pub fn people_in_memory(&self) -> usize {
        self.kept.as_ref().map_or(self.state.known(), |kept| kept.residents.hot_people())
    }

    /// How many records of people were read.
    pub fn reads(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.reads.load(Ordering::Relaxed))
    }

    /// How often somebody left memory.
    pub fn evictions(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.residents.evictions())
    }

    /// How often somebody could not be written down and stayed in memory.
    pub fn refused_writes(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.refused)
    }

    /// The chunk that the newest snapshot stands before, and its file.
    pub fn snapshot(&mut self) -> Option<(u64, PathBuf)> {
        let kept = self.kept.as_mut()?;
        kept.take_done();
        Some((kept.saved?, snapshot::path(&kept.home.dir, kept.home.partition)))
    }
}
