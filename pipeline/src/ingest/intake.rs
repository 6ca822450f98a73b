//! Inputs of every sort into their partitions' batches.
//!
//! An [`Intake`] is what one door fills: a session's, or one request's. It knows nothing of threads;
//! whoever owns it hands its batches over.

use std::sync::Arc;

use zeitgeber_schemas::{
    ConfigurationBody, ControlBody, Envelope, FeedbackBody, PartitionId, ProfileBody, SchemaId,
    murmur2_partition, wire::Wire,
};

use super::partition_of;
use crate::{
    cycle::{Batch, Item, Raw, Source},
    door::{
        DEFAULT_TENANT, Options, Refusal, avro, feedback::Feedback, json, profile::Profile,
        raw_bytes, tasks::PoolInput,
    },
};

/// Inputs on their way from one door to the partitions' writers, in order.
#[derive(Debug)]
pub struct Intake {
    source: Option<Arc<Source>>,
    pinned: Option<PartitionId>,
    batches: Vec<Batch>,
    bytes: usize,
    items: usize,
    encoded: Vec<u8>,
    scratch: json::Scratch,
}

/// Whom an order concerns, and when it was given.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The person; empty: nobody by themselves.
    pub user_id: &'a str,
    /// When, ms UTC.
    pub at_ms: i64,
}

impl Intake {
    /// Nothing taken yet, for a log of `partitions` partitions.
    pub fn new(partitions: u16) -> Self {
        Self {
            source: None,
            pinned: None,
            batches: (0..partitions).map(|_| Batch::default()).collect(),
            bytes: 0,
            items: 0,
            encoded: Vec::new(),
            scratch: json::Scratch::default(),
        }
    }

    /// Names where the next inputs come from. What was taken before keeps its own source, so the
    /// batches must have been handed over.
    pub fn set_source(&mut self, source: Option<Arc<Source>>) {
        self.source = source;
    }

    /// Where the next inputs come from.
    pub const fn source(&self) -> Option<&Arc<Source>> {
        self.source.as_ref()
    }

    /// Puts everything into one partition from here on, wherever its key leads: what a bus brings
    /// is refused where it was found, since the cursor that covers it stands in that chain.
    pub const fn pin(&mut self, partition: Option<PartitionId>) {
        self.pinned = partition;
    }

    /// Bytes in the batches.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Inputs in the batches.
    pub const fn items(&self) -> usize {
        self.items
    }

    /// Takes the batches that hold something; `empty` gives what stands in for each.
    pub fn take_batches(&mut self, mut empty: impl FnMut() -> Batch) -> Vec<(PartitionId, Batch)> {
        (self.bytes, self.items) = (0, 0);
        let held = self.batches.iter_mut().zip(0..).filter(|(batch, _)| !batch.items.is_empty());
        held.map(|(batch, n)| (PartitionId(n), std::mem::replace(batch, empty()))).collect()
    }

    /// The partitions that something was taken for.
    pub fn partitions_held(&self) -> impl Iterator<Item = PartitionId> + '_ {
        let held = self.batches.iter().zip(0..).filter(|(batch, _)| !batch.items.is_empty());
        held.map(|(_, n)| PartitionId(n))
    }

    fn partitions(&self) -> u16 {
        self.batches.len() as u16
    }

    /// Takes one NDJSON line.
    pub fn reading_line(&mut self, number: u64, line: &[u8], options: &Options) {
        if let Err(mut refusal) = self.reading_if_readable(number, line, options) {
            refusal.recv_ts = refusal.recv_ts.or(options.stamp_ms);
            self.refused_bytes(number, &refusal, line);
        }
    }

    /// Takes one NDJSON line, unless the door refuses it.
    pub fn reading_if_readable(
        &mut self,
        number: u64,
        line: &[u8],
        options: &Options,
    ) -> Result<(), Box<Refusal>> {
        self.encoded.clear();
        let partitions = self.partitions();
        let head = json::reading(line, options, &mut self.scratch, &mut self.encoded)?;
        let partition = partition_of(&head.envelope, partitions);
        self.put(partition, number, SchemaId::Reading, line);
        Ok(())
    }

    /// Takes one NDJSON line where its person belongs to the pinned partition. Tells where it
    /// belongs.
    ///
    /// # Errors
    ///
    /// The door refuses it.
    pub fn reading_in_place(
        &mut self,
        number: u64,
        line: &[u8],
        options: &Options,
    ) -> Result<PartitionId, Box<Refusal>> {
        self.encoded.clear();
        let partitions = self.partitions();
        let head = json::reading(line, options, &mut self.scratch, &mut self.encoded)?;
        let partition = partition_of(&head.envelope, partitions);
        if self.pinned.is_none_or(|pinned| pinned == partition) {
            self.put(partition, number, SchemaId::Reading, line);
        }
        Ok(partition)
    }

    /// Takes one reading as envelope and body in Avro, as a producer in process has it. The bytes
    /// were checked by the Avro door.
    pub fn reading_avro(&mut self, number: u64, envelope: &Envelope<'_>, bytes: &[u8]) {
        self.encoded.clear();
        self.encoded.extend_from_slice(bytes);
        let partition = partition_of(envelope, self.partitions());
        self.put(partition, number, SchemaId::Reading, &[]);
    }

    /// Takes one reading as Avro bytes of envelope and body that no door has read yet.
    pub fn reading_datum(&mut self, number: u64, datum: &[u8], options: &Options) {
        self.encoded.clear();
        match avro::reading(&mut &*datum, options, &mut self.encoded) {
            Ok(head) => {
                let partition = partition_of(&head.envelope, self.partitions());
                self.put(partition, number, SchemaId::Reading, &[]);
            }
            Err(refusal) => self.refused_bytes(number, &refusal, datum),
        }
    }

    /// Takes an input that the door refused.
    pub fn refused_bytes(&mut self, number: u64, refusal: &Refusal, raw: &[u8]) {
        let kept = Raw::Kept(Box::new(raw_bytes(raw)));
        self.refused(number, refusal, raw, kept);
    }

    /// Takes an input that the door refused, of which only the head is at hand.
    pub fn refused(&mut self, number: u64, refusal: &Refusal, head: &[u8], raw: Raw) {
        let body = refusal.to_unreadable(head);
        let partition = murmur2_partition(&body.key.0, self.partitions());
        let envelope = Envelope {
            tenant: &refusal.tenant,
            user_id: refusal.user_id.as_deref().unwrap_or(""),
            id: refusal.id.as_deref().unwrap_or(""),
            ts: refusal.ts.unwrap_or(0),
            recv_ts: refusal.recv_ts,
        };
        self.encoded.clear();
        envelope.put(&mut self.encoded);
        body.put(&mut self.encoded);
        self.put_raw(partition, number, SchemaId::Unreadable, raw);
    }

    /// Takes a profile as the door read it.
    pub fn take_profile(&mut self, number: u64, profile: &Profile) {
        self.take_profile_of(number, profile, &[]);
    }

    /// Takes a profile as the door read it from `raw`; none where its encoded form is to stand for
    /// what came.
    pub fn take_profile_of(&mut self, number: u64, profile: &Profile, raw: &[u8]) {
        self.profile(number, &profile.envelope(), &profile.body, raw);
    }

    /// Takes feedback as the door read it from `raw`; none where it came as no bytes.
    pub fn take_feedback(&mut self, number: u64, feedback: &Feedback, raw: &[u8]) {
        self.feedback(number, &feedback.envelope(), &feedback.body, raw);
    }

    /// Takes an input of a pool of agents as the door read it from `raw`; none where it came as no
    /// bytes.
    pub fn take_command(&mut self, number: u64, command: &PoolInput, raw: &[u8]) {
        let envelope = command.envelope();
        let partition = partition_of(&envelope, self.partitions());
        self.encoded.clear();
        envelope.put(&mut self.encoded);
        command.body.put_payload(&mut self.encoded);
        self.put(partition, number, command.body.schema(), raw);
    }

    fn profile(&mut self, number: u64, envelope: &Envelope<'_>, body: &ProfileBody, raw: &[u8]) {
        let partition = partition_of(envelope, self.partitions());
        self.encode(envelope, body);
        self.put(partition, number, SchemaId::Profile, raw);
    }

    /// Feedback goes to the partition that its decision's id names.
    fn feedback(&mut self, number: u64, envelope: &Envelope<'_>, body: &FeedbackBody, raw: &[u8]) {
        let partition = feedback_partition(envelope, body, self.partitions());
        self.encode(envelope, body);
        self.put(partition, number, SchemaId::Feedback, raw);
    }

    /// Takes an order about decisions for one partition; of a person, for that person's.
    pub fn control(
        &mut self,
        number: u64,
        partition: PartitionId,
        whose: Whose<'_>,
        body: &ControlBody,
    ) {
        let Whose { tenant, user_id, at_ms } = whose;
        let (ts, recv_ts) = (at_ms, Some(at_ms));
        let envelope = Envelope { tenant, user_id, id: body.step.as_str(), ts, recv_ts };
        self.encode(&envelope, body);
        self.put(partition, number, SchemaId::Control, &[]);
    }

    /// Takes a configuration for one partition.
    pub fn configuration(&mut self, partition: PartitionId, body: &ConfigurationBody) {
        self.numbered_configuration(0, partition, body);
    }

    /// Takes a configuration for one partition, with a number by which its outcome is told.
    pub fn numbered_configuration(
        &mut self,
        number: u64,
        partition: PartitionId,
        body: &ConfigurationBody,
    ) {
        let envelope = Envelope {
            tenant: DEFAULT_TENANT,
            user_id: "",
            id: &body.version,
            ts: 0,
            recv_ts: None,
        };
        self.encode(&envelope, body);
        self.put(partition, number, SchemaId::Configuration, &[]);
    }

    fn encode(&mut self, envelope: &Envelope<'_>, body: &impl Wire) {
        self.encoded.clear();
        envelope.put(&mut self.encoded);
        body.put(&mut self.encoded);
    }

    /// Puts the encoded input into its partition's batch. Without raw bytes of its own, its
    /// encoded bytes are what it came as.
    fn put(&mut self, partition: PartitionId, line: u64, schema: SchemaId, raw: &[u8]) {
        let partition = self.pinned.unwrap_or(partition);
        let batch = &mut self.batches[usize::from(partition.0)];
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(&self.encoded);
        let end = batch.bytes.len();
        let raw = if raw.is_empty() {
            start..end
        } else {
            batch.bytes.extend_from_slice(raw);
            end..batch.bytes.len()
        };
        batch.items.push(Item { line, schema, input: start..end, raw: Raw::Slice(raw) });
        let bytes = batch.bytes.len() - start;
        self.counted(partition, bytes);
    }

    fn put_raw(&mut self, partition: PartitionId, line: u64, schema: SchemaId, raw: Raw) {
        let partition = self.pinned.unwrap_or(partition);
        let batch = &mut self.batches[usize::from(partition.0)];
        let start = batch.bytes.len();
        let kept = match &raw {
            Raw::Kept(raw) => raw.head.0.len(),
            Raw::Slice(_) => 0,
        };
        batch.bytes.extend_from_slice(&self.encoded);
        batch.items.push(Item { line, schema, input: start..batch.bytes.len(), raw });
        let bytes = batch.bytes.len() - start + kept;
        self.counted(partition, bytes);
    }

    fn counted(&mut self, partition: PartitionId, bytes: usize) {
        let batch = &mut self.batches[usize::from(partition.0)];
        if batch.source.is_none() {
            batch.source.clone_from(&self.source);
        }
        self.bytes += bytes;
        self.items += 1;
    }
}

/// The partition of feedback: the one that its decision's id names.
pub fn feedback_partition(
    envelope: &Envelope<'_>,
    body: &FeedbackBody,
    partitions: u16,
) -> PartitionId {
    let named = body.decision_id.partition();
    if named.0 < partitions { named } else { partition_of(envelope, partitions) }
}
