//! A walk over the log's entries in log order, with the people's names as far as they are known.
//!
//! Entries name people by their subject number within the partition; the name stands in the event
//! that opened the subject. The walk folds just these events, so that every query can say whom an
//! entry concerns without folding states; one that begins in the middle is given them.

use std::{ops::ControlFlow, sync::Arc};

use zeitgeber_schemas::{ChunkHeader, Event, PartitionId, person_key};

use super::{Names, Position, QueryError, Subject};
use crate::{
    fold::FoldError,
    journal::{EntryRef, Journal, Place, Scan, ScanFrom, refused_user},
};

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

    /// The person, or the pool: from the subject, else as far as a refused input's bytes tell.
    pub fn user_id(&self) -> Option<String> {
        match self.subject {
            Some(subject) => Some(subject.user_id.clone()),
            None => refused_user(self.entry),
        }
    }

    /// Whether the entry concerns a person, by person key.
    pub fn concerns(&self, key: &str) -> bool {
        match self.subject {
            _ if self.entry.schema.is_task_input() => false,
            Some(subject) => person_key(&subject.tenant, &subject.user_id) == key,
            // Whose subject's name is not at hand is somebody else.
            None if self.entry.subject != 0 => false,
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
    names: Arc<Names>,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Walk {
    /// Starts at the beginning of the log.
    pub fn start(journal: &dyn Journal) -> Result<Self, QueryError> {
        Ok(Self::over(journal.scan(ScanFrom::default())?, Arc::default()))
    }

    /// Goes over what a scan yields, with the names of those who were met before it.
    pub fn over(scan: Box<dyn Scan + Send>, names: Arc<Names>) -> Self {
        Self { scan, names }
    }

    /// Everybody met so far.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Gives the names away.
    pub(super) fn into_names(self) -> Arc<Names> {
        self.names
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
                Names::fold(&mut self.names, header.partition, &entry)
                    .map_err(|error| fault(error.into()))?;
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
