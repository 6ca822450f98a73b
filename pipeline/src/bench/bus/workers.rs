//! Two workers that share a log, and how long partitions pause when one comes, goes or dies.
//!
//! Every partition gets a reading every few milliseconds, and its outputs are watched: the longest
//! time without any is how long it paused. Both workers are children of this process; the records,
//! the brokers and the database share its processors.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{Message, consumer::BaseConsumer};
use serde::Serialize;

use super::{
    BusBenchError, LOOK, STUCK,
    clients::{self, Records},
};
use crate::{
    bench::{Latency, Load, server::Server},
    bus::kafka::Input,
    cluster,
    config::{Config, Publish},
    query::Topic,
    store::Store,
};

/// Time between two readings of a partition.
const EVERY: Duration = Duration::from_millis(20);
/// How long everything runs undisturbed before and after each change.
const QUIET: Duration = Duration::from_secs(3);

/// How long each partition paused.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerFigures {
    /// Partitions.
    pub partitions: u16,
    /// How long a silent worker keeps its partitions, ms.
    pub session_ms: u32,
    /// While nothing changes.
    pub undisturbed: Latency,
    /// A second worker comes.
    pub joined: Latency,
    /// One of two is asked to stop.
    pub left: Latency,
    /// One of two is killed.
    pub killed: Latency,
}

/// Measures workers on a log in a database. `log` opens it to read; workers are started on
/// `journal`.
///
/// # Errors
///
/// The brokers or the log do not work, or nothing moves.
pub fn run(
    (log, journal): (&Store, &str),
    dir: &Path,
    load: &Load,
    config: &Config,
    mut say: impl FnMut(&str),
) -> Result<WorkerFigures, BusBenchError> {
    let partitions = log.layout().partitions;
    let config = super::own_topics(config, "workers.", Publish::Plain, partitions)?;
    let file = dir.join("workers.toml");
    let text = toml::to_string(&config).map_err(std::io::Error::other)?;
    fs::create_dir_all(dir).and_then(|()| fs::write(&file, text))?;
    let start = || {
        Server::start([
            "--journal".as_ref(),
            journal.as_ref(),
            "--config".as_ref(),
            file.as_os_str(),
        ])
    };
    let share = |workers: usize| shared_out(&config, log, workers);
    let records = Records::of(load, partitions, &config.kafka)?;
    super::profiles(load, &config.kafka)?;
    let watched = clients::consumer(
        &config.kafka,
        &config.kafka.output(Topic::ReadingsValidated),
        partitions,
    )?;
    let pauses = Pauses::new(partitions);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&config, &records, partitions, &stop));
        let watching = scope.spawn(|| pauses.watch(&watched, &stop));
        let measured = (|| {
            say("one worker");
            let first = start()?;
            share(1)?;
            let undisturbed = pauses.over(|| Ok(()))?;
            say("a second worker comes");
            let mut second = None;
            let joined = pauses.over(|| {
                second = Some(start()?);
                share(2)
            })?;
            say("one of two stops");
            let left = pauses.over(|| {
                second.take().map_or(Ok(()), Server::stop)?;
                share(1)
            })?;
            let second = start()?;
            share(2)?;
            pauses.over(|| Ok(()))?;
            say("one of two is killed");
            let killed = pauses.over(|| {
                first.kill()?;
                share(1)
            })?;
            second.stop()?;
            let session_ms = config.kafka.session_ms;
            Ok(WorkerFigures { partitions, session_ms, undisturbed, joined, left, killed })
        })();
        stop.store(true, Ordering::Relaxed);
        let fed = feeding.join().unwrap_or(Ok(()));
        watching.join().unwrap_or_default();
        fed.and(measured)
    })
}

/// Waits until so many workers own all partitions.
fn shared_out(config: &Config, log: &Store, workers: usize) -> Result<(), BusBenchError> {
    let since = Instant::now();
    while since.elapsed() < STUCK {
        let status = cluster::status(&config.kafka, &*log.journal())?;
        let owners: BTreeSet<_> = status.partitions.iter().map(|one| &one.owner).collect();
        if owners.len() == workers && !owners.contains(&None) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(BusBenchError::Stuck("partitions were shared out"))
}

/// Sends each partition its readings, one after the other, until it is told to stop.
fn feed(
    config: &Config,
    records: &Records,
    partitions: u16,
    stop: &AtomicBool,
) -> Result<(), BusBenchError> {
    let producer = clients::producer(&config.kafka)?;
    let readings = config.kafka.topic(Input::Readings.as_str());
    let mut of: Vec<_> = (0..partitions)
        .map(|number| records.0.iter().filter(move |(partition, ..)| partition.0 == number))
        .collect();
    while !stop.load(Ordering::Relaxed) {
        for (number, records) in (0..).zip(&mut of) {
            if let Some((_, key, value)) = records.next() {
                clients::send(&producer, &readings, number, key, value)?;
            }
        }
        std::thread::sleep(EVERY);
        producer.poll(Duration::ZERO);
    }
    clients::flush(&producer)
}

/// When each partition's last output came, and its longest pause.
struct Pauses(Mutex<Vec<(Instant, Duration)>>);

impl Pauses {
    fn new(partitions: u16) -> Self {
        Self(Mutex::new(vec![(Instant::now(), Duration::ZERO); usize::from(partitions)]))
    }

    fn watch(&self, outputs: &BaseConsumer, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let Some(Ok(message)) = outputs.poll(LOOK) else { continue };
            let index = usize::try_from(message.partition()).unwrap_or(0);
            let now = Instant::now();
            if let Ok(mut held) = self.0.lock()
                && let Some((last, longest)) = held.get_mut(index)
            {
                *longest = (*longest).max(now - *last);
                *last = now;
            }
        }
    }

    /// The longest pause of each partition over a change and some time behind it; pauses that go
    /// on then are waited for.
    fn over(
        &self,
        change: impl FnOnce() -> Result<(), BusBenchError>,
    ) -> Result<Latency, BusBenchError> {
        std::thread::sleep(QUIET);
        if let Ok(mut held) = self.0.lock() {
            held.iter_mut().for_each(|(_, longest)| *longest = Duration::ZERO);
        }
        change()?;
        let since = Instant::now();
        std::thread::sleep(QUIET);
        loop {
            let held = self.0.lock().map(|held| held.clone()).unwrap_or_default();
            if held.iter().all(|(last, _)| *last > since) {
                return Ok(Latency::of(held.into_iter().map(|(_, longest)| longest).collect()));
            }
            if since.elapsed() > STUCK {
                return Err(BusBenchError::Stuck("every partition's outputs were waited for"));
            }
            std::thread::sleep(LOOK);
        }
    }
}
