//! What became of a source's lines, as the log tells it after an interruption.

use std::ops::ControlFlow;

use zeitgeber_schemas::Event;

use super::{QueryError, Visit, Walk};
use crate::{
    cycle::LineOutcome,
    fold::envelope,
    journal::{Journal, ScanFrom},
    record::Parsed,
    store::Store,
};

/// The outcomes of those lines of a source for which `missing` holds, in no particular order. Each
/// line that the log covers comes once.
pub fn outcomes(
    store: &Store,
    source: &[u8; 16],
    missing: &dyn Fn(u64) -> bool,
) -> Result<Vec<LineOutcome>, QueryError> {
    let journal = store.journal();
    let mut found = repeats(&*journal, source, missing)?;
    Walk::start(&*journal)?.run(|met| {
        if is_from(met, source) && missing(met.entry.line) {
            found.push(outcome(met)?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Inputs that caused nothing stand in the chunk headers only.
fn repeats(
    journal: &dyn Journal,
    source: &[u8; 16],
    missing: &dyn Fn(u64) -> bool,
) -> Result<Vec<LineOutcome>, QueryError> {
    let mut found = Vec::new();
    let mut scan = journal.scan(ScanFrom::default())?;
    while let Some(chunk) = scan.next_chunk()? {
        let cursors = chunk.header.cursors.into_iter().filter(|cursor| cursor.source == *source);
        let repeats = cursors.flat_map(|cursor| cursor.repeats);
        found.extend(repeats.filter(|repeat| missing(repeat.line)).map(|repeat| {
            let reason = repeat.reason.unwrap_or(zeitgeber_schemas::Reason::Duplicate);
            LineOutcome::refused(repeat.line, repeat.user_id, repeat.kind, reason)
        }));
    }
    Ok(found)
}

fn is_from(met: &Visit<'_>, source: &[u8; 16]) -> bool {
    let index = (met.entry.source as usize).checked_sub(1);
    index
        .and_then(|index| met.header.cursors.get(index))
        .is_some_and(|cursor| cursor.source == *source)
}

fn outcome(met: &Visit<'_>) -> Result<LineOutcome, QueryError> {
    let entry = met.entry;
    let first = entry.events.clone().next();
    let first: Vec<Event> = first.iter().map(|event| met.event(event)).collect::<Result<_, _>>()?;
    let user_id = met.user_id();
    let parsed =
        Parsed::from_payload(entry.schema, entry.payload).map_err(|error| met.fault(error))?;
    let input = parsed.input(envelope(entry, user_id.as_deref().unwrap_or("")), entry.payload);
    Ok(LineOutcome::stored(entry.line, &input, &first))
}
