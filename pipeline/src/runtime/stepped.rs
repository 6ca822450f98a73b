//! The cores without threads: each moves on when it is told to, so that one thread and a seed can
//! decide in which order things happen.

use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded, unbounded};

use super::{
    CoreDoors, Report, SPENT_BATCHES, Sizing,
    worker::{Seating, Ways, Worker},
};
use crate::{
    cycle::Cycle,
    journal::{Journal, Tail},
    state::{Cut, Partition},
};

/// The cores of a log, moved on by whoever holds them.
pub struct Stepped {
    cores: Vec<(Worker, bool)>,
    doors: CoreDoors,
    reports: Receiver<Report>,
    cuts: Receiver<Box<Cut>>,
}

impl std::fmt::Debug for Stepped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepped").field("cores", &self.cores.len()).finish_non_exhaustive()
    }
}

impl Stepped {
    /// The cores of a log on folded states. Snapshots that are due wait in [`Self::cuts`] for
    /// whoever writes them.
    pub fn new(journal: &Arc<dyn Journal>, held: Vec<Partition>, sizing: Sizing) -> Self {
        let partitions = journal.layout().partitions;
        let threads = sizing.threads.clamp(1, usize::from(partitions).max(1));
        let (cuts_in, cuts) = unbounded();
        let (reports_in, reports) = unbounded();
        let (spent_in, spent) = bounded(SPENT_BATCHES);
        let seating = Seating { sizing, partitions, threads };
        let ways = Ways { reports: reports_in, spent: spent_in, cuts: cuts_in };
        let (mut cores, mut doors) = (Vec::new(), Vec::new());
        for seats in seating.share_out(&**journal, held) {
            let (worker, door) = Worker::new(seating, journal, seats, ways.clone());
            cores.push((worker, true));
            doors.push(door);
        }
        Self { cores, doors: CoreDoors { cores: doors, spent }, reports, cuts }
    }

    /// The doors of the cores. More hand-overs than they have room for would wait for ever.
    pub const fn doors(&self) -> &CoreDoors {
        &self.doors
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Has a core take what waits for it, seal what is open and hand it to the journal.
    pub fn step(&mut self, core: usize) {
        let (worker, open) = &mut self.cores[core];
        if !worker.has_stopped() {
            worker.turn(open);
        }
    }

    /// Whether nothing waits for the disk.
    pub fn is_idle(&self) -> bool {
        self.cores.iter().all(|(worker, _)| worker.is_idle())
    }

    /// Whether the journal failed under a core.
    pub fn has_stopped(&self) -> bool {
        self.cores.iter().any(|(worker, _)| worker.has_stopped())
    }

    /// What became durable, which partitions were lost, the failure that stopped a core.
    pub const fn reports(&self) -> &Receiver<Report> {
        &self.reports
    }

    /// Snapshots to be written.
    pub const fn cuts(&self) -> &Receiver<Box<Cut>> {
        &self.cuts
    }

    /// Gives the partitions' states back, in order.
    pub fn finish(self) -> Vec<(Tail, Partition)> {
        let cycles = self.cores.into_iter().flat_map(|(worker, _)| worker.into_cycles());
        let mut ended: Vec<_> = cycles.map(Cycle::into_parts).collect();
        ended.sort_by_key(|(_, held)| held.state().partition());
        ended
    }
}
