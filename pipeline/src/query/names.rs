//! Who stands behind the subject numbers of each partition.
//!
//! Only the events that opened a subject hold names. A walk from the log's beginning meets them;
//! for any other one they are read by their own key, which costs little where there is an index.

use std::sync::Arc;

use zeitgeber_schemas::{PartitionId, SchemaId, person_key, wire::Malformed};

use super::QueryError;
use crate::{
    fold::opened_name,
    journal::{EntryRef, Journal, Key, Place, ScanFrom},
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
    people: Numbered,
    pools: Numbered,
    /// The last chunk that was read for its names, in the log and in each partition.
    last: Option<Place>,
    last_of: Vec<u64>,
}

/// By partition and number, from 1.
type Numbered = Vec<Vec<Option<Subject>>>;

impl Names {
    /// Reads the names of everybody in the log.
    pub fn read(journal: &dyn Journal) -> Result<Arc<Self>, QueryError> {
        let mut names = Arc::default();
        Self::catch_up(&mut names, journal)?;
        Ok(names)
    }

    /// Reads the names of those who came since the names were read.
    pub fn catch_up(names: &mut Arc<Self>, journal: &dyn Journal) -> Result<(), QueryError> {
        let from = if journal.has_one_order() {
            ScanFrom::places(names.last.unwrap_or(Place::START)..Place::END)
        } else {
            ScanFrom { chunks: names.last_of.clone(), ..ScanFrom::default() }
        };
        Self::read_on(names, journal, from)
    }

    fn read_on(
        names: &mut Arc<Self>,
        journal: &dyn Journal,
        from: ScanFrom,
    ) -> Result<(), QueryError> {
        let mut scan = journal.find(&[Key::openings()], from)?;
        while let Some(chunk) = scan.next_chunk()? {
            let (place, partition) = (chunk.place, chunk.header.partition);
            let number = chunk.header.number;
            let fault = |source| QueryError::Entry { place, source };
            for entry in chunk.entries() {
                let entry = entry.map_err(|error| fault(error.into()))?;
                Self::fold(names, partition, &entry).map_err(|error| fault(error.into()))?;
            }
            let names = Arc::make_mut(names);
            names.last = Some(place);
            let index = usize::from(partition.0);
            names.last_of.resize(names.last_of.len().max(index + 1), 0);
            names.last_of[index] = number;
        }
        Ok(())
    }

    /// The names that one partition's chunks introduced from this one on.
    pub fn of(
        journal: &dyn Journal,
        partition: PartitionId,
        chunk: u64,
    ) -> Result<Self, QueryError> {
        let index = usize::from(partition.0);
        let mut chunks = vec![u64::MAX; usize::from(journal.layout().partitions)];
        if let Some(first) = chunks.get_mut(index) {
            *first = chunk;
        }
        let from = ScanFrom { chunks, ..ScanFrom::default() };
        let mut names = Arc::default();
        Self::read_on(&mut names, journal, from)?;
        Ok(Arc::unwrap_or_clone(names))
    }

    /// The last chunk of a partition that was read for its names; its first one where none was.
    pub fn read_in(&self, partition: PartitionId) -> u64 {
        self.last_of.get(usize::from(partition.0)).copied().unwrap_or(0)
    }

    /// Takes in what was read besides.
    pub fn take_in(&mut self, other: Self) {
        for (own, other) in [(&mut self.people, other.people), (&mut self.pools, other.pools)] {
            own.resize_with(own.len().max(other.len()), Vec::new);
            for (own, other) in own.iter_mut().zip(other) {
                own.resize(own.len().max(other.len()), None);
                for (own, other) in own.iter_mut().zip(other) {
                    *own = other.or(own.take());
                }
            }
        }
        self.last_of.resize(self.last_of.len().max(other.last_of.len()), 0);
        for (own, other) in self.last_of.iter_mut().zip(other.last_of) {
            *own = other.max(*own);
        }
    }

    /// Whom an entry of this schema and subject number (from 1) concerns: a person, or for the
    /// inputs of pools a pool. The two are numbered apart.
    pub fn get(&self, partition: PartitionId, schema: SchemaId, subject: u64) -> Option<&Subject> {
        let names = if schema.is_task_input() { &self.pools } else { &self.people };
        let index = usize::try_from(subject).ok()?.checked_sub(1)?;
        names.get(usize::from(partition.0))?.get(index)?.as_ref()
    }

    /// Every person, by partition and subject number.
    pub fn iter(&self) -> impl Iterator<Item = &Subject> {
        self.people.iter().flatten().flatten()
    }

    /// Every pool, by partition and number.
    pub fn pools(&self) -> impl Iterator<Item = &Subject> {
        self.pools.iter().flatten().flatten()
    }

    /// Notes the name behind the subject of an entry of this schema.
    pub fn insert(
        &mut self,
        partition: PartitionId,
        schema: SchemaId,
        subject: u64,
        name: Subject,
    ) {
        let Some(index) = usize::try_from(subject).ok().and_then(|n| n.checked_sub(1)) else {
            return;
        };
        let names = if schema.is_task_input() { &mut self.pools } else { &mut self.people };
        let partition = usize::from(partition.0);
        names.resize_with(names.len().max(partition + 1), Vec::new);
        let numbered = &mut names[partition];
        numbered.resize(numbered.len().max(index + 1), None);
        numbered[index] = Some(name);
    }

    /// Takes in the name that an entry introduces, if it does.
    pub fn fold(
        names: &mut Arc<Self>,
        partition: PartitionId,
        entry: &EntryRef<'_>,
    ) -> Result<(), Malformed> {
        let introduces =
            matches!(entry.schema, SchemaId::Profile | SchemaId::Pool | SchemaId::Agent);
        if !introduces || entry.seal != 0 {
            return Ok(());
        }
        if let Some(user_id) = opened_name(entry)?
            && names.get(partition, entry.schema, entry.subject).is_none()
        {
            let name = Subject { tenant: entry.tenant.into(), user_id };
            Arc::make_mut(names).insert(partition, entry.schema, entry.subject, name);
        }
        Ok(())
    }
}
