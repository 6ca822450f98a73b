//! The threads around the cycles: each core thread owns a share of the partitions.
//!
//! Batches come in through one bounded channel a core, completions of the journal through another;
//! questions about states overtake batches on a third. Acknowledgements leave through one channel
//! for all. No rule lives here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use zeitgeber_schemas::PartitionId;

use crate::{
    cycle::{Ack, Action, Ask, Batch, Cycle, OutcomeDetail, Wants},
    journal::{Append, AppendError, Appended, Done, Journal, Tail},
    state::{Cut, Partition, SnapshotError, Written},
};

mod doors;
mod snapshots;

use doors::{CoreDoor, Share, Work};
pub use doors::{CoreDoors, CoreLoad};
use snapshots::Snapshots;

/// Hand-overs that may wait for one core, where one door fills them.
pub const QUEUE_SHARES: usize = 8;
/// Questions that may wait for one core.
const QUEUE_ASKS: usize = 4_096;
/// Spent batches that may wait to be filled again.
const SPENT_BATCHES: usize = 64;
/// Inputs a core takes before it flushes.
const TAKE_INPUTS: usize = 16_384;

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

/// The running cores.
#[derive(Debug)]
pub struct Runtime {
    cores: Vec<Core>,
    acks: Receiver<Result<Ack, AppendError>>,
    spent: Receiver<Batch>,
    partitions: u16,
    snapshots: Snapshots,
}

#[derive(Debug)]
struct Core {
    door: CoreDoor,
    thread: JoinHandle<Vec<Cycle>>,
}

/// The cores stopped because the journal failed; the acknowledgements say how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer has stopped")]
pub struct Stopped;

impl Runtime {
    /// Starts the cores on folded states, one for each partition in order.
    pub fn start(
        journal: &Arc<dyn Journal>,
        held: Vec<Partition>,
        sizing: Sizing,
    ) -> std::io::Result<Self> {
        let partitions = held.len() as u16;
        let threads = sizing.threads.clamp(1, held.len().max(1));
        let (snapshots, cuts) = Snapshots::start()?;
        let (acks_in, acks) = unbounded();
        let (spent_in, spent) = bounded(SPENT_BATCHES);
        let mut shares: Vec<Vec<Cycle>> = (0..threads).map(|_| Vec::new()).collect();
        let every_bytes = sizing.snapshot_every_bytes / u64::from(partitions.max(1));
        for held in held {
            let partition = held.state().partition();
            let tail = journal.tail(partition);
            let mut cycle = Cycle::resume(held, tail, sizing.chunk_bytes, sizing.outcomes)
                .telling(sizing.wants);
            let turn = u64::from(partition.0) * every_bytes / u64::from(partitions.max(1));
            cycle.checkpoint_every(every_bytes, turn);
            shares[usize::from(partition.0) % threads].push(cycle);
        }
        let start = |(number, cycles)| {
            let (work, queue) = bounded(sizing.queue_shares);
            let (asks_in, asks) = bounded(QUEUE_ASKS);
            let (completions_in, completions) = unbounded();
            let busy_ns = Arc::new(AtomicU64::new(0));
            let worker = Worker {
                cycles,
                threads,
                journal: Arc::clone(journal),
                queue,
                asks,
                completions,
                completions_in,
                acks: acks_in.clone(),
                spent: spent_in.clone(),
                cuts: cuts.clone(),
                actions: Vec::new(),
                appends: Vec::new(),
                timed: sizing.wants.tally,
                busy_ns: Arc::clone(&busy_ns),
            };
            let name = format!("core-{number}");
            let thread = Builder::new().name(name).spawn(move || worker.run())?;
            Ok(Core { door: CoreDoor { work, asks: asks_in, busy_ns }, thread })
        };
        let cores = shares.into_iter().enumerate().map(start).collect::<std::io::Result<_>>()?;
        Ok(Self { cores, acks, spent, partitions, snapshots })
    }

    /// How many core threads run.
    pub fn threads(&self) -> usize {
        self.cores.len()
    }

    /// How many partitions there are.
    pub const fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The doors of the cores.
    pub fn doors(&self) -> CoreDoors {
        CoreDoors(self.cores.iter().map(|core| core.door.clone()).collect())
    }

    /// An empty batch, with the memory of one that is done with where there is one.
    pub fn empty_batch(&self) -> Batch {
        self.spent.try_recv().unwrap_or_default()
    }

    /// What became durable, or the failure that stopped a core.
    pub const fn acks(&self) -> &Receiver<Result<Ack, AppendError>> {
        &self.acks
    }

    /// Snapshots written during the run, or why one was not. Those that nobody reads are dropped
    /// beyond a bound.
    pub const fn snapshots(&self) -> &Receiver<Result<Written, SnapshotError>> {
        self.snapshots.reports()
    }

    /// Takes no more batches, waits for what is pending, and gives the partitions' states back in
    /// order. Acknowledgements still unread are in the channel that comes with them.
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
        Finished { partitions: ended, acks: self.acks }
    }
}

/// What a runtime leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// Each partition with its tail, in order.
    pub partitions: Vec<(Tail, Partition)>,
    /// Acknowledgements not read yet.
    pub acks: Receiver<Result<Ack, AppendError>>,
}

struct Worker {
    cycles: Vec<Cycle>,
    threads: usize,
    journal: Arc<dyn Journal>,
    queue: Receiver<Work>,
    asks: Receiver<(PartitionId, Ask)>,
    completions: Receiver<Completion>,
    completions_in: Sender<Completion>,
    acks: Sender<Result<Ack, AppendError>>,
    spent: Sender<Batch>,
    cuts: Sender<Box<Cut>>,
    actions: Vec<Action>,
    appends: Vec<(Append, Done)>,
    /// Whether somebody wants to know how long chunks take to become durable.
    timed: bool,
    busy_ns: Arc<AtomicU64>,
}

/// A completion, with how long the chunk took to become durable where that is wanted.
type Completion = (Appended, Option<Duration>);

impl Worker {
    fn run(mut self) -> Vec<Cycle> {
        let mut open = true;
        while open || !self.cycles.iter().all(Cycle::is_idle) {
            let full = self.cycles.iter().any(Cycle::is_full);
            let queue = if open && !full { self.queue.clone() } else { never() };
            let begun;
            let stopped = select! {
                recv(self.completions) -> completion => {
                    begun = Instant::now();
                    completion.map_or(true, |completion| self.complete(completion))
                }
                recv(self.asks) -> ask => {
                    begun = Instant::now();
                    ask.into_iter().for_each(|(partition, ask)| self.answer(partition, ask));
                    false
                }
                recv(queue) -> work => {
                    begun = Instant::now();
                    open = work.is_ok_and(|work| self.work(work));
                    false
                }
            };
            if stopped || self.catch_up(&mut open) {
                self.cycles.iter_mut().for_each(Cycle::abandon);
                break;
            }
            for index in 0..self.cycles.len() {
                self.cycles[index].flush(&mut self.actions);
                self.act(index);
            }
            self.submit();
            let busy_ns = begun.elapsed().as_nanos() as u64;
            self.busy_ns.fetch_add(busy_ns, Ordering::Relaxed);
        }
        self.cycles
    }

    /// Takes what else is there without waiting.
    fn catch_up(&mut self, open: &mut bool) -> bool {
        while let Ok(completion) = self.completions.try_recv() {
            if self.complete(completion) {
                return true;
            }
        }
        let mut room = TAKE_INPUTS;
        while *open && room > 0 && !self.cycles.iter().any(Cycle::is_full) {
            // What the last share filled goes to the disk while the next one is computed.
            self.submit();
            let Ok(work) = self.queue.try_recv() else { break };
            room = room.saturating_sub(work.inputs());
            *open = self.work(work);
        }
        false
    }

    /// Does a piece of work, and tells whether more may come.
    fn work(&mut self, work: Work) -> bool {
        match work {
            Work::Take(share) => {
                self.take(share);
                true
            }
            Work::Tick(now_ms) => {
                for index in 0..self.cycles.len() {
                    self.cycles[index].tick(now_ms, &mut self.actions);
                    self.act(index);
                }
                true
            }
            Work::Close => false,
        }
    }

    fn answer(&mut self, partition: PartitionId, ask: Ask) {
        let index = self.index(partition);
        self.cycles[index].ask(ask);
    }

    /// Hands the gathered appends to the journal together.
    fn submit(&mut self) {
        if !self.appends.is_empty() {
            self.journal.submit_all(std::mem::take(&mut self.appends));
        }
    }

    fn index(&self, partition: PartitionId) -> usize {
        usize::from(partition.0) / self.threads
    }

    fn take(&mut self, share: Share) {
        for (partition, mut batch) in share {
            let index = self.index(partition);
            self.cycles[index].take(&batch, &mut self.actions);
            self.act(index);
            batch.clear();
            // Where enough are waiting already, this one's memory goes back to the system.
            drop(self.spent.try_send(batch));
            while let Ok((partition, ask)) = self.asks.try_recv() {
                self.answer(partition, ask);
            }
        }
    }

    fn complete(&mut self, (appended, commit): Completion) -> bool {
        let index = self.index(appended.partition);
        self.cycles[index].appended(appended, &mut self.actions);
        // A snapshot that was held back may follow it.
        for action in &mut self.actions {
            if let Action::Acknowledge(ack) = action {
                ack.commit = commit;
            }
        }
        self.act(index)
    }

    /// Performs the actions of one cycle and tells whether the core must stop. Appends gather
    /// until every cycle is flushed, so that they meet in one commit.
    fn act(&mut self, index: usize) -> bool {
        let mut stop = false;
        for action in self.actions.drain(..) {
            match action {
                Action::Append(chunk) => {
                    let done = self.completions_in.clone();
                    let partition = self.cycles[index].state().partition();
                    let append = Append { partition, expected_chunk: chunk.header().number, chunk };
                    // The receiver is this thread; it outlives every append it waits for.
                    let sealed = self.timed.then(Instant::now);
                    let done: Done = Box::new(move |appended| {
                        drop(done.send((appended, sealed.map(|sealed| sealed.elapsed()))));
                    });
                    self.appends.push((append, done));
                }
                Action::Acknowledge(mut ack) => {
                    ack.outgoing.release(self.cycles[index].state().partition());
                    drop(self.acks.send(Ok(ack)));
                }
                // At most one of a partition is on its way; the receiver outlives the cores.
                Action::Checkpoint(cut) => drop(self.cuts.send(cut)),
                Action::Stop(error) => {
                    stop = true;
                    drop(self.acks.send(Err(error)));
                }
            }
        }
        stop
    }
}
