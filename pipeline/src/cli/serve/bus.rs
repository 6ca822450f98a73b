//! The bus of a service: with `kafka.brokers` set, inputs come from Kafka and outputs go there,
//! beside HTTP. One node owns every partition; its log's lock keeps others away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use zeitgeber::{
    bus::kafka::{
        self, BusError, InputEvent, InputSettings, Inputs, Meter, Published, Publisher,
        PublisherEvent,
    },
    config::Config,
    engine::{Engine, Handle},
    telemetry,
};

use super::super::Failure;

/// How often it is looked for partitions that are to be opened again, and the pause before.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Kafka, where it is configured.
pub(super) struct Bus(Option<Kafka>);

struct Kafka {
    settings: InputSettings,
    meter: Arc<Meter>,
    publisher: Arc<Publisher>,
    reading: Option<Reading>,
}

/// The inputs, and who opens again what was closed.
struct Reading {
    inputs: Arc<Inputs>,
    stop: Arc<AtomicBool>,
    keeper: JoinHandle<()>,
}

impl Bus {
    /// What must be there before the log is opened: whoever publishes hears of every chunk.
    pub(super) fn prepare(config: &Config) -> Result<Self, BusError> {
        if !config.kafka.is_set() {
            return Ok(Self(None));
        }
        let settings = InputSettings {
            kafka: config.kafka.clone(),
            bytes_max: config.line_bytes_max(),
            clock: config.clock.mode,
        };
        let meter = Arc::new(Meter::default());
        let publisher = Arc::new(Publisher::new(&config.kafka, &meter)?);
        Ok(Self(Some(Kafka { settings, meter, publisher, reading: None })))
    }

    /// What the engine tells of durable chunks.
    pub(super) fn listener(&self) -> Option<Published> {
        self.0.as_ref().map(|kafka| kafka.publisher.listener())
    }

    /// Reads and publishes every partition of the log.
    pub(super) fn start(&mut self, engine: &Engine) -> Result<(), Failure> {
        let Some(bus) = &mut self.0 else { return Ok(()) };
        let (handle, journal) = (engine.handle(), engine.handle().journal());
        let partitions = handle.layout().partitions;
        kafka::counts(&bus.settings.kafka, partitions)?;
        let inputs = Arc::new(Inputs::start(&bus.settings, engine.handle(), &bus.meter)?);
        for (partition, tail) in handle.store().partitions().zip(handle.store().tails()) {
            bus.publisher.open(partition, &journal)?;
            inputs.open(partition, &tail);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let keeper = {
            let (inputs, publisher) = (Arc::clone(&inputs), Arc::clone(&bus.publisher));
            let stop = Arc::clone(&stop);
            let keep = move || keep(&inputs, &publisher, &handle, &stop);
            Builder::new().name("bus".into()).spawn(keep)?
        };
        bus.reading = Some(Reading { inputs, stop, keeper });
        tracing::info!(brokers = bus.settings.kafka.brokers, partitions, "on Kafka");
        Ok(())
    }

    /// Has what is counted of it told under `/metrics`.
    pub(super) fn watch(&self) {
        let meter = self.0.as_ref().map(|kafka| Arc::clone(&kafka.meter));
        telemetry::metrics().watch_bus(meter);
    }

    /// Reads nothing more; what was read becomes durable when the engine closes.
    pub(super) fn stop_inputs(&mut self) {
        let reading = self.0.as_mut().and_then(|kafka| kafka.reading.take());
        if let Some(Reading { inputs, stop, keeper }) = reading {
            stop.store(true, Ordering::Relaxed);
            inputs.stop();
            if let Err(panic) = keeper.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Publishes what is durable, once the engine is closed.
    pub(super) fn stop(self) {
        if let Some(kafka) = self.0 {
            kafka.publisher.stop();
        }
    }
}

/// Opens again what was closed: nobody else could have taken it.
fn keep(inputs: &Inputs, publisher: &Publisher, handle: &Handle, stop: &AtomicBool) {
    let journal = handle.journal();
    while !stop.load(Ordering::Relaxed) && handle.takes() {
        std::thread::sleep(LOOK_EVERY);
        for InputEvent::Closed(partition) in inputs.events().try_iter() {
            inputs.open(partition, &journal.tail(partition));
        }
        for event in publisher.events().try_iter() {
            let (PublisherEvent::Fenced(partition) | PublisherEvent::Failed(partition, _)) = event;
            tracing::warn!(partition = partition.0, "publishing is taken up again");
            if let Err(error) = publisher.open(partition, &journal) {
                tracing::error!(%error, partition = partition.0, "nothing more is published");
            }
        }
    }
}
