//! Which partitions are worked on here: under their files no other snapshot may be laid.
//!
//! A process that keeps a partition's state writes people who leave memory into files beside the
//! snapshot that it began with. Whoever only reads may fetch a newer snapshot into the same place,
//! unless that is so.

use std::sync::{Arc, Mutex, Weak};

use zeitgeber_schemas::PartitionId;

/// Held by a partition's state for as long as that lives.
#[derive(Debug, Clone)]
pub(crate) struct Desk(#[expect(dead_code, reason = "it is counted, never read")] Arc<()>);

/// The desks of a store, one for each partition.
#[derive(Debug)]
pub(super) struct Desks(Vec<Mutex<Weak<()>>>);

impl Desks {
    pub(super) fn new(partitions: u16) -> Self {
        Self((0..partitions).map(|_| Mutex::default()).collect())
    }

    /// Takes a partition's place; whoever is laying a snapshot there ends first.
    pub(super) fn take(&self, partition: PartitionId) -> Desk {
        let taken = Arc::new(());
        if let Some(desk) = self.0.get(usize::from(partition.0)) {
            *desk.lock().expect(HELD) = Arc::downgrade(&taken);
        }
        Desk(taken)
    }

    /// Does what changes a partition's files, unless its place is taken.
    #[cfg_attr(
        not(feature = "cluster"),
        expect(dead_code, reason = "only snapshots of a database are fetched")
    )]
    pub(super) fn unless_taken(
        &self,
        partition: PartitionId,
        change: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(desk) = self.0.get(usize::from(partition.0)) else { return Ok(()) };
        let desk = desk.lock().expect(HELD);
        if desk.strong_count() > 0 { Ok(()) } else { change() }
    }
}

const HELD: &str = "nothing panics while a desk is held";
