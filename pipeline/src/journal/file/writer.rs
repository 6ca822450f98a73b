//! The one thread that writes: a frame, a sync, then the completions (SIM-6).

use std::{io::IoSlice, path::PathBuf, sync::Arc, time::Instant};

use super::{
    super::{Place, WriteFailure},
    disk::{self, failed},
    format::{FrameHead, Mark, SegmentHead},
    queue::{Pending, Phase, Shared},
};
use crate::disk::{Locked, Open, OpenFile, SharedDisk};

/// Writes frames to the last segment, and begins new ones.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    disk: SharedDisk,
    dir: PathBuf,
    segment_bytes: u64,
    /// What stands at the front of the current segment.
    head: SegmentHead,
    /// Where the next frame begins.
    place: Place,
    file: OpenFile,
    path: PathBuf,
    /// The next frame begins a segment.
    roll_first: bool,
    frame_head: Vec<u8>,
    /// What the frame at hand holds.
    batch: Vec<Pending>,
    _lock: Box<dyn Locked>,
}

/// Where and how a writer goes on.
pub(super) struct Resume {
    pub(super) disk: SharedDisk,
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) head: SegmentHead,
    pub(super) place: Place,
    /// The schema table of new segments.
    pub(super) schemas: String,
    pub(super) lock: Box<dyn Locked>,
}

impl Writer {
    /// Opens the last segment at its end.
    pub(super) fn new(shared: Arc<Shared>, resume: Resume) -> Result<Self, WriteFailure> {
        let Resume { disk, dir, segment_bytes, mut head, place, schemas, lock } = resume;
        let path = disk::segment_path(&dir, head.segment);
        let file = disk.open(&path, Open::Write).map_err(failed("open", &path))?;
        disk::reserve_to(&file, &path, segment_bytes)?;
        let roll_first = head.schemas != schemas;
        head.schemas = schemas;
        let (frame_head, batch) = (Vec::new(), Vec::new());
        let _lock = lock;
        let this = Self {
            shared,
            disk,
            dir,
            segment_bytes,
            head,
            place,
            file,
            path,
            roll_first,
            frame_head,
            batch,
            _lock,
        };
        Ok(this)
    }

    /// Makes durable what opening found from `from` on: the last frame may stand in the page cache
    /// alone, where the process before was killed ahead of its sync, and stay there alone, where that
    /// sync failed and the system took its pages for written. So it is written again before
    /// anything rests on it (JOURNAL-7).
    pub(super) fn settle(&self, from: u64) -> Result<(), WriteFailure> {
        let mut frame = vec![0; (self.place.offset - from) as usize];
        self.file.read_exact_at(&mut frame, from).map_err(failed("read", &self.path))?;
        self.file.write_all_at(&frame, from).map_err(failed("write to", &self.path))?;
        self.file.sync_all().map_err(failed("sync", &self.path))
    }

    /// Writes until the journal is closed, dropped or poisoned.
    pub(super) fn run(mut self) {
        loop {
            let ended = self.shared.take(&mut self.batch);
            if !self.act(ended) {
                return;
            }
        }
    }

    /// Writes what waits now, one frame at most, without a thread of its own. Whether anything was
    /// done.
    pub(super) fn step(&mut self) -> bool {
        let ended = self.shared.take_now(&mut self.batch);
        let is_idle = matches!(ended, Some(Phase::Open | Phase::Poisoned | Phase::Closed));
        !is_idle && {
            self.act(ended);
            true
        }
    }

    /// Writes the frame that was taken, or ends as the phase says. Whether more may come.
    fn act(&mut self, ended: Option<Phase>) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        let written = match ended {
            None => self.commit(&batch).map(|()| true),
            Some(Phase::Closing) => self.finish().map(|()| false),
            Some(_) => return false,
        };
        let goes_on = match written {
            Ok(true) => {
                self.shared.committed(&mut batch, self.place);
                true
            }
            Ok(false) => {
                self.shared.change(Phase::Closing, Phase::Closed);
                false
            }
            Err(failure) => {
                self.shared.poison(failure, &mut batch);
                false
            }
        };
        self.batch = batch;
        goes_on
    }

    /// Writes one frame and waits until it is durable.
    fn commit(&mut self, batch: &[Pending]) -> Result<(), WriteFailure> {
        let chunks: Vec<&[u8]> = batch.iter().map(|next| next.append.chunk.bytes()).collect();
        let bytes = FrameHead::bytes_for(&chunks) as u64;
        let full = self.place.offset + bytes > self.segment_bytes && self.has_frames();
        if full || self.roll_first {
            self.roll()?;
        }
        FrameHead::encode(self.head.layout.log_id, self.place, &chunks, &mut self.frame_head);
        let mut parts = Vec::with_capacity(chunks.len() + 1);
        parts.push(IoSlice::new(&self.frame_head));
        parts.extend(chunks.iter().map(|chunk| IoSlice::new(chunk)));
        let begun = Instant::now();
        let written = self.file.write_parts_at(&mut parts, self.place.offset);
        written.map_err(failed("write to", &self.path))?;
        self.file.sync_data().map_err(failed("sync", &self.path))?;
        self.place.offset += bytes;
        self.shared.meter().frame(chunks.len(), bytes, begun.elapsed());
        Ok(())
    }

    fn has_frames(&self) -> bool {
        self.place.offset > self.head.encode().len() as u64
    }

    /// Ends the segment, advances the mark to its end and begins the next one.
    fn roll(&mut self) -> Result<(), WriteFailure> {
        self.cut()?;
        self.put_mark()?;
        self.head.segment += 1;
        let head = self.head.encode();
        self.path = disk::segment_path(&self.dir, self.head.segment);
        self.file = disk::put_file(&*self.disk, &self.path, &head, self.segment_bytes)?;
        disk::sync_dir(&*self.disk, &self.dir)?;
        self.place = Place { segment: self.head.segment, offset: head.len() as u64 };
        self.roll_first = false;
        self.shared.rolled(self.place);
        Ok(())
    }

    /// Leaves the durable mark of a clean stop.
    fn finish(&mut self) -> Result<(), WriteFailure> {
        self.cut()?;
        self.put_mark()?;
        disk::sync_dir(&*self.disk, &self.dir)
    }

    /// Cuts the segment to its used length.
    fn cut(&mut self) -> Result<(), WriteFailure> {
        self.file.set_length(self.place.offset).map_err(failed("cut", &self.path))?;
        self.file.sync_all().map_err(failed("sync", &self.path))
    }

    fn put_mark(&self) -> Result<(), WriteFailure> {
        let mark = Mark::new(self.head.layout.log_id, self.place, &self.shared.tails());
        disk::put_file(&*self.disk, &self.dir.join(disk::MARK), &mark.encode(), 0).map(drop)
    }
}
