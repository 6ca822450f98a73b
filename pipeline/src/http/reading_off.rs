//! Reads of the log: on threads of their own, within a bound, and only as long as somebody waits.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeitgeber_schemas::PartitionId;

use super::{App, Kind, Problem};
use crate::{
    config::Service,
    journal::{
        Append, AppendError, Done, Journal, Key, Layout, Place, ReadError, Scan, ScanFrom,
        SeekError, StoredChunk, Tail,
    },
    query::QueryError,
};

/// Whether anybody still waits for a read of the log.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether nobody does.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Cancels when it is dropped: with the request that it belongs to.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl App {
    /// Reads the log on a thread of its own. Scans of the journal that `read` is given end in an
    /// error once the client has gone away or waited too long.
    ///
    /// # Errors
    ///
    /// Too many reads run already; it took too long; the query's own.
    pub async fn long_read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Journal, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.bounded_read(&self.0.long_reads, read).await
    }

    /// [`Self::long_read`] of the whole log by many threads: one at a time.
    pub async fn audit<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Journal, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.bounded_read(&self.0.audits, read).await
    }

    async fn bounded_read<T: Send + 'static>(
        &self,
        bound: &Arc<Semaphore>,
        read: impl FnOnce(&dyn Journal, &Cancel) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit: OwnedSemaphorePermit = Arc::clone(bound).try_acquire_owned().map_err(|_| {
            Problem::new(Kind::Busy, "as many reads of the log run as may; try again in a moment")
        })?;
        let cancel = Cancel::default();
        let journal = Cancellable { journal: self.engine().journal(), cancel: cancel.clone() };
        let _guard = CancelOnDrop(cancel.clone());
        let reading = tokio::task::spawn_blocking(move || {
            // The thread holds its place until it is done, not until nobody waits.
            let _permit = permit;
            read(&journal, &cancel)
        });
        let limit_s = self.service().long_read_s;
        let read = tokio::time::timeout(Service::seconds(limit_s), reading).await;
        match read {
            Ok(Ok(found)) => Ok(found?),
            Ok(Err(panic)) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
            Ok(Err(_)) => Err(self.stopped()),
            Err(_) => {
                let detail = format!("the log could not be read within {limit_s} s; ask for less");
                Err(Problem::new(Kind::TimedOut, detail))
            }
        }
    }
}

/// A journal whose scans end when nobody waits.
struct Cancellable {
    journal: Arc<dyn Journal>,
    cancel: Cancel,
}

struct CancellableScan {
    scan: Box<dyn Scan + Send>,
    cancel: Cancel,
}

impl Scan for CancellableScan {
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        self.scan.next_chunk()
    }
}

impl Journal for Cancellable {
    fn layout(&self) -> Layout {
        self.journal.layout()
    }

    fn tail(&self, partition: PartitionId) -> Tail {
        self.journal.tail(partition)
    }

    fn is_claimed(&self, partition: PartitionId) -> bool {
        self.journal.is_claimed(partition)
    }

    fn submit(&self, append: Append, done: Done) {
        self.journal.submit(append, done);
    }

    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        let scan = self.journal.scan(from)?;
        Ok(Box::new(CancellableScan { scan, cancel: self.cancel.clone() }))
    }

    fn find(&self, keys: &[Key], from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        let scan = self.journal.find(keys, from)?;
        Ok(Box::new(CancellableScan { scan, cancel: self.cancel.clone() }))
    }

    fn place_of(&self, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
        self.journal.place_of(partition, n)
    }

    fn has_one_order(&self) -> bool {
        self.journal.has_one_order()
    }

    fn segments(&self) -> u32 {
        self.journal.segments()
    }

    fn close(&self) -> Result<(), AppendError> {
        self.journal.close()
    }
}
