//! A task that its pool does not remember any more: what its events in the log tell.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use zeitgeber_processors::tasks::TaskState;
use zeitgeber_schemas::{PartitionId, SchemaId};

use super::{EventRow, Names, QueryError, Subject, Topic, Walk, event_rows};
use crate::journal::{Journal, Key, ScanFrom};

/// Events that are told of one task, the newest.
const EVENTS_MAX: usize = 64;

/// A pool, as its partition numbers it.
#[derive(Debug, Clone)]
pub struct PoolPlace {
    /// The partition.
    pub partition: PartitionId,
    /// The pool's number in it.
    pub number: u64,
    /// The pool.
    pub name: Subject,
}

/// What the log tells of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskHistory {
    /// Where it stood after its last event.
    pub state: TaskState,
    /// When it was submitted last, ms UTC.
    pub submitted_ms: i64,
    /// Its newest events.
    pub events: VecDeque<EventRow>,
}

/// The events of a task, through the log's index; none: it was never submitted.
pub fn task_history(
    journal: &dyn Journal,
    pool: &PoolPlace,
    task: &str,
) -> Result<Option<TaskHistory>, QueryError> {
    let keys = [Key::task(pool.partition, pool.number, task)];
    let mut names = Names::default();
    names.insert(pool.partition, SchemaId::Pool, pool.number, pool.name.clone());
    let scan = journal.find(&keys, ScanFrom::default())?;
    let mut history: Option<TaskHistory> = None;
    Walk::over(scan, Arc::new(names)).run(|met| {
        let entry = met.entry;
        let here = met.partition() == pool.partition && entry.subject == pool.number;
        if !here || !entry.schema.is_task_input() {
            return Ok(ControlFlow::Continue(()));
        }
        for row in event_rows(met, is_of_a_task)? {
            let of = row.event.as_ref().and_then(|event| event.get("task")?.as_str());
            if of != Some(task) {
                continue;
            }
            if row.schema == SchemaId::TaskQueued && entry.schema == SchemaId::Task {
                let submitted_ms = entry.recv_ts.unwrap_or(entry.ts);
                let events = VecDeque::new();
                history = Some(TaskHistory { state: TaskState::Queued, submitted_ms, events });
            }
            if let Some(history) = &mut history {
                history.state = state_after(row.schema).unwrap_or(history.state);
                if history.events.len() == EVENTS_MAX {
                    history.events.pop_front();
                }
                history.events.push_back(row);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(history)
}

/// Whether an event of this schema is about one task.
pub(super) fn is_of_a_task(schema: SchemaId) -> bool {
    Topic::of(schema) == Some(Topic::TaskAssignments) || schema == SchemaId::TaskDeadLettered
}

/// The state to which an event brings its task; none: it stays.
const fn state_after(schema: SchemaId) -> Option<TaskState> {
    Some(match schema {
        SchemaId::TaskQueued | SchemaId::TaskReleased => TaskState::Queued,
        SchemaId::TaskAssigned => TaskState::Assigned,
        SchemaId::TaskStarted => TaskState::Started,
        SchemaId::TaskCompleted => TaskState::Completed,
        SchemaId::TaskFailed => TaskState::Waiting,
        SchemaId::TaskCancelled => TaskState::Cancelled,
        SchemaId::TaskExpired => TaskState::Expired,
        SchemaId::TaskDeadLettered => TaskState::Failed,
        _ => return None,
    })
}
