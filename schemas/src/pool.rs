//! Pools of agents: how tasks find agents, and the bounds.

use alloc::string::String;

use crate::wire::{record, symbols};

symbols! {
    /// How a task finds its agent.
    AssignmentPolicy {
        /// Tasks in the order of submission whatever their priority; the least loaded agent.
        Fifo = "fifo",
        /// Tasks by priority, then by submission, as with every policy below; the least loaded
        /// agent.
        Priority = "priority",
        /// The agents in turn.
        RoundRobin = "round_robin",
        /// The agent with the least share of its capacity in use.
        LeastLoaded = "least_loaded",
        /// A draw in proportion to the agents' weights.
        Weighted = "weighted",
        /// The agent whose free cpu, memory and gpu are left smallest by it.
        ResourceFit = "resource_fit",
        /// An advanced agent where the complexity reaches the threshold, else a basic one; the
        /// other tier where none is free.
        Threshold = "threshold",
        /// The agent of greatest upper confidence bound, mixed with epsilon.
        Linucb = "linucb",
    }
}

record! {
    /// A policy and its parameters.
    PoolPolicy {
        /// How a task finds its agent.
        kind: AssignmentPolicy,
        /// Complexity from which on a task goes to an advanced agent.
        threshold: f64,
        /// Width of the confidence bound.
        alpha: f64,
        /// Ridge prior, in units of squared feature values.
        lambda: f64,
        /// Share of decisions spread evenly over the eligible agents, 0 to 1.
        epsilon: f64,
        /// Context features that are used, 0 to 16; a constant comes on top.
        features: u32,
        /// Seed of the counter RNG.
        seed: i64,
    }
}

record! {
    /// When a failed task is tried again: after backoff * 2^(failures - 1), at most the greatest
    /// backoff, less a random share of it.
    RetryPolicy {
        /// Failed attempts after which the task is given up, from 1.
        max_attempts: u32,
        /// Wait after the first failure, ms.
        backoff_ms: i64,
        /// Longest wait, ms.
        backoff_max_ms: i64,
        /// Share of the wait that is random, 0 to 1.
        jitter: f64,
    }
}

record! {
    /// Bounds of a pool.
    PoolLimits {
        /// Most tasks that are not finished.
        queue: u32,
        /// Most agents, those that left included until others take their place.
        agents: u32,
        /// Finished tasks that are remembered; of more the first finished is forgotten.
        retained: u32,
    }
}

record! {
    /// What a finished attempt earns: success * success + quality * quality + latency * (1 -
    /// latency / timeout) - cost * cost; a failed one earns its cost alone.
    RewardWeights {
        /// Weight of success.
        success: f64,
        /// Weight of the quality, 0 to 1; 1 where none is told.
        quality: f64,
        /// Weight of the time left of the timeout, as a share.
        latency: f64,
        /// Weight of the cost.
        cost: f64,
    }
}

record! {
    /// How a pool of agents works from this input on.
    PoolBody {
        /// Name of this version, for people.
        version: String,
        /// How a task finds its agent.
        policy: PoolPolicy,
        /// An agent not heard of for this long is lost, ms.
        heartbeat_ttl_ms: i64,
        /// A task queued for this long rises one priority, ms; none: never.
        escalate_after_ms: Option<i64>,
        /// How long an attempt may take where the task does not say, ms.
        timeout_ms: i64,
        /// How long after its submission a task without a deadline expires, ms.
        time_to_live_ms: i64,
        /// When a failed task is tried again where it does not say.
        retry: RetryPolicy,
        /// Bounds.
        limits: PoolLimits,
        /// What outcomes earn.
        reward: RewardWeights,
    }
}

record! {
    /// The time, for a pool: what is due by then happens.
    TickBody {
        /// The instant, ms UTC.
        at_ms: i64,
    }
}

record! {
    /// A pool was met for the first time in this partition and got the next pool number.
    PoolOpened {
        /// The pool within the tenant.
        pool: String,
    }
}
