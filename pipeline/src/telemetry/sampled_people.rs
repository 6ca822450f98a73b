//! What the states tell of people in memory and of snapshots.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use zeitgeber_schemas::PartitionId;

use super::{Registry, catalogue};
use crate::{engine::Handle, state::Partition};

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

    /// Since when a start would have to fold more than the snapshot holds; none where it would not.
    fn behind(&self, next_chunk: u64, since: Instant) -> Option<Duration> {
        match &self.snapshot {
            Some((saved, _)) if *saved >= next_chunk => None,
            // A clock that was set back leaves it new.
            Some((_, file)) => fs::metadata(file)
                .and_then(|found| found.modified())
                .map_or(Some(since.elapsed()), |at| Some(at.elapsed().unwrap_or_default())),
            None => (next_chunk > 0).then(|| since.elapsed()),
        }
    }
}

/// Fills in the gauges and counters of people and of their snapshots, the oldest of which counts;
/// `since` is when the engine was opened.
pub(super) fn show<'a>(
    registry: &Registry,
    engine: &Handle,
    since: Instant,
    told: impl Iterator<Item = &'a ToldPeople> + Clone,
) {
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
    let journal = engine.journal();
    let ages = told.filter_map(|told| told.behind(journal.tail(told.partition).next_chunk, since));
    let oldest = ages.max().unwrap_or_default();
    registry.gauge(&catalogue::SNAPSHOT_AGE, &[]).set(oldest.as_secs_f64());
}
