//! Verification: frames, chain, and every event decided again from its recorded input.
//!
//! Chunks of another version of the deciding code are folded and counted as not decided again.
//! After a payload that is sealed its partition's state is not known any more, so from there on
//! its inputs are only hashed and counted. Neither is ever taken for a divergence.

use serde::{Deserialize, Serialize};
use zeitgeber_processors::flow::{DECIDE_VERSION, State};
use zeitgeber_schemas::PartitionId;

use super::{
    QueryError, hex,
    partitions::{Part, default_threads, fold_partitions},
};
use crate::{
    fold::{Fold, join_hashes},
    journal::{EntryRef, Journal, ScanFrom, Tail},
    record::digest_entry,
};

/// What a verification found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verified {
    /// Whether everything holds.
    pub ok: bool,
    /// The joined heads of the partitions' chains, hexadecimal.
    pub head: String,
    /// Digest of inputs and events in canonical form, hexadecimal; none where something is wrong.
    pub digest: Option<String>,
    /// Chunks met.
    pub chunks: u64,
    /// Inputs met.
    pub inputs: u64,
    /// Events met.
    pub events: u64,
    /// Inputs decided again, all their events compared.
    pub rerun: u64,
    /// Inputs folded or hashed only.
    pub not_rerun: u64,
    /// The first thing that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

struct Checked {
    fold: Fold,
    hasher: blake3::Hasher,
    scratch: Vec<u8>,
    tail: Tail,
    chunks: u64,
    inputs: u64,
    events: u64,
    rerun: u64,
    sealed: bool,
}

/// Verifies what the log held when it was opened.
///
/// # Errors
///
/// Only where the log cannot be scanned at all; what is wrong inside it is part of the answer.
pub fn verify(journal: &dyn Journal) -> Result<Verified, QueryError> {
    let make = |partition: PartitionId| Checked {
        fold: Fold::resume(State::initial(partition), 0),
        hasher: blake3::Hasher::new(),
        scratch: Vec::new(),
        tail: journal.tail(partition),
        chunks: 0,
        inputs: 0,
        events: 0,
        rerun: 0,
        sealed: false,
    };
    let from = ScanFrom { check_hashes: true, ..ScanFrom::default() };
    let folded = fold_partitions(journal, from, default_threads(), make, check_chunk)?;
    let parts = &folded.parts;
    let fault = folded.fault.or_else(|| parts.iter().find_map(short));
    let sum = |count: fn(&Checked) -> u64| parts.iter().map(count).sum::<u64>();
    let (inputs, rerun) = (sum(|part| part.inputs), sum(|part| part.rerun));
    let digests = parts.iter().map(|part| *part.hasher.finalize().as_bytes());
    Ok(Verified {
        ok: fault.is_none(),
        head: hex(&join_hashes(parts.iter().map(|part| part.tail.head))),
        digest: fault.is_none().then(|| hex(&join_hashes(digests))),
        chunks: sum(|part| part.chunks),
        inputs,
        events: sum(|part| part.events),
        rerun,
        not_rerun: inputs - rerun,
        error: fault.map(|fault| fault.to_string()),
    })
}

fn short(part: &Checked) -> Option<QueryError> {
    let partition = part.fold.state().partition();
    (part.chunks < part.tail.next_chunk)
        .then_some(QueryError::Short { partition, missing: part.chunks })
}

fn check_chunk(part: &mut Checked, chunk: &mut Part<'_>) -> Result<(), QueryError> {
    let (header, place) = (&chunk.header, chunk.place);
    if header.number >= part.tail.next_chunk {
        // A live writer appended it after the log was opened.
        return Ok(());
    }
    let is_last = header.number + 1 == part.tail.next_chunk;
    if is_last && *blake3::hash(chunk.bytes).as_bytes() != part.tail.head {
        return Err(QueryError::Head { partition: header.partition, place });
    }
    let decide = header.decide_version == DECIDE_VERSION;
    let expected = header.events;
    let before = part.events;
    while let Some(entry) = chunk.entries.next() {
        let entry = entry.map_err(|error| chunk.fault(error))?;
        check_entry(part, chunk, &entry, decide)?;
    }
    let found = part.events - before;
    if found != u64::from(expected) {
        return Err(QueryError::EventCount { place, expected, found });
    }
    part.chunks += 1;
    Ok(())
}

fn check_entry(
    part: &mut Checked,
    chunk: &Part<'_>,
    entry: &EntryRef<'_>,
    decide: bool,
) -> Result<(), QueryError> {
    digest_entry(entry, &mut part.scratch, &mut part.hasher);
    part.inputs += 1;
    part.events += entry.events.clone().count() as u64;
    part.sealed |= entry.seal != 0 || entry.events.clone().any(|event| event.seal != 0);
    if part.sealed {
        return Ok(());
    }
    if !decide {
        return part.fold.apply(entry).map_err(|error| chunk.fault(error));
    }
    part.rerun += 1;
    match part.fold.verify(entry).map_err(|error| chunk.fault(error))? {
        None => Ok(()),
        Some(divergence) => {
            Err(QueryError::Diverged { place: chunk.place, divergence: Box::new(divergence) })
        }
    }
}
