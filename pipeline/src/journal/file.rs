//! The journal on disk: segment files, group commit, one sync for each frame.
//!
//! One thread writes (`file/writer.rs`): it takes all that is pending, writes it as one frame and
//! syncs, then completes the appends. So a crash can only tear the last frame, and everything
//! before a whole frame is durable (`file/walk.rs` builds on that). All partitions share the
//! segments. Each sealed segment may have an index beside it (`file/index.rs`), which is derived.

mod build;
mod disk;
mod find;
mod format;
mod ground;
mod index;
mod making;
mod postings;
mod queue;
mod segment;
mod steps;
mod survey;
mod walk;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

pub use build::{BuildError, Built};
use disk::failed;
use find::{FindScan, Source};
pub use ground::{Ground, Pace};
use making::{cannot_write, check, journal_dir, left_by_an_attempt, lock, make_empty, sync_names};
use queue::{Phase, Shared};
use survey::Survey;
use writer::{Resume, Writer};
use zeitgeber_schemas::PartitionId;

use super::{
    Append, AppendError, Done, Journal, Key, Layout, Meter, Place, ReadError, Scan, ScanFrom,
    SeekError, Tail, WriteFailure, seek, seek_tail,
};
use crate::disk::{Locked, Open};

/// Default size at which a segment ends, bytes.
const SEGMENT_BYTES: u64 = 64 << 20;

/// How a log is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// JSON text of the schemas that chunks follow; it stands at the front of each segment.
    pub schemas: String,
    /// Size at which a segment ends, bytes. One longer frame may still fill a segment alone.
    pub segment_bytes: u64,
}

impl Settings {
    /// Settings with segments of 64 MiB.
    pub fn new(schemas: impl Into<String>) -> Self {
        Self { schemas: schemas.into(), segment_bytes: SEGMENT_BYTES }
    }
}

/// What a log is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// To append and read, alone.
    Write(Settings),
    /// To read, also beside a writer; changes nothing.
    Read,
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The torn tail: cut where the log was opened for writing, passed over where for reading.
    pub cut: Option<Cut>,
    /// Where the log ends.
    pub end: Place,
}

/// Bytes at the end of the log that were written and never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub file: PathBuf,
    /// Where the cut is.
    pub offset: u64,
    /// Bytes beyond it, up to the last that is not zero.
    pub bytes: u64,
}

/// Why a log could not be created or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("{} holds no log", dir.display())]
    NotALog {
        /// The data directory.
        dir: PathBuf,
    },
    /// There is one already.
    #[error("{} holds a log already", dir.display())]
    Exists {
        /// The data directory.
        dir: PathBuf,
    },
    /// Another process writes to it.
    #[error(
        "{} is in use by {}: stop it first, or only read",
        dir.display(),
        pid.map_or("another process".into(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The other process, where it said.
        pid: Option<u32>,
    },
    /// It may not be written.
    #[error("{} cannot be written to ({source}): check its permissions and mount", dir.display())]
    ReadOnly {
        /// The data directory.
        dir: PathBuf,
        /// What failed.
        source: WriteFailure,
    },
    /// The settings cannot make a log.
    #[error("{0}")]
    Settings(&'static str),
    /// The log is damaged, incomplete, too new or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Making it ready failed.
    #[error(transparent)]
    Write(WriteFailure),
}

/// A log in a data directory.
#[derive(Debug)]
pub struct FileJournal {
    source: Source,
    /// The writer, until it was waited for.
    writer: Mutex<Option<Driven>>,
}

/// The writer, and who moves it on.
#[derive(Debug)]
enum Driven {
    Thread(JoinHandle<()>),
    Steps(Box<Writer>),
}

impl FileJournal {
    /// Makes an empty log in `dir`, which need not exist, and opens it for writing.
    pub fn create(dir: &Path, layout: Layout, settings: Settings) -> Result<Self, OpenError> {
        Self::create_on(Ground::system(), dir, layout, settings)
    }

    /// As [`Self::create`], on a disk of the caller's choice.
    pub fn create_on(
        ground: Ground,
        dir: &Path,
        layout: Layout,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let disk = Arc::clone(&ground.disk);
        let disk = &*disk;
        if layout.partitions == 0 {
            return Err(OpenError::Settings("a log needs at least one partition"));
        }
        check(&settings)?;
        let journal = journal_dir(dir);
        disk.create_dirs(&journal)
            .map_err(|source| cannot_write(dir, failed("create", &journal)(source)))?;
        let lock = lock(disk, dir)?;
        if disk.exists(&journal.join(disk::MARK)) {
            return Err(OpenError::Exists { dir: dir.into() });
        }
        make_empty(disk, &journal, layout, &settings)
            .map_err(|failure| cannot_write(dir, failure))?;
        Self::open_locked(ground, dir, settings, lock).map(|(journal, _)| journal)
    }

    /// Opens a log and checks where it ends: the hashes that the durable mark holds, and every
    /// checksum, number and position behind the last segment that ended. Of the segments before
    /// it, those whose index fits are passed over; a scan checks them.
    pub fn open(dir: &Path, mode: Mode) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Ground::system(), dir, mode)
    }

    /// As [`Self::open`], on a disk of the caller's choice.
    pub fn open_on(ground: Ground, dir: &Path, mode: Mode) -> Result<(Self, Recovery), OpenError> {
        let disk = Arc::clone(&ground.disk);
        let disk = &*disk;
        let journal = journal_dir(dir);
        let marked = disk.exists(&journal.join(disk::MARK));
        let nothing = match left_by_an_attempt(disk, &journal, &disk::segment_path(&journal, 0)) {
            Ok(attempted) => attempted && !marked,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => true,
            Err(source) => {
                return Err(ReadError::Io { file: journal, source }.into());
            }
        };
        if nothing {
            return Err(OpenError::NotALog { dir: dir.into() });
        }
        match mode {
            Mode::Write(settings) => {
                check(&settings)?;
                let lock = lock(disk, dir)?;
                Self::open_locked(ground, dir, settings, lock)
            }
            Mode::Read => {
                let survey = Survey::of(ground.disk, journal)?;
                let recovery = survey.recovery();
                let Survey { bounds, tails, starts, walker, .. } = survey;
                let shared = Shared::new(Phase::Closed, tails, starts, walker.place());
                let source = Source::new(bounds, Arc::new(shared));
                Ok((Self { source, writer: Mutex::new(None) }, recovery))
            }
        }
    }

    fn open_locked(
        ground: Ground,
        dir: &Path,
        settings: Settings,
        lock: Box<dyn Locked>,
    ) -> Result<(Self, Recovery), OpenError> {
        let Ground { disk, pace } = ground;
        let survey = Survey::of(Arc::clone(&disk), journal_dir(dir))?;
        let recovery = survey.recovery();
        let Survey { mut bounds, tails, starts, walker, .. } = survey;
        let (place, is_marked) = (walker.place(), walker.is_marked());
        let (last_frame, head) = (walker.last_frame(), walker.segment.head);
        let write = || {
            sync_names(&*disk, dir)?;
            disk::remove_temporary(&*disk, &bounds.dir)?;
            if let Some(cut) = &recovery.cut {
                let file = disk.open(&cut.file, Open::Write);
                file.and_then(|file| file.set_length(cut.offset).and_then(|()| file.sync_all()))
                    .map_err(failed("cut", &cut.file))?;
            }
            let shared = Arc::new(Shared::new(Phase::Open, tails, starts, place));
            let Settings { schemas, segment_bytes } = settings;
            let dir = bounds.dir.clone();
            let resume = Resume { disk, dir, segment_bytes, head, place, schemas, lock };
            let writer = Writer::new(shared.clone(), resume)?;
            if !is_marked {
                writer.settle(last_frame)?;
            }
            let driven = match pace {
                Pace::Steps => Driven::Steps(Box::new(writer)),
                Pace::Thread => thread::Builder::new()
                    .name("journal".into())
                    .spawn(move || writer.run())
                    .map(Driven::Thread)
                    .map_err(failed("start the writer of", &bounds.dir))?,
            };
            Ok((shared, driven))
        };
        let (shared, driven) = write().map_err(|failure| cannot_write(dir, failure))?;
        bounds.writer = Some(shared.clone());
        let source = Source::new(bounds, shared);
        Ok((Self { source, writer: Mutex::new(Some(driven)) }, recovery))
    }

    /// What it measures about its writing.
    pub fn meter(&self) -> Arc<Meter> {
        self.source.shared.meter()
    }

    /// How many segments there are, and their bytes on disk.
    pub fn disk_use(&self) -> io::Result<(u64, u64)> {
        disk::segments(&*self.source.bounds.disk, &self.source.bounds.dir)
    }

    /// Has the writer of a journal at [`Pace::Steps`] write one frame of what waits. Whether it
    /// did anything.
    pub fn step(&self) -> bool {
        let mut writer = self.writer.lock().expect("nothing panics while the writer is held");
        match &mut *writer {
            Some(Driven::Steps(writer)) => writer.step(),
            _ => false,
        }
    }

    /// Waits for the writer after the phase was changed.
    fn join(&self) {
        let taken = self.writer.lock().expect("nothing panics while the writer is held").take();
        match taken {
            Some(Driven::Thread(thread)) => {
                thread.join().expect("the writer thread reports failures and does not panic");
            }
            Some(Driven::Steps(mut writer)) => while writer.step() {},
            None => {}
        }
    }
}

impl Journal for FileJournal {
    fn layout(&self) -> Layout {
        self.source.bounds.layout
    }

    fn tail(&self, partition: PartitionId) -> Tail {
        self.source.shared.tail(usize::from(partition.0))
    }

    fn submit(&self, append: Append, done: Done) {
        self.source.shared.submit([(append, done)]);
    }

    fn submit_all(&self, appends: Vec<(Append, Done)>) {
        self.source.shared.submit(appends);
    }

    fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        Ok(Box::new(self.source.scan(from)?))
    }

    fn find(&self, keys: &[Key], from: ScanFrom) -> Result<Box<dyn Scan + Send>, ReadError> {
        Ok(Box::new(FindScan::new(self.source.clone(), keys, from)))
    }

    fn place_of(&self, partition: PartitionId, n: u64) -> Result<Place, SeekError> {
        seek_tail(self.layout(), self.tail(partition), partition, n)?;
        let segment = self.source.shared.segment_of(usize::from(partition.0), n);
        if let Some(place) = self.source.recent(segment, partition, n)? {
            return Ok(place);
        }
        seek(&mut self.source.scan_segment(segment, Place::START)?, partition, n)
    }

    fn segments(&self) -> u32 {
        self.source.shared.last_segment() + 1
    }

    fn close(&self) -> Result<(), AppendError> {
        self.source.shared.change(Phase::Open, Phase::Closing);
        self.join();
        self.source.shared.failure().map_or(Ok(()), |failure| Err(AppendError::Failed(failure)))
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        if matches!(self.writer.get_mut(), Ok(Some(Driven::Steps(_)))) {
            return;
        }
        self.source.shared.change(Phase::Open, Phase::Dropped);
        self.join();
    }
}
