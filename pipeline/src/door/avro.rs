//! Avro container files of readings → readings, as canonical Avro bytes.
//!
//! A file written with today's `reading.avsc` is read by the hand-written codec. One of any other
//! writer schema is decoded by `apache-avro`, and its fields are taken by name
//! (`by_name.rs`).

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value};
use zeitgeber_schemas::{
    Envelope, Environment, FieldSet, Imu, ReadingBody, Reason, Values, catalogue,
};

use super::{
    Head, Options, Refusal, admit, by_name,
    container::{BLOCK_BYTES_MAX, Container, invalid},
    fields::{Fault, missing},
    json::{Numbers, measures},
    refusal_of,
};

/// Most records that are decoded ahead of their turn.
const AHEAD_MAX: u64 = 256;

/// Reads one reading from bytes that follow today's schema, and appends it to `out`.
///
/// What it takes from the front of `from` is exactly one reading, refused or not. Bytes that do
/// not follow the schema are refused as `not_avro`, and `from` stays as it was.
pub fn reading<'a>(
    from: &mut &'a [u8],
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    let mut rest = *from;
    let read = Envelope::get(&mut rest).and_then(|e| Ok((e, ReadingBody::get(&mut rest)?)));
    let (envelope, body) =
        read.map_err(|error| Box::new(Refusal::new(Reason::NotAvro, error.to_string())))?;
    *from = rest;
    checked(envelope, body, options, out)
}

/// What a reading of another writer's schema is decoded into.
#[derive(Debug)]
pub struct Scratch {
    value: Value,
    numbers: Numbers,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { value: Value::Null, numbers: Numbers::default() }
    }
}

/// Reads one reading from bytes that follow another writer's schema, field by field and by name,
/// and appends it to `out`.
pub fn reading_of<'a>(
    writer: &Schema,
    from: &mut &[u8],
    scratch: &'a mut Scratch,
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    let not_avro = |error: apache_avro::Error| Refusal::new(Reason::NotAvro, error.to_string());
    let reader = GenericDatumReader::builder(writer).build().map_err(not_avro)?;
    scratch.value = reader.read_value(from).map_err(not_avro)?;
    resolved(&scratch.value, &mut scratch.numbers, options, out)
}

/// One record of a container.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its bytes in the writer's schema.
    pub raw: &'a [u8],
    /// The reading as appended, or why not.
    pub outcome: Result<Head<'a>, Box<Refusal>>,
}

/// The readings of a container file.
pub struct Readings<R> {
    container: Container<R>,
    writer: Schema,
    is_current: bool,
    /// Where the next record begins in the block, and how many there are left.
    at: usize,
    left: u64,
    number: u64,
    ahead: VecDeque<(Value, usize)>,
    value: Value,
    numbers: Numbers,
}

impl<R: Read> Readings<R> {
    /// Reads the header. An error where the file is no container or holds something else.
    pub fn open(input: R) -> io::Result<Self> {
        apache_avro::util::max_allocation_bytes(BLOCK_BYTES_MAX as usize);
        let container = Container::open(input)?;
        let writer = Schema::parse_str(&container.schema).map_err(invalid)?;
        let is_current = is_today(&writer);
        if !is_current && !is_reading(&writer) {
            let name = writer.name().map_or("no record".into(), |name| format!("`{name}`"));
            return Err(invalid(format!(
                "an Avro container of {name}, not of readings; a reading is a record of \
                 `envelope` and `body`, the latter with `values`"
            )));
        }
        Ok(Self {
            container,
            writer,
            is_current,
            at: 0,
            left: 0,
            number: 0,
            ahead: VecDeque::new(),
            value: Value::Null,
            numbers: Numbers::default(),
        })
    }

    /// The schema that it was written in, JSON.
    pub fn schema(&self) -> &str {
        &self.container.schema
    }

    /// The number of the record read last, from 1; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next record and appends it to `out`. An error comes after every record before
    /// it, and nothing is to be read after it.
    pub fn next(&mut self, options: &Options, out: &mut Vec<u8>) -> io::Result<Option<Record<'_>>> {
        while self.left == 0 {
            if self.at < self.container.block().len() {
                return Err(invalid("a block has bytes behind its last record"));
            }
            match self.container.advance()? {
                None => return Ok(None),
                Some(count) => (self.left, self.at) = (count, 0),
            }
        }
        let follows_codec = self.is_current && self.ahead.is_empty() && {
            let mut rest = &self.container.block()[self.at..];
            Envelope::get(&mut rest).and_then(|_| ReadingBody::get(&mut rest)).is_ok()
        };
        if !follows_codec && self.ahead.is_empty() {
            self.decode_ahead()?;
        }
        self.left -= 1;
        self.number += 1;
        let Self { container, at, number, ahead, value, numbers, .. } = self;
        let record = &container.block()[*at..];
        let (length, outcome) = match ahead.pop_front() {
            Some((next, length)) => {
                *value = next;
                (length, resolved(value, numbers, options, out))
            }
            None => {
                let mut rest = record;
                let outcome = reading(&mut rest, options, out);
                (record.len() - rest.len(), outcome)
            }
        };
        *at += length;
        Ok(Some(Record { number: *number, raw: &record[..length], outcome }))
    }

    /// Decodes records by the writer's schema, for which the crate wants a reader prepared.
    fn decode_ahead(&mut self) -> io::Result<()> {
        let reader = GenericDatumReader::builder(&self.writer).build().map_err(invalid)?;
        let mut rest = &self.container.block()[self.at..];
        for _ in 0..self.left.min(AHEAD_MAX) {
            let before = rest.len();
            match reader.read_value(&mut rest) {
                Ok(value) => self.ahead.push_back((value, before - rest.len())),
                Err(error) if self.ahead.is_empty() => return Err(invalid(error)),
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// The schema of a reading, as it stands today.
pub fn today() -> Schema {
    let text = catalogue::ALL.iter().find(|text| text.name == "reading");
    let text = text.expect("the catalogue has each input, which its own test holds");
    Schema::parse_str(text.json).expect("the catalogue's texts parse, which its own test holds")
}

/// Whether a writer's schema is that of a reading as it stands today: same names, same bytes.
/// (Not by canonical forms: `apache-avro` panics at those of some schemas that it parses.)
pub fn is_today(schema: &Schema) -> bool {
    *schema == today()
}

/// Whether a writer's schema describes readings, of whatever version.
pub fn is_reading(schema: &Schema) -> bool {
    let Schema::Record(record) = schema else {
        return false;
    };
    let Some(body) = record.fields.iter().find(|field| field.name == "body") else {
        return false;
    };
    let has_values = match &body.schema {
        Schema::Record(body) => body.fields.iter().any(|field| field.name == "values"),
        _ => false,
    };
    has_values && record.fields.iter().any(|field| field.name == "envelope")
}

fn resolved<'a>(
    value: &'a Value,
    numbers: &mut Numbers,
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    let (envelope, body) = by_name::parts(value, numbers)
        .map_err(|(reason, detail)| Box::new(Refusal::new(reason, detail)))?;
    checked(envelope, body, options, out)
}

/// Checks what the schema cannot say, and admits the reading.
fn checked<'a>(
    envelope: Envelope<'a>,
    mut body: ReadingBody<'_>,
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    let fault = match &mut body.values {
        Values::Imu(imu) => imu_fault(imu),
        Values::Hrv(rr_ms) => not_finite(rr_ms.iter(), "rr_ms"),
        Values::Environment(environment) => {
            drop_infinite(environment);
            None
        }
    };
    match fault {
        Some((reason, detail)) => Err(Box::new(refusal_of(&envelope, body.kind(), reason, detail))),
        None => admit(envelope, body, options, out),
    }
}

fn imu_fault(imu: &Imu<'_>) -> Option<Fault> {
    let scalars = [
        imu.activity_counts,
        imu.enmo_mg,
        imu.steps,
        imu.lying,
        imu.intensity,
        imu.epoch_s,
        imu.fs_hz,
    ];
    if !measures(imu) {
        return Some(missing("values.activity_counts (or another)"));
    }
    for (name, list) in [("acc_g", imu.acc_g), ("gyro_dps", imu.gyro_dps)] {
        if list.len() % 3 != 0 {
            let detail = format!("`{name}` has {} numbers, not x, y, z of each", list.len());
            return Some((Reason::WrongType, detail));
        }
    }
    not_finite(scalars.into_iter().flatten(), "values")
        .or_else(|| not_finite(imu.acc_g.iter(), "acc_g"))
        .or_else(|| not_finite(imu.gyro_dps.iter(), "gyro_dps"))
}

fn not_finite(mut numbers: impl Iterator<Item = f64>, name: &str) -> Option<Fault> {
    let found = numbers.find(|number| !number.is_finite())?;
    Some((Reason::WrongType, format!("`{name}` has {found}, which is no number")))
}

/// Leaves out what is no number, as for JSON, and bits that name no field.
fn drop_infinite(environment: &mut Environment) {
    let Environment { lux, medi_lux, temp_c, noise_db, malformed } = environment;
    malformed.0 &= (1 << FieldSet::NAMES.len()) - 1;
    for (bit, field) in [lux, medi_lux, temp_c, noise_db].into_iter().enumerate() {
        if field.is_some_and(|value| !value.is_finite()) {
            *field = None;
            malformed.0 |= 1 << bit;
        }
    }
}
