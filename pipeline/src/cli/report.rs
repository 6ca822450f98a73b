//! `zeitgeber report`.

use std::{collections::BTreeMap, io::Write, process::ExitCode};

use zeitgeber::query::{self, MomentError, Range};
use zeitgeber_processors::rhythm::report::Report;

use super::{Failure, output, target::Target};

/// Show each person's features over any range of the log
///
/// Folded from the accepted readings by the same code that analyses live: rest and activity
/// rhythm, non-wear, heart beats, light. What the readings cannot carry is absent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber report --data-dir DIR
  zeitgeber report --data-dir DIR --user u09 --from 2024-05-01 --until 2024-05-08
  zeitgeber report --data-dir DIR --json > report.json")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Only this person (`tenant/user` outside the tenant `default`)
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// First instant, by event time: RFC 3339, a date (UTC), or ms since 1970
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    from: Option<i64>,
    /// End, itself left out, in the same forms
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Print one JSON object, keyed by person
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<i64, MomentError> {
    query::parse_time(text)
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let all = Range::default();
    let range =
        Range { from_ms: args.from.unwrap_or(all.from_ms), to_ms: args.until.unwrap_or(all.to_ms) };
    let reports = args.target.source()?.report(range, args.user.as_deref())?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &reports)?;
    } else {
        readable(&mut out, &reports)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn readable(out: &mut impl Write, reports: &BTreeMap<String, Report>) -> Result<(), Failure> {
    let mut table = output::table(&[
        "person",
        "signal",
        "movement",
        "IS",
        "IV",
        "RA",
        "L5 at",
        "M10 at",
        "RR kept",
        "RMSSD ms",
        "light",
        "surroundings",
    ]);
    for (user, report) in reports {
        let worn = report.wear_only.as_ref().map(|worn| &worn.rhythm);
        let hourly = report.hourly.as_ref();
        let is = worn.and_then(|worn| worn.is).or_else(|| hourly.and_then(|hourly| hourly.is));
        let iv = worn.and_then(|worn| worn.iv).or_else(|| hourly.and_then(|hourly| hourly.iv));
        table.add_row([
            comfy_table::Cell::new(user),
            comfy_table::Cell::new(report.signal.map_or("-", |signal| signal.as_str())),
            output::right(report.imu_accepted),
            output::right(output::number(is, 3)),
            output::right(output::number(iv, 3)),
            output::right(output::number(worn.and_then(|worn| worn.ra), 3)),
            output::right(clock(worn.and_then(|worn| worn.l5_onset_min))),
            output::right(clock(worn.and_then(|worn| worn.m10_onset_min))),
            output::right(report.hrv.as_ref().map_or(0, |heart| heart.intervals_300_2000)),
            output::right(output::number(report.hrv.as_ref().and_then(|h| h.rmssd_ms), 1)),
            output::right(report.light.as_ref().map_or(0, |light| light.n)),
            output::right(report.environment_accepted),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} people; `--json` gives every feature", reports.len())?;
    Ok(out.flush()?)
}

fn clock(minute: Option<u32>) -> String {
    minute.map_or_else(|| "-".into(), |minute| format!("{:02}:{:02}", minute / 60, minute % 60))
}
