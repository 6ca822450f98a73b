//! What the states tell of people in memory and of snapshots.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use zeitgeber_schemas::PartitionId;

use super::{Registry, catalogue};
use crate::{
    engine::Handle,
    state::{Memory, Partition},
};

/// A cycle writes a snapshot after this many times the memory of the partition's people at least
/// (`cycle/checkpoint.rs`).
const GROWTH_OVER_PEOPLE: u64 = 2;

/// What one partition tells.
pub(super) struct ToldPeople {
    partition: PartitionId,
    hot: usize,
    cold: usize,
    bytes: usize,
    loads: u64,
    evictions: u64,
    refused_writes: u64,
    /// The chunk that the newest snapshot stands before, and its file.
    snapshot: Option<(u64, PathBuf)>,
}

impl ToldPeople {
    pub(super) fn of(held: &mut Partition) -> Self {
        let hot = held.people_in_memory();
        Self {
            partition: held.state().partition(),
            hot,
            cold: held.state().known().saturating_sub(hot),
            bytes: held.people_bytes(),
            loads: held.reads(),
            evictions: held.evictions(),
            refused_writes: held.refused_writes(),
            snapshot: held.snapshot(),
        }
    }
}

/// Fills in the gauges and counters of people.
pub(super) fn show<'a>(registry: &Registry, told: impl Iterator<Item = &'a ToldPeople> + Clone) {
    let sum = |of: fn(&ToldPeople) -> u64| told.clone().map(of).sum::<u64>();
    let counts = [sum(|told| told.hot as u64), sum(|told| told.cold as u64)];
    for (memory, count) in catalogue::MEMORIES.iter().zip(counts) {
        registry.gauge(&catalogue::PEOPLE, &[memory]).set(count as f64);
    }
    registry.gauge(&catalogue::PEOPLE_MEMORY, &[]).set(sum(|told| told.bytes as u64) as f64);
    registry.counter(&catalogue::PEOPLE_LOADS, &[]).absolute(sum(|told| told.loads));
    registry.counter(&catalogue::PEOPLE_EVICTIONS, &[]).absolute(sum(|told| told.evictions));
    let refused = registry.counter(&catalogue::PEOPLE_REFUSED_WRITES, &[]);
    refused.absolute(sum(|told| told.refused_writes));
}

/// How much was written for each partition so far.
#[derive(Debug, Default)]
pub(super) struct Growth(Mutex<BTreeMap<PartitionId, u64>>);

impl Growth {
    fn partitions(&self) -> MutexGuard<'_, BTreeMap<PartitionId, u64>> {
        self.0.lock().expect("nothing panics while it is counted")
    }

    /// Takes in the bytes of chunks that became durable.
    pub(super) fn add(&self, chunks: impl Iterator<Item = (PartitionId, u64)>) {
        let mut partitions = self.partitions();
        for (partition, bytes) in chunks {
            *partitions.entry(partition).or_default() += bytes;
        }
    }

    fn of(&self, partition: PartitionId) -> u64 {
        self.partitions().get(&partition).copied().unwrap_or_default()
    }
}

/// How old the snapshots are that should have been written anew.
///
/// A partition writes one after so much growth of its log, and one that hardly changes writes none
/// for weeks. That is as it should be, so the age counts only where the log has grown beyond the
/// snapshot by more than makes one due.
pub(super) struct SnapshotAges {
    growth: Arc<Growth>,
    /// Bytes of log, over all partitions, after which each has written a snapshot.
    every_bytes: u64,
    /// When the engine was opened.
    since: Instant,
    /// By partition, the snapshot seen last, and what had been written for it by then.
    seen: BTreeMap<PartitionId, (Option<u64>, u64)>,
}

impl SnapshotAges {
    pub(super) fn new(memory: Memory, growth: Arc<Growth>) -> Self {
        let (every_bytes, since) = (memory.snapshot_every_bytes, Instant::now());
        Self { growth, every_bytes, since, seen: BTreeMap::new() }
    }

    /// Fills in the gauge: the oldest counts.
    pub(super) fn show<'a>(
        &mut self,
        registry: &Registry,
        engine: &Handle,
        told: impl Iterator<Item = &'a ToldPeople>,
    ) {
        let share = self.every_bytes / u64::from(engine.layout().partitions.max(1));
        let ages = told.filter_map(|told| {
            let due = share.max((told.bytes as u64).saturating_mul(GROWTH_OVER_PEOPLE));
            (self.grown(told) > due).then(|| self.age(told))
        });
        let oldest = ages.max().unwrap_or_default();
        registry.gauge(&catalogue::SNAPSHOT_AGE, &[]).set(oldest.as_secs_f64());
    }

    /// Bytes that were written for a partition since its newest snapshot was first seen.
    fn grown(&mut self, told: &ToldPeople) -> u64 {
        let (written, saved) =
            (self.growth.of(told.partition), told.snapshot.as_ref().map(|found| found.0));
        // Of a snapshot that was there before the first look, everything of this run is beyond it.
        let seen = self.seen.entry(told.partition).or_insert((saved, 0));
        if seen.0 != saved {
            *seen = (saved, written);
        }
        written.saturating_sub(seen.1)
    }

    fn age(&self, told: &ToldPeople) -> Duration {
        let Some((_, file)) = &told.snapshot else { return self.since.elapsed() };
        // A clock that was set back leaves it new.
        let modified = fs::metadata(file).and_then(|found| found.modified());
        modified.map_or_else(|_| self.since.elapsed(), |at| at.elapsed().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(saved: Option<u64>) -> ToldPeople {
        ToldPeople {
            partition: PartitionId(3),
            hot: 0,
            cold: 0,
            bytes: 100,
            loads: 0,
            evictions: 0,
            refused_writes: 0,
            snapshot: saved.map(|chunk| (chunk, PathBuf::new())),
        }
    }

    #[test]
    fn a_log_grows_beyond_its_newest_snapshot_from_when_that_is_seen() {
        let growth = Arc::new(Growth::default());
        let write = |bytes| growth.add([(PartitionId(3), bytes), (PartitionId(4), 7)].into_iter());
        let mut ages = SnapshotAges::new(Memory::UNBOUNDED, Arc::clone(&growth));
        write(40);
        assert_eq!(ages.grown(&told(None)), 40);
        write(60);
        assert_eq!(ages.grown(&told(None)), 100);
        assert_eq!(ages.grown(&told(Some(5))), 0, "all of it is in the snapshot");
        write(30);
        assert_eq!(ages.grown(&told(Some(5))), 30);
        assert_eq!(ages.grown(&told(Some(9))), 0);
    }
}
