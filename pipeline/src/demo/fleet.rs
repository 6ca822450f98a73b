//! Made-up agents and tasks, for the demo and for measurements.

use zeitgeber_schemas::{
    AgentBody, AgentCommand, AgentProfile, Payload, Priority, Resources, TaskBody, TaskInput, Tier,
};

use crate::door::{DEFAULT_TENANT, tasks::PoolInput};

/// What every agent can do, and every task asks for.
const CAPABILITY: &str = "text";
/// No quotas and no needs.
const NOTHING: Resources = Resources { cpu_milli: 0, memory_mib: 0, gpu: 0 };

/// An input of a pool of the tenant `default` that arrives when it is said.
pub(crate) fn said(pool: &str, id: impl Into<String>, at_ms: i64, body: TaskInput) -> PoolInput {
    PoolInput {
        tenant: DEFAULT_TENANT.into(),
        pool: pool.into(),
        id: id.into(),
        ts: at_ms,
        recv_ts: Some(at_ms),
        body,
    }
}

/// An agent that takes this many tasks at a time.
pub(crate) fn registration(capacity: u32) -> TaskInput {
    let profile = AgentProfile {
        capabilities: vec![CAPABILITY.into()],
        capacity,
        labels: Vec::new(),
        tier: Tier::Basic,
        weight: 1.0,
        resources: NOTHING,
    };
    let command = AgentCommand::Register;
    TaskInput::Agent(AgentBody { command, profile: Some(profile), load: None, leases: None })
}

/// A task of one kind out of `kinds`, which its features tell.
pub(crate) fn submission(
    priority: Priority,
    kind: usize,
    kinds: usize,
    payload: Option<Payload>,
) -> TaskInput {
    TaskInput::Task(Box::new(TaskBody {
        priority,
        capabilities: vec![CAPABILITY.into()],
        features: (0..kinds).map(|n| f64::from(u8::from(n == kind))).collect(),
        complexity: 0.0,
        deadline_ms: None,
        timeout_ms: None,
        retry: None,
        needs: NOTHING,
        payload,
    }))
}
