//! The part of a tally that concerns pools of agents.

use zeitgeber_processors::tasks::{Pool, TaskState};
use zeitgeber_schemas::{Event, Priority, SchemaId, TaskAssigned};

use super::{add, seconds, stage_of};
use crate::measure::{Buckets, WORK_S};

/// What concerns tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTally {
    /// From queued to assigned, by priority, s.
    pub wait: [Buckets; Priority::ALL.len()],
    /// By pool.
    pub pools: Vec<PoolTally>,
}

/// What concerns one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolTally {
    /// Its key: its name, after its tenant where that is not the default.
    pub pool: String,
    /// Events, by schema.
    pub events: [u64; SchemaId::ALL.len()],
    /// From assigned to done, s.
    pub run: Buckets,
}

impl Default for TaskTally {
    fn default() -> Self {
        Self { wait: [Buckets::new(WORK_S); Priority::ALL.len()], pools: Vec::new() }
    }
}

impl TaskTally {
    /// An input of a pool was stored with these events, which the pool has folded.
    pub fn stored(&mut self, pool: &Pool, events: &[Event]) {
        for event in events {
            let tally = self.pool(&pool.key);
            tally.events[event.schema() as usize] += 1;
            match event {
                Event::TaskCompleted(done) => tally.run.record(seconds(done.latency_ms)),
                Event::TaskAssigned(assigned) => self.assigned(pool, assigned),
                _ => {}
            }
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.wait.iter_mut().zip(&other.wait).for_each(|(to, from)| to.merge(from));
        for other in &other.pools {
            let pool = self.pool(&other.pool);
            add(&mut pool.events, &other.events);
            pool.run.merge(&other.run);
        }
    }

    fn assigned(&mut self, pool: &Pool, assigned: &TaskAssigned) {
        let Some(task) = pool.task(&assigned.task) else { return };
        let last = |wanted| {
            let mut newest = task.transitions.iter().rev();
            newest.find(|(_, state)| *state == wanted).map(|(at_ms, _)| *at_ms)
        };
        if let (Some(queued), Some(assigned)) = (last(TaskState::Queued), last(TaskState::Assigned))
        {
            let waited = seconds(assigned.saturating_sub(queued).max(0));
            self.wait[task.priority as usize].record(waited);
        }
    }

    /// A pool's place; a partition has few.
    fn pool(&mut self, key: &str) -> &mut PoolTally {
        let index = self.pools.iter().position(|tally| tally.pool == key);
        let index = index.unwrap_or_else(|| {
            let events = [0; SchemaId::ALL.len()];
            let run = Buckets::new(WORK_S);
            self.pools.push(PoolTally { pool: key.into(), events, run });
            self.pools.len() - 1
        });
        &mut self.pools[index]
    }
}

/// Events of pools: their schema and name.
pub fn pool_events() -> impl Iterator<Item = (SchemaId, &'static str)> {
    let events = SchemaId::ALL.iter().filter(|schema| stage_of(**schema) == Some("tasks"));
    events.map(|schema| (*schema, schema.as_str()))
}
