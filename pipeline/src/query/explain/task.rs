//! A task's decision: what was asked, who could have done it, who got it, what it earned.

use std::{ops::ControlFlow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeitgeber_processors::tasks::default_configuration;
use zeitgeber_schemas::{
    DecisionMade, Event, PoolBody, PoolPolicy, RewardWeights, SchemaId, TaskAssigned, TaskBody,
    TaskInput, TaskResultBody,
};

use super::{Feature, Made, features, found_in, input_row};
use crate::{
    journal::{Journal, Key, Place, ScanFrom},
    query::{
        EventRow, Names, Position, QueryError, Subject, Visit, Walk, event_rows,
        summary::reward_value, task_history::is_of_a_task,
    },
    record::Parsed,
};

/// Everything behind the choice of an agent, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDecision {
    /// The decision; its arms are agents.
    pub decision: DecisionMade,
    /// Where its event stands.
    pub position: Position,
    /// The pool.
    pub pool: Option<String>,
    /// The tenant.
    pub tenant: String,
    /// The input upon which the task was assigned: its own submission, or whatever gave an agent
    /// room.
    pub trigger: Value,
    /// The assignment.
    pub assignment: Option<TaskAssigned>,
    /// What was asked.
    pub submitted: Option<Submitted>,
    /// The context as the policy saw it.
    pub features: Vec<Feature>,
    /// The pool's policy then.
    pub policy: PoolPolicy,
    /// What outcomes earned then.
    pub weights: RewardWeights,
    /// What became of the attempt, in order, to its end.
    pub events: Vec<EventRow>,
    /// What the agent told.
    pub result: Option<TaskResultBody>,
    /// The reward that the learner holds for it.
    pub learnt: Option<f64>,
}

/// A task as it was submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// Where its event stands.
    pub position: Position,
    /// When, ms UTC.
    pub at_ms: i64,
    /// What was asked.
    pub task: TaskBody,
}

pub(super) fn explain(journal: &dyn Journal, made: &Made) -> Result<TaskDecision, QueryError> {
    let names = Names::read(journal)?;
    let mut found = None;
    let from = ScanFrom::places(made.place..Place::END);
    let scan = journal.find(&[Key::decision(made.id)], from)?;
    Walk::over(scan, Arc::clone(&names)).run(|met| {
        if let Some((index, decision)) = found_in(met, made.id)? {
            found = Some(told_by(met, index, *decision)?);
        }
        let known = found.is_some();
        Ok(if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let mut explanation = found.ok_or_else(|| made.unknown())?;
    let body = configuration(journal, made, explanation.position)?;
    (explanation.policy, explanation.weights) = (body.policy, body.reward);
    let Some(task) = explanation.assignment.as_ref().map(|assigned| assigned.task.clone()) else {
        return Ok(explanation);
    };
    let partition = made.id.partition();
    let keys = [Key::task(partition, made.subject, &task), Key::decision(made.id)];
    let mut has_ended = false;
    Walk::over(journal.find(&keys, ScanFrom::default())?, names).run(|met| {
        let entry = met.entry;
        let here = met.partition() == partition && entry.subject == made.subject;
        if here && entry.schema.is_task_input() && entry.seal == 0 {
            explanation.take(met, &task, &mut has_ended)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(explanation)
}

fn told_by(met: &Visit<'_>, index: u64, made: DecisionMade) -> Result<TaskDecision, QueryError> {
    let mut assignment = None;
    for stored in met.entry.events.clone().filter(|stored| stored.seal == 0) {
        if stored.schema == SchemaId::TaskAssigned
            && let Event::TaskAssigned(assigned) = met.event(&stored)?
            && assigned.decision_id == Some(made.decision_id)
        {
            assignment = Some(assigned);
        }
    }
    let PoolBody { policy, reward, .. } = default_configuration();
    Ok(TaskDecision {
        position: met.position(index),
        pool: met.subject.map(|Subject { user_id, .. }| user_id.clone()),
        tenant: met.entry.tenant.into(),
        trigger: input_row(met)?.unwrap_or_default(),
        assignment,
        submitted: None,
        // A constant comes before the task's own.
        features: features(&made, |index| match index.checked_sub(1) {
            None => "constant".into(),
            Some(own) => format!("features[{own}]"),
        }),
        policy,
        weights: reward,
        events: Vec::new(),
        result: None,
        learnt: None,
        decision: made,
    })
}

/// The configuration in force: the last one before the decision, looked for backwards until the
/// pool's beginning.
fn configuration(
    journal: &dyn Journal,
    made: &Made,
    before: Position,
) -> Result<PoolBody, QueryError> {
    let keys = [Key::pool(made.id.partition(), made.subject)];
    let mut end = Place { offset: made.place.offset + 1, ..made.place };
    for segment in (0..=made.place.segment).rev() {
        let start = Place::of_segment(segment);
        let scan = journal.find(&keys, ScanFrom::places(start..end))?;
        let (mut found, mut opened) = (None, false);
        Walk::over(scan, Arc::default()).run(|met| {
            let entry = met.entry;
            let here = met.partition() == made.id.partition() && entry.subject == made.subject;
            if !here || entry.seal != 0 || met.first > before.n {
                return Ok(ControlFlow::Continue(()));
            }
            for event in entry.events.clone() {
                opened |= event.schema == SchemaId::PoolOpened;
                if event.schema == SchemaId::PoolConfigured
                    && let Some(TaskInput::Pool(body)) = input(met)?
                {
                    found = Some(*body);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match found {
            Some(found) => return Ok(found),
            None if opened => break,
            None => end = start,
        }
    }
    Ok(default_configuration())
}

fn input(met: &Visit<'_>) -> Result<Option<TaskInput>, QueryError> {
    let parsed = Parsed::from_payload(met.entry.schema, met.entry.payload);
    match parsed.map_err(|error| met.fault(error))? {
        Parsed::Task(input) => Ok(Some(input)),
        _ => Ok(None),
    }
}

impl TaskDecision {
    /// Takes in an entry with events of the task or of the decision.
    fn take(
        &mut self,
        met: &Visit<'_>,
        task: &str,
        has_ended: &mut bool,
    ) -> Result<(), QueryError> {
        if met.first <= self.position.n && met.entry.schema == SchemaId::Task {
            self.submission(met, task)?;
        }
        let mut ends = false;
        for row in event_rows(met, is_of_a_task)? {
            let of = row.event.as_ref().and_then(|event| event.get("task")?.as_str());
            // The assignment itself stands right behind its decision.
            if of == Some(task) && row.position.n > self.position.n + 1 && !*has_ended {
                ends |= ends_an_attempt(row.schema);
                self.events.push(row);
            }
        }
        for stored in met.entry.events.clone() {
            if stored.schema == SchemaId::FeedbackRecorded
                && let Event::FeedbackRecorded(recorded) = met.event(&stored)?
                && recorded.decision_id == self.decision.decision_id
            {
                self.learnt = Some(reward_value(recorded.reward));
            }
        }
        if ends && let Some(TaskInput::TaskResult(result)) = input(met)? {
            self.result = Some(*result);
        }
        *has_ended |= ends;
        Ok(())
    }

    fn submission(&mut self, met: &Visit<'_>, task: &str) -> Result<(), QueryError> {
        for (index, stored) in (0..).zip(met.entry.events.clone()) {
            if stored.schema == SchemaId::TaskQueued
                && let Event::TaskQueued(queued) = met.event(&stored)?
                && queued.task == task
                && let Some(TaskInput::Task(body)) = input(met)?
            {
                let at_ms = met.entry.recv_ts.unwrap_or(met.entry.ts);
                let position = met.position(index);
                self.submitted = Some(Submitted { position, at_ms, task: *body });
            }
        }
        Ok(())
    }
}

const fn ends_an_attempt(schema: SchemaId) -> bool {
    matches!(
        schema,
        SchemaId::TaskCompleted
            | SchemaId::TaskFailed
            | SchemaId::TaskReleased
            | SchemaId::TaskCancelled
            | SchemaId::TaskExpired
    )
}
