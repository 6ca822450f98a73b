//! Events in one line of text.

use zeitgeber_schemas::{
    ControlBody, DayAnalysed, Event, FeedbackNoted, FeedbackRecorded, ReadingAccepted,
    RhythmAnalysed,
};

use super::{reading::reading_text, time_text};
use crate::record::Parsed;

mod tasks;

/// One of a reward's units on its grid.
const GRID: f64 = 4_096.0;

/// What an event says, in one line; its input says the rest.
pub fn summary(event: &Event, input: &Parsed<'_>) -> String {
    match event {
        Event::SubjectOpened(opened) => format!("{} is known from here on", opened.user_id),
        Event::ReadingAccepted(accepted) => accepted_text(accepted, input),
        Event::DeadLettered(refused) => format!("{}: {}", refused.reason, refused.detail),
        Event::ProfileSet => profile_text(input),
        Event::ConfigurationSet => match input {
            Parsed::Configuration(body) => {
                format!("configuration {} with {} arms", body.version, body.arms.len())
            }
            _ => "configuration".into(),
        },
        Event::ControlSet => match input {
            Parsed::Control(order) => order_text(order),
            _ => "order".into(),
        },
        Event::ShadowDecided(shadow) => format!(
            "{} would have chosen {} with propensity {:.3} ({})",
            shadow.configuration, shadow.chosen, shadow.propensity, shadow.decision_id
        ),
        Event::DecisionWithheld(withheld) => {
            format!("not decided by {}: {} stopped", withheld.configuration, withheld.scope)
        }
        Event::RhythmAnalysed(analysed) => analysed_text(analysed),
        Event::DayAnalysed(day) => day_text(day),
        Event::DecisionMade(made) => format!(
            "{} chosen with propensity {:.3} of {} eligible, {} masked ({})",
            made.chosen,
            made.propensity,
            made.eligible.len(),
            made.masked.len(),
            made.decision_id
        ),
        Event::InterventionIssued(issued) => format!(
            "{} by {}, valid until {}",
            issued.arm,
            issued.channel,
            time_text(issued.valid_until_ms)
        ),
        Event::InterventionSuppressed(event) => format!("{}: {}", event.arm, event.reason),
        Event::FeedbackRecorded(recorded) => feedback_text(recorded),
        Event::FeedbackNoted(noted) => noted_text(noted),
        Event::FeedbackParked(parked) => {
            let until = time_text(parked.until_ms);
            format!("waits for decision {} until {until}", parked.decision_id)
        }
        Event::FeedbackOrphaned(event) => format!("{}: {}", event.feedback_id, event.detail),
        Event::OutcomeExpired(expired) => {
            let learnt = match expired.imputed {
                Some(reward) => format!("reward {} learnt instead", reward_value(reward)),
                None if expired.unshown => "never shown, left out".into(),
                None => "left out".into(),
            };
            format!("no outcome for {} ({}); {learnt}", expired.arm, expired.decision_id)
        }
        other => tasks::summary(other).unwrap_or_else(|| other.schema().to_string()),
    }
}

fn order_text(order: &ControlBody) -> String {
    match order.name.as_str() {
        "" => format!("{} {}", order.step, order.scope),
        name => format!("{} {} {name}", order.step, order.scope),
    }
}

/// A reward off its grid.
pub(super) fn reward_value(reward: i32) -> f64 {
    f64::from(reward) / GRID
}

fn accepted_text(accepted: &ReadingAccepted, input: &Parsed<'_>) -> String {
    let mut text = match input {
        Parsed::Reading(body) => reading_text(body),
        _ => String::from("reading"),
    };
    for field in accepted.dropped_fields.names() {
        text.push_str(&format!("; without {field}"));
    }
    if accepted.dropped_intervals > 0 {
        text.push_str(&format!("; without {} intervals", accepted.dropped_intervals));
    }
    for flag in accepted.flags.names() {
        text.push_str(&format!("; {flag}"));
    }
    text
}

fn profile_text(input: &Parsed<'_>) -> String {
    let Parsed::Profile(body) = input else {
        return "profile".into();
    };
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let zone = body.zone.clone().unwrap_or_else(|| format!("UTC{:+} min", body.offset_min));
    format!(
        "profile: {zone}, sleep {} to {}, channel {}",
        clock(body.sleep_start_min),
        clock(body.sleep_end_min),
        body.channel.as_deref().unwrap_or("none")
    )
}

fn analysed_text(analysed: &RhythmAnalysed) -> String {
    let composite = &analysed.composite;
    let vitality = composite.vitality.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
    let again = match analysed.revision {
        0 => String::new(),
        revision => format!(", revision {revision}"),
    };
    format!(
        "{} to {}{again}: vitality {vitality} (confidence {:.2}), sleepiness {:.1}",
        analysed.span,
        time_text(analysed.window_end_ms),
        composite.confidence,
        analysed.kss
    )
}

fn day_text(day: &DayAnalysed) -> String {
    let mut families: Vec<_> = day.families.iter().map(|found| found.family.as_str()).collect();
    families.dedup();
    let what =
        if families.is_empty() { "too little of anything".into() } else { families.join(", ") };
    let again = match day.revision {
        0 => String::new(),
        revision => format!(", revision {revision}"),
    };
    format!("day to {}{again}: {what}", time_text(day.day_end_ms))
}

fn noted_text(noted: &FeedbackNoted) -> String {
    let changes = match (noted.replaces, noted.stands) {
        (None, None) => "changes nothing".into(),
        (Some(old), None) => format!("reward {} taken back", reward_value(old)),
        (old, Some(new)) => {
            let before =
                old.map_or_else(String::new, |old| format!(" in place of {}", reward_value(old)));
            format!("reward {}{before}", reward_value(new))
        }
    };
    format!("{}: {changes} for {} ({})", noted.claim, noted.arm, noted.decision_id)
}

fn feedback_text(recorded: &FeedbackRecorded) -> String {
    let replaces = match recorded.replaces {
        Some(old) => format!(" in place of {}", reward_value(old)),
        None => String::new(),
    };
    format!(
        "{}: reward {}{replaces} for {} ({})",
        recorded.status,
        reward_value(recorded.reward),
        recorded.arm,
        recorded.decision_id
    )
}
