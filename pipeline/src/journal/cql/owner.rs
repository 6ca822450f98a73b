//! One partition's writer while it is ours: inserts overlap, acknowledgements keep their order.
//!
//! The only way to acknowledge is the end of [`settle`]: the chunk stands at a quorum, and a
//! quorum read *after that* still told our epoch as the latest (EPOCH-2).

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use tokio::sync::{
    Notify,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    claim::Claimed,
    connection::{Database, Fault, Patience},
    epoch::may_acknowledge,
    index::BucketKeys,
    log::Number,
    pending::Pending,
    shared::Shared,
    wire::{BUCKET_CHUNKS, Packed},
};
use crate::journal::{AppendError, SealedChunk, WriteFailure, chain::Sealed};

/// Inserts of one partition that are under way together.
const IN_FLIGHT: usize = 2;
/// How long after the last append the commit mark is left for followers.
const MARK_AFTER: Duration = Duration::from_millis(20);
/// How long a stop waits for what is under way.
const STOP: Duration = Duration::from_secs(30);

/// What a writer is told.
enum Told {
    Append(Pending),
    /// End what is under way, then the epoch; whoever waits is told by the drop.
    Release(SyncSender<()>),
}

/// Our end of a partition that is ours.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) epoch: u64,
    sealed: Sealed,
    to: UnboundedSender<Told>,
    abandon: Arc<Notify>,
}

/// A writer that ends.
#[derive(Debug)]
pub(super) struct Ending(Receiver<()>);

impl Ending {
    /// Waits until it has ended: then it hangs up.
    pub(super) fn wait(self) {
        while self.0.recv().is_ok() {}
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Append(_) => "Append",
            Self::Release(_) => "Release",
        })
    }
}

impl Owner {
    /// Starts the writer of a partition that was just claimed.
    pub(super) fn start(shared: &Arc<Shared>, partition: u16, claimed: Claimed) -> Self {
        let (to, told) = unbounded_channel();
        let abandon = Arc::new(Notify::new());
        let owner = Self {
            epoch: claimed.epoch,
            sealed: Sealed::behind(&claimed.tail),
            to,
            abandon: Arc::clone(&abandon),
        };
        let writer = Writer {
            shared: Arc::clone(shared),
            partition,
            epoch: claimed.epoch,
            acknowledged: claimed.tail.next_chunk,
            told,
            running: FuturesOrdered::new(),
            pending: VecDeque::new(),
            keys: BucketKeys::new(partition, claimed.tail.next_chunk),
        };
        shared.database.spawn(async move {
            tokio::select! {
                () = writer.run() => {}
                () = abandon.notified() => {}
            }
        });
        owner
    }

    /// Takes an append in, or gives it back with why not.
    pub(super) fn submit(&mut self, pending: Pending) -> Result<(), (Pending, AppendError)> {
        match self.sealed.admit(pending.partition(), pending.expected(), &pending.chunk()) {
            Ok(()) => {}
            Err(error) => return Err((pending, error)),
        }
        self.to.send(Told::Append(pending)).map_err(|refused| match refused.0 {
            Told::Append(pending) => {
                let conflict = pending.conflict(self.sealed.number);
                (pending, conflict)
            }
            Told::Release(_) => unreachable!("an append was sent"),
        })
    }

    /// Ends cleanly, after what is under way.
    pub(super) fn release(self) -> Ending {
        let (to, from) = sync_channel(1);
        // A writer that has ended has nothing to end any more.
        drop(self.to.send(Told::Release(to)));
        Ending(from)
    }

    /// Ends at once. What is pending ends with a conflict.
    pub(super) fn abandon(self) {
        self.abandon.notify_one();
    }
}

type Settling = BoxFuture<'static, Result<bool, Fault>>;

struct Writer {
    shared: Arc<Shared>,
    partition: u16,
    epoch: u64,
    /// How many chunks of the chain are acknowledged.
    acknowledged: u64,
    told: UnboundedReceiver<Told>,
    running: FuturesOrdered<Settling>,
    /// Those that are running, in the same order.
    pending: VecDeque<Pending>,
    keys: BucketKeys,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.told.close();
        self.shared.disown(self.partition, self.epoch);
        let next = self.acknowledged;
        for pending in self.pending.drain(..) {
            pending.fail(next);
        }
        while let Ok(told) = self.told.try_recv() {
            if let Told::Append(pending) = told {
                pending.fail(next);
            }
        }
    }
}

impl Writer {
    async fn run(mut self) {
        let (mut release, mut mark_at) = (None, None);
        let mut stop_at = None;
        loop {
            if release.is_some() && self.running.is_empty() {
                return self.end().await;
            }
            tokio::select! {
                biased;
                Some(settled) = self.running.next() => {
                    if !self.acknowledge(settled) {
                        return;
                    }
                    mark_at = Some(tokio::time::Instant::now() + MARK_AFTER);
                }
                told = self.told.recv(), if self.running.len() < IN_FLIGHT && release.is_none() => {
                    match told {
                        Some(Told::Append(pending)) => {
                            mark_at = None;
                            self.insert(pending);
                        }
                        Some(Told::Release(to)) => {
                            stop_at = Some(tokio::time::Instant::now() + STOP);
                            release = Some(to);
                        }
                        None => return,
                    }
                }
                () = at(mark_at), if mark_at.is_some() => {
                    mark_at = None;
                    self.leave_mark();
                }
                () = at(stop_at), if stop_at.is_some() => return,
            }
        }
    }

    fn insert(&mut self, pending: Pending) {
        let database = Arc::clone(&self.shared.database);
        let (partition, epoch) = (Number::from(self.partition), self.epoch);
        let acknowledged = self.acknowledged;
        let chunk = pending.chunk();
        self.pending.push_back(pending);
        let work = settle(database, partition, epoch, acknowledged, chunk);
        self.running.push_back(work.boxed());
    }

    /// Takes in how the oldest append went; no where the epoch is lost.
    fn acknowledge(&mut self, settled: Result<bool, Fault>) -> bool {
        let pending = self.pending.pop_front().expect("each that runs is pending");
        match settled {
            Ok(true) => {}
            Ok(false) => {
                let (partition, epoch) = (self.partition, self.epoch);
                tracing::warn!(partition, epoch, "the partition was taken over: appending ends");
                self.shared.disown(self.partition, self.epoch);
                pending.fail(self.acknowledged);
                return false;
            }
            Err(fault) => {
                let failure = self.failure(fault);
                self.shared.disown(self.partition, self.epoch);
                pending.complete(Err(AppendError::Failed(Arc::new(failure))));
                return false;
            }
        }
        self.acknowledged += 1;
        let chunk = pending.chunk();
        let tail = self.shared.advance(self.partition, self.epoch, &chunk);
        self.shared.meter.frame(1, chunk.bytes().len() as u64, pending.since.elapsed());
        self.keys.take(&chunk);
        drop(chunk);
        // After the tail moved: whoever is told finds it there (JOURNAL-3).
        pending.complete(Ok(()));
        if self.acknowledged.is_multiple_of(BUCKET_CHUNKS) {
            let bucket = self.keys.end_bucket(self.acknowledged);
            let database = Arc::clone(&self.shared.database);
            let partition = Number::from(self.partition);
            tokio::spawn(async move {
                if let Some(tail) = tail {
                    database.put_tail(partition, tail).await;
                }
                bucket.write(&database).await;
            });
        }
        true
    }

    fn failure(&self, fault: Fault) -> WriteFailure {
        WriteFailure {
            action: "append to",
            path: self.shared.database.connect.address().into(),
            source: std::io::Error::other(fault),
        }
    }

    fn leave_mark(&self) {
        let database = Arc::clone(&self.shared.database);
        let (partition, epoch, count) =
            (Number::from(self.partition), self.epoch, self.acknowledged);
        tokio::spawn(async move { database.put_mark(partition, epoch, count).await });
    }

    /// Records the end, so that whoever comes next has nothing to resolve.
    async fn end(&mut self) {
        let (database, partition) = (&self.shared.database, Number::from(self.partition));
        let patience = Patience::Until(Instant::now() + STOP);
        let ended = database.end(partition, self.epoch, self.acknowledged, patience).await;
        if let Err(fault) = ended {
            tracing::warn!(partition, %fault, "could not record the end: the next owner will");
        }
    }
}

async fn at(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Inserts a chunk until it stands at a quorum, then reads whether it may be acknowledged.
async fn settle(
    database: Arc<Database>,
    partition: Number,
    epoch: u64,
    acknowledged: u64,
    chunk: Arc<SealedChunk>,
) -> Result<bool, Fault> {
    let rows = Packed::of(&chunk).rows(acknowledged);
    drop(chunk);
    database.put_rows(partition, epoch, &rows, Patience::Endless).await?;
    let latest = database.latest(partition, Patience::Endless).await?;
    Ok(may_acknowledge(epoch, latest))
}
