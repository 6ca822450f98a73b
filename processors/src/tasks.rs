//! Tasks and agents: the second flow, through the same stages as people's readings.
//!
//! A *pool* is keyed like a person and holds agents, a queue and tasks. Its clock is the greatest
//! arrival time or tick that it folded; what is due (a lease that ran out, an agent not heard of, a
//! retry, a deadline) happens at ticks alone. One input may cause several events: each part of
//! deciding works on the pool before the input and on a [`Draft`] of what the events so far change.
//!
//! | stage | here |
//! |---|---|
//! | validation | `validation`: bounds, known ids, repeats → a dead letter with its reason |
//! | routing | `policy`: which agent, with which propensity |
//! | intervention | `assignment`, `tick`: leases, retries, release, escalation, the end |
//! | feedback | `feedback`: outcome → reward → learner |
//!
//! - TASKS-1: a task is held by one agent at a time, under one lease.
//! - TASKS-2: lease numbers of a pool strictly grow.
//! - TASKS-3: a task reaches one final state, once, and none but a tick or an input moves it.
//! - TASKS-4: an agent with room and a task that it could take never both wait after an input.

mod agent;
mod assignment;
mod commands;
mod draft;
mod feedback;
mod fold;
mod policy;
mod pool;
mod queue;
mod setback;
mod store;
mod task;
mod tick;
mod validation;
mod view;

use alloc::{string::String, vec::Vec};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use zeitgeber_schemas::{Envelope, Event, PartitionId, PoolOpened, TaskInput, person_key};

pub use self::{
    agent::{Agent, HEALTH_HISTORY_MAX, HealthChange},
    draft::Draft,
    policy::CANDIDATES_MAX,
    pool::{Held, Pool},
    store::TASK_STATES,
    task::{ATTEMPTS_KEPT, Attempt, Outcome as TaskOutcome, TRANSITIONS_KEPT, Task, TaskState},
    tick::TICK_EVENTS,
    validation::{
        CAPABILITIES_MAX, CAPACITY_MAX, FEATURES_MAX, ID_BYTES_MAX, INLINE_BYTES_MAX,
        PAYLOAD_BYTES_MAX,
    },
    view::{AgentView, Learnt, TaskView, Transition, default_configuration},
};

/// The pools of a partition, numbered apart from its people.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(from = "Stored")]
pub struct Pools {
    pools: Vec<Pool>,
    #[serde(skip)]
    index: HashMap<String, u64, FixedState>,
}

/// Pools as they are stored: their indexes, rows and queues are still missing.
#[derive(serde::Deserialize)]
struct Stored {
    pools: Vec<Pool>,
}

impl From<Stored> for Pools {
    fn from(Stored { mut pools }: Stored) -> Self {
        pools.iter_mut().for_each(Pool::reindex);
        let index = pools.iter().zip(1..).map(|(pool, n)| (pool.key.clone(), n)).collect();
        Self { pools, index }
    }
}

/// What deciding a pool's input came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its events are to be stored.
    Stored,
    /// It repeats what was said before and is counted.
    Repeated,
    /// It changes nothing that matters: it is neither stored nor counted as an input.
    Idle,
    /// It is refused.
    Refused(zeitgeber_schemas::DeadLettered),
}

/// An input of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The pool (`user_id`), the task or agent (`id`), when.
    pub envelope: Envelope<'a>,
    /// What.
    pub body: &'a TaskInput,
    /// Fingerprint of the body, which tells a repeat of a task from another one of the same id.
    pub content: u64,
}

impl Command<'_> {
    /// The instant that the input moves the pool's clock to, ms UTC.
    pub const fn at_ms(&self) -> i64 {
        match (self.body, self.envelope.recv_ts) {
            (TaskInput::Tick(tick), _) => tick.at_ms,
            (_, Some(at_ms)) => at_ms,
            (_, None) => self.envelope.ts,
        }
    }
}

impl Pools {
    /// No pool.
    pub fn initial() -> Self {
        Self::default()
    }

    /// Every pool, in order of number (from 1).
    pub fn all(&self) -> &[Pool] {
        &self.pools
    }

    /// The pool with this number.
    pub fn get(&self, number: u64) -> Option<&Pool> {
        self.pools.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The number of a pool, 0 where it is not known.
    pub fn number(&self, tenant: &str, pool: &str) -> u64 {
        self.index.get(&*person_key(tenant, pool)).copied().unwrap_or(0)
    }

    /// The number that a new pool would get.
    pub fn next_number(&self) -> u64 {
        self.pools.len() as u64 + 1
    }

    /// Turns an input of pool `number` (0: not known) into events.
    pub fn decide(
        &self,
        partition: PartitionId,
        draft: &mut Draft,
        number: u64,
        command: &Command<'_>,
        out: &mut Vec<Event>,
    ) -> Verdict {
        if let Some(pool) = self.get(number) {
            return commands::decide(partition, pool, draft, command, out);
        }
        let opens = match command.body {
            TaskInput::Pool(_) => true,
            TaskInput::Agent(body) => body.profile.is_some(),
            _ => false,
        };
        if !opens {
            return Verdict::Refused(validation::unknown_pool());
        }
        let pool = Pool::initial(&command.envelope);
        let verdict = commands::decide(partition, &pool, draft, command, out);
        if verdict == Verdict::Stored {
            let pool = command.envelope.user_id.into();
            out.insert(0, Event::PoolOpened(PoolOpened { pool }));
        }
        verdict
    }

    /// Folds one event of an input of pool `number`. Total: it cannot fail.
    pub fn apply(&mut self, number: u64, command: &Command<'_>, event: &Event) {
        if let Event::PoolOpened(opened) = event {
            let envelope = Envelope { user_id: &opened.pool, ..command.envelope };
            let pool = Pool::initial(&envelope);
            self.index.insert(pool.key.clone(), self.next_number());
            self.pools.push(pool);
            return;
        }
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        if let Some(pool) = index.and_then(|index| self.pools.get_mut(index)) {
            fold::apply(pool, command, event);
        }
    }
}
