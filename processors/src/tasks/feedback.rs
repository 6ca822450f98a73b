//! Feedback of tasks: what an attempt earned, and the event from which the learner takes it.

use alloc::format;

use zeitgeber_schemas::{Event, FeedbackRecorded, FeedbackStatus, RewardWeights, TaskResultBody};

use super::{
    pool::{Pool, dimension},
    task::{Attempt, Task, features},
};
use crate::exact;

/// What a result earns, on the grid 2^-12.
pub(super) fn reward(weights: &RewardWeights, body: &TaskResultBody, share_ms: (i64, i64)) -> i32 {
    let cost = weights.cost * body.cost.unwrap_or(0.0);
    if !body.success {
        return exact::feature(-cost);
    }
    let (latency_ms, timeout_ms) = share_ms;
    let left = 1.0 - (latency_ms as f64 / timeout_ms.max(1) as f64).clamp(0.0, 1.0);
    let quality = weights.quality * body.quality.unwrap_or(1.0);
    exact::feature(weights.success + quality + weights.latency * left - cost)
}

/// The reward of an attempt joined to the decision behind it; none where no decision was.
pub(super) fn recorded(pool: &Pool, task: &Task, attempt: &Attempt, reward: i32) -> Option<Event> {
    let decision_id = attempt.decision_id?;
    let agent = &pool.agents.slots.get(task.holder? as usize)?;
    Some(Event::FeedbackRecorded(FeedbackRecorded {
        decision_id,
        feedback_id: format!("{}#{}", task.id, attempt.attempt),
        status: FeedbackStatus::Applied,
        arm: attempt.agent.clone(),
        incarnation: agent.incarnation,
        features: features(&task.body, dimension(&pool.configuration)),
        reward,
        replaces: None,
        decided_ms: Some(attempt.at_ms),
        corrects: None,
        given_ms: None,
        shows: false,
    }))
}
