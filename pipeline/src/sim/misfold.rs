//! Recovery with a deliberate bug: the partitions' states folded from the log once more, wrongly.

use zeitgeber_processors::flow::State;
use zeitgeber_schemas::{Envelope, Event, SchemaId};

use super::mutation::Mutation;
use crate::{
    fold::{FoldError, envelope},
    journal::{EntryRef, ScanFrom},
    record::Parsed,
    state::Partition,
    store::{Store, StoreError},
};

/// The states that a recovery with this bug gives; none where the bug is elsewhere.
pub(super) fn misfold(store: &Store, bug: Mutation) -> Result<Option<Vec<Partition>>, StoreError> {
    let is_of_recovery = matches!(
        bug,
        Mutation::LastChunkNotFolded
            | Mutation::LastChunkFoldedTwice
            | Mutation::FeedbackNotFolded
            | Mutation::KnownIdsForgotten
            | Mutation::RefusalsForgotten
            | Mutation::EventsFoldedInReverse
            | Mutation::TicksNotFolded
    );
    if !is_of_recovery {
        return Ok(None);
    }
    let mut states: Vec<State> = store.partitions().map(State::initial).collect();
    let tails = store.tails();
    let mut scan = store.scan(ScanFrom::default())?;
    while let Some(chunk) = scan.next_chunk()? {
        let index = usize::from(chunk.header.partition.0);
        let is_last = chunk.header.number + 1 == tails[index].next_chunk;
        let times = match bug {
            Mutation::LastChunkNotFolded if is_last => 0,
            Mutation::LastChunkFoldedTwice if is_last => 2,
            _ => 1,
        };
        for _ in 0..times {
            for entry in chunk.entries() {
                entry
                    .map_err(FoldError::from)
                    .and_then(|entry| fold(&mut states[index], &entry, bug))
                    .map_err(|source| StoreError::Fold { place: chunk.place, source })?;
            }
        }
    }
    Ok(Some(states.into_iter().map(Partition::from).collect()))
}

fn fold(state: &mut State, entry: &EntryRef<'_>, bug: Mutation) -> Result<(), FoldError> {
    let is_tick = matches!(entry.schema, SchemaId::PersonTick | SchemaId::Tick);
    if is_tick && bug == Mutation::TicksNotFolded {
        return Ok(());
    }
    let parsed = Parsed::from_payload(entry.schema, entry.payload)?;
    let known = envelope(entry, "");
    let id = if bug == Mutation::KnownIdsForgotten { "forgotten" } else { known.id };
    let input = parsed.input(Envelope { id, ..known }, entry.payload);
    let hash = entry.raw.as_ref().map_or([0; 16], |raw| raw.hash);
    let stored = entry.events.clone();
    let events: Result<Vec<Event>, _> =
        stored.map(|event| Event::from_payload(event.schema, event.payload)).collect();
    let mut events = events?;
    match bug {
        Mutation::EventsFoldedInReverse => events.reverse(),
        Mutation::FeedbackNotFolded => events.retain(|event| {
            !matches!(event, Event::FeedbackRecorded(_) | Event::OutcomeExpired(_))
        }),
        Mutation::RefusalsForgotten => {
            events.retain(|event| !matches!(event, Event::DeadLettered(_)));
        }
        _ => {}
    }
    for event in &events {
        state.apply(entry.subject, &input, event, || hash);
    }
    Ok(())
}
