//! Fidelity of a log's decisions: read side by side, counted, judged.
//!
//! The counts and what they are judged by are in `processors/src/fidelity`; what is here reads them
//! out of a log. Decisions about pools of agents are left out.

use serde::Serialize;
use zeitgeber_processors::{
    fidelity::{FeatureDrift, Fidelity, Level, Monitor, VersionSigns},
    routing::features::FEATURE_VERSION,
};
use zeitgeber_schemas::{Event, PartitionId, SchemaId, wire::from_bytes};

use crate::{
    fold::{FoldError, join_hashes},
    journal::{EntryRef, Journal, ScanFrom, Tail},
    ope::Named,
    query::{
        QueryError, feature_name, hex,
        partitions::{Part, default_threads, fold_partitions},
    },
    whatif::Watch,
};

/// What a log's decisions look like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The log's id, hexadecimal.
    pub log_id: String,
    /// The joined heads of the partitions' chains, as `verify` prints them.
    pub head: String,
    /// Events read.
    pub events: u64,
    /// The worst of all signs that can be judged.
    pub level: Level,
    /// By policy version.
    pub versions: Vec<VersionSigns>,
    /// Drift of the context, newest week against what came before; none: too little of either.
    pub drift: Option<Vec<Named<FeatureDrift>>>,
    /// Decisions whose outcome may still come.
    pub awaited: u64,
}

struct Counted {
    tail: Tail,
    monitor: Monitor,
}

/// Judges the decisions of a whole log.
///
/// # Errors
///
/// The log cannot be read, or `watch` said to stop.
pub fn fidelity(journal: &dyn Journal, watch: Watch<'_>) -> Result<Report, QueryError> {
    let make = |partition: PartitionId| Counted {
        tail: journal.tail(partition),
        monitor: Monitor::default(),
    };
    let read = |part: &mut Counted, chunk: &mut Part<'_>| count(part, chunk, watch);
    let folded = fold_partitions(journal, ScanFrom::default(), default_threads(), make, read)?;
    let parts = folded.into_result()?;
    let head = hex(&join_hashes(parts.iter().map(|part| part.tail.head)));
    let events = parts.iter().map(|part| part.tail.next_position).sum();
    let mut all = Monitor::default();
    parts.into_iter().for_each(|part| all.merge(part.monitor));
    let Fidelity { level, versions, drift, awaited } = all.judge();
    let named = |of: FeatureDrift| Named { name: feature_name(FEATURE_VERSION, of.feature), of };
    Ok(Report {
        log_id: hex(&journal.layout().log_id),
        head,
        events,
        level,
        versions,
        drift: drift.map(|features| features.into_iter().map(named).collect()),
        awaited,
    })
}

fn count(part: &mut Counted, chunk: &mut Part<'_>, watch: Watch<'_>) -> Result<(), QueryError> {
    if !watch(u64::from(chunk.header.events)) {
        return Err(QueryError::Stopped);
    }
    if chunk.header.number >= part.tail.next_chunk {
        // A live writer appended it after the question was asked.
        return Ok(());
    }
    while let Some(entry) = chunk.entries.next() {
        let entry = entry.map_err(|error| chunk.fault(error))?;
        take(&mut part.monitor, &entry).map_err(|error| chunk.fault(error))?;
    }
    Ok(())
}

fn take(monitor: &mut Monitor, entry: &EntryRef<'_>) -> Result<(), FoldError> {
    if entry.schema.is_task_input() {
        return Ok(());
    }
    if entry.schema == SchemaId::Configuration && entry.seal == 0 {
        monitor.configuration(&from_bytes(entry.payload)?);
    }
    for stored in entry.events.clone().filter(|event| event.seal == 0) {
        let wanted = matches!(
            stored.schema,
            SchemaId::DecisionMade
                | SchemaId::FeedbackRecorded
                | SchemaId::FeedbackNoted
                | SchemaId::OutcomeExpired
        );
        if !wanted {
            continue;
        }
        match Event::from_payload(stored.schema, stored.payload)? {
            Event::DecisionMade(event) => monitor.decision(&event),
            Event::FeedbackRecorded(event) => {
                monitor.feedback(&event, entry.recv_ts.unwrap_or(entry.ts));
            }
            Event::FeedbackNoted(event) => {
                monitor.noted(&event, entry.recv_ts.unwrap_or(entry.ts));
            }
            Event::OutcomeExpired(event) => monitor.expired(&event),
            _ => {}
        }
    }
    Ok(())
}
