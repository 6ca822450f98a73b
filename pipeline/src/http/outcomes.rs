//! The answer to inputs: what became of each, in the order in which they came.
//!
//! A batch may hold a hundred thousand lines, nearly all of them accepted, so the text is appended
//! by hand; only words of others go through the JSON library.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header::CONTENT_TYPE};
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::{
    App, Kind, Problem, Sort,
    onward::{self, QUEUED, Queued},
};
use crate::{
    cycle::{Counts, LineOutcome, Told},
    ingest::Intake,
    telemetry::access,
};

/// Bytes that an accepted line takes in an answer.
const LINE_BYTES: usize = 40;

/// What became of the inputs of a request. All of them are durable.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outcomes {
    /// Inputs that count.
    accepted: u64,
    /// Inputs refused and kept as dead letters.
    rejected: u64,
    /// Exact repeats: they caused nothing.
    duplicate: u64,
    /// What all of them caused.
    counts: Caused,
    /// What became of each, in the order in which they came.
    outcomes: Vec<Outcome>,
    /// Up to which event of each partition the inputs reached: the next position, by partition.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    reached: (),
}

/// How many of what inputs caused, as `zeitgeber ingest` adds it up. What there is none of is left
/// out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(default)]
pub(super) struct Caused {
    /// Readings that count.
    accepted: u64,
    /// Inputs refused and kept as dead letters.
    refused: u64,
    /// Inputs that caused nothing: exact repeats.
    repeats: u64,
    /// Other inputs that count: profiles, feedback.
    others: u64,
    /// Inputs of pools of agents that count.
    commands: u64,
    /// Inputs that changed nothing and are not stored.
    idle: u64,
    /// Tasks given to an agent.
    assignments: u64,
    /// Tasks done.
    completions: u64,
    /// Events of every type.
    events: u64,
    /// Analyses, revisions included.
    analyses: u64,
    /// Analyses at local midnights, revisions included.
    midnights: u64,
    /// Decisions.
    decisions: u64,
    /// Interventions issued.
    interventions: u64,
    /// Rewards learnt or corrected.
    rewards: u64,
}

/// What became of one input.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Outcome {
    /// The line, or the place in the list, from 1.
    #[schema(minimum = 1)]
    line: u64,
    /// `accepted`, `rejected` or `duplicate`.
    #[schema(pattern = "^(accepted|rejected|duplicate)$")]
    outcome: String,
    /// Why it was refused.
    #[schema(nullable = false, required = false)]
    reason: Option<String>,
    /// What exactly is wrong.
    #[schema(nullable = false, required = false)]
    detail: Option<String>,
    /// Fields left out of an accepted reading.
    #[schema(required = false)]
    dropped_fields: Vec<String>,
    /// Intervals left out of an accepted reading.
    #[schema(required = false)]
    dropped_intervals: u32,
    /// Remarks on an accepted reading.
    #[schema(required = false)]
    flags: Vec<String>,
}

/// Whether a request that carries one input is told its refusal as a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// One input, as such.
    One,
    /// A list, however short.
    Many,
}

/// Hands an intake over and waits until it is durable, or kept by the bus that it is handed on to.
pub(super) async fn settle(app: &App, sort: Sort, intake: Intake) -> Result<Told, Problem> {
    if let Some(onward) = app.onward() {
        return onward::hand_on(app, onward, sort, intake).await;
    }
    let (sender, receiver) = oneshot::channel();
    let settled = move |told| drop(sender.send(told));
    app.engine().submit(intake, settled).map_err(|error| app.not_taken(error))?;
    access::settle(async {
        match app.within(receiver).await? {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(_)) | Err(_) => Err(app.gave_up().await),
        }
    })
    .await
}

/// The answer to inputs that are durable.
pub(super) fn answer(told: &Told, carries: Carries) -> Result<Response, Problem> {
    if let (Carries::One, [only]) = (carries, told.lines.as_slice())
        && only.outcome == "rejected"
    {
        return Err(refused(only));
    }
    if told.lines.first().is_some_and(|line| line.outcome == QUEUED) {
        return Ok(Queued::answer(told.lines.len()));
    }
    let mut response = text(told).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// The problem of the one input of a request, which a stage refused.
pub(super) fn refused(line: &LineOutcome) -> Problem {
    let kind = line.reason.map_or(Kind::Unprocessable, Kind::of);
    let reason = line.reason.map_or("refused", |reason| reason.as_str());
    let detail = line.detail.clone().unwrap_or_else(|| reason.to_owned());
    Problem::new(kind, detail).because(reason)
}

/// What became of the inputs, as JSON.
pub(super) fn text(told: &Told) -> Vec<u8> {
    let mut counts = [0_u64; 3];
    for line in &told.lines {
        counts[match line.outcome {
            "accepted" => 0,
            "rejected" => 1,
            _ => 2,
        }] += 1;
    }
    let mut out = Vec::with_capacity(LINE_BYTES * (told.lines.len() + 4));
    for (name, count) in ["{\"accepted\":", ",\"rejected\":", ",\"duplicate\":"].iter().zip(counts)
    {
        out.extend_from_slice(name.as_bytes());
        number(&mut out, count);
    }
    out.extend_from_slice(b",\"counts\":");
    caused(&mut out, &told.counts);
    out.extend_from_slice(b",\"outcomes\":[");
    for line in in_order(&told.lines) {
        outcome(&mut out, line);
        out.push(b',');
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(b"],\"reached\":{");
    let mut reached = told.reached.clone();
    reached.sort_unstable();
    for (n, (partition, position)) in reached.iter().enumerate() {
        out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        number(&mut out, u64::from(partition.0));
        out.extend_from_slice(b"\":");
        number(&mut out, *position);
    }
    out.extend_from_slice(b"}}");
    out
}

/// The counts that are not zero, as an object.
fn caused(out: &mut Vec<u8>, counts: &Counts) {
    out.push(b'{');
    for (n, (name, count)) in caused_by(counts).enumerate() {
        out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        number(out, count);
    }
    out.push(b'}');
}

/// What inputs caused, by name, as far as there is any.
pub(super) fn caused_by(counts: &Counts) -> impl Iterator<Item = (&'static str, u64)> {
    counts.named().filter(|(_, count)| *count > 0)
}

/// The outcomes by line. They come by partition, and each line has one.
fn in_order(lines: &[LineOutcome]) -> impl Iterator<Item = &LineOutcome> {
    let last = lines.iter().map(|line| line.line).max().unwrap_or(0);
    let mut places = vec![u32::MAX; usize::try_from(last).unwrap_or(0) + 1];
    for (line, place) in lines.iter().zip(0..) {
        places[line.line as usize] = place;
    }
    places.into_iter().filter_map(|place| lines.get(place as usize))
}

fn outcome(out: &mut Vec<u8>, line: &LineOutcome) {
    out.extend_from_slice(b"{\"line\":");
    number(out, line.line);
    out.extend_from_slice(b",\"outcome\":\"");
    out.extend_from_slice(line.outcome.as_bytes());
    out.push(b'"');
    if let Some(reason) = line.reason {
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(reason.as_str().as_bytes());
        out.push(b'"');
    }
    if let Some(detail) = &line.detail {
        out.extend_from_slice(b",\"detail\":");
        json(out, detail);
    }
    if !line.dropped_fields.is_empty() {
        out.extend_from_slice(b",\"dropped_fields\":");
        json(out, &line.dropped_fields);
    }
    if line.dropped_intervals > 0 {
        out.extend_from_slice(b",\"dropped_intervals\":");
        number(out, u64::from(line.dropped_intervals));
    }
    if !line.flags.is_empty() {
        out.extend_from_slice(b",\"flags\":");
        json(out, &line.flags);
    }
    out.push(b'}');
}

fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("texts are written to memory");
}

/// Appends a number in decimal.
fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use utoipa::PartialSchema;
    use zeitgeber_schemas::{PartitionId, Reason};

    fn line(n: u64, reason: Option<Reason>) -> LineOutcome {
        let refused = |reason| LineOutcome::refused(n, None, None, reason);
        let accepted = LineOutcome::of_events(n, None, None, &[]);
        reason.map_or(accepted, refused)
    }

    #[test]
    fn outcomes_stand_in_the_order_of_their_lines_whatever_partition_told_them_first() {
        let detail = Some("a \"quoted\" word".into());
        let told = Told {
            lines: vec![
                line(3, Some(Reason::Duplicate)),
                line(10, None),
                LineOutcome { detail, ..line(1, Some(Reason::NotJson)) },
                LineOutcome { flags: vec!["late"], dropped_intervals: 20, ..line(2, None) },
            ],
            counts: Counts { accepted: 2, refused: 1, repeats: 1, events: 12, ..Counts::default() },
            reached: vec![(PartitionId(12), 1_234_567_890_123), (PartitionId(3), 0)],
        };
        let read: serde_json::Value = serde_json::from_slice(&text(&told)).expect("it is JSON");
        assert_eq!(
            read,
            json!({
                "accepted": 2, "rejected": 1, "duplicate": 1,
                "counts": {"accepted": 2, "refused": 1, "repeats": 1, "events": 12},
                "outcomes": [
                    {"line": 1, "outcome": "rejected", "reason": "not_json",
                     "detail": "a \"quoted\" word"},
                    {"line": 2, "outcome": "accepted", "dropped_intervals": 20, "flags": ["late"]},
                    {"line": 3, "outcome": "duplicate", "reason": "duplicate"},
                    {"line": 10, "outcome": "accepted"},
                ],
                "reached": {"3": 0, "12": 1_234_567_890_123_u64},
            })
        );
        let none: serde_json::Value =
            serde_json::from_slice(&text(&Told::default())).expect("it is JSON");
        assert_eq!(none["outcomes"], json!([]));
        assert_eq!(none["counts"], json!({}));
    }

    #[test]
    fn every_count_that_an_answer_can_hold_is_documented_and_no_other() {
        // A request skips nothing, and shares its chunks with others.
        let never = ["skipped", "chunks", "bytes"];
        let counted = Counts::default();
        let told = counted.named().map(|(name, _)| name).filter(|name| !never.contains(name));
        let schema = serde_json::to_value(Caused::schema()).expect("a schema is JSON");
        let documented = schema["properties"].as_object().expect("an object's schema");
        let mut told: Vec<_> = told.collect();
        let mut documented: Vec<_> = documented.keys().map(String::as_str).collect();
        told.sort_unstable();
        documented.sort_unstable();
        assert_eq!(told, documented);
        assert!(schema.get("required").is_none(), "what there is none of is left out: {schema}");
    }
}
