//! A partition that another process writes: its state, kept up by folding what the log vouches for.
//!
//! Taking such a partition over folds the few chunks that came since, where opening it folds all
//! that came since its snapshot. What was followed is derived like every state here: where it does
//! not fit the log it is dropped, and the partition is opened as if nobody had followed it.

use std::time::Instant;

use zeitgeber_schemas::PartitionId;

use super::{Recovered, Store, StoreError, fold_chunk, opening::home};
use crate::{
    fold::Fold,
    journal::{ScanFrom, StoredChunk, Tail},
    state::{self, Found, Memory, Partition},
};

/// A partition's state up to where the log was read.
#[derive(Debug)]
pub struct Followed {
    fold: Fold,
    tail: Tail,
}

impl Followed {
    /// Goes on from a state to which everything before a tail was folded.
    pub fn of((tail, held): (Tail, Partition)) -> Self {
        let fold = Fold::resume(held, tail.next_position);
        Self { fold, tail }
    }

    /// Where the log stands that was folded.
    pub const fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The partition's state.
    pub const fn held(&self) -> &Partition {
        self.fold.held()
    }

    /// Folds the next chunk.
    ///
    /// # Errors
    ///
    /// It does not follow what was folded, or cannot be folded: the state is of no use any more.
    pub fn take(&mut self, chunk: &StoredChunk<'_>) -> Result<(), StoreError> {
        let header = &chunk.header;
        if header.number != self.tail.next_chunk || header.previous != self.tail.head {
            let partition = header.partition;
            return Err(StoreError::Strayed { partition, chunk: self.tail.next_chunk });
        }
        fold_chunk(&mut self.fold, chunk)?;
        self.tail.advance(header, chunk.hash());
        Ok(())
    }

    /// Gives the state away.
    pub fn into_partition(self) -> Partition {
        self.fold.into_partition()
    }
}

impl Store {
    /// Begins to follow a partition, at its newest snapshot that fits; nothing of the log is read
    /// yet. `memory` is that of all partitions, of which each has an equal share. Nobody else in
    /// this process may write the partition or follow it.
    pub fn follow(&self, partition: PartitionId, memory: Memory) -> Followed {
        let home = home(self, partition, memory, self.writable);
        // Without the newer snapshot more of the log is folded.
        if let Err(why) = self.fetch(&home) {
            tracing::debug!(why, "a snapshot was passed over");
        }
        match state::find(home.clone(), &self.journal.tail(partition)) {
            Found::Fits(found) => Followed::of(*found),
            Found::Ignored(_) | Found::Nothing => {
                Followed::of((Tail::default(), Partition::fresh(home)))
            }
        }
    }

    /// Reads on where the partitions of this list stand, each from the chunk beside it.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn scan_on(
        &self,
        partitions: impl IntoIterator<Item = (PartitionId, u64)>,
    ) -> Result<Box<dyn crate::journal::Scan + Send>, StoreError> {
        let mut chunks = vec![u64::MAX; usize::from(self.layout().partitions)];
        for (partition, next) in partitions {
            if let Some(first) = chunks.get_mut(usize::from(partition.0)) {
                *first = next;
            }
        }
        self.scan(ScanFrom { chunks, ..ScanFrom::default() })
    }

    /// Takes a partition over for a writer: claimed, then what was followed of it until then and the
    /// rest of the log; opened as by [`Self::open_partition`] where nothing was, or where it does
    /// not fit.
    ///
    /// # Errors
    ///
    /// As of [`Self::open_partition`].
    pub fn take_over(
        &self,
        partition: PartitionId,
        memory: Memory,
        followed: impl FnOnce() -> Option<Followed>,
    ) -> Result<(Tail, Partition, Recovered), StoreError> {
        let tail = self.journal.claim(partition)?;
        let Some(followed) = followed() else {
            return self.open_claimed(partition, memory, tail);
        };
        match self.catch_up(followed, &tail) {
            Ok((held, recovered)) => Ok((tail, held, recovered)),
            Err(why) => {
                tracing::warn!(%partition, %why, "what was followed is of no use; opening anew");
                self.open_claimed(partition, memory, tail)
            }
        }
    }

    fn catch_up(
        &self,
        mut followed: Followed,
        tail: &Tail,
    ) -> Result<(Partition, Recovered), StoreError> {
        let started = Instant::now();
        let partition = followed.held().state().partition();
        let mut recovered = Recovered { from_standby: true, ..Recovered::default() };
        let mut scan = self.scan_on([(partition, followed.tail.next_chunk)])?;
        while let Some(chunk) = scan.next_chunk()? {
            followed.take(&chunk)?;
            recovered.folded_chunks += 1;
            recovered.folded_events += u64::from(chunk.header.events);
        }
        if (followed.tail.next_chunk, followed.tail.head) != (tail.next_chunk, tail.head) {
            let chunk = followed.tail.next_chunk;
            return Err(StoreError::Strayed { partition, chunk });
        }
        recovered.seconds = started.elapsed().as_secs_f64();
        Ok((followed.into_partition(), recovered))
    }
}
