//! A person's decision in words.

use std::io::Write;

use zeitgeber::query::{PersonDecision, time_text};

use super::{Failure, arms, chosen, features, heading, title};
use crate::cli::output;

pub(super) fn readable(out: &mut impl Write, explanation: &PersonDecision) -> Result<(), Failure> {
    let decision = &explanation.decision;
    title(out, decision)?;
    writeln!(
        out,
        "for {} at {}, event {}",
        output::cell(explanation.user_id.as_deref().unwrap_or("nobody known")),
        time_text(decision.at_ms),
        explanation.position
    )?;
    readings(out, explanation)?;
    analysis(out, explanation)?;
    heading(out, 3, &format!("Context features, version {}", decision.feature_version))?;
    features(out, &explanation.features)?;
    heading(out, 4, "Arms")?;
    arms(out, "arm", decision)?;
    choice(out, explanation)?;
    outcome(out, explanation)
}

fn readings(out: &mut impl Write, explanation: &PersonDecision) -> Result<(), Failure> {
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

fn analysis(out: &mut impl Write, explanation: &PersonDecision) -> Result<(), Failure> {
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

fn choice(out: &mut impl Write, explanation: &PersonDecision) -> Result<(), Failure> {
    let decision = &explanation.decision;
    heading(out, 5, "Choice")?;
    chosen(out, decision)?;
    let policy = explanation.policy.as_ref().map_or_else(String::new, |policy| {
        format!(
            " (alpha {}, lambda {}, epsilon {}, seed {})",
            policy.alpha, policy.lambda, policy.epsilon, policy.seed
        )
    });
    writeln!(
        out,
        "configuration {} as {}{policy}, {} rewards taken before",
        decision.configuration, decision.stage, decision.model_version
    )?;
    Ok(())
}

fn outcome(out: &mut impl Write, explanation: &PersonDecision) -> Result<(), Failure> {
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
    for word in &explanation.noted {
        let noted = &word.noted;
        let (at, id, claim) = (time_text(noted.given_ms), &noted.feedback_id, noted.claim);
        let taken_back =
            if noted.replaces.is_some() { ", what was learnt is taken back" } else { "" };
        writeln!(out, "{at} {id}: {claim}{taken_back}")?;
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
