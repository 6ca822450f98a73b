//! One core thread: its partitions' cycles, and what carries their events and actions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use zeitgeber_schemas::PartitionId;

use super::{
    QUEUE_ASKS, Report, Sizing,
    doors::{CoreDoor, Share, Work},
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
    /// How many cores share them.
    pub(super) threads: usize,
}

/// Where a core's results go.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    pub(super) reports: Sender<Report>,
    pub(super) spent: Sender<Batch>,
    pub(super) cuts: Sender<Box<Cut>>,
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

    /// The cores' seats, with these partitions in theirs.
    pub(super) fn share_out(&self, journal: &dyn Journal, held: Vec<Partition>) -> Vec<Vec<Seat>> {
        let threads = self.threads;
        let seats_of = |core: usize| (core..usize::from(self.partitions)).step_by(threads);
        let mut shares: Vec<Vec<Seat>> =
            (0..threads).map(|core| seats_of(core).map(|_| Seat::default()).collect()).collect();
        for held in held {
            let partition = held.state().partition();
            let number = usize::from(partition.0);
            let tail = journal.tail(partition);
            shares[number % threads][number / threads].sit(self.cycle(held, tail));
        }
        shares
    }
}

pub(super) struct Worker {
    /// One for each partition that is this core's when it is here: each `threads`th.
    seats: Vec<Seat>,
    seating: Seating,
    journal: Arc<dyn Journal>,
    queue: Receiver<Work>,
    asks: Receiver<(PartitionId, Ask)>,
    completions: Receiver<Completion>,
    completions_in: Sender<Completion>,
    ways: Ways,
    actions: Vec<Action>,
    appends: Vec<(Append, Done)>,
    busy_ns: Arc<AtomicU64>,
    /// The journal failed: nothing more becomes durable here.
    stopped: bool,
}

/// A completion, with how long the chunk took to become durable where that is wanted.
type Completion = (Appended, Option<Duration>);

impl Worker {
    /// A core with its seats, and the door to it.
    pub(super) fn new(
        seating: Seating,
        journal: &Arc<dyn Journal>,
        seats: Vec<Seat>,
        ways: Ways,
    ) -> (Self, CoreDoor) {
        let (work, queue) = bounded(seating.sizing.queue_shares);
        let (asks_in, asks) = bounded(QUEUE_ASKS);
        let (completions_in, completions) = unbounded();
        let busy_ns = Arc::new(AtomicU64::new(0));
        let worker = Self {
            seats,
            seating,
            journal: Arc::clone(journal),
            queue,
            asks,
            completions,
            completions_in,
            ways,
            actions: Vec::new(),
            appends: Vec::new(),
            busy_ns: Arc::clone(&busy_ns),
            stopped: false,
        };
        (worker, CoreDoor { work, asks: asks_in, busy_ns })
    }

    pub(super) fn run(mut self) -> Vec<Cycle> {
        let mut open = true;
        while !self.stopped && (open || !self.is_idle()) {
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
            self.turn(&mut open);
            let busy_ns = begun.elapsed().as_nanos() as u64;
            self.busy_ns.fetch_add(busy_ns, Ordering::Relaxed);
        }
        self.into_cycles()
    }

    /// Whether the journal failed.
    pub(super) const fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether nothing of any partition is open or in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.seats.iter().all(Seat::is_idle)
    }

    /// The partitions as they are left; what waits is given up where the journal failed.
    pub(super) fn into_cycles(mut self) -> Vec<Cycle> {
        if self.stopped {
            self.seats.iter_mut().for_each(Seat::abandon);
        }
        self.seats.into_iter().filter_map(Seat::into_cycle).collect()
    }

    /// Takes what else is there, then seals what is open and hands it to the journal; waits for
    /// nothing.
    pub(super) fn turn(&mut self, open: &mut bool) {
        self.catch_up(open);
        for index in 0..self.seats.len() {
            self.seats[index].flush(&mut self.actions);
            self.act(index);
        }
        self.submit();
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
        usize::from(partition.0) / self.seating.threads
    }

    fn take(&mut self, share: Share) {
        for (partition, mut batch) in share {
            let index = self.index(partition);
            self.seats[index].take(&batch, &mut self.actions);
            self.act(index);
            batch.clear();
            // Where enough are waiting already, this one's memory goes back to the system.
            drop(self.ways.spent.try_send(batch));
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
                    drop(self.ways.reports.send(Report::Durable(Box::new(ack))));
                }
                // At most one of a partition is on its way; the receiver outlives the cores.
                Action::Checkpoint(cut) => drop(self.ways.cuts.send(cut)),
                Action::Stop(AppendError::Conflict { .. }) => {
                    // What it sealed since is in vain, too: the journal would refuse each chunk.
                    if let Some(partition) = self.seats[index].vacate() {
                        drop(self.ways.reports.send(Report::Lost(partition)));
                    }
                }
                Action::Stop(error) => {
                    self.stopped = true;
                    drop(self.ways.reports.send(Report::Failed(error)));
                }
            }
        }
    }
}
