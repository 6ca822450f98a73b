//! The bus on Kafka.
//!
//! - Input topics have as many partitions as the log. A record of partition `p` is decided by
//!   partition `p` of the log and nobody else; its offset stands in the chunk that holds it, as the
//!   cursor of the source `kafka:TOPIC/PARTITION`. [`Inputs`] goes on from these cursors, never
//!   from what is committed to the consumer group (BUS-1).
//! - Whatever stands in a record, the partition goes on: what cannot be used is a dead letter of
//!   the same partition (BUS-2).
//! - Outputs follow the append: [`Publisher`] produces what durable chunks say, each event with an
//!   id and the journal's position in its headers. The last record of each topic tells where
//!   publishing goes on after a crash; what is repeated has the same id (BUS-3).
//! - Who owns which partition is agreed on by a consumer group over an empty topic ([`Members`]).
//!   It only says who should work: that nobody else does is the journal's to guarantee.
//!
//! The settings of librdkafka here were measured; each says what it is for.

mod context;
mod decode;
mod door;
mod feed;
mod forgotten;
mod group;
mod inputs;
mod lane;
mod meter;
mod outputs;
mod produce;
mod publisher;
mod refused;
mod registry;
mod tails;
mod topics;

use rdkafka::ClientConfig;

pub use door::Door;
pub use feed::Feeder;
pub(crate) use forgotten::tell_again;
pub(crate) use group::own_name;
pub use group::{Members, Membership};
pub(crate) use inputs::source;
pub use inputs::{InputEvent, InputSettings, Inputs};
pub use meter::{Meter, TopicFigures};
pub use outputs::{HEADER_ID, HEADER_POSITION, HEADER_SCHEMA, input_id_of};
use produce::Producer;
pub use publisher::{Published, Publisher, PublisherEvent};
pub use registry::{Entry as RegistryEntry, Registry, RegistryError, Schemas};
pub use topics::{Fault, Plan, apply, check, counts, plan};
use zeitgeber_schemas::PartitionId;

use crate::{config::Kafka, query::Topic};

/// The topic over which the group shares out partitions; nothing is ever written to it.
pub const PARTITIONS: &str = "partitions";

/// An input topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// Profiles. First, so that what arrives together finds its person.
    Control,
    /// Inputs of pools of agents.
    Tasks,
    /// Readings.
    Readings,
    /// Feedback.
    Feedback,
}

impl Input {
    /// Every input topic, in the order in which what arrives together is taken.
    pub const ALL: [Self; 4] = [Self::Control, Self::Tasks, Self::Readings, Self::Feedback];

    /// Its name without the prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control.events",
            Self::Tasks => "task.events",
            Self::Readings => "sensor.readings",
            Self::Feedback => "feedback.events",
        }
    }
}

/// Why the bus does not work.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// librdkafka or a broker refused.
    #[error("Kafka at {brokers}: could not {what}: {source}")]
    Kafka {
        /// Where.
        brokers: String,
        /// What was tried.
        what: String,
        /// What was said.
        source: Box<rdkafka::error::KafkaError>,
    },
    /// A topic is not there.
    #[error("topic {topic} is not there: `zeitgeber topics apply` makes it")]
    NoTopic {
        /// The topic.
        topic: String,
    },
    /// A topic has another number of partitions than the log.
    #[error("topic {topic} has {found} partitions, the log {wanted}: they must be equal")]
    Partitions {
        /// The topic.
        topic: String,
        /// How many it has.
        found: usize,
        /// How many the log has.
        wanted: u16,
    },
    /// The schema registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The journal could not be read.
    #[error("outputs cannot be read from the log: {0}")]
    Journal(#[from] crate::journal::ReadError),
    /// A stored entry could not be read.
    #[error("outputs cannot be read from the log: {0}")]
    Query(#[from] crate::query::QueryError),
    /// A thread could not be started.
    #[error("could not start a thread for Kafka: {0}")]
    Threads(#[from] std::io::Error),
}

impl Kafka {
    /// The full name of a topic.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The full name of an output topic.
    pub fn output(&self, topic: Topic) -> String {
        self.topic(topic.as_str())
    }

    /// The consumer group over which partitions are shared out.
    pub(crate) fn members(&self) -> String {
        format!("{}.members", self.group)
    }

    /// What every client is made with.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "zeitgeber")
            // Brokers come back within seconds; the default waits up to ten more.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // They also tell of a client that forgot its brokers.
            .set("statistics.interval.ms", "1000")
            .set("topic.metadata.propagation.max.ms", "60000");
        self.passed_through(config)
    }

    /// The settings of librdkafka that whoever runs this gave: they win over ours.
    fn passed_through(&self, mut config: ClientConfig) -> ClientConfig {
        for (name, value) in &self.settings {
            config.set(name, value);
        }
        config
    }

    /// What a consumer is made with that is told where to read.
    fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Needed to assign, too; offsets go there for monitoring.
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // Once the local queue is full the default sleeps for a second.
            .set("fetch.queue.backoff.ms", "2");
        self.passed_through(config)
    }

    /// What a producer is made with.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            // Fewer requests: with less a broker is saturated by 5,000 records/s on 8 partitions.
            .set("linger.ms", "5")
            // The default waits 100 ms for the transaction after a commit.
            .set("retry.backoff.ms", "2")
            // An outage never fails a record: it waits, and the bound of the queue holds back.
            .set("message.timeout.ms", "0")
            .set("delivery.report.only.error", "true")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "131072")
            // Only where no partition is named; ours always are.
            .set("partitioner", "murmur2_random");
        self.passed_through(config)
    }

    pub(crate) fn fault(
        &self,
        what: impl Into<String>,
    ) -> impl FnOnce(rdkafka::error::KafkaError) -> BusError {
        let (brokers, what) = (self.brokers.clone(), what.into());
        move |source| BusError::Kafka { brokers, what, source: Box::new(source) }
    }
}

/// A partition as clients number it.
const fn number(partition: PartitionId) -> i32 {
    partition.0 as i32
}
