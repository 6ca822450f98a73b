//! What leads into the cores: hand-overs, questions, the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use zeitgeber_schemas::PartitionId;

use super::Stopped;
use crate::{
    cycle::{Ask, Batch},
    journal::Tail,
    state::Partition,
};

/// Where one core takes its work from.
#[derive(Debug, Clone)]
pub(super) struct CoreDoor {
    pub(super) work: Sender<Work>,
    pub(super) asks: Sender<(PartitionId, Ask)>,
    pub(super) busy_ns: Arc<AtomicU64>,
}

/// How busy a core is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreLoad {
    /// Hand-overs that wait for it.
    pub queued: usize,
    /// How long it has been working since it started.
    pub busy: Duration,
}

/// What a core is to do.
#[derive(Debug)]
pub(super) enum Work {
    Take(Share),
    /// The time, ms UTC.
    Tick(i64),
    /// A partition comes.
    Adopt(Box<(Partition, Tail)>),
    /// A partition goes.
    Release(PartitionId, Sender<(Tail, Partition)>),
    /// Nothing comes after this.
    Close,
}

/// A partition that is let go, once all of it is durable; the channel ends without it where it is
/// not there, or was lost before.
pub type Released = Receiver<(Tail, Partition)>;

/// The doors of all cores, for as many threads as like.
#[derive(Debug, Clone)]
pub struct CoreDoors {
    pub(super) cores: Vec<CoreDoor>,
    pub(super) spent: Receiver<Batch>,
}

impl Work {
    /// How much it weighs: its inputs.
    pub(super) fn inputs(&self) -> usize {
        match self {
            Self::Take(share) => share.iter().map(|(_, batch)| batch.items.len()).sum(),
            _ => 0,
        }
    }
}

/// What one hand-over holds for one core: its partitions' batches travel together, so that their
/// chunks meet in one commit.
pub(super) type Share = Vec<(PartitionId, Batch)>;

impl CoreDoors {
    /// An empty batch, with the memory of one that is done with where there is one.
    pub fn empty_batch(&self) -> Batch {
        self.spent.try_recv().unwrap_or_default()
    }

    /// Hands batches to their partitions' cores; waits while a core is behind.
    pub fn submit(&self, batches: Vec<(PartitionId, Batch)>) -> Result<(), Stopped> {
        let mut shares: Vec<Share> = self.cores.iter().map(|_| Vec::new()).collect();
        for (partition, batch) in batches {
            shares[usize::from(partition.0) % self.cores.len()].push((partition, batch));
        }
        for (core, share) in self.cores.iter().zip(shares) {
            if !share.is_empty() {
                core.work.send(Work::Take(share)).map_err(|_| Stopped)?;
            }
        }
        Ok(())
    }

    /// Takes a partition in, whose state was folded up to this tail. What was handed over for it
    /// before is dropped.
    pub fn adopt(&self, held: Partition, tail: Tail) -> Result<(), Stopped> {
        let core = self.core(held.state().partition());
        core.work.send(Work::Adopt(Box::new((held, tail)))).map_err(|_| Stopped)
    }

    /// Lets a partition go. What is handed over for it from here on is dropped.
    pub fn release(&self, partition: PartitionId) -> Result<Released, Stopped> {
        let (sender, released) = bounded(1);
        self.core(partition).work.send(Work::Release(partition, sender)).map_err(|_| Stopped)?;
        Ok(released)
    }

    fn core(&self, partition: PartitionId) -> &CoreDoor {
        &self.cores[usize::from(partition.0) % self.cores.len()]
    }

    /// How busy each core is.
    pub fn loads(&self) -> impl Iterator<Item = CoreLoad> {
        self.cores.iter().map(|core| CoreLoad {
            queued: core.work.len(),
            busy: Duration::from_nanos(core.busy_ns.load(Ordering::Relaxed)),
        })
    }

    /// Tells every core the time. One that is behind hears of it the next time.
    pub fn tick(&self, now_ms: i64) {
        for core in &self.cores {
            drop(core.work.try_send(Work::Tick(now_ms)));
        }
    }

    /// Asks about a partition's state; the question overtakes what waits. It is dropped unasked
    /// where too many wait already or the core has stopped.
    pub fn ask(&self, partition: PartitionId, ask: Ask) -> Result<(), Stopped> {
        self.core(partition).asks.try_send((partition, ask)).map_err(|_| Stopped)
    }
}
