//! A partition's state rebuilt from its stored entries, with or without deciding again.

use std::fmt;

use zeitgeber_processors::flow::{Desk, Outcome, State};
use zeitgeber_schemas::{
    Envelope, Event, PartitionId, PoolOpened, SchemaId, SubjectOpened,
    wire::{Malformed, Wire},
};

use crate::{
    journal::{ChunkError, EntryRef},
    record::{Parsed, digest_entry},
    state::{DamagedRecord, Partition},
};

/// Folds the entries of one partition.
#[derive(Debug)]
pub struct Fold {
    held: Partition,
    desk: Desk,
    decided: Vec<Event>,
    events: Vec<Event>,
    scratch: Vec<u8>,
    digest: Option<blake3::Hasher>,
    position: u64,
}

/// Why a stored entry cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The chunk's bytes do not follow its schema.
    #[error("the chunk does not follow its schema: {0}")]
    Chunk(#[from] ChunkError),
    /// A payload does not follow its schema.
    #[error("a payload does not follow its schema: {0}")]
    Payload(#[from] Malformed),
    /// A payload is sealed with a key that is not at hand.
    #[error("a payload is sealed")]
    Sealed,
    /// A person's state cannot be read back.
    #[error(transparent)]
    Damaged(#[from] DamagedRecord),
}

/// Deciding again gave something else than what is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// The partition.
    pub partition: PartitionId,
    /// Position of the first event that differs.
    pub position: u64,
    /// The event stored there.
    pub stored: Option<Event>,
    /// The event decided now.
    pub decided: Option<Event>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |event: &Option<Event>| {
            event.as_ref().map_or("no event", |event| event.schema().as_str())
        };
        write!(
            f,
            "partition {} position {}: stored {}, decided again {}",
            self.partition,
            self.position,
            name(&self.stored),
            name(&self.decided)
        )?;
        match (&self.stored, &self.decided) {
            (Some(stored), Some(decided)) => {
                write!(f, "\n  stored  {stored:?}\n  decided {decided:?}")
            }
            _ => Ok(()),
        }
    }
}

impl Fold {
    /// Starts from a state, for example a snapshot's, whose next event stands at `position`.
    pub fn resume(state: impl Into<Partition>, position: u64) -> Self {
        Self {
            held: state.into(),
            desk: Desk::new(),
            decided: Vec::new(),
            events: Vec::new(),
            scratch: Vec::new(),
            digest: None,
            position,
        }
    }

    /// Starts from nothing and digests the canonical form of every entry.
    pub fn with_digest(partition: PartitionId) -> Self {
        Self { digest: Some(blake3::Hasher::new()), ..Self::resume(State::initial(partition), 0) }
    }

    /// The state so far.
    pub const fn state(&self) -> &State {
        self.held.state()
    }

    /// The partition, with whoever is in memory.
    pub const fn held(&self) -> &Partition {
        &self.held
    }

    /// Position of the next event.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Gives the state away, with whoever is in memory.
    pub fn into_partition(self) -> Partition {
        self.held
    }

    /// Notes that what was folded so far is durable, and lets people go where they take more
    /// memory than they may.
    pub fn end_chunk(&mut self) {
        self.held.settle(self.held.batch() + 1);
        self.held.end_batch();
    }

    /// The digest of every entry so far, where one is kept.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.digest.as_ref().map(|hasher| *hasher.finalize().as_bytes())
    }

    /// The events of the entry folded last.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Folds one entry.
    pub fn apply(&mut self, entry: &EntryRef<'_>) -> Result<(), FoldError> {
        self.read_events(entry)?;
        let parsed = Parsed::from_payload(entry.schema, entry.payload)?;
        let input = parsed.input(envelope(entry, ""), entry.payload);
        let hash = entry.raw.as_ref().map_or([0; 16], |raw| raw.hash);
        self.warm(entry)?;
        self.held.apply(entry.subject, &input, &self.events, || hash);
        self.position += self.events.len() as u64;
        if let Some(hasher) = &mut self.digest {
            digest_entry(entry, &mut self.scratch, hasher);
        }
        Ok(())
    }

    /// Decides again on the stored input, compares every event bit for bit, then folds the entry.
    pub fn verify(&mut self, entry: &EntryRef<'_>) -> Result<Option<Divergence>, FoldError> {
        let first = self.position;
        let parsed = Parsed::from_payload(entry.schema, entry.payload)?;
        let opened = opened_name(entry)?;
        self.warm(entry)?;
        let state = self.held.state();
        let known = if entry.schema.is_task_input() {
            state.pool_by_number(entry.subject).map(|pool| pool.name.as_str())
        } else {
            state.person(entry.subject).map(|person| person.user_id.as_str())
        };
        let user_id = known.or(opened.as_deref()).unwrap_or("");
        let input = parsed.input(envelope(entry, user_id), entry.payload);
        let subject = if known.is_some() { entry.subject } else { 0 };
        let hash = entry.raw.as_ref().map_or([0; 16], |raw| raw.hash);
        let outcome = state.decide(&mut self.desk, subject, &input, || hash, &mut self.decided);
        if outcome != Outcome::Stored {
            self.decided.clear();
        }
        let differs = self.first_difference(entry);
        self.apply(entry)?;
        Ok(differs.map(|index| Divergence {
            partition: self.state().partition(),
            position: first + index as u64,
            stored: self.events.get(index).cloned(),
            decided: self.decided.get(index).cloned(),
        }))
    }

    /// Has the person in memory whom an entry concerns; pools are always there.
    fn warm(&mut self, entry: &EntryRef<'_>) -> Result<(), DamagedRecord> {
        if entry.schema.is_task_input() { Ok(()) } else { self.held.warm(entry.subject) }
    }

    fn first_difference(&mut self, entry: &EntryRef<'_>) -> Option<usize> {
        let mut index = 0;
        for recorded in entry.events.clone() {
            let same = self.decided.get(index).is_some_and(|event| {
                self.scratch.clear();
                event.put_payload(&mut self.scratch);
                event.schema() == recorded.schema && self.scratch == recorded.payload
            });
            if !same {
                return Some(index);
            }
            index += 1;
        }
        (index < self.decided.len()).then_some(index)
    }

    fn read_events(&mut self, entry: &EntryRef<'_>) -> Result<(), FoldError> {
        if entry.seal != 0 {
            return Err(FoldError::Sealed);
        }
        self.events.clear();
        for recorded in entry.events.clone() {
            if recorded.seal != 0 {
                return Err(FoldError::Sealed);
            }
            self.events.push(Event::from_payload(recorded.schema, recorded.payload)?);
        }
        Ok(())
    }
}

/// The digest of a state, whatever chunks it was folded from: BLAKE3 of its serialised form.
/// Everybody must be in memory.
pub fn state_digest(state: &State) -> Result<[u8; 32], postcard::Error> {
    let bytes = postcard::to_stdvec(state)?;
    Ok(*blake3::hash(&bytes).as_bytes())
}

/// Joins the partitions' hashes, in order, into one.
pub fn join_hashes(hashes: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(&hash);
    }
    *hasher.finalize().as_bytes()
}

/// Whom an entry introduces, if it does: a person, or a pool of agents.
pub fn opened_name(entry: &EntryRef<'_>) -> Result<Option<String>, Malformed> {
    let Some(first) = entry.events.clone().next() else { return Ok(None) };
    match (first.schema, &mut &*first.payload) {
        (SchemaId::SubjectOpened, from) => Ok(Some(SubjectOpened::get(from)?.user_id)),
        (SchemaId::PoolOpened, from) => Ok(Some(PoolOpened::get(from)?.pool)),
        _ => Ok(None),
    }
}

/// The envelope of a stored input.
pub fn envelope<'a>(entry: &EntryRef<'a>, user_id: &'a str) -> Envelope<'a> {
    Envelope { tenant: entry.tenant, user_id, id: entry.id, ts: entry.ts, recv_ts: entry.recv_ts }
}
