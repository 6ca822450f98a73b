//! Inputs of a file cut into requests: whole lines, or records in a container of their own.
//!
//! Memory is bounded by one batch and the longest line, whatever the file holds. Each batch knows
//! the number of its first line in the file, so that answers can be told in the file's numbers.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use zeitgeber_schemas::{SchemaId, wire::put_long};

use crate::door::{
    Head, Options, Refusal, feedback,
    files::{Content, FileLines, FileRecords, ReadError},
    json,
    lines::Line,
    tasks,
};

/// Bytes at which a batch is full.
const BATCH_BYTES: usize = 1 << 20;
/// Inputs at which a batch is full.
const BATCH_INPUTS: usize = 8_192;
/// Longest line that is sent, bytes.
pub const LINE_BYTES_MAX: usize = 8 << 20;
/// Longest time that an input of a stream waits for company.
const COMPANY: Duration = Duration::from_millis(100);
/// The marker behind each block of a container. A container here has one block, so it tells
/// nothing; it only has to stand there.
const SYNC: [u8; 16] = *b"zeitgeber batch\n";

/// What a batch is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Lines,
    /// Records in this writer's schema (JSON).
    Records(Arc<str>),
}

impl Format {
    /// Its media type.
    pub const fn media_type(&self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Records(_) => "application/vnd.apache.avro",
        }
    }
}

/// Whom an input is about, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// The person.
    pub user_id: Option<String>,
    /// The kind.
    pub kind: Option<String>,
}

/// What one request carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The first input's number in the file, from 1.
    pub first: u64,
    /// Whom each input is about, where that was asked for.
    pub who: Vec<Who>,
    format: Format,
    bytes: Vec<u8>,
    /// Where each input ends in the bytes.
    ends: Vec<usize>,
}

/// The next piece of a file.
#[derive(Debug)]
pub enum Cut {
    /// Inputs to send.
    Batch(Batch),
    /// A line too long to be sent.
    TooLong {
        /// Its number in the file.
        line: u64,
        /// Its length, bytes.
        length: u64,
    },
    /// Nothing at the moment.
    Pause,
    /// Nothing more.
    End,
}

/// Cuts what a file holds into batches.
pub struct Batches {
    content: Content,
    format: Format,
    /// Reads whom a line is about; none where nobody asks.
    reader: Option<fn(&[u8], &mut json::Scratch) -> Who>,
    scratch: json::Scratch,
    is_live: bool,
    /// What ended the last batch.
    held: Option<Result<Cut, ReadError>>,
}

impl Batch {
    fn new(format: Format) -> Self {
        Self { first: 0, who: Vec::new(), format, bytes: Vec::new(), ends: Vec::new() }
    }

    /// How many inputs it carries.
    pub const fn inputs(&self) -> usize {
        self.ends.len()
    }

    /// What it is written in.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// The request's body.
    pub fn body(&self) -> Cow<'_, [u8]> {
        match &self.format {
            Format::Lines => Cow::Borrowed(&self.bytes),
            Format::Records(schema) => Cow::Owned(container(schema, self.inputs(), &self.bytes)),
        }
    }

    /// Both halves; none of a single input.
    pub fn halves(mut self) -> Option<(Self, Self)> {
        let half = self.inputs() / 2;
        let cut = *self.ends.get(half.checked_sub(1)?)?;
        let second = Self {
            first: self.first + half as u64,
            who: self.who.split_off(half.min(self.who.len())),
            format: self.format.clone(),
            bytes: self.bytes.split_off(cut),
            ends: self.ends.split_off(half).into_iter().map(|end| end - cut).collect(),
        };
        Some((self, second))
    }

    fn push(&mut self, number: u64, bytes: &[u8], who: Option<Who>) {
        if self.ends.is_empty() {
            self.first = number;
        }
        self.bytes.extend_from_slice(bytes);
        if self.format == Format::Lines {
            self.bytes.push(b'\n');
        }
        self.ends.push(self.bytes.len());
        self.who.extend(who);
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES || self.inputs() >= BATCH_INPUTS
    }
}

impl Batches {
    /// Batches of an opened file. `who` says whom its lines are about, where outcomes are told.
    pub fn new(
        content: Content,
        is_live: bool,
        who: Option<fn(&[u8], &mut json::Scratch) -> Who>,
    ) -> Self {
        let format = match &content {
            Content::Lines(_) => Format::Lines,
            Content::Records(records) => Format::Records(records.schema().into()),
        };
        let scratch = json::Scratch::default();
        Self { content, format, reader: who, scratch, is_live, held: None }
    }

    /// The next piece. An error comes after everything that stands before it.
    pub fn next_cut(&mut self) -> Result<Cut, ReadError> {
        if let Some(held) = self.held.take() {
            return held;
        }
        let mut batch = Batch::new(self.format.clone());
        let begun = Instant::now();
        let after = loop {
            let added = match &mut self.content {
                Content::Lines(lines) => {
                    add_line(lines, &mut batch, self.reader, &mut self.scratch)
                }
                Content::Records(records) => add_record(records, &mut batch, self.reader.is_some()),
            };
            match added {
                Ok(None) if batch.is_full() => break None,
                Ok(None) if self.is_live && begun.elapsed() > COMPANY => break None,
                Ok(None) => {}
                Ok(Some(cut)) => break Some(Ok(cut)),
                Err(error) if pauses(&error) => break Some(Ok(Cut::Pause)),
                Err(error) => break Some(Err(error)),
            }
        };
        if batch.inputs() == 0 {
            return after.unwrap_or(Ok(Cut::End));
        }
        // A pause is over once the batch is on its way.
        self.held = after.filter(|after| !matches!(after, Ok(Cut::Pause)));
        Ok(Cut::Batch(batch))
    }
}

fn pauses(error: &ReadError) -> bool {
    error.source.kind() == std::io::ErrorKind::WouldBlock
}

/// Adds one line, or says what stands there instead.
fn add_line(
    lines: &mut FileLines,
    batch: &mut Batch,
    reader: Option<fn(&[u8], &mut json::Scratch) -> Who>,
    scratch: &mut json::Scratch,
) -> Result<Option<Cut>, ReadError> {
    match lines.next()? {
        None => Ok(Some(Cut::End)),
        Some((line, Line::Oversized(raw))) => Ok(Some(Cut::TooLong { line, length: raw.length })),
        Some((number, Line::Whole(line))) => {
            let who = reader.map(|reader| reader(line, scratch));
            batch.push(number, line, who);
            Ok(None)
        }
    }
}

fn add_record(
    records: &mut FileRecords,
    batch: &mut Batch,
    tells: bool,
) -> Result<Option<Cut>, ReadError> {
    let mut scratch = Vec::new();
    let Some(record) = records.next(&ANY_TIME, &mut scratch)? else {
        return Ok(Some(Cut::End));
    };
    let who = tells.then(|| who(&record.outcome));
    batch.push(record.number, record.raw, who);
    Ok(None)
}

/// Whether a reading is on time is for the service to say.
const ANY_TIME: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

/// Whom a line of readings is about.
pub(super) fn reading_who(line: &[u8], scratch: &mut json::Scratch) -> Who {
    let mut encoded = Vec::new();
    who(&json::reading(line, &ANY_TIME, scratch, &mut encoded))
}

/// Which pool a line of inputs is about.
pub(super) fn command_who(line: &[u8], _: &mut json::Scratch) -> Who {
    let at_any_time = tasks::Arrival { stamp_ms: None, door_now_ms: i64::MAX };
    match tasks::command(line, at_any_time) {
        Ok(read) => {
            Who { user_id: Some(read.pool), kind: Some(read.body.schema().as_str().to_owned()) }
        }
        Err(refusal) => refused_who(&refusal),
    }
}

/// Whom a line of feedback is about.
pub(super) fn feedback_who(line: &[u8], _: &mut json::Scratch) -> Who {
    match feedback::feedback(line) {
        Ok(read) => {
            Who { user_id: read.user_id, kind: Some(SchemaId::Feedback.as_str().to_owned()) }
        }
        Err(refusal) => refused_who(&refusal),
    }
}

fn who(read: &Result<Head<'_>, Box<Refusal>>) -> Who {
    match read {
        Ok(head) => Who {
            user_id: Some(head.envelope.user_id).filter(|id| !id.is_empty()).map(Into::into),
            kind: Some(head.kind.as_str().to_owned()),
        },
        Err(refusal) => refused_who(refusal),
    }
}

fn refused_who(refusal: &Refusal) -> Who {
    let user_id = refusal.user_id.clone().filter(|id| !id.is_empty());
    Who { user_id, kind: refusal.kind.clone() }
}

/// An object container of one block (Avro 1.12, "Object Container Files").
fn container(schema: &str, records: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = b"Obj\x01".to_vec();
    let sized = |text: &[u8], out: &mut Vec<u8>| {
        put_long(text.len() as i64, out);
        out.extend_from_slice(text);
    };
    put_long(1, &mut out);
    sized(b"avro.schema", &mut out);
    sized(schema.as_bytes(), &mut out);
    put_long(0, &mut out);
    out.extend_from_slice(&SYNC);
    put_long(records as i64, &mut out);
    sized(bytes, &mut out);
    out.extend_from_slice(&SYNC);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(format: Format, inputs: &[&str]) -> Batch {
        let mut batch = Batch::new(format);
        for (input, number) in inputs.iter().zip(7..) {
            let who = Who { user_id: Some((*input).into()), kind: None };
            batch.push(number, input.as_bytes(), Some(who));
        }
        batch
    }

    #[test]
    fn halves_of_a_batch_carry_each_input_once_under_its_number() {
        let (first, second) =
            batch(Format::Lines, &["a", "bb", "ccc"]).halves().expect("three can be halved");
        assert_eq!((first.first, first.inputs(), &*first.body()), (7, 1, &b"a\n"[..]));
        assert_eq!((second.first, second.inputs(), &*second.body()), (8, 2, &b"bb\nccc\n"[..]));
        let (last, lone) = second.halves().expect("two can be halved");
        assert_eq!((last.first, &*last.body()), (8, &b"bb\n"[..]));
        assert_eq!((lone.first, &*lone.body()), (9, &b"ccc\n"[..]));
        assert_eq!(lone.who[0].user_id.as_deref(), Some("ccc"));
        assert_eq!(lone.halves(), None, "one input cannot be halved");
    }

    #[test]
    fn halves_of_records_are_containers_of_their_own() {
        let schema = Format::Records("\"bytes\"".into());
        let (first, second) =
            batch(schema, &["\u{2}a", "\u{2}b", "\u{2}c"]).halves().expect("three can be halved");
        for (half, held) in [(first, &["a"][..]), (second, &["b", "c"])] {
            let body = half.body().into_owned();
            let read = apache_avro::Reader::new(body.as_slice()).expect("a container");
            let values: Vec<_> = read.map(|value| value.expect("a value")).collect();
            let held: Vec<_> =
                held.iter().map(|text| apache_avro::types::Value::Bytes((*text).into())).collect();
            assert_eq!(values, held);
        }
    }
}
