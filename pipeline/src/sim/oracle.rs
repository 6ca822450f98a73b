//! What should have happened: one partition, one thread, one input at a time, a list for a log.
//!
//! It runs the pure stages without batches, snapshots, evictions or sequences of completions, takes
//! the inputs in the order in which they were handed over, and compares what the journal holds. What
//! becomes of an input is besides foretold by [`super::rules`], which knows nothing of the stages.

use std::collections::{BTreeMap, VecDeque};

use zeitgeber_processors::flow::{Desk, Outcome, State};
use zeitgeber_schemas::{ChunkHeader, Cursor, Envelope, Event, PartitionId, SchemaId};

use super::{
    rules::{Fate, Rules},
    violation::{Invariant, Violation, hold},
};
use crate::{
    fold::envelope,
    journal::{EntryRef, Hash, StoredChunk},
    record::Parsed,
};

/// What a core was given to do, in order.
#[derive(Debug)]
enum Work {
    Take(Given),
    /// The time. The cycle makes inputs of it, of which the journal tells.
    Tick(i64),
}

/// An input as it was handed over.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// Counts all that was handed over, in order.
    pub(super) serial: u64,
    /// A source that can be resumed, and the line in it.
    pub(super) source: Option<([u8; 16], u64)>,
    pub(super) schema: SchemaId,
    /// Envelope and body in Avro.
    pub(super) input: Vec<u8>,
    pub(super) raw_hash: [u8; 16],
}

/// One partition as it should be.
#[derive(Debug)]
pub(super) struct Oracle {
    partition: PartitionId,
    state: State,
    desk: Desk,
    events: Vec<Event>,
    rules: Rules,
    submitted: VecDeque<Work>,
    next_chunk: u64,
    next_position: u64,
    head: Hash,
    cursors: BTreeMap<[u8; 16], u64>,
    pub(super) tally: Tally,
    pub(super) learnt: super::learnt::Learnt,
    scratch: Vec<u8>,
}

/// How many of what, as far as the journal tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) stored: u64,
    pub(super) refused: u64,
    pub(super) repeats: u64,
    pub(super) idle: u64,
    pub(super) skipped: u64,
    pub(super) decisions: u64,
    pub(super) events: u64,
}

impl Oracle {
    pub(super) fn new(partition: PartitionId) -> Self {
        Self {
            partition,
            state: State::initial(partition),
            desk: Desk::new(),
            events: Vec::new(),
            rules: Rules::default(),
            submitted: VecDeque::new(),
            next_chunk: 0,
            next_position: 0,
            head: [0; 32],
            cursors: BTreeMap::new(),
            tally: Tally::default(),
            learnt: super::learnt::Learnt::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    pub(super) const fn next_chunk(&self) -> u64 {
        self.next_chunk
    }

    pub(super) const fn next_position(&self) -> u64 {
        self.next_position
    }

    pub(super) const fn head(&self) -> Hash {
        self.head
    }

    /// Takes in what was handed over.
    pub(super) fn submit(&mut self, given: Given) {
        self.submitted.push_back(Work::Take(given));
    }

    /// Takes in that the time was told.
    pub(super) fn tell_time(&mut self, now_ms: i64) {
        self.submitted.push_back(Work::Tick(now_ms));
    }

    /// The process ended: what is not in the journal was never taken.
    pub(super) fn forget(&mut self) {
        self.submitted.clear();
    }

    /// Compares the partition's next chunk.
    pub(super) fn take(&mut self, chunk: &StoredChunk<'_>) -> Result<(), Violation> {
        let header = &chunk.header;
        let follows = (header.number, header.first_position, header.previous)
            == (self.next_chunk, self.next_position, self.head);
        hold(Invariant::Chain, follows, || {
            format!("chunk {} of partition {} does not follow", header.number, self.partition)
        })?;
        for entry in chunk.entries() {
            let entry = entry.map_err(|error| {
                Violation::new(Invariant::Chain, format!("chunk {}: {error}", header.number))
            })?;
            self.entry(&entry)?;
        }
        self.covered(header)?;
        self.next_chunk += 1;
        self.next_position += u64::from(header.events);
        self.head = chunk.hash();
        Ok(())
    }

    fn entry(&mut self, entry: &EntryRef<'_>) -> Result<(), Violation> {
        if entry.id == "tick" && matches!(entry.schema, SchemaId::PersonTick | SchemaId::Tick) {
            return self.tick(entry);
        }
        let number = self.next_chunk;
        loop {
            let given = match self.submitted.pop_front() {
                Some(Work::Take(given)) => given,
                Some(Work::Tick(_)) => continue,
                None => {
                    return Err(Violation::new(
                        Invariant::OnceInTheJournal,
                        format!("chunk {number} holds {:?}, which nobody handed over", entry.id),
                    ));
                }
            };
            if self.decide(&given)? == Outcome::Stored {
                let mut body = &given.input[..];
                let own = Envelope::get(&mut body).expect("doors write what this reads back");
                let same = (own.id, own.ts, own.recv_ts) == (entry.id, entry.ts, entry.recv_ts)
                    && given.schema == entry.schema
                    && body == entry.payload;
                hold(Invariant::OnceInTheJournal, same, || {
                    format!("{:?} stands in chunk {number} where {:?} is next", entry.id, own.id)
                })?;
                return self.same_events(entry);
            }
        }
    }

    /// The cycle made this input itself, when it was told the time: what was handed over before that
    /// comes first.
    fn tick(&mut self, entry: &EntryRef<'_>) -> Result<(), Violation> {
        let told = |work: &Work| matches!(work, Work::Tick(now_ms) if *now_ms == entry.ts);
        let Some(before) = self.submitted.iter().position(told) else {
            let what = format!("chunk {} holds a tick of {}", self.next_chunk, entry.ts);
            return Err(Violation::new(Invariant::OnceInTheJournal, what));
        };
        for _ in 0..before {
            self.pass(self.next_chunk)?;
        }
        let name = match entry.schema {
            SchemaId::Tick => {
                self.state.pool_by_number(entry.subject).map(|pool| pool.name.clone())
            }
            _ => self.state.person(entry.subject).map(|person| person.user_id.clone()),
        };
        let mut input = Vec::new();
        envelope(entry, &name.unwrap_or_default()).put(&mut input);
        input.extend_from_slice(entry.payload);
        let (schema, raw_hash) = (entry.schema, [0; 16]);
        let given = Given { serial: 0, source: None, schema, input, raw_hash };
        let outcome = self.run(&given);
        hold(Invariant::Oracle, outcome == Outcome::Stored, || {
            format!("a tick stands in chunk {} that changes nothing", self.next_chunk)
        })?;
        self.same_events(entry)
    }

    /// What the header covers beyond the last entry, and all that was handed over before it, repeats
    /// what the journal holds.
    fn covered(&mut self, header: &ChunkHeader) -> Result<(), Violation> {
        let covers = |work: &Work| match work {
            Work::Take(Given { source: Some((id, own)), .. }) => {
                let covers = |cursor: &Cursor| cursor.source == *id && *own <= cursor.line;
                header.cursors.iter().any(covers)
            }
            _ => false,
        };
        let last = self.submitted.iter().rposition(covers);
        for _ in 0..last.map_or(0, |last| last + 1) {
            self.pass(header.number)?;
        }
        for Cursor { source, line, .. } in &header.cursors {
            let covered = self.cursors.entry(*source).or_default();
            *covered = (*covered).max(*line);
        }
        Ok(())
    }

    /// All that was handed over up to this serial number was acknowledged (SIM-1): whatever of it
    /// the journal does not hold repeats what it holds.
    pub(super) fn acknowledged(&mut self, serial: u64) -> Result<(), Violation> {
        let told = |work: &Work| matches!(work, Work::Take(given) if given.serial <= serial);
        let last = self.submitted.iter().rposition(told);
        for _ in 0..last.map_or(0, |last| last + 1) {
            self.pass(serial)?;
        }
        Ok(())
    }

    fn pass(&mut self, up_to: u64) -> Result<(), Violation> {
        let Some(Work::Take(given)) = self.submitted.pop_front() else { return Ok(()) };
        let outcome = self.decide(&given)?;
        hold(Invariant::OnceInTheJournal, outcome != Outcome::Stored, || {
            format!(
                "input {} of partition {} is told of (up to {up_to}) and not in the journal: {:?}",
                given.serial,
                self.partition,
                String::from_utf8_lossy(&given.input)
            )
        })
    }

    /// Decides on an input and folds what came of it; a line that was covered is passed over.
    fn decide(&mut self, given: &Given) -> Result<Outcome, Violation> {
        self.tally.taken += 1;
        if let Some((source, line)) = given.source {
            let covered = self.cursors.entry(source).or_default();
            if line <= *covered {
                self.tally.skipped += 1;
                return Ok(Outcome::Idle);
            }
            *covered = line;
        }
        let outcome = self.run(given);
        let refused = matches!(self.events.first(), Some(Event::DeadLettered(_)));
        let fate = match outcome {
            Outcome::Stored if refused => Fate::Refused,
            Outcome::Stored => Fate::Taken,
            Outcome::Repeated(_) => Fate::Repeated,
            Outcome::Idle => Fate::Idle,
        };
        match fate {
            Fate::Refused => self.tally.refused += 1,
            Fate::Taken => self.tally.stored += 1,
            Fate::Repeated => self.tally.repeats += 1,
            Fate::Idle => self.tally.idle += 1,
        }
        let foretold = self.rules.foretell(given);
        hold(Invariant::Outcome, foretold.is_none_or(|foretold| foretold == fate), || {
            format!("input {} is {fate:?}, and should be {foretold:?}", given.serial)
        })?;
        Ok(outcome)
    }

    /// The pure stages on one input.
    fn run(&mut self, given: &Given) -> Outcome {
        let mut payload = &given.input[..];
        let envelope = Envelope::get(&mut payload).expect("doors write what this reads back");
        let parsed = Parsed::from_payload(given.schema, payload).expect("as above");
        let input = parsed.input(envelope, payload);
        let mut subject = self.state.subject_of(&input);
        let (state, desk) = (&self.state, &mut self.desk);
        let outcome = state.decide(desk, subject, &input, || given.raw_hash, &mut self.events);
        if outcome != Outcome::Stored {
            self.events.clear();
            return outcome;
        }
        match self.events.first() {
            Some(Event::SubjectOpened(_)) => subject = state.next_subject(),
            Some(Event::PoolOpened(_)) => subject = state.next_pool(),
            _ => {}
        }
        for event in &self.events {
            self.state.apply(subject, &input, event, || given.raw_hash);
            self.tally.events += 1;
            self.tally.decisions += u64::from(matches!(event, Event::DecisionMade(_)));
            self.learnt.take(&input, event);
        }
        outcome
    }

    fn same_events(&mut self, entry: &EntryRef<'_>) -> Result<(), Violation> {
        let mut own = self.events.iter();
        let mut same = true;
        for stored in entry.events.clone() {
            let Some(event) = own.next() else {
                same = false;
                break;
            };
            self.scratch.clear();
            event.put_payload(&mut self.scratch);
            same &= event.schema() == stored.schema && self.scratch == stored.payload;
        }
        hold(Invariant::Oracle, same && own.next().is_none(), || {
            format!(
                "partition {} chunk {} input {:?} has other events than the oracle's",
                self.partition, self.next_chunk, entry.id
            )
        })
    }
}
