//! A data directory: its journal, its snapshots, and the states they fold to.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

use crate::{
    fold::{Fold, FoldError},
    journal::{
        AppendError, BuildError, Built, ClaimError, Cut, FileJournal, Journal, Layout, Meter, Mode,
        OpenError, Place, ReadError, Scan, ScanFrom, Settings, Tail,
    },
    state::{Memory, Partition, SnapshotError},
};

mod opening;

pub use opening::Recovered;
use opening::{Opening, whole_state};

/// How long a clean stop builds the index.
const INDEX_AT_CLOSE: Duration = Duration::from_secs(1);

/// A data directory opened for reading or writing.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    journal: Arc<FileJournal>,
    cut: Option<Cut>,
    writable: bool,
}

/// Why a data directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal could not be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A partition could not be taken over.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The journal could not be closed.
    #[error("could not stop cleanly: {0}")]
    Close(#[from] AppendError),
    /// A stored entry could not be folded.
    #[error("could not fold the chunk at {place}: {source}")]
    Fold {
        /// Where the chunk stands.
        place: Place,
        /// Why.
        source: FoldError,
    },
    /// A snapshot could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log does not tell of somebody who was known.
    #[error("the log does not tell of person {subject}, who was known from it")]
    Lost {
        /// The person's subject number.
        subject: u64,
    },
    /// There is no log.
    #[error("{} holds no log: `zeitgeber ingest FILE --data-dir {}` makes one", dir.display(), dir.display())]
    NoLog {
        /// The directory.
        dir: PathBuf,
    },
    /// No random bytes for a new log's id.
    #[error("could not draw an id for the new log: {0}")]
    NoId(io::Error),
}

impl Store {
    /// Opens a log for reading, beside a writer if there is one.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        match FileJournal::open(dir, Mode::Read) {
            Ok((journal, recovery)) => Ok(Self::of(dir, journal, recovery.cut, false)),
            Err(OpenError::NotALog { .. }) => Err(StoreError::NoLog { dir: dir.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a log for writing; makes one of `partitions` partitions where there is none.
    pub fn write(dir: &Path, partitions: u16, segment_bytes: u64) -> Result<Self, StoreError> {
        let schemas = zeitgeber_schemas::catalogue::table_json();
        let settings = Settings { segment_bytes, ..Settings::new(schemas) };
        match FileJournal::open(dir, Mode::Write(settings.clone())) {
            Ok((journal, recovery)) => Ok(Self::of(dir, journal, recovery.cut, true)),
            Err(OpenError::NotALog { .. }) => {
                let layout = Layout { log_id: new_log_id()?, partitions };
                let journal = FileJournal::create(dir, layout, settings)?;
                Ok(Self::of(dir, journal, None, true))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of(dir: &Path, journal: FileJournal, cut: Option<Cut>, writable: bool) -> Self {
        Self { dir: dir.into(), journal: Arc::new(journal), cut, writable }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The torn tail that opening found.
    pub const fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// The journal as the port that the runtime takes.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::clone(&self.journal) as Arc<dyn Journal>
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

    /// What the log measures about its writing.
    pub fn meter(&self) -> Arc<Meter> {
        self.journal.meter()
    }

    /// How many segments the log has, and their bytes on disk.
    pub fn disk_use(&self) -> io::Result<(u64, u64)> {
        self.journal.disk_use()
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

    /// Every partition for a writer: the newest snapshot that fits, then the log's tail. People
    /// leave memory where they take more than they may.
    pub fn hold(&self, memory: Memory) -> Result<(Vec<Partition>, Recovered), StoreError> {
        let (folds, recovered) = Opening::of(self, None, memory, self.writable)?.run(self)?;
        Ok((folds.into_iter().map(Fold::into_partition).collect(), recovered))
    }

    /// One partition for a writer that takes it over: claimed, then as in [`Self::hold`].
    pub fn open_partition(
        &self,
        partition: PartitionId,
        memory: Memory,
    ) -> Result<(Partition, Tail, Recovered), StoreError> {
        let tail = self.journal.claim(partition)?;
        let opened = Opening::of(self, Some(partition), memory, self.writable)?;
        let (mut folds, recovered) = opened.run(self)?;
        let fold = folds.swap_remove(usize::from(partition.0));
        Ok((fold.into_partition(), tail, recovered))
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
        Indexer(Arc::clone(&self.journal))
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

/// Builds the index beside a running writer.
#[derive(Debug, Clone)]
pub struct Indexer(Arc<FileJournal>);

impl Indexer {
    /// Indexes every sealed segment that has no sound index, newest first, until `stop`.
    ///
    /// # Errors
    ///
    /// A segment cannot be read, or an index cannot be written. Nothing else depends on it.
    pub fn build_missing(&self, stop: &dyn Fn() -> bool) -> Result<Built, BuildError> {
        self.0.build_missing(stop)
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

fn new_log_id() -> Result<[u8; 16], StoreError> {
    let mut id = [0; 16];
    let mut random = fs::File::open("/dev/urandom").map_err(StoreError::NoId)?;
    io::Read::read_exact(&mut random, &mut id).map_err(StoreError::NoId)?;
    Ok(id)
}
