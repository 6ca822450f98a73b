//! `zeitgeber explain`.

use std::{io::Write, process::ExitCode};

use zeitgeber::query::{Explanation, time_text};

use super::{
    Failure,
    output::{self, Tone, tone},
    target::Target,
};

/// Explain one decision, from the readings behind it to the reward it earned
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
        readable(&mut out, &explanation)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn readable(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    let decision = &explanation.decision;
    writeln!(out, "decision {}", tone(Tone::Bold, &decision.decision_id.to_string()))?;
    writeln!(
        out,
        "for {} at {}, event {}",
        explanation.user_id.as_deref().unwrap_or("nobody known"),
        time_text(decision.at_ms),
        explanation.position
    )?;
    readings(out, explanation)?;
    analysis(out, explanation)?;
    features(out, explanation)?;
    arms(out, explanation)?;
    choice(out, explanation)?;
    outcome(out, explanation)
}

fn heading(out: &mut impl Write, number: u32, text: &str) -> Result<(), Failure> {
    Ok(writeln!(out, "\n{}", tone(Tone::Bold, &format!("{number}. {text}")))?)
}

fn readings(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    heading(out, 1, "Readings")?;
    let used = &explanation.readings;
    let counts: Vec<String> =
        used.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    match (used.first_ts, used.last_ts) {
        (Some(first), Some(last)) => writeln!(
            out,
            "{} from {} to {}; the last:",
            counts.join(", "),
            time_text(first),
            time_text(last)
        )?,
        _ => writeln!(out, "none within the window")?,
    }
    for row in &used.last {
        let ts = row["ts"].as_i64().map_or_else(String::new, time_text);
        writeln!(out, "  {ts}  {}", output::cell(&row["input"].to_string()))?;
    }
    let id = explanation.trigger["input_id"].as_str().unwrap_or("-");
    writeln!(out, "the arrival of {id} sealed the hour")?;
    Ok(())
}

fn analysis(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    heading(out, 2, "Analysis")?;
    let Some(analysed) = &explanation.analysis else {
        writeln!(out, "not found beside the decision")?;
        return Ok(());
    };
    let (start, end) = (time_text(analysed.window_start_ms), time_text(analysed.window_end_ms));
    writeln!(out, "{start} to {end}, {:.0} % worn", analysed.coverage * 100.0)?;
    let minutes = analysed.wear_minutes.as_ref().or(analysed.all_minutes.as_ref());
    if let Some(rhythm) = minutes {
        writeln!(
            out,
            "IS {}, IV {}, RA {}, MESOR {}, amplitude {}",
            output::number(rhythm.is, 3),
            output::number(rhythm.iv, 3),
            output::number(rhythm.ra, 3),
            output::number(rhythm.mesor, 2),
            output::number(rhythm.amplitude, 2)
        )?;
    }
    let composite = &analysed.composite;
    writeln!(
        out,
        "vitality {} (confidence {:.2}), sleepiness {:.1} of 9",
        output::number(composite.vitality, 2),
        composite.confidence,
        analysed.kss
    )?;
    for part in &composite.parts {
        let value = part.value.map_or_else(|| "missing".into(), |value| format!("{value:.2}"));
        writeln!(out, "  {:<11} {value:>7}  weight {:.2}", part.name.as_str(), part.weight)?;
    }
    Ok(())
}

fn features(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    let version = explanation.decision.feature_version;
    heading(out, 3, &format!("Context features, version {version}"))?;
    for feature in &explanation.features {
        writeln!(out, "  {:<24} {:>8.4}  ({} / 4096)", feature.name, feature.value, feature.grid)?;
    }
    Ok(())
}

fn arms(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    let decision = &explanation.decision;
    heading(out, 4, "Arms")?;
    let mut table =
        output::table(&["arm", "mean", "width", "mean + alpha width", "propensity", ""]);
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
    Ok(())
}

fn choice(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    let decision = &explanation.decision;
    heading(out, 5, "Choice")?;
    let coin = if decision.explore { "explore" } else { "exploit" };
    writeln!(
        out,
        "{} with propensity {:.4}; greedy was {}, the coin said {coin}",
        tone(Tone::Good, &decision.chosen),
        decision.propensity,
        decision.greedy
    )?;
    let policy = explanation.policy.as_ref().map_or_else(String::new, |policy| {
        format!(
            " (alpha {}, lambda {}, epsilon {}, seed {})",
            policy.alpha, policy.lambda, policy.epsilon, policy.seed
        )
    });
    writeln!(
        out,
        "configuration {}{policy}, {} rewards taken before",
        decision.configuration, decision.model_version
    )?;
    Ok(())
}

fn outcome(out: &mut impl Write, explanation: &Explanation) -> Result<(), Failure> {
    heading(out, 6, "Intervention")?;
    if let Some(issued) = &explanation.issued {
        let until = time_text(issued.valid_until_ms);
        writeln!(out, "issued by {}, valid until {until}: {}", issued.channel, issued.message)?;
    }
    if let Some(suppressed) = &explanation.suppressed {
        writeln!(out, "nothing went out: {}", suppressed.reason)?;
    }
    heading(out, 7, "Feedback")?;
    for taken in &explanation.feedback {
        let answer = taken.answer.as_ref().map_or_else(String::new, |answer| {
            let made_up = if answer.simulated { " (simulated)" } else { "" };
            format!("{:?}{made_up} ", answer.response)
        });
        let (id, status) = (&taken.recorded.feedback_id, taken.recorded.status);
        writeln!(out, "{} {id}: {answer}{status}", time_text(taken.ts))?;
    }
    match (explanation.learnt, &explanation.expired) {
        (Some(reward), None) => {
            writeln!(out, "the learner took reward {reward} for {}", explanation.decision.chosen)?;
        }
        (Some(reward), Some(_)) => {
            writeln!(out, "no outcome in time; the learner took {reward} in its place")?;
        }
        (None, Some(_)) => writeln!(out, "no outcome in time; the learner left it out")?,
        (None, None) => writeln!(out, "nothing learnt from it yet")?,
    }
    Ok(())
}
