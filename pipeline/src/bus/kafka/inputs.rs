//! Records in: from the input topics to the partitions' writers.
//!
//! One thread reads all partitions that are open. Where each goes on is told by the journal's
//! cursors as plain numbers; what it holds is covered, what is behind is read again (BUS-1).
//! Nothing is paused when the writers are behind: polling stops, and librdkafka keeps what it has
//! fetched. A partition whose records could not be made durable is closed until it is opened again,
//! with the cursors that it has then.

mod ends;
mod forward;
mod reader;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use zeitgeber_schemas::PartitionId;

use super::{BusError, Input, Meter};
use crate::{
    config::{ClockMode, Kafka},
    cycle::Source,
    engine::Handle,
    journal::Tail,
    record::raw_hash,
};
use reader::Reader;

/// What the inputs tell whoever owns the partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// Records of this partition were not made durable: nothing more is read of it until it is
    /// opened again.
    Closed(PartitionId),
}

/// The inputs of the partitions that are open.
#[derive(Debug)]
pub struct Inputs {
    kafka: Kafka,
    orders: Sender<Order>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    events: Receiver<InputEvent>,
}

/// What the reading thread is told.
#[derive(Debug)]
enum Order {
    Open(PartitionId, [u64; Input::ALL.len()]),
    Close(PartitionId),
}

/// How inputs are taken.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// The bus.
    pub kafka: Kafka,
    /// Longest value that is read, bytes.
    pub bytes_max: usize,
    /// What moves people's clocks on.
    pub clock: ClockMode,
}

impl Inputs {
    /// Starts the reading thread; no partition is open yet.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings, or the thread cannot be started.
    pub fn start(
        settings: &InputSettings,
        handle: Handle,
        meter: &Arc<Meter>,
    ) -> Result<Self, BusError> {
        let (orders, to_do) = unbounded();
        let (events_in, events) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let reader = Reader::new(settings, handle, meter, (to_do, events_in), Arc::clone(&stop))?;
        let thread = Builder::new().name("inputs".into()).spawn(move || reader.run())?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { kafka: settings.kafka.clone(), orders, stop, thread, events })
    }

    /// Reads a partition of every input topic from where its journal covers it.
    pub fn open(&self, partition: PartitionId, tail: &Tail) {
        let covered = |input: Input| {
            let source = source(&self.kafka, input, partition);
            tail.cursors.get(&source.id).copied().unwrap_or(0)
        };
        drop(self.orders.send(Order::Open(partition, Input::ALL.map(covered))));
    }

    /// Reads nothing more of a partition. What is on its way to the writer may still arrive.
    pub fn close(&self, partition: PartitionId) {
        drop(self.orders.send(Order::Close(partition)));
    }

    /// What happened that whoever owns the partitions should know.
    pub const fn events(&self) -> &Receiver<InputEvent> {
        &self.events
    }

    /// Reads nothing more.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().expect("nothing panics while the thread is held").take();
        if let Some(Err(panic)) = thread.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The source that a topic's partition is: its id is the same in every cluster that holds a copy
/// of the topic, and its lines are offsets and one.
pub(crate) fn source(settings: &Kafka, input: Input, partition: PartitionId) -> Source {
    let name = format!("{}/{partition}", settings.topic(input.as_str()));
    let incarnation = match settings.incarnation {
        0 => String::new(),
        n => format!("#{n}"),
    };
    Source { id: raw_hash(format!("kafka:{name}{incarnation}").as_bytes()), name }
}
