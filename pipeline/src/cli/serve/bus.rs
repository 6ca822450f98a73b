//! The bus of a service: with `kafka.brokers` set, inputs come from Kafka and outputs go there,
//! beside HTTP.

use std::sync::Arc;

use zeitgeber::{
    bus::kafka::{self, BusError, InputSettings, Inputs, Meter, Published, Publisher},
    config::Config,
    engine::Engine,
    telemetry,
};

use super::super::Failure;

/// Kafka, where it is configured.
pub(super) struct Bus(Option<Kafka>);

struct Kafka {
    settings: InputSettings,
    meter: Arc<Meter>,
    publisher: Publisher,
    inputs: Option<Inputs>,
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
        let publisher = Publisher::new(&config.kafka, &meter)?;
        Ok(Self(Some(Kafka { settings, meter, publisher, inputs: None })))
    }

    /// What the engine tells of durable chunks.
    pub(super) fn listener(&self) -> Option<Published> {
        self.0.as_ref().map(|kafka| kafka.publisher.listener())
    }

    /// Reads and publishes every partition of the log.
    pub(super) fn start(&mut self, engine: &Engine) -> Result<(), Failure> {
        let Some(bus) = &mut self.0 else { return Ok(()) };
        let (handle, journal) = (engine.handle(), engine.handle().journal());
        let store = handle.store();
        kafka::counts(&bus.settings.kafka, handle.layout().partitions)?;
        let inputs = Inputs::start(&bus.settings, engine.handle(), &bus.meter)?;
        for (partition, tail) in store.partitions().zip(store.tails()) {
            bus.publisher.open(partition, &journal)?;
            inputs.open(partition, &tail);
        }
        bus.inputs = Some(inputs);
        let partitions = handle.layout().partitions;
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
        if let Some(inputs) = self.0.as_mut().and_then(|kafka| kafka.inputs.take()) {
            inputs.stop();
        }
    }

    /// Publishes what is durable, once the engine is closed.
    pub(super) fn stop(self) {
        if let Some(kafka) = self.0 {
            kafka.publisher.stop();
        }
    }
}
