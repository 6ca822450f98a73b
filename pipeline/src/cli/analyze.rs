//! `zeitgeber analyze`.

mod show;

use std::{io::Write, path::PathBuf, process::ExitCode};

use zeitgeber::analyze;

use super::{Failure, output, recording::RecordingArgs};

/// Analyse a recording: a table of text with a row for each epoch, beat or sample
///
/// By the code that analyses live. The file's own layout is found out: notes that start with `#`,
/// delimiter, header, times (ms or s since 1970, or dates by the local clock), what the columns
/// hold, how far rows are apart. It may be packed with gzip or Zstandard.
#[derive(Debug, clap::Args)]
#[command(after_help = "Columns, by kind, with other names that are known:
  actigraphy   epoch_ms; counts (activity, axis1, pim) or enmo_mg; epochs of 1 to 60 s, or of minutes
  hourly       epoch_ms; counts, enmo_mg or intensity; user where there are several people
  rr           rr_ms (rr, ibi_ms, nn_ms); t_ms, the time of the beat that ends the interval
  imu          t_ms; x_g, y_g, z_g
  light        epoch_ms; medi_lux or lux
  noise        epoch_ms; level_db (db, laeq_db), or l500_db, l1000_db and l2000_db
  sleep-diary  sleep_ms, wake_ms

Examples:
  zeitgeber analyze watch.csv
  zeitgeber analyze --kind light --json watch.csv.gz > light.json
  zeitgeber analyze --column rr=RR_interval --delimiter ';' polar.txt
  zeitgeber analyze --scale actigraph --epoch 60 counts.csv")]
pub(super) struct Args {
    /// Recordings; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    recording: RecordingArgs,
    /// Print one JSON document: an array with an object for each file
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let hints = args.recording.hints();
    let mut out = output::stdout();
    let mut told = Vec::new();
    for file in &args.files {
        let analysis = analyze::analyze(file, &hints)?;
        if args.json {
            told.push(analysis);
        } else {
            show::readable(&mut out, &analysis)?;
        }
    }
    if args.json {
        output::document(&mut out, &told)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
