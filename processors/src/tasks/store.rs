//! The tasks of a pool in their slots, found by id, with what is due and what is remembered.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};
use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::task::{Task, TaskState};

/// How many states a task may have.
pub const TASK_STATES: usize = TaskState::ALL.len();

/// Slots by id. Derived from the slots, so it takes no part in comparisons and snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(HashTable<u32>);

impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Index {
    pub(super) fn find<'a>(&self, id: &str, of: impl Fn(u32) -> &'a String) -> Option<u32> {
        self.0.find(hash(id), |slot| of(*slot) == id).copied()
    }

    pub(super) fn insert<'a>(&mut self, slot: u32, of: impl Fn(u32) -> &'a String) {
        self.0.insert_unique(hash(of(slot)), slot, |slot| hash(of(*slot)));
    }

    pub(super) fn remove<'a>(&mut self, id: &str, of: impl Fn(u32) -> &'a String) {
        if let Ok(found) = self.0.find_entry(hash(id), |slot| of(*slot) == id) {
            found.remove();
        }
    }

    pub(super) fn rebuild<'a>(
        &mut self,
        slots: impl Iterator<Item = u32>,
        of: impl Fn(u32) -> &'a String,
    ) {
        self.0.clear();
        for slot in slots {
            self.0.insert_unique(hash(of(slot)), slot, |slot| hash(of(*slot)));
        }
    }
}

fn hash(id: &str) -> u64 {
    FixedState::default().hash_one(id)
}

/// The tasks of a pool.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Tasks {
    slots: Vec<Option<Box<Task>>>,
    free: Vec<u32>,
    /// Finished tasks, in the order of finishing.
    finished: VecDeque<u32>,
    /// Tasks submitted so far.
    submitted: u64,
    /// Inline content of unfinished tasks, bytes.
    inline_bytes: u64,
    counts: [u64; TASK_STATES],
    /// When something is due, and for which slot.
    due: BTreeSet<(i64, u32)>,
    #[serde(skip)]
    index: Index,
}

impl Tasks {
    pub(super) fn slot(&self, id: &str) -> Option<u32> {
        self.index.find(id, |slot| id_of(&self.slots, slot))
    }

    pub(super) fn by_id(&self, id: &str) -> Option<(u32, &Task)> {
        let slot = self.slot(id)?;
        Some((slot, self.get(slot)?))
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Task> {
        self.slots.get(slot as usize)?.as_deref()
    }

    /// What stands in a slot; none past the last.
    pub(super) fn slot_state(&self, slot: u32) -> Option<Option<&Task>> {
        self.slots.get(slot as usize).map(Option::as_deref)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Task> {
        self.slots.iter().flatten().map(|task| &**task)
    }

    pub(super) fn behind(&self, after: Option<u32>) -> impl Iterator<Item = (u32, &Task)> {
        let first = after.map_or(0, |after| after as usize + 1).min(self.slots.len());
        let slots = self.slots[first..].iter().zip(first as u32..);
        slots.filter_map(|(task, slot)| Some((slot, task.as_deref()?)))
    }

    /// Tasks in each state, in the order of [`TaskState`].
    pub(super) const fn counts(&self) -> &[u64; TASK_STATES] {
        &self.counts
    }

    /// Tasks that are not finished.
    pub(super) fn open(&self) -> u64 {
        self.counts[..TaskState::Completed as usize].iter().sum()
    }

    pub(super) const fn inline_bytes(&self) -> u64 {
        self.inline_bytes
    }

    pub(super) const fn submitted(&self) -> u64 {
        self.submitted
    }

    /// The first instant at which something is due, ms UTC.
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.due.first().map(|due| due.0)
    }

    /// The slots for which something is due by `at_ms`, by instant.
    pub(super) fn due(&self, at_ms: i64) -> impl Iterator<Item = u32> {
        self.due.range(..=(at_ms, u32::MAX)).map(|due| due.1)
    }

    pub(super) fn insert(&mut self, task: Task) -> u32 {
        self.submitted += 1;
        self.inline_bytes += task.inline_bytes();
        self.counts[task.state as usize] += 1;
        let due_ms = task.due_ms;
        let task = Some(Box::new(task));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = task;
                slot
            }
            None => {
                self.slots.push(task);
                self.slots.len() as u32 - 1
            }
        };
        self.schedule(slot, i64::MAX, due_ms);
        let slots = &self.slots;
        self.index.insert(slot, |slot| id_of(slots, slot));
        slot
    }

    /// Changes a task, and what of the rest follows from it. Of more than `retained` finished
    /// tasks the first finished is forgotten.
    pub(super) fn change(&mut self, slot: u32, retained: u32, change: impl FnOnce(&mut Task)) {
        let Some(task) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let (state, due_ms) = (task.state, task.due_ms);
        change(task);
        let (new_state, new_due_ms) = (task.state, task.due_ms);
        let finishes = new_state.is_final() && !state.is_final();
        if finishes {
            self.inline_bytes -= task.inline_bytes();
            if let Some(payload) = &mut task.body.payload {
                payload.inline = None;
            }
        }
        self.counts[state as usize] -= 1;
        self.counts[new_state as usize] += 1;
        self.schedule(slot, due_ms, new_due_ms);
        if finishes {
            self.finished.push_back(slot);
            while self.finished.len() > retained.max(1) as usize {
                self.forget_first();
            }
        }
    }

    fn schedule(&mut self, slot: u32, before_ms: i64, due_ms: i64) {
        if before_ms != due_ms {
            if before_ms != i64::MAX {
                self.due.remove(&(before_ms, slot));
            }
            if due_ms != i64::MAX {
                self.due.insert((due_ms, slot));
            }
        }
    }

    fn forget_first(&mut self) {
        let Some(slot) = self.finished.pop_front() else { return };
        let slots = &self.slots;
        self.index.remove(id_of(slots, slot), |slot| id_of(slots, slot));
        if let Some(task) = self.slots[slot as usize].take() {
            self.counts[task.state as usize] -= 1;
        }
        self.free.push(slot);
    }

    pub(super) fn reindex(&mut self) {
        let slots = &self.slots;
        let taken = (0..slots.len() as u32).filter(|slot| slots[*slot as usize].is_some());
        self.index.rebuild(taken, |slot| id_of(slots, slot));
    }
}

/// The id in a slot that the index names.
fn id_of(slots: &[Option<Box<Task>>], slot: u32) -> &String {
    static NONE: String = String::new();
    slots[slot as usize].as_ref().map_or(&NONE, |task| &task.id)
}
