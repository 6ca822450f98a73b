//! A task's decision in words.

use std::io::Write;

use zeitgeber::query::{TaskDecision, time_text};

use super::{Failure, arms, chosen, features, heading, title};
use crate::cli::output;

pub(super) fn readable(out: &mut impl Write, explanation: &TaskDecision) -> Result<(), Failure> {
    let decision = &explanation.decision;
    title(out, decision)?;
    let task = explanation.assignment.as_ref().map_or("unknown", |assigned| &assigned.task);
    writeln!(
        out,
        "for task {} of pool {} at {}, event {}",
        output::cell(task),
        output::cell(explanation.pool.as_deref().unwrap_or("unknown")),
        time_text(decision.at_ms),
        explanation.position
    )?;
    submitted(out, explanation)?;
    heading(out, 2, "Context features")?;
    features(out, &explanation.features)?;
    heading(out, 3, "Agents that could do it and had room")?;
    arms(out, "agent", decision)?;
    assigned(out, explanation)?;
    outcome(out, explanation)
}

fn submitted(out: &mut impl Write, explanation: &TaskDecision) -> Result<(), Failure> {
    heading(out, 1, "Task")?;
    match &explanation.submitted {
        Some(submitted) => {
            let asked = &submitted.task;
            let capabilities = match asked.capabilities.as_slice() {
                [] => "no capabilities".to_owned(),
                names => output::cell(&names.join(", ")),
            };
            let (at, priority) = (time_text(submitted.at_ms), asked.priority.as_str());
            writeln!(
                out,
                "submitted {at}, event {}: {priority}, {capabilities}",
                submitted.position
            )?;
        }
        None => writeln!(out, "its submission was not found")?,
    }
    let id = explanation.trigger["input_id"].as_str().filter(|id| !id.is_empty());
    let kind = explanation.trigger["type"].as_str().unwrap_or("input");
    let of = id.map_or_else(String::new, |id| format!(" of {}", output::cell(id)));
    writeln!(out, "assigned upon the {kind}{of}")?;
    Ok(())
}

fn assigned(out: &mut impl Write, explanation: &TaskDecision) -> Result<(), Failure> {
    let (decision, policy) = (&explanation.decision, &explanation.policy);
    heading(out, 4, "Choice")?;
    chosen(out, decision)?;
    if let Some(assigned) = &explanation.assignment {
        let until = time_text(assigned.lease_until_ms);
        writeln!(out, "attempt {}, lease {} until {until}", assigned.attempt, assigned.lease)?;
    }
    writeln!(
        out,
        "configuration {} ({}, alpha {}, lambda {}, epsilon {}, seed {}), {} outcomes learnt before",
        decision.configuration,
        policy.kind.as_str(),
        policy.alpha,
        policy.lambda,
        policy.epsilon,
        policy.seed,
        decision.model_version
    )?;
    Ok(())
}

fn outcome(out: &mut impl Write, explanation: &TaskDecision) -> Result<(), Failure> {
    heading(out, 5, "Outcome")?;
    for row in &explanation.events {
        let at = time_text(row.recv_ts.unwrap_or(row.ts));
        writeln!(out, "{at} {}", output::cell(&row.summary))?;
    }
    if let Some(result) = &explanation.result {
        let told = |value: Option<f64>| output::number(value, 3);
        let done = if result.success { "done" } else { "not done" };
        writeln!(out, "{done}, quality {}, cost {}", told(result.quality), told(result.cost))?;
    }
    let weights = &explanation.weights;
    let (chosen, weights) = (
        &explanation.decision.chosen,
        format!(
            "weights: success {}, quality {}, latency {}, cost {}",
            weights.success, weights.quality, weights.latency, weights.cost
        ),
    );
    match explanation.learnt {
        Some(reward) => writeln!(out, "the learner took reward {reward} for {chosen} ({weights})")?,
        None => writeln!(out, "nothing learnt from it yet ({weights})")?,
    }
    Ok(())
}
