//! Inputs of files to their topics, each to the partition of its key.
//!
//! Any producer with the murmur2 partitioner may do the same. What no door could read goes, too, to
//! the partition of its bytes, so that the log tells of it as if it had been read from a file.

use std::time::Duration;

use serde_json::Value;
use zeitgeber_schemas::{PartitionId, murmur2_partition, partition_key};

use super::{BusError, Input, Producer, outputs::JSON};
use crate::{
    config::Kafka,
    door::{Options, Refusal, feedback, json, profile::Profile, tasks},
    ingest::feedback_partition,
};

/// How long the brokers may take to tell of the topics.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Only the key is of interest here: the door behind the topic looks at clocks.
const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

/// Sends inputs to their topics.
pub struct Feeder {
    producer: Producer,
    partitions: u16,
    scratch: json::Scratch,
    encoded: Vec<u8>,
}

impl Feeder {
    /// A feeder of topics that are there.
    ///
    /// # Errors
    ///
    /// The brokers do not answer, or topics are missing or of different numbers of partitions.
    pub fn new(settings: &Kafka) -> Result<Self, BusError> {
        let producer = Producer::new(settings)?;
        let client = producer.client();
        let mut partitions = None;
        for input in Input::ALL {
            let topic = settings.topic(input.as_str());
            let told = client.fetch_metadata(Some(&topic), TIME_OUT);
            let told = told.map_err(settings.fault(format!("ask for {topic}")))?;
            let found = told.topics().first().map_or(0, |topic| topic.partitions().len());
            let found = u16::try_from(found).unwrap_or(u16::MAX);
            match partitions {
                _ if found == 0 => return Err(BusError::NoTopic { topic }),
                Some(wanted) if wanted != found => {
                    return Err(BusError::Partitions { topic, found: found.into(), wanted });
                }
                _ => partitions = Some(found),
            }
        }
        let (scratch, encoded) = (json::Scratch::default(), Vec::new());
        Ok(Self { producer, partitions: partitions.unwrap_or(1), scratch, encoded })
    }

    /// Sends one line of a sort.
    ///
    /// # Errors
    ///
    /// The brokers refuse it, or one before it.
    pub fn line(&mut self, input: Input, line: &[u8]) -> Result<(), BusError> {
        let (partition, key) = self.place(input, line);
        self.producer.send(JSON, input, partition, &key, line)
    }

    /// Sends one profile as it stands in its file.
    ///
    /// # Errors
    ///
    /// As [`Self::line`].
    pub fn profile(&mut self, document: &Value, profile: &Profile) -> Result<(), BusError> {
        let key = partition_key(&profile.tenant, &profile.user_id);
        let partition = murmur2_partition(key.as_bytes(), self.partitions);
        self.producer.send(
            JSON,
            Input::Control,
            partition,
            key.as_bytes(),
            document.to_string().as_bytes(),
        )
    }

    /// Waits until everything sent is with the brokers; how much that is.
    ///
    /// # Errors
    ///
    /// The brokers refuse something.
    pub fn finish(&self) -> Result<u64, BusError> {
        self.producer.finish()
    }

    fn place(&mut self, input: Input, line: &[u8]) -> (PartitionId, Vec<u8>) {
        let partitions = self.partitions;
        let of_key = |key: Vec<u8>| (murmur2_partition(&key, partitions), key);
        let refused = |refusal: Box<Refusal>| of_key(refusal.key(line));
        let person = |tenant: &str, user: &str| partition_key(tenant, user).as_bytes().to_vec();
        self.encoded.clear();
        match input {
            Input::Readings => {
                match json::reading(line, &OPTIONS, &mut self.scratch, &mut self.encoded) {
                    Ok(head) => of_key(person(head.envelope.tenant, head.envelope.user_id)),
                    Err(refusal) => refused(refusal),
                }
            }
            Input::Tasks => {
                let arrival = tasks::Arrival { stamp_ms: None, door_now_ms: i64::MAX };
                match tasks::command(line, arrival) {
                    Ok(command) => of_key(person(&command.tenant, &command.pool)),
                    Err(refusal) => refused(refusal),
                }
            }
            Input::Feedback => match feedback::feedback(line) {
                Ok(given) => {
                    let envelope = given.envelope();
                    let partition = feedback_partition(&envelope, &given.body, partitions);
                    let key = match &given.user_id {
                        Some(user) => person(&given.tenant, user),
                        None => Vec::new(),
                    };
                    (partition, key)
                }
                Err(refusal) => refused(refusal),
            },
            Input::Control => match crate::door::profile::profile(line) {
                Ok(profile) => of_key(person(&profile.tenant, &profile.user_id)),
                Err(refusal) => refused(refusal),
            },
        }
    }
}

impl std::fmt::Debug for Feeder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feeder").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}
