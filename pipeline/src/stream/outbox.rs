//! A subscriber's queue: bounded, filled by one reader of the log at a time.
//!
//! **STREAM-1** A subscriber gets every event that it wants from where it began, once, in log
//! order. The outbox keeps the spot from which it still wants events, and the lane by which it is
//! served: whoever offers an event says on which lane, so a reader that has lost a subscriber to
//! another one can no longer reach it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::{Ended, Filter, Frame, filter::Topics, frame::Spot};
use crate::query::Position;

/// Bytes of frames that the queues of a subscription may hold, each an equal part of them; a longer
/// frame may still stand in one alone.
const QUEUE_BYTES: usize = 256 << 10;
/// The same once all queues together hold more than [`ALL_QUEUES_BYTES`].
const TIGHT_QUEUE_BYTES: usize = 16 << 10;
/// Bytes of frames in all queues from which on each may hold less. A frame in several queues,
/// which stands in memory once, counts in each.
const ALL_QUEUES_BYTES: usize = 256 << 20;

/// Who fills a subscriber's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Nobody yet: it waits to follow the end of the log.
    Joining,
    /// The follower.
    Live,
    /// Nobody: the queue is full.
    Full,
    /// Nobody: it waits for a pass over what it missed.
    Waiting,
    /// The pass with this number.
    Pass(u64),
}

/// Where a subscriber goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At a spot.
    Spot(Spot),
    /// Behind an event whose spot has not been looked up.
    After(Position),
}

/// What became of an offered frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It is in the queue.
    Taken,
    /// It is not wanted again.
    Past,
    /// Whoever offered it does not serve this subscriber (any more).
    Lost,
}

/// A subscriber as the readers of the log see it.
#[derive(Debug)]
pub(super) struct Outbox {
    /// That of its subscription.
    pub(super) number: u64,
    /// The course it is of.
    pub(super) course: usize,
    pub(super) filter: Arc<Filter>,
    pub(super) topics: Topics,
    made: Instant,
    state: Mutex<State>,
    /// Bytes of frames that this queue may hold.
    most: usize,
    /// Bytes in all queues.
    all: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    from: Next,
    /// Position of the first event that it did not miss, where it begins with what comes.
    began: Option<u64>,
    queue: VecDeque<Arc<Frame>>,
    bytes: usize,
    /// Since when frames wait of which none was taken.
    stalled: Option<Instant>,
    ended: Option<Ended>,
    waker: Option<Waker>,
}

impl Outbox {
    pub(super) fn new(
        number: u64,
        filter: Arc<Filter>,
        (course, courses): (usize, usize),
        (lane, from): (Lane, Next),
        all: Arc<AtomicUsize>,
    ) -> Self {
        let state = State {
            lane,
            from,
            began: None,
            queue: VecDeque::new(),
            bytes: 0,
            stalled: None,
            ended: None,
            waker: None,
        };
        let (topics, most) = (filter.topics(), QUEUE_BYTES / courses.max(1));
        let (made, state) = (Instant::now(), Mutex::new(state));
        Self { number, course, topics, filter, made, state, most, all }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while a queue is held")
    }

    /// Puts a frame into the queue if `lane` serves it, it is still wanted and there is room.
    pub(super) fn offer(&self, lane: Lane, frame: &Arc<Frame>) -> Offered {
        let mut state = self.state();
        if state.lane != lane || state.ended.is_some() {
            return Offered::Lost;
        }
        if matches!(state.from, Next::Spot(from) if frame.spot() < from) {
            return Offered::Past;
        }
        if state.bytes > 0 && state.bytes + frame.bytes() > self.room() {
            (state.lane, state.from) = (Lane::Full, Next::Spot(frame.spot()));
            return Offered::Lost;
        }
        if state.queue.is_empty() {
            state.stalled = Some(Instant::now());
        }
        state.from = Next::Spot(frame.spot().behind());
        state.bytes += frame.bytes();
        self.all.fetch_add(frame.bytes(), Ordering::Relaxed);
        state.queue.push_back(Arc::clone(frame));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Offered::Taken
    }

    fn room(&self) -> usize {
        let crowded = self.all.load(Ordering::Relaxed) > ALL_QUEUES_BYTES;
        if crowded { self.most.min(TIGHT_QUEUE_BYTES) } else { self.most }
    }

    /// Moves from one lane to another, going on at `from` or behind; no where it is on neither or
    /// has ended.
    pub(super) fn change(&self, lane: Lane, to: Lane, from: Option<Spot>) -> bool {
        let mut state = self.state();
        if state.lane != lane || state.ended.is_some() {
            return false;
        }
        state.lane = to;
        state.from = match (state.from, from) {
            (Next::Spot(own), Some(from)) => Next::Spot(own.max(from)),
            (own, None) => own,
            (Next::After(_), Some(from)) => Next::Spot(from),
        };
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Moves over to the follower, which stands at a spot before an event.
    pub(super) fn join(&self, done: Spot, next: u64) -> bool {
        self.state().began = Some(next);
        self.change(Lane::Joining, Lane::Live, Some(done))
    }

    /// Position of the first event that it did not miss, once it joined.
    pub(super) fn began(&self) -> Option<u64> {
        self.state().began
    }

    /// Its subscriber took something, if not of this queue: what waits here is no older than that.
    pub(super) fn touch(&self) {
        let mut state = self.state();
        if state.stalled.is_some() {
            state.stalled = Some(Instant::now());
        }
    }

    /// How long ago it was made.
    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// Where it goes on.
    pub(super) fn from(&self) -> Next {
        self.state().from
    }

    /// Whether it waits for the follower to take it in.
    pub(super) fn poll_joined(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.lane != Lane::Joining || state.ended.is_some() {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Takes frames of about `bytes` bytes, at least one. `true` beside them: it now waits for a
    /// pass and must be put in line.
    pub(super) fn poll_take(
        &self,
        context: &Context<'_>,
        bytes: usize,
        taken: &mut Vec<Arc<Frame>>,
    ) -> Poll<Result<bool, Ended>> {
        let mut state = self.state();
        let before = state.bytes;
        let mut sum = 0;
        while let Some(next) = state.queue.front().map(|frame| frame.bytes()) {
            if sum > 0 && sum + next > bytes {
                break;
            }
            sum += next;
            taken.extend(state.queue.pop_front());
        }
        state.bytes = before - sum;
        self.all.fetch_sub(sum, Ordering::Relaxed);
        if sum == 0 {
            if let Some(ended) = state.ended {
                return Poll::Ready(Err(ended));
            }
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        state.stalled = (state.bytes > 0).then(Instant::now);
        let drained = state.bytes <= self.room() / 2;
        let waits = drained && state.lane == Lane::Full && state.ended.is_none();
        if waits {
            state.lane = Lane::Waiting;
        }
        if state.queue.is_empty() {
            state.queue = VecDeque::new();
        }
        Poll::Ready(Ok(waits))
    }

    /// Ends it; what is queued is still handed out, unless it was cut off or dropped.
    pub(super) fn end(&self, ended: Ended) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(ended);
        if matches!(ended, Ended::Slow | Ended::Dropped) {
            self.all.fetch_sub(state.bytes, Ordering::Relaxed);
            (state.bytes, state.queue) = (0, VecDeque::new());
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether frames have waited this long of which none was taken.
    pub(super) fn is_stalled(&self, now: Instant, limit: Duration) -> bool {
        let state = self.state();
        state.ended.is_none()
            && state.stalled.is_some_and(|since| now.saturating_duration_since(since) > limit)
    }

    /// For how long frames have waited of which none was taken.
    pub(super) fn stalled(&self) -> Option<Duration> {
        self.state().stalled.map(|since| since.elapsed())
    }

    /// Why it ended, where it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    pub(super) fn lane(&self) -> Lane {
        self.state().lane
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let bytes = self.state.get_mut().map_or(0, |state| state.bytes);
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}
