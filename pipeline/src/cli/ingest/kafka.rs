//! `zeitgeber ingest --kafka`: files to the input topics.
//!
//! Nothing is decided here: what becomes of each input is told by the log of whoever reads the
//! topics. An input counts as sent once the brokers have it.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use serde::Serialize;
use zeitgeber::{
    bus::kafka::{Feeder, Input},
    config::Config,
    door::{
        files::{self, Content},
        lines::Line,
    },
    ingest::{FileReport, Progress, read_profiles},
};

use super::{Args, InputKind, progress_bar, show};
use crate::cli::{Failure, say};

/// Inputs between two looks at the progress.
const PROGRESS_EVERY: u64 = 1_024;

#[derive(Serialize)]
struct Summary<'a> {
    files: &'a [FileReport],
    profiles: u64,
    sent: u64,
    oversized: u64,
    seconds: f64,
}

pub(super) fn run(
    args: &Args,
    config: &Config,
    stop: &Arc<AtomicBool>,
) -> Result<ExitCode, Failure> {
    if args.outcomes.is_some() || args.backfill {
        return Err("--outcomes and --backfill need the log: give --data-dir or --to".into());
    }
    let started = Instant::now();
    let mut feeder = Feeder::new(&config.kafka)?;
    let (mut reports, mut profiles, mut oversized) = (Vec::new(), 0, 0);
    for path in args.profiles.iter().chain(args.files.iter()) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if args.kind()? == InputKind::Profiles || args.profiles.as_ref() == Some(path) {
            for (document, profile) in read_profiles(path)? {
                feeder.profile(&document, &profile)?;
                profiles += 1;
            }
            continue;
        }
        let limit = config.line_bytes_max();
        let file = args.open(path, limit, stop)?;
        reports.push(lines(args.kind()?, file, &mut feeder, stop, &mut oversized)?);
    }
    let sent = feeder.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        say::json(&Summary { files: &reports, profiles, sent, oversized, seconds })?;
    } else {
        let rate = sent as f64 / seconds;
        say::text(&format!("{sent} inputs sent to Kafka in {seconds:.1} s ({rate:.0}/s)\n"))?;
    }
    if oversized > 0 {
        say::note(&format!(
            "{oversized} lines are longer than limits.max_line_kib and were not sent"
        ));
    }
    let interrupted = stop.load(Ordering::Relaxed);
    Ok(if interrupted || oversized > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn lines(
    kind: InputKind,
    mut file: files::Source,
    feeder: &mut Feeder,
    stop: &AtomicBool,
    oversized: &mut u64,
) -> Result<FileReport, Failure> {
    let input = match kind {
        InputKind::Readings => Input::Readings,
        InputKind::Feedback => Input::Feedback,
        InputKind::Tasks => Input::Tasks,
        InputKind::Profiles => Input::Control,
    };
    let Content::Lines(lines) = &mut file.content else {
        return Err("to Kafka files are sent as lines of JSON, not as an Avro container".into());
    };
    let bar = progress_bar(&file.name);
    let mut report = FileReport { name: file.name.clone(), inputs: 0, interrupted: false };
    while !stop.load(Ordering::Relaxed) {
        match lines.next() {
            Ok(None) => break,
            Ok(Some((_, Line::Whole(line)))) => feeder.line(input, line)?,
            Ok(Some((_, Line::Oversized(_)))) => *oversized += 1,
            Err(error) if error.source.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) if stop.load(Ordering::Relaxed) => break,
            Err(error) => return Err(error.into()),
        }
        report.inputs += 1;
        if report.inputs.is_multiple_of(PROGRESS_EVERY) {
            let (bytes, total) = (file.progress.bytes(), file.progress.total);
            show(&bar, Progress { inputs: report.inputs, bytes, total });
        }
    }
    bar.finish_and_clear();
    report.interrupted = stop.load(Ordering::Relaxed);
    Ok(report)
}
