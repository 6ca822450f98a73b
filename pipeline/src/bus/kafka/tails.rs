//! How far outputs were published, told by the topics themselves.
//!
//! The last record of ours on a topic's partition names its position in the log; what is behind it
//! is still to be published. Topics with few events would make that a long way back, so the
//! position up to which everything arrived is committed now and then as the offset of the empty
//! topic `partitions`; it is written only once all before it was delivered, and where it is gone
//! the log is read from its beginning (BUS-3).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::Headers,
};
use zeitgeber_schemas::PartitionId;

use super::{BusError, HEADER_ID, Meter, PARTITIONS, context::Context, number, tell_again};
use crate::{config::Kafka, query::Topic};

/// How long a broker may take to answer.
const TIME_OUT: Duration = Duration::from_secs(10);
/// How long the ends of a partition's topics may take to be read.
const READ_TIME_OUT: Duration = Duration::from_secs(30);
/// Pause before a coordinator that is being chosen is asked again.
const SETTLING_PAUSE: Duration = Duration::from_millis(50);
/// Records before a topic's end that are looked at first; markers of transactions are among them.
const LAST_RECORDS: i64 = 16;

/// Reads and notes how far outputs are published.
pub(super) struct Tails {
    settings: Kafka,
    /// What the ids of this log's outputs begin with.
    log: String,
    consumer: BaseConsumer<Context>,
}

/// From which position on the events of each topic are to be published.
pub(super) type Next = BTreeMap<Topic, u64>;

impl Tails {
    pub(super) fn new(settings: &Kafka, log: String, meter: &Arc<Meter>) -> Result<Self, BusError> {
        let mut config = settings.consumer();
        // What was aborted was not published.
        config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
        // They would wait for whoever opens the next partition.
        config.set("statistics.interval.ms", "0");
        let consumer = config
            .create_with_context(Context::new(Arc::clone(meter)))
            .map_err(settings.fault("make a consumer"))?;
        Ok(Self { settings: settings.clone(), log, consumer })
    }

    /// Where publishing of a partition goes on.
    pub(super) fn read(&self, partition: PartitionId) -> Result<Next, BusError> {
        // It has no statistics that would tell whether it forgot its brokers.
        let client = self.consumer.client();
        self.find(partition).inspect_err(|_| tell_again(client, &self.settings.brokers))
    }

    fn find(&self, partition: PartitionId) -> Result<Next, BusError> {
        let noted = self.noted(partition)?;
        let mut next: Next = Topic::ALL.into_iter().map(|topic| (topic, noted)).collect();
        let mut back = LAST_RECORDS;
        let mut open: Vec<Topic> = Topic::ALL.to_vec();
        while !open.is_empty() {
            let (found, whole) = self.look(partition, &open, back)?;
            for (topic, position) in &found {
                let known = next.entry(*topic).or_default();
                *known = (*known).max(position + 1);
            }
            open.retain(|topic| !found.contains_key(topic) && !whole.contains(topic));
            back = back.saturating_mul(LAST_RECORDS);
        }
        Ok(next)
    }

    /// The last positions among the last `back` records of topics, and the topics of which that
    /// is everything.
    fn look(
        &self,
        partition: PartitionId,
        topics: &[Topic],
        back: i64,
    ) -> Result<(BTreeMap<Topic, u64>, Vec<Topic>), BusError> {
        let mut list = TopicPartitionList::new();
        let (mut found, mut whole, mut ends) = (BTreeMap::new(), Vec::new(), 0);
        for topic in topics {
            let name = self.settings.output(*topic);
            let (low, high) = self
                .consumer
                .fetch_watermarks(&name, number(partition), TIME_OUT)
                .map_err(self.settings.fault(format!("ask for the end of {name}")))?;
            if high - back <= low {
                whole.push(*topic);
            }
            if high > low {
                let from = Offset::Offset(low.max(high - back));
                list.add_partition_offset(&name, number(partition), from)
                    .map_err(self.settings.fault(format!("read the end of {name}")))?;
                ends += 1;
            }
        }
        if ends == 0 {
            return Ok((found, whole));
        }
        let fault = |error| self.settings.fault("read the ends of the output topics")(error);
        self.consumer.assign(&list).map_err(fault)?;
        let until = Instant::now() + READ_TIME_OUT;
        while ends > 0 && Instant::now() < until {
            match self.consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => ends -= 1,
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(fault(error)),
                Some(Ok(record)) => {
                    let name = &record.topic()[self.settings.prefix.len()..];
                    if let (Ok(topic), Some(n)) = (name.parse(), self.position(&record, partition))
                    {
                        found.insert(topic, n);
                    }
                }
            }
        }
        self.consumer.unassign().map_err(fault)?;
        if ends > 0 {
            let late = KafkaError::ClientCreation("the brokers did not answer in time".into());
            return Err(fault(late));
        }
        Ok((found, whole))
    }

    /// The position of an output of this log.
    fn position(&self, record: &impl Message, partition: PartitionId) -> Option<u64> {
        let mut headers = record.headers()?.iter();
        let id = headers.find(|header| header.key == HEADER_ID)?.value?;
        let mut parts = std::str::from_utf8(id).ok()?.split(':');
        let (log, of, n) = (parts.next()?, parts.next()?, parts.next()?);
        (log == self.log && of.parse() == Ok(partition.0)).then(|| n.parse().ok())?
    }

    /// The position up to which everything is known to have arrived.
    fn noted(&self, partition: PartitionId) -> Result<u64, BusError> {
        let name = self.settings.topic(PARTITIONS);
        let since = Instant::now();
        let committed = loop {
            let mut list = TopicPartitionList::new();
            list.add_partition(&name, number(partition));
            match self.consumer.committed_offsets(list, TIME_OUT) {
                Ok(committed) => break committed,
                // A group's first question finds its coordinator only just chosen.
                Err(error) if is_settling(&error) && since.elapsed() < TIME_OUT => {
                    std::thread::sleep(SETTLING_PAUSE);
                }
                Err(error) => {
                    let what = "read what is committed to the group";
                    return Err(self.settings.fault(what)(error));
                }
            }
        };
        let noted = committed.elements().into_iter().find(|one| one.metadata() == self.log);
        let offset = noted.map(|one| one.offset());
        Ok(match offset {
            Some(Offset::Offset(position)) => u64::try_from(position).unwrap_or(0),
            _ => 0,
        })
    }

    /// Takes what came while nothing was read: failed connections, mostly.
    pub(super) fn look_after(&self) {
        while self.consumer.poll(Duration::ZERO).is_some() {}
    }

    /// Notes that everything before these positions arrived. Nothing rests on it but time.
    pub(super) fn note(&self, positions: &[(PartitionId, u64)]) {
        let name = self.settings.topic(PARTITIONS);
        let mut list = TopicPartitionList::new();
        for (partition, position) in positions {
            let mut one = list.add_partition(&name, number(*partition));
            let offset = Offset::Offset(i64::try_from(*position).unwrap_or(i64::MAX));
            if one.set_offset(offset).is_ok() {
                one.set_metadata(&self.log);
            }
        }
        if !positions.is_empty()
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "could not note how far outputs are published");
        }
    }
}

/// Whether a connection failed, now or while nothing was read: librdkafka makes another one.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// Whether the group's coordinator is being chosen.
fn is_settling(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}
