//! One record → one input, by the same doors as HTTP and files.
//!
//! Whatever cannot be used is refused in place: an input of the record's own partition, so that
//! its cursor stands in the chain that covers it (BUS-2). Topic, partition and offset of a refused
//! record are those of its source.

use std::sync::{Arc, atomic::AtomicBool};

use zeitgeber_schemas::{Envelope, PartitionId, Reason};

use super::{Input, Meter, refused, registry::Schemas};
use crate::{
    config::{Format, Misplaced},
    cycle::Raw,
    door::{Options, Refusal, avro, feedback, profile, tasks},
    ingest::{Intake, feedback_partition, partition_of},
};

/// Bytes of Confluent's frame: a zero, then the schema's id, big-endian.
pub(super) const FRAME_BYTES: usize = 5;

/// A record as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) input: Input,
    pub(super) partition: PartitionId,
    /// Its place in the source: the offset and one.
    pub(super) line: u64,
    pub(super) value: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the intake, as an input or as a dead letter.
    Here,
    /// It belongs to another partition, where it is to be produced again.
    Forward(PartitionId),
}

/// How records are decoded.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) partitions: u16,
    pub(super) inputs: Format,
    pub(super) misplaced: Misplaced,
    pub(super) bytes_max: usize,
    pub(super) schemas: Schemas,
    pub(super) meter: Arc<Meter>,
    /// Nothing is waited for any more, and nothing taken is handed over.
    pub(super) stop: Arc<AtomicBool>,
    buffer: Vec<u8>,
}

/// Where a record belongs, or why it is refused.
type Placed = Result<PartitionId, Box<Refusal>>;

impl Door {
    pub(super) fn new(
        partitions: u16,
        (inputs, misplaced): (Format, Misplaced),
        bytes_max: usize,
        (schemas, meter): (Schemas, Arc<Meter>),
        stop: Arc<AtomicBool>,
    ) -> Self {
        let buffer = Vec::new();
        Self { partitions, inputs, misplaced, bytes_max, schemas, meter, stop, buffer }
    }

    /// Takes a record into an intake that is pinned to the record's partition.
    pub(super) fn take(
        &mut self,
        record: &Record<'_>,
        options: &Options,
        intake: &mut Intake,
    ) -> Taken {
        let raw = record.value.unwrap_or_default();
        self.meter.took(record.input, raw.len());
        if record.content_type == Some(refused::CONTENT_TYPE.as_bytes())
            && let Some((refusal, kept)) = refused::read(raw)
        {
            self.meter.dead(record.input);
            let head = kept.head.0.clone();
            intake.refused(record.line, &refusal, &head, Raw::Kept(Box::new(kept)));
            return Taken::Here;
        }
        let refused = match self.read(record, options, intake) {
            Ok(partition) if partition == record.partition => return Taken::Here,
            Ok(elsewhere) => {
                self.meter.misplaced(record.input);
                if self.misplaced == Misplaced::Forward {
                    self.meter.forwarded(record.input);
                    return Taken::Forward(elsewhere);
                }
                let detail = format!(
                    "its key belongs to partition {elsewhere}, it was found on {}: produce with \
                     the murmur2 partitioner, or set kafka.misplaced to forward",
                    record.partition
                );
                Box::new(Refusal::new(Reason::Conflict, detail))
            }
            Err(refusal) => refusal,
        };
        self.meter.dead(record.input);
        let mut refused = refused;
        refused.recv_ts = refused.recv_ts.or(options.stamp_ms);
        intake.refused_bytes(record.line, &refused, raw);
        Taken::Here
    }

    fn read(&mut self, record: &Record<'_>, options: &Options, intake: &mut Intake) -> Placed {
        let refused = |reason, detail: &str| Err(Box::new(Refusal::new(reason, detail)));
        let Some(value) = record.value else {
            return refused(Reason::Empty, "a tombstone: the record has no value");
        };
        if value.len() > self.bytes_max {
            return Err(Box::new(Refusal::oversized_line(value.len() as u64, self.bytes_max)));
        }
        match self.format(record.content_type) {
            Some(Format::Json) => self.json(record, value, options, intake),
            Some(Format::Avro) if record.input == Input::Readings => {
                self.avro(record, value, options, intake)
            }
            Some(Format::Avro) => {
                refused(Reason::NotAvro, "this topic takes JSON; only readings come as Avro, too")
            }
            None => refused(
                Reason::WrongType,
                "the content-type header names neither JSON nor Avro (application/json, \
                 application/vnd.confluent.avro)",
            ),
        }
    }

    /// The form that the header names, or the configured one without a header.
    fn format(&self, content_type: Option<&[u8]>) -> Option<Format> {
        let Some(content_type) = content_type else { return Some(self.inputs) };
        let holds = |name: &[u8]| content_type.windows(name.len()).any(|part| part == name);
        if holds(b"json") { Some(Format::Json) } else { holds(b"avro").then_some(Format::Avro) }
    }

    fn json(
        &self,
        record: &Record<'_>,
        value: &[u8],
        options: &Options,
        intake: &mut Intake,
    ) -> Placed {
        let (line, here) = (record.line, record.partition);
        let person = |envelope: &Envelope<'_>| partition_of(envelope, self.partitions);
        match record.input {
            Input::Readings => intake.reading_in_place(line, value, options),
            Input::Control => {
                let mut profile = profile::profile(value)?;
                profile.recv_ts = profile.recv_ts.or(options.stamp_ms);
                let partition = person(&profile.envelope());
                if partition == here {
                    intake.take_profile(line, &profile);
                }
                Ok(partition)
            }
            Input::Tasks => {
                let Options { stamp_ms, door_now_ms, .. } = *options;
                let command = tasks::command(value, tasks::Arrival { stamp_ms, door_now_ms })?;
                let partition = person(&command.envelope());
                if partition == here {
                    intake.take_command(line, &command, value);
                }
                Ok(partition)
            }
            Input::Feedback => {
                let mut feedback = feedback::feedback(value)?;
                feedback.recv_ts = feedback.recv_ts.or(options.stamp_ms);
                let envelope = feedback.envelope();
                let partition = feedback_partition(&envelope, &feedback.body, self.partitions);
                if partition == here {
                    intake.take_feedback(line, &feedback, value);
                }
                Ok(partition)
            }
        }
    }

    fn avro(
        &mut self,
        record: &Record<'_>,
        value: &[u8],
        options: &Options,
        intake: &mut Intake,
    ) -> Placed {
        let not_avro = |detail: String| Box::new(Refusal::new(Reason::NotAvro, detail));
        let frame = value.split_first_chunk::<FRAME_BYTES>();
        let Some(([0, id @ ..], mut datum)) = frame else {
            return Err(not_avro("no frame: a zero byte and the schema's id come first".into()));
        };
        let id = u32::from_be_bytes(*id);
        self.buffer.clear();
        let schema = self.schemas.reading_patiently(id, &self.stop);
        let schema = schema.map_err(|error| not_avro(error.to_string()))?;
        let numbers = &mut avro::Scratch::default();
        let head = match schema {
            None => avro::reading(&mut datum, options, &mut self.buffer),
            Some(writer) => {
                avro::reading_of(writer, &mut datum, numbers, options, &mut self.buffer)
            }
        }?;
        if !datum.is_empty() {
            return Err(not_avro(format!("{} bytes follow the reading", datum.len())));
        }
        let partition = partition_of(&head.envelope, self.partitions);
        if partition == record.partition {
            intake.reading_avro(record.line, &head.envelope, &self.buffer);
        }
        Ok(partition)
    }
}
