//! Entries of the journal: from an input and its events to bytes, and back to what stages take.
//!
//! An entry's envelope stays in clear and its payload is the Avro body of the input. Canonical
//! bytes, which the digest covers, leave out the source place.

use zeitgeber_processors::flow::{Body, Input, content_fingerprint};
use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, Envelope, Event, FeedbackBody, PersonTickBody, ProfileBody,
    RawBytes, ReadingBody, SchemaId, TaskInput, Unreadable,
    wire::{Malformed, Wire, from_bytes, put_bytes, put_long},
};

use crate::journal::EntryRef;

/// A parsed input that owns what the borrowed [`Body`] points to.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A reading, borrowed from its bytes.
    Reading(ReadingBody<'a>),
    /// A profile.
    Profile(Box<ProfileBody>),
    /// Feedback.
    Feedback(FeedbackBody),
    /// A configuration.
    Configuration(Box<ConfigurationBody>),
    /// Not readable.
    Unreadable(Unreadable),
    /// The time, for a person.
    Tick(PersonTickBody),
    /// An order about decisions.
    Control(ControlBody),
    /// An input of a pool of agents.
    Task(TaskInput),
}

impl<'a> Parsed<'a> {
    /// Reads the body of an input schema.
    pub fn from_payload(schema: SchemaId, payload: &'a [u8]) -> Result<Self, Malformed> {
        Ok(match schema {
            SchemaId::Reading => {
                let mut rest = payload;
                let body = ReadingBody::get(&mut rest)?;
                if !rest.is_empty() {
                    return Err(Malformed::Range);
                }
                Self::Reading(body)
            }
            SchemaId::Profile => Self::Profile(Box::new(from_bytes(payload)?)),
            SchemaId::Feedback => Self::Feedback(from_bytes(payload)?),
            SchemaId::Configuration => Self::Configuration(Box::new(from_bytes(payload)?)),
            SchemaId::Unreadable => Self::Unreadable(from_bytes(payload)?),
            SchemaId::PersonTick => Self::Tick(from_bytes(payload)?),
            SchemaId::Control => Self::Control(from_bytes(payload)?),
            schema => Self::Task(TaskInput::from_payload(schema, payload)?),
        })
    }

    /// The input for the stages.
    pub fn input<'b>(&'b self, envelope: Envelope<'b>, payload: &[u8]) -> Input<'b>
    where
        'a: 'b,
    {
        let (body, content) = match self {
            Self::Reading(body) => {
                (Body::Reading(*body), content_fingerprint(envelope.ts, payload))
            }
            Self::Profile(body) => (Body::Profile(body), 0),
            Self::Feedback(body) => (Body::Feedback(body), 0),
            Self::Configuration(body) => (Body::Configuration(body), 0),
            Self::Unreadable(body) => (Body::Unreadable(body), 0),
            Self::Tick(body) => (Body::Tick(body), 0),
            Self::Control(body) => (Body::Control(body), 0),
            Self::Task(body @ TaskInput::Task(_)) => {
                (Body::Task(body), content_fingerprint(0, payload))
            }
            Self::Task(body) => (Body::Task(body), 0),
        };
        Input { envelope, body, content }
    }
}

/// Where an input came from: the source's index in the chunk header (0: none) and its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Index from 1 among the header's cursors; 0 for an input without a source.
    pub source: u32,
    /// Line (or record) from 1.
    pub line: u64,
}

/// Everything an entry is made of.
#[derive(Debug)]
pub struct EntryParts<'a> {
    /// The subject's number.
    pub subject: u64,
    /// Who, which, when.
    pub envelope: Envelope<'a>,
    /// The input's schema.
    pub schema: SchemaId,
    /// Where it came from.
    pub place: Place,
    /// The bytes as they came, where it was refused.
    pub raw: Option<&'a RawBytes>,
    /// Avro body.
    pub payload: &'a [u8],
    /// What it caused.
    pub events: &'a [Event],
}

impl EntryParts<'_> {
    /// Appends the entry's Avro bytes; `scratch` is overwritten.
    pub fn put(&self, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        put_long(self.subject as i64, out);
        put_bytes(self.envelope.tenant.as_bytes(), out);
        self.schema.put(out);
        put_bytes(self.envelope.id.as_bytes(), out);
        put_long(self.envelope.ts, out);
        self.envelope.recv_ts.put(out);
        self.place.source.put(out);
        self.place.line.put(out);
        match self.raw {
            None => out.push(0),
            Some(raw) => {
                out.push(2);
                raw.put(out);
            }
        }
        out.push(0);
        put_bytes(self.payload, out);
        if !self.events.is_empty() {
            put_long(self.events.len() as i64, out);
            for event in self.events {
                event.schema().put(out);
                out.push(0);
                scratch.clear();
                event.put_payload(scratch);
                put_bytes(scratch, out);
            }
        }
        out.push(0);
    }
}

/// BLAKE3 of an input's bytes, cut to 16.
pub fn raw_hash(raw: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(raw).as_bytes()[..16]);
    hash
}

/// Feeds an entry's canonical bytes, whatever the chunk boundaries and the source, to a digest.
pub fn digest_entry(entry: &EntryRef<'_>, scratch: &mut Vec<u8>, hasher: &mut blake3::Hasher) {
    scratch.clear();
    put_long(entry.subject as i64, scratch);
    put_bytes(entry.tenant.as_bytes(), scratch);
    entry.schema.put(scratch);
    put_bytes(entry.id.as_bytes(), scratch);
    put_long(entry.ts, scratch);
    entry.recv_ts.put(scratch);
    if let Some(raw) = &entry.raw {
        scratch.extend_from_slice(&raw.hash);
    }
    put_bytes(entry.payload, scratch);
    for recorded in entry.events.clone() {
        recorded.schema.put(scratch);
        put_bytes(recorded.payload, scratch);
    }
    scratch.push(0xff);
    hasher.update(scratch);
}
