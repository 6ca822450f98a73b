//! What happens to a task when its agent does not go on with it.

use alloc::format;

use zeitgeber_schemas::{
    Event, RetryPolicy, Setback, TaskDeadLettered, TaskFailed, TaskQueued, TaskReleased,
};

use super::{
    assignment::Scene,
    draft::{Added, Place},
    feedback,
    queue::order,
    task::{Attempt, Task, TaskState},
};
use crate::routing::rng::Draw;

/// Doublings after which a backoff grows no more.
const DOUBLINGS_MAX: u32 = 40;

impl<'a> Scene<'a> {
    /// Ends the attempt of a task as failed: it is tried again, or given up after its last try.
    /// `earned` is the reward of the attempt.
    pub(super) fn fail(&mut self, slot: u32, setback: Setback, earned: i32) {
        let pool = self.pool;
        let Some((task, attempt)) = self.attempt(slot) else { return };
        let failures = task.failures + 1;
        let retry = task.retry(&pool.configuration.retry);
        let wait_ms = match setback {
            Setback::Error | Setback::Timeout => backoff(retry, task, failures, self.seed()),
            _ => 0,
        };
        let is_last = failures >= retry.max_attempts;
        let retry_at_ms = (!is_last).then(|| self.now_ms.saturating_add(wait_ms));
        self.out.push(Event::TaskFailed(TaskFailed {
            task: task.id.clone(),
            agent: attempt.agent.clone(),
            lease: attempt.lease,
            attempt: attempt.attempt,
            reason: setback,
            retry_at_ms,
        }));
        self.out.extend(feedback::recorded(pool, task, attempt, earned));
        if is_last {
            let task = task.id.clone();
            let dead = TaskDeadLettered { task, failures, reason: setback };
            self.out.push(Event::TaskDeadLettered(dead));
        }
        self.free(slot);
        if !is_last && wait_ms == 0 {
            self.wait(slot, failures);
        }
    }

    /// Takes a task back from an agent that is gone: started ones failed, others just wait again.
    pub(super) fn revoke(&mut self, slot: u32, setback: Setback) {
        let Some((task, attempt)) = self.attempt(slot) else { return };
        if task.state == TaskState::Started {
            return self.fail(slot, setback, 0);
        }
        self.out.push(Event::TaskReleased(TaskReleased {
            task: task.id.clone(),
            agent: attempt.agent.clone(),
            lease: attempt.lease,
            reason: setback,
        }));
        let failures = task.failures;
        self.free(slot);
        self.wait(slot, failures);
    }

    /// Puts a task whose wait is over back into the queue.
    pub(super) fn requeue(&mut self, slot: u32) {
        let Some(task) = self.pool.tasks.get(slot) else { return };
        let reason = zeitgeber_schemas::QueueReason::Retry;
        self.out.push(Event::TaskQueued(TaskQueued { task: task.id.clone(), reason }));
        self.draft.touch(slot);
        self.wait(slot, task.failures);
    }

    /// Notes in the draft that the agent of a task has it no more.
    pub(super) fn free(&mut self, slot: u32) {
        self.draft.touch(slot);
        let Some(task) = self.pool.tasks.get(slot) else { return };
        let Some(holder) = task.holder else { return };
        if let Some(mut row) = self.draft.row(self.pool, holder) {
            row.held = row.held.saturating_sub(1);
            row.used.sub(&task.body.needs);
            self.draft.set_row(self.pool, holder, row);
        }
        if !self.draft.freed.contains(&holder) {
            self.draft.freed.push(holder);
        }
    }

    /// Notes in the draft that a task waits for an agent.
    fn wait(&mut self, slot: u32, failures: u32) {
        let Some(task) = self.pool.tasks.get(slot) else { return };
        self.draft.added.push(Added {
            place: Place::Slot(slot),
            order: order(task.priority, task.number, self.pool.by_priority()),
            mask: task.mask,
            needs: task.needs(),
            failures,
        });
    }

    /// A task that an agent has and that this input has not moved yet, with the attempt in force.
    fn attempt(&self, slot: u32) -> Option<(&'a Task, &'a Attempt)> {
        let task = self.pool.tasks.get(slot).filter(|_| !self.draft.is_touched(slot))?;
        Some((task, task.current()?))
    }

    const fn seed(&self) -> i64 {
        self.pool.configuration.policy.seed
    }
}

/// The wait before the next try, ms: doubled with every failure, less a random share.
fn backoff(retry: &RetryPolicy, task: &Task, failures: u32, seed: i64) -> i64 {
    let doublings = (failures - 1).min(DOUBLINGS_MAX);
    let whole = i128::from(retry.backoff_ms) << doublings;
    let whole = whole.min(i128::from(retry.backoff_max_ms)) as i64;
    let coin = Draw::new(seed, format!("{}\0retry\0{failures}", task.id).as_bytes()).coin;
    let random = libm::floor(whole as f64 * retry.jitter.clamp(0.0, 1.0) * coin) as i64;
    (whole - random).max(0)
}
