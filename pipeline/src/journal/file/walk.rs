//! Reading segments in order, and telling the end of a log from damage.
//!
//! Frame `n + 1` is written only after frame `n` was synced. So a place without a whole frame is
//! the end exactly if nothing whole follows it and the durable mark does not reach beyond it;
//! anything else is damage (SIM-7, SIM-8). A reader beside a live writer may see the end move: before calling
//! something damage it reads the place again, since what made it suspicious was written later.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeitgeber_schemas::ChunkHeader;

use super::{
    super::{
        Chunk, ChunkError, FORMAT, Hash, Layout, Place, ReadError, Scan, ScanFrom, StoredChunk,
        chain::Follower,
    },
    disk::{self, MARK},
    format::{MAX_MARK, Mark, frame_chunks},
    queue::Shared,
    segment::{Segment, bad_head},
};
use crate::disk::{Disk, Open, SharedDisk};

/// What a walk must reach before an end is an end.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) disk: SharedDisk,
    pub(super) dir: PathBuf,
    pub(super) layout: Layout,
    pub(super) mark: Place,
    /// The greatest segment that was listed.
    pub(super) last_segment: u32,
    /// The writer in this process, which knows the durable end.
    pub(super) writer: Option<Arc<Shared>>,
}

/// Walks the chunks of a log.
#[derive(Debug)]
pub(super) struct Walker {
    bounds: Bounds,
    pub(super) segment: Segment,
    /// Where the next frame is expected.
    at: u64,
    frame_at: u64,
    chunks: std::vec::IntoIter<(usize, usize)>,
    /// Where the end was found, and the bytes beyond it that are not zero.
    end: Option<(Place, u64)>,
}

impl Walker {
    pub(super) fn new(bounds: Bounds, segment: u32) -> Result<Self, ReadError> {
        let (disk, dir, layout) = (&*bounds.disk, &bounds.dir, bounds.layout);
        let Some(segment) = Segment::open(disk, dir, layout, segment, Vec::new())? else {
            return Err(ReadError::Missing { file: disk::segment_path(&bounds.dir, segment) });
        };
        let at = segment.head_bytes;
        Ok(Self { bounds, segment, at, frame_at: at, chunks: Vec::new().into_iter(), end: None })
    }

    /// Goes to a place where a frame begins.
    pub(super) fn go_to_frame(&mut self, at: u64) {
        self.at = at;
    }

    /// Where the next frame is expected.
    pub(super) fn place(&self) -> Place {
        Place { segment: self.segment.head.segment, offset: self.at }
    }

    /// Where the last frame of the segment begins; its end, where there is none.
    pub(super) fn last_frame(&self) -> u64 {
        self.frame_at
    }

    /// Whether everything up to here stands below the durable mark.
    pub(super) fn is_marked(&self) -> bool {
        self.place() <= self.bounds.mark
    }

    /// Bytes beyond the end that are not zero: the torn tail.
    pub(super) fn torn_bytes(&self) -> u64 {
        self.end.map_or(0, |(_, torn)| torn)
    }

    /// The next chunk: its place, and where its bytes stand in the window.
    fn next(&mut self) -> Result<Option<(Place, Range<usize>)>, ReadError> {
        loop {
            if let Some((offset, length)) = self.chunks.next() {
                let at = self.frame_at + offset as u64;
                let from = (at - self.segment.window_at) as usize;
                let place = Place { segment: self.segment.head.segment, offset: at };
                return Ok(Some((place, from..from + length)));
            }
            if !self.next_frame()? {
                return Ok(None);
            }
        }
    }

    fn next_frame(&mut self) -> Result<bool, ReadError> {
        loop {
            let limit = self.bounds.writer.as_ref().map(|writer| writer.end());
            if limit.is_some_and(|limit| self.place() >= limit) {
                return Ok(self.nothing_yet());
            }
            let number = self.segment.head.segment;
            let ahead = limit.filter(|limit| limit.segment == number);
            self.segment.ahead_to = ahead.map_or(u64::MAX, |limit| limit.offset);
            if let Some(head) = self.segment.frame(self.at)? {
                let frame = self.segment.cached(self.at, head.bytes()).unwrap_or_default();
                let chunks = frame_chunks(frame, head).ok_or_else(|| {
                    self.damaged("the lengths of the frame's chunks do not add up")
                })?;
                (self.frame_at, self.chunks) = (self.at, chunks.into_iter());
                self.at += head.bytes() as u64;
                return Ok(true);
            }
            if !self.resolve(limit)? {
                return Ok(self.nothing_yet());
            }
        }
    }

    /// Forgets the window, since the next time there may be more.
    fn nothing_yet(&mut self) -> bool {
        self.segment.window.clear();
        false
    }

    /// Decides what it means that no whole frame stands here: `true` to go on (in the next
    /// segment, or here because the writer was faster), `false` at the end.
    fn resolve(&mut self, limit: Option<Place>) -> Result<bool, ReadError> {
        let (here, number) = (self.place(), self.segment.head.segment);
        let next = disk::segment_path(&self.bounds.dir, number + 1);
        if self.bounds.disk.exists(&next) {
            // A successor is made only after this one was cut to its used length.
            return if self.length()? == self.at {
                self.enter(number + 1)?;
                Ok(true)
            } else {
                self.again_or_damaged("no whole frame stands here, but a segment follows")
            };
        }
        let last = self.bounds.last_segment.max(self.bounds.mark.segment);
        if number < last.max(limit.map_or(0, |limit| limit.segment)) {
            return Err(ReadError::Missing { file: next });
        }
        if here < self.bounds.mark || limit.is_some() {
            return Err(self.damaged("no whole frame stands here, below the durable mark"));
        }
        if self.end.is_some_and(|(end, _)| end == here) {
            return Ok(false);
        }
        let beyond = self.segment.look_beyond(self.at)?;
        if beyond.whole_frame {
            return self.again_or_damaged("no whole frame stands here, but one follows");
        }
        self.end = Some((here, beyond.used_bytes));
        Ok(false)
    }

    fn again_or_damaged(&mut self, why: &'static str) -> Result<bool, ReadError> {
        self.segment.window.clear();
        if self.segment.frame(self.at)?.is_some() { Ok(true) } else { Err(self.damaged(why)) }
    }

    fn enter(&mut self, number: u32) -> Result<(), ReadError> {
        let window = std::mem::take(&mut self.segment.window);
        let (disk, dir, layout) = (&*self.bounds.disk, &self.bounds.dir, self.bounds.layout);
        self.segment = Segment::open(disk, dir, layout, number, window)?
            .ok_or_else(|| ReadError::Missing { file: disk::segment_path(dir, number) })?;
        self.at = self.segment.head_bytes;
        self.frame_at = self.at;
        Ok(())
    }

    fn length(&self) -> Result<u64, ReadError> {
        let failed = |source| ReadError::Io { file: self.segment.path.clone(), source };
        self.segment.file.length().map_err(failed)
    }

    fn damaged(&self, why: &'static str) -> ReadError {
        ReadError::Damaged { file: self.segment.path.clone(), offset: self.at, why }
    }

    /// The hash of a chunk that was walked before.
    pub(super) fn hash_at(&self, place: Place, length: usize) -> Result<Hash, ReadError> {
        let file = disk::segment_path(&self.bounds.dir, place.segment);
        let mut bytes = vec![0; length];
        let disk = &self.bounds.disk;
        disk.open(&file, Open::Read)
            .and_then(|open| open.read_exact_at(&mut bytes, place.offset))
            .map_err(|source| ReadError::Io { file, source })?;
        Ok(*blake3::hash(&bytes).as_bytes())
    }
}

/// A scan over the files.
#[derive(Debug)]
pub(super) struct FileScan {
    pub(super) walker: Walker,
    pub(super) follower: Follower,
    pub(super) from: ScanFrom,
}

/// A chunk that a scan stands at.
pub(super) struct Found {
    pub(super) place: Place,
    /// Where its frame begins.
    pub(super) frame_at: u64,
    header: ChunkHeader,
    range: Range<usize>,
    body_bytes: usize,
}

impl FileScan {
    /// Moves to the next chunk that is wanted.
    pub(super) fn advance(&mut self) -> Result<Option<Found>, ReadError> {
        loop {
            let Some((place, range)) = self.walker.next()? else {
                return Ok(None);
            };
            if place >= self.from.places.end {
                return Ok(None);
            }
            let Place { segment, offset } = place;
            let file = || disk::segment_path(&self.walker.bounds.dir, segment);
            let bytes = &self.walker.segment.window[range.clone()];
            let (header, body) = Chunk::split(bytes).map_err(|error| match error {
                ChunkError::TooNew { found } => {
                    ReadError::TooNew { file: file(), found, supported: FORMAT }
                }
                _ => {
                    let why = "the chunk does not follow its schema";
                    ReadError::Damaged { file: file(), offset, why }
                }
            })?;
            let hash = self.from.check_hashes.then(|| *blake3::hash(bytes).as_bytes());
            let (partition, chunk) = (header.partition, header.number);
            self.follower.follow(&header, hash).map_err(|why| ReadError::Broken {
                file: file(),
                offset,
                partition,
                chunk,
                why,
            })?;
            if self.from.wants(&header, place) {
                let (frame_at, body_bytes) = (self.walker.frame_at, body.len());
                return Ok(Some(Found { place, frame_at, header, range, body_bytes }));
            }
        }
    }

    /// The chunk that was just moved to.
    pub(super) fn chunk(&self, found: Found) -> StoredChunk<'_> {
        let Found { place, header, range, body_bytes, .. } = found;
        let bytes = &self.walker.segment.window[range];
        StoredChunk { place, header, bytes, body: &bytes[bytes.len() - body_bytes..] }
    }
}

impl Scan for FileScan {
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
        let found = self.advance()?;
        Ok(found.map(|found| self.chunk(found)))
    }
}

/// Reads the mark of a log.
pub(super) fn read_mark(disk: &dyn Disk, dir: &Path) -> Result<Mark, ReadError> {
    let file = dir.join(MARK);
    match disk.read_bounded(&file, MAX_MARK) {
        Ok(bytes) => Mark::decode(&bytes).map_err(|bad| bad_head(&file, bad)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Missing { file }),
        Err(source) => Err(ReadError::Io { file, source }),
    }
}
