//! A running service's core: many doors at once, answers when durable, questions about states.
//!
//! A [`crate::ingest::Session`] has one door and reads its acknowledgements itself. An [`Engine`]
//! is shared by as many threads as like: each request fills an [`Intake`] of its own and hears of
//! its own inputs, and of nothing else. What waits is bounded by [`EngineSettings::pending_bytes`]
//! and [`EngineSettings::pending_requests`]; what is beyond is refused at once, never queued.
//! No async here: answers go to callbacks, and the service wraps them.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use zeitgeber_schemas::{ConfigurationBody, PartitionId};

use crate::{
    cycle::{About, Ask, Counts, Reply, Told, Unsettled},
    ingest::{Configure, Intake, SessionError, SessionSettings, now_ms, open_runtime},
    journal::{Journal, Layout},
    measure::{Histogram, LATENCY_S},
    runtime::{CoreDoors, CoreLoad, Runtime},
    state::{Partition, SnapshotError, Written},
    store::{LogPlace, Recovered, Store},
};

mod ownership;
mod room;
mod teller;
mod wait;

pub use ownership::StillHeld;
use room::Room;
pub use teller::Listener;
pub use wait::WaitError;

/// Spent intakes that wait to be filled again.
const SPENT_INTAKES: usize = 64;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Bytes of inputs that are not durable yet.
    pub pending_bytes: usize,
    /// Requests whose inputs are not durable yet.
    pub pending_requests: usize,
}

impl EngineSettings {
    /// Every request may have a share at every core; the engine's own bounds come first.
    const fn queue_shares(&self) -> usize {
        self.pending_requests + 1
    }
}

/// Why inputs were not taken. None of them is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Too much waits already.
    #[error("the writer is behind: try again in a moment")]
    Busy,
    /// It is stopping, or its journal failed.
    #[error("the writer has stopped")]
    Stopped,
    /// Another worker owns the partition, or nobody does yet.
    #[error("partition {0} has its writer elsewhere: try again in a moment, or ask another worker")]
    Elsewhere(PartitionId),
}

/// A running service's core.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    runtime: Runtime,
    teller: JoinHandle<()>,
    ticker: Option<Ticker>,
    recovered: Recovered,
}

/// Tells the cores the time until it is dropped.
#[derive(Debug)]
struct Ticker {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// A door into a running engine, for as many threads as like.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    /// Whether each partition's writer is here.
    owned: Vec<AtomicBool>,
    doors: CoreDoors,
    settings: EngineSettings,
    stopping: AtomicBool,
    pending_bytes: AtomicUsize,
    pending_requests: AtomicUsize,
    failure: OnceLock<String>,
    counts: Mutex<Counts>,
    acknowledge: Arc<Histogram>,
    intakes: (Sender<Intake>, Receiver<Intake>),
}

impl Engine {
    /// Opens a data directory and starts its writer. `configuration` is put in force as in
    /// [`crate::ingest::Session::open`]; the call returns once it is durable.
    pub fn open(
        place: impl Into<LogPlace>,
        settings: &SessionSettings,
        bounds: EngineSettings,
        configuration: &ConfigurationBody,
        configure: Configure,
        listener: impl Listener + 'static,
    ) -> Result<Self, SessionError> {
        let opened = open_runtime(
            &place.into(),
            settings,
            bounds.queue_shares(),
            listener.wants(),
            configuration,
            configure,
        )?;
        let stale = opened.stale;
        let engine = Self::of(opened.store, opened.runtime, opened.recovered, bounds, listener)?;
        let shared = &engine.handle.0;
        shared.store.partitions().for_each(|partition| shared.own(partition, true));
        engine.handle.configure(&stale, configuration).map_err(|_| engine.handle.why_stopped())?;
        Ok(engine)
    }

    /// Starts the cores without a partition: those come and go ([`Handle::adopt`]).
    pub fn start(
        store: Store,
        settings: &SessionSettings,
        bounds: EngineSettings,
        listener: impl Listener + 'static,
    ) -> Result<Self, SessionError> {
        let sizing = settings.sizing(bounds.queue_shares(), listener.wants());
        let runtime = Runtime::start(&store.journal(), Vec::new(), sizing);
        let runtime = runtime.map_err(SessionError::Threads)?;
        Self::of(store, runtime, Recovered::default(), bounds, listener)
    }

    fn of(
        store: Store,
        runtime: Runtime,
        recovered: Recovered,
        bounds: EngineSettings,
        listener: impl Listener + 'static,
    ) -> Result<Self, SessionError> {
        let reports = runtime.reports().clone();
        let handle = Handle(Arc::new(Shared {
            owned: store.partitions().map(|_| AtomicBool::new(false)).collect(),
            store,
            doors: runtime.doors(),
            settings: bounds,
            stopping: AtomicBool::new(false),
            pending_bytes: AtomicUsize::new(0),
            pending_requests: AtomicUsize::new(0),
            failure: OnceLock::new(),
            counts: Mutex::new(Counts::default()),
            acknowledge: Arc::new(Histogram::new(LATENCY_S)),
            intakes: bounded(SPENT_INTAKES),
        }));
        let shared = Arc::clone(&handle.0);
        let teller = std::thread::Builder::new()
            .name("teller".into())
            .spawn(move || teller::tell(&reports, &shared, listener))
            .map_err(SessionError::Threads)?;
        Ok(Self { handle, runtime, teller, ticker: None, recovered })
    }

    /// What opening found and folded.
    pub const fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// Snapshots written since the engine was opened, or why one was not. Those that nobody reads
    /// are dropped beyond a bound.
    pub const fn snapshots(&self) -> &Receiver<Result<Written, SnapshotError>> {
        self.runtime.snapshots()
    }

    /// Tells pools and people the time every so often, from here on: what is due by then happens
    /// without an input of their own.
    pub fn tick_every(&mut self, every: Duration) -> Result<(), SessionError> {
        let (stop, stopped) = bounded::<()>(0);
        let doors = self.handle.0.doors.clone();
        let run = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                doors.tick(now_ms());
            }
        };
        let thread = std::thread::Builder::new().name("ticker".into()).spawn(run);
        self.ticker = Some(Ticker { stop, thread: thread.map_err(SessionError::Threads)? });
        Ok(())
    }

    /// A door into this engine.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Takes nothing more, waits for what is pending, leaves the durable mark and the snapshots.
    pub fn close(self) -> Result<Counts, SessionError> {
        self.handle.0.stopping.store(true, Ordering::Release);
        if let Some(Ticker { stop, thread }) = self.ticker {
            drop(stop);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        let mut finished = self.runtime.finish();
        drop(finished.reports);
        if let Err(panic) = self.teller.join() {
            std::panic::resume_unwind(panic);
        }
        if self.handle.failure().is_some() {
            return Err(self.handle.why_stopped());
        }
        self.handle.0.store.close(&mut finished.partitions)?;
        Ok(self.handle.counts())
    }
}

impl Handle {
    /// What was fixed when the log was created.
    pub fn layout(&self) -> Layout {
        self.0.store.layout()
    }

    /// The data directory, for queries that read the log.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The journal, for reading.
    pub fn journal(&self) -> Arc<dyn Journal> {
        self.0.store.journal()
    }

    /// What became durable since the engine was opened; who waits for it is told a little before
    /// it is counted.
    pub fn counts(&self) -> Counts {
        *self.0.counts.lock().expect("nothing panics while the counts are held")
    }

    /// Why the writer stopped, once it has.
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    /// Whether inputs are taken: it neither ends nor failed.
    pub fn takes(&self) -> bool {
        !self.0.stopping.load(Ordering::Acquire) && self.failure().is_none()
    }

    /// Bytes and requests that are not durable yet.
    pub fn pending(&self) -> (usize, usize) {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (load(&self.0.pending_bytes), load(&self.0.pending_requests))
    }

    /// How busy each core is.
    pub fn cores(&self) -> Vec<CoreLoad> {
        self.0.doors.loads().collect()
    }

    /// How long requests took from their hand-over until they were settled, s.
    pub fn acknowledge(&self) -> Arc<Histogram> {
        Arc::clone(&self.0.acknowledge)
    }

    /// An empty intake for one request.
    pub fn intake(&self) -> Intake {
        let spent = self.0.intakes.1.try_recv();
        spent.unwrap_or_else(|_| Intake::new(self.layout().partitions))
    }

    /// Hands over what an intake holds. `settled` hears of it once, when all of it is durable or
    /// the writer has stopped, on a thread that must not be held up; an empty intake is settled at
    /// once.
    pub fn submit(
        &self,
        mut intake: Intake,
        settled: impl FnOnce(Result<Told, Unsettled>) + Send + 'static,
    ) -> Result<(), NotTaken> {
        let submitted = self.submit_from(&mut intake, settled);
        // Where enough are waiting already, this one's memory goes back to the system.
        drop(self.0.intakes.0.try_send(intake));
        submitted
    }

    /// As [`Self::submit`], from an intake that the caller keeps: where too much waits already, it
    /// still holds everything, and can be handed over again.
    pub fn submit_from(
        &self,
        intake: &mut Intake,
        settled: impl FnOnce(Result<Told, Unsettled>) + Send + 'static,
    ) -> Result<(), NotTaken> {
        if !self.takes() {
            return Err(NotTaken::Stopped);
        }
        if let Some(partition) = intake.partitions_held().find(|partition| !self.owns(*partition)) {
            return Err(NotTaken::Elsewhere(partition));
        }
        let room = Room::take(&self.0, intake.bytes())?;
        let mut batches = intake.take_batches(|| self.0.doors.empty_batch());
        let (begun, shared) = (Instant::now(), Arc::clone(&self.0));
        let settled = move |told| {
            drop(room);
            shared.acknowledge.record_duration(begun.elapsed());
            settled(told);
        };
        let reply = Reply::new(batches.len(), Box::new(settled));
        for (_, batch) in &mut batches {
            batch.reply = Some(reply.clone());
        }
        drop(reply);
        // A core that has stopped drops its batches, and with them the reply.
        self.0.doors.submit(batches).map_err(|_| NotTaken::Stopped)
    }

    /// Asks about a partition's state. `answer` gets what `question` found once all that it saw
    /// is durable; it is dropped uncalled where the writer stops before.
    pub fn ask<T: Send + 'static>(
        &self,
        partition: PartitionId,
        question: impl FnOnce(&mut Partition, u64) -> T + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), NotTaken> {
        self.ask_about(About::Everything, partition, question, answer)
    }

    /// As [`Self::ask`], where the question looks only at what it is said to be about: what else
    /// waits for the disk does not hold the answer up.
    pub fn ask_about<T: Send + 'static>(
        &self,
        about: About,
        partition: PartitionId,
        question: impl FnOnce(&mut Partition, u64) -> T + Send + 'static,
        answer: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), NotTaken> {
        if !self.owns(partition) {
            return Err(NotTaken::Elsewhere(partition));
        }
        let question = Box::new(move |held: &mut Partition, position| {
            let found = question(held, position);
            Box::new(move || answer(found)) as crate::cycle::Answer
        });
        match self.0.doors.ask(partition, Ask { about, question }) {
            Ok(()) => Ok(()),
            Err(_) if self.failure().is_some() => Err(NotTaken::Stopped),
            Err(_) => Err(NotTaken::Busy),
        }
    }

    fn why_stopped(&self) -> SessionError {
        match self.0.store.journal().close() {
            Err(failure) => failure.into(),
            Ok(()) => crate::runtime::Stopped.into(),
        }
    }
}
