//! The journal in memory: the same contract without a disk, for tests, trials and simulation.

use std::sync::{Arc, Mutex, MutexGuard};

use zeitgeber_schemas::PartitionId;

use super::{
    Append, AppendError, Appended, Done, Hash, Journal, Layout, Place, ReadError, Scan, ScanFrom,
    StoredChunk, Tail,
    chain::{Follower, Submitted},
    chunk::Chunk,
};

/// A log that lives as long as its owner.
#[derive(Debug)]
pub struct MemoryJournal {
    layout: Layout,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug)]
struct Log {
    submitted: Submitted,
    tails: Vec<Tail>,
    chunks: Vec<(u64, Arc<[u8]>)>,
    bytes: u64,
    closed: bool,
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().expect("nothing panics while the log is held")
}

impl MemoryJournal {
    /// An empty log.
    pub fn new(layout: Layout) -> Self {
        let tails = vec![Tail::default(); usize::from(layout.partitions)];
        let submitted = Submitted::new(&tails);
        let log = Log { submitted, tails, chunks: Vec::new(), bytes: 0, closed: false };
        Self { layout, log: Arc::new(Mutex::new(log)) }
    }

    fn append(&self, append: &Append) -> Result<(), AppendError> {
        let mut log = lock(&self.log);
        if log.closed {
            return Err(AppendError::Closed);
        }
        log.submitted.admit(append)?;
        let (chunk, at) = (&append.chunk, log.bytes);
        log.tails[usize::from(append.partition.0)].advance(chunk.header(), chunk.hash());
        log.chunks.push((at, chunk.bytes().into()));
        log.bytes += chunk.bytes().len() as u64;
        Ok(())
    }
}

impl Journal for MemoryJournal {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn tail(&self, partition: PartitionId) -> Tail {
        lock(&self.log).tails.get(usize::from(partition.0)).cloned().unwrap_or_default()
    }

    fn submit(&self, append: Append, done: Done) {
        let result = self.append(&append);
        let Append { partition, expected_chunk: chunk, chunk: sealed } = append;
        done(Appended { partition, chunk, result, buffer: sealed.into_buffer() });
    }

    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        let (log, follower) = (self.log.clone(), Follower::new(self.layout));
        Ok(Box::new(MemoryScan { log, from, follower, next: 0, current: Arc::default() }))
    }

    fn close(&self) -> Result<(), AppendError> {
        lock(&self.log).closed = true;
        Ok(())
    }
}

struct MemoryScan {
    log: Arc<Mutex<Log>>,
    from: ScanFrom,
    follower: Follower,
    next: usize,
    current: Arc<[u8]>,
}

impl Scan for MemoryScan {
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
        loop {
            let Some((offset, bytes)) = lock(&self.log).chunks.get(self.next).cloned() else {
                return Ok(None);
            };
            self.next += 1;
            let place = Place { segment: 0, offset };
            let file = || "memory".into();
            let (header, body) = Chunk::split(&bytes).map_err(|_| ReadError::Damaged {
                file: file(),
                offset,
                why: "the chunk does not follow its schema",
            })?;
            let hash: Option<Hash> =
                self.from.check_hashes.then(|| *blake3::hash(&bytes).as_bytes());
            let (partition, chunk) = (header.partition, header.number);
            self.follower.follow(&header, hash).map_err(|why| ReadError::Broken {
                file: file(),
                offset,
                partition,
                chunk,
                why,
            })?;
            if self.from.wants(&header, place) {
                let body_at = bytes.len() - body.len();
                self.current = bytes;
                let bytes = &*self.current;
                return Ok(Some(StoredChunk { place, header, bytes, body: &bytes[body_at..] }));
            }
        }
    }
}
