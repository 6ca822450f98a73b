//! The inputs of pools of agents as one type: what doors hand over and stages take.
//!
//! In their envelopes `user_id` is the pool and `id` the task or the agent that they are about.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    AgentBody, PoolBody, SchemaId, TaskBody, TaskCancelBody, TaskResultBody, TaskStartBody,
    TickBody,
    wire::{Malformed, Wire, from_bytes},
};

/// The body of one input of a pool.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskInput {
    /// An agent says something.
    Agent(AgentBody),
    /// Something is to be done.
    Task(Box<TaskBody>),
    /// A task is not wanted any more.
    TaskCancel(TaskCancelBody),
    /// An agent begins to work on a task.
    TaskStart(TaskStartBody),
    /// An agent is done with a task.
    TaskResult(Box<TaskResultBody>),
    /// How the pool works from here on.
    Pool(Box<PoolBody>),
    /// The time.
    Tick(TickBody),
}

impl TaskInput {
    /// The schema of the body.
    pub const fn schema(&self) -> SchemaId {
        match self {
            Self::Agent(_) => SchemaId::Agent,
            Self::Task(_) => SchemaId::Task,
            Self::TaskCancel(_) => SchemaId::TaskCancel,
            Self::TaskStart(_) => SchemaId::TaskStart,
            Self::TaskResult(_) => SchemaId::TaskResult,
            Self::Pool(_) => SchemaId::Pool,
            Self::Tick(_) => SchemaId::Tick,
        }
    }

    /// Appends the body's Avro bytes.
    pub fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Agent(body) => body.put(out),
            Self::Task(body) => body.put(out),
            Self::TaskCancel(body) => body.put(out),
            Self::TaskStart(body) => body.put(out),
            Self::TaskResult(body) => body.put(out),
            Self::Pool(body) => body.put(out),
            Self::Tick(body) => body.put(out),
        }
    }

    /// Reads the body of a schema of a pool's input.
    pub fn from_payload(schema: SchemaId, payload: &[u8]) -> Result<Self, Malformed> {
        Ok(match schema {
            SchemaId::Agent => Self::Agent(from_bytes(payload)?),
            SchemaId::Task => Self::Task(Box::new(from_bytes(payload)?)),
            SchemaId::TaskCancel => Self::TaskCancel(from_bytes(payload)?),
            SchemaId::TaskStart => Self::TaskStart(from_bytes(payload)?),
            SchemaId::TaskResult => Self::TaskResult(Box::new(from_bytes(payload)?)),
            SchemaId::Pool => Self::Pool(Box::new(from_bytes(payload)?)),
            SchemaId::Tick => Self::Tick(from_bytes(payload)?),
            _ => return Err(Malformed::Range),
        })
    }
}
