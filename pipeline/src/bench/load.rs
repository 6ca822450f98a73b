//! The load: the sample's lines, dirt included, cut into stretches and given to many people.
//!
//! Person `i` gets a stretch of one sample person's lines, with names and ids of their own; the
//! share of each sample person is their share of the lines, so that the mix of kinds and dirt is
//! the sample's. People take turns line by line, as they would in a live stream.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use zeitgeber_processors::flow::{Desk, State};
use zeitgeber_schemas::{ConfigurationBody, Envelope, PartitionId, SchemaId, wire};

use super::Plan;
use crate::{
    demo::{sample_lines, sample_profiles},
    door::{Options, Refusal, json, profile::Profile},
    record::Parsed,
};

/// Why the load could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The compiled-in sample is not what it should be.
    #[error("the compiled-in sample cannot be read: {0}")]
    Sample(String),
    /// Too few readings for the people.
    #[error("{readings} readings are too few for {people} people: at least 10 for each")]
    TooFew {
        /// Readings asked for.
        readings: usize,
        /// People asked for.
        people: usize,
    },
}

/// Lines for many people, and the same as Avro.
#[derive(Debug)]
pub struct Load {
    profiles: Vec<Profile>,
    lines: Bytes,
    avro: Bytes,
}

/// Byte strings, one after the other.
#[derive(Debug, Default)]
struct Bytes {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Bytes {
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let item = &self.bytes[start..end];
            start = end;
            item
        })
    }

    fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

impl Load {
    /// Cuts the sample for the plan.
    pub fn new(plan: Plan) -> Result<Self, LoadError> {
        let Plan { people, readings } = plan;
        let each = readings / people.max(1);
        if each < 10 {
            return Err(LoadError::TooFew { readings, people });
        }
        let sample = sample_lines().map_err(LoadError::Sample)?;
        let profiles = sample_profiles().map_err(|refusal| fault(&refusal))?;
        let by_person: Vec<Vec<&[u8]>> = profiles
            .iter()
            .map(|profile| {
                let quoted = format!("\"{}", profile.user_id);
                sample.iter().map(|l| l.as_slice()).filter(|l| contains(l, &quoted)).collect()
            })
            .collect();
        let total: usize = by_person.iter().map(Vec::len).sum();
        let mut load =
            Self { profiles: Vec::new(), lines: Bytes::default(), avro: Bytes::default() };
        let mut stretches = Vec::new();
        for i in 0..people {
            // The person whose share of the lines holds the i-th point.
            let mut point = i * total / people;
            let template = by_person.iter().position(|lines| {
                let here = point < lines.len();
                if !here {
                    point -= lines.len();
                }
                here
            });
            let template = template.unwrap_or(0);
            let lines = &by_person[template];
            let start = point.min(lines.len().saturating_sub(each));
            let mut profile = profiles[template].clone();
            let old = profile.user_id.clone();
            profile.user_id = format!("{old}p{i}");
            stretches.push((old, profile.user_id.clone(), lines, start));
            load.profiles.push(profile);
        }
        let mut scratch = json::Scratch::default();
        for step in 0..each {
            for (old, new, lines, start) in &stretches {
                if let Some(line) = lines.get(start + step) {
                    load.put(line, old, new, &mut scratch);
                }
            }
        }
        Ok(load)
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.lines.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everybody's profile.
    pub fn profiles(&self) -> impl Iterator<Item = Profile> + '_ {
        self.profiles.iter().cloned()
    }

    /// Every reading as Avro; a line that no door can read stands as its bytes.
    pub fn avro(&self) -> impl Iterator<Item = &[u8]> {
        self.avro.iter()
    }

    /// Every line.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter()
    }

    /// Writes every line to a file.
    pub fn write_ndjson(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        for line in self.lines.iter() {
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// The whole sample folded into one partition, without a log.
    pub fn fold_sample(
        &self,
        partition: PartitionId,
        configuration: &ConfigurationBody,
    ) -> Result<State, LoadError> {
        let mut machine = Machine::new(partition);
        let mut bytes = Vec::new();
        envelope_of("", "configuration").put(&mut bytes);
        wire::Wire::put(configuration, &mut bytes);
        machine.take(SchemaId::Configuration, &bytes)?;
        for profile in sample_profiles().map_err(|refusal| fault(&refusal))? {
            bytes.clear();
            envelope_of(&profile.user_id, &profile.id).put(&mut bytes);
            wire::Wire::put(&profile.body, &mut bytes);
            machine.take(SchemaId::Profile, &bytes)?;
        }
        let mut scratch = json::Scratch::default();
        for line in sample_lines().map_err(LoadError::Sample)? {
            bytes.clear();
            let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
            if json::reading(&line, &options, &mut scratch, &mut bytes).is_ok() {
                machine.take(SchemaId::Reading, &bytes)?;
            }
        }
        Ok(machine.state)
    }

    fn put(&mut self, line: &[u8], old: &str, new: &str, scratch: &mut json::Scratch) {
        let start = self.lines.bytes.len();
        replace_into(line, &format!("\"{old}"), &format!("\"{new}"), &mut self.lines.bytes);
        self.lines.end();
        let renamed = &self.lines.bytes[start..];
        let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
        if json::reading(renamed, &options, scratch, &mut self.avro.bytes).is_err() {
            self.avro.bytes.extend_from_slice(renamed);
        }
        self.avro.end();
    }
}

/// Decide and apply without a log.
struct Machine {
    state: State,
    desk: Desk,
    events: Vec<zeitgeber_schemas::Event>,
}

impl Machine {
    fn new(partition: PartitionId) -> Self {
        Self { state: State::initial(partition), desk: Desk::new(), events: Vec::new() }
    }

    fn take(&mut self, schema: SchemaId, bytes: &[u8]) -> Result<(), LoadError> {
        let malformed = |error: wire::Malformed| LoadError::Sample(error.to_string());
        let mut payload = bytes;
        let envelope = Envelope::get(&mut payload).map_err(malformed)?;
        let parsed = Parsed::from_payload(schema, payload).map_err(malformed)?;
        let input = parsed.input(envelope, payload);
        let mut subject = self.state.subject_of(&input);
        self.state.decide(&mut self.desk, subject, &input, || [0; 16], &mut self.events);
        if subject == 0 {
            subject = self.state.next_subject();
        }
        for event in &self.events {
            self.state.apply(subject, &input, event, || [0; 16]);
        }
        Ok(())
    }
}

fn envelope_of<'a>(user_id: &'a str, id: &'a str) -> Envelope<'a> {
    Envelope { tenant: crate::door::DEFAULT_TENANT, user_id, id, ts: 0, recv_ts: None }
}

fn fault(refusal: &Refusal) -> LoadError {
    LoadError::Sample(refusal.detail.clone())
}

fn contains(line: &[u8], needle: &str) -> bool {
    memchr::memmem::find(line, needle.as_bytes()).is_some()
}

fn replace_into(line: &[u8], old: &str, new: &str, out: &mut Vec<u8>) {
    let mut at = 0;
    for found in memchr::memmem::find_iter(line, old.as_bytes()) {
        out.extend_from_slice(&line[at..found]);
        out.extend_from_slice(new.as_bytes());
        at = found + old.len();
    }
    out.extend_from_slice(&line[at..]);
}
