//! The bus beside a plain copy: the same records, brokers and processors in one run.
//!
//! First the records are produced. Then librdkafka alone copies them to another topic, which is as
//! fast as any consumer that produces can be here; then every stage runs on them, journal and
//! outputs included, until the last output is on its topic. Then readings come at a steady rate
//! and interventions are waited for on their topic. Last, every stage runs once more, on a log and
//! topics of its own, with outputs in transactions.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::producer::BaseProducer;
use serde::Serialize;

mod clients;
mod pipe;
mod servers;
mod steady;
mod workers;

use clients::Records;
use pipe::Pipe;
pub use workers::{WorkerFigures, run as run_workers};

use super::{Latency, Load, ServerError, cpu_seconds};
use crate::{
    bus::kafka::{self, BusError, Feeder, Input},
    config::{Config, Kafka, Publish},
    engine::WaitError,
    ingest::{SessionError, SessionSettings},
    journal::ReadError,
    store::{Store, StoreError},
};

/// Topic of the plain copy.
const COPY: &str = "bench.copy";
/// One look at a consumer.
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may happen before it is given up.
const STUCK: Duration = Duration::from_secs(60);

/// The logs that are measured, empty.
#[derive(Debug)]
pub struct Logs {
    /// What the journal is.
    pub journal: String,
    /// Contact points of the database, where it is in one.
    pub database: Option<String>,
    /// The log whose outputs are published plainly.
    pub plain: Store,
    /// The log whose outputs are published in transactions.
    pub transactional: Store,
}

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
    /// The same with outputs in transactions.
    pub transactional_per_s: f64,
    /// Processor time of this process a reading, every stage and both clients, us.
    pub client_us_per_reading: f64,
    /// Of this by its threads, numbers left out, us.
    pub threads_us_per_reading: BTreeMap<String, f64>,
    /// Processor time of the servers a reading, us.
    pub servers_us_per_reading: BTreeMap<String, f64>,
    /// Reading the whole journal, MB of chunks a second.
    pub scanned_mb_per_s: f64,
    /// Claiming and opening a partition of an empty log.
    pub claim: Latency,
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
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The cores.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The cores.
    #[error(transparent)]
    Cores(#[from] WaitError),
    /// A worker.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A file beside the log.
    #[error("could not write the workers' settings: {0}")]
    Io(#[from] std::io::Error),
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
/// The brokers or a log do not work.
pub fn run(
    logs: Logs,
    load: &Load,
    config: &Config,
    settings: &SessionSettings,
    mut say: impl FnMut(&str),
) -> Result<BusFigures, BusBenchError> {
    let Logs { journal, database, plain, transactional } = logs;
    let partitions = plain.layout().partitions;
    let of = |name: &str, publish| own_topics(config, name, publish, partitions);
    let config = of("", Publish::Plain)?;
    let records = Records::of(load, partitions, &config.kafka)?;
    let split = records.0.len() * 3 / 4;
    let listening =
        [("kafka", config.kafka.brokers.clone()), ("database", database.unwrap_or_default())];
    say("producing");
    let producer = clients::producer(&config.kafka)?;
    let produced_per_s = produce(load, &records, split, &producer, &config.kafka)?;
    say("a plain copy");
    let copied_per_s = clients::copy(&config.kafka, partitions, split)?;
    say("every stage");
    let pipe = Pipe::start(plain, &config, settings)?;
    let (threads, servers) = (servers::threads(), servers::servers(&listening));
    let cpu = cpu_seconds();
    let piped_per_s = bulk(&pipe, split)?;
    let client_us_per_reading = (cpu_seconds() - cpu) * 1e6 / split as f64;
    let threads_us_per_reading = servers::us_each(&threads, servers::threads(), split);
    let servers = servers::us_each(&servers, servers::servers(&listening), split);
    say("the journal read");
    let (bytes, took) = pipe.scan()?;
    say("from reading to intervention, 10,000 readings/s");
    pipe.publish_on()?;
    let visible = steady::visible(&config.kafka, partitions, &records, split, &producer)?;
    let claim = Latency::of(pipe.claims.clone());
    pipe.stop()?;
    say("every stage, outputs in transactions");
    let config = of("transactional.", Publish::Transactional)?;
    produce(load, &records, split, &producer, &config.kafka)?;
    let pipe = Pipe::start(transactional, &config, settings)?;
    let transactional_per_s = bulk(&pipe, split)?;
    pipe.stop()?;
    Ok(BusFigures {
        readings: split,
        partitions,
        journal,
        produced_per_s,
        copied_per_s,
        piped_per_s,
        ratio: piped_per_s / copied_per_s,
        transactional_per_s,
        client_us_per_reading,
        threads_us_per_reading,
        servers_us_per_reading: servers,
        scanned_mb_per_s: bytes as f64 / 1e6 / took.as_secs_f64(),
        claim,
        visible: Latency::of(visible),
    })
}

/// Lets the readings in and waits until all is published; readings a second.
fn bulk(pipe: &Pipe, readings: usize) -> Result<f64, BusBenchError> {
    let began = Instant::now();
    pipe.feed();
    pipe.wait(readings)?;
    Ok(readings as f64 / began.elapsed().as_secs_f64())
}

/// Makes topics that no other run has, and tells how they are used.
fn own_topics(
    config: &Config,
    name: &str,
    publish: Publish,
    partitions: u16,
) -> Result<Config, BusBenchError> {
    let mut config = config.clone();
    config.kafka.prefix = format!("{}bench-{}.{name}", config.kafka.prefix, std::process::id());
    config.kafka.publish = publish;
    let mut plan = kafka::plan(&config.kafka, partitions);
    plan.push(kafka::Plan { topic: config.kafka.topic(COPY), ..plan[0].clone() });
    let (_, faults) = kafka::apply(&config.kafka, &plan)?;
    match faults.first() {
        None => Ok(config),
        Some(fault) => Err(BusBenchError::Topics(fault.to_string())),
    }
}

/// Everybody's profile and the first readings; readings a second.
fn produce(
    load: &Load,
    records: &Records,
    readings: usize,
    producer: &BaseProducer,
    kafka: &Kafka,
) -> Result<f64, BusBenchError> {
    profiles(load, kafka)?;
    let began = Instant::now();
    records.produce(0..readings, producer, &kafka.topic(Input::Readings.as_str()))?;
    Ok(readings as f64 / began.elapsed().as_secs_f64())
}

fn profiles(load: &Load, kafka: &Kafka) -> Result<(), BusBenchError> {
    let mut feeder = Feeder::new(kafka)?;
    for profile in load.profiles() {
        feeder.profile(&super::http::profile_document(&profile), &profile)?;
    }
    feeder.finish()?;
    Ok(())
}
