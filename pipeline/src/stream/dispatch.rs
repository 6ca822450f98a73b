//! From a stored chunk to the queues of those who want its events.
//!
//! An entry is decoded no further than its envelope and the schemas of its events unless somebody
//! wants one of them; each wanted event is rendered once, however many get it.

use std::sync::{Arc, RwLock};

use zeitgeber_schemas::{SchemaId, person_key};

use super::{
    filter::{About, Topics},
    frame::{Frame, Spot},
    registry::Registry,
};
use crate::{
    fold::opened_name,
    journal::{EntryRef, StoredChunk, refused_user},
    query::{Names, QueryError, Subject, Visit, event_rows},
};

/// The names of everybody, shared by all readers.
pub(super) type SharedNames = RwLock<Names>;

/// Offers a chunk's events to all who want them; how many frames went into queues.
pub(super) fn dispatch(
    chunk: &StoredChunk<'_>,
    names: &SharedNames,
    registry: &mut Registry,
) -> Result<u64, QueryError> {
    let place = chunk.place;
    let mut first = chunk.header.first_position;
    let mut reached = 0;
    for entry in chunk.entries() {
        let fault = |source| QueryError::Entry { place, source };
        let entry = entry.map_err(|error| fault(error.into()))?;
        // Nothing else introduces anybody.
        let may_open = matches!(entry.schema, SchemaId::Profile | SchemaId::Pool | SchemaId::Agent);
        if may_open && entry.seal == 0 {
            learn(chunk, &entry, names)?;
        }
        let (mut topics, mut events) = (Topics::default(), 0);
        for event in entry.events.clone() {
            topics = topics.and(Topics::of(event.schema));
            events += 1;
        }
        // A pass may begin within a chunk whose beginning is rendered in vain.
        let last = Spot { place, n: (first + events).saturating_sub(1) };
        if registry.topics().meets(topics) && registry.reaches(last) {
            reached += offer(chunk, &entry, first, topics, names, registry)?;
        }
        first += events;
    }
    Ok(reached)
}

/// Takes in the name that an entry introduces, if it does.
fn learn(
    chunk: &StoredChunk<'_>,
    entry: &EntryRef<'_>,
    names: &SharedNames,
) -> Result<(), QueryError> {
    let partition = chunk.header.partition;
    let fault = |source| QueryError::Entry { place: chunk.place, source };
    let Some(user_id) = opened_name(entry).map_err(|error| fault(error.into()))? else {
        return Ok(());
    };
    let known = names.read().expect("nothing panics while the names are held");
    let is_known = known.get(partition, entry.schema, entry.subject).is_some();
    drop(known);
    if !is_known {
        let name = Subject { tenant: entry.tenant.into(), user_id };
        let mut names = names.write().expect("nothing panics while the names are held");
        names.insert(partition, entry.schema, entry.subject, name);
    }
    Ok(())
}

fn offer(
    chunk: &StoredChunk<'_>,
    entry: &EntryRef<'_>,
    first: u64,
    topics: Topics,
    names: &SharedNames,
    registry: &mut Registry,
) -> Result<u64, QueryError> {
    let place = chunk.place;
    let names = names.read().expect("nothing panics while the names are held");
    let subject = names.get(chunk.header.partition, entry.schema, entry.subject);
    let refused = match subject {
        None if registry.by_person() && entry.subject == 0 => refused_user(entry),
        _ => None,
    };
    let person = match (subject, refused.as_deref()) {
        (Some(subject), _) => Some(person_key(&subject.tenant, &subject.user_id)),
        (None, Some(user)) => Some(person_key(entry.tenant, user)),
        (None, None) => None,
    };
    let about = match person.as_deref() {
        None => About::Nobody,
        Some(pool) if entry.schema.is_task_input() => About::Pool(pool),
        Some(person) => About::Person(person),
    };
    let wanted = registry.wanted(about);
    if !wanted.meets(topics) {
        return Ok(0);
    }
    let met = Visit { header: &chunk.header, place, first, entry, subject };
    let mut reached = 0;
    for row in event_rows(&met, |schema| wanted.meets(Topics::of(schema)))? {
        let frame = Frame::render(&row, place, registry.told)
            .map_err(|error| QueryError::Output(std::io::Error::other(error)))?;
        let topics = Topics::of(frame.schema());
        reached += registry.offer(about, topics, &Arc::new(frame));
    }
    Ok(reached)
}
