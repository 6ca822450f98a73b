//! One core thread: its partitions' cycles, and what carries their events and actions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select};
use zeitgeber_schemas::PartitionId;

use super::{
    Report, Sizing,
    doors::{Share, Work},
    seat::Seat,
};
use crate::{
    cycle::{Action, Ask, Batch, Cycle},
    journal::{Append, AppendError, Appended, Done, Journal, Tail},
    state::{Cut, Partition},
};

/// Inputs a core takes before it flushes.
const TAKE_INPUTS: usize = 16_384;

/// How partitions are taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seating {
    pub(super) sizing: Sizing,
    pub(super) partitions: u16,
}

impl Seating {
    /// A partition's cycle. Snapshots of the partitions are due one after the other.
    pub(super) fn cycle(&self, held: Partition, tail: Tail) -> Cycle {
        let Sizing { chunk_bytes, outcomes, wants, snapshot_every_bytes, .. } = self.sizing;
        let partition = held.state().partition();
        let all = u64::from(self.partitions.max(1));
        let every_bytes = snapshot_every_bytes / all;
        let mut cycle = Cycle::resume(held, tail, chunk_bytes, outcomes).telling(wants);
        cycle.checkpoint_every(every_bytes, u64::from(partition.0) * every_bytes / all);
        cycle
    }
}

pub(super) struct Worker {
    /// One for each partition that is this core's when it is here: each `threads`th.
    pub(super) seats: Vec<Seat>,
    pub(super) seating: Seating,
    pub(super) threads: usize,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) queue: Receiver<Work>,
    pub(super) asks: Receiver<(PartitionId, Ask)>,
    pub(super) completions: Receiver<Completion>,
    pub(super) completions_in: Sender<Completion>,
    pub(super) reports: Sender<Report>,
    pub(super) spent: Sender<Batch>,
    pub(super) cuts: Sender<Box<Cut>>,
    pub(super) actions: Vec<Action>,
    pub(super) appends: Vec<(Append, Done)>,
    pub(super) busy_ns: Arc<AtomicU64>,
    /// The journal failed: nothing more becomes durable here.
    pub(super) stopped: bool,
}

/// A completion, with how long the chunk took to become durable where that is wanted.
type Completion = (Appended, Option<Duration>);

impl Worker {
    pub(super) fn run(mut self) -> Vec<Cycle> {
        let mut open = true;
        while !self.stopped && (open || !self.seats.iter().all(Seat::is_idle)) {
            let full = self.seats.iter().any(Seat::is_full);
            let queue = if open && !full { self.queue.clone() } else { never() };
            let begun;
            select! {
                recv(self.completions) -> completion => {
                    begun = Instant::now();
                    completion.into_iter().for_each(|completion| self.complete(completion));
                }
                recv(self.asks) -> ask => {
                    begun = Instant::now();
                    if let Ok((partition, ask)) = ask {
                        // Every partition is flushed below.
                        let _waits = self.answer(partition, ask);
                    }
                }
                recv(queue) -> work => {
                    begun = Instant::now();
                    open = work.is_ok_and(|work| self.work(work));
                }
            };
            self.catch_up(&mut open);
            for index in 0..self.seats.len() {
                self.seats[index].flush(&mut self.actions);
                self.act(index);
            }
            self.submit();
            let busy_ns = begun.elapsed().as_nanos() as u64;
            self.busy_ns.fetch_add(busy_ns, Ordering::Relaxed);
        }
        if self.stopped {
            self.seats.iter_mut().for_each(Seat::abandon);
        }
        self.seats.into_iter().filter_map(Seat::into_cycle).collect()
    }

    /// Takes what else is there without waiting.
    fn catch_up(&mut self, open: &mut bool) {
        self.attend();
        let mut room = TAKE_INPUTS;
        while *open && room > 0 && !self.stopped && !self.seats.iter().any(Seat::is_full) {
            // What the last share filled goes to the disk while the next one is computed.
            self.submit();
            let Ok(work) = self.queue.try_recv() else { break };
            room = room.saturating_sub(work.inputs());
            *open = self.work(work);
        }
    }

    /// Settles what became durable and answers questions, in the midst of other work: both have
    /// somebody waiting. What a question has to wait for goes to the disk at once.
    fn attend(&mut self) {
        while let Ok(completion) = self.completions.try_recv() {
            self.complete(completion);
        }
        while let Ok((partition, ask)) = self.asks.try_recv() {
            if self.answer(partition, ask) {
                let index = self.index(partition);
                self.seats[index].flush(&mut self.actions);
                self.act(index);
                self.submit();
            }
        }
    }

    /// Does a piece of work, and tells whether more may come.
    fn work(&mut self, work: Work) -> bool {
        match work {
            Work::Take(share) => self.take(share),
            Work::Tick(now_ms) => {
                for index in 0..self.seats.len() {
                    self.seats[index].tick(now_ms, &mut self.actions);
                    self.act(index);
                }
            }
            Work::Adopt(adopted) => {
                let (held, tail) = *adopted;
                let index = self.index(held.state().partition());
                self.seats[index].sit(self.seating.cycle(held, tail));
            }
            Work::Release(partition, released) => {
                let index = self.index(partition);
                self.seats[index].leave(released);
            }
            Work::Close => return false,
        }
        true
    }

    /// Asks a partition, and tells whether the answer waits for something to become durable.
    fn answer(&mut self, partition: PartitionId, ask: Ask) -> bool {
        let index = self.index(partition);
        self.seats[index].ask(ask)
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
            self.seats[index].take(&batch, &mut self.actions);
            self.act(index);
            batch.clear();
            // Where enough are waiting already, this one's memory goes back to the system.
            drop(self.spent.try_send(batch));
            self.attend();
        }
    }

    fn complete(&mut self, (appended, commit): Completion) {
        let index = self.index(appended.partition);
        self.seats[index].appended(appended, &mut self.actions);
        // A snapshot that was held back may follow it.
        for action in &mut self.actions {
            if let Action::Acknowledge(ack) = action {
                ack.commit = commit;
            }
        }
        self.act(index);
    }

    /// Performs the actions of one cycle. Appends gather until every cycle is flushed, so that they
    /// meet in one commit.
    fn act(&mut self, index: usize) {
        for action in self.actions.drain(..) {
            match action {
                Action::Append(chunk) => {
                    let done = self.completions_in.clone();
                    let header = chunk.header();
                    let (partition, expected_chunk) = (header.partition, header.number);
                    let append = Append { partition, expected_chunk, chunk };
                    // The receiver is this thread; it outlives every append it waits for.
                    let sealed = self.seating.sizing.wants.tally.then(Instant::now);
                    let done: Done = Box::new(move |appended| {
                        drop(done.send((appended, sealed.map(|sealed| sealed.elapsed()))));
                    });
                    self.appends.push((append, done));
                }
                Action::Acknowledge(mut ack) => {
                    if let Some(partition) = ack.partition {
                        ack.outgoing.release(partition);
                    }
                    drop(self.reports.send(Report::Durable(Box::new(ack))));
                }
                // At most one of a partition is on its way; the receiver outlives the cores.
                Action::Checkpoint(cut) => drop(self.cuts.send(cut)),
                Action::Stop(AppendError::Conflict { .. }) => {
                    // What it sealed since is in vain, too: the journal would refuse each chunk.
                    if let Some(partition) = self.seats[index].vacate() {
                        drop(self.reports.send(Report::Lost(partition)));
                    }
                }
                Action::Stop(error) => {
                    self.stopped = true;
                    drop(self.reports.send(Report::Failed(error)));
                }
            }
        }
    }
}
