//! The bus of a service: with `kafka.brokers` set, inputs come from Kafka and outputs go there,
//! beside HTTP. One node on its own files has every partition; nodes that share a journal share
//! the partitions out among each other.

#[path = "bus/sole.rs"]
mod sole;

use std::{sync::Arc, time::Duration};

use crossbeam_channel::Receiver;
use zeitgeber::{
    bus::kafka::{
        self, BusError, Door, InputSettings, Inputs, Members, Meter, Published, Publisher,
    },
    cluster::{self, Figures, Losses, Opener, Worker},
    config::Config,
    engine::{Engine, Handle},
    http::Onward,
    telemetry,
};
use zeitgeber_schemas::PartitionId;

use super::{super::Failure, Roles};
use sole::Sole;

/// How long partitions may take to be let go at the end.
const LET_GO_WITHIN: Duration = Duration::from_secs(15);

/// Kafka, where it is configured.
pub(super) struct Bus(Option<Kafka>);

struct Kafka {
    settings: InputSettings,
    meter: Arc<Meter>,
    publisher: Arc<Publisher>,
    /// What the engine tells of partitions that others took.
    losses: (Losses, Receiver<PartitionId>),
    at_work: AtWork,
    door: Option<Arc<Door>>,
}

/// Who reads and publishes.
enum AtWork {
    Nobody,
    /// This node alone.
    Sole(Sole),
    /// This node among others.
    Shared(Worker),
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
        let (losses, at_work) = (Losses::new(), AtWork::Nobody);
        Ok(Self(Some(Kafka { settings, meter, publisher, losses, at_work, door: None })))
    }

    /// Whether there is one.
    pub(super) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// What the engine tells of durable chunks, and of partitions that others took.
    pub(super) fn listener(&self) -> (Option<Published>, Option<Losses>) {
        let bus = self.0.as_ref();
        (bus.map(|bus| bus.publisher.listener()), bus.map(|bus| bus.losses.0.clone()))
    }

    /// Reads and publishes every partition of the log.
    pub(super) fn start(&mut self, engine: &Engine) -> Result<(), Failure> {
        let Some(bus) = &mut self.0 else { return Ok(()) };
        let partitions = engine.handle().layout().partitions;
        kafka::counts(&bus.settings.kafka, partitions)?;
        let inputs = Inputs::start(&bus.settings, engine.handle(), &bus.meter)?;
        bus.at_work = AtWork::Sole(Sole::start(inputs, &bus.publisher, engine.handle())?);
        tracing::info!(brokers = bus.settings.kafka.brokers, partitions, "on Kafka");
        Ok(())
    }

    /// Takes the partitions that the group gives to this node, and gives up those that it takes,
    /// where it is a worker; where inputs over HTTP are handed on to, where it is a door.
    pub(super) fn join(
        &mut self,
        engine: &Engine,
        config: &Config,
        roles: Roles,
    ) -> Result<Option<Arc<dyn Onward>>, Failure> {
        let Some(bus) = &mut self.0 else { return Ok(None) };
        kafka::counts(&bus.settings.kafka, engine.handle().layout().partitions)?;
        if roles.worker {
            bus.work(engine.handle(), config)?;
        }
        if !roles.door {
            return Ok(None);
        }
        let door = Arc::new(Door::start(&bus.settings.kafka)?);
        bus.door = Some(Arc::clone(&door));
        Ok(Some(door))
    }

    /// Has what is counted of it told under `/metrics`.
    pub(super) fn watch(&self) {
        let meter = self.0.as_ref().map(|kafka| Arc::clone(&kafka.meter));
        telemetry::metrics().watch_bus(meter, self.figures());
    }

    /// What is counted of partitions that come and go.
    fn figures(&self) -> Option<Arc<Figures>> {
        match &self.0.as_ref()?.at_work {
            AtWork::Shared(worker) => Some(worker.figures()),
            _ => None,
        }
    }

    /// Reads nothing more; what was read becomes durable when the engine closes.
    pub(super) fn stop_inputs(&mut self) {
        let Some(bus) = &mut self.0 else { return };
        match std::mem::replace(&mut bus.at_work, AtWork::Nobody) {
            AtWork::Nobody => {}
            AtWork::Sole(sole) => sole.stop(),
            AtWork::Shared(worker) => worker.stop(LET_GO_WITHIN),
        }
    }

    /// Publishes what is durable, once the engine is closed.
    pub(super) fn stop(self) {
        let Some(bus) = self.0 else { return };
        bus.publisher.stop();
        if let Some(door) = bus.door {
            door.stop();
        }
    }
}

impl Kafka {
    fn work(&mut self, handle: Handle, config: &Config) -> Result<(), Failure> {
        let members = Members::join(&self.settings.kafka, &self.meter)?;
        let parts = cluster::Parts {
            inputs: Inputs::start(&self.settings, handle.clone(), &self.meter)?,
            handle,
            opener: Opener {
                memory: config.memory(),
                configuration: config.configuration(),
                pools: config.pools.clone(),
            },
            settings: self.settings.kafka.clone(),
            members,
            publisher: Arc::clone(&self.publisher),
            lost: self.losses.1.clone(),
        };
        self.at_work = AtWork::Shared(Worker::start(parts)?);
        let kafka = &self.settings.kafka;
        tracing::info!(brokers = kafka.brokers, group = kafka.group, "joined");
        Ok(())
    }
}
