//! `zeitgeber status`.

use std::{io::Write, process::ExitCode};

use zeitgeber::query::{Status, time_text};
use zeitgeber_schemas::ControlScope;

use super::{
    Failure,
    output::{self, Tone, tone},
    target::Target,
};

/// Show where one person stands: vitality, sleepiness, decisions, what may come next
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber status u09 --data-dir DIR
  zeitgeber status u09 --data-dir DIR --json
  zeitgeber status u09 --to http://127.0.0.1:8787")]
pub(super) struct Args {
    /// The person's id
    #[arg(value_name = "USER")]
    user: String,
    /// The person's tenant
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let status = args.target.source()?.status(&args.tenant, &args.user)?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &status)?;
    } else {
        readable(&mut out, &status)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn readable(out: &mut impl Write, status: &Status) -> Result<(), Failure> {
    let clock = status.clock_ms.map_or_else(|| "no reading yet".into(), time_text);
    writeln!(out, "{}  {clock}", tone(Tone::Bold, &output::cell(&status.user_id)))?;
    writeln!(out, "{}", tone(Tone::Dim, &format!("up to event {}", status.as_of)))?;
    vitality(out, status)?;
    decisions(out, status)?;
    next(out, status)
}

fn vitality(out: &mut impl Write, status: &Status) -> Result<(), Failure> {
    let Some(analysis) = &status.analysis else {
        writeln!(out, "\nno hour was analysed yet")?;
        return Ok(());
    };
    let composite = &analysis.composite;
    writeln!(
        out,
        "\nvitality    {} (confidence {:.2}, {:.0} % of the window worn)",
        output::number(composite.vitality, 2),
        composite.confidence,
        analysis.coverage * 100.0
    )?;
    for part in &composite.parts {
        let value = part.value.map_or_else(|| "missing".into(), |value| format!("{value:.2}"));
        writeln!(out, "  {:<11} {value:>7}  weight {:.2}", part.name.as_str(), part.weight)?;
    }
    let energy = composite.energy.map_or("-", |energy| energy.as_str());
    writeln!(out, "energy      {energy}")?;
    if !composite.risks.is_empty() {
        writeln!(out, "risks       {}", tone(Tone::Bad, &composite.risks.join(", ")))?;
    }
    writeln!(out, "sleepiness  {:.1} of 9 (Karolinska scale)", analysis.kss)?;
    let bars = output::sparkline(&analysis.kss_forecast, 1.0, 9.0);
    writeln!(out, "next 24 h   {bars}")?;
    let window = (time_text(analysis.window_start_ms), time_text(analysis.window_end_ms));
    writeln!(out, "analysed    {} to {}, revision {}", window.0, window.1, analysis.revision)?;
    Ok(())
}

fn decisions(out: &mut impl Write, status: &Status) -> Result<(), Failure> {
    if status.decisions.is_empty() {
        writeln!(out, "\nno decision yet")?;
        return Ok(());
    }
    let mut table = output::table(&["decided", "arm", "propensity", "outcome", "reward", "id"]);
    for made in &status.decisions {
        let reward = match made.reward {
            Some(reward) => format!("{reward:.2}"),
            None if made.open => "waiting".into(),
            None => "-".into(),
        };
        table.add_row([
            time_text(made.at_ms),
            made.chosen.clone(),
            format!("{:.3}", made.propensity),
            made.outcome.clone(),
            reward,
            made.decision_id.to_string(),
        ]);
    }
    writeln!(out, "\n{table}")?;
    writeln!(out, "{} decisions wait for feedback", status.open_feedback)?;
    Ok(())
}

fn next(out: &mut impl Write, status: &Status) -> Result<(), Failure> {
    if let Some(issued) = &status.last_intervention {
        let (at, until) = (time_text(issued.at_ms), time_text(issued.valid_until_ms));
        writeln!(out, "last        {} at {at}, valid until {until}", issued.arm)?;
    }
    let next = match (status.hindrance, status.next_possible_ms) {
        (None, Some(_)) => tone(Tone::Good, "possible now"),
        (Some(reason), Some(at_ms)) => format!("from {} ({reason} now)", time_text(at_ms)),
        (Some(reason), None) => format!("not in sight ({reason})"),
        (None, None) => "no configuration decides yet".into(),
    };
    let next = match status.stopped {
        Some(ControlScope::All) => tone(Tone::Bad, "stopped: nothing is decided for anybody"),
        Some(ControlScope::Person) => {
            tone(Tone::Bad, "stopped: nothing is decided for this person")
        }
        Some(scope) => tone(Tone::Bad, &format!("stopped: nothing is decided by this {scope}")),
        None => next,
    };
    writeln!(out, "next        {next}")?;
    Ok(())
}
