//! Partitions on their way in or out: what waits for other machines, on threads that may wait.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use zeitgeber_schemas::{ConfigurationBody, PartitionId};

use super::{Basis, Shared};
use crate::{
    bus::kafka::BusError,
    config::PoolSetting,
    engine::WaitError,
    journal::Tail,
    state::{Memory, Partition},
    store::{Followed, StoreError},
};

/// How many partitions are opened or closed at a time: most of it is waiting.
const AT_A_TIME: usize = 8;
/// How long a partition may take to become durable before it is let go without.
const RELEASE_WITHIN: Duration = Duration::from_secs(10);

/// How partitions are opened.
#[derive(Debug, Clone)]
pub struct Opener {
    /// How much is kept in memory.
    pub memory: Memory,
    /// What is put in force in each.
    pub configuration: ConfigurationBody,
    /// The pools of the configuration.
    pub pools: Vec<PoolSetting>,
}

/// Why a partition could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It could not be claimed, or its state not be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cores did not keep it.
    #[error(transparent)]
    Cores(#[from] WaitError),
    /// Its records cannot be read or published.
    #[error(transparent)]
    Bus(#[from] BusError),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    Open(PartitionId),
    /// Let it go: what was read of it becomes durable and is published first.
    Close(PartitionId),
    /// Another worker has it: nothing of it is of use here any more.
    Drop(PartitionId),
}

#[derive(Debug)]
pub(super) enum Done {
    Opened(PartitionId, Result<Opened, OpenError>),
    Closed(PartitionId),
}

/// What opening a partition took.
#[derive(Debug)]
pub(super) struct Opened {
    /// The position of its next event.
    pub(super) position: u64,
    pub(super) folded_events: u64,
    pub(super) basis: Basis,
}

/// The threads that open and close partitions.
#[derive(Debug)]
pub(super) struct Openings {
    jobs: Sender<Job>,
    done: Receiver<Done>,
    /// They end when nobody orders any more.
    _threads: Vec<JoinHandle<()>>,
}

impl Openings {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, BusError> {
        let (jobs, queue) = unbounded::<Job>();
        let (told, done) = unbounded();
        let start = |_| {
            let (queue, told, shared) = (queue.clone(), told.clone(), Arc::clone(shared));
            let run = move || {
                for job in queue {
                    let done = match job {
                        Job::Open(partition) => Done::Opened(partition, open(&shared, partition)),
                        Job::Close(partition) => {
                            close(&shared, partition);
                            Done::Closed(partition)
                        }
                        Job::Drop(partition) => {
                            drop_stale(&shared, partition);
                            Done::Closed(partition)
                        }
                    };
                    drop(told.send(done));
                }
            };
            Builder::new().name("openings".into()).spawn(run)
        };
        let threads = (0..AT_A_TIME).map(start).collect::<std::io::Result<_>>()?;
        Ok(Self { jobs, done, _threads: threads })
    }

    pub(super) fn order(&self, job: Job) {
        // The threads outlive whoever orders.
        let _ = self.jobs.send(job);
    }

    pub(super) const fn done(&self) -> &Receiver<Done> {
        &self.done
    }
}

/// Opens a partition, or gives up again whatever of it was already taken.
fn open(shared: &Shared, partition: PartitionId) -> Result<Opened, OpenError> {
    let opened = try_open(shared, partition);
    if opened.is_err() {
        drop_stale(shared, partition);
    }
    opened
}

/// Claims a partition, has its state, and lets its records flow.
fn try_open(shared: &Shared, partition: PartitionId) -> Result<Opened, OpenError> {
    let Opener { memory, configuration, pools } = &shared.opener;
    let store = shared.handle.store();
    let journal = store.journal();
    let kept = || shared.standbys.take(partition);
    let (tail, held, recovered) = store.take_over(partition, *memory, kept)?;
    let opened = Opened {
        position: tail.next_position,
        folded_events: recovered.folded_events,
        basis: Basis::of(&recovered),
    };
    // Before the first chunk, so that none is missed.
    shared.publisher.open(partition, &journal)?;
    shared.handle.adopt(held, tail.clone(), configuration)?;
    let partitions = shared.handle.layout().partitions;
    let here: Vec<PoolSetting> =
        pools.iter().filter(|pool| pool.partition(partitions) == partition).cloned().collect();
    shared.handle.set_pools(&here)?;
    shared.inputs.open(partition, &tail);
    Ok(opened)
}

/// Lets a partition go to whoever is given it next.
fn close(shared: &Shared, partition: PartitionId) {
    let left = stop_writing(shared, partition);
    let journal = shared.handle.journal();
    shared.publisher.close(partition, journal.tail(partition).next_position);
    journal.release(partition);
    shared.standbys.leave(partition, left.map(Followed::of));
}

/// Forgets a partition that another worker took, or that could not be opened.
fn drop_stale(shared: &Shared, partition: PartitionId) {
    shared.publisher.abandon(partition);
    drop(stop_writing(shared, partition));
    shared.handle.journal().release(partition);
    shared.standbys.leave(partition, None);
}

/// Takes nothing more in; what was taken becomes durable, or meets the journal's conflict. The state
/// where all of it is durable.
fn stop_writing(shared: &Shared, partition: PartitionId) -> Option<(Tail, Partition)> {
    shared.inputs.close(partition);
    let released = shared.handle.release(partition, RELEASE_WITHIN);
    released.unwrap_or_else(|still_held| {
        tracing::warn!(error = %still_held, "let go all the same");
        None
    })
}
