//! A pool under test: inputs go through deciding and folding as in a partition.

use zeitgeber_processors::{
    flow::{Body, Desk, Input, Outcome, State},
    tasks::{Pool, Task, TaskState, default_configuration},
};
use zeitgeber_schemas::{
    AgentBody, AgentCommand, AgentProfile, AssignmentPolicy, Envelope, Event, PartitionId,
    PoolBody, Priority, Reason, Resources, TaskBody, TaskCancelBody, TaskInput, TaskResultBody,
    TaskStartBody, TickBody, Tier,
};

/// One input as a log keeps it: id, arrival, body, and what it caused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) at_ms: i64,
    pub(crate) body: TaskInput,
    pub(crate) events: Vec<Event>,
    pub(crate) subject: u64,
}

/// A partition with one pool, `p`.
pub(crate) struct World {
    pub(crate) state: State,
    desk: Desk,
    pub(crate) log: Vec<Stored>,
    pub(crate) now_ms: i64,
}

pub(crate) fn envelope(id: &str, at_ms: i64) -> Envelope<'_> {
    Envelope { tenant: "default", user_id: "p", id, ts: at_ms, recv_ts: Some(at_ms) }
}

/// Stands for the fingerprint that the shell makes of the bytes.
pub(crate) fn content(body: &TaskInput) -> u64 {
    let mut bytes = Vec::new();
    body.put_payload(&mut bytes);
    zeitgeber_processors::flow::content_fingerprint(0, &bytes)
}

pub(crate) fn hash(id: &str, body: &TaskInput) -> [u8; 16] {
    let mut bytes = id.as_bytes().to_vec();
    body.put_payload(&mut bytes);
    u128::from(zeitgeber_processors::flow::content_fingerprint(1, &bytes)).to_le_bytes()
}

impl World {
    pub(crate) fn new() -> Self {
        let state = State::initial(PartitionId(3));
        Self { state, desk: Desk::new(), log: Vec::new(), now_ms: 1_000_000 }
    }

    /// A pool with this policy, otherwise as it is by default.
    pub(crate) fn with(policy: AssignmentPolicy, change: impl FnOnce(&mut PoolBody)) -> Self {
        let mut world = Self::new();
        let mut body = default_configuration();
        body.policy.kind = policy;
        change(&mut body);
        world.take("", TaskInput::Pool(Box::new(body)));
        world
    }

    /// Decides one input and folds it; tells what it caused.
    pub(crate) fn take(&mut self, id: &str, body: TaskInput) -> (Outcome, Vec<Event>) {
        let at_ms = self.now_ms;
        let input = Input {
            envelope: envelope(id, at_ms),
            body: Body::Task(&body),
            content: content(&body),
        };
        let mut subject = self.state.subject_of(&input);
        let raw = || hash(id, &body);
        let mut events = Vec::new();
        let outcome = self.state.decide(&mut self.desk, subject, &input, raw, &mut events);
        if outcome != Outcome::Stored {
            return (outcome, Vec::new());
        }
        if matches!(events.first(), Some(Event::PoolOpened(_))) {
            subject = self.state.next_pool();
        }
        for event in &events {
            self.state.apply(subject, &input, event, raw);
        }
        let id = id.to_owned();
        self.log.push(Stored { id, at_ms, body, events: events.clone(), subject });
        (outcome, events)
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.state.pool("default", "p").expect("the pool is known")
    }

    pub(crate) fn task(&self, id: &str) -> &Task {
        self.pool().task(id).expect("the task is known")
    }

    pub(crate) fn state_of(&self, id: &str) -> TaskState {
        self.task(id).state
    }

    pub(crate) fn lease(&self, id: &str) -> (String, u64) {
        let attempt = self.task(id).current().expect("an agent has it");
        (attempt.agent.clone(), attempt.lease)
    }

    pub(crate) fn register(&mut self, agent: &str, profile: AgentProfile) -> Vec<Event> {
        self.agent(agent, AgentCommand::Register, Some(profile)).1
    }

    pub(crate) fn agent(
        &mut self,
        agent: &str,
        command: AgentCommand,
        profile: Option<AgentProfile>,
    ) -> (Outcome, Vec<Event>) {
        let body = AgentBody { command, profile, load: None, leases: None };
        self.take(agent, TaskInput::Agent(body))
    }

    pub(crate) fn submit(&mut self, id: &str, body: TaskBody) -> Vec<Event> {
        self.take(id, TaskInput::Task(Box::new(body))).1
    }

    pub(crate) fn cancel(&mut self, id: &str) -> (Outcome, Vec<Event>) {
        self.take(id, TaskInput::TaskCancel(TaskCancelBody { why: None }))
    }

    pub(crate) fn start(&mut self, id: &str) -> (Outcome, Vec<Event>) {
        let (agent, lease) = self.lease(id);
        self.take(id, TaskInput::TaskStart(TaskStartBody { agent, lease }))
    }

    pub(crate) fn finish(&mut self, id: &str, success: bool) -> (Outcome, Vec<Event>) {
        let (agent, lease) = self.lease(id);
        self.result(id, &agent, lease, success)
    }

    pub(crate) fn result(
        &mut self,
        id: &str,
        agent: &str,
        lease: u64,
        success: bool,
    ) -> (Outcome, Vec<Event>) {
        self.take(id, TaskInput::TaskResult(Box::new(result(agent, lease, success, None))))
    }

    pub(crate) fn tick(&mut self, after_ms: i64) -> Vec<Event> {
        self.now_ms += after_ms;
        self.take("", TaskInput::Tick(TickBody { at_ms: self.now_ms })).1
    }
}

pub(crate) fn result(
    agent: &str,
    lease: u64,
    success: bool,
    quality: Option<f64>,
) -> TaskResultBody {
    TaskResultBody {
        agent: agent.into(),
        lease,
        success,
        error: None,
        latency_ms: Some(10),
        cost: None,
        quality,
        output: None,
    }
}

pub(crate) fn profile(capacity: u32, capabilities: &[&str]) -> AgentProfile {
    AgentProfile {
        capabilities: capabilities.iter().map(|name| (*name).into()).collect(),
        capacity,
        labels: Vec::new(),
        tier: Tier::Basic,
        weight: 1.0,
        resources: none(),
    }
}

pub(crate) fn none() -> Resources {
    Resources { cpu_milli: 0, memory_mib: 0, gpu: 0 }
}

pub(crate) fn task() -> TaskBody {
    TaskBody {
        priority: Priority::Normal,
        capabilities: Vec::new(),
        features: Vec::new(),
        complexity: 0.0,
        deadline_ms: None,
        timeout_ms: None,
        retry: None,
        needs: none(),
        payload: None,
    }
}

/// The names of events, in order.
pub(crate) fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.schema().as_str()).collect()
}

/// Why an input was refused.
pub(crate) fn refused(events: &[Event]) -> Option<Reason> {
    match events {
        [Event::DeadLettered(refused)] => Some(refused.reason),
        _ => None,
    }
}
