//! `zeitgeber analyze`.

mod show;

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::builder::PossibleValuesParser;
use zeitgeber::analyze::{
    self, Hints,
    kind::{Kind, Quantity},
    recording::LayoutHints,
};
use zeitgeber_schemas::Scale;

use super::{Failure, output};

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
    /// What they hold, where the columns do not tell or tell several things
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)))]
    kind: Option<String>,
    /// A column that has another name: one of the names above, `=`, its own (repeatable)
    #[arg(long = "column", value_name = "HOLDS=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// Time from one row to the next, s
    #[arg(long, value_name = "S")]
    epoch: Option<f64>,
    /// How the device scales counts: decides which scorers of sleep apply
    #[arg(long, default_value = "unknown", value_parser = PossibleValuesParser::new(
        Scale::ALL.iter().map(|scale| scale.as_str()).collect::<Vec<_>>()))]
    scale: String,
    /// The delimiter, one character
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The first row is data; columns are called 1, 2 and so on
    #[arg(long)]
    no_header: bool,
    /// Print one JSON document: an array with an object for each file
    #[arg(long)]
    json: bool,
}

fn column(text: &str) -> Result<(String, String), String> {
    let (holds, name) = text.split_once('=').ok_or("write HOLDS=NAME, for example counts=ZCM")?;
    if Quantity::of(holds).is_none() {
        let known: Vec<&str> =
            Quantity::NAMES.iter().flat_map(|(_, names)| *names).copied().collect();
        return Err(format!("{holds:?} is nothing that columns hold; known: {}", known.join(", ")));
    }
    Ok((holds.to_owned(), name.to_owned()))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if one.is_ascii() => Ok(*one),
        b"\\t" => Ok(b'\t'),
        _ => Err("write one character, `\\t` for a tab".into()),
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let hints = Hints {
        layout: LayoutHints { delimiter: args.delimiter, no_header: args.no_header },
        kind: args.kind.as_deref().and_then(Kind::of),
        columns: args.columns.clone(),
        epoch_s: args.epoch,
        scale: Scale::from_symbol(&args.scale).unwrap_or(Scale::Unknown),
    };
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
