//! What if: the decisions of a log made again by a candidate configuration, compared and valued.
//!
//! The log is read once, its partitions side by side; each is a
//! [`Replay`](zeitgeber_processors::whatif::Replay) of its own, as learners belong to partitions.
//! What is compared is added up while it is read. What is valued off policy
//! needs every outcome, so decisions are kept, packed, until the log ends: some 400 bytes a decision
//! at the height of it. The rules are in `processors/src/whatif`; `docs/whatif.md` says what is held
//! fixed.

mod change;
mod html;
mod pictures;
mod read;

use serde::Serialize;
use zeitgeber_processors::{
    evaluation::{Missing, Settings},
    whatif::{Cause, Flips, Hour, PersonFlips, RowsFault, Turn, evaluate},
};
use zeitgeber_schemas::{self as schemas, ConfigurationBody, DecisionId, PartitionId, wire};

pub use change::Change;
pub use html::html;
pub use pictures::page as pictures;

use self::read::Reading;
use crate::{
    fold::join_hashes,
    journal::{Journal, ScanFrom},
    ope::Valuation,
    query::{
        QueryError, Range, hex,
        partitions::{Part, default_threads, fold_partitions},
    },
};

/// Persons who are told by name.
const PEOPLE_TOLD: usize = 20;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The candidate.
    pub candidate: ConfigurationBody,
    /// Which decisions, by when they were made.
    pub range: Range,
    /// Only this person's, by person key.
    pub person: Option<String>,
    /// How their value is estimated.
    pub settings: Settings,
    /// What a decision without feedback counts as; none: as the log's last configuration has it.
    pub missing: Option<Missing>,
}

/// Is told how many events more were read, and says whether to go on.
pub type Watch<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The log cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing to compare.
    #[error(
        "no decision of this log is within what was asked for; `zeitgeber events --type \
         decision_made` lists them"
    )]
    Nothing,
    /// A decision cannot be right as it is logged.
    #[error("decision {id} cannot be weighed: {what}")]
    Row {
        /// The decision.
        id: DecisionId,
        /// What is wrong.
        what: &'static str,
    },
    /// A decision is in the log twice.
    #[error("decision {0} is in the log twice")]
    Twice(String),
}

/// A candidate beside what a log decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was read.
    pub log: LogSeen,
    /// What was asked about.
    pub candidate: CandidateSeen,
    /// Seed of the bootstrap.
    pub seed: i64,
    /// Bootstrap resamples.
    pub resamples: u32,
    /// Whether a decision without feedback counts as reward 0; it is left out otherwise.
    pub missing_is_zero: bool,
    /// What turned.
    pub flips: FlipsTold,
    /// Decisions not valued, as their outcome may still come.
    pub awaited: u64,
    /// What the candidate is worth, off policy. Segments are hours of people's local day.
    pub value: Valuation,
}

/// The log that was read: the same head, range, candidate and seed give the same report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSeen {
    /// Its id, hexadecimal.
    pub log_id: String,
    /// The joined heads of the partitions' chains, as `verify` prints them.
    pub head: String,
    /// Partitions.
    pub partitions: u16,
    /// Events read.
    pub events: u64,
    /// Decisions from this instant on, ms UTC; none: from the first.
    pub from_ms: Option<i64>,
    /// Decisions before this instant, ms UTC; none: to the last.
    pub until_ms: Option<i64>,
    /// Only this person's.
    pub person: Option<String>,
    /// When the first decision compared was made, ms UTC.
    pub first_ms: i64,
    /// When the last was, ms UTC.
    pub last_ms: i64,
    /// The configurations that made the decisions, with how many.
    pub configurations: Vec<(String, u64)>,
}

/// The candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateSeen {
    /// Its `decisions.version`.
    pub version: String,
    /// BLAKE3 of its canonical bytes, cut to 16, hexadecimal.
    pub blake3: String,
    /// Where it differs from the log's last configuration.
    pub changes: Vec<Change>,
}

/// What turned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlipsTold {
    /// Decisions compared.
    pub decisions: u64,
    /// Decisions that could not be made again, as a person or an analysis is not readable.
    pub not_remade: u64,
    /// Decisions in which the same draw chooses another arm.
    pub flips: u64,
    /// Decisions in which another arm is preferred.
    pub preferred: u64,
    /// Decisions in which other arms are eligible.
    pub eligibility: u64,
    /// Decisions in which any probability differs.
    pub changed: u64,
    /// Mean total variation between both distributions.
    pub moved: f64,
    /// Why decisions turned, with how many.
    pub causes: Vec<(Cause, u64)>,
    /// From arm to arm, the most frequent first.
    pub turns: Vec<Turn>,
    /// By hour of the local day.
    pub hours: Vec<Hour>,
    /// Persons whose decisions were compared.
    pub persons: usize,
    /// Those of them with a decision that turned.
    pub persons_flipped: usize,
    /// The persons with the most decisions that turned.
    pub people: Vec<PersonFlips>,
}

/// How many events a question is to read at most: what [`Watch`] adds up to.
pub fn events_of(journal: &dyn Journal) -> u64 {
    let partitions = (0..journal.layout().partitions).map(PartitionId);
    partitions.map(|partition| journal.tail(partition).next_position).sum()
}

/// Makes a log's decisions again under a candidate.
///
/// # Errors
///
/// The log cannot be read or holds nothing of what is asked, a decision cannot be right, or `watch`
/// said to stop.
pub fn what_if(
    journal: &dyn Journal,
    question: &Question,
    watch: Watch<'_>,
) -> Result<Report, WhatIfError> {
    let make = |partition| Reading::new(journal.tail(partition), partition, question);
    let read = |part: &mut Reading, chunk: &mut Part<'_>| part.chunk(chunk, question, watch);
    let folded = fold_partitions(journal, ScanFrom::default(), default_threads(), make, read)?;
    let parts = folded.into_result()?;
    let newest = parts.iter().filter_map(|part| part.configuration.as_ref());
    let incumbent = newest.max_by_key(|(at_ms, _)| *at_ms).map(|(_, body)| body.clone());
    let imputes = |body: &ConfigurationBody| body.feedback.missing == schemas::Missing::ImputeZero;
    let missing = question.missing.unwrap_or_else(|| match &incumbent {
        Some(body) if imputes(body) => Missing::Zero,
        _ => Missing::Drop,
    });
    let log = seen(journal, question, &parts).ok_or(WhatIfError::Nothing)?;
    let (mut flips, mut rows, mut not_remade) = (Flips::default(), Vec::new(), 0);
    for part in parts {
        flips.merge(part.flips);
        rows.push(part.rows);
        not_remade += part.not_remade;
    }
    let settings = Settings { missing, ..question.settings };
    let found = evaluate(rows, &settings, &|| watch(0)).map_err(|fault| match fault {
        RowsFault::Row { id, what } => WhatIfError::Row { id, what },
        RowsFault::Twice(id) => WhatIfError::Twice(id),
        RowsFault::Stopped => QueryError::Stopped.into(),
    })?;
    let hours: Vec<String> = (0..24).map(|hour| format!("{hour:02}:00")).collect();
    let candidate = &question.candidate;
    Ok(Report {
        log,
        candidate: CandidateSeen {
            version: candidate.version.clone(),
            blake3: hex(&blake3::hash(&wire::to_bytes(candidate)).as_bytes()[..16]),
            changes: incumbent.map_or_else(Vec::new, |body| change::between(&body, candidate)),
        },
        seed: settings.seed,
        resamples: settings.replicates,
        missing_is_zero: missing == Missing::Zero,
        flips: FlipsTold::of(&flips, not_remade),
        awaited: found.awaited,
        value: Valuation::of(found.evaluation, &found.arms, &hours),
    })
}

/// What was read; none where no decision was compared.
fn seen(journal: &dyn Journal, question: &Question, parts: &[Reading]) -> Option<LogSeen> {
    let mut configurations = std::collections::BTreeMap::new();
    for (version, count) in parts.iter().flat_map(|part| &part.versions) {
        *configurations.entry(version.clone()).or_default() += count;
    }
    let (all, range) = (Range::default(), question.range);
    let layout = journal.layout();
    Some(LogSeen {
        log_id: hex(&layout.log_id),
        head: hex(&join_hashes(parts.iter().map(|part| part.tail.head))),
        partitions: layout.partitions,
        events: parts.iter().map(|part| part.tail.next_position).sum(),
        from_ms: (range.from_ms != all.from_ms).then_some(range.from_ms),
        until_ms: (range.to_ms != all.to_ms).then_some(range.to_ms),
        person: question.person.clone(),
        first_ms: parts.iter().filter_map(|part| part.span).map(|(first, _)| first).min()?,
        last_ms: parts.iter().filter_map(|part| part.span).map(|(_, last)| last).max()?,
        configurations: configurations.into_iter().collect(),
    })
}

impl FlipsTold {
    fn of(flips: &Flips, not_remade: u64) -> Self {
        let (persons, persons_flipped) = flips.persons();
        Self {
            decisions: flips.decisions,
            not_remade,
            flips: flips.flips,
            preferred: flips.preferred,
            eligibility: flips.eligibility,
            changed: flips.changed,
            moved: flips.moved(),
            causes: flips.causes().collect(),
            turns: flips.turns(),
            hours: flips.hours(),
            persons,
            persons_flipped,
            people: flips.people(PEOPLE_TOLD),
        }
    }
}
