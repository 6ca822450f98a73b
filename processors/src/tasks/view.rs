//! Tasks and agents as they are told to others, and the configuration before one is given.

use alloc::{collections::VecDeque, string::String, vec::Vec};

use serde::Serialize;
use zeitgeber_schemas::{
    AssignmentPolicy, Health, PoolBody, PoolLimits, PoolPolicy, Priority, RetryPolicy,
    RewardWeights, TaskBody,
};

use super::{
    agent::{Agent, HealthChange},
    pool::Pool,
    task::{Attempt, Outcome, Task, TaskState},
};

/// A task for people and programs; its JSON is an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView<'a> {
    /// Its id within the pool.
    pub id: &'a str,
    /// The pool.
    pub pool: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// Where it stands.
    pub state: TaskState,
    /// Its priority now.
    pub priority: Priority,
    /// What was asked; inline content of a finished task is dropped.
    pub task: &'a TaskBody,
    /// When it was submitted, ms UTC.
    pub submitted_ms: i64,
    /// When it expires unless finished, ms UTC.
    pub deadline_ms: i64,
    /// When it is tried again, ms UTC, while it waits for that.
    pub retry_at_ms: Option<i64>,
    /// Failed attempts so far.
    pub failures: u32,
    /// The attempt in force: the agent and its lease.
    pub assignment: Option<&'a Attempt>,
    /// The newest attempts.
    pub attempts: &'a VecDeque<Attempt>,
    /// The newest transitions.
    pub transitions: Vec<Transition>,
    /// What an agent told last.
    pub outcome: Option<&'a Outcome>,
}

/// A task came to a state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Transition {
    /// When, ms UTC.
    pub at_ms: i64,
    /// Which.
    pub state: TaskState,
}

/// An agent for people and programs; its JSON is an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentView<'a> {
    /// Its id within the pool.
    pub id: &'a str,
    /// The pool.
    pub pool: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// How it is.
    pub health: Health,
    /// What it says of itself.
    pub profile: &'a zeitgeber_schemas::AgentProfile,
    /// How busy it feels, where it said so.
    pub load: Option<f64>,
    /// When it joined, ms UTC.
    pub joined_ms: i64,
    /// When it was last heard of, as far as that was stored, ms UTC.
    pub seen_ms: i64,
    /// Tasks that it has.
    pub holds: usize,
    /// Tasks done.
    pub completed: u64,
    /// Attempts failed.
    pub failed: u64,
    /// Outcomes that the learner took of it, and their mean reward.
    pub learnt: Learnt,
    /// The newest changes of its health.
    pub history: &'a VecDeque<HealthChange>,
}

/// What was learnt of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Learnt {
    /// Outcomes.
    pub outcomes: u64,
    /// Mean reward; none without an outcome.
    pub mean_reward: Option<f64>,
}

impl Pool {
    /// A task as it is told to others.
    pub fn task_view<'a>(&'a self, task: &'a Task) -> TaskView<'a> {
        let waits = task.state == TaskState::Waiting;
        let transition = |&(at_ms, state): &(i64, TaskState)| Transition { at_ms, state };
        TaskView {
            id: &task.id,
            pool: &self.name,
            tenant: &self.tenant,
            state: task.state,
            priority: task.priority,
            task: &task.body,
            submitted_ms: task.submitted_ms,
            deadline_ms: task.deadline_ms,
            retry_at_ms: waits.then_some(task.retry_at_ms),
            failures: task.failures,
            assignment: task.current(),
            attempts: &task.attempts,
            transitions: task.transitions.iter().map(transition).collect(),
            outcome: task.outcome.as_deref(),
        }
    }

    /// An agent as it is told to others.
    pub fn agent_view<'a>(&'a self, agent: &'a Agent) -> AgentView<'a> {
        let slot = self.agents.slot(&agent.id);
        let arm = slot.and_then(|slot| self.learner.arms().get(slot as usize));
        let learnt = arm.map_or_else(Learnt::default, |arm| {
            let sums = arm.sums();
            let mean = |_| sums.reward_sum as f64 / crate::exact::FEATURE_ONE / sums.n as f64;
            Learnt { outcomes: sums.n, mean_reward: (sums.n > 0).then_some(()).map(mean) }
        });
        AgentView {
            id: &agent.id,
            pool: &self.name,
            tenant: &self.tenant,
            health: agent.health,
            profile: &agent.profile,
            load: agent.load,
            joined_ms: agent.joined_ms,
            seen_ms: agent.seen_ms,
            holds: agent.held.len(),
            completed: agent.completed,
            failed: agent.failed,
            learnt,
            history: &agent.history,
        }
    }
}

/// How a pool works before it is configured: tasks by priority to the least loaded agent.
pub fn default_configuration() -> PoolBody {
    PoolBody {
        version: String::from("default"),
        policy: PoolPolicy {
            kind: AssignmentPolicy::Priority,
            threshold: 0.5,
            alpha: 0.5,
            lambda: 1.0,
            epsilon: 0.05,
            features: 4,
            seed: 1,
        },
        heartbeat_ttl_ms: 30_000,
        escalate_after_ms: Some(300_000),
        timeout_ms: 60_000,
        time_to_live_ms: 86_400_000,
        retry: RetryPolicy {
            max_attempts: 3,
            backoff_ms: 1_000,
            backoff_max_ms: 60_000,
            jitter: 0.2,
        },
        limits: PoolLimits { queue: 100_000, agents: 10_000, retained: 10_000 },
        reward: RewardWeights { success: 0.5, quality: 0.4, latency: 0.1, cost: 0.0 },
    }
}
