//! What each input of a pool causes: checked first, then told as events.

use alloc::format;

use zeitgeber_schemas::{
    AgentBody, AgentCommand, AgentHealthChanged, AgentProfile, AgentRegistered, AgentSeen,
    DeadLettered, Event, Health, PartitionId, PoolBody, QueueReason, Reason, Setback, TaskBody,
    TaskCancelled, TaskCompleted, TaskInput, TaskQueued, TaskResultBody, TaskStartBody,
    TaskStarted,
};

use super::{
    Command, Verdict,
    agent::{Agent, Used},
    assignment::Scene,
    draft::{Added, Draft, Place},
    feedback,
    pool::Pool,
    queue::order,
    task::{Attempt, Task, TaskState},
    validation::{self, refuse, stale_lease, unknown_agent},
};

type Decided = Result<Verdict, DeadLettered>;

/// Turns an input of a pool into events.
pub(super) fn decide(
    partition: PartitionId,
    pool: &Pool,
    draft: &mut Draft,
    command: &Command<'_>,
    out: &mut alloc::vec::Vec<Event>,
) -> Verdict {
    draft.begin();
    let now_ms = pool.clock_ms.max(command.at_ms());
    let mut scene = Scene { partition, pool, draft, command, now_ms, out };
    let decided = match command.body {
        TaskInput::Task(body) => scene.submit(body),
        TaskInput::TaskCancel(_) => scene.cancel(),
        TaskInput::TaskStart(body) => scene.start(body),
        TaskInput::TaskResult(body) => scene.result(body),
        TaskInput::Agent(body) => scene.agent(body),
        TaskInput::Pool(body) => scene.configure(body),
        TaskInput::Tick(_) => {
            scene.tick();
            Ok(Verdict::Stored)
        }
    };
    match decided {
        Ok(Verdict::Stored) if out.is_empty() => Verdict::Idle,
        Ok(verdict) => verdict,
        Err(refusal) => {
            out.clear();
            Verdict::Refused(refusal)
        }
    }
}

impl<'a> Scene<'a> {
    fn configure(&mut self, body: &PoolBody) -> Decided {
        validation::ids(&self.command.envelope, false)?;
        validation::configuration(body)?;
        if self.pool.clock_ms().is_some() && self.pool.configuration == *body {
            return Ok(Verdict::Repeated);
        }
        self.out.push(Event::PoolConfigured);
        Ok(Verdict::Stored)
    }

    fn submit(&mut self, body: &TaskBody) -> Decided {
        let (pool, envelope) = (self.pool, &self.command.envelope);
        validation::ids(envelope, true)?;
        if let Some(known) = pool.task(envelope.id) {
            if known.content == self.command.content {
                return Ok(Verdict::Repeated);
            }
            let detail = format!("task {:?} was submitted before with another content", known.id);
            return Err(refuse(Reason::Conflict, detail));
        }
        validation::task(pool, body, self.now_ms)?;
        let (task, reason) = (envelope.id.into(), QueueReason::Submitted);
        self.out.push(Event::TaskQueued(TaskQueued { task, reason }));
        // What no agent and no task has named yet, no agent can do.
        if let Some(mask) = pool.mask(&body.capabilities) {
            self.draft.added.push(Added {
                place: Place::New,
                order: order(body.priority, pool.tasks.submitted(), pool.by_priority()),
                mask,
                needs: body.needs.clone(),
                failures: 0,
            });
        }
        self.assign();
        Ok(Verdict::Stored)
    }

    fn cancel(&mut self) -> Decided {
        let (slot, task) = self.task()?;
        match task.state {
            TaskState::Cancelled => return Ok(Verdict::Repeated),
            state if state.is_final() => {
                let detail = format!("task {:?} is {} already", task.id, state.as_str());
                return Err(refuse(Reason::Conflict, detail));
            }
            _ => {}
        }
        let attempt = task.current();
        self.out.push(Event::TaskCancelled(TaskCancelled {
            task: task.id.clone(),
            agent: attempt.map(|attempt| attempt.agent.clone()),
            lease: attempt.map(|attempt| attempt.lease),
        }));
        self.free(slot);
        self.assign();
        Ok(Verdict::Stored)
    }

    fn start(&mut self, body: &TaskStartBody) -> Decided {
        let (_, task) = self.task()?;
        let attempt = self.in_force(task, &body.agent, body.lease)?;
        if task.state == TaskState::Started {
            return Ok(Verdict::Repeated);
        }
        self.revive(task);
        self.out.push(Event::TaskStarted(TaskStarted {
            task: task.id.clone(),
            agent: body.agent.clone(),
            lease: attempt.lease,
        }));
        self.assign();
        Ok(Verdict::Stored)
    }

    fn result(&mut self, body: &TaskResultBody) -> Decided {
        let (slot, task) = self.task()?;
        if is_told(task, body) {
            return Ok(Verdict::Repeated);
        }
        let attempt = self.in_force(task, &body.agent, body.lease)?;
        validation::result(body)?;
        self.revive(task);
        let since_ms = self.now_ms.saturating_sub(attempt.at_ms);
        let latency_ms = body.latency_ms.unwrap_or(since_ms);
        let share_ms = (latency_ms, self.pool.timeout_ms(&task.body));
        let earned = feedback::reward(&self.pool.configuration.reward, body, share_ms);
        if body.success {
            self.out.push(Event::TaskCompleted(TaskCompleted {
                task: task.id.clone(),
                agent: body.agent.clone(),
                lease: attempt.lease,
                attempt: attempt.attempt,
                latency_ms,
            }));
            self.out.extend(feedback::recorded(self.pool, task, attempt, earned));
            self.free(slot);
        } else {
            self.fail(slot, Setback::Error, earned);
        }
        self.assign();
        Ok(Verdict::Stored)
    }

    fn agent(&mut self, body: &AgentBody) -> Decided {
        validation::ids(&self.command.envelope, true)?;
        let id = self.command.envelope.id;
        let known = self.pool.agents.by_id(id);
        match (body.command, &body.profile, known) {
            (AgentCommand::Register, Some(profile), _) => return self.register(body, profile),
            (AgentCommand::Register, None, _) => {
                let detail = "a registration says what the agent is: `profile` is missing";
                return Err(refuse(Reason::MissingField, detail));
            }
            (AgentCommand::Leave, _, Some((_, agent))) if agent.health == Health::Left => {
                return Ok(Verdict::Repeated);
            }
            (_, _, None) => return Err(unknown_agent(id)),
            (_, _, Some((_, agent))) if agent.health == Health::Left => {
                let detail = format!("agent {id:?} left: let it register again");
                return Err(refuse(Reason::UnknownAgent, detail));
            }
            (AgentCommand::Heartbeat, _, Some((slot, agent))) => {
                return self.heartbeat(body, slot, agent);
            }
            (AgentCommand::Drain, _, Some((_, agent))) if agent.health == Health::Draining => {
                return Ok(Verdict::Repeated);
            }
            (AgentCommand::Drain, _, Some((slot, agent))) => {
                self.become_unfit(slot, agent, Health::Draining);
                for task in &agent.held {
                    let state = self.pool.tasks.get(*task).map(|task| task.state);
                    if state == Some(TaskState::Assigned) {
                        self.revoke(*task, Setback::AgentDraining);
                    }
                }
            }
            (AgentCommand::Leave, _, Some((slot, agent))) => {
                self.become_unfit(slot, agent, Health::Left);
                agent.held.iter().for_each(|task| self.revoke(*task, Setback::AgentLeft));
            }
        }
        self.assign();
        Ok(Verdict::Stored)
    }

    fn register(&mut self, body: &AgentBody, profile: &AgentProfile) -> Decided {
        let (pool, id) = (self.pool, self.command.envelope.id);
        validation::profile(pool, profile)?;
        let known = pool.agents.by_id(id);
        if let Some((slot, agent)) = known
            && agent.profile == *profile
            && agent.health == Health::Healthy
        {
            return self.heartbeat(body, slot, agent);
        }
        let is_full = pool.agents.slots.len() as u64 >= u64::from(pool.configuration.limits.agents);
        let (slot, replaces) = match known {
            Some((slot, _)) => (slot, None),
            None if !is_full => (pool.agents.slots.len() as u32, None),
            None => {
                let Some(left) = pool.agents.left_first() else {
                    let most = pool.configuration.limits.agents;
                    return Err(refuse(Reason::Full, format!("the pool has {most} agents")));
                };
                (left, Some(pool.agents.slots[left as usize].id.clone()))
            }
        };
        if known.is_none() {
            let arm = pool.learner.fresh(id, pool.registrations);
            self.draft.newcomer = Some((slot, arm));
        }
        self.out.push(Event::AgentRegistered(AgentRegistered { agent: id.into(), replaces }));
        let row = super::agent::Agent {
            mask: pool.known_mask(profile),
            held: known.map_or_else(Default::default, |(_, agent)| agent.held.clone()),
            used: known.map_or(Used::default(), |(_, agent)| agent.used),
            ..Agent::new(id, profile, self.now_ms, pool.registrations)
        }
        .row();
        self.draft.set_row(pool, slot, row);
        self.draft.freed.push(slot);
        self.assign();
        Ok(Verdict::Stored)
    }

    fn heartbeat(&mut self, body: &AgentBody, slot: u32, agent: &Agent) -> Decided {
        let silent_ms = self.now_ms.saturating_sub(agent.seen_ms);
        for lease in body.leases.iter().flatten() {
            let holds = |task: &u32| self.lease_of(*task) == Some(*lease);
            if !agent.held.iter().any(holds) {
                let detail = format!(
                    "lease {lease} of agent {:?} is not in force: it stops that work and beats \
                     without it",
                    agent.id
                );
                return Err(refuse(Reason::StaleLease, detail));
            }
        }
        match agent.health {
            Health::Late | Health::Lost => self.recover(slot, agent),
            _ if silent_ms >= self.pool.configuration.heartbeat_ttl_ms / 4 => {
                let (agent, load) = (agent.id.clone(), body.load);
                self.out.push(Event::AgentSeen(AgentSeen { agent, load }));
            }
            _ => {}
        }
        if let Some(leases) = &body.leases {
            for task in &agent.held {
                let is_started = |task: &Task| task.state == TaskState::Started;
                let named = self.lease_of(*task).is_some_and(|lease| leases.contains(&lease));
                if !named && self.pool.tasks.get(*task).is_some_and(is_started) {
                    self.fail(*task, Setback::Forgotten, 0);
                }
            }
        }
        self.assign();
        Ok(Verdict::Stored)
    }

    /// An agent that was not heard of is heard of again.
    fn recover(&mut self, slot: u32, agent: &Agent) {
        let to = if agent.drains { Health::Draining } else { Health::Healthy };
        let changed = AgentHealthChanged { agent: agent.id.clone(), from: agent.health, to };
        self.out.push(Event::AgentHealthChanged(changed));
        if let Some(mut row) = self.draft.row(self.pool, slot) {
            row.open = to == Health::Healthy;
            self.draft.set_row(self.pool, slot, row);
        }
        self.draft.freed.push(slot);
    }

    /// The agent of a task shows that it is alive.
    fn revive(&mut self, task: &Task) {
        let agents = &self.pool.agents.slots;
        let Some((slot, agent)) = task.holder.map(|slot| (slot, &agents[slot as usize])) else {
            return;
        };
        if agent.health == Health::Late {
            self.recover(slot, agent);
        }
    }

    /// The task that the input is about.
    fn task(&self) -> Result<(u32, &'a Task), DeadLettered> {
        let envelope = &self.command.envelope;
        validation::ids(envelope, true)?;
        self.pool.tasks.by_id(envelope.id).ok_or_else(|| {
            let detail = format!("task {:?} is not known (any more)", envelope.id);
            refuse(Reason::UnknownTask, detail)
        })
    }

    /// The attempt that an agent speaks of, if its lease is in force.
    fn in_force(
        &self,
        task: &'a Task,
        agent: &str,
        lease: u64,
    ) -> Result<&'a Attempt, DeadLettered> {
        if self.pool.agents.slot(agent).is_none() {
            return Err(unknown_agent(agent));
        }
        let current = task.current().filter(|at| at.lease == lease && at.agent == agent);
        current.ok_or_else(|| stale_lease(task, agent, lease))
    }

    fn lease_of(&self, slot: u32) -> Option<u64> {
        self.pool.tasks.get(slot)?.current().map(|attempt| attempt.lease)
    }
}

/// Whether this result was taken before.
fn is_told(task: &Task, body: &TaskResultBody) -> bool {
    let told = |attempt: &Attempt| {
        let failed = attempt.setback == Some(Setback::Error);
        let done = attempt.setback.is_none() && task.state == TaskState::Completed;
        attempt.lease == body.lease
            && attempt.agent == body.agent
            && attempt.ended_ms.is_some()
            && if body.success { done } else { failed }
    };
    task.attempts.iter().any(told)
}
