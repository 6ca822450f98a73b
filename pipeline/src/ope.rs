//! Anyone's log of decisions, evaluated off policy: what a candidate would have earned.
//!
//! The log is a table of text or JSON lines ([`fields`]); the candidate is a document
//! ([`candidate`]). The log is read three times and never held: for the names of its arms and
//! segments, for the outcome model, and to be weighed. Arms and segments are numbered by name, so
//! that the order of the lines changes nothing that is told.

pub mod candidate;
pub mod fields;
mod named;

use std::path::Path;

use serde::Serialize;
use zeitgeber_processors::evaluation::{
    Answer, ArmShare, Driver, Evaluation, Outcomes, Row, RowFault, SegmentShare, Settings, Verdict,
    Weighing, Weights, diagnostics::Finding, fold_of,
};

use crate::analyze::recording::RecordingError;
use candidate::{Candidate, CandidateError};
use fields::{LogRows, Logged, Open};
use named::Names;

/// Folds of the outcome model.
const FOLDS: u32 = 5;

/// Why a log cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum OpeError {
    /// It cannot be read, or a row of it cannot be right.
    #[error(transparent)]
    Log(#[from] RecordingError),
    /// The candidate cannot be right.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// A decision is in the log twice.
    #[error(
        "{log}: decision {id:?} is in it twice: leave repeats out, and corrected rewards in the row \
         of their decision"
    )]
    Twice {
        /// The log.
        log: String,
        /// The decision.
        id: String,
    },
}

/// A candidate, evaluated on a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The log.
    pub log: String,
    /// BLAKE3 of its bytes, cut to 16 bytes, in hexadecimal; none of what is no file.
    pub log_blake3: Option<String>,
    /// The candidate in words.
    pub candidate: String,
    /// BLAKE3 of the candidate's document, cut to 16 bytes.
    pub candidate_blake3: String,
    /// Seed of the bootstrap.
    pub seed: i64,
    /// Bootstrap resamples.
    pub resamples: u32,
    /// Whether each row counted as a person of its own, as no column names persons.
    pub rows_are_persons: bool,
    /// What the evaluation says.
    #[serde(flatten)]
    pub valuation: Valuation,
}

/// What an evaluation says, with arms and segments by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Valuation {
    /// Decisions, with and without feedback.
    pub rows: u64,
    /// Persons.
    pub persons: usize,
    /// What to do.
    pub verdict: Verdict,
    /// Numbers, or why there are none.
    pub answer: Answer,
    /// The checks, those that refuse first.
    pub findings: Vec<Finding>,
    /// The weights.
    pub weights: Weights,
    /// By arm.
    pub arms: Vec<Named<ArmShare>>,
    /// By segment.
    pub segments: Vec<Named<SegmentShare>>,
    /// The decisions that drive the result.
    pub drivers: Vec<Named<Driver>>,
}

/// Something that is said of an arm or a segment, with its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named<T> {
    /// The name in the log.
    pub name: String,
    /// What is said.
    #[serde(flatten)]
    pub of: T,
}

/// Evaluates a candidate on a log; `columns` are pairs of what a column holds and its own name.
///
/// # Errors
///
/// The log or the candidate cannot be read, a row cannot be right, or a decision is logged twice.
pub fn evaluate(
    log: &Path,
    candidate: &Candidate,
    columns: &[(String, String)],
    settings: &Settings,
) -> Result<Report, OpeError> {
    let open = Open { path: log, columns, candidate: candidate.column() };
    let names = Names::of(&mut open.rows()?)?;
    candidate.check(&names)?;
    let (arms, segments) = (names.arms.len(), names.segments.len());
    let mut outcomes = Outcomes::table(arms, segments, FOLDS, settings.missing);
    let mut buffer = Buffer::default();
    each(&open, &names, candidate, &mut buffer, |row| outcomes.learn(row))?;
    let mut weighing = Weighing::new(&outcomes, *settings);
    let rows = each(&open, &names, candidate, &mut buffer, |row| weighing.feed(row))?;
    let twice = |id: &str| OpeError::Twice { log: rows.name().to_owned(), id: id.to_owned() };
    let found = weighing.finish().map_err(|duplicate| twice(&duplicate.0))?;
    Ok(report(&rows, &names, candidate, settings, found))
}

fn report(
    rows: &LogRows,
    names: &Names,
    candidate: &Candidate,
    settings: &Settings,
    found: Evaluation,
) -> Report {
    Report {
        log: rows.name().to_owned(),
        log_blake3: rows.hash().map(|hash| hex(&hash)),
        candidate: candidate.to_string(),
        candidate_blake3: candidate.blake3().to_owned(),
        seed: settings.seed,
        resamples: settings.replicates,
        rows_are_persons: !rows.has_persons(),
        valuation: Valuation::of(found, &names.arms, &names.segments),
    }
}

impl Valuation {
    /// Names what an evaluation numbers.
    pub fn of(found: Evaluation, arms: &[String], segments: &[String]) -> Self {
        let verdict = found.verdict();
        let arm = |at: u32| arms[at as usize].clone();
        let segment = |at: u32| segments[at as usize].clone();
        let drivers = found.drivers.into_iter();
        let shares = found.segments.into_iter();
        Self {
            rows: found.rows,
            persons: found.persons,
            verdict,
            answer: found.answer,
            findings: found.findings,
            weights: found.weights,
            arms: found.arms.into_iter().map(|of| Named { name: arm(of.arm), of }).collect(),
            segments: shares.map(|of| Named { name: segment(of.segment), of }).collect(),
            drivers: drivers.map(|of| Named { name: arm(of.arm), of }).collect(),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row's numbers, used again for the next.
#[derive(Debug, Default)]
struct Buffer {
    eligible: Vec<u32>,
    propensities: Vec<f64>,
    target: Vec<f64>,
}

/// Reads the log from its beginning and hands on each row.
fn each(
    open: &Open<'_>,
    names: &Names,
    candidate: &Candidate,
    buffer: &mut Buffer,
    mut what: impl FnMut(&Row<'_>) -> Result<(), RowFault>,
) -> Result<LogRows, OpeError> {
    let mut rows = open.rows()?;
    let name = rows.name().to_owned();
    while let Some(logged) = rows.next()? {
        let fault = |what: String| fields::row_error(&name, logged.line, what);
        let whole = names.logged(&logged, buffer).map_err(fault)?;
        let Logged { id, person, at_ms, reward, candidate: choice, .. } = &logged;
        candidate
            .probabilities(
                names,
                &buffer.eligible,
                &logged.segment,
                choice.as_ref(),
                &mut buffer.target,
            )
            .map_err(fault)?;
        let row = Row {
            id,
            person,
            at_ms: *at_ms,
            segment: whole.segment,
            eligible: &buffer.eligible,
            chosen: whole.chosen,
            propensity: whole.propensity,
            propensities: whole.has_propensities.then_some(buffer.propensities.as_slice()),
            reward: *reward,
            x: &[],
            fold: fold_of(person, FOLDS),
            target: &buffer.target,
        };
        what(&row).map_err(|found| fault(found.what().into()))?;
    }
    Ok(rows)
}
