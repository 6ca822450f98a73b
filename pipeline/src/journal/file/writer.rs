//! The one thread that writes: a frame, a sync, then the completions.

use std::{
    fs::File,
    io::{self, IoSlice, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use super::{
    super::{Place, WriteFailure},
    disk::{self, Lock, failed},
    format::{FrameHead, Mark, SegmentHead},
    queue::{Pending, Phase, Shared},
};

/// Writes frames to the last segment, and begins new ones.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    dir: PathBuf,
    segment_bytes: u64,
    /// What stands at the front of the current segment.
    head: SegmentHead,
    /// Where the next frame begins.
    place: Place,
    file: File,
    path: PathBuf,
    /// The next frame begins a segment.
    roll_first: bool,
    frame_head: Vec<u8>,
    _lock: Lock,
}

/// Where and how a writer goes on.
pub(super) struct Resume {
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) head: SegmentHead,
    pub(super) place: Place,
    /// The schema table of new segments.
    pub(super) schemas: String,
    pub(super) lock: Lock,
}

impl Writer {
    /// Opens the last segment at its end.
    pub(super) fn new(shared: Arc<Shared>, resume: Resume) -> Result<Self, WriteFailure> {
        let Resume { dir, segment_bytes, mut head, place, schemas, lock } = resume;
        let path = disk::segment_path(&dir, head.segment);
        let mut file = File::options().write(true).open(&path).map_err(failed("open", &path))?;
        disk::reserve_to(&file, &path, segment_bytes)?;
        file.seek(SeekFrom::Start(place.offset)).map_err(failed("seek in", &path))?;
        let roll_first = head.schemas != schemas;
        head.schemas = schemas;
        let frame_head = Vec::new();
        let _lock = lock;
        let this = Self {
            shared,
            dir,
            segment_bytes,
            head,
            place,
            file,
            path,
            roll_first,
            frame_head,
            _lock,
        };
        Ok(this)
    }

    /// Writes until the journal is closed, dropped or poisoned.
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let written = match self.shared.take(&mut batch) {
                None => self.commit(&batch),
                Some(Phase::Closing) => match self.finish() {
                    Ok(()) => {
                        self.shared.change(Phase::Closing, Phase::Closed);
                        return;
                    }
                    Err(failure) => Err(failure),
                },
                Some(_) => return,
            };
            match written {
                Ok(()) => self.shared.committed(&mut batch, self.place),
                Err(failure) => return self.shared.poison(failure, &mut batch),
            }
        }
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
        write_all(&mut self.file, &mut parts).map_err(failed("write to", &self.path))?;
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
        self.file = disk::put_file(&self.path, &head, self.segment_bytes)?;
        disk::sync_dir(&self.dir)?;
        self.place = Place { segment: self.head.segment, offset: head.len() as u64 };
        self.roll_first = false;
        self.shared.rolled(self.place);
        Ok(())
    }

    /// Leaves the durable mark of a clean stop.
    fn finish(&mut self) -> Result<(), WriteFailure> {
        self.cut()?;
        self.put_mark()?;
        disk::sync_dir(&self.dir)
    }

    /// Cuts the segment to its used length.
    fn cut(&mut self) -> Result<(), WriteFailure> {
        self.file.set_len(self.place.offset).map_err(failed("cut", &self.path))?;
        self.file.sync_all().map_err(failed("sync", &self.path))
    }

    fn put_mark(&self) -> Result<(), WriteFailure> {
        let mark = Mark::new(self.head.layout.log_id, self.place, &self.shared.tails());
        disk::put_file(&self.dir.join(disk::MARK), &mark.encode(), 0).map(drop)
    }
}

fn write_all(file: &mut File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
