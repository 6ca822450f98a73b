//! `zeitgeber fidelity`.

use std::{io::Write, process::ExitCode};

use comfy_table::Cell;
use zeitgeber::{
    fidelity::{Report, fidelity},
    ope::Named,
};
use zeitgeber_processors::fidelity::{FeatureDrift, Level, Sign, VersionSigns};

use super::{
    Failure,
    output::{self, Tone, right, tone},
    target::{Source, Target},
    watched,
};

/// Judge whether decisions are made as designed: green, yellow or red
///
/// For each policy version: arms chosen against their propensities, exploration against epsilon,
/// feedback's delay and missing outcomes, how often nothing but doing nothing was eligible; and how
/// far the newest week's context lies from what came before. Exits with 1 where a sign is red.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber fidelity --data-dir DIR
  zeitgeber fidelity --data-dir DIR --json")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let Source::Log(store) = &args.target.source()? else {
        return Err("decisions are judged from the log itself: name it with --data-dir or \
                    --journal"
            .into());
    };
    let journal = store.journal();
    let report = watched::over(&*journal, |watch| fidelity(&*journal, watch))?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &report)?;
    } else {
        readable(&mut out, &report)?;
        out.flush()?;
    }
    let is_red = report.level == Level::Red;
    Ok(if is_red { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn readable(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let Report { log_id, head, events, level, versions, drift, awaited } = report;
    writeln!(out, "log {log_id}, head {head}: {events} events")?;
    for version in versions {
        told(out, version)?;
    }
    match drift {
        None => writeln!(out, "\ndrift: too few decisions before or in the newest week")?,
        Some(features) => drifts(out, features)?,
    }
    writeln!(out, "\n{awaited} decisions await their outcome")?;
    Ok(writeln!(out, "{}", light(*level, level.name()))?)
}

fn told(out: &mut impl Write, version: &VersionSigns) -> Result<(), Failure> {
    let name = tone(Tone::Bold, &output::cell(&version.version));
    let VersionSigns { decisions, propensity_mean, level, .. } = version;
    writeln!(
        out,
        "\n{name}: {decisions} decisions, mean propensity {propensity_mean:.3}: {}",
        light(*level, level.name())
    )?;
    for Sign { what, level, thresholds: (yellow, red), figures, .. } in &version.signs {
        let shown = light(*level, &format!("{:<7}", level.name()));
        writeln!(out, "{shown} {}: {figures} (yellow at {yellow}, red at {red})", what.name())?;
    }
    let mut table = output::table(&[
        "arm",
        "eligible",
        "chosen",
        "expected",
        "p",
        "missing outcomes",
        "not shown",
    ]);
    for arm in &version.arms {
        table.add_row([
            Cell::new(output::cell(&arm.arm)),
            right(arm.eligible),
            right(arm.chosen),
            right(format!("{:.1}", arm.expected)),
            right(output::number(arm.chance, 3)),
            right(arm.missing.map_or_else(|| "-".into(), percent)),
            right(arm.unshown),
        ]);
    }
    Ok(writeln!(out, "{table}")?)
}

fn drifts(out: &mut impl Write, features: &[Named<FeatureDrift>]) -> Result<(), Failure> {
    let headings =
        ["feature", "before", "newest week", "standardised difference", "stability index", ""];
    let mut table = output::table(&headings);
    for Named { name, of: one } in features {
        table.add_row([
            Cell::new(name),
            right(format!("{:.3}", one.before)),
            right(format!("{:.3}", one.newest)),
            right(format!("{:+.3}", one.standardised)),
            right(format!("{:.3}", one.stability_index)),
            Cell::new(one.level.name()),
        ]);
    }
    Ok(writeln!(out, "\n{table}")?)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn light(level: Level, text: &str) -> String {
    let shade = match level {
        Level::Green => Tone::Good,
        Level::Yellow => Tone::Bold,
        Level::Red => Tone::Bad,
        Level::Unknown => Tone::Dim,
    };
    tone(shade, text)
}
