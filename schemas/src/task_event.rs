//! Events of tasks, from the queue to the end.

use alloc::string::String;

use crate::{
    AssignmentPolicy, DecisionId, Priority,
    wire::{record, symbols},
};

symbols! {
    /// Why a task is in the queue.
    QueueReason {
        /// It is new.
        Submitted = "submitted",
        /// The wait after a failure is over.
        Retry = "retry",
    }
}

symbols! {
    /// Why an agent does not go on with a task.
    Setback {
        /// The agent said that it failed.
        Error = "error",
        /// The lease ran out.
        Timeout = "timeout",
        /// The agent was not heard of.
        AgentLost = "agent_lost",
        /// The agent left.
        AgentLeft = "agent_left",
        /// The agent drains and had not started it.
        AgentDraining = "agent_draining",
        /// The agent does not name its lease any more.
        Forgotten = "forgotten",
    }
}

record! {
    /// A task waits for an agent.
    TaskQueued {
        /// The task.
        task: String,
        /// Why it is in the queue.
        reason: QueueReason,
    }
}

record! {
    /// A task waited for long and rose in priority.
    TaskEscalated {
        /// The task.
        task: String,
        /// The priority from here on.
        priority: Priority,
    }
}

record! {
    /// A task was given to an agent.
    TaskAssigned {
        /// The task.
        task: String,
        /// The agent.
        agent: String,
        /// The lease: a number that grows with every assignment of the pool.
        lease: u64,
        /// Which assignment of the task it is, from 1.
        attempt: u32,
        /// When the lease runs out, ms UTC.
        lease_until_ms: i64,
        /// The policy that chose the agent.
        policy: AssignmentPolicy,
        /// Probability with which the agent was chosen.
        propensity: f64,
        /// The decision behind it where the policy learns.
        decision_id: Option<DecisionId>,
    }
}

record! {
    /// The agent began to work on a task.
    TaskStarted {
        /// The task.
        task: String,
        /// The agent.
        agent: String,
        /// The lease.
        lease: u64,
    }
}

record! {
    /// A task was done; its input holds the outcome.
    TaskCompleted {
        /// The task.
        task: String,
        /// The agent.
        agent: String,
        /// The lease.
        lease: u64,
        /// Which assignment of the task it was, from 1.
        attempt: u32,
        /// How long it took, ms.
        latency_ms: i64,
    }
}

record! {
    /// An attempt failed.
    TaskFailed {
        /// The task.
        task: String,
        /// The agent.
        agent: String,
        /// The lease.
        lease: u64,
        /// Which assignment of the task it was, from 1.
        attempt: u32,
        /// Why.
        reason: Setback,
        /// When it is queued again, ms UTC; none: it is given up.
        retry_at_ms: Option<i64>,
    }
}

record! {
    /// A task that was not started was taken back and waits again; it counts as no failure.
    TaskReleased {
        /// The task.
        task: String,
        /// The agent.
        agent: String,
        /// The lease.
        lease: u64,
        /// Why.
        reason: Setback,
    }
}

record! {
    /// A task was called off.
    TaskCancelled {
        /// The task.
        task: String,
        /// The agent that had it.
        agent: Option<String>,
        /// The lease that ends.
        lease: Option<u64>,
    }
}

record! {
    /// A task was not finished by its deadline.
    TaskExpired {
        /// The task.
        task: String,
        /// The agent that had it.
        agent: Option<String>,
        /// The lease that ends.
        lease: Option<u64>,
    }
}

record! {
    /// A task was given up after its last try.
    TaskDeadLettered {
        /// The task.
        task: String,
        /// Failed attempts.
        failures: u32,
        /// Why the last one failed.
        reason: Setback,
    }
}
