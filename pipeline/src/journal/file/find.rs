//! Searching: from segment to segment, by index where there is one, else by reading.
//!
//! Sealed segments have their index in a file. The segment being written is indexed in memory:
//! each search first takes in what was appended since the last one.

use std::sync::{Arc, Mutex, MutexGuard};

use zeitgeber_schemas::PartitionId;

use super::{
    super::{Chunk, Key, Place, ReadError, Scan, ScanFrom, StoredChunk, chain::Follower},
    disk,
    index::{Index, Row},
    postings::{ChunkAt, Postings},
    queue::Shared,
    walk::{Bounds, FileScan, Walker},
};
use crate::disk::{Open, OpenFile};

/// The parts of a journal that reading needs.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) bounds: Bounds,
    pub(super) shared: Arc<Shared>,
    tail: Arc<Mutex<Option<Growing>>>,
}

/// What is known of the segment being written, and of all behind it.
#[derive(Debug)]
struct Growing {
    segment: u32,
    scan: FileScan,
    postings: Postings,
}

impl Source {
    pub(super) fn new(bounds: Bounds, shared: Arc<Shared>) -> Self {
        Self { bounds, shared, tail: Arc::default() }
    }

    /// A scan over the files from the last place where reading can begin.
    pub(super) fn scan(&self, from: ScanFrom) -> Result<FileScan, ReadError> {
        let Place { segment, offset } = from.places.start;
        if segment >= self.shared.last_segment()
            && offset > 0
            && !from.check_hashes
            && let Some(scan) = self.scan_frames(&from)?
        {
            return Ok(scan);
        }
        let (segment, start) = self.shared.start_for(&from);
        let walker = Walker::new(self.bounds.clone(), segment)?;
        Ok(FileScan { walker, follower: Follower::at(start.into_iter()), from })
    }

    /// A scan from a frame of the segment being written.
    fn scan_frames(&self, from: &ScanFrom) -> Result<Option<FileScan>, ReadError> {
        let frame = self.tail(|postings| postings.frame_of(from.places.start))?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        let mut walker = Walker::new(self.bounds.clone(), frame.segment)?;
        walker.go_to_frame(frame.offset);
        let follower = Follower::anywhere(self.bounds.layout);
        Ok(Some(FileScan { walker, follower, from: from.clone() }))
    }

    /// A scan over one segment.
    pub(super) fn scan_segment(&self, segment: u32, from: Place) -> Result<FileScan, ReadError> {
        let start = Place::of_segment(segment);
        let (_, links) = self.shared.start_for(&ScanFrom::places(start..Place::END));
        let walker = Walker::new(self.bounds.clone(), segment)?;
        let follower = Follower::at(links.into_iter());
        let places = start.max(from)..Place::of_segment(segment + 1);
        Ok(FileScan { walker, follower, from: ScanFrom::places(places) })
    }

    /// Asks what is known of the segment being written, up to date.
    pub(super) fn tail<T>(&self, ask: impl FnOnce(&Postings) -> T) -> Result<T, ReadError> {
        let last = self.shared.last_segment();
        let mut tail: MutexGuard<'_, Option<Growing>> =
            self.tail.lock().expect("nothing panics while the tail is held");
        let growing = match &mut *tail {
            Some(growing) if growing.segment == last => growing,
            old => {
                let mut scan = self.scan_segment(last, Place::START)?;
                scan.from.places.end = Place::END;
                old.insert(Growing { segment: last, scan, postings: Postings::default() })
            }
        };
        growing.postings.extend(&mut growing.scan, &|| false)?;
        Ok(ask(&growing.postings))
    }

    /// The place of an event's chunk, if it stands in the segment being written.
    pub(super) fn recent(
        &self,
        segment: u32,
        partition: PartitionId,
        n: u64,
    ) -> Result<Option<Place>, ReadError> {
        if segment < self.shared.last_segment() {
            return Ok(None);
        }
        self.tail(|postings| postings.holds(partition, n))
    }

    /// The chunks of a sealed segment that may hold one of the keys, by its index.
    fn indexed(&self, segment: u32, keys: &[Key]) -> Option<(OpenFile, std::vec::IntoIter<Row>)> {
        let Bounds { disk, dir, layout, .. } = &self.bounds;
        let index = Index::open(&**disk, dir, *layout, segment)?;
        let rows = index.find(keys)?;
        Some((index.segment, rows.into_iter()))
    }
}

/// A running search.
pub(super) struct FindScan {
    source: Source,
    keys: Vec<Key>,
    from: ScanFrom,
    segment: u32,
    stage: Stage,
    bytes: Vec<u8>,
    /// Behind the last chunk that was looked at.
    next: Place,
}

/// How the segment at hand is read.
enum Stage {
    /// To be seen.
    Enter,
    Indexed(OpenFile, std::vec::IntoIter<Row>),
    Read(Box<FileScan>),
    /// The segment being written.
    Growing(std::vec::IntoIter<ChunkAt>),
}

impl FindScan {
    pub(super) fn new(source: Source, keys: &[Key], from: ScanFrom) -> Self {
        let (segment, _) = source.shared.start_for(&from);
        let next = from.places.start;
        let (keys, stage) = (keys.to_vec(), Stage::Enter);
        Self { source, keys, from, segment, stage, bytes: Vec::new(), next }
    }

    fn enter(&mut self) -> Result<(), ReadError> {
        self.stage = if self.segment >= self.source.shared.last_segment() {
            Stage::Growing(Vec::new().into_iter())
        } else if let Some((file, rows)) = self.source.indexed(self.segment, &self.keys) {
            Stage::Indexed(file, rows)
        } else {
            self.reading()?
        };
        Ok(())
    }

    fn reading(&self) -> Result<Stage, ReadError> {
        let scan = self.source.scan_segment(self.segment, self.next)?;
        Ok(Stage::Read(Box::new(scan)))
    }

    fn leave(&mut self) {
        self.segment += 1;
        self.stage = Stage::Enter;
    }

    /// Moves to the next chunk: its place, and its bytes in `self.bytes`.
    fn advance(&mut self) -> Result<Option<Place>, ReadError> {
        loop {
            if self.next >= self.from.places.end {
                return Ok(None);
            }
            match &mut self.stage {
                Stage::Enter if Place::of_segment(self.segment) >= self.from.places.end => {
                    return Ok(None);
                }
                Stage::Enter => self.enter()?,
                Stage::Indexed(file, rows) => match rows.next() {
                    None => self.leave(),
                    Some(row) => {
                        let place = Place { segment: self.segment, offset: row.offset };
                        // A damaged row may say anything, so nothing is passed over unread.
                        if row.read(&**file, &mut self.bytes).is_none() {
                            self.stage = self.reading()?;
                        } else if self.takes(place) {
                            return Ok(Some(place));
                        }
                    }
                },
                Stage::Read(scan) => match scan.advance()? {
                    None => self.leave(),
                    Some(found) => {
                        let place = found.place;
                        self.bytes.clear();
                        self.bytes.extend_from_slice(scan.chunk(found).bytes);
                        if self.takes(place) {
                            return Ok(Some(place));
                        }
                    }
                },
                Stage::Growing(chunks) => {
                    let Some(chunk) = chunks.next() else {
                        if !self.grown()? {
                            return Ok(None);
                        }
                        continue;
                    };
                    self.read_growing(&chunk)?;
                    if self.takes(chunk.place) {
                        return Ok(Some(chunk.place));
                    }
                }
            }
        }
    }

    /// Whether the chunk in `self.bytes` is wanted; moves past it.
    fn takes(&mut self, place: Place) -> bool {
        let wanted = place >= self.next
            && Chunk::split(&self.bytes).is_ok_and(|(header, _)| self.from.wants(&header, place));
        self.next = self.next.max(place.after());
        wanted
    }

    /// Looks for more in the segment being written, or notices that it was sealed.
    fn grown(&mut self) -> Result<bool, ReadError> {
        if self.segment < self.source.shared.last_segment() {
            self.stage = Stage::Enter;
            return Ok(true);
        }
        let found = self.source.tail(|postings| postings.find(&self.keys, self.next))?;
        let any = !found.is_empty();
        self.stage = Stage::Growing(found.into_iter());
        Ok(any)
    }

    fn read_growing(&mut self, chunk: &ChunkAt) -> Result<(), ReadError> {
        let path = disk::segment_path(&self.source.bounds.dir, chunk.place.segment);
        let row = Row::new(chunk.place.offset, chunk.length, chunk.crc);
        match self.source.bounds.disk.open(&path, Open::Read) {
            Err(source) => Err(ReadError::Io { file: path, source }),
            Ok(file) => match row.read(&*file, &mut self.bytes) {
                Some(_) => Ok(()),
                None => {
                    let why = "the chunk is not what was read before";
                    Err(ReadError::Damaged { file: path, offset: chunk.place.offset, why })
                }
            },
        }
    }
}

impl Scan for FindScan {
    fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
        let Some(place) = self.advance()? else {
            return Ok(None);
        };
        let (header, body) = Chunk::split(&self.bytes).map_err(|_| ReadError::Damaged {
            file: disk::segment_path(&self.source.bounds.dir, place.segment),
            offset: place.offset,
            why: "the chunk does not follow its schema",
        })?;
        Ok(Some(StoredChunk { place, header, bytes: &self.bytes, body }))
    }
}
