//! The tasks that wait, in classes of what they ask of an agent.
//!
//! Finding the next task for an agent looks at the first task of each class, never at the tasks
//! behind it. Only classes in which something waits are kept.

use alloc::{collections::BTreeMap, vec::Vec};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use zeitgeber_schemas::{Priority, Resources};

/// Priorities there are.
const PRIORITIES: usize = Priority::ALL.len();

/// What the tasks of a class ask of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    mask: u128,
    needs: [u32; 3],
}

/// Tasks that ask the same of an agent, by priority and then by submission.
#[derive(Debug, Clone)]
pub(super) struct Class {
    key: Key,
    pub(super) mask: u128,
    pub(super) needs: Resources,
    /// Number of submission and slot, for each priority.
    waiting: [BTreeMap<u64, u32>; PRIORITIES],
    len: u32,
}

/// The tasks that wait. Derived from the tasks, so it takes no part in comparisons and snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    classes: Vec<Class>,
    index: HashMap<Key, u32, FixedState>,
}

impl PartialEq for Queue {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The place of a waiting task among all: the least one is next.
pub(super) type Order = (u8, u64);

/// The order of a task; without `priorities` only the submission counts.
pub(super) const fn order(priority: Priority, number: u64, priorities: bool) -> Order {
    (if priorities { Priority::Critical as u8 - priority as u8 } else { 0 }, number)
}

impl Queue {
    pub(super) fn classes(&self) -> &[Class] {
        &self.classes
    }

    pub(super) fn insert(
        &mut self,
        mask: u128,
        needs: &Resources,
        priority: Priority,
        (number, slot): (u64, u32),
    ) {
        let key = key(mask, needs);
        let at = match self.index.get(&key) {
            Some(at) => *at,
            None => {
                let at = self.classes.len() as u32;
                self.index.insert(key.clone(), at);
                let waiting = [const { BTreeMap::new() }; PRIORITIES];
                self.classes.push(Class { key, mask, needs: needs.clone(), waiting, len: 0 });
                at
            }
        };
        let class = &mut self.classes[at as usize];
        if class.waiting[priority as usize].insert(number, slot).is_none() {
            class.len += 1;
        }
    }

    pub(super) fn remove(
        &mut self,
        mask: u128,
        needs: &Resources,
        priority: Priority,
        number: u64,
    ) {
        let key = key(mask, needs);
        let Some(&at) = self.index.get(&key) else { return };
        let class = &mut self.classes[at as usize];
        if class.waiting[priority as usize].remove(&number).is_some() {
            class.len -= 1;
        }
        if class.len == 0 {
            self.index.remove(&key);
            self.classes.swap_remove(at as usize);
            if let Some(moved) = self.classes.get(at as usize) {
                self.index.insert(moved.key.clone(), at);
            }
        }
    }
}

impl Class {
    /// The next task that is not `skipped`, with its order.
    pub(super) fn next(
        &self,
        priorities: bool,
        skipped: impl Fn(u32) -> bool,
    ) -> Option<(Order, u32)> {
        let firsts =
            self.waiting.iter().zip(Priority::ALL).rev().filter_map(|(tasks, priority)| {
                let (number, slot) = tasks.iter().find(|(_, slot)| !skipped(**slot))?;
                Some((order(*priority, *number, priorities), *slot))
            });
        firsts.min()
    }
}

fn key(mask: u128, needs: &Resources) -> Key {
    Key { mask, needs: [needs.cpu_milli, needs.memory_mib, needs.gpu] }
}
