//! What opening folds: each partition's newest snapshot that fits, then the log's tail.
//!
//! A partition whose snapshot turns out not to fit, or of whom a record is damaged, is folded once
//! more from the log's start. That costs time and changes no answer (SIM-3).

use std::{sync::Arc, time::Instant};

use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

use super::{Store, StoreError, fold_chunk};
use crate::{
    fold::{Fold, FoldError},
    journal::{Cut, Hash, Journal, ScanFrom, StoredChunk},
    state::{self, Found, Home, Memory, Partition, Rebuild},
};

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recovered {
    /// The torn tail that was cut.
    pub cut: Option<Cut>,
    /// Partitions that began at a snapshot.
    pub from_snapshot: usize,
    /// Whether a partition began at a state that was kept beside its writer.
    pub from_standby: bool,
    /// Chunks of the log folded.
    pub folded_chunks: u64,
    /// Events of the log folded.
    pub folded_events: u64,
    /// How long that took, s.
    pub seconds: f64,
    /// Snapshots that were of no use, and why.
    pub ignored_snapshots: Vec<String>,
}

/// The partitions while they are folded.
pub(super) struct Opening {
    homes: Vec<Home>,
    folds: Vec<Fold>,
    /// From which chunk on each is folded, and the chain's hash before it.
    starts: Vec<(u64, Hash)>,
    /// Why a partition is folded once more from the log's start.
    again: Vec<Option<String>>,
    recovered: Recovered,
    started: Instant,
}

impl Opening {
    /// Loads the snapshots, of all partitions or the one that is wanted.
    pub(super) fn of(
        store: &Store,
        wanted: Option<PartitionId>,
        memory: Memory,
        writable: bool,
    ) -> Result<Self, StoreError> {
        let layout = store.layout();
        let mut opening = Self {
            homes: Vec::new(),
            folds: Vec::new(),
            starts: Vec::new(),
            again: vec![None; usize::from(layout.partitions)],
            recovered: Recovered { cut: store.cut.clone(), ..Recovered::default() },
            started: Instant::now(),
        };
        for partition in store.partitions() {
            let is_wanted = wanted.is_none_or(|wanted| wanted == partition);
            let home = home(store, partition, memory, writable && is_wanted);
            opening.begin(store, &home, is_wanted);
            opening.homes.push(home);
        }
        Ok(opening)
    }

    fn begin(&mut self, store: &Store, home: &Home, is_wanted: bool) {
        if !is_wanted {
            self.starts.push((u64::MAX, [0; 32]));
            self.folds.push(Fold::resume(State::initial(home.partition), 0));
            return;
        }
        if let Err(why) = store.fetch(home) {
            self.recovered.ignored_snapshots.push(why);
        }
        match state::find(home.clone(), &store.journal.tail(home.partition)) {
            Found::Fits(found) => {
                let (at, partition) = *found;
                self.starts.push((at.next_chunk, at.head));
                self.folds.push(Fold::resume(partition, at.next_position));
                self.recovered.from_snapshot += 1;
                return;
            }
            Found::Ignored(why) => self.recovered.ignored_snapshots.push(why),
            Found::Nothing => {}
        }
        self.starts.push((0, [0; 32]));
        self.folds.push(Fold::resume(Partition::fresh(home.clone()), 0));
    }

    /// Folds the log's tail.
    pub(super) fn run(mut self, store: &Store) -> Result<(Vec<Fold>, Recovered), StoreError> {
        let chunks = self.starts.iter().map(|(chunk, _)| *chunk).collect();
        let mut scan = store.scan(ScanFrom { chunks, ..ScanFrom::default() })?;
        while let Some(chunk) = scan.next_chunk()? {
            self.take(&chunk)?;
        }
        if self.again.iter().any(Option::is_some) {
            self.fold_again(store)?;
        }
        self.recovered.seconds = self.started.elapsed().as_secs_f64();
        Ok((self.folds, self.recovered))
    }

    fn take(&mut self, chunk: &StoredChunk<'_>) -> Result<(), StoreError> {
        let index = usize::from(chunk.header.partition.0);
        if self.again[index].is_some() {
            return Ok(());
        }
        let (first, head) = self.starts[index];
        if chunk.header.number == first && chunk.header.previous != head {
            self.again[index] = Some("it stands on another history than the log's".into());
            return Ok(());
        }
        match fold_chunk(&mut self.folds[index], chunk) {
            Err(StoreError::Fold { source: FoldError::Damaged(damaged), .. }) => {
                self.again[index] = Some(damaged.to_string());
            }
            folded => {
                folded?;
                self.recovered.folded_chunks += 1;
                self.recovered.folded_events += u64::from(chunk.header.events);
            }
        }
        Ok(())
    }

    fn fold_again(&mut self, store: &Store) -> Result<(), StoreError> {
        for (index, why) in self.again.iter_mut().enumerate() {
            let began = std::mem::replace(&mut self.starts[index].0, u64::MAX);
            if let Some(why) = why.take() {
                self.starts[index] = (0, [0; 32]);
                self.folds[index] = Fold::resume(Partition::fresh(self.homes[index].clone()), 0);
                // Somebody who left memory during a fold from the start may be damaged, too.
                self.recovered.from_snapshot -= usize::from(began > 0);
                self.recovered.ignored_snapshots.push(format!("partition {index}: {why}"));
            }
        }
        let chunks = self.starts.iter().map(|(chunk, _)| *chunk).collect();
        let mut scan = store.scan(ScanFrom { chunks, ..ScanFrom::default() })?;
        while let Some(chunk) = scan.next_chunk()? {
            fold_chunk(&mut self.folds[usize::from(chunk.header.partition.0)], &chunk)?;
            self.recovered.folded_chunks += 1;
            self.recovered.folded_events += u64::from(chunk.header.events);
        }
        Ok(())
    }
}

/// Where a partition's people are kept, who have an equal share of the memory of all.
pub(super) fn home(store: &Store, partition: PartitionId, memory: Memory, writable: bool) -> Home {
    let layout = store.layout();
    let journal = Arc::clone(&store.journal);
    let whole = move |partition| whole_state(&*journal, partition).map(|(state, _)| state);
    // Who only reads writes nobody down, and so lets nobody go.
    let share = memory.people_bytes / u64::from(layout.partitions);
    Home {
        disk: Arc::clone(&store.disk),
        dir: store.dir.clone(),
        log_id: layout.log_id,
        partition,
        writable,
        budget: if writable { share } else { u64::MAX },
        rebuild: Rebuild(Arc::new(whole)),
        hand_on: store.hand_on(),
        desk: writable.then(|| store.desks.take(partition)),
    }
}

/// Folds one partition from the log alone, with everybody in memory.
pub(super) fn whole_state(
    journal: &dyn Journal,
    partition: PartitionId,
) -> Result<(State, u64), StoreError> {
    let mut fold = Fold::resume(State::initial(partition), 0);
    let mut chunks = vec![u64::MAX; usize::from(journal.layout().partitions)];
    chunks[usize::from(partition.0)] = 0;
    let mut scan = journal.scan(ScanFrom { chunks, ..ScanFrom::default() })?;
    while let Some(chunk) = scan.next_chunk()? {
        fold_chunk(&mut fold, &chunk)?;
    }
    let position = fold.position();
    let state = fold.into_partition().into_whole();
    Ok((state.expect("without records nobody leaves memory"), position))
}
