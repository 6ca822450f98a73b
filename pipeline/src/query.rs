//! Folds for people: what the command line asks of a log.
//!
//! Every answer streams over stored chunks and keeps only what it needs; none changes the log.
//! Folding is done here, so that the command line renders and nothing else.

mod dead_letters;
mod events;
mod explain;
mod export;
mod fleet;
mod moment;
mod names;
mod outcomes;
pub(crate) mod partitions;
mod policy;
mod pools;
mod reading;
mod replay;
mod report;
mod scope;
mod status;
mod summary;
mod task_history;
mod topic;
mod verify;
mod walk;

use strsim::jaro_winkler;
use zeitgeber_schemas::{DecisionId, PartitionId};

pub use dead_letters::{
    DeadLetter, DeadLetterFilter, DeadLetters, dead_letters, dead_letters_behind,
};
pub use events::{EventFilter, EventRow, Last, Start, event_rows, events, last_events};
pub(crate) use explain::feature_name;
pub use explain::{
    Explanation, Feature, FeedbackTaken, PersonDecision, ReadingsUsed, Submitted, TaskDecision,
    explain,
};
pub use export::{AvroExport, event_types, export_avro};
pub use fleet::{Assignment, Numbers, PoolView, TaskRow};
pub use moment::{
    Moment, MomentError, ParsePositionError, Position, Positions, parse_time, time_text,
};
pub use names::{Names, Subject};
pub use outcomes::outcomes;
pub use policy::{PolicyView, VersionView, policies, policy_of};
pub use pools::{pool, pools};
pub use replay::{Rebuilt, Until, replay};
pub use report::{Range, report};
pub use scope::{EventPage, Scope};
pub use status::{Analysis, DecisionSeen, Status, status, status_of};
pub use summary::summary;
pub use task_history::{PoolPlace, TaskHistory, task_history};
pub use topic::{ParseTopicError, Topic};
pub use verify::{Verified, verify};
pub use walk::{Visit, Walk};

use crate::{
    fold::{Divergence, FoldError},
    journal::{Place, ReadError, SeekError},
    store::StoreError,
};

/// How alike two ids must be to be offered for each other (Jaro-Winkler).
const ALIKE: f64 = 0.75;
/// How many ids are offered.
const OFFERED: usize = 3;

/// Why a question about a log has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The data directory could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log could not be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such position.
    #[error(transparent)]
    Seek(#[from] SeekError),
    /// A stored entry could not be read.
    #[error("could not fold the chunk at {place}: {source}")]
    Entry {
        /// Where the chunk stands.
        place: Place,
        /// Why.
        source: FoldError,
    },
    /// Deciding again gave another event than the stored one.
    #[error("the chunk at {place} does not follow from its inputs: {divergence}")]
    Diverged {
        /// Where the chunk stands.
        place: Place,
        /// The first event that differs.
        divergence: Box<Divergence>,
    },
    /// A chunk holds another number of events than its header says.
    #[error("the chunk at {place} holds {found} events, its header says {expected}")]
    EventCount {
        /// Where the chunk stands.
        place: Place,
        /// Events that its header counts.
        expected: u32,
        /// Events that it holds.
        found: u64,
    },
    /// The last chunk of a partition is not the one that the journal names.
    #[error(
        "the last chunk of partition {partition}, at {place}, is not the one that was appended"
    )]
    Head {
        /// The partition.
        partition: PartitionId,
        /// Where the chunk stands.
        place: Place,
    },
    /// A scan ended before a partition's last chunk.
    #[error(
        "partition {partition} ends before chunk {missing}, which was there when the log was opened"
    )]
    Short {
        /// The partition.
        partition: PartitionId,
        /// The first chunk that did not come.
        missing: u64,
    },
    /// Somebody asked to stop before the log was read.
    #[error("stopped before the log was read to its end")]
    Stopped,
    /// Nobody of this id in the log.
    #[error("nobody called {user} in this log{}", offer(nearest))]
    UnknownUser {
        /// The id asked for.
        user: String,
        /// Ids like it.
        nearest: Vec<String>,
    },
    /// No decision of this id in the log.
    #[error(
        "no decision {id} in this log: `zeitgeber events --type decision_made --json` lists them"
    )]
    UnknownDecision {
        /// The id, or its beginning, asked for.
        id: String,
    },
    /// Text that cannot begin a decision's id.
    #[error("{id:?} does not begin a decision id: give at least 4 of its 32 hexadecimal digits")]
    NotADecisionId {
        /// The text.
        id: String,
    },
    /// Several decisions begin with these digits.
    #[error("{id} begins several decisions: {}; give more digits", listed(found))]
    AmbiguousDecision {
        /// The beginning asked for.
        id: String,
        /// Some of the decisions.
        found: Vec<DecisionId>,
    },
    /// A payload could not be exported as Avro.
    #[error("could not write Avro: {0}")]
    Avro(#[source] Box<apache_avro::Error>),
    /// An answer could not be written.
    #[error("could not write the answer: {0}")]
    Output(#[from] std::io::Error),
    /// A state could not be serialised for its digest.
    #[error("could not serialise a state: {0}")]
    Encode(#[from] postcard::Error),
}

impl From<apache_avro::Error> for QueryError {
    fn from(error: apache_avro::Error) -> Self {
        Self::Avro(Box::new(error))
    }
}

fn offer(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", nearest.join(", "))
}

fn listed(found: &[DecisionId]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The error for an unknown person, with the ids that are most like theirs.
pub(crate) fn unknown_user<'a>(user: &str, known: impl IntoIterator<Item = &'a str>) -> QueryError {
    let mut alike: Vec<(f64, &str)> = known
        .into_iter()
        .map(|id| (jaro_winkler(user, id), id))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    alike.dedup_by(|a, b| a.1 == b.1);
    let nearest = alike.into_iter().take(OFFERED).map(|(_, id)| id.to_owned()).collect();
    QueryError::UnknownUser { user: user.to_owned(), nearest }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
