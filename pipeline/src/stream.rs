//! Live streams of events: whoever subscribes gets what becomes durable, without gap or repeat.
//!
//! A [`Hub`] reads the journal by position, like every other reader: only what is durable is ever
//! delivered, and an event's position is all that a client needs to go on after any interruption.
//! One thread follows the end of the log and serves all who are up to date. Whoever is not (they
//! resume, or their queue was full) is served from the log by bounded passes and then moves over
//! to the follower at a spot that both agree on. Entries that nobody wants are not decoded, and
//! an event that many want is rendered once.
//!
//! It knows nothing of HTTP: the service turns subscriptions into responses (`http/stream.rs`).

mod bell;
mod catch_up;
mod dispatch;
mod filter;
mod follow;
mod frame;
mod line;
mod outbox;
mod registry;
mod tally;

use std::{
    fmt, future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

pub use bell::Bell;
use dispatch::SharedNames;
pub use filter::Filter;
use follow::Live;
pub use frame::Frame;
use line::Waiting;
use outbox::{Lane, Next, Outbox};
pub use tally::StreamCounts;
use tally::Tally;

use crate::{
    journal::{Journal, SeekError},
    query::{Names, Position, QueryError},
};

/// Threads that serve those who are behind; each runs one pass at a time.
const CATCH_UP_THREADS: usize = 2;

/// How much a hub takes on.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// Most subscriptions at a time.
    pub streams: usize,
    /// How long frames may wait for a subscriber that takes none of them, before it is cut off.
    pub slow_client: Duration,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With what becomes durable from now on.
    Now,
    /// Behind this event, in log order.
    After(Position),
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The subscriber took nothing for too long.
    #[error("too slow: nothing was taken for too long; resume after the last event that came")]
    Slow,
    /// The hub stops.
    #[error("the service is stopping: resume after the last event that came")]
    Stopping,
    /// The log could not be read.
    #[error("the log could not be read: resume after the last event that came")]
    Failed,
    /// The subscription was dropped.
    #[error("the subscription was given up")]
    Dropped,
}

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// There are as many as there may be.
    #[error("{streams} streams are open, which is the most there may be: try again later")]
    Busy {
        /// How many there may be.
        streams: usize,
    },
    /// The log has no such position.
    #[error(transparent)]
    Position(SeekError),
    /// The log's partitions have no common order, so one position cannot resume all of them.
    #[error(
        "this log is in a database, where partitions have no common order: streams need one; read \
         events instead"
    )]
    NoOrder,
    /// The hub stops, or the log could not be read.
    #[error("the service is stopping")]
    Stopped,
}

/// Serves subscriptions from a log that is being written.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    journal: Arc<dyn Journal>,
    settings: StreamSettings,
    bell: Bell,
    names: SharedNames,
    live: Mutex<Live>,
    joining: Mutex<Vec<Arc<Outbox>>>,
    leaving: Mutex<Vec<Arc<Outbox>>>,
    waiting: Waiting,
    numbers: AtomicU64,
    queued_bytes: Arc<AtomicUsize>,
    stopping: AtomicBool,
    failure: OnceLock<String>,
    tally: Tally,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A stream of events for one subscriber. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
}

impl Hub {
    /// Follows `journal` from its end. Whoever writes to it rings `bell` after each commit.
    ///
    /// # Errors
    ///
    /// The log cannot be read, or threads cannot be started.
    pub fn start(
        journal: Arc<dyn Journal>,
        bell: Bell,
        settings: StreamSettings,
    ) -> Result<Self, QueryError> {
        // The end first: whoever is met behind it brings their name.
        let live = Live::at_the_end(&*journal)?;
        let names = Names::read(&*journal)?;
        let hub = Self(Arc::new(Shared {
            journal,
            settings,
            bell,
            names: RwLock::new(Arc::unwrap_or_clone(names)),
            live: Mutex::new(live),
            joining: Mutex::default(),
            leaving: Mutex::default(),
            waiting: Waiting::default(),
            numbers: AtomicU64::new(1),
            queued_bytes: Arc::default(),
            stopping: AtomicBool::new(false),
            failure: OnceLock::new(),
            tally: Tally::default(),
            threads: Mutex::default(),
        }));
        let started = hub.spawn("streams", follow::run).and_then(|()| {
            (0..CATCH_UP_THREADS).try_for_each(|_| hub.spawn("catch-up", catch_up::run))
        });
        if let Err(error) = started {
            hub.stop();
            return Err(error.into());
        }
        Ok(hub)
    }

    fn spawn(&self, name: &str, run: fn(&Shared)) -> std::io::Result<()> {
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || run(&shared))?;
        self.0.threads.lock().expect("nothing panics while they are held").push(thread);
        Ok(())
    }

    /// Subscribes. Never waits: [`Subscription::joined`] does.
    ///
    /// # Errors
    ///
    /// There are too many already, the log has no such position, or the hub stops.
    pub fn subscribe(&self, filter: Filter, from: Begin) -> Result<Subscription, SubscribeError> {
        let shared = &self.0;
        if shared.is_stopping() || shared.failure.get().is_some() {
            return Err(SubscribeError::Stopped);
        }
        if !shared.journal.has_one_order() {
            return Err(SubscribeError::NoOrder);
        }
        let (lane, from) = match from {
            Begin::Now => (Lane::Joining, Next::Spot(frame::Spot::START)),
            Begin::After(position) => {
                shared.check(position).map_err(SubscribeError::Position)?;
                (Lane::Waiting, Next::After(position))
            }
        };
        let streams = shared.settings.streams;
        let queued = Arc::clone(&shared.queued_bytes);
        let outbox = Arc::new(Outbox::new(shared.number(), filter, lane, from, queued));
        if !shared.waiting.enter(&outbox, streams) {
            return Err(SubscribeError::Busy { streams });
        }
        shared.tally.opened();
        let subscription = Subscription { shared: Arc::clone(shared), outbox };
        let outbox = Arc::clone(&subscription.outbox);
        match lane {
            Lane::Joining => {
                shared.joining().push(outbox);
                shared.bell.ring();
            }
            _ => shared.wait_again([outbox].into()),
        }
        // Whoever stopped in between may not have seen it.
        if shared.is_stopping() {
            subscription.outbox.end(Ended::Stopping);
        }
        Ok(subscription)
    }

    /// Counts and gauges.
    pub fn counts(&self) -> StreamCounts {
        let open = self.0.waiting.everybody();
        let behind = open.iter().filter(|outbox| !matches!(outbox.lane(), Lane::Live)).count();
        let queued = self.0.queued_bytes.load(Ordering::Relaxed);
        self.0.tally.counts(open.len(), behind, queued)
    }

    /// Why the log could not be read on, where that is so.
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(String::as_str)
    }

    /// Ends every subscription, then waits for the threads; what is queued can still be taken.
    /// Nothing is lost by it: clients resume when the service is there again.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.bell.ring();
        self.0.waiting.wake_all();
        let threads = std::mem::take(
            &mut *self.0.threads.lock().expect("nothing panics while they are held"),
        );
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        self.0.end_all(Ended::Stopping);
    }
}

impl Subscription {
    /// Waits until nothing that becomes durable from now on can be missed.
    pub async fn joined(&self) {
        future::poll_fn(|context| self.outbox.poll_joined(context)).await;
    }

    /// Why the hub ended it, where it has; frames may still wait to be taken.
    pub fn ended(&self) -> Option<Ended> {
        self.outbox.ended()
    }

    /// For how long frames have waited of which none was taken; none where none waits.
    pub fn stalled(&self) -> Option<Duration> {
        self.outbox.stalled()
    }

    /// Takes the next frames, about `bytes` bytes of them and at least one.
    ///
    /// # Errors
    ///
    /// It ended, and everything queued was taken.
    pub async fn take(&self, bytes: usize) -> Result<Vec<Arc<Frame>>, Ended> {
        let mut frames = Vec::new();
        future::poll_fn(|context| self.poll_take(context, bytes, &mut frames)).await?;
        Ok(frames)
    }

    /// As [`Self::take`], for those who poll.
    pub fn poll_take(
        &self,
        context: &Context<'_>,
        bytes: usize,
        frames: &mut Vec<Arc<Frame>>,
    ) -> Poll<Result<(), Ended>> {
        self.outbox.poll_take(context, bytes, frames).map_ok(|waits| {
            if waits {
                self.shared.tally.fell_behind();
                self.shared.wait_again([Arc::clone(&self.outbox)].into());
            }
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.outbox.end(Ended::Dropped);
        self.shared.waiting.leave(&self.outbox);
        self.shared.leaving().push(Arc::clone(&self.outbox));
        self.shared.tally.closed();
    }
}

impl Shared {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().expect("a reader of the log reports failures and does not panic")
    }

    fn joining(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.joining.lock().expect("nothing panics while they are held")
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.leaving.lock().expect("nothing panics while they are held")
    }

    /// A number that nothing else here has.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether the log has an event here.
    fn check(&self, position: Position) -> Result<(), SeekError> {
        let (Position { partition, n }, partitions) = (position, self.journal.layout().partitions);
        if partition.0 >= partitions {
            return Err(SeekError::UnknownPartition { partition, partitions });
        }
        let next = self.journal.tail(partition).next_position;
        if n >= next { Err(SeekError::BeyondEnd { partition, n, next }) } else { Ok(()) }
    }

    /// Stops for good: the log could not be read.
    fn fail(&self, error: &QueryError) {
        drop(self.failure.set(error.to_string()));
        self.end_all(Ended::Failed);
    }

    fn end_all(&self, ended: Ended) {
        self.waiting.everybody().iter().for_each(|outbox| outbox.end(ended));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}
