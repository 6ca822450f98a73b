//! A log with what is derived from it: its journal, its snapshots, and the states they fold to.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

#[cfg(feature = "cluster")]
use crate::disk::{Disk, SystemDisk};
use crate::{
    disk::SharedDisk,
    fold::{Fold, FoldError},
    journal::{
        BuildError, Built, Cut, FileJournal, Ground, Journal, Layout, Meter, Mode, OpenError, Scan,
        ScanFrom, Settings, Tail,
    },
    state::{HandOn, Home, Memory, Partition},
};

#[cfg(feature = "cluster")]
mod cache;
#[cfg(feature = "cluster")]
mod database;
mod desks;
mod error;
mod following;
mod opening;
mod place;

pub(crate) use desks::Desk;
use desks::Desks;
pub use error::StoreError;
pub use following::Followed;
pub use opening::Recovered;
use opening::{Opening, whole_state};
pub use place::LogPlace;

/// How long a clean stop builds the index.
const INDEX_AT_CLOSE: Duration = Duration::from_secs(1);

/// A log opened for reading or writing.
pub struct Store {
    /// The directory of snapshots and people's records.
    dir: PathBuf,
    journal: Arc<dyn Journal>,
    meter: Arc<Meter>,
    /// The journal, where it is one of files.
    files: Option<Arc<FileJournal>>,
    /// Where snapshots and people's records are.
    disk: SharedDisk,
    /// The journal, where it is in a database.
    #[cfg(feature = "cluster")]
    database: Option<database::Shelf>,
    cut: Option<Cut>,
    writable: bool,
    desks: Desks,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a log for reading, beside a writer if there is one.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        Self::read_on(&Ground::system(), dir)
    }

    /// As [`Self::read`], on a disk of the caller's choice.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be opened.
    pub fn read_on(ground: &Ground, dir: &Path) -> Result<Self, StoreError> {
        match FileJournal::open_on(ground.clone(), dir, Mode::Read) {
            Ok((journal, recovery)) => Ok(Self::of(ground, dir, journal, recovery.cut, false)),
            Err(OpenError::NotALog { .. }) => Err(StoreError::NoLog { dir: dir.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a log for writing; makes one of `partitions` partitions where there is none.
    pub fn write(dir: &Path, partitions: u16, segment_bytes: u64) -> Result<Self, StoreError> {
        Self::write_on(&Ground::system(), dir, partitions, segment_bytes)
    }

    /// As [`Self::write`], on a disk of the caller's choice.
    ///
    /// # Errors
    ///
    /// It cannot be opened or made.
    pub fn write_on(
        ground: &Ground,
        dir: &Path,
        partitions: u16,
        segment_bytes: u64,
    ) -> Result<Self, StoreError> {
        let schemas = zeitgeber_schemas::catalogue::table_json();
        let settings = Settings { segment_bytes, ..Settings::new(schemas) };
        match FileJournal::open_on(ground.clone(), dir, Mode::Write(settings.clone())) {
            Ok((journal, recovery)) => Ok(Self::of(ground, dir, journal, recovery.cut, true)),
            Err(OpenError::NotALog { .. }) => {
                let log_id = ground.disk.nonce().map_err(StoreError::NoId)?;
                let layout = Layout { log_id, partitions };
                let journal = FileJournal::create_on(ground.clone(), dir, layout, settings)?;
                Ok(Self::of(ground, dir, journal, None, true))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a log for reading, wherever it is.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be opened.
    pub fn read_at(place: &LogPlace) -> Result<Self, StoreError> {
        match place {
            LogPlace::Directory(dir) => Self::read(dir),
            #[cfg(feature = "cluster")]
            LogPlace::Database { connect, cache } => database::read(connect, cache),
        }
    }

    /// Opens a log for writing, wherever it is; makes one of `partitions` partitions where there
    /// is none.
    ///
    /// # Errors
    ///
    /// It cannot be opened or made.
    pub fn write_at(
        place: &LogPlace,
        partitions: u16,
        segment_bytes: u64,
    ) -> Result<Self, StoreError> {
        match place {
            LogPlace::Directory(dir) => Self::write(dir, partitions, segment_bytes),
            #[cfg(feature = "cluster")]
            LogPlace::Database { connect, cache } => database::write(connect, cache, partitions),
        }
    }

    fn of(
        ground: &Ground,
        dir: &Path,
        journal: FileJournal,
        cut: Option<Cut>,
        writable: bool,
    ) -> Self {
        let files = Arc::new(journal);
        let desks = Desks::new(files.layout().partitions);
        Self {
            dir: dir.into(),
            journal: Arc::clone(&files) as Arc<dyn Journal>,
            meter: files.meter(),
            files: Some(files),
            disk: Arc::clone(&ground.disk),
            #[cfg(feature = "cluster")]
            database: None,
            cut,
            writable,
            desks,
        }
    }

    /// The directory of snapshots and people's records; the data directory of a log of files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The torn tail that opening found.
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// The journal as the port that the runtime takes.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal)
    }

    /// What was fixed when the log was created.
    pub fn layout(&self) -> Layout {
        self.journal.layout()
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.layout().partitions).map(PartitionId)
    }

    /// The partitions' tails, in order.
    pub fn tails(&self) -> Vec<Tail> {
        self.partitions().map(|partition| self.journal.tail(partition)).collect()
    }

    /// The joined chain heads of the partitions.
    pub fn head(&self) -> [u8; 32] {
        crate::fold::join_hashes(self.tails().into_iter().map(|tail| tail.head))
    }

    /// Has the writer of a log of files at [`crate::journal::Pace::Steps`] write one frame of what
    /// waits. Whether it did anything.
    pub fn step(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.step())
    }

    /// What the log measures about its writing.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// How many segments the log has, and their bytes on disk; nothing of one in a database.
    pub fn disk_use(&self) -> io::Result<(u64, u64)> {
        self.files.as_ref().map_or(Ok((0, 0)), |files| files.disk_use())
    }

    /// Scans the log.
    pub fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, StoreError> {
        Ok(self.journal.scan(from)?)
    }

    /// Every partition's state with everybody in memory.
    pub fn states(&self) -> Result<Vec<State>, StoreError> {
        let opened = Opening::of(self, None, Memory::UNBOUNDED, false)?;
        let (folds, _) = opened.run(self)?;
        folds
            .into_iter()
            .map(|fold| {
                let partition = fold.state().partition();
                let whole = fold.into_partition().into_whole();
                // A damaged record costs a fold of the whole log, nothing else.
                whole.or_else(|_| Ok(whole_state(&*self.journal, partition)?.0))
            })
            .collect()
    }

    /// Who gets a copy of each snapshot, where others may need it.
    fn hand_on(&self) -> Option<HandOn> {
        #[cfg(feature = "cluster")]
        return self.database.as_ref().filter(|_| self.writable).map(database::Shelf::hand_on);
        #[cfg(not(feature = "cluster"))]
        None
    }

    /// Brings a newer snapshot here, where somebody left one.
    fn fetch(&self, home: &Home) -> Result<(), String> {
        #[cfg(feature = "cluster")]
        if let Some(shelf) = &self.database {
            return match home.desk {
                Some(_) => shelf.fetch(home),
                None => self.desks.unless_taken(home.partition, || shelf.fetch(home)),
            };
        }
        let _ = home;
        Ok(())
    }

    /// Every partition for a writer: claimed, then the newest snapshot that fits and the log's
    /// tail. People leave memory where they take more than they may.
    pub fn hold(&self, memory: Memory) -> Result<(Vec<Partition>, Recovered), StoreError> {
        for partition in self.partitions().filter(|_| self.writable) {
            self.journal.claim(partition)?;
        }
        let (folds, recovered) = Opening::of(self, None, memory, self.writable)?.run(self)?;
        Ok((folds.into_iter().map(Fold::into_partition).collect(), recovered))
    }

    /// Takes one partition over for a writer: claimed, then the newest snapshot that fits and the
    /// log's tail. `memory` is that of all partitions, of which each has an equal share.
    ///
    /// # Errors
    ///
    /// The partition cannot be claimed, or its log not be folded. It may then be claimed all the
    /// same: [`Journal::release`] gives it up.
    pub fn open_partition(
        &self,
        partition: PartitionId,
        memory: Memory,
    ) -> Result<(Tail, Partition, Recovered), StoreError> {
        let tail = self.journal.claim(partition)?;
        self.open_claimed(partition, memory, tail)
    }

    fn open_claimed(
        &self,
        partition: PartitionId,
        memory: Memory,
        tail: Tail,
    ) -> Result<(Tail, Partition, Recovered), StoreError> {
        let opening = Opening::of(self, Some(partition), memory, self.writable)?;
        let (mut folds, recovered) = opening.run(self)?;
        let fold = folds.swap_remove(usize::from(partition.0));
        Ok((tail, fold.into_partition(), recovered))
    }

    /// One partition to read, and the position of its next event. People of its snapshot are read
    /// when they are asked for.
    pub fn glance(&self, partition: PartitionId) -> Result<(Partition, u64), StoreError> {
        let opened = Opening::of(self, Some(partition), Memory::UNBOUNDED, false)?;
        let (mut folds, _) = opened.run(self)?;
        let fold = folds.swap_remove(usize::from(partition.0));
        let position = fold.position();
        Ok((fold.into_partition(), position))
    }

    /// One partition's state folded from the log alone, and the position of its next event.
    pub fn from_log(&self, partition: PartitionId) -> Result<(State, u64), StoreError> {
        whole_state(&*self.journal, partition)
    }

    /// What builds the missing index of sealed segments, from any thread: whenever
    /// [`Journal::segments`] has grown there is something to do.
    pub fn indexer(&self) -> Indexer {
        Indexer(self.files.clone())
    }

    /// Stops cleanly: leaves the durable mark, then snapshots, and as much of the index as is
    /// built soon.
    pub fn close(&self, partitions: &mut [(Tail, Partition)]) -> Result<(), StoreError> {
        self.journal.close()?;
        for (tail, partition) in partitions {
            partition.save(tail)?;
        }
        let since = Instant::now();
        // Nothing depends on the index; whoever builds it on purpose is told what failed.
        drop(self.indexer().build_missing(&|| since.elapsed() >= INDEX_AT_CLOSE));
        Ok(())
    }
}

/// Builds the index of a log of files beside a running writer; one in a database indexes itself.
#[derive(Debug, Clone)]
pub struct Indexer(Option<Arc<FileJournal>>);

impl Indexer {
    /// Indexes every sealed segment that has no sound index, newest first, until `stop`.
    ///
    /// # Errors
    ///
    /// A segment cannot be read, or an index cannot be written. Nothing else depends on it.
    pub fn build_missing(&self, stop: &dyn Fn() -> bool) -> Result<Built, BuildError> {
        self.0.as_ref().map_or_else(|| Ok(Built::default()), |files| files.build_missing(stop))
    }
}

/// Folds every entry of a chunk.
pub fn fold_chunk(
    fold: &mut Fold,
    chunk: &crate::journal::StoredChunk<'_>,
) -> Result<(), StoreError> {
    let place = chunk.place;
    for entry in chunk.entries() {
        entry
            .map_err(FoldError::from)
            .and_then(|entry| fold.apply(&entry))
            .map_err(|source| StoreError::Fold { place, source })?;
    }
    fold.end_chunk();
    Ok(())
}

#[cfg(feature = "cluster")]
fn new_log_id() -> Result<[u8; 16], StoreError> {
    SystemDisk.nonce().map_err(StoreError::NoId)
}
