//! Reading partition after partition, several windows of chunks ahead.
//!
//! A window is a few chunks of one bucket, read by one request: as many as make about
//! [`WINDOW_BYTES`]. What is asked for ahead is decoded and checked on the database's threads, so
//! whoever scans only takes chunks in.

use std::{
    collections::VecDeque,
    ops::Range,
    path::PathBuf,
    sync::{Arc, mpsc},
};

use super::{
    connection::{Database, Fault, Settled},
    index::narrow,
    log::Number,
    read::{Stretch, reach},
    shared::Shared,
    wire::{BUCKET_CHUNKS, Whole},
};
use crate::journal::{
    Key, Place, ReadError, Scan, ScanFrom, StoredChunk, chain::Follower, chunk::Chunk,
};

/// Windows that are read ahead.
const AHEAD: usize = 4;
/// About what a window holds, bytes.
const WINDOW_BYTES: usize = 2 << 20;
/// Chunks of the first windows, before their size is known.
const WINDOW_CHUNKS: u64 = 4;

type Window = mpsc::Receiver<Result<Vec<Whole>, Fault>>;

/// A scan or a search.
pub(super) struct CqlScan {
    shared: Arc<Shared>,
    from: ScanFrom,
    /// What is searched for; none: everything is read.
    keys: Option<Vec<Key>>,
    /// The next chunk of each partition, and up to where it was trusted so far.
    at: Vec<(u64, u64)>,
    /// The partition that is looked at next in this round.
    next: u16,
    /// What is still to be asked for, and the partition it is of.
    plan: VecDeque<Stretch>,
    partition: u16,
    running: VecDeque<Window>,
    ready: VecDeque<Whole>,
    window: u64,
    follower: Follower,
    current: Vec<u8>,
}

impl CqlScan {
    pub(super) fn new(shared: Arc<Shared>, keys: Option<Vec<Key>>, from: ScanFrom) -> Self {
        let layout = shared.layout;
        let start = from.places.start;
        let first = |partition: u16| {
            let wanted = from.chunks.get(usize::from(partition)).copied().unwrap_or(0);
            match u32::from(partition).cmp(&start.segment) {
                std::cmp::Ordering::Less => u64::MAX,
                std::cmp::Ordering::Equal => wanted.max(start.offset),
                std::cmp::Ordering::Greater => wanted,
            }
        };
        let at: Vec<_> = (0..layout.partitions).map(|partition| (first(partition), 0)).collect();
        let whole = at.iter().all(|(first, _)| *first == 0);
        let follower = if whole { Follower::new(layout) } else { Follower::anywhere(layout) };
        Self {
            shared,
            from,
            keys,
            at,
            next: 0,
            plan: VecDeque::new(),
            partition: 0,
            running: VecDeque::new(),
            ready: VecDeque::new(),
            window: WINDOW_CHUNKS,
            follower,
            current: Vec::new(),
        }
    }

    /// Asks for windows ahead.
    fn launch(&mut self) {
        while self.running.len() < AHEAD {
            let Some(stretch) = self.plan.front_mut() else { return };
            let Range { start, end } = stretch.chunks;
            let bucket_end = (start / BUCKET_CHUNKS + 1) * BUCKET_CHUNKS;
            let upto = end.min(bucket_end).min(start + self.window);
            let window = Stretch { epoch: stretch.epoch, chunks: start..upto };
            stretch.chunks.start = upto;
            if upto == end {
                self.plan.pop_front();
            }
            let (to, from) = mpsc::sync_channel(1);
            let database = Arc::clone(&self.shared.database);
            let partition = Number::from(self.partition);
            self.shared.database.spawn(async move {
                // Whoever scanned may have seen enough.
                drop(to.send(fetch(&database, partition, window).await));
            });
            self.running.push_back(from);
        }
    }

    /// Plans what of a partition can be read now.
    fn look(&mut self, partition: u16) -> Result<(), ReadError> {
        self.partition = partition;
        let places = &self.from.places;
        let last = match u32::from(partition).cmp(&places.end.segment) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => places.end.offset,
            std::cmp::Ordering::Greater => return Ok(()),
        };
        let (first, trusted) = self.at[usize::from(partition)];
        let ours = self.shared.ours(partition);
        if first >= last || ours.is_some_and(|(.., acknowledged)| first >= acknowledged) {
            return Ok(());
        }
        let keys = self.keys.clone();
        let database = Arc::clone(&self.shared.database);
        let number = Number::from(partition);
        let look = async move {
            let (stretches, end) = match ours {
                Some((epoch, began, end)) if first >= began => {
                    (vec![Stretch { epoch, chunks: first..end }], end)
                }
                Some((epoch, began, end)) => {
                    let mut stretches = reach(&database, number, first, trusted).await?.stretches;
                    stretches.retain(|stretch| stretch.epoch != epoch);
                    stretches.push(Stretch { epoch, chunks: began..end });
                    (stretches, end)
                }
                None => {
                    let reached = reach(&database, number, first, trusted).await?;
                    (reached.stretches, reached.end)
                }
            };
            let end = end.min(last);
            let stretches = stretches.into_iter().filter_map(|stretch| {
                let chunks = stretch.chunks.start..stretch.chunks.end.min(end);
                (!chunks.is_empty()).then_some(Stretch { chunks, ..stretch })
            });
            let stretches = match keys {
                Some(keys) => narrow(&database, number, &keys, stretches.collect(), end).await?,
                None => stretches.collect(),
            };
            Ok((stretches, end))
        };
        let (stretches, end) =
            self.shared.database.wait(look).map_err(|fault| self.shared.unread(fault))?;
        self.plan = stretches.into();
        self.at[usize::from(partition)] = (first.max(end), end);
        Ok(())
    }

    /// Sets the window by what the last one held.
    fn measure(&mut self, wholes: &[Whole]) {
        let bytes: usize = wholes.iter().map(|whole| whole.bytes.len()).sum();
        if bytes < WINDOW_BYTES / 2 {
            self.window = (self.window * 2).min(BUCKET_CHUNKS);
        } else if bytes > WINDOW_BYTES * 2 {
            self.window = (self.window / 2).max(1);
        }
    }
}

impl Scan for CqlScan {
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
        let whole = loop {
            if let Some(whole) = self.ready.pop_front() {
                break whole;
            }
            self.launch();
            if let Some(window) = self.running.pop_front() {
                let wholes =
                    window.recv().unwrap_or_else(|_| Err(Settled("it ended".into()).into()));
                let wholes = wholes.map_err(|fault| self.shared.unread(fault))?;
                self.measure(&wholes);
                self.ready = wholes.into();
                self.launch();
            } else if self.next < self.shared.layout.partitions {
                self.next += 1;
                self.look(self.next - 1)?;
            } else {
                self.next = 0;
                return Ok(None);
            }
        };
        let (number, partition) = (whole.head.header.number, self.partition);
        let place = Place { segment: partition.into(), offset: number };
        let file = PathBuf::from(self.shared.database.connect.address());
        let damaged = |why| ReadError::Damaged { file: file.clone(), offset: number, why };
        self.current = whole.bytes;
        let (header, body) = Chunk::split(&self.current)
            .map_err(|_| damaged("the chunk does not follow its schema"))?;
        if header.partition.0 != partition || header.number != number {
            return Err(damaged("the chunk stands in another one's place"));
        }
        if self.keys.is_none() {
            let followed = self.follower.follow(&header, Some(whole.head.hash));
            followed.map_err(|why| ReadError::Broken {
                file: file.clone(),
                offset: number,
                partition: header.partition,
                chunk: number,
                why,
            })?;
        }
        Ok(Some(StoredChunk { place, header, bytes: &self.current, body }))
    }
}

/// Reads a window. Everything in it was trusted, so everything is there.
async fn fetch(
    database: &Database,
    partition: Number,
    window: Stretch,
) -> Result<Vec<Whole>, Fault> {
    let Stretch { epoch, chunks } = window;
    let wholes = database.chunks(partition, epoch, chunks.clone()).await?;
    let numbers = wholes.iter().map(|whole| whole.head.header.number);
    if !numbers.eq(chunks.clone()) {
        let text = format!(
            "of chunks {} to {} of partition {partition} some are missing",
            chunks.start,
            chunks.end - 1
        );
        return Err(Settled(text).into());
    }
    Ok(wholes)
}
