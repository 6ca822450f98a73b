//! A walk over the log's entries in log order, with the people's names as far as they are known.
//!
//! Entries name people by their subject number within the partition; the name stands in the event
//! that opened the subject. The walk folds just these events, so that every query can say whom an
//! entry concerns without folding states.

use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use zeitgeber_schemas::{
    ChunkHeader, Envelope, Event, PartitionId, SchemaId, Unreadable, person_key,
    wire::{Malformed, from_bytes},
};

use super::{Position, QueryError};
use crate::{
    door::DEFAULT_TENANT,
    fold::{FoldError, opened_name},
    journal::{EntryRef, Journal, Place, Scan, ScanFrom},
};

/// A person or a pool of agents, as a partition's entries number them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The tenant.
    pub tenant: String,
    /// The id within the tenant; a pool's name.
    pub user_id: String,
}

impl Subject {
    /// The person key: `user`, or `tenant/user` outside the tenant `default`.
    pub fn key(&self) -> String {
        person_key(&self.tenant, &self.user_id).into_owned()
    }
}

/// Who stands behind the subject numbers of each partition.
#[derive(Debug, Clone, Default)]
pub struct Names {
    people: Vec<Vec<Subject>>,
    pools: Vec<Vec<Subject>>,
}

impl Names {
    /// Whom an entry of this schema and subject number (from 1) concerns: a person, or for the
    /// inputs of pools a pool. The two are numbered apart.
    pub fn get(&self, partition: PartitionId, schema: SchemaId, subject: u64) -> Option<&Subject> {
        let names = if schema.is_task_input() { &self.pools } else { &self.people };
        let index = usize::try_from(subject).ok()?.checked_sub(1)?;
        names.get(usize::from(partition.0))?.get(index)
    }

    /// Every person, by partition and subject number.
    pub fn iter(&self) -> impl Iterator<Item = &Subject> {
        self.people.iter().flatten()
    }

    /// Every pool, by partition and number.
    pub fn pools(&self) -> impl Iterator<Item = &Subject> {
        self.pools.iter().flatten()
    }

    /// Takes in the name that an entry introduces, if it does.
    pub fn fold(&mut self, partition: PartitionId, entry: &EntryRef<'_>) -> Result<(), Malformed> {
        let names = match entry.schema {
            SchemaId::Profile => &mut self.people,
            SchemaId::Pool | SchemaId::Agent => &mut self.pools,
            _ => return Ok(()),
        };
        if entry.seal != 0 {
            return Ok(());
        }
        if let Some(user_id) = opened_name(entry)? {
            let index = usize::from(partition.0);
            if names.len() <= index {
                names.resize_with(index + 1, Vec::new);
            }
            names[index].push(Subject { tenant: entry.tenant.into(), user_id });
        }
        Ok(())
    }
}

/// One stored entry, met in log order.
#[derive(Debug)]
pub struct Visit<'a> {
    /// Header of its chunk.
    pub header: &'a ChunkHeader,
    /// Where its chunk stands.
    pub place: Place,
    /// Position of the entry's first event within the partition.
    pub first: u64,
    /// The entry.
    pub entry: &'a EntryRef<'a>,
    /// Whom it concerns, where that is known.
    pub subject: Option<&'a Subject>,
}

impl Visit<'_> {
    /// The partition.
    pub const fn partition(&self) -> PartitionId {
        self.header.partition
    }

    /// Position of the entry's event `index`.
    pub const fn position(&self, index: u64) -> Position {
        Position { partition: self.header.partition, n: self.first + index }
    }

    /// The person: from the subject, else as far as a refused input's bytes tell.
    pub fn user_id(&self) -> Option<String> {
        match self.subject {
            Some(subject) => Some(subject.user_id.clone()),
            None => refused_user(self.entry),
        }
    }

    /// Whether the entry concerns a person, by person key.
    pub fn concerns(&self, key: &str) -> bool {
        match self.subject {
            Some(subject) => person_key(&subject.tenant, &subject.user_id) == key,
            None => refused_user(self.entry)
                .is_some_and(|user| person_key(self.entry.tenant, &user) == key),
        }
    }

    /// Reads one event of the entry.
    pub fn event(&self, event: &crate::journal::EventRef<'_>) -> Result<Event, QueryError> {
        Event::from_payload(event.schema, event.payload).map_err(|error| self.fault(error))
    }

    /// The error for a payload of this entry.
    pub fn fault(&self, error: impl Into<FoldError>) -> QueryError {
        QueryError::Entry { place: self.place, source: error.into() }
    }
}

/// A walk over the log, which can go on when more was appended.
pub struct Walk {
    scan: Box<dyn Scan + Send>,
    names: Names,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Walk {
    /// Starts at the beginning of the log.
    pub fn start(journal: &dyn Journal) -> Result<Self, QueryError> {
        Ok(Self { scan: journal.scan(ScanFrom::default())?, names: Names::default() })
    }

    /// Everybody met so far.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Visits the entries of all that is stored now, until `visit` breaks. Calling it again visits
    /// what was appended since; after a break it goes on with the next chunk.
    pub fn run(
        &mut self,
        mut visit: impl FnMut(&Visit<'_>) -> Result<ControlFlow<()>, QueryError>,
    ) -> Result<(), QueryError> {
        while let Some(chunk) = self.scan.next_chunk()? {
            let (header, place) = (&chunk.header, chunk.place);
            let mut first = header.first_position;
            for entry in chunk.entries() {
                let fault = |source| QueryError::Entry { place, source };
                let entry = entry.map_err(|error| fault(error.into()))?;
                self.names.fold(header.partition, &entry).map_err(|error| fault(error.into()))?;
                let subject = self.names.get(header.partition, entry.schema, entry.subject);
                let met = Visit { header, place, first, entry: &entry, subject };
                if visit(&met)?.is_break() {
                    return Ok(());
                }
                first += entry.events.clone().count() as u64;
            }
        }
        Ok(())
    }
}

/// The person of a refused input that concerns no subject, as far as its bytes tell.
fn refused_user(entry: &EntryRef<'_>) -> Option<String> {
    let raw = entry.raw.as_ref()?;
    let user = match entry.schema {
        SchemaId::Unreadable => keyed_user(entry, raw.head),
        SchemaId::Reading | SchemaId::Feedback => {
            json_user(raw.head).or_else(|| avro_user(entry, raw.head))
        }
        _ => None,
    };
    user.filter(|user| !user.is_empty())
}

/// An unreadable input is keyed by its person where one could be read, else by its raw bytes.
fn keyed_user(entry: &EntryRef<'_>, head: &[u8]) -> Option<String> {
    if entry.seal != 0 {
        return None;
    }
    let unreadable: Unreadable = from_bytes(entry.payload).ok()?;
    if unreadable.key.0 == head {
        return None;
    }
    let key = String::from_utf8(unreadable.key.0).ok()?;
    if entry.tenant == DEFAULT_TENANT {
        return Some(key);
    }
    key.strip_prefix(entry.tenant)?.strip_prefix('/').map(str::to_owned)
}

fn avro_user(entry: &EntryRef<'_>, mut head: &[u8]) -> Option<String> {
    let envelope = Envelope::get(&mut head).ok()?;
    let same = envelope.id == entry.id && envelope.ts == entry.ts;
    same.then(|| envelope.user_id.to_owned())
}

/// The `user_id` of a JSON object that may be cut at its end.
fn json_user(head: &[u8]) -> Option<String> {
    let mut user = None;
    let mut text = serde_json::Deserializer::from_slice(head);
    // Only the member is wanted; where the object breaks off does not matter.
    drop(UserId(&mut user).deserialize(&mut text));
    user
}

struct UserId<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for UserId<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for UserId<'_> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "user_id" {
                *self.0 = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_a_whole_or_cut_object_and_from_nothing_else() {
        assert_eq!(json_user(br#"{"a":[1],"user_id":"u1","b":2}"#).as_deref(), Some("u1"));
        assert_eq!(json_user(br#"{"user_id":"u1","values":{"rr_ms":[80"#).as_deref(), Some("u1"));
        assert_eq!(json_user(br#"{"x":{"user_id":"u1"}}"#), None);
        assert_eq!(json_user(b"\x02\x81rubbish"), None);
    }
}
