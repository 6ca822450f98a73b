//! What the journal, its writers and its scans share: which partitions are ours, and every tail.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use super::{
    claim::tail_at,
    connection::{Database, Fault},
    log::Number,
    owner::Owner,
    pending::Queue,
    read::reach,
    wire::BUCKET_CHUNKS,
};
use crate::journal::{Layout, Meter, ReadError, SealedChunk, Tail};

/// A log in a database, as this process sees it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) database: Arc<Database>,
    pub(super) layout: Layout,
    pub(super) meter: Arc<Meter>,
    pub(super) queue: Arc<Queue>,
    /// Takes no appends: it was closed, or opened for reading only.
    pub(super) closed: AtomicBool,
    /// Who we are, for people.
    pub(super) name: String,
    slots: Vec<Mutex<Slot>>,
}

/// One partition.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) owner: Option<Owner>,
    /// The newest tail that is known; what we acknowledged while it is ours.
    pub(super) tail: Tail,
    /// The epoch that may move the tail on, and the chunk it began at.
    pub(super) ours: Option<(u64, u64)>,
}

impl Shared {
    pub(super) fn new(
        database: Arc<Database>,
        layout: Layout,
        name: String,
        writable: bool,
    ) -> Self {
        Self {
            database,
            layout,
            meter: Arc::default(),
            queue: Arc::default(),
            closed: AtomicBool::new(!writable),
            name,
            slots: (0..layout.partitions).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// A partition of the layout.
    pub(super) fn slot(&self, partition: u16) -> Option<MutexGuard<'_, Slot>> {
        let slot = self.slots.get(usize::from(partition))?;
        Some(slot.lock().expect("nothing panics while a partition is held"))
    }

    /// A chunk of ours is acknowledged. Tells the tail where a bucket ends.
    pub(super) fn advance(&self, partition: u16, epoch: u64, chunk: &SealedChunk) -> Option<Tail> {
        let mut slot = self.slot(partition)?;
        if slot.ours.is_none_or(|(ours, _)| ours != epoch) {
            return None;
        }
        slot.tail.advance(chunk.header(), chunk.hash());
        slot.tail.next_chunk.is_multiple_of(BUCKET_CHUNKS).then(|| slot.tail.clone())
    }

    /// A partition is ours no longer. Its last tail stands.
    pub(super) fn disown(&self, partition: u16, epoch: u64) {
        if let Some(mut slot) = self.slot(partition)
            && slot.owner.as_ref().is_some_and(|owner| owner.epoch == epoch)
        {
            slot.owner = None;
        }
    }

    /// The partition's epoch that is ours, where that began, and what is acknowledged.
    pub(super) fn ours(&self, partition: u16) -> Option<(u64, u64, u64)> {
        let slot = self.slot(partition)?;
        let (epoch, began) = slot.ours.filter(|_| slot.owner.is_some())?;
        Some((epoch, began, slot.tail.next_chunk))
    }

    /// The newest tail of a partition: of one that is not ours, as far as a follower may trust it.
    pub(super) fn tail(self: &Arc<Self>, partition: u16) -> Result<Tail, ReadError> {
        let Some(slot) = self.slot(partition) else { return Ok(Tail::default()) };
        if slot.owner.is_some() {
            return Ok(slot.tail.clone());
        }
        drop(slot);
        let database = Arc::clone(&self.database);
        let read = async move {
            let number = Number::from(partition);
            let reached = reach(&database, number, 0, 0).await?;
            tail_at(&database, number, &reached.epochs, reached.end).await
        };
        let tail = self.database.wait(read).map_err(|fault| self.unread(fault))?;
        if let Some(mut slot) = self.slot(partition)
            && slot.owner.is_none()
            && slot.tail.next_chunk < tail.next_chunk
        {
            slot.tail = tail.clone();
        }
        Ok(tail)
    }

    /// What a reader is told of a fault.
    pub(super) fn unread(&self, source: Fault) -> ReadError {
        ReadError::Database { action: "read", log: self.database.connect.address(), source }
    }
}
