//! The journal on CQL: ScyllaDB or Cassandra, shared by as many processes as there are partitions.
//!
//! A partition has one writer at a time. To become it, a process **claims** the partition's next
//! epoch by one conditional insert. Then it **resolves** every earlier epoch that has no recorded
//! end, oldest first: it reads what stands there at a quorum, writes back what may not stand at
//! one yet, and records the end, once and for all. From then on it **appends** by plain,
//! repeatable inserts at a quorum; after each it reads the latest epoch at a quorum, and
//! acknowledges only where that is still its own. Whoever was overtaken, paused or cut off meets
//! a later epoch there and acknowledges nothing. No clock, no lease. [`epoch`] holds the
//! decisions, and their invariants EPOCH-1 to EPOCH-5; a model takes them through every
//! interleaving (`pipeline/tests/epoch_protocol.rs`).
//!
//! A chunk's place is its partition and its number: [`Place::segment`] is the partition, so that a
//! scan reads one partition after the other. Rows are at most 1 MiB: a longer chunk is cut into
//! parts. What others acknowledge is seen once something vouches for it: a later chunk, the
//! owner's commit mark (20 ms after its last append), or the recorded end.
//!
//! It is *not* a place for deletes: nothing is ever removed or given a time to live here.

mod claim;
mod connection;
pub mod epoch;
mod index;
mod log;
mod open;
mod owner;
mod pending;
mod read;
mod scan;
mod schema;
mod shared;
mod snapshots;
mod statements;
mod wire;

use std::sync::{Arc, atomic::Ordering};

pub use connection::Connect;
pub(crate) use connection::Fault;
pub use open::{Access, OpenError};
pub use schema::{MigrationState, SchemaError, TableOptions, apply, check, doubts};
use zeitgeber_schemas::PartitionId;

use claim::{Claimed, NotClaimed, claim};
use log::Number;
use owner::{Ending, Owner};
use pending::Pending;
use read::reach;
use scan::CqlScan;
use shared::Shared;
use snapshots::Pieces;
use wire::BUCKET_CHUNKS;

use super::{
    Append, AppendError, ClaimError, Done, Journal, Key, Layout, Meter, Place, ReadError, Scan,
    ScanFrom, SeekError, Tail, chain::OUTSIDE, seek_tail,
};

/// A log in a database.
#[derive(Debug)]
pub struct CqlJournal {
    shared: Arc<Shared>,
    pieces: Pieces,
}

impl CqlJournal {
    /// What it measures about its writing.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.shared.meter)
    }

    /// The log's address.
    pub fn address(&self) -> String {
        self.shared.database.connect.address()
    }

    /// The newest tail of a partition, as far as it may be trusted.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub fn newest_tail(&self, partition: PartitionId) -> Result<Tail, ReadError> {
        self.shared.tail(partition.0)
    }

    fn unclaimed(&self, fault: NotClaimed, partition: PartitionId) -> ClaimError {
        match fault {
            NotClaimed::Contended => ClaimError::Contended { partition, times: claim::ATTEMPTS },
            NotClaimed::Fault(fault) => self.shared.unread(fault).into(),
        }
    }

    /// Takes an append in, or gives it back with why not.
    fn accept(&self, pending: Pending) -> Result<(), (Pending, AppendError)> {
        let Some(mut slot) = self.shared.slot(pending.partition().0) else {
            return Err((pending, OUTSIDE));
        };
        if self.shared.is_closed() {
            return Err((pending, AppendError::Closed));
        }
        let next = slot.tail.next_chunk;
        match &mut slot.owner {
            Some(owner) => owner.submit(pending),
            None => {
                let conflict = pending.conflict(next);
                Err((pending, conflict))
            }
        }
    }
}

impl Journal for CqlJournal {
    fn layout(&self) -> Layout {
        self.shared.layout
    }

    fn tail(&self, partition: PartitionId) -> Tail {
        // What was known before is a tail, too, only not the newest.
        self.shared.tail(partition.0).unwrap_or_else(|fault| {
            tracing::warn!(%partition, %fault, "the newest tail is not known");
            self.shared.slot(partition.0).map(|slot| slot.tail.clone()).unwrap_or_default()
        })
    }

    fn claim(&self, partition: PartitionId) -> Result<Tail, ClaimError> {
        let partitions = self.shared.layout.partitions;
        let Some(mut slot) = self.shared.slot(partition.0) else {
            return Err(SeekError::UnknownPartition { partition, partitions }.into());
        };
        if self.shared.is_closed() {
            return Err(ClaimError::Closed);
        }
        if let Some(before) = slot.owner.take() {
            before.abandon();
        }
        drop(slot);
        let (database, name) = (Arc::clone(&self.shared.database), self.shared.name.clone());
        let number = Number::from(partition.0);
        let claimed: Result<Claimed, NotClaimed> =
            self.shared.database.wait(async move { claim(&database, number, &name).await });
        let claimed = claimed.map_err(|fault| self.unclaimed(fault, partition))?;
        let tail = claimed.tail.clone();
        let mut slot = self.shared.slot(partition.0).ok_or(ClaimError::Closed)?;
        if self.shared.is_closed() {
            return Err(ClaimError::Closed);
        }
        slot.tail = tail.clone();
        slot.ours = Some((claimed.epoch, tail.next_chunk));
        // Another thread of ours may have been quicker; its epoch is over now.
        if let Some(before) = slot.owner.replace(Owner::start(&self.shared, partition.0, claimed)) {
            before.abandon();
        }
        Ok(tail)
    }

    fn release(&self, partition: PartitionId) {
        let owner = self.shared.slot(partition.0).and_then(|mut slot| slot.owner.take());
        if let Some(owner) = owner {
            owner.release().wait();
        }
    }

    fn is_claimed(&self, partition: PartitionId) -> bool {
        self.shared.ours(partition.0).is_some()
    }

    fn submit(&self, append: Append, done: Done) {
        let pending = Pending::new(&self.shared.queue, append, done);
        if let Err((pending, error)) = self.accept(pending) {
            pending.complete(Err(error));
        }
    }

    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        Ok(Box::new(CqlScan::new(Arc::clone(&self.shared), None, from)))
    }

    fn find(&self, keys: &[Key], from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        let keys = Some(keys.to_vec());
        Ok(Box::new(CqlScan::new(Arc::clone(&self.shared), keys, from)))
    }

    fn place_of(&self, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
        let tail = if partition.0 < self.shared.layout.partitions {
            self.newest_tail(partition)?
        } else {
            Tail::default()
        };
        seek_tail(self.layout(), tail.clone(), partition, n)?;
        let (shared, database) = (&self.shared, Arc::clone(&self.shared.database));
        let number = Number::from(partition.0);
        let end = tail.next_chunk;
        let find = async move {
            let left = database.positions(number).await?;
            let before = left.into_iter().filter(|(_, position)| *position <= n);
            let first = before.map(|(chunk, _)| chunk).max().unwrap_or(0);
            let reached = reach(&database, number, first, end).await?;
            for stretch in reached.stretches {
                let mut chunks = stretch.chunks;
                while !chunks.is_empty() {
                    let upto = chunks.end.min(chunks.start + BUCKET_CHUNKS);
                    let heads = database.heads(number, stretch.epoch, chunks.start..upto).await?;
                    let holds = heads.iter().find(|head| {
                        n < head.header.first_position + u64::from(head.header.events)
                    });
                    if let Some(head) = holds {
                        return Ok(Some(head.header.number));
                    }
                    chunks.start = upto;
                }
            }
            Ok(None)
        };
        let found = shared.database.wait(find).map_err(|fault| shared.unread(fault))?;
        let offset = found.ok_or(SeekError::BeyondEnd { partition, n, next: n })?;
        Ok(Place { segment: partition.0.into(), offset })
    }

    fn has_one_order(&self) -> bool {
        false
    }

    fn segments(&self) -> u32 {
        self.shared.layout.partitions.into()
    }

    fn close(&self) -> Result<(), AppendError> {
        self.shared.closed.store(true, Ordering::Release);
        let partitions = 0..self.shared.layout.partitions;
        let owners = partitions.filter_map(|p| self.shared.slot(p)?.owner.take());
        let ending: Vec<_> = owners.map(Owner::release).collect();
        ending.into_iter().for_each(Ending::wait);
        Ok(())
    }
}

impl Drop for CqlJournal {
    /// As a crash: what is pending is not acknowledged, and the next owner resolves the epochs.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let partitions = 0..self.shared.layout.partitions;
        partitions.filter_map(|p| self.shared.slot(p)?.owner.take()).for_each(Owner::abandon);
    }
}
