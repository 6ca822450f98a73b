//! How an evaluation is shown to a person: what refuses first, then numbers, then what to look at.

use std::io::Write;

use comfy_table::Cell;
use zeitgeber::ope::{Report, Valuation};
use zeitgeber_processors::evaluation::{
    Answer, Estimate, Told, Verdict,
    diagnostics::{Finding, Level},
    intervals::Interval,
};

use super::super::{
    Failure,
    output::{self, Tone, right, tone},
};

/// Most arms and segments that are shown.
const SHOWN: usize = 20;

pub(super) fn readable(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let Report { log, candidate, valuation, .. } = report;
    let Valuation { rows, persons, .. } = valuation;
    writeln!(out, "{}: {rows} decisions, {persons} persons", tone(Tone::Bold, &output::cell(log)))?;
    if report.rows_are_persons {
        writeln!(out, "no column names persons: every decision counts as a person of its own")?;
    }
    writeln!(out, "candidate: {}\n", output::cell(candidate))?;
    told(out, valuation)
}

/// All that an evaluation says.
pub(in super::super) fn told(out: &mut impl Write, valuation: &Valuation) -> Result<(), Failure> {
    match &valuation.answer {
        Answer::Refused { reasons, decisions_needed } => {
            writeln!(out, "{}", tone(Tone::Bad, "refused: the log cannot carry an estimate"))?;
            for Finding { check, what, .. } in reasons {
                writeln!(out, "  {}: {what}", check.name())?;
            }
            if let Some(needed) = decisions_needed {
                writeln!(
                    out,
                    "  about {needed:.0} decisions like these would give 50 effective ones"
                )?;
            }
        }
        Answer::Told(told) => numbers(out, told)?,
    }
    verdict(out, valuation)?;
    findings(out, &valuation.findings)?;
    shares(out, valuation)?;
    drivers(out, valuation)
}

fn numbers(out: &mut impl Write, told: &Told) -> Result<(), Failure> {
    let headings =
        ["estimator", "value", "95 % (influence)", "95 % (bootstrap)", "less incumbent", "95 %"];
    let mut table = output::table(&headings);
    for Estimate { estimator, value, normal, bootstrap, difference, .. } in &told.estimates {
        let mark = if estimator.is_biased_by_design() { " *" } else { "" };
        table.add_row([
            Cell::new(format!("{}{mark}", estimator.name())),
            right(format!("{value:.5}")),
            right(interval(Some(*normal))),
            right(interval(*bootstrap)),
            right(format!("{:+.5}", difference.value)),
            right(interval(Some(difference.interval()))),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "* biased by design; clipped, switched and modelled")?;
    writeln!(out, "incumbent: {:.5} ± {:.5}", told.incumbent, told.incumbent_se)?;
    writeln!(out, "whatever the rewards' spread (empirical Bernstein): {}", interval(told.bounds))?;
    writeln!(out, "however often one looks (confidence sequence): {}", interval(told.anytime))?;
    if let Some(found) = told.sensitivity {
        let (percent, range) = (found.error * 100.0, interval(Some(found.range)));
        writeln!(out, "SNIPS if propensities were wrong by {percent} %: {range}")?;
    }
    for (estimator, why) in &told.left_out {
        writeln!(out, "{} is not told: {why}", estimator.name())?;
    }
    Ok(())
}

fn interval(of: Option<Interval>) -> String {
    of.map_or_else(|| "-".into(), |Interval { low, high }| format!("{low:.5} to {high:.5}"))
}

fn verdict(out: &mut impl Write, report: &Valuation) -> Result<(), Failure> {
    let (shade, why) = match (report.verdict, &report.answer) {
        (Verdict::Promote, _) => (Tone::Good, "DR and SNIPS both lie above the incumbent"),
        (Verdict::Reject, _) => (Tone::Bad, "DR and SNIPS both lie below what was asked for"),
        (Verdict::Hold, Answer::Refused { .. }) => (Tone::Bold, "there is no number to act on"),
        (Verdict::Hold, Answer::Told(_)) => (Tone::Bold, "the log does not tell them apart"),
    };
    writeln!(out, "\nverdict: {} ({why})", tone(shade, report.verdict.name()))?;
    if let Answer::Told(Told { decisions_needed: Some(needed), .. }) = &report.answer {
        writeln!(out, "a difference like this would be clear after about {needed:.0} decisions")?;
    }
    Ok(())
}

fn findings(out: &mut impl Write, findings: &[Finding]) -> Result<(), Failure> {
    writeln!(out)?;
    for Finding { check, level, what } in findings {
        let shade = match level {
            Level::Pass => Tone::Good,
            Level::Warn => Tone::Bold,
            Level::Refuse => Tone::Bad,
        };
        let level = tone(shade, &format!("{:<6}", level.name()));
        writeln!(out, "{level} {}: {what}", check.name())?;
    }
    Ok(())
}

fn shares(out: &mut impl Write, report: &Valuation) -> Result<(), Failure> {
    let mut table =
        output::table(&["arm", "logged", "expected", "candidate", "effective", "no feedback"]);
    let percent = |share: f64| right(format!("{:.1} %", share * 100.0));
    for arm in report.arms.iter().take(SHOWN) {
        table.add_row([
            Cell::new(output::cell(&arm.name)),
            percent(arm.of.logged),
            arm.of.expected.map_or_else(|| right("-"), percent),
            percent(arm.of.target),
            right(format!("{:.1}", arm.of.ess)),
            percent(arm.of.missing),
        ]);
    }
    writeln!(out, "\n{table}")?;
    more(out, report.arms.len())?;
    if report.segments.len() > 1 {
        let headings = ["segment", "decisions", "effective", "mean weight", "greatest weight"];
        let mut table = output::table(&headings);
        for segment in report.segments.iter().take(SHOWN) {
            table.add_row([
                Cell::new(output::cell(&segment.name)),
                right(segment.of.rows),
                right(format!("{:.1}", segment.of.ess)),
                right(format!("{:.3}", segment.of.mean_weight)),
                right(format!("{:.2}", segment.of.max_weight)),
            ]);
        }
        writeln!(out, "{table}")?;
        more(out, report.segments.len())?;
    }
    Ok(())
}

fn drivers(out: &mut impl Write, report: &Valuation) -> Result<(), Failure> {
    let headings = ["driving decision", "arm", "weight", "reward", "share of the variance"];
    let mut table = output::table(&headings);
    for driver in &report.drivers {
        table.add_row([
            Cell::new(output::cell(&driver.of.id)),
            Cell::new(output::cell(&driver.name)),
            right(format!("{:.2}", driver.of.weight)),
            right(format!("{:.4}", driver.of.reward)),
            right(format!("{:.1} %", driver.of.share * 100.0)),
        ]);
    }
    Ok(writeln!(out, "{table}")?)
}

fn more(out: &mut impl Write, len: usize) -> Result<(), Failure> {
    if len > SHOWN {
        writeln!(out, "and {} more; `--json` gives all", len - SHOWN)?;
    }
    Ok(())
}
