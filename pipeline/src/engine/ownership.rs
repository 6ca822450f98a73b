//! Partitions that come and go while the engine runs.

use std::{sync::atomic::Ordering, time::Duration};

use crossbeam_channel::RecvTimeoutError;
use zeitgeber_schemas::{ConfigurationBody, PartitionId};

use super::{Handle, NotTaken, Shared, WaitError};
use crate::{journal::Tail, state::Partition};

/// A partition was not let go in the given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("partition {0} still waits for its journal: what it holds is not durable yet")]
pub struct StillHeld(pub PartitionId);

impl Shared {
    pub(super) fn own(&self, partition: PartitionId, here: bool) {
        if let Some(owned) = self.owned.get(usize::from(partition.0)) {
            owned.store(here, Ordering::Release);
        }
    }
}

impl Handle {
    /// Whether a partition's writer is here.
    pub fn owns(&self, partition: PartitionId) -> bool {
        let owned = self.0.owned.get(usize::from(partition.0));
        owned.is_some_and(|owned| owned.load(Ordering::Acquire))
    }

    /// The partitions whose writer is here, in order.
    pub fn owned(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.0.store.partitions().filter(|partition| self.owns(*partition))
    }

    /// Takes a partition in, whose state was folded up to `tail`; returns once `configuration` is
    /// in force in it.
    ///
    /// # Errors
    ///
    /// The writer has stopped, or lost the partition again.
    pub fn adopt(
        &self,
        held: Partition,
        tail: Tail,
        configuration: &ConfigurationBody,
    ) -> Result<(), WaitError> {
        let partition = held.state().partition();
        let is_stale = held.state().routing.versions.entered() != Some(configuration);
        self.0.doors.adopt(held, tail).map_err(|_| NotTaken::Stopped)?;
        self.0.own(partition, true);
        let stale = if is_stale { vec![partition] } else { Vec::new() };
        self.configure(&stale, configuration)
    }

    /// Puts a configuration in force in some partitions.
    pub(super) fn configure(
        &self,
        stale: &[PartitionId],
        configuration: &ConfigurationBody,
    ) -> Result<(), WaitError> {
        let mut intake = self.intake();
        stale.iter().for_each(|partition| intake.configuration(*partition, configuration));
        self.settle(intake).map(drop)
    }

    /// Lets a partition go, and waits until all that was taken for it is durable. Nothing where it
    /// is not here, or another writer took it.
    ///
    /// # Errors
    ///
    /// It is not durable within the given time. It stays let go: nothing is taken for it any more.
    pub fn release(
        &self,
        partition: PartitionId,
        within: Duration,
    ) -> Result<Option<(Tail, Partition)>, StillHeld> {
        self.0.own(partition, false);
        let Ok(released) = self.0.doors.release(partition) else { return Ok(None) };
        match released.recv_timeout(within) {
            Ok(released) => Ok(Some(released)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(StillHeld(partition)),
        }
    }
}
