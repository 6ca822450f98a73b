//! `zeitgeber explain`.

mod person;
mod task;

use std::{io::Write, process::ExitCode};

use zeitgeber::query::{Explanation, Feature};
use zeitgeber_schemas::DecisionMade;

use super::{
    Failure,
    output::{self, Tone, tone},
    target::Target,
};

/// Explain one decision, from what led to it to the reward that it earned
///
/// About a person: from readings and analysis to the intervention. About a task: from what was
/// asked and who could do it to the result.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber events --data-dir DIR --type decision_made --limit 5
  zeitgeber explain 0003a1b2c3 --data-dir DIR
  zeitgeber explain 0003a1b2c3 --data-dir DIR --json")]
pub(super) struct Args {
    /// The decision's id, or its beginning (at least 4 digits)
    #[arg(value_name = "DECISION")]
    decision: String,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let explanation = args.target.source()?.explain(&args.decision)?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &explanation)?;
    } else {
        match &explanation {
            Explanation::Person(told) => person::readable(&mut out, told)?,
            Explanation::Task(told) => task::readable(&mut out, told)?,
        }
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The title of a decision's explanation.
fn title(out: &mut impl Write, decision: &DecisionMade) -> Result<(), Failure> {
    let id = decision.decision_id.to_string();
    Ok(writeln!(out, "decision {}", tone(Tone::Bold, &id))?)
}

fn heading(out: &mut impl Write, number: u32, text: &str) -> Result<(), Failure> {
    Ok(writeln!(out, "\n{}", tone(Tone::Bold, &format!("{number}. {text}")))?)
}

fn features(out: &mut impl Write, features: &[Feature]) -> Result<(), Failure> {
    for feature in features {
        writeln!(out, "  {:<24} {:>8.4}  ({} / 4096)", feature.name, feature.value, feature.grid)?;
    }
    Ok(())
}

/// What the choice was made from, one row an arm.
fn arms(out: &mut impl Write, what: &str, decision: &DecisionMade) -> Result<(), Failure> {
    let mut table = output::table(&[what, "mean", "width", "mean + alpha width", "propensity", ""]);
    for arm in &decision.eligible {
        let marks = [
            (arm.arm == decision.greedy).then_some("greedy"),
            (arm.arm == decision.chosen).then_some("chosen"),
        ];
        let marks: Vec<&str> = marks.into_iter().flatten().collect();
        table.add_row([
            comfy_table::Cell::new(&arm.arm),
            output::right(format!("{:.4}", arm.mean)),
            output::right(format!("{:.4}", arm.width)),
            output::right(format!("{:.4}", arm.ucb)),
            output::right(format!("{:.4}", arm.propensity)),
            comfy_table::Cell::new(marks.join(", ")),
        ]);
    }
    writeln!(out, "{table}")?;
    for masked in &decision.masked {
        writeln!(out, "  {:<20} not eligible: {}", masked.arm, masked.reason)?;
    }
    for arm in &decision.stopped {
        writeln!(out, "  {arm:<20} not eligible: stopped")?;
    }
    Ok(())
}

/// The choice among them.
fn chosen(out: &mut impl Write, decision: &DecisionMade) -> Result<(), Failure> {
    let coin = if decision.explore { "explore" } else { "exploit" };
    writeln!(
        out,
        "{} with propensity {:.4}; greedy was {}, the coin said {coin}",
        tone(Tone::Good, &decision.chosen),
        decision.propensity,
        decision.greedy
    )?;
    Ok(())
}
