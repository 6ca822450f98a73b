//! Stored events as rows, in log order.

use std::{collections::VecDeque, ops::ControlFlow};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeitgeber_schemas::{Event, PartitionId, SchemaId};

use super::{Moment, Position, QueryError, Topic, Visit, Walk, reading::input_value, summary};
use crate::{
    journal::{EventRef, Tail},
    record::Parsed,
};

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Those of this person (person key).
    pub user: Option<String>,
    /// Those of this schema; an input's schema asks for the inputs themselves.
    pub schema: Option<SchemaId>,
    /// Those from this moment on: from the positions named (partitions that are not named: all),
    /// or of inputs received at this time or later.
    pub from: Option<Moment>,
    /// Those of inputs received before this time, ms UTC.
    pub until_ms: Option<i64>,
    /// Besides the events their inputs.
    pub inputs: bool,
    /// Those of this topic; inputs have none.
    pub topic: Option<Topic>,
    /// Of the partition named: only what stands behind this event.
    pub after: Option<Position>,
    /// Of the partition named: only what stands before this event.
    pub before: Option<Position>,
}

/// One stored event, or an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Where it stands; for an input, where its first event stands.
    pub position: Position,
    /// Event time of the input, ms UTC.
    pub ts: i64,
    /// Arrival time of the input, ms UTC.
    pub recv_ts: Option<i64>,
    /// The person, where known.
    pub user_id: Option<String>,
    /// The tenant.
    pub tenant: String,
    /// The input's id.
    pub input_id: String,
    /// Schema of the event.
    #[serde(rename = "type")]
    pub schema: SchemaId,
    /// The event's topic; an input has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// The event; what only repeats its input (readings, profiles, configurations) holds it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Value>,
    /// The input's body, where inputs were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The event in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

impl EventFilter {
    /// Whether nothing of the partition before this entry's first event, nor it, can be wanted.
    fn takes_entry(&self, met: &Visit<'_>) -> bool {
        let received = met.entry.recv_ts.unwrap_or(met.entry.ts);
        let late_enough = !matches!(self.from, Some(Moment::Time(from)) if received < from);
        let early_enough = self.until_ms.is_none_or(|until| received < until);
        late_enough && early_enough && self.user.as_deref().is_none_or(|user| met.concerns(user))
    }

    fn takes_position(&self, position: Position) -> bool {
        let own = |limit: &Position| limit.partition == position.partition;
        let after = self.after.filter(own).is_none_or(|limit| position.n > limit.n);
        let before = self.before.filter(own).is_none_or(|limit| position.n < limit.n);
        after && before && self.takes_from(position)
    }

    fn takes_from(&self, position: Position) -> bool {
        match &self.from {
            Some(Moment::Positions(from)) => {
                from.of(position.partition).is_none_or(|first| position.n >= first)
            }
            _ => true,
        }
    }

    fn takes_schema(&self, schema: SchemaId) -> bool {
        self.schema.is_none_or(|wanted| wanted == schema)
            && self.topic.is_none_or(|wanted| Topic::of(schema) == Some(wanted))
    }

    fn takes_input(&self, schema: SchemaId) -> bool {
        (self.inputs || self.schema == Some(schema)) && self.takes_schema(schema)
    }

    /// The rows of one entry that are wanted.
    pub fn rows(&self, met: &Visit<'_>) -> Result<Vec<EventRow>, QueryError> {
        let entry = met.entry;
        let wants = |(index, schema): (u64, SchemaId)| {
            self.takes_schema(schema) && self.takes_position(met.position(index))
        };
        let schemas = (0..).zip(entry.events.clone().map(|event| event.schema));
        let input = self.takes_input(entry.schema) && self.takes_position(met.position(0));
        if !(input || schemas.clone().any(wants)) || !self.takes_entry(met) {
            return Ok(Vec::new());
        }
        let parsed = parsed(met)?;
        let bare = bare_row(met);
        let mut rows = Vec::new();
        if input {
            let body = parsed.as_ref().map(|parsed| input_value(entry.schema, parsed));
            let input = Some(body.unwrap_or_else(|| json!({ "sealed": entry.seal })));
            rows.push(EventRow { input, ..bare.clone() });
        }
        for (index, event) in (0..).zip(entry.events.clone()) {
            if wants((index, event.schema)) {
                rows.push(event_row(met, index, &event, parsed.as_ref(), &bare)?);
            }
        }
        Ok(rows)
    }
}

/// The rows of an entry's events whose schemas are wanted.
pub fn event_rows(
    met: &Visit<'_>,
    wants: impl Fn(SchemaId) -> bool,
) -> Result<Vec<EventRow>, QueryError> {
    let (parsed, bare) = (parsed(met)?, bare_row(met));
    let events = (0..).zip(met.entry.events.clone());
    let wanted = events.filter(|(_, event)| wants(event.schema));
    wanted.map(|(index, event)| event_row(met, index, &event, parsed.as_ref(), &bare)).collect()
}

/// The input, unless it is sealed.
fn parsed<'a>(met: &Visit<'a>) -> Result<Option<Parsed<'a>>, QueryError> {
    let entry = met.entry;
    if entry.seal != 0 {
        return Ok(None);
    }
    let parsed = Parsed::from_payload(entry.schema, entry.payload);
    parsed.map(Some).map_err(|error| met.fault(error))
}

fn bare_row(met: &Visit<'_>) -> EventRow {
    EventRow {
        position: met.position(0),
        ts: met.entry.ts,
        recv_ts: met.entry.recv_ts,
        user_id: met.user_id(),
        tenant: met.entry.tenant.into(),
        input_id: met.entry.id.into(),
        schema: met.entry.schema,
        topic: Topic::of(met.entry.schema),
        event: None,
        input: None,
        summary: String::new(),
    }
}

fn event_row(
    met: &Visit<'_>,
    index: u64,
    stored: &EventRef<'_>,
    input: Option<&Parsed<'_>>,
    bare: &EventRow,
) -> Result<EventRow, QueryError> {
    let (event, summary) = match input {
        Some(input) if stored.seal == 0 => {
            let event = met.event(stored)?;
            (event_value(&event, met.entry.schema, input), summary(&event, input))
        }
        _ => (json!({ "type": stored.schema, "sealed": stored.seal }), "sealed".into()),
    };
    Ok(EventRow {
        position: met.position(index),
        schema: stored.schema,
        topic: Topic::of(stored.schema),
        event: Some(event),
        summary,
        ..bare.clone()
    })
}

/// An event as JSON, with the input where the event only refers to it.
fn event_value(event: &Event, schema: SchemaId, input: &Parsed<'_>) -> Value {
    let refers = match event {
        Event::ReadingAccepted(_) => Some("reading"),
        Event::ProfileSet => Some("profile"),
        Event::ConfigurationSet | Event::PoolConfigured => Some("configuration"),
        Event::ControlSet => Some("order"),
        Event::AgentRegistered(_) => Some("registration"),
        Event::TaskQueued(_) if schema == SchemaId::Task => Some("submitted"),
        Event::TaskCompleted(_) => Some("result"),
        Event::TaskFailed(_) if schema == SchemaId::TaskResult => Some("result"),
        _ => None,
    };
    // Events are structs of numbers, text and lists, which always have a JSON form.
    let mut value = serde_json::to_value(event).unwrap_or_else(|_| Value::Object(Map::new()));
    if let Event::ReadingAccepted(accepted) = event {
        value["dropped_fields"] = accepted.dropped_fields.names().collect();
        value["flags"] = accepted.flags.names().collect();
    }
    if let Some(name) = refers {
        value[name] = input_value(schema, input);
    }
    value
}

/// Streams the events wanted, in log order, until `row` breaks.
pub fn events(
    walk: &mut Walk,
    filter: &EventFilter,
    mut row: impl FnMut(EventRow) -> Result<ControlFlow<()>, QueryError>,
) -> Result<(), QueryError> {
    walk.run(|met| {
        for found in filter.rows(met)? {
            if row(found)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// The last events of a log.
pub type Last = VecDeque<EventRow>;

/// Where the rows of a tail begin in each partition.
#[derive(Debug, Clone)]
pub struct Start(Vec<u64>);

impl Start {
    /// No more than `count` events before the partitions' tails.
    pub fn before(tails: &[Tail], count: u64) -> Self {
        Self(tails.iter().map(|tail| tail.next_position.saturating_sub(count)).collect())
    }

    fn reached(&self, partition: PartitionId, last: u64) -> bool {
        self.0.get(usize::from(partition.0)).is_none_or(|from| last >= *from)
    }
}

/// Walks to the end of what is stored and gives its last `count` events. The last ones of the log
/// are among the last ones of each partition, so all before these is passed over unread.
pub fn last_events(walk: &mut Walk, tails: &[Tail], count: usize) -> Result<Last, QueryError> {
    let start = Start::before(tails, count as u64);
    let filter = EventFilter::default();
    let mut last = Last::new();
    walk.run(|met| {
        let after = met.first + met.entry.events.clone().count() as u64;
        if start.reached(met.partition(), after.saturating_sub(1)) {
            last.extend(filter.rows(met)?);
            let surplus = last.len().saturating_sub(count);
            last.drain(..surplus);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(last)
}
