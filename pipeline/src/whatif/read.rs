//! One partition read for a question: profiles, decisions with their analyses, outcomes.

use std::{collections::BTreeMap, mem};

use zeitgeber_processors::{
    versions::Versions,
    whatif::{Flips, Replay, Rows},
};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, DecisionMade, Event, PartitionId, SchemaId, person_key,
    wire::from_bytes,
};

use super::{Question, Watch};
use crate::{
    fold::{FoldError, opened_name},
    journal::{EntryRef, Tail},
    query::{QueryError, partitions::Part},
};

/// A partition, as far as it was read.
pub(super) struct Reading {
    /// Where its chain ended when the question was asked.
    pub(super) tail: Tail,
    pub(super) flips: Flips,
    pub(super) rows: Rows,
    /// Decisions within the question that could not be made again.
    pub(super) not_remade: u64,
    /// The configuration in force, and when it came, ms UTC.
    pub(super) configuration: Option<(i64, ConfigurationBody)>,
    /// How many decisions each configuration made.
    pub(super) versions: BTreeMap<String, u64>,
    /// When the first and the last decision compared were made, ms UTC.
    pub(super) span: Option<(i64, i64)>,
    standing: Versions<()>,
    replay: Replay,
    events: Vec<Event>,
}

impl Reading {
    pub(super) fn new(tail: Tail, partition: PartitionId, question: &Question) -> Self {
        Self {
            tail,
            flips: Flips::default(),
            rows: Rows::default(),
            not_remade: 0,
            configuration: None,
            versions: BTreeMap::new(),
            span: None,
            standing: Versions::none(),
            replay: Replay::new(partition, &question.candidate),
            events: Vec::new(),
        }
    }

    pub(super) fn chunk(
        &mut self,
        chunk: &mut Part<'_>,
        question: &Question,
        watch: Watch<'_>,
    ) -> Result<(), QueryError> {
        if !watch(u64::from(chunk.header.events)) {
            return Err(QueryError::Stopped);
        }
        if chunk.header.number >= self.tail.next_chunk {
            // A live writer appended it after the question was asked.
            return Ok(());
        }
        while let Some(entry) = chunk.entries.next() {
            let entry = entry.map_err(|error| chunk.fault(error))?;
            self.entry(&entry, question).map_err(|error| chunk.fault(error))?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &EntryRef<'_>, question: &Question) -> Result<(), FoldError> {
        match entry.schema {
            schema if schema.is_task_input() => Ok(()),
            SchemaId::Profile if entry.seal == 0 => self.profile(entry),
            SchemaId::Configuration | SchemaId::Control if entry.seal == 0 => self.order(entry),
            _ => self.decisions(entry, question),
        }
    }

    /// A configuration or an order: which version is active from here on, which arms are stopped.
    fn order(&mut self, entry: &EntryRef<'_>) -> Result<(), FoldError> {
        let stands = |schema| matches!(schema, SchemaId::ConfigurationSet | SchemaId::ControlSet);
        if !entry.events.clone().any(|event| stands(event.schema)) {
            return Ok(());
        }
        if entry.schema == SchemaId::Configuration {
            self.standing.enter(&from_bytes(entry.payload)?, |_, _| ());
        } else {
            let order: ControlBody = from_bytes(entry.payload)?;
            self.standing.step(order.step);
            self.replay.order(&order);
        }
        let active = self.standing.active().map(|version| &version.configuration);
        if active != self.configuration.as_ref().map(|(_, body)| body) {
            self.configuration = active.map(|body| (entry.ts, body.clone()));
        }
        Ok(())
    }

    fn profile(&mut self, entry: &EntryRef<'_>) -> Result<(), FoldError> {
        let sets = |schema| matches!(schema, SchemaId::SubjectOpened | SchemaId::ProfileSet);
        if !entry.events.clone().any(|event| sets(event.schema)) {
            return Ok(());
        }
        let opened = opened_name(entry)?;
        let key = || opened.map(|user_id| person_key(entry.tenant, &user_id).into_owned());
        self.replay.set_profile(entry.subject, from_bytes(entry.payload)?, key);
        Ok(())
    }

    fn decisions(&mut self, entry: &EntryRef<'_>, question: &Question) -> Result<(), FoldError> {
        let decides = |schema| schema == SchemaId::DecisionMade;
        let decided = entry.events.clone().any(|event| decides(event.schema));
        let wanted = |schema| match schema {
            SchemaId::DecisionMade
            | SchemaId::InterventionIssued
            | SchemaId::FeedbackRecorded
            | SchemaId::FeedbackNoted
            | SchemaId::OutcomeExpired => true,
            SchemaId::RhythmAnalysed => decided,
            _ => false,
        };
        let mut events = mem::take(&mut self.events);
        events.clear();
        for stored in entry.events.clone().filter(|event| wanted(event.schema)) {
            if stored.seal == 0 {
                events.push(Event::from_payload(stored.schema, stored.payload)?);
            } else {
                self.not_remade += u64::from(decides(stored.schema));
            }
        }
        for event in &events {
            if let Event::DecisionMade(logged) = event {
                self.compare(entry.subject, logged, &events, question);
            }
        }
        self.rows.take(&events);
        self.replay.apply(entry.subject, &mut events);
        self.events = events;
        Ok(())
    }

    fn compare(
        &mut self,
        subject: u64,
        logged: &DecisionMade,
        events: &[Event],
        question: &Question,
    ) {
        if !question.range.holds(logged.at_ms) {
            return;
        }
        let Some(pair) = self.replay.decide(subject, logged, events) else {
            self.not_remade += 1;
            return;
        };
        if question.person.as_deref().is_some_and(|person| person != pair.key) {
            return;
        }
        self.flips.add(&pair);
        self.rows.push(&pair);
        match self.versions.get_mut(&logged.configuration) {
            Some(count) => *count += 1,
            None => drop(self.versions.insert(logged.configuration.clone(), 1)),
        }
        let (first, last) = self.span.unwrap_or((logged.at_ms, logged.at_ms));
        self.span = Some((first.min(logged.at_ms), last.max(logged.at_ms)));
    }
}
