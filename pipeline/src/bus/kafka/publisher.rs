//! Outputs after the append: what durable chunks say, produced in order to the output topics.
//!
//! The teller of the engine hands chunks over and never waits: what does not fit the queue is read
//! from the journal later. One thread publishes all partitions, or, in transactions, one for each
//! partition, whose transactional id fences whoever published it before.

mod worker;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use zeitgeber_schemas::PartitionId;

use super::{BusError, Meter, registry::Schemas};
use crate::{
    config::{Kafka, Publish},
    cycle::{Ack, Wants},
    engine::Listener,
    journal::Journal,
};
use worker::{Work, Worker};

/// Bytes of chunks that may wait to be published; what is beyond is read from the journal.
const QUEUED_BYTES: usize = 32 << 20;

/// How long closing a partition waits for its outputs: what lies between the two is not taken in.
const CLOSE_WAIT: Duration = Duration::from_millis(200);

/// Most partitions of a log.
const PARTITIONS_MAX: usize = 1_024;

/// What a publisher tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublisherEvent {
    /// Another node publishes this partition: it is lost here.
    Fenced(PartitionId),
    /// Outputs of this partition cannot be read from the log.
    Failed(PartitionId, String),
}

/// Publishes the outputs of the partitions that are open.
pub struct Publisher {
    settings: Kafka,
    routes: Arc<Routes>,
    meter: Arc<Meter>,
    ids: Vec<u32>,
    workers: Mutex<Workers>,
    events: (Sender<PublisherEvent>, Receiver<PublisherEvent>),
}

/// The threads that publish.
#[derive(Default)]
struct Workers {
    running: BTreeMap<Option<PartitionId>, (Sender<Work>, JoinHandle<()>)>,
    /// They publish what they were left with and end.
    ending: Vec<JoinHandle<()>>,
}

/// Hears of durable chunks.
#[derive(Debug, Clone)]
pub struct Published(Arc<Routes>);

/// Where each partition's chunks go.
#[derive(Debug)]
struct Routes {
    of: Vec<Route>,
    queued_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Route {
    to: RwLock<Option<Sender<Work>>>,
    /// Chunks did not fit the queue.
    missed: AtomicBool,
}

impl Routes {
    fn offer(&self, partition: PartitionId, chunk: &Arc<[u8]>) {
        let Some(route) = self.of.get(usize::from(partition.0)) else { return };
        let to = route.to.read().expect("nothing panics while a route is held");
        let Some(to) = &*to else { return };
        let before = self.queued_bytes.fetch_add(chunk.len(), Ordering::Relaxed);
        if before > QUEUED_BYTES || to.send(Work::Chunk(partition, Arc::clone(chunk))).is_err() {
            self.queued_bytes.fetch_sub(chunk.len(), Ordering::Relaxed);
            route.missed.store(true, Ordering::Release);
        }
    }

    fn took(&self, chunk: &[u8]) {
        self.queued_bytes.fetch_sub(chunk.len(), Ordering::Relaxed);
    }

    /// Whether chunks of a partition were missed since this was last asked.
    fn missed(&self, partition: PartitionId) -> bool {
        self.of[usize::from(partition.0)].missed.swap(false, Ordering::AcqRel)
    }

    fn set(&self, partition: PartitionId, to: Option<Sender<Work>>) {
        if let Some(route) = self.of.get(usize::from(partition.0)) {
            *route.to.write().expect("nothing panics while a route is held") = to;
        }
    }
}

impl Listener for Published {
    /// Whoever owns the partitions closes it.
    fn lost(&mut self, _: PartitionId) {}

    fn durable(&mut self, acks: &[Ack]) {
        for ack in acks {
            if let (Some(partition), Some(chunk)) = (ack.partition, &ack.chunk) {
                self.0.offer(partition, chunk);
            }
        }
    }

    fn wants(&self) -> Wants {
        Wants { chunks: true, ..Wants::default() }
    }
}

impl Publisher {
    /// A publisher; no partition is open yet.
    ///
    /// # Errors
    ///
    /// The schema registry does not answer, or refuses a schema.
    pub fn new(settings: &Kafka, meter: &Arc<Meter>) -> Result<Self, BusError> {
        let of = (0..PARTITIONS_MAX).map(|_| Route::default()).collect();
        Ok(Self {
            settings: settings.clone(),
            routes: Arc::new(Routes { of, queued_bytes: AtomicUsize::new(0) }),
            meter: Arc::clone(meter),
            ids: Schemas::new(&settings.registry_url).outputs()?,
            workers: Mutex::default(),
            events: unbounded(),
        })
    }

    /// What the engine tells of durable chunks.
    pub fn listener(&self) -> Published {
        Published(Arc::clone(&self.routes))
    }

    /// What happened that whoever owns the partitions should know.
    pub const fn events(&self) -> &Receiver<PublisherEvent> {
        &self.events.1
    }

    /// Publishes a partition from where its topics end, as its journal says.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub fn open(&self, partition: PartitionId, journal: &Arc<dyn Journal>) -> Result<(), BusError> {
        let own = self.settings.publish == Publish::Transactional;
        let name = own.then_some(partition);
        let mut workers = self.workers();
        let to = match workers.running.get(&name) {
            Some((to, thread)) if !thread.is_finished() => to.clone(),
            _ => {
                let (to, work) = unbounded();
                let worker = Worker::new(self, journal, work, name);
                let thread = Builder::new().name("publisher".into()).spawn(move || worker.run())?;
                workers.running.insert(name, (to.clone(), thread));
                to
            }
        };
        // The route first: what becomes durable from here on is told or found in the journal.
        self.routes.set(partition, Some(to.clone()));
        drop(to.send(Work::Open(partition, Arc::clone(journal))));
        Ok(())
    }

    /// Publishes a partition up to a position and no further. Waits a moment for that, so that
    /// whoever opens it next finds everything there; what takes longer is published meanwhile.
    pub fn close(&self, partition: PartitionId, until: u64) {
        // Its end is the word.
        let _ = self.let_go(partition, until).recv_timeout(CLOSE_WAIT);
    }

    /// As [`Self::close`] without waiting: the channel ends when it is done.
    pub fn let_go(&self, partition: PartitionId, until: u64) -> Receiver<()> {
        let (waits, finished) = bounded(0);
        self.end_route(partition, Work::Close { partition, until, waits });
        finished
    }

    /// Publishes nothing more of a partition: another node does.
    pub fn abandon(&self, partition: PartitionId) {
        self.end_route(partition, Work::Abandon(partition));
    }

    fn end_route(&self, partition: PartitionId, work: Work) {
        self.routes.set(partition, None);
        let mut workers = self.workers();
        if self.settings.publish == Publish::Transactional {
            if let Some((to, thread)) = workers.running.remove(&Some(partition)) {
                drop(to.send(work));
                workers.ending.retain(|thread| !thread.is_finished());
                workers.ending.push(thread);
            }
        } else if let Some((to, _)) = workers.running.get(&None) {
            drop(to.send(work));
        }
    }

    /// Publishes what is durable, as far as that is soon done, and ends.
    pub fn stop(&self) {
        for route in 0..self.routes.of.len() {
            self.routes.set(PartitionId(route as u16), None);
        }
        let Workers { running, ending } = std::mem::take(&mut *self.workers());
        // Each hears that nobody asks for anything any more before one is waited for.
        let running: Vec<_> = running.into_values().map(|(_, thread)| thread).collect();
        for thread in running.into_iter().chain(ending) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().expect("nothing panics while the workers are held")
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("routes", &self.routes).finish_non_exhaustive()
    }
}
