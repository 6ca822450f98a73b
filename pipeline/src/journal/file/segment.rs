//! One segment open for reading: its head, its frames, and what lies beyond a place without one.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    super::{Layout, Place, ReadError},
    disk,
    format::{
        BadHead, FORMAT, FRAME_HEAD, FRAME_MAGIC, FrameHead, MAX_SEGMENT_HEAD, SegmentHead,
        frame_is_whole,
    },
};
use crate::disk::{Disk, Open, OpenFile};

/// Bytes read at a time; holds any segment's head.
const READ_AHEAD: usize = 2 * MAX_SEGMENT_HEAD as usize;

pub(super) fn bad_head(file: &Path, bad: BadHead) -> ReadError {
    let file = file.to_owned();
    match bad {
        BadHead::Damaged(why) => ReadError::Damaged { file, offset: 0, why },
        BadHead::TooNew(found) => ReadError::TooNew { file, found, supported: FORMAT },
    }
}

/// An open segment, and a window of its bytes.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: OpenFile,
    pub(super) path: PathBuf,
    pub(super) head: SegmentHead,
    pub(super) head_bytes: u64,
    pub(super) window: Vec<u8>,
    /// Where in the file the window begins.
    pub(super) window_at: u64,
    /// Where reading ahead ends, where the writer has said up to where there is something.
    pub(super) ahead_to: u64,
}

impl Segment {
    /// Opens a segment and checks its head; `None` where there is no such file.
    pub(super) fn open(
        disk: &dyn Disk,
        dir: &Path,
        layout: Layout,
        number: u32,
        mut window: Vec<u8>,
    ) -> Result<Option<Self>, ReadError> {
        let path = disk::segment_path(dir, number);
        let failed = |source| ReadError::Io { file: path.clone(), source };
        let file = match disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        window.resize(READ_AHEAD.max(window.len()), 0);
        let read = file.read_full(&mut window, 0).map_err(failed)?;
        window.truncate(read);
        let (head, head_bytes) =
            SegmentHead::decode(&window).map_err(|bad| bad_head(&path, bad))?;
        if head.layout.log_id != layout.log_id {
            return Err(ReadError::Foreign { file: path });
        }
        if head.layout != layout || head.segment != number {
            let why = "its head belongs to another segment";
            return Err(ReadError::Damaged { file: path, offset: 0, why });
        }
        Ok(Some(Self { file, path, head, head_bytes, window, window_at: 0, ahead_to: u64::MAX }))
    }

    /// The bytes from `at`, fewer than asked for only at the file's end.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        if self.cached(at, length).is_none() {
            // Whoever follows the writer reads a little very often.
            let ahead = usize::try_from(self.ahead_to.saturating_sub(at)).unwrap_or(READ_AHEAD);
            self.window.resize(READ_AHEAD.min(ahead).max(length), 0);
            let read = self.file.read_full(&mut self.window, at);
            self.window.truncate(*read.as_ref().unwrap_or(&0));
            self.window_at = at;
            read?;
        }
        let from = (at - self.window_at) as usize;
        Ok(&self.window[from..self.window.len().min(from + length)])
    }

    pub(super) fn cached(&self, at: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.window_at)?).ok()?;
        self.window.get(from..from.checked_add(length)?)
    }

    /// The whole frame at `at`, now in the window, if one stands there.
    pub(super) fn frame(&mut self, at: u64) -> Result<Option<FrameHead>, ReadError> {
        let mut found = self.try_frame(at);
        if matches!(found, Ok(None)) && self.window_at != at {
            // The window was read earlier, when the frame may not have been there.
            self.window.clear();
            found = self.try_frame(at);
        }
        found.map_err(|source| ReadError::Io { file: self.path.clone(), source })
    }

    fn try_frame(&mut self, at: u64) -> io::Result<Option<FrameHead>> {
        let (log_id, segment) = (self.head.layout.log_id, self.head.segment);
        let place = Place { segment, offset: at };
        let Some(head) = FrameHead::decode(self.bytes(at, FRAME_HEAD)?, log_id, place) else {
            return Ok(None);
        };
        let frame = self.bytes(at, head.bytes())?;
        Ok((frame.len() == head.bytes() && frame_is_whole(frame)).then_some(head))
    }

    /// Whether a frame's head stands at `at`. Payloads may hold a frame's magic many times over,
    /// so this must cost little.
    fn claims_frame(&self, at: u64) -> Result<bool, ReadError> {
        let place = Place { segment: self.head.segment, offset: at };
        let mut head = [0; FRAME_HEAD];
        match self.file.read_full(&mut head, at) {
            Ok(_) => Ok(FrameHead::decode(&head, self.head.layout.log_id, place).is_some()),
            Err(source) => Err(ReadError::Io { file: self.path.clone(), source }),
        }
    }

    /// What stands after `at`, where there is no whole frame.
    pub(super) fn look_beyond(&mut self, at: u64) -> Result<Beyond, ReadError> {
        let mut beyond = Beyond { whole_frame: false, used_bytes: 0 };
        let mut from = at;
        loop {
            let failed = |source| ReadError::Io { file: self.path.clone(), source };
            let mut block = vec![0; 1 << 20];
            let read = self.file.read_full(&mut block, from).map_err(failed)?;
            block.truncate(read);
            if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
                beyond.used_bytes = from + last as u64 + 1 - at;
            }
            for hit in memchr::memmem::find_iter(&block, &FRAME_MAGIC) {
                let candidate = from + hit as u64;
                if candidate > at
                    && self.claims_frame(candidate)?
                    && self.frame(candidate)?.is_some()
                {
                    beyond.whole_frame = true;
                    return Ok(beyond);
                }
            }
            if read < FRAME_MAGIC.len() {
                return Ok(beyond);
            }
            // The overlap finds a magic that two blocks share.
            from += (read - (FRAME_MAGIC.len() - 1)) as u64;
        }
    }
}

/// What follows a place without a whole frame.
pub(super) struct Beyond {
    pub(super) whole_frame: bool,
    /// Bytes up to the last one that is not zero.
    pub(super) used_bytes: u64,
}
