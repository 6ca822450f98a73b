//! From a door to the runtime: inputs sorted by partition into batches, and what comes back.
//!
//! A [`Session`] is one writer's stay in a data directory: open, take inputs, finish cleanly.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use zeitgeber_schemas::{
    ConfigurationBody, Envelope, PartitionId, murmur2_partition, partition_key,
};

use crate::{
    cycle::{Ack, Announced, Counts, LineOutcome, OutcomeDetail, Source, Wants},
    journal::{AppendError, Tail},
    runtime::{CoreDoors, QUEUE_SHARES, Report, Runtime, Sizing, Stopped},
    state::{Memory, Partition},
    store::{LogPlace, Recovered, Store, StoreError},
};

mod file;
mod intake;
mod outcomes;
mod pools;

pub use file::{FileError, FileReport, InputKind, Progress, read_profiles, source_of};
pub use intake::{Intake, Whose, feedback_partition};
pub use outcomes::{OutcomeLog, OutcomeLogError};

/// Bytes of pending batches at which they are handed over.
const HAND_OVER_BYTES: usize = 1 << 20;
/// Inputs of pending batches at which they are handed over.
const HAND_OVER_ITEMS: usize = 4_096;

/// One writer's stay in a log.
#[derive(Debug)]
pub struct Session {
    store: Store,
    runtime: Runtime,
    doors: CoreDoors,
    known: Vec<Tail>,
    /// Sources taken up in this session.
    begun: BTreeSet<[u8; 16]>,
    intake: Intake,
    paused: Option<Arc<Source>>,
    /// Inputs handed over.
    handed_over: u64,
    counts: Counts,
    lines: Vec<LineOutcome>,
    announced: Vec<Announced>,
    recovered: Recovered,
}

/// How a session works.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Partitions of a log that is made.
    pub partitions: u16,
    /// Size at which a segment of the journal ends, bytes.
    pub segment_bytes: u64,
    /// Core threads; 0: one for each processor.
    pub threads: usize,
    /// Entry bytes at which a chunk is sealed under load.
    pub chunk_bytes: usize,
    /// Whether outcomes are told line by line.
    pub outcomes: OutcomeDetail,
    /// Whether decisions are announced to whoever takes them ([`Session::take_announced`]).
    pub announce: bool,
    /// How much is kept in memory, and how often snapshots are written.
    pub memory: Memory,
}

impl SessionSettings {
    pub(crate) fn sizing(&self, queue_shares: usize, wants: Wants) -> Sizing {
        let threads = match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Sizing {
            threads,
            chunk_bytes: self.chunk_bytes,
            outcomes: self.outcomes,
            queue_shares,
            wants,
            snapshot_every_bytes: self.memory.snapshot_every_bytes,
        }
    }
}

/// What becomes of a configuration that the log has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Configure {
    /// It stays in force.
    Keep,
    /// The given one takes its place.
    Replace,
}

/// Why a session could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An append failed.
    #[error("the log could not be written: {0}")]
    Append(#[from] AppendError),
    /// Another writer works on the same log.
    #[error(
        "another writer took partition {0} over; what it did not acknowledge is not in the log"
    )]
    Lost(PartitionId),
    /// The threads could not be started.
    #[error("could not start the core threads: {0}")]
    Threads(std::io::Error),
    /// The cores stopped without saying why.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What a session did.
#[derive(Debug)]
pub struct Summary {
    /// How many of what.
    pub counts: Counts,
    /// Core threads that ran.
    pub threads: usize,
    /// Outcomes not taken before.
    pub lines: Vec<LineOutcome>,
}

impl Session {
    /// Opens a log for writing. `configuration` is put in force where a partition has
    /// none yet, and with [`Configure::Replace`] where another one is.
    pub fn open(
        place: impl Into<LogPlace>,
        settings: &SessionSettings,
        configuration: &ConfigurationBody,
        configure: Configure,
    ) -> Result<Self, SessionError> {
        let wants = Wants { decisions: settings.announce, ..Wants::default() };
        let Opened { store, runtime, stale, recovered } =
            open_runtime(&place.into(), settings, QUEUE_SHARES, wants, configuration, configure)?;
        let mut session = Self {
            known: store.tails(),
            begun: BTreeSet::new(),
            intake: Intake::new(store.layout().partitions),
            store,
            doors: runtime.doors(),
            runtime,
            paused: None,
            handed_over: 0,
            counts: Counts::default(),
            lines: Vec::new(),
            announced: Vec::new(),
            recovered,
        };
        for partition in stale {
            session.intake.configuration(partition, configuration);
        }
        Ok(session)
    }

    /// The data directory.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What opening found and folded.
    pub const fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// What became durable so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the outcomes that became known since the last call.
    pub fn take_lines(&mut self) -> Vec<LineOutcome> {
        std::mem::take(&mut self.lines)
    }

    /// Takes the decisions that became durable since the last call.
    pub fn take_announced(&mut self) -> Vec<Announced> {
        std::mem::take(&mut self.announced)
    }

    /// Names where the next inputs come from. What is pending is handed over first.
    pub fn set_source(&mut self, source: Option<Source>) -> Result<(), SessionError> {
        self.hand_over()?;
        self.begun.extend(source.as_ref().map(|source| source.id));
        self.intake.set_source(source.map(Arc::new));
        Ok(())
    }

    /// The next inputs come from no source; [`Self::resume_source`] takes the source up again.
    pub fn pause_source(&mut self) -> Result<(), SessionError> {
        self.hand_over()?;
        self.paused = self.intake.source().cloned();
        self.intake.set_source(None);
        Ok(())
    }

    /// Takes up the source that was paused. Nothing may be pending.
    pub fn resume_source(&mut self) {
        self.intake.set_source(self.paused.take());
    }

    /// Inputs taken and not yet told durable.
    pub const fn in_flight(&self) -> u64 {
        let taken = self.handed_over + self.intake.items() as u64;
        taken - self.counts.inputs() - self.counts.skipped
    }

    /// Whether an earlier run, or this one, covered inputs of this source.
    pub fn resumes(&self, source: &[u8; 16]) -> bool {
        self.begun.contains(source)
            || self.known.iter().any(|tail| tail.cursors.contains_key(source))
    }

    /// Takes inputs in: `fill` puts them into the session's intake, one or a few at a time, and
    /// what has gathered is handed over whenever it is enough.
    pub fn take(&mut self, fill: impl FnOnce(&mut Intake)) -> Result<(), SessionError> {
        fill(&mut self.intake);
        if self.intake.bytes() >= HAND_OVER_BYTES || self.intake.items() >= HAND_OVER_ITEMS {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Hands every pending batch to its core, then takes in what became durable.
    pub fn hand_over(&mut self) -> Result<(), SessionError> {
        self.handed_over += self.intake.items() as u64;
        let full = self.intake.take_batches(|| self.doors.empty_batch());
        if self.doors.submit(full).is_err() {
            return Err(self.why_stopped());
        }
        while let Ok(report) = self.runtime.reports().try_recv() {
            self.take_report(report)?;
        }
        Ok(())
    }

    /// Hands over and waits until everything taken so far is durable.
    pub fn settle(&mut self) -> Result<(), SessionError> {
        self.hand_over()?;
        while self.in_flight() > 0 {
            match self.runtime.reports().recv() {
                Ok(report) => self.take_report(report)?,
                Err(_) => return Err(self.why_stopped()),
            }
        }
        Ok(())
    }

    /// Waits for everything, leaves the durable mark and the snapshots.
    pub fn finish(mut self) -> Result<Summary, SessionError> {
        let handed_over = self.hand_over();
        let threads = self.runtime.threads();
        let mut finished = self.runtime.finish();
        handed_over?;
        let mut summary = Summary { counts: self.counts, threads, lines: self.lines };
        for report in finished.reports.try_iter() {
            let ack = settled(report).map_err(|error| diagnose(&self.store, error))?;
            summary.counts += ack.counts;
            summary.lines.extend(ack.lines);
        }
        self.store.close(&mut finished.partitions)?;
        Ok(summary)
    }

    fn take_report(&mut self, report: Report) -> Result<(), SessionError> {
        let ack = settled(report).map_err(|error| diagnose(&self.store, error))?;
        self.counts += ack.counts;
        self.lines.extend(ack.lines);
        self.announced.extend(ack.decisions);
        Ok(())
    }

    /// The failure that stopped a core, where one was told.
    fn why_stopped(&self) -> SessionError {
        let told = self.runtime.reports().try_iter().find_map(|report| settled(report).err());
        match told {
            Some(error) => diagnose(&self.store, error),
            None => match self.store.journal().close() {
                Err(failure) => failure.into(),
                Ok(()) => Stopped.into(),
            },
        }
    }
}

/// A log with its cores running.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) runtime: Runtime,
    /// The partitions that are to be told the configuration, too.
    pub(crate) stale: Vec<PartitionId>,
    pub(crate) recovered: Recovered,
}

/// Opens a log and starts the cores on what it holds.
pub(crate) fn open_runtime(
    place: &LogPlace,
    settings: &SessionSettings,
    queue_shares: usize,
    wants: Wants,
    configuration: &ConfigurationBody,
    configure: Configure,
) -> Result<Opened, SessionError> {
    let store = Store::write_at(place, settings.partitions, settings.segment_bytes)?;
    let (held, recovered) = store.hold(settings.memory)?;
    let differs = |held: &&Partition| match held.state().routing.versions.entered() {
        None => true,
        Some(known) => configure == Configure::Replace && known != configuration,
    };
    let stale = held.iter().filter(differs).map(|held| held.state().partition()).collect();
    let sizing = settings.sizing(queue_shares, wants);
    let runtime = Runtime::start(&store.journal(), held, sizing).map_err(SessionError::Threads)?;
    Ok(Opened { store, runtime, stale, recovered })
}

/// What became durable. To a session, which has its log alone, a partition that another writer took
/// is a failure like any other.
fn settled(report: Report) -> Result<Ack, SessionError> {
    match report {
        Report::Durable(ack) => Ok(*ack),
        Report::Lost(partition) => Err(SessionError::Lost(partition)),
        Report::Failed(error) => Err(error.into()),
    }
}

/// A core may hear of a failed write only that it failed; the journal knows which and why.
fn diagnose(store: &Store, error: SessionError) -> SessionError {
    match error {
        SessionError::Append(error @ (AppendError::Poisoned | AppendError::Closed)) => {
            store.journal().close().err().unwrap_or(error).into()
        }
        error => error,
    }
}

/// The partition of an input by its person.
pub fn partition_of(envelope: &Envelope<'_>, partitions: u16) -> PartitionId {
    murmur2_partition(partition_key(envelope.tenant, envelope.user_id).as_bytes(), partitions)
}

/// The wall clock at the door, ms UTC.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
