//! The fold of a pool: one event into its agents, tasks and learner.

use alloc::{boxed::Box, collections::VecDeque};

use zeitgeber_schemas::{
    AgentBody, Event, Health, PoolBody, Priority, QueueReason, Setback, TaskAssigned, TaskBody,
    TaskFailed, TaskInput,
};

use super::{
    Command,
    agent::Agent,
    pool::{Pool, dimension},
    task::{ATTEMPTS_KEPT, Attempt, Outcome, Task, TaskState},
};
use crate::routing::{
    forgetting::ALL_TIME,
    learner::{ArmStatus, Learner, Observation},
    sums::Change,
};

pub(super) fn apply(pool: &mut Pool, command: &Command<'_>, event: &Event) {
    pool.clock_ms = pool.clock_ms.max(command.at_ms());
    match event {
        Event::PoolConfigured => {
            if let TaskInput::Pool(body) = command.body {
                pool.configure(body);
            }
        }
        Event::AgentRegistered(event) => {
            if let TaskInput::Agent(body) = command.body {
                pool.register(&event.agent, body, event.replaces.as_deref());
            }
        }
        Event::AgentSeen(event) => pool.heard_of(&event.agent, event.load),
        Event::AgentHealthChanged(event) => pool.change_health(&event.agent, event.to),
        Event::TaskQueued(event) => match (event.reason, command.body) {
            (QueueReason::Submitted, TaskInput::Task(body)) => {
                pool.submit(&event.task, body, command.content);
            }
            _ => pool.enter(&event.task, TaskState::Queued, |_| {}),
        },
        Event::TaskEscalated(event) => {
            let now_ms = pool.clock_ms;
            pool.enter_quietly(&event.task, |task| {
                (task.priority, task.queued_ms) = (event.priority, now_ms);
            });
        }
        Event::TaskAssigned(event) => pool.assign(event),
        Event::TaskStarted(event) => {
            let now_ms = pool.clock_ms;
            pool.heard_of(&event.agent, None);
            pool.enter(&event.task, TaskState::Started, |task| {
                if let Some(attempt) = task.attempts.back_mut() {
                    attempt.started_ms = Some(now_ms);
                }
            });
        }
        Event::TaskCompleted(event) => {
            pool.tell(&event.task, command);
            pool.heard_of(&event.agent, None);
            pool.end(&event.task, TaskState::Completed, None, |_| {});
        }
        Event::TaskFailed(event) => pool.fail(event, command),
        Event::TaskReleased(event) => {
            pool.end(&event.task, TaskState::Queued, Some(event.reason), |_| {});
        }
        Event::TaskCancelled(event) => {
            pool.end(&event.task, TaskState::Cancelled, None, |_| {});
        }
        Event::TaskExpired(event) => pool.end(&event.task, TaskState::Expired, None, |_| {}),
        Event::DecisionMade(_) => pool.decisions += 1,
        Event::FeedbackRecorded(event) => {
            if let Some(slot) = pool.agents.slot(&event.arm) {
                let observation = Observation {
                    arm: &event.arm,
                    incarnation: event.incarnation,
                    at_ms: ALL_TIME,
                    x: &event.features,
                    change: Change::Learn(event.reward),
                };
                pool.learner.absorb_at(slot as usize, &observation);
                pool.rewards_taken += 1;
            }
        }
        _ => {}
    }
}

impl Pool {
    fn configure(&mut self, body: &PoolBody) {
        self.configuration = body.clone();
        let dimension = dimension(body);
        if self.learner.dimension() == dimension {
            return self.learner.set_lambda(body.policy.lambda);
        }
        self.learner = Learner::new(dimension, body.policy.lambda);
        for (at, agent) in self.agents.slots.iter().enumerate() {
            self.learner.put(at, &agent.id, agent.incarnation);
        }
    }

    fn register(&mut self, id: &str, body: &AgentBody, replaces: Option<&str>) {
        let Some(profile) = &body.profile else { return };
        let (now_ms, mask) = (self.clock_ms, self.intern(&profile.capabilities));
        let known = self.agents.slot(id);
        let slot = match (known, replaces.and_then(|left| self.agents.slot(left))) {
            (Some(slot), _) => slot,
            (None, left) => {
                let agent = Agent::new(id, profile, now_ms, self.registrations);
                let slot = match left {
                    Some(slot) => {
                        self.agents.replace(slot, agent);
                        slot
                    }
                    None => self.agents.push(agent),
                };
                self.learner.put(slot as usize, id, self.registrations);
                self.registrations += 1;
                slot
            }
        };
        self.agents.change(slot, |agent| {
            agent.profile = profile.clone();
            (agent.mask, agent.drains) = (mask, false);
            agent.seen_ms = agent.seen_ms.max(now_ms);
            agent.load = body.load.or(agent.load);
            agent.change_health(Health::Healthy, now_ms);
        });
        self.learner.set_status(slot as usize, ArmStatus::Active);
    }

    fn heard_of(&mut self, id: &str, load: Option<f64>) {
        let now_ms = self.clock_ms;
        // The time of a sign of life is no part of the agent's row.
        if let Some(slot) = self.agents.slot(id) {
            let agent = &mut self.agents.slots[slot as usize];
            agent.seen_ms = agent.seen_ms.max(now_ms);
            agent.load = load.or(agent.load);
        }
    }

    fn change_health(&mut self, id: &str, to: Health) {
        let now_ms = self.clock_ms;
        let Some(slot) = self.agents.slot(id) else { return };
        self.agents.change(slot, |agent| {
            agent.drains = to == Health::Draining || agent.drains && to != Health::Healthy;
            if matches!(to, Health::Healthy | Health::Draining) {
                agent.seen_ms = agent.seen_ms.max(now_ms);
            }
            agent.change_health(to, now_ms);
        });
        let status = if to == Health::Left { ArmStatus::Suspended } else { ArmStatus::Active };
        self.learner.set_status(slot as usize, status);
    }

    fn submit(&mut self, id: &str, body: &TaskBody, content: u64) {
        let now_ms = self.clock_ms;
        let lives_until_ms = now_ms.saturating_add(self.configuration.time_to_live_ms);
        let mut task = Task {
            id: id.into(),
            priority: body.priority,
            state: TaskState::Queued,
            submitted_ms: now_ms,
            deadline_ms: body.deadline_ms.unwrap_or(lives_until_ms),
            assignments: 0,
            failures: 0,
            attempts: VecDeque::new(),
            transitions: VecDeque::new(),
            outcome: None,
            number: self.tasks.submitted(),
            content,
            mask: self.intern(&body.capabilities),
            holder: None,
            queued_ms: now_ms,
            retry_at_ms: i64::MAX,
            due_ms: i64::MAX,
            body: Box::new(body.clone()),
        };
        task.enter(TaskState::Queued, now_ms);
        task.due_ms = due_ms(&task, self.configuration.escalate_after_ms);
        let (mask, priority, number) = (task.mask, task.priority, task.number);
        let slot = self.tasks.insert(task);
        self.queue.insert(mask, &body.needs, priority, (number, slot));
    }

    fn assign(&mut self, event: &TaskAssigned) {
        let now_ms = self.clock_ms;
        let Some(holder) = self.agents.slot(&event.agent) else { return };
        let Some(slot) = self.tasks.slot(&event.task) else { return };
        (self.lease, self.cursor) = (event.lease, holder);
        let mut needs = None;
        self.enter(&event.task, TaskState::Assigned, |task| {
            needs = Some(task.needs());
            (task.holder, task.assignments) = (Some(holder), event.attempt);
            if task.attempts.len() == ATTEMPTS_KEPT {
                task.attempts.pop_front();
            }
            task.attempts.push_back(Attempt {
                attempt: event.attempt,
                agent: event.agent.clone(),
                lease: event.lease,
                at_ms: now_ms,
                lease_until_ms: event.lease_until_ms,
                started_ms: None,
                ended_ms: None,
                setback: None,
                propensity: event.propensity,
                decision_id: event.decision_id,
            });
        });
        self.agents.change(holder, |agent| {
            agent.held.push(slot);
            if let Some(needs) = &needs {
                agent.used.add(needs);
            }
        });
    }

    fn fail(&mut self, event: &TaskFailed, command: &Command<'_>) {
        if event.reason == Setback::Error {
            self.tell(&event.task, command);
            self.heard_of(&event.agent, None);
        }
        let state = match event.retry_at_ms {
            None => TaskState::Failed,
            Some(at_ms) if at_ms <= self.clock_ms => TaskState::Queued,
            Some(_) => TaskState::Waiting,
        };
        self.end(&event.task, state, Some(event.reason), |task| {
            task.failures += 1;
            task.retry_at_ms = event.retry_at_ms.unwrap_or(i64::MAX);
        });
    }

    /// Keeps what an agent told of a task.
    fn tell(&mut self, id: &str, command: &Command<'_>) {
        let TaskInput::TaskResult(body) = command.body else { return };
        self.enter_quietly(id, |task| {
            task.outcome = Some(Box::new(Outcome {
                success: body.success,
                error: body.error.clone(),
                latency_ms: body.latency_ms,
                cost: body.cost,
                quality: body.quality,
                output: body.output.clone(),
            }));
        });
    }

    /// Ends the attempt in force, if there is one, and moves the task on.
    fn end(
        &mut self,
        id: &str,
        state: TaskState,
        setback: Option<Setback>,
        change: impl FnOnce(&mut Task),
    ) {
        let now_ms = self.clock_ms;
        let Some((slot, task)) = self.tasks.by_id(id) else { return };
        if let Some(holder) = task.holder {
            let needs = task.needs();
            let counts = setback.is_some() && setback != Some(Setback::AgentDraining);
            self.agents.change(holder, |agent| {
                agent.held.retain(|held| *held != slot);
                agent.used.sub(&needs);
                agent.completed += u64::from(state == TaskState::Completed);
                agent.failed += u64::from(counts);
            });
        }
        self.enter(id, state, |task| {
            if task.holder.take().is_some()
                && let Some(attempt) = task.attempts.back_mut()
            {
                (attempt.ended_ms, attempt.setback) = (Some(now_ms), setback);
            }
            change(task);
        });
    }

    /// Moves a task to a state, in and out of the queue as need be.
    fn enter(&mut self, id: &str, state: TaskState, change: impl FnOnce(&mut Task)) {
        let now_ms = self.clock_ms;
        self.enter_quietly(id, |task| {
            task.enter(state, now_ms);
            if state == TaskState::Queued {
                task.queued_ms = now_ms;
            }
            change(task);
        });
    }

    /// Changes a task, and keeps queue and due times with it.
    fn enter_quietly(&mut self, id: &str, change: impl FnOnce(&mut Task)) {
        let escalate_after_ms = self.configuration.escalate_after_ms;
        let retained = self.configuration.limits.retained;
        let Some((slot, task)) = self.tasks.by_id(id) else { return };
        let (mask, needs, number) = (task.mask, task.needs(), task.number);
        let before = (task.state == TaskState::Queued).then_some(task.priority);
        let mut after = None;
        self.tasks.change(slot, retained, |task| {
            change(task);
            task.due_ms = due_ms(task, escalate_after_ms);
            after = (task.state == TaskState::Queued).then_some(task.priority);
        });
        if before != after {
            if let Some(priority) = before {
                self.queue.remove(mask, &needs, priority, number);
            }
            if let Some(priority) = after {
                self.queue.insert(mask, &needs, priority, (number, slot));
            }
        }
    }
}

/// When a tick next concerns a task, ms UTC; never: `i64::MAX`.
fn due_ms(task: &Task, escalate_after_ms: Option<i64>) -> i64 {
    let own_ms = match task.state {
        TaskState::Queued => escalate_after_ms
            .filter(|_| task.priority != Priority::Critical)
            .map_or(i64::MAX, |after_ms| task.queued_ms.saturating_add(after_ms)),
        TaskState::Waiting => task.retry_at_ms,
        TaskState::Assigned | TaskState::Started => {
            task.current().map_or(i64::MAX, |attempt| attempt.lease_until_ms)
        }
        _ => return i64::MAX,
    };
    own_ms.min(task.deadline_ms)
}
