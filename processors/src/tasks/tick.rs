//! A tick: what is due by an instant happens.

use alloc::vec::Vec;

use zeitgeber_schemas::{
    AgentHealthChanged, Event, Health, Priority, Setback, TaskEscalated, TaskExpired,
};

use super::{
    agent::{Agent, late_after_ms},
    assignment::Scene,
    feedback,
    task::{Task, TaskState},
};

/// Events of one tick after which nothing more is begun: what is left stays due, and the next tick
/// of the same instant goes on. An agent's tasks are taken back together.
pub const TICK_EVENTS: usize = 128;

impl Scene<'_> {
    /// Decides all that is due, as far as one tick goes.
    pub(super) fn tick(&mut self) {
        let pool = self.pool;
        for (agent, slot) in pool.agents.slots.iter().zip(0..) {
            if self.out.len() >= TICK_EVENTS {
                break;
            }
            self.look_after(agent, slot);
        }
        let due: Vec<u32> = pool.tasks.due(self.now_ms).take(TICK_EVENTS).collect();
        for slot in due {
            if self.out.len() >= TICK_EVENTS {
                break;
            }
            if let Some(task) = pool.tasks.get(slot).filter(|_| !self.draft.is_touched(slot)) {
                self.due(slot, task);
            }
        }
        self.assign();
    }

    /// Notes that an agent was not heard of for long.
    fn look_after(&mut self, agent: &Agent, slot: u32) {
        let ttl_ms = self.pool.configuration.heartbeat_ttl_ms;
        if agent.due_ms(ttl_ms).is_none_or(|due_ms| due_ms > self.now_ms) {
            return;
        }
        let silent_ms = self.now_ms.saturating_sub(agent.seen_ms);
        if silent_ms >= ttl_ms {
            self.become_unfit(slot, agent, Health::Lost);
            for task in &agent.held {
                self.revoke(*task, Setback::AgentLost);
            }
        } else if silent_ms >= late_after_ms(ttl_ms) {
            self.become_unfit(slot, agent, Health::Late);
        }
    }

    /// Changes the health of an agent, which gets no task from here on.
    pub(super) fn become_unfit(&mut self, slot: u32, agent: &Agent, to: Health) {
        let changed = AgentHealthChanged { agent: agent.id.clone(), from: agent.health, to };
        self.out.push(Event::AgentHealthChanged(changed));
        if let Some(mut row) = self.draft.row(self.pool, slot) {
            row.open = false;
            self.draft.set_row(self.pool, slot, row);
        }
    }

    fn due(&mut self, slot: u32, task: &Task) {
        if task.deadline_ms <= self.now_ms {
            return self.expire(slot, task);
        }
        match task.state {
            TaskState::Assigned | TaskState::Started => self.fail(slot, Setback::Timeout, 0),
            TaskState::Waiting => self.requeue(slot),
            TaskState::Queued => {
                if let Some(priority) = above(task.priority) {
                    let task = task.id.clone();
                    self.out.push(Event::TaskEscalated(TaskEscalated { task, priority }));
                }
            }
            _ => {}
        }
    }

    fn expire(&mut self, slot: u32, task: &Task) {
        let attempt = task.current();
        self.out.push(Event::TaskExpired(TaskExpired {
            task: task.id.clone(),
            agent: attempt.map(|attempt| attempt.agent.clone()),
            lease: attempt.map(|attempt| attempt.lease),
        }));
        self.out.extend(attempt.and_then(|at| feedback::recorded(self.pool, task, at, 0)));
        self.free(slot);
    }
}

/// The next higher priority.
pub(super) const fn above(priority: Priority) -> Option<Priority> {
    match priority {
        Priority::Low => Some(Priority::Normal),
        Priority::Normal => Some(Priority::High),
        Priority::High => Some(Priority::Critical),
        Priority::Critical => None,
    }
}
