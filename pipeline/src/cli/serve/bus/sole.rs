//! A node that has every partition of its log: the log's lock keeps others away, so what was closed
//! is simply opened again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use zeitgeber::{
    bus::kafka::{BusError, InputEvent, Inputs, Publisher, PublisherEvent},
    engine::Handle,
};

/// How often it is looked for partitions that are to be opened again, and the pause before.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The inputs, and who opens again what was closed.
pub(super) struct Sole {
    inputs: Arc<Inputs>,
    stop: Arc<AtomicBool>,
    keeper: JoinHandle<()>,
}

impl Sole {
    /// Reads and publishes every partition.
    pub(super) fn start(
        inputs: Inputs,
        publisher: &Arc<Publisher>,
        handle: Handle,
    ) -> Result<Self, BusError> {
        let (inputs, journal) = (Arc::new(inputs), handle.journal());
        for (partition, tail) in handle.store().partitions().zip(handle.store().tails()) {
            publisher.open(partition, &journal)?;
            inputs.open(partition, &tail);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let keeper = {
            let (inputs, publisher) = (Arc::clone(&inputs), Arc::clone(publisher));
            let stop = Arc::clone(&stop);
            let keep = move || keep(&inputs, &publisher, &handle, &stop);
            Builder::new().name("bus".into()).spawn(keep)?
        };
        Ok(Self { inputs, stop, keeper })
    }

    /// Reads nothing more.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.inputs.stop();
        if let Err(panic) = self.keeper.join() {
            std::panic::resume_unwind(panic);
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
