//! One partition's way to its output topics.
//!
//! A lane takes durable chunks as they are told, and where it missed some (it was opened late, the
//! queue was full, a record was not delivered) it reads the journal until nothing is missing: the
//! journal is its queue, so nothing else has to hold what waits for the brokers.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use zeitgeber_schemas::{ChunkHeader, PartitionId};

use super::{BusError, outputs::Encoder, tails::Next};
use crate::{
    fold::FoldError,
    journal::{Chunk, EntryIter, EntryRef, EventRef, Journal, Place, Scan, ScanFrom, SeekError},
    query::{Names, Position, QueryError, Topic, Visit},
};

/// Pause before records that were not delivered are published again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Pause before chunks are looked for that became durable while others were read.
const MISSED_AFTER: Duration = Duration::from_millis(10);

/// Publishes one event; `false`: not now.
pub(super) type Send<'a> =
    dyn FnMut(Topic, &Visit<'_>, u64, &EventRef<'_>) -> Result<bool, BusError> + 'a;

/// One partition's way out.
pub(super) struct Lane {
    partition: PartitionId,
    journal: Arc<dyn Journal>,
    /// From which position on each topic's events are published.
    next_of: Next,
    /// Everything before it was sent.
    next: u64,
    reading: Option<Box<dyn Scan + std::marker::Send>>,
    not_before: Option<Instant>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("partition", &self.partition)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// Goes on where the topics end.
    pub(super) fn open(partition: PartitionId, journal: Arc<dyn Journal>, next_of: Next) -> Self {
        let next = next_of.values().copied().min().unwrap_or(0);
        let mut lane = Self { partition, journal, next_of, next, reading: None, not_before: None };
        lane.fall_behind();
        lane
    }

    /// Everything before this position was sent.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// From which position on each topic's events are to be sent.
    pub(super) const fn next_of(&self) -> &Next {
        &self.next_of
    }

    /// Gives the journal back.
    pub(super) fn into_journal(self) -> Arc<dyn Journal> {
        self.journal
    }

    /// How many events of the log are not sent yet.
    pub(super) fn behind(&self) -> u64 {
        self.journal.tail(self.partition).next_position.saturating_sub(self.next)
    }

    /// Whether the journal must be read.
    pub(super) const fn is_behind(&self) -> bool {
        self.not_before.is_some()
    }

    /// Chunks were missed: the journal is read from here on.
    pub(super) fn fall_behind(&mut self) {
        self.reading = None;
        self.not_before.get_or_insert_with(Instant::now);
    }

    /// A record was not delivered: its topic goes on from it.
    pub(super) fn rewind(&mut self, topic: Topic, position: u64) {
        let next = self.next_of.entry(topic).or_insert(position);
        *next = (*next).min(position);
        self.next = self.next.min(position);
        self.reading = None;
        self.not_before = Some(Instant::now() + AGAIN_AFTER);
    }

    /// Goes back to where a transaction began that did not end well.
    pub(super) fn back_to(&mut self, next_of: Next) {
        self.next = next_of.values().copied().min().unwrap_or(0).min(self.next);
        self.next_of = next_of;
        self.reading = None;
        self.not_before = Some(Instant::now() + AGAIN_AFTER);
    }

    /// Publishes a chunk that was told durable, unless the journal is being read anyway.
    pub(super) fn offer(
        &mut self,
        bytes: &[u8],
        names: &mut Arc<Names>,
        send: &mut Send<'_>,
    ) -> Result<(), BusError> {
        if self.is_behind() {
            return Ok(());
        }
        let decoded = Chunk::decode(bytes);
        let (header, entries) =
            decoded.map_err(|error| entry_fault(Place::START, FoldError::from(error)))?;
        if header.first_position > self.next {
            self.fall_behind();
            return Ok(());
        }
        // It has no place in a file yet; nobody asks for one.
        if !self.publish(&header, Place::START, entries, names, send)? {
            self.fall_behind();
        }
        Ok(())
    }

    /// Reads the journal on by one chunk. `false`: there is nothing to do now.
    pub(super) fn read_on(
        &mut self,
        names: &mut Arc<Names>,
        send: &mut Send<'_>,
    ) -> Result<bool, BusError> {
        if self.not_before.is_none_or(|at| at > Instant::now()) {
            return Ok(false);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.places()? {
                None => {
                    self.not_before = None;
                    return Ok(false);
                }
                Some(places) => self.scan(places)?,
            },
        };
        let more = match reading.next_chunk()? {
            None => {
                // What was told durable meanwhile was passed over, and a scan may end where the
                // log ended when it began: the tail had moved before it was told.
                let is_all = self.behind() == 0;
                self.not_before = (!is_all).then(|| Instant::now() + MISSED_AFTER);
                return Ok(false);
            }
            Some(chunk) => {
                let (header, place) = (&chunk.header, chunk.place);
                header.partition != self.partition
                    || self.publish(header, place, chunk.entries(), names, send)?
            }
        };
        if more {
            self.reading = Some(reading);
        }
        Ok(more)
    }

    /// Where the events that are not sent yet stand in the log; none where all are sent.
    fn places(&self) -> Result<Option<Range<Place>>, BusError> {
        match self.journal.place_of(self.partition, self.next) {
            Ok(place) => Ok(Some(place..Place::END)),
            Err(SeekError::Read(error)) => Err(error.into()),
            Err(SeekError::BeyondEnd { .. } | SeekError::UnknownPartition { .. }) => Ok(None),
        }
    }

    fn scan(&self, places: Range<Place>) -> Result<Box<dyn Scan + std::marker::Send>, BusError> {
        let partitions = usize::from(self.journal.layout().partitions);
        let mut chunks = vec![u64::MAX; partitions];
        chunks[usize::from(self.partition.0)] = 0;
        Ok(self.journal.scan(ScanFrom { chunks, ..ScanFrom::places(places) })?)
    }

    /// Sends a chunk's events that are not sent yet; `false` where it could not be finished now.
    fn publish(
        &mut self,
        header: &ChunkHeader,
        place: Place,
        entries: EntryIter<'_>,
        names: &mut Arc<Names>,
        send: &mut Send<'_>,
    ) -> Result<bool, BusError> {
        let mut first = header.first_position;
        for entry in entries {
            let entry = entry.map_err(|error| entry_fault(place, FoldError::from(error)))?;
            Names::fold(names, header.partition, &entry)
                .map_err(|error| entry_fault(place, FoldError::from(error)))?;
            let count = entry.events.clone().count() as u64;
            if first + count > self.next
                && !self.entry(header, place, first, &entry, names, send)?
            {
                return Ok(false);
            }
            first += count;
            self.next = self.next.max(first);
        }
        Ok(true)
    }

    fn entry(
        &mut self,
        header: &ChunkHeader,
        place: Place,
        first: u64,
        entry: &EntryRef<'_>,
        names: &Names,
        send: &mut Send<'_>,
    ) -> Result<bool, BusError> {
        let subject = names.get(header.partition, entry.schema, entry.subject);
        let met = Visit { header, place, first, entry, subject };
        for (index, event) in (0..).zip(entry.events.clone()) {
            let Position { n, .. } = met.position(index);
            let Some(topic) = Encoder::topic(&event) else { continue };
            let next = self.next_of.entry(topic).or_insert(0);
            if n < *next {
                continue;
            }
            if !send(topic, &met, index, &event)? {
                return Ok(false);
            }
            *next = n + 1;
        }
        Ok(true)
    }
}

fn entry_fault(place: Place, source: FoldError) -> BusError {
    QueryError::Entry { place, source }.into()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use zeitgeber_schemas::{
        Entry, Recorded, SchemaId,
        wire::{Bytes, Wire},
    };

    use super::*;
    use crate::journal::{
        Append, AppendError, ChunkBuilder, Done, Layout, MemoryJournal, ReadError, StoredChunk,
    };

    const PARTITION: PartitionId = PartitionId(0);

    /// A log whose scans end where it ended when they began, as a database's do.
    struct Ending(MemoryJournal);

    struct EndingScan(Box<dyn Scan + std::marker::Send>, u64);

    impl Scan for EndingScan {
        fn next_chunk(&mut self) -> Result<Option<StoredChunk<'_>>, ReadError> {
            if self.1 == 0 {
                return Ok(None);
            }
            self.1 -= 1;
            self.0.next_chunk()
        }
    }

    impl Journal for Ending {
        fn layout(&self) -> Layout {
            self.0.layout()
        }

        fn tail(&self, partition: PartitionId) -> crate::journal::Tail {
            self.0.tail(partition)
        }

        fn submit(&self, append: Append, done: Done) {
            self.0.submit(append, done);
        }

        fn scan(&self, from: ScanFrom) -> Result<Box<dyn Scan + std::marker::Send>, ReadError> {
            let chunks = self.tail(PARTITION).next_chunk;
            Ok(Box::new(EndingScan(self.0.scan(from)?, chunks)))
        }

        fn close(&self) -> Result<(), AppendError> {
            self.0.close()
        }
    }

    /// Appends a chunk of one event; its bytes.
    fn append(journal: &Ending) -> Vec<u8> {
        let tail = journal.tail(PARTITION);
        let event =
            Recorded { schema: SchemaId::ReadingAccepted, seal: 0, payload: Bytes(Vec::new()) };
        let entry = Entry {
            subject: 0,
            tenant: "default".into(),
            schema: SchemaId::Reading,
            id: "1".into(),
            ts: 0,
            recv_ts: None,
            source: 0,
            line: 0,
            raw: None,
            seal: 0,
            payload: Bytes(Vec::new()),
            events: vec![event],
        };
        let mut builder = ChunkBuilder::new(PARTITION, 1);
        builder.entry(0, 1, |out| entry.put(out));
        let chunk = builder.seal(tail.next_chunk, tail.next_position, tail.head);
        let bytes = chunk.bytes().to_vec();
        let (to, from) = mpsc::channel();
        let append = Append { partition: PARTITION, expected_chunk: tail.next_chunk, chunk };
        journal.submit(append, Box::new(move |appended| drop(to.send(appended.result))));
        from.recv().expect("it completes").expect("it is appended");
        bytes
    }

    #[test]
    fn what_became_durable_while_the_journal_was_read_follows_without_another_chunk() {
        let layout = Layout { log_id: *b"log of the tests", partitions: 1 };
        let journal = Arc::new(Ending(MemoryJournal::new(layout)));
        append(&journal);
        let mut lane = Lane::open(PARTITION, journal.clone(), Next::default());
        let (mut names, mut sent) = (Arc::default(), Vec::new());
        let mut send = |_: Topic, met: &Visit<'_>, index: u64, _: &EventRef<'_>| {
            sent.push(met.position(index).n);
            Ok(true)
        };
        assert!(lane.read_on(&mut names, &mut send).expect("it reads"), "there may be more");
        // It is told while the lane still reads, which passes it over.
        let told = append(&journal);
        lane.offer(&told, &mut names, &mut send).expect("it is taken");
        let since = Instant::now();
        while lane.behind() > 0 && since.elapsed() < Duration::from_secs(60) {
            lane.read_on(&mut names, &mut send).expect("it reads");
        }
        assert_eq!(sent, [0, 1]);
    }
}
