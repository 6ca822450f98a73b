//! What the events decided so far change of a pool, as far as deciding the next one needs it.
//!
//! The pool itself stays as it was before the input. Buffers are kept from input to input, and
//! told apart by a stamp, so that an ordinary input neither copies nor allocates.

use alloc::vec::Vec;

use zeitgeber_schemas::Resources;

use super::{agent::Row, pool::Pool, queue::Order};
use crate::routing::learner::LearnerArm;

/// A task that this input made wait.
#[derive(Debug, Clone)]
pub(super) struct Added {
    pub(super) place: Place,
    pub(super) order: Order,
    pub(super) mask: u128,
    pub(super) needs: Resources,
    /// Attempts that failed, one of this input included.
    pub(super) failures: u32,
}

/// A task that waits: the one that is just being submitted, or the one of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    New,
    Slot(u32),
}

/// Buffers that deciding reuses.
#[derive(Debug, Default)]
pub struct Draft {
    stamp: u32,
    row_stamps: Vec<u32>,
    rows: Vec<Row>,
    task_stamps: Vec<u32>,
    /// Tasks that wait since this input.
    pub(super) added: Vec<Added>,
    /// Agents that may have got room.
    pub(super) freed: Vec<u32>,
    /// Leases given by this input.
    pub(super) leases: u64,
    /// Decisions made by this input.
    pub(super) decisions: u64,
    /// The agent chosen last by this input.
    pub(super) cursor: Option<u32>,
    /// The arm of an agent that joins with this input, and its slot.
    pub(super) newcomer: Option<(u32, LearnerArm)>,
    /// Agents with room, more or fewer than before.
    free: i64,
}

impl Draft {
    /// Fresh buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with another input.
    pub(super) fn begin(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // Stamps of long ago would look like this input's.
            self.row_stamps.clear();
            self.task_stamps.clear();
            self.stamp = 1;
        }
        self.added.clear();
        self.freed.clear();
        self.newcomer = None;
        (self.leases, self.decisions, self.cursor, self.free) = (0, 0, None, 0);
    }

    /// An agent as it is by now. The slot after the last is the agent just registered.
    pub(super) fn row(&self, pool: &Pool, slot: u32) -> Option<Row> {
        let at = slot as usize;
        if self.row_stamps.get(at) == Some(&self.stamp) {
            return self.rows.get(at).copied();
        }
        pool.agents.rows().get(at).copied()
    }

    /// Slots of agents there are by now.
    pub(super) fn agents(&self, pool: &Pool) -> u32 {
        let known = pool.agents.rows().len();
        let joins = self.row_stamps.get(known) == Some(&self.stamp);
        known as u32 + u32::from(joins)
    }

    /// The arm of an agent.
    pub(super) fn arm<'a>(&'a self, pool: &'a Pool, slot: u32) -> Option<&'a LearnerArm> {
        match &self.newcomer {
            Some((joined, arm)) if *joined == slot => Some(arm),
            _ => pool.learner.arms().get(slot as usize),
        }
    }

    pub(super) fn set_row(&mut self, pool: &Pool, slot: u32, row: Row) {
        let before = self.row(pool, slot).is_some_and(|row| row.has_room());
        self.free += i64::from(row.has_room()) - i64::from(before);
        let at = slot as usize;
        if self.row_stamps.len() <= at {
            self.row_stamps.resize(at + 1, 0);
            self.rows.resize(at + 1, row);
        }
        self.row_stamps[at] = self.stamp;
        self.rows[at] = row;
    }

    /// Whether no agent has room.
    pub(super) fn is_busy(&self, pool: &Pool) -> bool {
        i64::from(pool.agents.free()) + self.free <= 0
    }

    /// Notes that the state of a task is not the pool's any more.
    pub(super) fn touch(&mut self, slot: u32) {
        let at = slot as usize;
        if self.task_stamps.len() <= at {
            self.task_stamps.resize(at + 1, 0);
        }
        self.task_stamps[at] = self.stamp;
    }

    pub(super) fn is_touched(&self, slot: u32) -> bool {
        self.task_stamps.get(slot as usize) == Some(&self.stamp)
    }
}
