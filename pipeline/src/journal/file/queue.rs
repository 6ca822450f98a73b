//! What the writer thread shares with everybody else: the queue, the tails, the durable end.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use super::super::{
    Append, AppendError, Appended, Done, Meter, Place, ScanFrom, Tail, WriteFailure,
    chain::Submitted,
};

/// Number and position of each partition's next chunk.
pub(super) type Links = Vec<(u64, u64)>;

/// Bytes of chunks that may wait before `submit` does, too.
const MAX_QUEUED_BYTES: usize = 64 << 20;
/// Bytes of chunks in one frame, at most, unless one chunk alone is longer.
const MAX_COMMIT_BYTES: usize = 4 << 20;
/// Chunks in one frame, at most: well below the system's bound for one vectored write.
const MAX_COMMIT_CHUNKS: usize = 512;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    meter: Arc<Meter>,
    /// Something was queued, or the phase changed.
    work: Condvar,
    /// Something left the queue, or the phase changed.
    room: Condvar,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    submitted: Submitted,
    queue: VecDeque<Pending>,
    queued_bytes: usize,
    tails: Vec<Tail>,
    end: Place,
    /// Number and position of each partition's next chunk where each segment begins.
    starts: Vec<Links>,
    failure: Option<Arc<WriteFailure>>,
}

/// The life of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Appends are taken.
    Open,
    /// What is pending is written, then the mark.
    Closing,
    /// What is pending is written, and no mark.
    Dropped,
    /// A write failed.
    Poisoned,
    /// Closed, or never open for writing.
    Closed,
}

pub(super) struct Pending {
    pub(super) append: Append,
    done: Done,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.append.fmt(f)
    }
}

impl Pending {
    pub(super) fn complete(self, result: Result<(), AppendError>) {
        let Append { partition, expected_chunk: chunk, chunk: sealed } = self.append;
        (self.done)(Appended { partition, chunk, result, buffer: sealed.into_buffer() });
    }
}

impl Shared {
    pub(super) fn new(phase: Phase, tails: Vec<Tail>, starts: Vec<Links>, end: Place) -> Self {
        let state = State {
            phase,
            submitted: Submitted::new(&tails),
            queue: VecDeque::new(),
            queued_bytes: 0,
            tails,
            end,
            starts,
            failure: None,
        };
        let (state, meter) = (Mutex::new(state), Arc::default());
        Self { state, meter, work: Condvar::new(), room: Condvar::new() }
    }

    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while the state is held")
    }

    /// Queues appends, or completes those at once that cannot be taken. The writer wakes when all
    /// of them are queued, so that they meet in one frame.
    pub(super) fn submit(&self, appends: impl IntoIterator<Item = (Append, Done)>) {
        let full =
            |state: &mut State| state.phase == Phase::Open && state.queued_bytes > MAX_QUEUED_BYTES;
        let mut refused = Vec::new();
        let mut state = self.state();
        for (append, done) in appends {
            if full(&mut state) {
                self.work.notify_one();
                state = self
                    .room
                    .wait_while(state, full)
                    .expect("nothing panics while the state is held");
            }
            let admitted = match state.phase {
                Phase::Open => state.submitted.admit(&append),
                Phase::Poisoned => Err(AppendError::Poisoned),
                Phase::Closing | Phase::Dropped | Phase::Closed => Err(AppendError::Closed),
            };
            let pending = Pending { append, done };
            match admitted {
                Err(error) => refused.push((pending, error)),
                Ok(()) => {
                    state.queued_bytes += pending.append.chunk.bytes().len();
                    state.queue.push_back(pending);
                }
            }
        }
        drop(state);
        self.work.notify_one();
        refused.into_iter().for_each(|(pending, error)| pending.complete(Err(error)));
    }

    /// Waits for work: fills `batch` with one frame's chunks, or says why there will be none.
    pub(super) fn take(&self, batch: &mut Vec<Pending>) -> Option<Phase> {
        let idle = |state: &mut State| state.phase == Phase::Open && state.queue.is_empty();
        let waited = self.work.wait_while(self.state(), idle);
        self.fill(waited.expect("nothing panics while the state is held"), batch)
    }

    /// As [`Self::take`] without waiting: nothing, in an open journal, where nothing is queued.
    pub(super) fn take_now(&self, batch: &mut Vec<Pending>) -> Option<Phase> {
        self.fill(self.state(), batch)
    }

    fn fill(&self, mut state: MutexGuard<'_, State>, batch: &mut Vec<Pending>) -> Option<Phase> {
        let mut bytes = 0;
        while batch.len() < MAX_COMMIT_CHUNKS {
            let next = state.queue.front().map(|next| next.append.chunk.bytes().len());
            if next.is_none_or(|next| bytes > 0 && bytes + next > MAX_COMMIT_BYTES) {
                break;
            }
            bytes += next.unwrap_or(0);
            batch.extend(state.queue.pop_front());
        }
        state.queued_bytes -= bytes;
        let phase = state.phase;
        drop(state);
        self.room.notify_all();
        batch.is_empty().then_some(phase)
    }

    /// Notes that these chunks are durable up to `end`, then tells their owners.
    pub(super) fn committed(&self, batch: &mut Vec<Pending>, end: Place) {
        let mut state = self.state();
        for Pending { append, .. } in &*batch {
            let tail = &mut state.tails[usize::from(append.partition.0)];
            tail.advance(append.chunk.header(), append.chunk.hash());
        }
        state.end = end;
        drop(state);
        batch.drain(..).for_each(|pending| pending.complete(Ok(())));
    }

    /// Notes that a new segment begins.
    pub(super) fn rolled(&self, end: Place) {
        let mut state = self.state();
        let start = state.tails.iter().map(|tail| (tail.next_chunk, tail.next_position)).collect();
        state.starts.push(start);
        state.end = end;
    }

    /// Stops for good after a failure: all that is pending fails.
    pub(super) fn poison(&self, failure: WriteFailure, batch: &mut Vec<Pending>) {
        let failure = Arc::new(failure);
        let mut state = self.state();
        state.phase = Phase::Poisoned;
        state.failure = Some(failure.clone());
        let queued = std::mem::take(&mut state.queue);
        state.queued_bytes = 0;
        drop(state);
        self.room.notify_all();
        for pending in batch.drain(..) {
            pending.complete(Err(AppendError::Failed(failure.clone())));
        }
        queued.into_iter().for_each(|pending| pending.complete(Err(AppendError::Poisoned)));
    }

    /// Moves from one phase to another; stays where the phase is a different one.
    pub(super) fn change(&self, from: Phase, to: Phase) {
        let mut state = self.state();
        if state.phase == from {
            state.phase = to;
        }
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
    }

    pub(super) fn failure(&self) -> Option<Arc<WriteFailure>> {
        self.state().failure.clone()
    }

    pub(super) fn tails(&self) -> Vec<Tail> {
        self.state().tails.clone()
    }

    pub(super) fn tail(&self, partition: usize) -> Tail {
        self.state().tails.get(partition).cloned().unwrap_or_default()
    }

    pub(super) fn end(&self) -> Place {
        self.state().end
    }

    /// The last segment before whose beginning nothing wanted stands, and what is next there.
    pub(super) fn start_for(&self, from: &ScanFrom) -> (u32, Links) {
        let state = self.state();
        let before = |start: &Links| {
            let wanted = from.chunks.iter().copied().chain(std::iter::repeat(0));
            start.iter().zip(wanted).all(|((next, _), wanted)| *next <= wanted)
        };
        let by_chunk = state.starts.iter().rposition(before).unwrap_or(0);
        let last = state.starts.len().saturating_sub(1);
        let segment = by_chunk.max((from.places.start.segment as usize).min(last));
        (segment as u32, state.starts.get(segment).cloned().unwrap_or_default())
    }

    /// The segment that holds event `n` of a partition, where that has been written.
    pub(super) fn segment_of(&self, partition: usize, n: u64) -> u32 {
        let state = self.state();
        let before =
            |start: &Links| start.get(partition).is_some_and(|(_, position)| *position <= n);
        state.starts.partition_point(before).saturating_sub(1) as u32
    }

    /// The last segment that began; all before it are sealed.
    pub(super) fn last_segment(&self) -> u32 {
        self.state().starts.len().saturating_sub(1) as u32
    }
}
