//! Live streams of events: whoever subscribes gets what becomes durable, without gap or repeat.
//!
//! A [`Hub`] reads the journal by position, like every other reader: only what is durable is ever
//! delivered, and an event's position is all that a client needs to go on after any interruption.
//! One thread follows the end of the log and serves all who are up to date. Whoever is not (they
//! resume, or their queue was full) is served from the log by bounded passes and then moves over
//! to the follower at a spot that both agree on. Entries that nobody wants are not decoded, and
//! an event that many want is rendered once.
//!
//! Where partitions have no common order (a log in a database), each has a follower and passes of
//! its own, and a subscription to several of them is as many in one: its events come in order
//! partition by partition, and a [`Token`] resumes it, on any process that reads the log.
//!
//! It knows nothing of HTTP: the service turns subscriptions into responses (`http/stream.rs`).

mod bell;
mod catch_up;
mod course;
mod dispatch;
mod filter;
mod follow;
mod frame;
mod line;
mod outbox;
mod registry;
mod subscription;
mod tally;
mod token;

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

pub use bell::Bell;
use course::Course;
use dispatch::SharedNames;
pub use filter::Filter;
use follow::Live;
pub use frame::Frame;
use frame::Spot;
use line::Waiting;
use outbox::{Lane, Next, Outbox};
pub use subscription::{Subscription, Watch};
pub use tally::StreamCounts;
use tally::Tally;
pub use token::{NotAToken, Token};

use zeitgeber_schemas::PartitionId;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// With what becomes durable from now on.
    Now,
    /// Behind this event, in log order.
    After(Position),
    /// Behind what came of each partition.
    Behind(Token),
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
    /// One event's position resumes a stream of its own partition only.
    #[error(
        "this log is in a database, where partitions have no common order: the id of an event \
         resumes a stream of one person or pool of its partition; others are resumed by the id that \
         came with their last event"
    )]
    OneOfMany,
    /// The token is not of this log, or the log needs none.
    #[error(
        "the token is of another log; where partitions have a common order, an event's id is one"
    )]
    OtherLog,
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
    courses: Vec<Course>,
    waiting: Waiting,
    numbers: AtomicU64,
    queued_bytes: Arc<AtomicUsize>,
    stopping: AtomicBool,
    failure: OnceLock<String>,
    tally: Tally,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The outboxes of a subscription, one for each course that it wants.
type Outboxes = Arc<[Arc<Outbox>]>;

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
        let courses = Course::all(&*journal);
        let mut names = Arc::default();
        for course in courses.iter().filter(|course| course.partition.is_none()) {
            // The end first: whoever is met behind it brings their name.
            *course.live() = Some(Live::at_the_end(&*journal, course)?);
            names = Names::read(&*journal)?;
        }
        let hub = Self(Arc::new(Shared {
            journal,
            settings,
            bell,
            names: RwLock::new(Arc::unwrap_or_clone(names)),
            courses,
            waiting: Waiting::default(),
            numbers: AtomicU64::new(1),
            queued_bytes: Arc::default(),
            stopping: AtomicBool::new(false),
            failure: OnceLock::new(),
            tally: Tally::default(),
            threads: Mutex::default(),
        }));
        let is_shared = !hub.0.journal.has_one_order();
        let look = if is_shared { hub.spawn("streams-else", follow::look) } else { Ok(()) };
        let started = look.and_then(|()| hub.spawn("streams", follow::run)).and_then(|()| {
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
        let begins = shared.begins(&filter, &from)?;
        let (number, filter) = (shared.number(), Arc::new(filter));
        let outbox = |&(course, lane, next): &(usize, Lane, Next)| {
            let queued = Arc::clone(&shared.queued_bytes);
            let (filter, place) = (Arc::clone(&filter), (course, begins.len()));
            Arc::new(Outbox::new(number, filter, place, (lane, next), queued))
        };
        let outboxes: Outboxes = begins.iter().map(outbox).collect();
        let streams = shared.settings.streams;
        if !shared.waiting.enter(number, &outboxes, streams) {
            return Err(SubscribeError::Busy { streams });
        }
        shared.tally.opened();
        let begun = if let Begin::Behind(token) = from { Some(token) } else { None };
        let (shared, turn) = (Arc::clone(shared), AtomicUsize::new(0));
        let subscription = Subscription { shared, number, outboxes, turn, begun };
        subscription.begin();
        Ok(subscription)
    }

    /// Counts and gauges.
    pub fn counts(&self) -> StreamCounts {
        let open = self.0.waiting.everybody();
        let is_behind = |outbox: &Arc<Outbox>| !matches!(outbox.lane(), Lane::Live);
        let behind = open.iter().filter(|outboxes| outboxes.iter().any(is_behind)).count();
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

impl Shared {
    /// A number that nothing else here has.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// On which courses a subscription goes on, and where.
    fn begins(
        &self,
        filter: &Filter,
        from: &Begin,
    ) -> Result<Vec<(usize, Lane, Next)>, SubscribeError> {
        let layout = self.journal.layout();
        let is_whole = self.courses.iter().any(|course| course.partition.is_none());
        let wanted = match filter.partition(layout.partitions) {
            Some(PartitionId(number)) if !is_whole => vec![usize::from(number)],
            _ => (0..self.courses.len()).collect(),
        };
        let begin = |course: usize| (course, Lane::Joining, Next::Spot(Spot::START));
        match from {
            Begin::Now => Ok(wanted.into_iter().map(begin).collect()),
            Begin::After(position) => {
                // What another process wrote may not have been told here yet.
                if is_whole {
                    self.check(*position).map_err(SubscribeError::Position)?;
                } else if wanted != [usize::from(position.partition.0)] {
                    return Err(SubscribeError::OneOfMany);
                }
                Ok(vec![(wanted[0], Lane::Waiting, Next::After(*position))])
            }
            Begin::Behind(token) => {
                if is_whole || !token.is_of(&layout.log_id, layout.partitions) {
                    return Err(SubscribeError::OtherLog);
                }
                let begin = |course: usize| {
                    let next = match token.next()[course].checked_sub(1) {
                        Some(n) => {
                            Next::After(Position { partition: PartitionId(course as u16), n })
                        }
                        None => {
                            Next::Spot(Spot { place: self.courses[course].places().start, n: 0 })
                        }
                    };
                    (course, Lane::Waiting, next)
                };
                Ok(wanted.into_iter().map(begin).collect())
            }
        }
    }

    /// Reads the names that a partition's events before the end introduced, where they are not read
    /// with the whole log.
    fn learn_names(&self, course: &Course) -> Result<(), QueryError> {
        let Some(partition) = course.partition else { return Ok(()) };
        let from = self.names.read().expect(NAMES).read_in(partition);
        let fresh = Names::of(&*self.journal, partition, from)?;
        self.names.write().expect(NAMES).take_in(fresh);
        Ok(())
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
        let everybody = self.waiting.everybody();
        everybody.iter().flat_map(|outboxes| outboxes.iter()).for_each(|outbox| outbox.end(ended));
    }
}

const NAMES: &str = "nothing panics while the names are held";

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}
