//! Whose entries are asked for, so that nothing else need be read; and events page by page.
//!
//! A person's entries are those of their subject and the refused inputs that name them in their
//! bytes before anybody knew them. Both have keys, so a search reads the chunks that hold them
//! where there is an index, and everything where there is none.

use std::{
    ops::{ControlFlow, Range},
    sync::Arc,
};

use zeitgeber_schemas::{PartitionId, SchemaId};

use super::{EventFilter, EventRow, Names, Position, QueryError, Subject, Walk, unknown_user};
use crate::journal::{Journal, Key, Place, ScanFrom};

/// Whose entries a query is to meet.
#[derive(Debug, Clone)]
pub struct Scope {
    /// None: everybody's.
    keys: Option<Vec<Key>>,
    names: Arc<Names>,
}

/// Some events, in log order.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EventPage {
    /// The events.
    pub rows: Vec<EventRow>,
    /// The position that asks for the next page. None: there is nothing more now.
    pub next: Option<Position>,
}

impl Scope {
    /// Everybody, with the names that were read.
    pub const fn everybody(names: Arc<Names>) -> Self {
        Self { keys: None, names }
    }

    /// One person, by person key.
    ///
    /// # Errors
    ///
    /// Nothing in the log concerns them, or it cannot be read.
    pub fn person(journal: &dyn Journal, key: &str) -> Result<Self, QueryError> {
        let mut keys = vec![Key::person(key)];
        let mut names = Names::default();
        let (mut opened, mut refused) = (None, false);
        let scan = journal.find(&keys, ScanFrom::default())?;
        Walk::over(scan, Arc::default()).run(|met| {
            if met.concerns(key) {
                refused = true;
                opened =
                    met.subject.cloned().map(|name| (met.partition(), met.entry.subject, name));
            }
            let known = opened.is_some();
            Ok(if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        match opened {
            Some((partition, subject, name)) => {
                keys.push(Key::subject(partition, subject));
                names.insert(partition, SchemaId::Profile, subject, name);
            }
            None if refused => {}
            None => {
                let known = Names::read(journal)?;
                let known: Vec<String> = known.iter().map(Subject::key).collect();
                return Err(unknown_user(key, known.iter().map(String::as_str)));
            }
        }
        Ok(Self { keys: Some(keys), names: Arc::new(names) })
    }

    /// One person where a filter names one, else everybody.
    pub fn of(journal: &dyn Journal, filter: &EventFilter) -> Result<Self, QueryError> {
        match &filter.user {
            Some(user) => Self::person(journal, user),
            None => Ok(Self::everybody(Names::read(journal)?)),
        }
    }

    /// The subject with this number, named by their first entry.
    pub(super) fn subject(
        journal: &dyn Journal,
        partition: PartitionId,
        subject: u64,
    ) -> Result<Self, QueryError> {
        let mut names = Arc::default();
        let keys = vec![Key::subject(partition, subject)];
        if subject != 0 {
            let mut walk = Walk::over(journal.find(&keys, ScanFrom::default())?, names);
            walk.run(|met| {
                let is_theirs = met.partition() == partition && met.entry.subject == subject;
                let met_them = is_theirs && met.subject.is_some();
                Ok(if met_them { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            names = walk.into_names();
        }
        Ok(Self { keys: Some(keys), names })
    }

    /// What the keys of others lead to as well.
    #[must_use]
    pub(super) fn and(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        if let Some(own) = &mut self.keys {
            own.extend(keys);
        }
        self
    }

    /// A walk that meets at least the scope's entries within these places.
    pub fn walk(&self, journal: &dyn Journal, places: Range<Place>) -> Result<Walk, QueryError> {
        let from = ScanFrom::places(places);
        let scan = match &self.keys {
            Some(keys) => journal.find(keys, from)?,
            None => journal.scan(from)?,
        };
        Ok(Walk::over(scan, Arc::clone(&self.names)))
    }

    /// A walk over what stands behind an event in log order, its own chunk included. With
    /// [`EventFilter::after`] it resumes a stream: everything before the event came before.
    pub fn walk_after(&self, journal: &dyn Journal, after: Position) -> Result<Walk, QueryError> {
        let start = journal.place_of(after.partition, after.n)?;
        self.walk(journal, start..Place::END)
    }

    /// The first events behind [`EventFilter::after`], at most `limit`, oldest first. The next
    /// page comes after [`EventPage::next`].
    ///
    /// # Errors
    ///
    /// The log has no such position, or cannot be read.
    pub fn page(
        &self,
        journal: &dyn Journal,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<EventPage, QueryError> {
        let mut walk = match filter.after {
            Some(after) => self.walk_after(journal, after)?,
            None => self.walk(journal, Place::START..Place::END)?,
        };
        let mut rows = Vec::new();
        if limit > 0 {
            walk.run(|met| {
                rows.extend(filter.rows(met)?);
                let full = rows.len() >= limit;
                Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        let next = (rows.len() >= limit).then(|| rows.get(limit.saturating_sub(1))).flatten();
        let next = next.map(|row| row.position);
        rows.truncate(limit);
        Ok(EventPage { rows, next })
    }

    /// The last events before [`EventFilter::before`] (none: the log's end), at most `limit`,
    /// newest last. Reads back segment by segment. The page before this one is before
    /// [`EventPage::next`].
    ///
    /// # Errors
    ///
    /// The log has no such position, or cannot be read.
    pub fn newest(
        &self,
        journal: &dyn Journal,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<EventPage, QueryError> {
        let mut end = Place::END;
        if let Some(before) = filter.before {
            let at = journal.place_of(before.partition, before.n)?;
            end = Place { offset: at.offset + 1, ..at };
        }
        let mut rows: Vec<EventRow> = Vec::new();
        for segment in (0..journal.segments().min(end.segment.saturating_add(1))).rev() {
            if rows.len() >= limit {
                break;
            }
            let start = Place::of_segment(segment);
            let mut older = Vec::new();
            self.walk(journal, start..end)?.run(|met| {
                older.extend(filter.rows(met)?);
                let surplus = older.len().saturating_sub(limit - rows.len());
                older.drain(..surplus);
                Ok(ControlFlow::Continue(()))
            })?;
            older.append(&mut rows);
            rows = older;
            end = start;
        }
        let next = (limit > 0 && rows.len() == limit).then(|| rows[0].position);
        Ok(EventPage { rows, next })
    }
}
