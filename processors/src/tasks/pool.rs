//! A pool: its agents, its tasks, what it has learnt, and what others may ask of it.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use zeitgeber_schemas::{AgentProfile, Envelope, Health, PoolBody, TaskBody, person_key};

use super::{
    agent::{Agent, Agents},
    queue::Queue,
    store::Tasks,
    task::{Attempt, Task, TaskState},
    validation::CAPABILITIES_MAX,
    view::default_configuration,
};
use crate::routing::learner::Learner;

/// A pool of agents and the tasks given to it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pool {
    /// The tenant.
    pub tenant: String,
    /// The name within the tenant.
    pub name: String,
    /// Names the pool unambiguously: `pool`, or `tenant/pool`.
    pub key: String,
    /// How it works.
    pub configuration: PoolBody,
    /// What was learnt of its agents; the arm of each stands at the agent's slot.
    pub learner: Learner,
    /// Rewards taken in: the model's version.
    pub rewards_taken: u64,
    pub(super) clock_ms: i64,
    /// The lease given last.
    pub(super) lease: u64,
    /// Decisions made; it numbers their ids.
    pub(super) decisions: u64,
    /// Agents registered so far; it numbers their incarnations.
    pub(super) registrations: u32,
    /// Slot of the agent chosen last.
    pub(super) cursor: u32,
    /// The capabilities met so far; the place of each is its bit.
    pub(super) capabilities: Vec<String>,
    pub(super) agents: Agents,
    pub(super) tasks: Tasks,
    #[serde(skip)]
    pub(super) queue: Queue,
}

/// A task that an agent has, and its lease.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held<'a> {
    /// The task.
    pub task: &'a Task,
    /// The attempt in force, with the lease.
    pub attempt: &'a Attempt,
}

impl Pool {
    /// A pool of nothing, as the configuration stands before one is given.
    pub(super) fn initial(envelope: &Envelope<'_>) -> Self {
        let configuration = default_configuration();
        Self {
            tenant: envelope.tenant.into(),
            name: envelope.user_id.into(),
            key: person_key(envelope.tenant, envelope.user_id).into_owned(),
            learner: Learner::new(dimension(&configuration), configuration.policy.lambda),
            configuration,
            rewards_taken: 0,
            clock_ms: i64::MIN,
            lease: 0,
            decisions: 0,
            registrations: 0,
            cursor: u32::MAX,
            capabilities: Vec::new(),
            agents: Agents::default(),
            tasks: Tasks::default(),
            queue: Queue::default(),
        }
    }

    /// The pool's clock: the greatest arrival or tick so far, ms UTC; none before any.
    pub fn clock_ms(&self) -> Option<i64> {
        Some(self.clock_ms).filter(|at_ms| *at_ms > i64::MIN)
    }

    /// The task with this id, finished ones as long as they are remembered.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.by_id(id).map(|found| found.1)
    }

    /// Every task that is remembered, in a stable order.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter()
    }

    /// Those of them behind the place of `after` (from the first one where there is none), each
    /// with its place, which it keeps as long as it is remembered.
    pub fn tasks_behind(&self, after: Option<u32>) -> impl Iterator<Item = (u32, &Task)> {
        self.tasks.behind(after)
    }

    /// Tasks that are remembered, by state.
    pub fn tasks_by_state(&self) -> impl Iterator<Item = (TaskState, u64)> {
        TaskState::ALL.into_iter().zip(*self.tasks.counts())
    }

    /// Tasks that are not finished.
    pub fn open_tasks(&self) -> u64 {
        self.tasks.open()
    }

    /// Tasks submitted so far.
    pub const fn submitted(&self) -> u64 {
        self.tasks.submitted()
    }

    /// The agent with this id.
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.by_id(id).map(|found| found.1)
    }

    /// Every agent that is remembered, in order of registration.
    pub fn agents(&self) -> &[Agent] {
        &self.agents.slots
    }

    /// Agents by health.
    pub fn agents_by_health(&self) -> impl Iterator<Item = (Health, u64)> {
        Health::ALL.iter().map(|&health| {
            let agents = self.agents.slots.iter().filter(|agent| agent.health == health);
            (health, agents.count() as u64)
        })
    }

    /// What an agent has, oldest assignment first.
    pub fn assignments(&self, agent: &str) -> impl Iterator<Item = Held<'_>> {
        let held = self.agent(agent).map_or(&[][..], |agent| &agent.held);
        held.iter().filter_map(|slot| {
            let task = self.tasks.get(*slot)?;
            Some(Held { task, attempt: task.current()? })
        })
    }

    /// When a tick would next change something, ms UTC.
    pub fn due_ms(&self) -> Option<i64> {
        let ttl_ms = self.configuration.heartbeat_ttl_ms;
        let agents = self.agents.slots.iter().filter_map(|agent| agent.due_ms(ttl_ms)).min();
        agents.into_iter().chain(self.tasks.due_ms()).min()
    }

    /// The bits of capabilities; none where the pool has not met one of them yet.
    pub(super) fn mask(&self, capabilities: &[String]) -> Option<u128> {
        capabilities.iter().try_fold(0, |mask, name| {
            let bit = self.capabilities.iter().position(|known| known == name)?;
            Some(mask | 1 << bit)
        })
    }

    /// The bits of capabilities, each one met for the first time getting the next.
    pub(super) fn intern(&mut self, capabilities: &[String]) -> u128 {
        for name in capabilities {
            if self.capabilities.len() < CAPABILITIES_MAX && !self.capabilities.contains(name) {
                self.capabilities.push(name.to_owned());
            }
        }
        self.mask(capabilities).unwrap_or(u128::MAX)
    }

    /// Whether tasks are taken by priority.
    pub(super) fn by_priority(&self) -> bool {
        self.configuration.policy.kind != zeitgeber_schemas::AssignmentPolicy::Fifo
    }

    pub(super) fn timeout_ms(&self, body: &TaskBody) -> i64 {
        body.timeout_ms.unwrap_or(self.configuration.timeout_ms)
    }

    /// The mask of an agent whose profile may name new capabilities, before they are interned: what
    /// tasks that wait can ask for.
    pub(super) fn known_mask(&self, profile: &AgentProfile) -> u128 {
        let bits = self.capabilities.iter().enumerate();
        bits.filter(|(_, name)| profile.capabilities.contains(name))
            .fold(0, |mask, (bit, _)| mask | 1 << bit)
    }

    pub(super) fn reindex(&mut self) {
        self.agents.reindex();
        self.tasks.reindex();
        self.queue = Queue::default();
        for slot in 0..u32::MAX {
            match self.tasks.slot_state(slot) {
                None => break,
                Some(Some(task)) if task.state == TaskState::Queued => {
                    let place = (task.number, slot);
                    self.queue.insert(task.mask, &task.body.needs, task.priority, place);
                }
                Some(_) => {}
            }
        }
    }
}

/// Features that the learner takes: the pool's, and a constant.
pub(super) fn dimension(configuration: &PoolBody) -> usize {
    configuration.policy.features as usize + 1
}
