//! Every stage between the topics, in this process, as a worker runs them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::consumer::BaseConsumer;
use zeitgeber_schemas::PartitionId;

use super::{BusBenchError, STUCK, clients};
use crate::{
    bus::kafka::{InputSettings, Inputs, Meter, Publisher},
    config::{Config, Format, Kafka},
    cycle::OutcomeDetail,
    engine::{Engine, EngineSettings, Handle},
    ingest::SessionSettings,
    journal::ScanFrom,
    query::Topic,
    state::Memory,
    store::Store,
};

/// Pause between two looks at what came through.
const PAUSE: Duration = Duration::from_millis(2);

/// Every stage between the topics.
pub(super) struct Pipe {
    kafka: Kafka,
    engine: Engine,
    publisher: Publisher,
    inputs: Inputs,
    meter: Arc<Meter>,
    asking: BaseConsumer,
    /// How long each partition took to be claimed and opened, on a log without events.
    pub(super) claims: Vec<Duration>,
}

impl Pipe {
    pub(super) fn start(
        store: Store,
        config: &Config,
        settings: &SessionSettings,
    ) -> Result<Self, BusBenchError> {
        let meter = Arc::new(Meter::default());
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
        let mut claims = Vec::new();
        for partition in handle.store().partitions() {
            let since = Instant::now();
            let (tail, held, _) = handle.store().open_partition(partition, Memory::UNBOUNDED)?;
            claims.push(since.elapsed());
            publisher.open(partition, &handle.journal())?;
            handle.adopt(held, tail, &configuration)?;
        }
        let inputs = Inputs::start(&input_settings, handle, &meter)?;
        let (kafka, asking) = (config.kafka.clone(), config.kafka.client().create()?);
        Ok(Self { kafka, engine, publisher, inputs, meter, asking, claims })
    }

    /// Lets the records in.
    pub(super) fn feed(&self) {
        let handle = self.engine.handle();
        for partition in handle.store().partitions() {
            self.inputs.open(partition, &handle.journal().tail(partition));
        }
    }

    /// Waits until so many readings are durable, and all that they led to is on the topics.
    pub(super) fn wait(&self, readings: usize) -> Result<(), BusBenchError> {
        let handle = self.engine.handle();
        let durable = |handle: &Handle| {
            let counts = handle.counts();
            counts.accepted + counts.refused + counts.repeats
        };
        until("readings went through the stages", readings as u64, || Ok(durable(&handle)))?;
        let events = self.ends().map(|(_, end)| end).sum();
        until("outputs were sent", events, || Ok(self.meter.outputs()))?;
        let closing = self.ends().map(|(partition, end)| self.publisher.let_go(partition, end));
        for closed in closing.collect::<Vec<_>>() {
            // Its end is the word.
            let _ = closed.recv_timeout(STUCK);
        }
        until("outputs came to the topics", events, || self.on_topics())
    }

    /// Publishes again, behind what was waited for.
    pub(super) fn publish_on(&self) -> Result<(), BusBenchError> {
        let journal = self.engine.handle().journal();
        for (partition, _) in self.ends() {
            self.publisher.open(partition, &journal)?;
        }
        Ok(())
    }

    /// Bytes of chunks in the log, and how long it took to read them all.
    pub(super) fn scan(&self) -> Result<(usize, Duration), BusBenchError> {
        let since = Instant::now();
        let mut bytes = 0;
        let mut scan = self.engine.handle().store().scan(ScanFrom::default())?;
        while let Some(chunk) = scan.next_chunk()? {
            bytes += chunk.bytes.len();
        }
        Ok((bytes, since.elapsed()))
    }

    pub(super) fn stop(self) -> Result<(), BusBenchError> {
        self.inputs.stop();
        self.engine.close()?;
        self.publisher.stop();
        Ok(())
    }

    /// Where each partition of the log ends.
    fn ends(&self) -> impl Iterator<Item = (PartitionId, u64)> + use<> {
        let handle = self.engine.handle();
        let partitions = handle.store().partitions();
        partitions.map(move |partition| {
            let tail = handle.journal().tail(partition);
            (partition, tail.next_position)
        })
    }

    /// Records on the output topics, which hold those of one log alone.
    fn on_topics(&self) -> Result<u64, BusBenchError> {
        let partitions = self.engine.handle().layout().partitions;
        let topics = Topic::ALL.map(|topic| self.kafka.output(topic));
        clients::records_on(&self.asking, &topics, partitions)
    }
}

/// Waits until a count reaches an end; as long as it grows.
fn until(
    what: &'static str,
    end: u64,
    count: impl Fn() -> Result<u64, BusBenchError>,
) -> Result<(), BusBenchError> {
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        let now = count()?;
        if now >= end {
            return Ok(());
        }
        if now > seen {
            (seen, moved) = (now, Instant::now());
        } else if moved.elapsed() > STUCK {
            return Err(BusBenchError::Stuck(what));
        }
        std::thread::sleep(PAUSE);
    }
}
