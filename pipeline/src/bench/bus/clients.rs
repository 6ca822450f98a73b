//! The clients of the measurement: they produce readings, copy them, and watch topics.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
    producer::{BaseProducer, BaseRecord, Producer},
};
use zeitgeber_schemas::{Envelope, PartitionId, murmur2_partition, partition_key};

use super::{BusBenchError, COPY, LOOK, STUCK};
use crate::{
    bench::Load,
    bus::kafka::{Input, Schemas},
    config::Kafka,
};

/// Pause while a producer has no room, or waits. It is slept: librdkafka counts in milliseconds,
/// and asked to wait for less does not wait at all.
const PAUSE: Duration = Duration::from_micros(500);

/// Readings as records: partition, key, value.
pub(super) struct Records(pub(super) Vec<(PartitionId, Vec<u8>, Vec<u8>)>);

impl Records {
    pub(super) fn of(load: &Load, partitions: u16, kafka: &Kafka) -> Result<Self, BusBenchError> {
        let id = Schemas::new(&kafka.registry_url).today()?;
        let record = |datum: &[u8]| {
            // What no door can read has no envelope, and is keyed by its bytes.
            let key = Envelope::get(&mut &*datum).map_or_else(
                |_| datum.to_vec(),
                |envelope| partition_key(envelope.tenant, envelope.user_id).as_bytes().to_vec(),
            );
            let partition = murmur2_partition(&key, partitions);
            let value = [&[0][..], &id.to_be_bytes(), datum].concat();
            (partition, key, value)
        };
        Ok(Self(load.avro().map(record).collect()))
    }

    pub(super) fn produce(
        &self,
        range: Range<usize>,
        producer: &BaseProducer,
        topic: &str,
    ) -> Result<(), BusBenchError> {
        for (partition, key, value) in &self.0[range] {
            send(producer, topic, i32::from(partition.0), key, value)?;
        }
        flush(producer)
    }
}

pub(super) fn send(
    producer: &BaseProducer,
    topic: &str,
    partition: i32,
    key: &[u8],
    value: &[u8],
) -> Result<(), BusBenchError> {
    let mut record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back)) => {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                std::thread::sleep(PAUSE);
                producer.poll(Duration::ZERO);
                record = back;
            }
        }
    }
}

/// The crate's own flush waits in steps of 100 ms.
pub(super) fn flush(producer: &BaseProducer) -> Result<(), BusBenchError> {
    let since = Instant::now();
    while producer.in_flight_count() > 0 {
        std::thread::sleep(PAUSE);
        producer.poll(Duration::ZERO);
        if since.elapsed() > STUCK {
            return Err(BusBenchError::Stuck("records went to the brokers"));
        }
    }
    Ok(())
}

pub(super) fn producer(kafka: &Kafka) -> Result<BaseProducer, BusBenchError> {
    Ok(kafka.producer().create()?)
}

/// A consumer of a whole topic from its beginning, in the settings of our own.
pub(super) fn consumer(
    kafka: &Kafka,
    topic: &str,
    partitions: u16,
) -> Result<BaseConsumer, BusBenchError> {
    let mut config: ClientConfig = kafka.client();
    config.set("group.id", "zeitgeber-bench").set("fetch.queue.backoff.ms", "2");
    config.set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut from = TopicPartitionList::new();
    for partition in 0..partitions {
        from.add_partition_offset(topic, i32::from(partition), Offset::Offset(0))?;
    }
    consumer.assign(&from)?;
    Ok(consumer)
}

/// Copies so many records; records a second.
pub(super) fn copy(kafka: &Kafka, partitions: u16, records: usize) -> Result<f64, BusBenchError> {
    let consumer = consumer(kafka, &kafka.topic(Input::Readings.as_str()), partitions)?;
    let (producer, to) = (producer(kafka)?, kafka.topic(COPY));
    let (mut copied, mut moved, mut began) = (0, Instant::now(), None);
    while copied < records {
        let Some(message) = consumer.poll(LOOK) else {
            if moved.elapsed() > STUCK {
                return Err(BusBenchError::Stuck("records were copied"));
            }
            continue;
        };
        let message = message?;
        began.get_or_insert_with(Instant::now);
        let (key, value) = (message.key().unwrap_or(b""), message.payload().unwrap_or(b""));
        send(&producer, &to, message.partition(), key, value)?;
        copied += 1;
        moved = Instant::now();
        if copied % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    flush(&producer)?;
    Ok(records as f64 / began.map_or(f64::NAN, |began| began.elapsed().as_secs_f64()))
}

/// How many records there are on topics, markers of transactions included.
pub(super) fn records_on(
    asking: &BaseConsumer,
    topics: &[String],
    partitions: u16,
) -> Result<u64, BusBenchError> {
    let mut count = 0;
    for topic in topics {
        for partition in 0..partitions {
            let (low, high) = asking.fetch_watermarks(topic, i32::from(partition), STUCK)?;
            count += u64::try_from(high - low).unwrap_or(0);
        }
    }
    Ok(count)
}
