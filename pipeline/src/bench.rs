//! Measures the whole pipeline on the sample stream's mix, multiplied over many people.
//!
//! Every figure is taken in one run on one machine; the raw fdatasync of the same file system is
//! measured beside the commit, so that the two can be read as a ratio.

use std::{fs, io, path::Path, sync::atomic::AtomicBool, time::Instant};

use serde::Serialize;
use zeitgeber_processors::flow::State;
use zeitgeber_schemas::{ConfigurationBody, PartitionId};

use crate::{
    cycle::{Counts, OutcomeDetail},
    door::{Options, files, lines::LINE_BYTES_MAX},
    fold::Fold,
    ingest::{Configure, FileError, Session, SessionError, SessionSettings},
    journal::ScanFrom,
    store::{Store, StoreError, fold_chunk},
};

#[cfg(feature = "cluster")]
pub mod bus;
mod commit;
pub mod decisions;
#[cfg(feature = "service")]
pub mod http;
mod latency;
mod load;
pub mod rhythm;
pub mod routing;
#[cfg(feature = "service")]
mod server;
pub mod tasks;

use commit::Commits;
pub use latency::Latency;
pub use load::{Load, LoadError};
#[cfg(feature = "service")]
pub use server::ServerError;

/// Readings of one commit in the latency run.
const COMMIT_READINGS: usize = 100;
/// Commits measured.
const COMMITS: usize = 400;
/// Commits before the measurement.
const WARM_UP: usize = 50;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// People.
    pub people: usize,
    /// Readings, dirt included.
    pub readings: usize,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// People.
    pub people: usize,
    /// Core threads.
    pub threads: usize,
    /// Readings a second, as Avro in process, durable.
    pub ingest_avro_readings_per_s: f64,
    /// Readings a second, from an NDJSON file, durable.
    pub ingest_ndjson_readings_per_s: f64,
    /// Events a second that one core folds from the log.
    pub replay_events_per_s_per_core: f64,
    /// Median time from the hand-over of 100 readings that the door has read to their
    /// acknowledgement: every stage, the chunks, write and sync, us.
    pub acknowledge_p50_us: f64,
    /// Median time from a chunk of 100 readings appended to the log until it is durable, us.
    pub commit_p50_us: f64,
    /// Median time of a write of as many bytes and an fdatasync on the same file system, us.
    pub raw_fdatasync_p50_us: f64,
    /// Commit over raw.
    pub commit_ratio: f64,
    /// State of the largest person of the sample after its whole stream, bytes.
    pub state_bytes_per_user: usize,
    /// Greatest resident memory of this process, MiB.
    pub rss_mib: f64,
    /// What the Avro run did.
    pub avro: RunCounts,
    /// What the NDJSON run did.
    pub ndjson: RunCounts,
    /// Whether `verify` passed on the Avro run's directory.
    pub verified: bool,
}

/// What one run did.
#[derive(Debug, Clone, Serialize)]
pub struct RunCounts {
    /// Seconds by the wall clock.
    pub seconds: f64,
    /// Seconds of processor time of the whole process, user and system.
    pub cpu_seconds: f64,
    /// How many of what.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Why the measurement stopped.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The load could not be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The NDJSON file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file beside the log.
    #[error("could not use {dir}: {source}")]
    Io {
        /// The directory.
        dir: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs everything under `dir`. `say` hears what is going on; `verify` checks a directory.
pub fn run(
    dir: &Path,
    plan: Plan,
    settings: &SessionSettings,
    configuration: &ConfigurationBody,
    verify: impl FnOnce(&Path) -> bool,
    mut say: impl FnMut(&str),
) -> Result<Figures, BenchError> {
    let io = |source| BenchError::Io { dir: dir.display().to_string(), source };
    let settings = SessionSettings { outcomes: OutcomeDetail::Counts, ..settings.clone() };
    fs::create_dir_all(dir).map_err(io)?;
    say("making the load");
    let load = Load::new(plan)?;
    let ndjson_file = dir.join("load.jsonl");
    load.write_ndjson(&ndjson_file).map_err(io)?;

    say("readings as Avro in process, then commits of 100 and raw fdatasync");
    let avro_dir = dir.join("avro");
    let avro = avro_run(&avro_dir, &load, &settings, configuration)?;
    say("readings from an NDJSON file");
    let ndjson = ndjson_run(&dir.join("ndjson"), &ndjson_file, &load, &settings, configuration)?;
    say("replay on one core");
    let replay = replay_run(&avro_dir)?;
    say("state of a person");
    let state_bytes = state_run(&load, configuration)?;
    say("verify");
    let verified = verify(&avro_dir);
    let rate = |run: &RunCounts| run.counts.inputs() as f64 / run.seconds;
    Ok(Figures {
        people: plan.people,
        threads: avro.threads,
        ingest_avro_readings_per_s: rate(&avro.bulk),
        ingest_ndjson_readings_per_s: rate(&ndjson),
        replay_events_per_s_per_core: replay,
        acknowledge_p50_us: avro.commits.acknowledged,
        commit_p50_us: avro.commits.commit,
        raw_fdatasync_p50_us: avro.commits.raw,
        commit_ratio: avro.commits.commit / avro.commits.raw,
        state_bytes_per_user: state_bytes,
        rss_mib: peak_rss_mib(),
        avro: avro.bulk,
        ndjson,
        verified,
    })
}

fn open(
    dir: &Path,
    load: &Load,
    settings: &SessionSettings,
    configuration: &ConfigurationBody,
) -> Result<Session, BenchError> {
    let mut session = Session::open(dir, settings, configuration, Configure::Keep)?;
    for (profile, number) in load.profiles().zip(1..) {
        session.take(|intake| intake.take_profile(number, &profile))?;
    }
    session.settle()?;
    Ok(session)
}

/// The counts of the readings alone: profiles and configuration came before the clock started.
fn since(before: Counts, after: Counts, started: (Instant, f64)) -> RunCounts {
    let (wall, cpu) = started;
    RunCounts {
        seconds: wall.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        counts: after.since(before),
    }
}

fn cpu_seconds() -> f64 {
    cpu_seconds_of("self")
}

/// Processor time of a process so far, from `/proc/PID/stat` (fields 14 and 15, in 1/100 s).
fn cpu_seconds_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Two runs on one log: as much as possible at once, and then, with everybody known, one commit
/// after the other.
struct AvroRun {
    bulk: RunCounts,
    threads: usize,
    commits: Commits,
}

fn avro_run(
    dir: &Path,
    load: &Load,
    settings: &SessionSettings,
    configuration: &ConfigurationBody,
) -> Result<AvroRun, BenchError> {
    let mut session = open(dir, load, settings, configuration)?;
    let before = *session.counts();
    let singly = (COMMIT_READINGS * (COMMITS + WARM_UP)).min(load.len() / 4);
    let started = (Instant::now(), cpu_seconds());
    for (datum, number) in load.avro().take(load.len() - singly).zip(1..) {
        take_avro(&mut session, number, datum)?;
    }
    session.settle()?;
    let bulk = since(before, *session.counts(), started);
    let rest: Vec<&[u8]> = load.avro().skip(load.len() - singly).collect();
    let commits = commit::run(dir, &mut session, &rest)?;
    Ok(AvroRun { bulk, threads: session.finish()?.threads, commits })
}

fn take_avro(session: &mut Session, number: u64, datum: &[u8]) -> Result<(), SessionError> {
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    session.take(|intake| intake.reading_datum(number, datum, &options))
}

fn ndjson_run(
    dir: &Path,
    file: &Path,
    load: &Load,
    settings: &SessionSettings,
    configuration: &ConfigurationBody,
) -> Result<RunCounts, BenchError> {
    let mut session = open(dir, load, settings, configuration)?;
    let before = *session.counts();
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    let stop = AtomicBool::new(false);
    let started = (Instant::now(), cpu_seconds());
    let file = files::open(file, LINE_BYTES_MAX).map_err(FileError::from)?;
    session.readings_file(file, &options, LINE_BYTES_MAX, &stop, |_, _| {})?;
    session.settle()?;
    let run = since(before, *session.counts(), started);
    session.finish()?;
    Ok(run)
}

/// Events a second that one thread folds; the log is read once before.
fn replay_run(dir: &Path) -> Result<f64, BenchError> {
    let store = Store::read(dir)?;
    let fold_all = || -> Result<u64, StoreError> {
        let new = |partition| Fold::resume(State::initial(partition), 0);
        let mut folds: Vec<Fold> = store.partitions().map(new).collect();
        let mut scan = store.scan(ScanFrom::default())?;
        while let Some(chunk) = scan.next_chunk()? {
            fold_chunk(&mut folds[usize::from(chunk.header.partition.0)], &chunk)?;
        }
        Ok(folds.iter().map(Fold::position).sum())
    };
    let started = Instant::now();
    let events = fold_all()?;
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

/// State of the largest person after the whole sample, bytes.
fn state_run(load: &Load, configuration: &ConfigurationBody) -> Result<usize, BenchError> {
    let state = load.fold_sample(PartitionId(0), configuration)?;
    Ok(state.people().map(|person| person.state_bytes()).max().unwrap_or(0))
}

/// Greatest resident set of this process, from `/proc/self/status`.
fn peak_rss_mib() -> f64 {
    status_mib(&fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmHWM:")
}

/// A size in a process's status, MiB.
fn status_mib(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
