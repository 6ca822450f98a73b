//! One stored event → one output record.
//!
//! The value is where and whose the event is, then its payload as it stands in the log, so that
//! writing it is copying. The key is the person's or the pool's, the partition the log's own.

use std::{borrow::Cow, fmt::Write};

use rdkafka::message::{Header, OwnedHeaders};
use zeitgeber_schemas::{
    SchemaId, Unreadable, partition_key,
    wire::{from_bytes, get_bytes, get_long, get_str, put_bytes, put_long},
};

use super::registry::{carries, keeps_raw};
use crate::{
    config::Format,
    journal::EventRef,
    query::{QueryError, Topic, Visit, event_rows},
};

/// Header of an output: its id, the same whenever it is published: log, partition, position.
pub const HEADER_ID: &str = "zeitgeber-id";
/// Header of an output: where the event stands in the log, `PARTITION:POSITION`.
pub const HEADER_POSITION: &str = "zeitgeber-position";
/// Header of an output: the event's type.
pub const HEADER_SCHEMA: &str = "zeitgeber-schema";
/// Header of a dead letter: the source of the refused input, and its line (or offset and one).
const HEADER_SOURCE: &str = "zeitgeber-source";
/// Header of every record: the form of its value.
pub(super) const HEADER_CONTENT_TYPE: &str = "content-type";
/// The content type of a value in JSON.
pub(super) const JSON: &str = "application/json";
/// The content type of a value in Avro behind its schema's id.
pub(super) const AVRO: &str = "application/vnd.confluent.avro";

/// Makes output records.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    /// By the number of the event's schema.
    ids: Vec<u32>,
    /// The id of the last record: the log's name, a colon, the position.
    id: String,
    /// Where the position begins in it.
    position_at: usize,
    value: Vec<u8>,
    key: Vec<u8>,
}

/// An output record, lent.
#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    pub(super) headers: OwnedHeaders,
}

/// What ids begin with: the first bytes of the log's id.
pub(super) fn log_name(log_id: [u8; 16]) -> String {
    log_id[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Encoder {
    pub(super) fn new(format: Format, ids: Vec<u32>, log_id: [u8; 16]) -> Self {
        let id = format!("{}:", log_name(log_id));
        let position_at = id.len();
        Self { format, ids, id, position_at, value: Vec::new(), key: Vec::new() }
    }

    /// The topic of an event that is published: sealed ones are nobody else's to read.
    pub(super) fn topic(event: &EventRef<'_>) -> Option<Topic> {
        Topic::of(event.schema).filter(|_| event.seal == 0)
    }

    /// The record of the entry's event `index`.
    pub(super) fn record(
        &mut self,
        met: &Visit<'_>,
        index: u64,
        event: &EventRef<'_>,
    ) -> Result<Output<'_>, QueryError> {
        let user_id = match met.subject {
            Some(subject) => Some(Cow::Borrowed(&*subject.user_id)),
            None => met.user_id().map(Cow::Owned),
        };
        self.key.clear();
        match &user_id {
            Some(user_id) => {
                let key = partition_key(met.entry.tenant, user_id);
                self.key.extend_from_slice(key.as_bytes());
            }
            None if met.entry.schema == SchemaId::Unreadable && met.entry.seal == 0 => {
                let body = from_bytes::<Unreadable>(met.entry.payload);
                self.key = body.map_err(|error| met.fault(error))?.key.0;
            }
            None => {}
        }
        self.value.clear();
        match self.format {
            Format::Avro => self.avro(met, index, event, user_id.as_deref()),
            Format::Json => {
                let n = met.position(index);
                let rows = event_rows(met, |schema| schema == event.schema)?;
                let row = rows.into_iter().find(|row| row.position == n);
                serde_json::to_writer(&mut self.value, &row)
                    .map_err(|error| QueryError::Output(error.into()))?;
            }
        }
        let headers = self.headers(met, index, event.schema);
        let key = (!self.key.is_empty()).then_some(self.key.as_slice());
        Ok(Output { key, value: &self.value, headers })
    }

    fn avro(&mut self, met: &Visit<'_>, index: u64, event: &EventRef<'_>, user_id: Option<&str>) {
        let (entry, position) = (met.entry, met.position(index));
        let out = &mut self.value;
        out.push(0);
        out.extend_from_slice(&self.ids[event.schema as usize].to_be_bytes());
        put_long(i64::from(position.partition.0), out);
        put_long(position.n as i64, out);
        put_bytes(entry.tenant.as_bytes(), out);
        optional(user_id, out, |user, out| put_bytes(user.as_bytes(), out));
        put_bytes(entry.id.as_bytes(), out);
        put_long(entry.ts, out);
        optional(entry.recv_ts, out, put_long);
        if let Some(body) = carries(event.schema) {
            let body = (entry.schema == body && entry.seal == 0).then_some(entry.payload);
            optional(body, out, |body, out| out.extend_from_slice(body));
        }
        if keeps_raw(event.schema) {
            optional(entry.raw, out, |raw, out| put_bytes(raw.head, out));
        }
        out.extend_from_slice(event.payload);
    }

    fn headers(&mut self, met: &Visit<'_>, index: u64, schema: SchemaId) -> OwnedHeaders {
        self.id.truncate(self.position_at);
        write!(self.id, "{}", met.position(index)).expect("text takes any text");
        let media = match self.format {
            Format::Avro => AVRO,
            Format::Json => JSON,
        };
        let mut headers = OwnedHeaders::new_with_capacity(4)
            .insert(header(HEADER_ID, &self.id))
            .insert(header(HEADER_POSITION, &self.id[self.position_at..]))
            .insert(header(HEADER_SCHEMA, schema.as_str()))
            .insert(header(HEADER_CONTENT_TYPE, media));
        let source = (met.entry.source as usize).checked_sub(1);
        let source = source.and_then(|at| met.header.cursors.get(at));
        if let Some(source) = source.filter(|_| Topic::of(schema) == Some(Topic::DeadLetters)) {
            let place = format!("{}:{}", source.name, met.entry.line);
            headers = headers.insert(header(HEADER_SOURCE, &place));
        }
        headers
    }
}

/// The id of the input that led to an output, of the output's value in Avro.
pub fn input_id_of(value: &[u8]) -> Option<String> {
    let mut rest = value.strip_prefix(&[0])?.get(4..)?;
    let rest = &mut rest;
    get_long(rest).ok()?;
    get_long(rest).ok()?;
    get_bytes(rest).ok()?;
    if get_long(rest).ok()? == 1 {
        get_bytes(rest).ok()?;
    }
    get_str(rest).ok().map(Into::into)
}

const fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}

fn optional<T>(value: Option<T>, out: &mut Vec<u8>, put: impl FnOnce(T, &mut Vec<u8>)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(2);
            put(value, out);
        }
    }
}
