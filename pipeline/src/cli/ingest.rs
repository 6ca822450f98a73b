//! `zeitgeber ingest`: files and standard input into the log.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use zeitgeber::{
    config::Config,
    cycle::OutcomeDetail,
    door::{Options, files},
    ingest::{FileReport, InputKind as ReadAs, OutcomeLog, Progress, Session, now_ms, source_of},
    query,
    store::LogPlace,
};

use super::{
    Failure, Layers,
    recording::RecordingArgs,
    say, session,
    target::{Place, Target},
};

#[cfg(feature = "cluster")]
mod kafka;
#[cfg(feature = "service")]
mod remote;
mod source;
mod told;

use source::{InputKind, Recorded};
use told::{Counted, Summary, conclude};

/// Take readings, feedback or profiles from files into the log
///
/// NDJSON (plain, gzip or zstd) and Avro container files; with --kind the recordings that `analyze`
/// reads, as readings of one person, each arriving when it was made; `-` reads standard input. An input is
/// acknowledged only when it is durable. A file is known by its content: running the command
/// again after an interruption goes on where the log ends, and after that changes nothing. To a
/// service it is all sent again, and what the log has is counted as repeats.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber ingest day.jsonl.zst --data-dir data --profiles users.json\n  \
    zeitgeber ingest old.avro --data-dir data --backfill\n  \
    producer | zeitgeber ingest - --data-dir data --outcomes outcomes.jsonl\n  \
    zeitgeber ingest day.jsonl.zst --to http://127.0.0.1:8787 --token-file token\n  \
    zeitgeber ingest day.jsonl.zst --profiles users.json --kafka 127.0.0.1:9092\n  \
    zeitgeber ingest wrist.csv --as ada --kind actigraphy --zone Europe/Berlin --data-dir data")]
pub(super) struct Args {
    /// Files to take in, in this order; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// Produce the inputs to the topics of this Kafka instead (`HOST:PORT`, several with commas)
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "BROKERS", conflicts_with_all = ["dir", "to"])]
    kafka: Option<String>,
    /// Take these profiles first (an object with `users`, an array, or NDJSON)
    #[arg(long, value_name = "USERS.json")]
    profiles: Option<PathBuf>,
    /// What the files hold: `readings`, `feedback`, `profiles` or `tasks`; with --kind, the person
    /// whose recordings they are
    #[arg(long = "as", default_value = "readings", value_name = "WHAT|USER")]
    what: String,
    /// Write what became of each line here, one JSON object a line
    #[arg(long, value_name = "OUT.jsonl")]
    outcomes: Option<PathBuf>,
    /// Load history: arrival times become event times; analyses are made, decisions are not
    #[arg(long)]
    backfill: bool,
    /// Core threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Print a summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    recorded: Recorded,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let mut config = session::config(layers)?;
    if let Some(threads) = args.threads {
        config.runtime.threads = threads;
    }
    for path in args.files.iter().chain(&args.profiles) {
        // A file that is not there must not leave a new log behind.
        files::check(path)?;
    }
    let stop = session::stop_flag()?;
    #[cfg(feature = "cluster")]
    if let Some(brokers) = &args.kafka {
        config.kafka.brokers.clone_from(brokers);
        return kafka::run(args, &config, &stop);
    }
    match args.target.place()? {
        Place::Log(place) => log(args, &place, &config, &stop),
        #[cfg(feature = "service")]
        Place::Service(client) => remote::run(args, client, &stop),
        #[cfg(not(feature = "service"))]
        Place::Service(none) => match none {},
    }
}

fn log(
    args: &Args,
    place: &LogPlace,
    config: &Config,
    stop: &Arc<AtomicBool>,
) -> Result<ExitCode, Failure> {
    let detail = match args.outcomes {
        Some(_) => OutcomeDetail::PerLine,
        None => OutcomeDetail::Counts,
    };
    let started = Instant::now();
    let configure = session::configure(config);
    let mut session = session::open(place, config, detail, configure)?;
    session::set_pools(&mut session, config)?;
    // Only who holds the log's lock may touch the outcomes that go with it.
    let mut outcomes = match args.outcomes.as_deref().map(OutcomeLog::open).transpose() {
        Ok(outcomes) => outcomes,
        Err(error) => {
            session.finish()?;
            return Err(error.into());
        }
    };
    let line_limit = config.line_bytes_max();
    let mut reports = Vec::new();
    let taken = take(args, &mut session, line_limit, stop, outcomes.as_mut(), &mut reports);
    // Whatever ended the files, what was taken becomes durable and the log stops cleanly.
    let summary = session.finish();
    let mut summary = match (summary, taken.as_ref().err()) {
        (Ok(summary), _) => summary,
        // Where both failed, the first failure is the one that explains.
        (Err(error), None) => return Err(error.into()),
        (Err(_), Some(_)) => return taken.map(|_| ExitCode::FAILURE),
    };
    if let Some(outcomes) = &mut outcomes {
        outcomes.add(std::mem::take(&mut summary.lines))?;
        outcomes.release()?;
    }
    let profiles = taken?;
    let seconds = started.elapsed().as_secs_f64();
    let counts = Counted::Here(summary.counts);
    let threads = Some(summary.threads);
    let place = match place {
        LogPlace::Directory(dir) => format!("--data-dir {}", dir.display()),
        #[cfg(feature = "cluster")]
        LogPlace::Database { .. } => format!("--journal {place}"),
    };
    let files = &reports;
    conclude(args, &Summary { files, profiles, queued: 0, threads, seconds, counts }, &place, stop)
}

fn take(
    args: &Args,
    session: &mut Session,
    line_limit: usize,
    stop: &Arc<AtomicBool>,
    mut outcomes: Option<&mut OutcomeLog>,
    reports: &mut Vec<FileReport>,
) -> Result<u64, Failure> {
    let mut profiles = 0;
    if let Some(path) = &args.profiles {
        profiles += session.profiles_file(path)?;
    }
    for path in &args.files {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match args.kind()? {
            InputKind::Profiles => profiles += session.profiles_file(path)?,
            InputKind::Readings | InputKind::Feedback | InputKind::Tasks => {
                let outcomes = outcomes.as_deref_mut();
                reports.push(file(args, session, path, line_limit, stop, outcomes)?);
            }
        }
    }
    Ok(profiles)
}

/// Takes one file of readings or feedback, and its outcomes as they become known.
fn file(
    args: &Args,
    session: &mut Session,
    path: &Path,
    line_limit: usize,
    stop: &Arc<AtomicBool>,
    mut outcomes: Option<&mut OutcomeLog>,
) -> Result<FileReport, Failure> {
    let file = args.open(path, line_limit, stop)?;
    if let Some(outcomes) = outcomes.as_deref_mut() {
        begin_outcomes(args, session, &file, outcomes)?;
    }
    let report = match args.kind()? {
        InputKind::Feedback => session.lines_file(file, ReadAs::Feedback, line_limit, stop)?,
        InputKind::Tasks => session.lines_file(file, ReadAs::Tasks, line_limit, stop)?,
        _ => readings(args, session, file, line_limit, stop, outcomes.as_deref_mut())?,
    };
    session.settle()?;
    if let Some(outcomes) = outcomes {
        outcomes.add(session.take_lines())?;
        outcomes.release()?;
    }
    Ok(report)
}

fn readings(
    args: &Args,
    session: &mut Session,
    file: files::Source,
    line_limit: usize,
    stop: &AtomicBool,
    mut outcomes: Option<&mut OutcomeLog>,
) -> Result<FileReport, Failure> {
    let options = Options { backfill: args.backfill, door_now_ms: now_ms(), stamp_ms: None };
    let bar = progress_bar(&file.name);
    let mut failed = None;
    let report = session.readings_file(file, &options, line_limit, stop, |session, at| {
        show(&bar, at);
        let lines = session.take_lines();
        if let Some(outcomes) = outcomes.as_deref_mut()
            && let Err(error) = outcomes.add(lines)
        {
            stop.store(true, Ordering::Relaxed);
            failed = Some(error);
        }
    });
    bar.finish_and_clear();
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(report?),
    }
}

/// Adds what an interrupted run left out: outcomes of inputs that the log already covers.
fn begin_outcomes(
    args: &Args,
    session: &Session,
    file: &files::Source,
    outcomes: &mut OutcomeLog,
) -> Result<(), Failure> {
    let read_as = match args.kind()? {
        InputKind::Feedback => ReadAs::Feedback,
        InputKind::Tasks => ReadAs::Tasks,
        _ if args.backfill => ReadAs::Backfill,
        _ => ReadAs::Readings,
    };
    let source = source_of(file, read_as);
    let is_covered = source.is_resumable() && session.resumes(&source.id);
    outcomes.begin(&source, !is_covered)?;
    if is_covered {
        let missing = |line| !outcomes.contains(line);
        let missing = query::outcomes(session.store(), &source.id, &missing)?;
        outcomes.add(missing)?;
    }
    Ok(())
}

fn progress_bar(name: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {per_sec} ETA {eta}");
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}

fn show(bar: &ProgressBar, at: Progress) {
    if let Some(total) = at.total {
        bar.set_length(total);
    }
    bar.set_position(at.bytes);
}
