//! Inputs of the HTTP door to their topics, acknowledged when every in-sync broker has them.
//!
//! One thread sends what waits, then waits for all of it together: requests share the brokers'
//! round trip as they share a sync of the log elsewhere.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use zeitgeber_schemas::{Envelope, PartitionId, SchemaId, partition_key};

use super::{
    BusError, Input, Producer, Schemas,
    outputs::{AVRO, JSON},
    refused,
};
use crate::{
    config::Kafka,
    cycle::{Batch, Item, Raw},
    engine::NotTaken,
    http::{HandedOn, Onward, Sort},
};

/// Requests whose records are sent before the brokers are waited for.
const TOGETHER: usize = 256;
/// How often an idle client is looked after.
const IDLE: Duration = Duration::from_millis(500);

/// A door that produces.
pub struct Door {
    /// Where requests go, and the thread that takes them; none once it has stopped.
    running: Mutex<Option<(Sender<Order>, JoinHandle<()>)>>,
    pending_bytes: Arc<AtomicUsize>,
    most_bytes: usize,
}

struct Order {
    input: Input,
    batches: Vec<(PartitionId, Batch)>,
    bytes: usize,
    done: HandedOn,
}

impl Door {
    /// Starts the sending thread.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings, a registry does not answer, or there is no thread.
    pub fn start(settings: &Kafka) -> Result<Self, BusError> {
        let producer = Producer::new(settings)?;
        let reading = Schemas::new(&settings.registry_url).today()?;
        let (orders, queue) = unbounded();
        let pending_bytes = Arc::new(AtomicUsize::new(0));
        let sender =
            Sending { producer, reading, value: Vec::new(), pending: Arc::clone(&pending_bytes) };
        let thread = Builder::new().name("door".into()).spawn(move || sender.run(&queue))?;
        let running = Mutex::new(Some((orders, thread)));
        Ok(Self { running, pending_bytes, most_bytes: settings.pending_bytes() })
    }

    /// Takes nothing more, and waits until what was taken is with the brokers.
    pub fn stop(&self) {
        if let Some((orders, thread)) = self.running().take() {
            drop(orders);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<(Sender<Order>, JoinHandle<()>)>> {
        self.running.lock().expect("nothing panics while the door is held")
    }
}

impl Onward for Door {
    fn hand_on(
        &self,
        sort: Sort,
        batches: Vec<(PartitionId, Batch)>,
        done: HandedOn,
    ) -> Result<(), NotTaken> {
        let bytes = batches.iter().map(|(_, batch)| batch.bytes.len()).sum();
        let before = self.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before + bytes > self.most_bytes {
            self.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(NotTaken::Busy);
        }
        let input = match sort {
            Sort::Readings => Input::Readings,
            Sort::Feedback => Input::Feedback,
            Sort::Profiles => Input::Control,
            Sort::Tasks => Input::Tasks,
        };
        let order = Order { input, batches, bytes, done };
        let running = self.running();
        let (orders, _) = running.as_ref().ok_or(NotTaken::Stopped)?;
        orders.send(order).map_err(|_| NotTaken::Stopped)
    }
}

struct Sending {
    producer: Producer,
    /// The schema id of readings in today's own form.
    reading: u32,
    value: Vec<u8>,
    pending: Arc<AtomicUsize>,
}

impl Sending {
    fn run(mut self, queue: &Receiver<Order>) {
        loop {
            let first = match queue.recv_timeout(IDLE) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.producer.idle();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut kept = Ok(());
            let mut told = Vec::new();
            for order in std::iter::once(first).chain(queue.try_iter()).take(TOGETHER) {
                if kept.is_ok() {
                    kept = self.send(&order);
                }
                told.push((order.bytes, order.done));
            }
            let kept = kept.and_then(|()| self.producer.finish().map(drop));
            let why = kept.err().map(|error| {
                format!(
                    "{error}; whether it is kept is not known: send it again, repeats count once"
                )
            });
            for (bytes, done) in told {
                self.pending.fetch_sub(bytes, Ordering::Relaxed);
                done(why.clone().map_or(Ok(()), Err));
            }
        }
    }

    fn send(&mut self, order: &Order) -> Result<(), BusError> {
        for (partition, batch) in &order.batches {
            for item in &batch.items {
                self.send_item(order.input, *partition, batch, item)?;
            }
        }
        Ok(())
    }

    fn send_item(
        &mut self,
        input: Input,
        partition: PartitionId,
        batch: &Batch,
        item: &Item,
    ) -> Result<(), BusError> {
        let mut canonical = &batch.bytes[item.input.clone()];
        let envelope = Envelope::get(&mut canonical).expect("doors write what this reads back");
        let key = match item.schema {
            SchemaId::Unreadable => None,
            _ => Some(partition_key(envelope.tenant, envelope.user_id)),
        };
        let key = key.as_ref().map_or(&b""[..], |key| key.as_bytes());
        match &item.raw {
            // It came as no bytes of its own but in a container.
            Raw::Slice(raw) if *raw == item.input && item.schema == SchemaId::Reading => {
                self.value.clear();
                self.value.push(0);
                self.value.extend_from_slice(&self.reading.to_be_bytes());
                self.value.extend_from_slice(&batch.bytes[raw.clone()]);
                self.producer.send(AVRO, input, partition, key, &self.value)
            }
            Raw::Slice(raw) => {
                self.producer.send(JSON, input, partition, key, &batch.bytes[raw.clone()])
            }
            Raw::Kept(raw) if raw.rest_hash.is_none() => {
                self.producer.send(JSON, input, partition, key, &raw.head.0)
            }
            Raw::Kept(raw) => {
                self.value.clear();
                refused::put(&batch.bytes[item.input.clone()], raw, &mut self.value);
                self.producer.send(refused::CONTENT_TYPE, input, partition, key, &self.value)
            }
        }
    }
}
