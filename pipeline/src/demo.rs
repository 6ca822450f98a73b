//! The demo: the compiled-in sample played through everything, with simulated responses.
//!
//! The sample is a few days of 20 people's recordings with labelled dirt (`pipeline/sample`). No
//! recording says how people answered an intervention, so answers are simulated: each one is a
//! function of the decision's id and features alone, marked `simulated` in the log, and follows a
//! taste that only feedback reveals to the learner.

use std::{io::Read, sync::atomic::AtomicBool};

use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_schemas::{DecisionMade, FeedbackBody, FeedbackClaim, Response};

use crate::{
    cycle::{Announced, Counts, Source},
    door::{Options, Refusal, feedback::Feedback, profile},
    ingest::{Session, SessionError, now_ms},
};

pub(crate) mod fleet;
mod glimpse;
pub mod tasks;

pub use glimpse::{Days, Decided, last_decisions, movement_by_half_hour};

const READINGS: &[u8] = include_bytes!("../sample/readings.jsonl.zst");
const USERS: &[u8] = include_bytes!("../sample/users.json");
/// Lines played between two looks at new decisions.
const STEP_LINES: usize = 64;
/// How long a simulated person takes to answer, ms.
const ANSWER_MS: i64 = 20 * 60_000;

/// The sample's lines, without their ends.
pub fn sample_lines() -> Result<Vec<Vec<u8>>, String> {
    let mut text = Vec::new();
    zstd::Decoder::new(READINGS)
        .and_then(|mut decoder| decoder.read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(Into::into).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    Ok(lines)
}

/// The sample's people.
pub fn sample_profiles() -> Result<Vec<profile::Profile>, Box<Refusal>> {
    profile::profiles(USERS).into_iter().collect()
}

/// Why the demo stopped.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The compiled-in sample is not what it should be.
    #[error("the compiled-in sample cannot be read: {0}")]
    Sample(String),
    /// The log.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What was played.
#[derive(Debug, Clone, Copy)]
pub struct Played {
    /// Lines of the sample.
    pub lines: u64,
    /// Simulated answers.
    pub answers: u64,
}

/// Plays the sample into a session. `progress` hears lines played, of how many, and the counts.
pub fn play(
    session: &mut Session,
    stop: &AtomicBool,
    mut progress: impl FnMut(u64, u64, &Counts),
) -> Result<Played, DemoError> {
    let lines = sample_lines().map_err(DemoError::Sample)?;
    let profiles =
        sample_profiles().map_err(|refusal| DemoError::Sample(refusal.detail.clone()))?;
    for (profile, number) in profiles.iter().zip(1..) {
        session.take(|intake| intake.take_profile(number, profile))?;
    }
    session.settle()?;
    let hash = crate::record::raw_hash(READINGS);
    let source = Source { id: hash, name: "sample".into() };
    session.set_source(Some(source))?;
    let options = Options { backfill: false, door_now_ms: now_ms(), stamp_ms: None };
    let mut played = Played { lines: 0, answers: 0 };
    for step in lines.chunks(STEP_LINES) {
        for line in step {
            played.lines += 1;
            session.take(|intake| intake.reading_line(played.lines, line, &options))?;
        }
        session.settle()?;
        let mut decisions = session.take_announced();
        decisions.sort_by_key(|announced| announced.decision.decision_id);
        session.pause_source()?;
        for announced in decisions {
            if let Some(answer) = answer(&announced) {
                played.answers += 1;
                give(session, &announced, &answer)?;
            }
        }
        session.settle()?;
        session.resume_source();
        progress(played.lines, lines.len() as u64, session.counts());
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
    }
    session.set_source(None)?;
    Ok(played)
}

fn give(
    session: &mut Session,
    announced: &Announced,
    response: &Response,
) -> Result<(), SessionError> {
    let decision = &announced.decision;
    let at = decision.at_ms + ANSWER_MS;
    let id = format!("simulated-{}", decision.decision_id);
    let body = FeedbackBody {
        decision_id: decision.decision_id,
        response: response.clone(),
        corrects: None,
        simulated: true,
        user_id: Some(announced.user_id.clone()),
        claim: FeedbackClaim::Outcome,
    };
    let feedback = Feedback {
        tenant: announced.tenant.clone(),
        user_id: Some(announced.user_id.clone()),
        id,
        ts: at,
        recv_ts: Some(at),
        body,
    };
    session.take(|intake| intake.take_feedback(0, &feedback, &[]))
}

/// How a simulated person answers; one in five never does.
fn answer(announced: &Announced) -> Option<Response> {
    let decision = &announced.decision;
    let draw = draw(decision);
    if draw(1) < 0.2 {
        return None;
    }
    if announced.issued.is_none() {
        // Left alone: some measure moved a little, either way.
        return Some(Response::MeasuredChange(draw(2) * 2.0 - 1.2));
    }
    let taste = taste(decision);
    Some(match (draw(3) * 3.0) as u32 {
        0 => Response::Rating(f64::from((1.0 + 4.0 * taste * draw(4).sqrt()).round() as u32)),
        _ if draw(5) < taste => Response::Accepted,
        _ => Response::Dismissed,
    })
}

/// How much the simulated people like an arm, 0 to 1: more when they are sleepy for what wakes,
/// and always for breathing.
fn taste(decision: &DecisionMade) -> f64 {
    let feature = |i: usize| decision.features.get(i).map_or(0.0, |x| f64::from(*x) / 4096.0);
    let sleepiness = feature(3);
    let liking: f64 = match decision.chosen.as_str() {
        "bright_light" => 0.55 + 0.25 * sleepiness,
        "movement_break" => 0.6 - 0.15 * sleepiness,
        "nap" => 0.45 + 0.35 * sleepiness,
        "breathing" => 0.7,
        "wind_down" => 0.5 + 0.1 * sleepiness,
        "caffeine_cutoff" => 0.25,
        _ => 0.4,
    };
    liking.clamp(0.05, 0.95)
}

/// Uniform draws in 0..1 that depend on the decision's id and a number alone.
fn draw(decision: &DecisionMade) -> impl Fn(u8) -> f64 + use<> {
    let id = decision.decision_id.0.to_le_bytes();
    move |n| {
        let mut bytes = [n; 17];
        bytes[..16].copy_from_slice(&id);
        (xxh3_64(&bytes) >> 11) as f64 / (1u64 << 53) as f64
    }
}
