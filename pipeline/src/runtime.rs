//! The threads around the cycles: each core thread owns a share of the partitions.
//!
//! Batches come in through one bounded channel a core, completions of the journal through another;
//! questions about states overtake batches on a third. What becomes of inputs and partitions leaves
//! through one channel for all. Partitions come and go while the cores run: which are there is said
//! from outside, and a partition that another writer took over goes by itself. No rule lives here.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use crossbeam_channel::{Receiver, bounded, unbounded};
use zeitgeber_schemas::PartitionId;

use crate::{
    cycle::{Ack, Batch, Cycle, OutcomeDetail, Wants},
    journal::{AppendError, Journal, Tail},
    state::{Partition, SnapshotError, Written},
};

mod doors;
mod seat;
mod snapshots;
mod stepped;
mod worker;

use doors::{CoreDoor, Work};
pub use doors::{CoreDoors, CoreLoad, Released};
use snapshots::Snapshots;
pub use stepped::Stepped;
use worker::{Seating, Ways, Worker};

/// Hand-overs that may wait for one core, where one door fills them.
pub const QUEUE_SHARES: usize = 8;
/// Questions that may wait for one core.
const QUEUE_ASKS: usize = 4_096;
/// Spent batches that may wait to be filled again.
const SPENT_BATCHES: usize = 64;

/// How a runtime is sized.
#[derive(Debug, Clone, Copy)]
pub struct Sizing {
    /// Core threads, at least 1.
    pub threads: usize,
    /// Entry bytes at which a chunk is sealed under load.
    pub chunk_bytes: usize,
    /// Whether outcomes are told line by line.
    pub outcomes: OutcomeDetail,
    /// Bytes of log, over all partitions, after which each has written a snapshot.
    pub snapshot_every_bytes: u64,
    /// Hand-overs that may wait for one core.
    pub queue_shares: usize,
    /// What acknowledgements tell besides counts.
    pub wants: Wants,
}

/// What cores tell.
#[derive(Debug)]
pub enum Report {
    /// These inputs are durable.
    Durable(Box<Ack>),
    /// Another writer took the partition over. Whoever waited for inputs of it learns that they are
    /// not settled.
    Lost(PartitionId),
    /// The journal failed, and the core with it.
    Failed(AppendError),
}

/// The running cores.
#[derive(Debug)]
pub struct Runtime {
    cores: Vec<Core>,
    reports: Receiver<Report>,
    spent: Receiver<Batch>,
    snapshots: Snapshots,
}

#[derive(Debug)]
struct Core {
    door: CoreDoor,
    thread: JoinHandle<Vec<Cycle>>,
}

/// The cores stopped because the journal failed; the reports say how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer has stopped")]
pub struct Stopped;

impl Runtime {
    /// Starts the cores of a log on folded states: of all its partitions, or of some; others may
    /// come later ([`CoreDoors::adopt`]).
    pub fn start(
        journal: &Arc<dyn Journal>,
        held: Vec<Partition>,
        sizing: Sizing,
    ) -> std::io::Result<Self> {
        let partitions = journal.layout().partitions;
        let threads = sizing.threads.clamp(1, usize::from(partitions).max(1));
        let (snapshots, cuts) = Snapshots::start()?;
        let (reports_in, reports) = unbounded();
        let (spent_in, spent) = bounded(SPENT_BATCHES);
        let seating = Seating { sizing, partitions, threads };
        let ways = Ways { reports: reports_in, spent: spent_in, cuts };
        let start = |(number, seats)| {
            let (worker, door) = Worker::new(seating, journal, seats, ways.clone());
            let name = format!("core-{number}");
            let thread = Builder::new().name(name).spawn(move || worker.run())?;
            Ok(Core { door, thread })
        };
        let shares = seating.share_out(&**journal, held);
        let cores = shares.into_iter().enumerate().map(start).collect::<std::io::Result<_>>()?;
        Ok(Self { cores, reports, spent, snapshots })
    }

    /// How many core threads run.
    pub fn threads(&self) -> usize {
        self.cores.len()
    }

    /// The doors of the cores.
    pub fn doors(&self) -> CoreDoors {
        let cores = self.cores.iter().map(|core| core.door.clone()).collect();
        CoreDoors { cores, spent: self.spent.clone() }
    }

    /// What became durable, which partitions were lost, the failure that stopped a core.
    pub const fn reports(&self) -> &Receiver<Report> {
        &self.reports
    }

    /// Snapshots written during the run, or why one was not. Those that nobody reads are dropped
    /// beyond a bound.
    pub const fn snapshots(&self) -> &Receiver<Result<Written, SnapshotError>> {
        self.snapshots.reports()
    }

    /// Takes no more batches, waits for what is pending, and gives the partitions' states back in
    /// order. Reports still unread are in the channel that comes with them.
    pub fn finish(self) -> Finished {
        let mut ended: Vec<(Tail, Partition)> = Vec::new();
        for core in self.cores {
            // A core that has stopped already takes nothing, and needs no telling.
            drop(core.door.work.send(Work::Close));
            match core.thread.join() {
                Ok(cycles) => ended.extend(cycles.into_iter().map(Cycle::into_parts)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        // The cores are gone, so no more cuts come: what is being written ends first.
        self.snapshots.finish();
        ended.sort_by_key(|(_, held)| held.state().partition());
        Finished { partitions: ended, reports: self.reports }
    }
}

/// What a runtime leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// Each partition with its tail, in order.
    pub partitions: Vec<(Tail, Partition)>,
    /// Reports not read yet.
    pub reports: Receiver<Report>,
}
