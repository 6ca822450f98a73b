//! One event as subscribers get it: rendered once, shared by all.

use std::{fmt::Write, time::Instant};

use zeitgeber_schemas::SchemaId;

use crate::{
    journal::Place,
    query::{EventRow, Position},
};

/// A stored event, ready to be sent.
#[derive(Debug)]
pub struct Frame {
    id: Position,
    schema: SchemaId,
    spot: Spot,
    told: Option<Instant>,
    /// The agent that the event names.
    agent: Option<Box<str>>,
    /// The event as server-sent events have it.
    text: Box<str>,
    /// Where the JSON begins in the text.
    json_at: usize,
}

/// What follows the JSON in the text.
const TEXT_END: &str = "\n\n";

impl Frame {
    /// Renders a row that stands in the chunk at `place` and was told to be durable at `told`.
    ///
    /// # Errors
    ///
    /// The row has no JSON form; rows are made of numbers, text and lists, so all have one.
    pub(super) fn render(
        row: &EventRow,
        place: Place,
        told: Option<Instant>,
    ) -> Result<Self, serde_json::Error> {
        let json = serde_json::to_string(row)?;
        let (id, schema) = (row.position, row.schema);
        // JSON without line breaks is one line of data.
        let head = format!("id: {id}\nevent: {}\ndata: ", schema.as_str());
        let json_at = head.len();
        let text = [&head, json.as_str(), TEXT_END].concat();
        let spot = Spot { place, n: id.n };
        let agent = row.event.as_ref().and_then(|event| event.get("agent")?.as_str());
        let agent = agent.map(Into::into);
        Ok(Self { id, schema, spot, told, agent, text: text.into(), json_at })
    }

    /// Where the event stands; streams resume after it.
    pub const fn id(&self) -> Position {
        self.id
    }

    /// The event's schema.
    pub const fn schema(&self) -> SchemaId {
        self.schema
    }

    /// When the event was told to be durable; none where it was read back from the log later.
    pub const fn told(&self) -> Option<Instant> {
        self.told
    }

    /// The event as server-sent events have it: `id`, `event`, `data` and an empty line.
    pub fn sse(&self) -> &str {
        &self.text
    }

    /// The event as server-sent events have it, under another id than that of where it stands.
    pub fn put_sse(&self, id: &impl std::fmt::Display, out: &mut String) {
        let behind_id = self.text.find('\n').unwrap_or(0);
        out.push_str("id: ");
        // Writing to a text cannot fail.
        let _ = write!(out, "{id}");
        out.push_str(&self.text[behind_id..]);
    }

    /// The row as one JSON object.
    pub fn json(&self) -> &str {
        &self.text[self.json_at..self.text.len() - TEXT_END.len()]
    }

    /// What it takes of a queue's bound, bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn names(&self, agent: &str) -> bool {
        self.agent.as_deref() == Some(agent)
    }

    pub(super) const fn spot(&self) -> Spot {
        self.spot
    }
}

/// A place between the log's events, in log order: before event `n` of the chunk at `place`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) n: u64,
}

impl Spot {
    /// Before everything.
    pub(super) const START: Self = Self { place: Place::START, n: 0 };

    /// Behind a whole chunk.
    pub(super) const fn behind_chunk(place: Place) -> Self {
        Self { place, n: u64::MAX }
    }

    /// Behind the event that this spot stands before.
    pub(super) const fn behind(self) -> Self {
        Self { n: self.n.saturating_add(1), ..self }
    }
}
