//! Agents that wait for a task, each woken when one is given to it and durable.
//!
//! A long poll must cost nothing while it waits: nobody asks the state again until the writer's
//! acknowledgement names the agent. A wake says only that it is worth to ask; the answer comes
//! from the state, so one wake too many does no harm, and none is lost by whoever begins to listen
//! before it asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::{Notify, futures::Notified};
use zeitgeber_schemas::PartitionId;

use crate::{
    cycle::{Ack, Wants},
    engine::Listener,
};

/// Most requests that may wait together.
const WAITING_MAX: usize = 100_000;

/// Who waits, by agent. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Waiters(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    requests: usize,
    agents: HashMap<Pool, HashMap<String, Called>>,
}

/// A partition and the number of a pool in it.
type Pool = (PartitionId, u64);

/// An agent for which somebody waits.
#[derive(Debug, Default)]
struct Called {
    requests: usize,
    news: Arc<Notify>,
}

/// One request that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    all: Waiters,
    pool: Pool,
    agent: String,
    news: Arc<Notify>,
}

impl Waiters {
    /// Nobody waits yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the tasks of an agent; none where as many wait as may.
    pub(super) fn wait(&self, partition: PartitionId, pool: u64, agent: &str) -> Option<Waiter> {
        let mut waiting = self.lock();
        if waiting.requests == WAITING_MAX {
            return None;
        }
        waiting.requests += 1;
        let pool = (partition, pool);
        let called = waiting.agents.entry(pool).or_default().entry(agent.into()).or_default();
        called.requests += 1;
        let news = Arc::clone(&called.news);
        Some(Waiter { all: self.clone(), pool, agent: agent.into(), news })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

impl Waiter {
    /// Done at the next news from when this is called on, awaited or not.
    pub(super) fn news(&self) -> Notified<'_> {
        self.news.notified()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.all.lock();
        waiting.requests -= 1;
        let Some(agents) = waiting.agents.get_mut(&self.pool) else { return };
        if let Some(called) = agents.get_mut(&self.agent) {
            called.requests -= 1;
            if called.requests == 0 {
                agents.remove(&self.agent);
            }
        }
        if agents.is_empty() {
            waiting.agents.remove(&self.pool);
        }
    }
}

impl Listener for Waiters {
    fn lost(&mut self, _: PartitionId) {}

    fn wants(&self) -> Wants {
        Wants { assignments: true, ..Wants::default() }
    }

    fn durable(&mut self, acks: &[Ack]) {
        if acks.iter().all(|ack| ack.assigned.is_empty()) {
            return;
        }
        let waiting = self.lock();
        for ack in acks {
            let Some(partition) = ack.partition else { continue };
            for assigned in &ack.assigned {
                let agents = waiting.agents.get(&(partition, assigned.pool));
                if let Some(called) = agents.and_then(|agents| agents.get(&assigned.agent)) {
                    called.news.notify_waiters();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::cycle::Assigned;

    const HERE: PartitionId = PartitionId(3);

    fn given(agent: &str) -> Ack {
        let assigned = vec![Assigned { pool: 7, agent: agent.into() }];
        Ack { partition: Some(HERE), assigned, ..Ack::default() }
    }

    #[test]
    fn those_are_woken_whose_agent_was_given_a_task_also_before_they_await_it() {
        let mut waiters = Waiters::new();
        let wait = |pool, agent| waiters.wait(HERE, pool, agent).expect("there is room");
        let (ada, too, bob, other) =
            (wait(7, "ada"), wait(7, "ada"), wait(7, "bob"), wait(8, "ada"));
        let news = [ada.news(), too.news(), bob.news(), other.news()];
        waiters.durable(&[given("ada")]);
        let woken = news.map(|news| news.now_or_never().is_some());
        assert_eq!(woken, [true, true, false, false]);
        assert!(ada.news().now_or_never().is_none(), "news are told once");
    }

    #[test]
    fn nothing_is_kept_of_those_who_went_away() {
        let waiters = Waiters::new();
        let first = waiters.wait(HERE, 7, "ada");
        drop(waiters.wait(HERE, 7, "ada"));
        assert_eq!(waiters.lock().requests, 1);
        drop(first);
        let waiting = waiters.lock();
        assert!(waiting.requests == 0 && waiting.agents.is_empty());
    }
}
