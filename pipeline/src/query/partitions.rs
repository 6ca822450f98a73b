//! Partitions folded side by side: one thread reads the log, the others fold what it reads.
//!
//! A partition's chunks always go to the same thread, in order. Threads therefore change how long
//! an answer takes and nothing in it.

use std::{num::NonZero, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use zeitgeber_schemas::{ChunkHeader, PartitionId};

use super::QueryError;
use crate::journal::{Chunk, EntryIter, Journal, Place, ScanFrom};

/// Chunks that may wait for one folding thread.
const QUEUE_CHUNKS: usize = 8;
/// Most folding threads; reading does not keep up with more.
const MOST_THREADS: usize = 8;

/// A chunk on its way to a folding thread.
struct Job {
    sequence: u64,
    place: Place,
    bytes: Vec<u8>,
}

/// A chunk to fold.
pub(crate) struct Part<'a> {
    /// Where it stands.
    pub(crate) place: Place,
    /// Its header.
    pub(crate) header: ChunkHeader,
    /// All its bytes.
    pub(crate) bytes: &'a [u8],
    /// Its entries.
    pub(crate) entries: EntryIter<'a>,
}

/// What the partitions fold to.
pub(crate) struct Folded<T> {
    /// One for each partition, in order.
    pub(crate) parts: Vec<T>,
    /// The first thing that stopped the fold, in log order.
    pub(crate) fault: Option<QueryError>,
}

impl<T> Folded<T> {
    /// The parts, if nothing stopped the fold.
    pub(crate) fn into_result(self) -> Result<Vec<T>, QueryError> {
        self.fault.map_or(Ok(self.parts), Err)
    }
}

/// How many threads fold by default.
pub(crate) fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// Folds every chunk of the log into its partition's part, on `threads` threads (at least 1).
pub(crate) fn fold_partitions<T: Send>(
    journal: &dyn Journal,
    from: ScanFrom,
    threads: usize,
    make: impl Fn(PartitionId) -> T,
    each: impl Fn(&mut T, &mut Part<'_>) -> Result<(), QueryError> + Sync,
) -> Result<Folded<T>, QueryError> {
    let partitions = journal.layout().partitions;
    let threads = threads.clamp(1, usize::from(partitions).max(1));
    let mut shares: Vec<Vec<T>> = (0..threads).map(|_| Vec::new()).collect();
    for partition in (0..partitions).map(PartitionId) {
        shares[usize::from(partition.0) % threads].push(make(partition));
    }
    let mut scan = journal.scan(from)?;
    let each = &each;
    let (ended, unread) = thread::scope(|scope| {
        let mut queues: Vec<Sender<Job>> = Vec::new();
        let mut folders = Vec::new();
        for share in shares {
            let (sender, jobs) = bounded(QUEUE_CHUNKS);
            queues.push(sender);
            folders.push(scope.spawn(move || run(share, threads, &jobs, each)));
        }
        let mut unread = None;
        for sequence in 0.. {
            let chunk = match scan.next_chunk() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    unread = Some((sequence, QueryError::from(error)));
                    break;
                }
            };
            let queue = &queues[usize::from(chunk.header.partition.0) % threads];
            let job = Job { sequence, place: chunk.place, bytes: chunk.bytes.to_vec() };
            if queue.send(job).is_err() {
                break;
            }
        }
        drop(queues);
        let joined = folders.into_iter().map(|folder| match folder.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        (joined.collect::<Vec<_>>(), unread)
    });
    let mut shares = Vec::new();
    let mut faults: Vec<(u64, QueryError)> = unread.into_iter().collect();
    for (share, fault) in ended {
        shares.push(share.into_iter());
        faults.extend(fault);
    }
    let parts = (0..usize::from(partitions)).filter_map(|n| shares[n % threads].next()).collect();
    let first = faults.into_iter().min_by_key(|(sequence, _)| *sequence);
    Ok(Folded { parts, fault: first.map(|(_, fault)| fault) })
}

/// One folding thread: it ends with the queue, or at the first chunk that does not fold.
fn run<T>(
    mut share: Vec<T>,
    threads: usize,
    jobs: &Receiver<Job>,
    each: &impl Fn(&mut T, &mut Part<'_>) -> Result<(), QueryError>,
) -> (Vec<T>, Option<(u64, QueryError)>) {
    for Job { sequence, place, bytes } in jobs {
        let folded = match Chunk::decode(&bytes) {
            Ok((header, entries)) => {
                let index = usize::from(header.partition.0) / threads;
                each(&mut share[index], &mut Part { place, header, bytes: &bytes, entries })
            }
            Err(error) => Err(QueryError::Entry { place, source: error.into() }),
        };
        if let Err(fault) = folded {
            return (share, Some((sequence, fault)));
        }
    }
    (share, None)
}

impl Part<'_> {
    /// The error for an entry of this chunk.
    pub(crate) fn fault(&self, error: impl Into<crate::fold::FoldError>) -> QueryError {
        QueryError::Entry { place: self.place, source: error.into() }
    }
}
