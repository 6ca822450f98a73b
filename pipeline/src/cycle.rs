//! One partition's life at the writing edge, as a plain state machine.
//!
//! Events come in (a batch arrived, an append finished), actions go out (append this chunk,
//! acknowledge those inputs). Threads and channels only carry them; no rule lives there. The
//! append of chunk n and the computing of chunk n + 1 overlap: once more than [`IN_FLIGHT`] chunks
//! wait for the disk, no further batch is taken; and an input is acknowledged only when its chunk is durable (CYCLE-1, SIM-6).

use std::{collections::VecDeque, sync::Arc};

use zeitgeber_processors::flow::{DECIDE_VERSION, Desk, Input, Outcome, State};
use zeitgeber_schemas::{Envelope, Event, PartitionId, Reason, Repeat};

use crate::{
    door::raw_bytes,
    journal::{AppendError, Appended, ChunkBuilder, SealedChunk, Tail},
    record::{EntryParts, Parsed, Place, raw_hash},
    state::{Cut, Partition},
    store::StoreError,
};

mod ack;
mod batch;
mod checkpoint;
mod flight;
mod reply;
pub mod tally;
mod tick;

pub use ack::{Ack, Announced, Assigned, Counts, LineOutcome, OutcomeDetail, Wants};
pub use batch::{Batch, Item, Raw, Source};
pub use reply::{About, Answer, Ask, Outgoing, Question, Reply, Settled, Told, Unsettled};

use checkpoint::Checkpoints;
use flight::Flight;
use reply::Delivery;

/// Chunks of one partition that may wait for the disk before its core stops taking batches.
pub const IN_FLIGHT: usize = 2;

/// What the shell is to do.
#[derive(Debug)]
pub enum Action {
    /// Append this chunk.
    Append(SealedChunk),
    /// These inputs are durable.
    Acknowledge(Ack),
    /// Write this snapshot: everything in it is durable.
    Checkpoint(Box<Cut>),
    /// The partition cannot go on: its journal failed or another writer took it.
    Stop(AppendError),
}

/// One partition's cycle.
#[derive(Debug)]
pub struct Cycle {
    partition: PartitionId,
    held: Partition,
    desk: Desk,
    events: Vec<Event>,
    scratch: Vec<u8>,
    builder: ChunkBuilder,
    pending: Ack,
    tail: Tail,
    /// Everything before this position is durable.
    durable: u64,
    waiting: VecDeque<Waiting>,
    flight: Flight,
    chunk_bytes: usize,
    outcomes: bool,
    /// What acknowledgements tell besides counts.
    wants: Wants,
    /// What became of the batch in hand, where somebody waits for it.
    told: Option<Delivery>,
    checkpoints: Checkpoints,
    /// A person's state could not be had: nothing more is taken.
    failed: bool,
}

/// A chunk in flight.
#[derive(Debug)]
struct Waiting {
    ack: Ack,
    /// The batch that was being taken when it was sealed.
    batch: u64,
    /// The position behind it.
    next_position: u64,
}

impl Cycle {
    /// Goes on from a folded state and the journal's tail.
    pub fn resume(
        state: impl Into<Partition>,
        tail: Tail,
        chunk_bytes: usize,
        outcomes: OutcomeDetail,
    ) -> Self {
        let mut held: Partition = state.into();
        // Whatever it was folded from is durable.
        held.settle(held.batch() + 1);
        held.end_batch();
        let partition = held.state().partition();
        Self {
            partition,
            builder: ChunkBuilder::new(partition, DECIDE_VERSION),
            held,
            desk: Desk::new(),
            events: Vec::new(),
            scratch: Vec::new(),
            pending: Ack::default(),
            durable: tail.next_position,
            tail,
            waiting: VecDeque::new(),
            flight: Flight::default(),
            chunk_bytes,
            outcomes: outcomes == OutcomeDetail::PerLine,
            wants: Wants::default(),
            told: None,
            checkpoints: Checkpoints::default(),
            failed: false,
        }
    }

    /// What acknowledgements tell besides counts; nothing, unless it is said.
    #[must_use]
    pub const fn telling(mut self, wants: Wants) -> Self {
        self.wants = wants;
        self
    }

    /// The folded state: it may run ahead of what is durable.
    pub const fn state(&self) -> &State {
        self.held.state()
    }

    /// The partition with its people, in memory or not.
    pub const fn held(&self) -> &Partition {
        &self.held
    }

    /// Where the journal stands once everything in flight is durable.
    pub const fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Where the journal ends and what it folds to.
    pub fn into_parts(self) -> (Tail, Partition) {
        (self.tail, self.held)
    }

    /// Whether nothing is open or in flight.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.builder.is_empty()
    }

    /// How many chunks wait for the disk.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the disk is so far behind that the next batch should wait.
    pub fn is_full(&self) -> bool {
        self.waiting.len() > IN_FLIGHT
    }

    /// Decides and applies every input of a batch.
    pub fn take(&mut self, batch: &Batch, actions: &mut Vec<Action>) {
        self.told = batch.reply.as_ref().map(|_| Delivery::of(batch.items.len()));
        for item in &batch.items {
            if self.failed {
                return;
            }
            if let Err(error) = self.take_item(batch, item) {
                self.failed = true;
                actions.push(Action::Stop(checkpoint::cannot_go_on(error)));
                return;
            }
            // Also while the disk is behind: what waits then is bounded by what one core takes.
            if self.builder.len() >= self.chunk_bytes {
                self.seal(actions);
            }
        }
        if let (Some(reply), Some(mut told)) = (&batch.reply, self.told.take()) {
            told.reached = self.next_position();
            self.outgoing().delivery(reply.clone(), told);
        }
        self.held.end_batch();
    }

    /// Position of the next event.
    pub fn next_position(&self) -> u64 {
        self.tail.next_position + u64::from(self.builder.events())
    }

    /// Gives up what waits: whoever waits for it learns that it is not settled.
    pub fn abandon(&mut self) {
        self.waiting.clear();
        self.pending = Ack::default();
    }

    /// Seals what is open, if the disk is ready for it.
    pub fn flush(&mut self, actions: &mut Vec<Action>) {
        if !self.builder.is_empty() {
            if self.waiting.len() < IN_FLIGHT {
                self.seal(actions);
            }
        } else if self.waiting.is_empty() && !self.pending.is_empty() {
            actions.push(Action::Acknowledge(self.take_pending()));
        }
        self.cut_if_due(actions);
    }

    /// Takes the completion of the oldest append in flight.
    pub fn appended(&mut self, appended: Appended, actions: &mut Vec<Action>) {
        match appended.result {
            Ok(()) => {
                if let Some(Waiting { mut ack, batch, next_position }) = self.waiting.pop_front() {
                    self.durable = next_position;
                    self.flight.landed(next_position);
                    // Room that was kept for the header stands before the chunk.
                    let room = appended.buffer.len().saturating_sub(ack.counts.bytes as usize);
                    ack.chunk = self.wants.chunks.then(|| appended.buffer[room..].into());
                    actions.push(Action::Acknowledge(ack));
                    self.settle(batch, actions);
                }
            }
            Err(error) => {
                self.waiting.pop_front();
                actions.push(Action::Stop(error));
            }
        }
        self.builder.recycle(appended.buffer);
    }

    fn take_item(&mut self, batch: &Batch, item: &Item) -> Result<(), StoreError> {
        let resumable = batch.source.as_ref().filter(|source| source.is_resumable());
        if resumable.is_some_and(|source| {
            self.tail.cursors.get(&source.id).is_some_and(|covered| item.line <= *covered)
        }) {
            self.pending.counts.skipped += 1;
            return Ok(());
        }
        let bytes = &batch.bytes[item.input.clone()];
        let mut payload = bytes;
        let envelope = Envelope::get(&mut payload).expect("doors write what this reads back");
        let parsed = Parsed::from_payload(item.schema, payload).expect("as above");
        let input = parsed.input(envelope, payload);
        let subject = self.held.state().subject_of(&input);
        if !item.schema.is_task_input() {
            // Before the source's cursor moves: what cannot be taken is not covered (SIM-1).
            self.held.warm_or_rebuild(subject)?;
        }
        let place = self.place(batch.source.as_ref(), item.line);
        self.decide(batch, item, place, subject, &input, payload);
        Ok(())
    }

    fn decide(
        &mut self,
        batch: &Batch,
        item: &Item,
        place: Place,
        mut subject: u64,
        input: &Input<'_>,
        payload: &[u8],
    ) {
        let state = self.held.state();
        let raw = || match &item.raw {
            Raw::Slice(range) => raw_hash(&batch.bytes[range.clone()]),
            Raw::Kept(raw) => raw.hash,
        };
        let outcome = state.decide(&mut self.desk, subject, input, raw, &mut self.events);
        match outcome {
            Outcome::Stored => {}
            Outcome::Repeated(reason) => return self.repeated(item, input, place, reason),
            Outcome::Idle => return self.idle(item, input, place),
        }
        match self.events.first() {
            Some(Event::SubjectOpened(_)) => subject = state.next_subject(),
            Some(Event::PoolOpened(_)) => subject = state.next_pool(),
            _ => {}
        }
        let refused = matches!(self.events.first(), Some(Event::DeadLettered(_)));
        let kept = refused.then(|| match &item.raw {
            Raw::Slice(range) => raw_bytes(&batch.bytes[range.clone()]),
            Raw::Kept(raw) => (**raw).clone(),
        });
        let parts = EntryParts {
            subject,
            envelope: input.envelope,
            schema: item.schema,
            place,
            raw: kept.as_ref(),
            payload,
            events: &self.events,
        };
        let position = self.tail.next_position + u64::from(self.builder.events());
        self.flight.note(position, subject, input, &self.events, self.held.state());
        let scratch = &mut self.scratch;
        self.builder.entry(input.envelope.ts, self.events.len() as u32, |out| {
            parts.put(scratch, out);
        });
        let hash = || kept.as_ref().map_or([0; 16], |kept| kept.hash);
        self.held.apply(subject, input, &self.events, hash);
        self.pending.counts.stored(&self.events, item.schema);
        if self.wants.tally {
            let tally = self.pending.tally.get_or_insert_default();
            tally.stored(input, &self.events);
            if item.schema.is_task_input()
                && let Some(pool) = self.held.state().pool_by_number(subject)
            {
                tally.tasks.stored(pool, &self.events);
            }
        }
        if self.outcomes && place.source > 0 {
            self.pending.lines.push(LineOutcome::stored(item.line, input, &self.events));
        }
        if let Some(told) = &mut self.told {
            told.counts.stored(&self.events, item.schema);
            told.lines.push(LineOutcome::answer(item.line, &self.events));
        }
        match item.schema.is_task_input() {
            true if self.wants.assignments => self.pending.assign(subject, &self.events),
            false if self.wants.decisions => {
                self.pending.announce(subject, &self.events, self.held.state());
            }
            _ => {}
        }
    }

    /// An input that changes nothing: its sender hears that all is well. Where it has a place in a
    /// source, that is kept as a repeat's is, so that every line has its outcome after a crash.
    fn idle(&mut self, item: &Item, input: &Input<'_>, place: Place) {
        if place.source > 0 {
            return self.repeated(item, input, place, None);
        }
        self.pending.counts.idle += 1;
        if self.wants.tally {
            self.pending.tally.get_or_insert_default().idle(input);
        }
        if let Some(told) = &mut self.told {
            told.counts.idle += 1;
            told.lines.push(LineOutcome::idle(item.line));
        }
    }

    fn repeated(&mut self, item: &Item, input: &Input<'_>, place: Place, reason: Option<Reason>) {
        self.pending.counts.repeats += 1;
        if self.wants.tally {
            self.pending.tally.get_or_insert_default().repeated(input);
        }
        if let Some(told) = &mut self.told {
            let reason = reason.unwrap_or(Reason::Duplicate);
            told.counts.repeats += 1;
            told.lines.push(LineOutcome::refused(item.line, None, None, reason));
        }
        let outcome = LineOutcome::repeated(item.line, input, reason);
        if let Some(index) = place.source.checked_sub(1) {
            let (user_id, kind) = (outcome.user_id.clone(), outcome.kind.clone());
            self.builder.repeat(index, Repeat { line: item.line, reason, user_id, kind });
        }
        if self.outcomes && place.source > 0 {
            self.pending.lines.push(outcome);
        }
    }

    /// Moves the source's cursor to `line` and tells its index.
    fn place(&mut self, source: Option<&Arc<Source>>, line: u64) -> Place {
        let Some(source) = source else { return Place { source: 0, line } };
        let index = self.builder.source(source.id, &source.name);
        self.builder.cover(index, line);
        if source.is_resumable() {
            self.tail.cursors.insert(source.id, line);
        }
        Place { source: index + 1, line }
    }

    fn take_pending(&mut self) -> Ack {
        Ack { partition: Some(self.partition), ..std::mem::take(&mut self.pending) }
    }

    fn seal(&mut self, actions: &mut Vec<Action>) {
        let tail = &mut self.tail;
        let sealed = self.builder.seal(tail.next_chunk, tail.next_position, tail.head);
        tail.next_chunk += 1;
        tail.next_position += u64::from(sealed.header().events);
        tail.head = sealed.hash();
        let mut ack = self.take_pending();
        ack.counts.chunks = 1;
        ack.counts.bytes = sealed.bytes().len() as u64;
        self.checkpoints.grew(ack.counts.bytes);
        let (batch, next_position) = (self.held.batch(), self.tail.next_position);
        self.waiting.push_back(Waiting { ack, batch, next_position });
        actions.push(Action::Append(sealed));
        self.cut_if_due(actions);
    }
}
