//! Inputs of every sort into their partitions' batches.

use zeitgeber_schemas::{
    ConfigurationBody, Envelope, FeedbackBody, PartitionId, ProfileBody, SchemaId,
    murmur2_partition, wire::Wire,
};

use super::{HAND_OVER_BYTES, HAND_OVER_ITEMS, Session, SessionError, partition_of};
use crate::{
    cycle::{Item, Raw},
    door::{DEFAULT_TENANT, Options, Refusal, json, raw_bytes},
};

impl Session {
    /// Takes one NDJSON line.
    pub fn reading_line(
        &mut self,
        number: u64,
        line: &[u8],
        options: &Options,
    ) -> Result<(), SessionError> {
        self.encoded.clear();
        match json::reading(line, options, &mut self.scratch, &mut self.encoded) {
            Ok(head) => {
                let partition = partition_of(&head.envelope, self.runtime.partitions());
                self.put(partition, number, SchemaId::Reading, line)
            }
            Err(refusal) => self.refused_bytes(number, &refusal, line),
        }
    }

    /// Takes one reading as envelope and body in Avro, as a producer in process has it. The bytes
    /// were checked by the Avro door.
    pub fn reading_avro(
        &mut self,
        number: u64,
        envelope: &Envelope<'_>,
        bytes: &[u8],
    ) -> Result<(), SessionError> {
        self.encoded.clear();
        self.encoded.extend_from_slice(bytes);
        let partition = partition_of(envelope, self.runtime.partitions());
        self.put(partition, number, SchemaId::Reading, &[])
    }

    /// Takes an input that the door refused.
    pub fn refused_bytes(
        &mut self,
        number: u64,
        refusal: &Refusal,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        let kept = Raw::Kept(Box::new(raw_bytes(raw)));
        self.refused(number, refusal, raw, kept)
    }

    /// Takes an input that the door refused, of which only the head is at hand.
    pub fn refused(
        &mut self,
        number: u64,
        refusal: &Refusal,
        head: &[u8],
        raw: Raw,
    ) -> Result<(), SessionError> {
        let body = refusal.to_unreadable(head);
        let partition = murmur2_partition(&body.key.0, self.runtime.partitions());
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
        self.put_raw(partition, number, SchemaId::Unreadable, raw)
    }

    /// Takes a profile.
    pub fn profile(
        &mut self,
        number: u64,
        envelope: &Envelope<'_>,
        body: &ProfileBody,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        let partition = partition_of(envelope, self.runtime.partitions());
        self.encode(envelope, body);
        self.put(partition, number, SchemaId::Profile, raw)
    }

    /// Takes feedback. It goes to the partition that its decision's id names.
    pub fn feedback(
        &mut self,
        number: u64,
        envelope: &Envelope<'_>,
        body: &FeedbackBody,
        raw: &[u8],
    ) -> Result<(), SessionError> {
        let named = body.decision_id.partition();
        let partition = if named.0 < self.runtime.partitions() {
            named
        } else {
            partition_of(envelope, self.runtime.partitions())
        };
        self.encode(envelope, body);
        self.put(partition, number, SchemaId::Feedback, raw)
    }

    /// Lends the session's encoding buffer, emptied, to a caller that encodes for it.
    pub fn borrow_scratch(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.lent);
        buffer.clear();
        buffer
    }

    /// Takes the lent buffer back.
    pub fn return_scratch(&mut self, buffer: Vec<u8>) {
        self.lent = buffer;
    }

    pub(super) fn configuration(
        &mut self,
        partition: PartitionId,
        body: &ConfigurationBody,
    ) -> Result<(), SessionError> {
        let envelope = Envelope {
            tenant: DEFAULT_TENANT,
            user_id: "",
            id: &body.version,
            ts: 0,
            recv_ts: None,
        };
        self.encode(&envelope, body);
        self.put(partition, 0, SchemaId::Configuration, &[])
    }

    fn encode(&mut self, envelope: &Envelope<'_>, body: &impl Wire) {
        self.encoded.clear();
        envelope.put(&mut self.encoded);
        body.put(&mut self.encoded);
    }

    /// Puts the encoded input into its partition's batch. Without raw bytes of its own, its
    /// encoded bytes are what it came as.
    fn put(
        &mut self,
        partition: PartitionId,
        line: u64,
        schema: SchemaId,
        raw: &[u8],
    ) -> Result<(), SessionError> {
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
        self.counted(partition, bytes)
    }

    fn put_raw(
        &mut self,
        partition: PartitionId,
        line: u64,
        schema: SchemaId,
        raw: Raw,
    ) -> Result<(), SessionError> {
        let batch = &mut self.batches[usize::from(partition.0)];
        let start = batch.bytes.len();
        let kept = match &raw {
            Raw::Kept(raw) => raw.head.0.len(),
            Raw::Slice(_) => 0,
        };
        batch.bytes.extend_from_slice(&self.encoded);
        batch.items.push(Item { line, schema, input: start..batch.bytes.len(), raw });
        let bytes = batch.bytes.len() - start + kept;
        self.counted(partition, bytes)
    }

    fn counted(&mut self, partition: PartitionId, bytes: usize) -> Result<(), SessionError> {
        let batch = &mut self.batches[usize::from(partition.0)];
        if batch.source.is_none() {
            batch.source.clone_from(&self.source);
        }
        self.pending_bytes += bytes;
        self.pending_items += 1;
        self.taken += 1;
        if self.pending_bytes >= HAND_OVER_BYTES || self.pending_items >= HAND_OVER_ITEMS {
            self.hand_over()?;
        }
        Ok(())
    }
}
