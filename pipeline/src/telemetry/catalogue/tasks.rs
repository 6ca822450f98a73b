//! Pools of agents and their tasks.

use zeitgeber_schemas::{Health, Priority};

use super::{
    Kind::{Counter, Gauge, Histogram},
    Label, bounded, metrics, of,
};
use crate::{cycle::tally, measure};

const POOL: Label = bounded("pool", "pools; at most 32, the rest is `other`");

/// States of a slot.
pub const SLOTS: [&str; 2] = ["busy", "free"];

metrics! { TASK_METRICS:
    TASKS = Gauge, "zeitgeber_tasks_count",
        [POOL, of("state", || vec!["queued", "waiting", "assigned", "started", "completed",
            "failed", "cancelled", "expired"])],
        "Tasks that a pool remembers, by state", by "sampler, from the states";
    TASK_EVENTS = Counter, "zeitgeber_task_events_total",
        [POOL, of("event", || tally::pool_events().map(|(_, event)| event).collect())],
        "Events of a pool's tasks and agents", by "cycle, per chunk";
    TASK_WAIT = Histogram(measure::WORK_S), "zeitgeber_task_wait_seconds",
        [of("priority", || Priority::ALL.iter().map(|priority| priority.as_str()).collect())],
        "Time that a task was queued before it was assigned", by "cycle, per chunk";
    TASK_RUN = Histogram(measure::WORK_S), "zeitgeber_task_run_seconds", [POOL],
        "Time from the assignment of a task until it was done", by "cycle, per chunk";
    AGENTS = Gauge, "zeitgeber_agents_count",
        [POOL, of("health", || Health::ALL.iter().map(|health| health.as_str()).collect())],
        "Agents that a pool remembers, by health", by "sampler, from the states";
    AGENT_SLOTS = Gauge, "zeitgeber_agent_slots_count", [POOL, of("state", || SLOTS.to_vec())],
        "Tasks that agents have, and those that healthy ones could take besides",
        by "sampler, from the states";
    TASK_REWARD = Gauge, "zeitgeber_task_reward_points", [POOL],
        "Mean of all rewards that a pool learnt", by "sampler, from the states";
}
