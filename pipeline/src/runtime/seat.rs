//! A partition's place at its core: taken while the partition is here.

use crossbeam_channel::Sender;
use zeitgeber_schemas::PartitionId;

use crate::{
    cycle::{Action, Ask, Batch, Cycle},
    journal::{Appended, Tail},
    state::Partition,
};

/// A place for one partition's cycle.
#[derive(Debug, Default)]
pub(super) struct Seat {
    cycle: Option<Cycle>,
    /// Completions that are still to come of chunks whose cycle went before they did.
    orphans: usize,
    /// Who waits for the partition to be let go.
    leaving: Option<Sender<(Tail, Partition)>>,
}

impl Seat {
    /// Takes a partition in.
    pub(super) fn sit(&mut self, cycle: Cycle) {
        self.vacate();
        self.cycle = Some(cycle);
    }

    /// Lets the partition go as soon as nothing of it is open or in flight. What comes for it from
    /// here on is dropped. Where it is not here, whoever waits is told by the sender's end.
    pub(super) fn leave(&mut self, released: Sender<(Tail, Partition)>) {
        self.leaving = self.cycle.is_some().then_some(released);
        self.leave_if_idle();
    }

    /// Gives the partition up with whatever is open or in flight.
    pub(super) fn vacate(&mut self) -> Option<PartitionId> {
        self.leaving = None;
        let cycle = self.cycle.take()?;
        self.orphans += cycle.in_flight();
        Some(cycle.state().partition())
    }

    pub(super) fn take(&mut self, batch: &Batch, actions: &mut Vec<Action>) {
        if self.leaving.is_none()
            && let Some(cycle) = &mut self.cycle
        {
            cycle.take(batch, actions);
        }
    }

    pub(super) fn tick(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        if self.leaving.is_none()
            && let Some(cycle) = &mut self.cycle
        {
            cycle.tick(now_ms, actions);
        }
    }

    /// Asks the cycle, and tells whether the answer waits for something to become durable.
    pub(super) fn ask(&mut self, ask: Ask) -> bool {
        self.cycle.as_mut().is_some_and(|cycle| cycle.ask(ask))
    }

    pub(super) fn flush(&mut self, actions: &mut Vec<Action>) {
        if let Some(cycle) = &mut self.cycle {
            cycle.flush(actions);
        }
    }

    pub(super) fn appended(&mut self, appended: Appended, actions: &mut Vec<Action>) {
        if self.orphans > 0 {
            self.orphans -= 1;
            return;
        }
        if let Some(cycle) = &mut self.cycle {
            cycle.appended(appended, actions);
            self.leave_if_idle();
        }
    }

    fn leave_if_idle(&mut self) {
        if self.leaving.is_some() && self.cycle.as_ref().is_some_and(Cycle::is_idle) {
            let left = self.leaving.take().zip(self.cycle.take());
            if let Some((released, cycle)) = left {
                // Whoever no longer waits does without.
                drop(released.send(cycle.into_parts()));
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.cycle.as_ref().is_none_or(Cycle::is_idle)
    }

    pub(super) fn is_full(&self) -> bool {
        self.cycle.as_ref().is_some_and(Cycle::is_full)
    }

    pub(super) fn abandon(&mut self) {
        if let Some(cycle) = &mut self.cycle {
            cycle.abandon();
        }
    }

    pub(super) fn into_cycle(self) -> Option<Cycle> {
        self.cycle
    }
}
