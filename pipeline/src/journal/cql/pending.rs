//! An append between its submission and its one completion.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Instant,
};

use zeitgeber_schemas::PartitionId;

use crate::journal::{Append, AppendError, Appended, Done, SealedChunk};

/// Bytes of chunks that wait together; whoever submits more waits.
const QUEUE_BYTES: usize = 64 << 20;

/// How many bytes wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Mutex<usize>,
    freed: Condvar,
}

impl Queue {
    fn enter(&self, bytes: usize) {
        let held = self.bytes.lock().expect("nothing panics while it is held");
        let is_full = |waiting: &mut usize| *waiting > 0 && *waiting + bytes > QUEUE_BYTES;
        let mut held = self.freed.wait_while(held, is_full).expect("nothing panics while held");
        *held += bytes;
    }

    fn leave(&self, bytes: usize) {
        *self.bytes.lock().expect("nothing panics while it is held") -= bytes;
        self.freed.notify_all();
    }
}

/// An append that was taken. It is completed at the latest when it is dropped.
pub(super) struct Pending {
    partition: PartitionId,
    expected: u64,
    chunk: Option<Arc<SealedChunk>>,
    bytes: usize,
    done: Option<Done>,
    queue: Arc<Queue>,
    pub(super) since: Instant,
}

impl Pending {
    /// Waits for room in the queue.
    pub(super) fn new(queue: &Arc<Queue>, append: Append, done: Done) -> Self {
        let bytes = append.chunk.bytes().len();
        queue.enter(bytes);
        Self {
            partition: append.partition,
            expected: append.expected_chunk,
            chunk: Some(Arc::new(append.chunk)),
            bytes,
            done: Some(done),
            queue: Arc::clone(queue),
            since: Instant::now(),
        }
    }

    pub(super) const fn partition(&self) -> PartitionId {
        self.partition
    }

    pub(super) const fn expected(&self) -> u64 {
        self.expected
    }

    pub(super) fn chunk(&self) -> Arc<SealedChunk> {
        Arc::clone(self.chunk.as_ref().expect("it is held until it is completed"))
    }

    /// Completes it with a conflict.
    pub(super) fn fail(self, actual: u64) {
        let conflict = self.conflict(actual);
        self.complete(Err(conflict));
    }

    pub(super) const fn conflict(&self, actual: u64) -> AppendError {
        AppendError::Conflict { expected: self.expected, actual }
    }

    pub(super) fn complete(mut self, result: Result<(), AppendError>) {
        self.tell(result);
    }

    fn tell(&mut self, result: Result<(), AppendError>) {
        let Some(done) = self.done.take() else { return };
        self.queue.leave(self.bytes);
        // An insert that was given up may still hold it.
        let chunk = self.chunk.take().and_then(Arc::into_inner);
        let buffer = chunk.map(SealedChunk::into_buffer).unwrap_or_default();
        done(Appended { partition: self.partition, chunk: self.expected, result, buffer });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.tell(Err(AppendError::Closed));
    }
}
