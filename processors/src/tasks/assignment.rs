//! Assignment: waiting tasks and agents with room are brought together, under leases.

use alloc::{format, string::ToString, vec::Vec};

use xxhash_rust::xxh3::xxh3_128;
use zeitgeber_schemas::{
    AssignmentPolicy, DecisionId, DecisionMade, Eligible, Event, PartitionId, Stage, TaskAssigned,
    TaskBody, TaskInput,
};

use super::{
    Command,
    agent::Row,
    draft::{Added, Draft, Place},
    policy::{self, Chosen, Wanted},
    pool::{Pool, dimension},
    task::{Task, features},
};
use crate::routing::choice::Choice;

/// One input being decided: the pool before it, and what its events change so far.
pub(super) struct Scene<'a> {
    pub(super) partition: PartitionId,
    pub(super) pool: &'a Pool,
    pub(super) draft: &'a mut Draft,
    pub(super) command: &'a Command<'a>,
    pub(super) now_ms: i64,
    pub(super) out: &'a mut Vec<Event>,
}

impl Scene<'_> {
    /// Gives tasks to the agents that got room, then agents to the tasks that began to wait.
    pub(super) fn assign(&mut self) {
        let freed = core::mem::take(&mut self.draft.freed);
        for slot in &freed {
            self.fill(*slot);
        }
        self.draft.freed = freed;
        self.draft.added.sort_by_key(|added| added.order);
        let mut at = 0;
        while at < self.draft.added.len() && !self.draft.is_busy(self.pool) {
            let added = self.draft.added[at].clone();
            if self.give(&added) {
                self.draft.added.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Gives tasks to an agent as long as it has room and one that it can do waits.
    fn fill(&mut self, slot: u32) {
        while let Some(row) = self.draft.row(self.pool, slot).filter(Row::has_room) {
            let Some(next) = self.next_for(&row) else { return };
            if !self.give(&next) {
                return;
            }
            self.draft.added.retain(|added| added.place != next.place);
        }
    }

    /// The next task that an agent can do.
    fn next_for(&self, row: &Row) -> Option<Added> {
        let (pool, draft) = (self.pool, &*self.draft);
        let fits = pool.configuration.policy.kind == AssignmentPolicy::ResourceFit;
        let priorities = pool.by_priority();
        let classes = pool
            .queue
            .classes()
            .iter()
            .filter(|class| class.mask & !row.mask == 0 && (!fits || row.fits(&class.needs)));
        let queued = classes.filter_map(|class| {
            let (order, slot) = class.next(priorities, |slot| draft.is_touched(slot))?;
            Some((order, Place::Slot(slot)))
        });
        let added = draft
            .added
            .iter()
            .filter(|added| added.mask & !row.mask == 0 && (!fits || row.fits(&added.needs)));
        let added = added.map(|added| (added.order, added.place));
        let (order, place) = queued.chain(added).min_by_key(|(order, _)| *order)?;
        if let Some(added) = draft.added.iter().find(|added| added.place == place) {
            return Some(added.clone());
        }
        let Place::Slot(slot) = place else { return None };
        let task = pool.tasks.get(slot)?;
        let (mask, needs) = (task.mask, task.needs());
        Some(Added { place, order, mask, needs, failures: task.failures })
    }

    /// Assigns a task to the agent that the policy chooses; `false` where none is eligible.
    fn give(&mut self, added: &Added) -> bool {
        let pool = self.pool;
        let Some((id, body, assignments)) = self.asked(added.place) else { return false };
        let attempt = assignments + 1;
        let decision_id = self.decision_id();
        let learns = pool.configuration.policy.kind == AssignmentPolicy::Linucb;
        let (key, x) = if learns {
            (decision_id.to_string(), features(body, dimension(&pool.configuration)))
        } else {
            (format!("{id}\0{attempt}"), Vec::new())
        };
        let wanted = Wanted {
            mask: added.mask,
            needs: &added.needs,
            complexity: body.complexity,
            failures: added.failures,
            key: key.as_bytes(),
            x: &x,
        };
        let Some(chosen) = policy::agent(pool, self.draft, &wanted) else { return false };
        let agent = self.agent_id(chosen.slot);
        let (timeout_ms, task) = (pool.timeout_ms(body), id.into());
        let decided = chosen.choice.as_ref().map(|choice| self.decision(decision_id, choice, &x));
        self.draft.decisions += u64::from(decided.is_some());
        let decision_id = decided.as_ref().map(|_| decision_id);
        self.out.extend(decided.map(|made| Event::DecisionMade(made.into())));
        self.draft.leases += 1;
        self.out.push(Event::TaskAssigned(TaskAssigned {
            task,
            agent,
            lease: pool.lease + self.draft.leases,
            attempt,
            lease_until_ms: self.now_ms.saturating_add(timeout_ms),
            policy: pool.configuration.policy.kind,
            propensity: chosen.propensity,
            decision_id,
        }));
        self.take(added, &chosen);
        true
    }

    /// Notes in the draft that an agent has a task.
    fn take(&mut self, added: &Added, chosen: &Chosen) {
        if let Place::Slot(slot) = added.place {
            self.draft.touch(slot);
        }
        self.draft.cursor = Some(chosen.slot);
        if let Some(mut row) = self.draft.row(self.pool, chosen.slot) {
            row.held += 1;
            row.used.add(&added.needs);
            self.draft.set_row(self.pool, chosen.slot, row);
        }
    }

    /// Id, body and assignments of a task that waits.
    fn asked(&self, place: Place) -> Option<(&str, &TaskBody, u32)> {
        match (place, self.command.body) {
            (Place::New, TaskInput::Task(body)) => Some((self.command.envelope.id, body, 0)),
            (Place::New, _) => None,
            (Place::Slot(slot), _) => {
                let task: &Task = self.pool.tasks.get(slot)?;
                Some((&task.id, &task.body, task.assignments))
            }
        }
    }

    /// The id of an agent, which may be joining with this input.
    pub(super) fn agent_id(&self, slot: u32) -> alloc::string::String {
        match &self.draft.newcomer {
            Some((joined, arm)) if *joined == slot => arm.name().into(),
            _ => self.pool.agents.slots[slot as usize].id.clone(),
        }
    }

    /// Partition and hash of the pool's key, kind and counter, as for people.
    fn decision_id(&self) -> DecisionId {
        let counter = self.pool.decisions + self.draft.decisions;
        let parts = [self.pool.key.as_bytes(), b"\0assignment", &counter.to_le_bytes()];
        DecisionId::new(self.partition, xxh3_128(&parts.concat()))
    }

    fn decision(
        &self,
        decision_id: DecisionId,
        (choice, slots): &(Choice, Vec<u32>),
        x: &[i32],
    ) -> DecisionMade {
        let pool = self.pool;
        let incarnation = |slot| self.draft.arm(pool, slot).map_or(0, |arm| arm.incarnation());
        let eligible = slots.iter().zip(&choice.scored).map(|(slot, scored)| Eligible {
            arm: self.agent_id(*slot),
            incarnation: incarnation(*slot),
            mean: scored.mean,
            width: scored.width,
            ucb: scored.value,
            propensity: scored.propensity,
        });
        DecisionMade {
            decision_id,
            at_ms: self.now_ms,
            analysis_end_ms: self.now_ms,
            feature_version: 0,
            configuration: pool.configuration.version.clone(),
            model_version: pool.rewards_taken,
            features: x.to_vec(),
            eligible: eligible.collect(),
            masked: Vec::new(),
            greedy: self.agent_id(slots[choice.greedy]),
            chosen: self.agent_id(slots[choice.chosen]),
            incarnation: incarnation(slots[choice.chosen]),
            propensity: choice.propensity,
            explore: choice.explore,
            seed: pool.configuration.policy.seed,
            stage: Stage::Active,
            stopped: Vec::new(),
        }
    }
}
