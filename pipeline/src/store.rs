//! A data directory: its journal, its snapshots, and the states they fold to.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeitgeber_processors::flow::State;
use zeitgeber_schemas::PartitionId;

use crate::{
    fold::{Fold, FoldError},
    journal::{
        AppendError, Cut, FileJournal, Journal, Layout, Mode, OpenError, Place, ReadError, Scan,
        ScanFrom, Settings, Tail,
    },
    state::{self, SnapshotError},
};

/// A data directory opened for reading or writing.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    journal: Arc<FileJournal>,
    cut: Option<Cut>,
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
            Ok((journal, recovery)) => Ok(Self::of(dir, journal, recovery.cut)),
            Err(OpenError::NotALog { .. }) => Err(StoreError::NoLog { dir: dir.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a log for writing; makes one of `partitions` partitions where there is none.
    pub fn write(dir: &Path, partitions: u16, segment_bytes: u64) -> Result<Self, StoreError> {
        let schemas = zeitgeber_schemas::catalogue::table_json();
        let settings = Settings { segment_bytes, ..Settings::new(schemas) };
        match FileJournal::open(dir, Mode::Write(settings.clone())) {
            Ok((journal, recovery)) => Ok(Self::of(dir, journal, recovery.cut)),
            Err(OpenError::NotALog { .. }) => {
                let layout = Layout { log_id: new_log_id()?, partitions };
                Ok(Self::of(dir, FileJournal::create(dir, layout, settings)?, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of(dir: &Path, journal: FileJournal, cut: Option<Cut>) -> Self {
        Self { dir: dir.into(), journal: Arc::new(journal), cut }
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

    /// How many segments the log has, and their bytes on disk.
    pub fn segments(&self) -> io::Result<(u64, u64)> {
        self.journal.segments()
    }

    /// Scans the log.
    pub fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + Send>, StoreError> {
        Ok(self.journal.scan(from)?)
    }

    /// Every partition's state: the newest snapshot that fits, then the log's tail.
    pub fn states(&self) -> Result<Vec<State>, StoreError> {
        let mut folds: Vec<Fold> = Vec::new();
        let mut from = ScanFrom::default();
        let mut heads = Vec::new();
        for partition in self.partitions() {
            let tail = self.journal.tail(partition);
            let fits = |(at, _): &(Tail, State)| {
                at.next_chunk < tail.next_chunk
                    || (at.next_chunk == tail.next_chunk && at.head == tail.head)
            };
            let snapshot = state::load(&self.dir, self.layout(), partition).filter(fits);
            let (at, state) =
                snapshot.unwrap_or_else(|| (Tail::default(), State::initial(partition)));
            from.chunks.push(at.next_chunk);
            heads.push((at.next_chunk, at.head));
            folds.push(Fold::resume(state, at.next_position));
        }
        let mut scan = self.journal.scan(from)?;
        while let Some(chunk) = scan.next_chunk()? {
            let index = usize::from(chunk.header.partition.0);
            let (first, head) = heads[index];
            if chunk.header.number == first && chunk.header.previous != head {
                // The snapshot stands on another history than the log: start over without any.
                return self.states_from_log();
            }
            fold_chunk(&mut folds[index], &chunk)?;
        }
        Ok(folds.into_iter().map(Fold::into_state).collect())
    }

    fn states_from_log(&self) -> Result<Vec<State>, StoreError> {
        let new = |partition| Fold::resume(State::initial(partition), 0);
        let mut folds: Vec<Fold> = self.partitions().map(new).collect();
        let mut scan = self.journal.scan(ScanFrom::default())?;
        while let Some(chunk) = scan.next_chunk()? {
            fold_chunk(&mut folds[usize::from(chunk.header.partition.0)], &chunk)?;
        }
        Ok(folds.into_iter().map(Fold::into_state).collect())
    }

    /// Stops cleanly: leaves the durable mark, then snapshots.
    pub fn close(&self, partitions: &[(Tail, State)]) -> Result<(), StoreError> {
        self.journal.close()?;
        for (tail, state) in partitions {
            if tail.next_chunk > 0 {
                state::save(&self.dir, self.layout(), tail, state)?;
            }
        }
        Ok(())
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
    Ok(())
}

fn new_log_id() -> Result<[u8; 16], StoreError> {
    let mut id = [0; 16];
    let mut random = fs::File::open("/dev/urandom").map_err(StoreError::NoId)?;
    io::Read::read_exact(&mut random, &mut id).map_err(StoreError::NoId)?;
    Ok(id)
}
