//! The bus beside a plain copy: the same records, brokers and processors in one run.
//!
//! First the records are produced. Then librdkafka alone copies them to another topic, which is as
//! fast as any consumer that produces can be here; then every stage runs on them, journal and
//! outputs included. Last, readings come at a steady rate and interventions are waited for on
//! their topic.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde::Serialize;
use zeitgeber_schemas::{Envelope, PartitionId, murmur2_partition, partition_key};

mod servers;

use servers::{server_seconds, since};

use super::{Latency, Load, cpu_seconds};
use crate::{
    bus::kafka::{self, BusError, Feeder, Input, InputSettings, Inputs, Meter, Publisher, Schemas},
    config::{Config, Format, Kafka},
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, WaitError},
    ingest::{SessionError, SessionSettings},
    query::Topic,
    state::Memory,
    store::{Store, StoreError},
};

/// Topic of the plain copy.
const COPY: &str = "bench.copy";
/// One look at a consumer or producer.
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may happen before it is given up.
const STUCK: Duration = Duration::from_secs(60);
/// Steady rate at which the latency is measured, readings/s.
const STEADY_PER_S: usize = 10_000;
/// How long interventions of the last readings may take.
const STRAGGLERS: Duration = Duration::from_secs(1);

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct BusFigures {
    /// Readings of the bulk.
    pub readings: usize,
    /// Partitions of each topic.
    pub partitions: u16,
    /// What the journal is.
    pub journal: String,
    /// Readings a second that a producer brings to the brokers.
    pub produced_per_s: f64,
    /// Readings a second that a plain copy moves.
    pub copied_per_s: f64,
    /// Readings a second through every stage, journaled and published.
    pub piped_per_s: f64,
    /// The pipeline over the plain copy.
    pub ratio: f64,
    /// Processor time of this process a reading, every stage and both clients, us.
    pub client_us_per_reading: f64,
    /// Processor time of the servers a reading, us.
    pub servers_us_per_reading: BTreeMap<String, f64>,
    /// From a reading's production to its intervention on the topic, at 10,000 readings/s.
    pub visible: Latency,
}

/// Why the measurement stopped.
#[derive(Debug, thiserror::Error)]
pub enum BusBenchError {
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A client of the measurement.
    #[error("a client of the measurement: {0}")]
    Client(#[from] rdkafka::error::KafkaError),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cores.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The cores.
    #[error(transparent)]
    Cores(#[from] WaitError),
    /// A registry.
    #[error(transparent)]
    Registry(#[from] kafka::RegistryError),
    /// Topics are there already, and otherwise.
    #[error("topics of an earlier run are in the way: {0}")]
    Topics(String),
    /// Nothing moved any more.
    #[error("nothing moved for a minute while {0}")]
    Stuck(&'static str),
}

/// Runs everything on topics of its own. `say` hears what is going on.
///
/// # Errors
///
/// The brokers or the log do not work.
pub fn run(
    store: Store,
    journal: String,
    load: &Load,
    config: &Config,
    settings: &SessionSettings,
    mut say: impl FnMut(&str),
) -> Result<BusFigures, BusBenchError> {
    let mut config = config.clone();
    config.kafka.prefix = format!("{}bench-{}.", config.kafka.prefix, std::process::id());
    let partitions = store.layout().partitions;
    make_topics(&config.kafka, partitions)?;
    let records = Records::of(load, partitions, &config.kafka)?;
    let split = records.0.len() * 3 / 4;
    say("producing");
    let mut feeder = Feeder::new(&config.kafka)?;
    for profile in load.profiles() {
        let document = super::http::profile_document(&profile);
        feeder.profile(&document, &profile)?;
    }
    feeder.finish()?;
    let producer = producer(&config.kafka)?;
    let readings = config.kafka.topic(Input::Readings.as_str());
    let started = Instant::now();
    records.produce(0..split, &producer, &readings)?;
    let produced_per_s = split as f64 / started.elapsed().as_secs_f64();
    say("a plain copy");
    let copied_per_s = copy(&config.kafka, partitions, split)?;
    say("every stage");
    let pipe = Pipe::start(store, &config, settings)?;
    let (began, cpu, servers) = (Instant::now(), cpu_seconds(), server_seconds());
    pipe.feed()?;
    pipe.wait(split)?;
    let took = began.elapsed().as_secs_f64();
    let client_us_per_reading = (cpu_seconds() - cpu) * 1e6 / split as f64;
    let servers_us_per_reading = since(&servers, split);
    say("from reading to intervention, 10,000 readings/s");
    let visible = visible(&config.kafka, partitions, &records, split, &producer)?;
    pipe.stop()?;
    let piped_per_s = split as f64 / took;
    Ok(BusFigures {
        readings: split,
        partitions,
        journal,
        produced_per_s,
        copied_per_s,
        piped_per_s,
        ratio: piped_per_s / copied_per_s,
        client_us_per_reading,
        servers_us_per_reading,
        visible: Latency::of(visible),
    })
}

fn make_topics(kafka: &Kafka, partitions: u16) -> Result<(), BusBenchError> {
    let mut plan = kafka::plan(kafka, partitions);
    plan.push(kafka::Plan { topic: kafka.topic(COPY), ..plan[0].clone() });
    let (_, faults) = kafka::apply(kafka, &plan)?;
    match faults.first() {
        None => Ok(()),
        Some(fault) => Err(BusBenchError::Topics(fault.to_string())),
    }
}

/// Readings as records: partition, key, value.
struct Records(Vec<(PartitionId, Vec<u8>, Vec<u8>)>);

impl Records {
    fn of(load: &Load, partitions: u16, kafka: &Kafka) -> Result<Self, BusBenchError> {
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

    fn produce(
        &self,
        range: std::ops::Range<usize>,
        producer: &BaseProducer,
        topic: &str,
    ) -> Result<(), BusBenchError> {
        for (partition, key, value) in &self.0[range] {
            send(producer, topic, i32::from(partition.0), key, value)?;
        }
        flush(producer)
    }
}

fn send(
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
                producer.poll(Duration::from_millis(1));
                record = back;
            }
        }
    }
}

/// The crate's own flush waits in steps of 100 ms.
fn flush(producer: &BaseProducer) -> Result<(), BusBenchError> {
    let since = Instant::now();
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_micros(500));
        if since.elapsed() > STUCK {
            return Err(BusBenchError::Stuck("records went to the brokers"));
        }
    }
    Ok(())
}

fn producer(kafka: &Kafka) -> Result<BaseProducer, BusBenchError> {
    Ok(kafka.producer().create()?)
}

/// A consumer of a whole topic from its beginning, in the settings of our own.
fn consumer(kafka: &Kafka, topic: &str, partitions: u16) -> Result<BaseConsumer, BusBenchError> {
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
fn copy(kafka: &Kafka, partitions: u16, records: usize) -> Result<f64, BusBenchError> {
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

/// Every stage between the topics.
struct Pipe {
    engine: Engine,
    publisher: Publisher,
    inputs: Inputs,
}

impl Pipe {
    fn start(
        store: Store,
        config: &Config,
        settings: &SessionSettings,
    ) -> Result<Self, BusBenchError> {
        let meter = std::sync::Arc::new(Meter::default());
        let publisher = Publisher::new(&config.kafka, &meter)?;
        let settings = SessionSettings { outcomes: OutcomeDetail::Counts, ..settings.clone() };
        let bounds = EngineSettings { pending_bytes: 256 << 20, pending_requests: 1_024 };
        let engine = Engine::start(store, &settings, bounds, publisher.listener())?;
        let handle = engine.handle();
        let input_settings = InputSettings {
            kafka: Kafka { inputs: Format::Avro, ..config.kafka.clone() },
            bytes_max: config.line_bytes_max(),
            clock: config.clock.mode,
        };
        let configuration = config.configuration();
        for partition in handle.store().partitions() {
            let journal = handle.journal();
            let (tail, held, _) = handle.store().open_partition(partition, Memory::UNBOUNDED)?;
            publisher.open(partition, &journal)?;
            handle.adopt(held, tail, &configuration)?;
        }
        let inputs = Inputs::start(&input_settings, handle, &meter)?;
        Ok(Self { engine, publisher, inputs })
    }

    /// Lets the records in.
    fn feed(&self) -> Result<(), BusBenchError> {
        let handle = self.engine.handle();
        for partition in handle.store().partitions() {
            self.inputs.open(partition, &handle.journal().tail(partition));
        }
        Ok(())
    }

    /// Waits until so many readings are durable.
    fn wait(&self, readings: usize) -> Result<(), BusBenchError> {
        let (mut seen, mut moved) = (0, Instant::now());
        loop {
            let counts = self.engine.handle().counts();
            let now = counts.accepted + counts.refused + counts.repeats;
            if now >= readings as u64 {
                return Ok(());
            }
            if now > seen {
                (seen, moved) = (now, Instant::now());
            } else if moved.elapsed() > STUCK {
                return Err(BusBenchError::Stuck("readings went through the stages"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn stop(self) -> Result<(), BusBenchError> {
        self.inputs.stop();
        self.engine.close()?;
        self.publisher.stop();
        Ok(())
    }
}

/// Times from a reading's production to its intervention on the topic.
fn visible(
    kafka: &Kafka,
    partitions: u16,
    records: &Records,
    from: usize,
    producer: &BaseProducer,
) -> Result<Vec<Duration>, BusBenchError> {
    let seen = consumer(kafka, &kafka.output(Topic::Interventions), partitions)?;
    let stop = AtomicBool::new(false);
    let readings = kafka.topic(Input::Readings.as_str());
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut came = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = seen.poll(LOOK) {
                    let input = message.payload().and_then(kafka::input_id_of);
                    came.extend(input.map(|id| (id, Instant::now())));
                }
            }
            came
        });
        let mut sent = HashMap::new();
        let began = Instant::now();
        for (number, (partition, key, value)) in records.0[from..].iter().enumerate() {
            let due = Duration::from_secs_f64(number as f64 / STEADY_PER_S as f64);
            while began.elapsed() < due {
                producer.poll(Duration::from_micros(200));
            }
            if let Ok(envelope) = Envelope::get(&mut &value[5..]) {
                sent.insert(envelope.id.to_owned(), Instant::now());
            }
            send(producer, &readings, i32::from(partition.0), key, value)?;
        }
        flush(producer)?;
        std::thread::sleep(STRAGGLERS);
        stop.store(true, Ordering::Relaxed);
        let came = watching.join().unwrap_or_default();
        let took =
            |(id, at): &(String, Instant)| Some(at.saturating_duration_since(*sent.get(id)?));
        Ok(came.iter().filter_map(took).collect())
    })
}
