//! How a candidate is shown beside what a log decided.

use std::io::Write;

use comfy_table::Cell;
use serde_json::Value;
use zeitgeber::{
    query::time_text,
    whatif::{Change, FlipsTold, LogSeen, Report},
};

use super::super::{
    Failure, ope,
    output::{self, Tone, right, tone},
};

/// Most rows of a table.
const SHOWN: usize = 12;

pub(super) fn readable(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    log(out, &report.log)?;
    let Report { candidate, seed, resamples, .. } = report;
    let version = output::cell(&candidate.version);
    writeln!(
        out,
        "candidate {version} ({}), seed {seed}, {resamples} resamples",
        candidate.blake3
    )?;
    changes(out, &candidate.changes)?;
    flips(out, &report.flips)?;
    let awaited = match report.awaited {
        0 => String::new(),
        awaited => format!(", {awaited} still await their outcome"),
    };
    let missing = if report.missing_is_zero { "counts as 0" } else { "is left out" };
    let rows = report.value.rows;
    writeln!(
        out,
        "\n{}: {rows} decisions{awaited}; one without feedback {missing}",
        tone(Tone::Bold, "value, off policy")
    )?;
    ope::show::told(out, &report.value)?;
    Ok(out.flush()?)
}

fn log(out: &mut impl Write, log: &LogSeen) -> Result<(), Failure> {
    let LogSeen { log_id, head, partitions, events, .. } = log;
    writeln!(out, "log {log_id}, head {head}: {events} events in {partitions} partitions")?;
    let (first, last) = (time_text(log.first_ms), time_text(log.last_ms));
    let whose = log.person.as_ref().map_or_else(String::new, |person| format!(" of {person}"));
    let by = |(version, count): &(String, u64)| format!("{count} by {}", output::cell(version));
    let by: Vec<String> = log.configurations.iter().map(by).collect();
    Ok(writeln!(out, "decisions{whose} from {first} to {last}: {}", by.join(", "))?)
}

fn changes(out: &mut impl Write, changes: &[Change]) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(writeln!(out, "it is the log's last configuration")?);
    }
    let value = |value: &Option<Value>| match value {
        Some(value) => output::cell(&value.to_string()),
        None => "-".into(),
    };
    let mut table = output::table(&["key", "log", "candidate"]);
    for Change { key, incumbent, candidate } in changes {
        table.add_row([Cell::new(key), right(value(incumbent)), right(value(candidate))]);
    }
    Ok(writeln!(out, "{table}")?)
}

fn flips(out: &mut impl Write, flips: &FlipsTold) -> Result<(), Failure> {
    let FlipsTold { decisions, not_remade, preferred, eligibility, changed, persons, .. } = flips;
    let share = percent(flips.flips, *decisions);
    let head = format!("{} of {decisions} decisions turn ({share})", flips.flips);
    writeln!(
        out,
        "\n{}, of {} of {persons} persons",
        tone(Tone::Bold, &head),
        flips.persons_flipped
    )?;
    writeln!(
        out,
        "another arm is preferred in {preferred}, others are eligible in {eligibility}, some \
         probability differs in {changed}; mean total variation {:.4}",
        flips.moved
    )?;
    if *not_remade > 0 {
        writeln!(out, "{not_remade} could not be made again: not all behind them can be read")?;
    }
    if flips.flips == 0 {
        return Ok(());
    }
    let causes = flips.causes.iter().map(|(cause, count)| format!("{} {count}", cause.name()));
    writeln!(out, "why: {}", causes.collect::<Vec<_>>().join(", "))?;
    let mut table = output::table(&["from", "to", "decisions", "for example (person, why)"]);
    for turn in flips.turns.iter().take(SHOWN) {
        let example = turn.examples.first().map_or_else(String::new, |example| {
            let person = output::cell(&example.person);
            format!("{} ({person}, {})", example.decision_id, example.cause.name())
        });
        let (from, to) = (output::cell(&turn.from), output::cell(&turn.to));
        table.add_row([Cell::new(from), Cell::new(to), right(turn.count), Cell::new(example)]);
    }
    writeln!(out, "{table}")?;
    more(out, flips.turns.len())?;
    let hours: Vec<f64> =
        flips.hours.iter().map(|hour| hour.flips as f64 / hour.decisions.max(1) as f64).collect();
    let most = hours.iter().copied().fold(0.0, f64::max);
    let bars = output::sparkline(&hours, 0.0, most.max(f64::MIN_POSITIVE));
    writeln!(out, "by local hour, 0 to 23: {bars} (full is {:.1} %)", most * 100.0)?;
    let mut table = output::table(&["person", "decisions", "turn", ""]);
    for person in flips.people.iter().take(SHOWN) {
        table.add_row([
            Cell::new(output::cell(&person.person)),
            right(person.decisions),
            right(person.flips),
            right(percent(person.flips, person.decisions)),
        ]);
    }
    writeln!(out, "{table}")?;
    more(out, flips.persons_flipped)
}

fn percent(part: u64, of: u64) -> String {
    format!("{:.1} %", part as f64 / of.max(1) as f64 * 100.0)
}

fn more(out: &mut impl Write, len: usize) -> Result<(), Failure> {
    if len > SHOWN {
        writeln!(out, "and {} more; `--json` gives more of them", len - SHOWN)?;
    }
    Ok(())
}
