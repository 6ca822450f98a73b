//! `zeitgeber deadletters`.

use std::{io::Write, process::ExitCode};

use clap::builder::PossibleValuesParser;
use zeitgeber::query::{DeadLetter, DeadLetterFilter, DeadLetters};
use zeitgeber_schemas::Reason;

use super::{Failure, output, target::Target};

/// Rows of the readable form where no limit is given.
const ROWS: u64 = 50;

/// List refused inputs: why, from which line of which file, and their bytes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber deadletters --data-dir DIR
  zeitgeber deadletters --data-dir DIR --reason too_late --user u09
  zeitgeber deadletters --data-dir DIR --json | jq -r .raw")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Only those refused for this reason
    #[arg(long, value_parser = reasons())]
    reason: Option<String>,
    /// Only this person's, as far as it could be read
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// At most this many (50 in the readable form unless given)
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(Reason::ALL.iter().map(|reason| reason.as_str()))
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = args.target.source()?;
    let filter = DeadLetterFilter {
        reason: args.reason.as_deref().and_then(Reason::from_symbol),
        user: args.user.clone(),
    };
    let mut out = output::stdout();
    if args.json {
        let limit = args.limit.unwrap_or(u64::MAX);
        source.dead_letters(&filter, limit, false, |letter| output::line(&mut out, &letter))?;
    } else {
        let mut rows = Vec::new();
        let limit = args.limit.unwrap_or(ROWS);
        let counts = source.dead_letters(&filter, limit, true, |letter| {
            rows.push(letter);
            Ok(())
        })?;
        readable(&mut out, &rows, &counts)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn readable(
    out: &mut impl Write,
    rows: &[DeadLetter],
    counts: &DeadLetters,
) -> Result<(), Failure> {
    let mut table = output::table(&["position", "from", "person", "reason", "detail", "bytes"]);
    for letter in rows {
        let from = match (&letter.source, letter.line) {
            (Some(source), Some(line)) => output::cell(&format!("{source}:{line}")),
            _ => "-".into(),
        };
        table.add_row([
            letter.position.to_string(),
            from,
            output::cell(letter.user_id.as_deref().unwrap_or("-")),
            letter.reason.to_string(),
            output::cell(&letter.detail),
            letter.length.to_string(),
        ]);
    }
    let stored: u64 = counts.stored.values().sum();
    if !rows.is_empty() {
        writeln!(out, "{table}")?;
    }
    if (rows.len() as u64) < stored {
        writeln!(
            out,
            "the first {} of {stored}; --limit shows more, --json their bytes",
            rows.len()
        )?;
    }
    let mut table = output::table(&["reason", "stored", "repeats"]);
    let reasons = Reason::ALL.iter().filter_map(|reason| {
        let stored = counts.stored.get(reason).copied().unwrap_or(0);
        let repeats = counts.repeats.get(reason).copied().unwrap_or(0);
        (stored + repeats > 0).then_some((reason, stored, repeats))
    });
    for (reason, stored, repeats) in reasons {
        let reason = comfy_table::Cell::new(reason.as_str());
        table.add_row([reason, output::right(stored), output::right(repeats)]);
    }
    let repeats: u64 = counts.repeats.values().sum();
    writeln!(out, "{table}")?;
    writeln!(out, "{stored} refused inputs stored, {repeats} repeats of them counted")?;
    Ok(())
}
