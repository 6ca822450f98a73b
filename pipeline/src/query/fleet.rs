//! Pools, tasks and assignments as lists tell them: to people and to programs alike.

use serde::{Serialize, Serializer};
use zeitgeber_processors::tasks::{Held, Pool, Task, TaskState};
use zeitgeber_schemas::{AssignmentPolicy, Payload, PoolBody, Priority, Resources};

/// A task in a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct TaskRow<'a> {
    /// Its id within the pool.
    pub id: &'a str,
    /// Where it stands.
    #[cfg_attr(feature = "service", schema(value_type = String))]
    pub state: TaskState,
    /// Its priority now.
    #[cfg_attr(feature = "service", schema(value_type = String))]
    pub priority: Priority,
    /// When it was submitted, ms UTC.
    pub submitted_ms: i64,
    /// When it expires unless finished, ms UTC.
    pub deadline_ms: i64,
    /// Failed attempts so far.
    pub failures: u32,
    /// The agent that has it.
    #[cfg_attr(feature = "service", schema(required = true))]
    pub agent: Option<&'a str>,
    /// The lease under which that agent has it.
    #[cfg_attr(feature = "service", schema(required = true))]
    pub lease: Option<u64>,
}

impl<'a> From<&'a Task> for TaskRow<'a> {
    fn from(task: &'a Task) -> Self {
        let held = task.current();
        Self {
            id: &task.id,
            state: task.state,
            priority: task.priority,
            submitted_ms: task.submitted_ms,
            deadline_ms: task.deadline_ms,
            failures: task.failures,
            agent: held.map(|attempt| attempt.agent.as_str()),
            lease: held.map(|attempt| attempt.lease),
        }
    }
}

/// A task that an agent has, and its lease.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Assignment<'a> {
    /// The task.
    pub task: &'a str,
    /// Which assignment of the task it is, from 1.
    #[cfg_attr(feature = "service", schema(minimum = 1))]
    pub attempt: u32,
    /// The lease: to be named with start and result.
    pub lease: u64,
    /// When the lease runs out, ms UTC.
    pub lease_until_ms: i64,
    /// When it was assigned, ms UTC.
    pub assigned_ms: i64,
    /// When the agent started it, ms UTC; null: it has not.
    #[cfg_attr(feature = "service", schema(required = true))]
    pub started_ms: Option<i64>,
    /// When the task expires, ms UTC.
    pub deadline_ms: i64,
    /// How urgent it is.
    #[cfg_attr(feature = "service", schema(value_type = String))]
    pub priority: Priority,
    /// What it asks the agent to be able to do.
    pub capabilities: &'a [String],
    /// Its context.
    pub features: &'a [f64],
    /// Its score.
    pub complexity: f64,
    /// What it takes of the agent's quotas.
    #[cfg_attr(feature = "service", schema(value_type = Object))]
    pub needs: &'a Resources,
    /// What it is about: `content_type`, and `reference` or `inline`.
    #[cfg_attr(feature = "service", schema(value_type = Option<Object>, required = true))]
    pub payload: Option<&'a Payload>,
}

impl<'a> From<Held<'a>> for Assignment<'a> {
    fn from(Held { task, attempt }: Held<'a>) -> Self {
        Self {
            task: &task.id,
            attempt: attempt.attempt,
            lease: attempt.lease,
            lease_until_ms: attempt.lease_until_ms,
            assigned_ms: attempt.at_ms,
            started_ms: attempt.started_ms,
            deadline_ms: task.deadline_ms,
            priority: task.priority,
            capabilities: &task.body.capabilities,
            features: &task.body.features,
            complexity: task.body.complexity,
            needs: &task.body.needs,
            payload: task.body.payload.as_ref(),
        }
    }
}

/// How many of something, by name, in a fixed order.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "service", schema(value_type = std::collections::BTreeMap<String, u64>))]
pub struct Numbers(Vec<(&'static str, u64)>);

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// How a pool is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "service", schema(as = Pool))]
pub struct PoolView {
    /// Its name.
    pub pool: String,
    /// The tenant.
    pub tenant: String,
    /// The policy by which tasks find agents.
    #[cfg_attr(feature = "service", schema(value_type = String))]
    pub policy: AssignmentPolicy,
    /// The instant that the pool has come to, ms UTC.
    #[cfg_attr(feature = "service", schema(required = true))]
    pub clock_ms: Option<i64>,
    /// When time alone will next change something, ms UTC.
    #[cfg_attr(feature = "service", schema(required = true))]
    pub due_ms: Option<i64>,
    /// Tasks submitted so far.
    pub submitted: u64,
    /// Outcomes learnt from so far.
    pub rewards: u64,
    /// Tasks that are remembered, by state.
    pub tasks: Numbers,
    /// Agents that are remembered, by health.
    pub agents: Numbers,
    /// How it works; told of one pool, not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "service", schema(value_type = Object, required = false))]
    pub configuration: Option<PoolBody>,
}

impl PoolView {
    /// A pool in a list.
    pub fn row(pool: &Pool) -> Self {
        let tasks = pool.tasks_by_state().map(|(state, count)| (state.as_str(), count));
        let agents = pool.agents_by_health().map(|(health, count)| (health.as_str(), count));
        Self {
            pool: pool.name.clone(),
            tenant: pool.tenant.clone(),
            policy: pool.configuration.policy.kind,
            clock_ms: pool.clock_ms(),
            due_ms: pool.due_ms(),
            submitted: pool.submitted(),
            rewards: pool.rewards_taken,
            tasks: Numbers(tasks.collect()),
            agents: Numbers(agents.collect()),
            configuration: None,
        }
    }

    /// One pool, with how it works.
    pub fn whole(pool: &Pool) -> Self {
        Self { configuration: Some(pool.configuration.clone()), ..Self::row(pool) }
    }
}
