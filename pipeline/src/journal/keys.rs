//! Keys: under which names an entry is to be found again.
//!
//! A key is a 64-bit hash of a kind and of what it names, so an index need not know what that is.
//! Two things may share a key: whoever looks something up reads what was found and compares. To
//! make entries findable by something new, add a kind here and push it in [`keys_of`].

mod refused;

pub use refused::refused_user;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zeitgeber_schemas::{
    ChunkHeader, DecisionId, PartitionId, SchemaId, SubjectOpened, person_key,
    wire::{Wire, get_str},
};

use super::EntryRef;

/// Version of what [`keys_of`] and [`keys_of_header`] give. It grows with every change to them:
/// an index of another version is not used.
pub const KEYS_VERSION: u32 = 1;

/// The seeds of the kinds. They stand for themselves in stored indexes and are never reused.
const SUBJECT: u64 = 1;
const DECISION: u64 = 2;
const PERSON: u64 = 3;
const CONFIGURATIONS: u64 = 4;
const OPENINGS: u64 = 5;
const TASK: u64 = 6;

/// What entries are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// What a chunk is filed under that cannot be read: every search meets it, and says so.
    pub(super) const UNREADABLE: Self = Self(0);

    fn of(kind: u64, bytes: &[u8]) -> Self {
        Self(xxh3_64_with_seed(bytes, kind))
    }

    /// Every entry of a subject.
    pub fn subject(partition: PartitionId, subject: u64) -> Self {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&partition.0.to_le_bytes());
        bytes[2..].copy_from_slice(&subject.to_le_bytes());
        Self::of(SUBJECT, &bytes)
    }

    /// Every entry of a pool of agents, which are numbered apart from people.
    pub fn pool(partition: PartitionId, number: u64) -> Self {
        Self::task(partition, number, "")
    }

    /// The entries with events of a task, which its pool's number and its id name.
    pub fn task(partition: PartitionId, pool: u64, id: &str) -> Self {
        let mut bytes = partition.0.to_le_bytes().to_vec();
        bytes.extend_from_slice(&pool.to_le_bytes());
        bytes.extend_from_slice(id.as_bytes());
        Self::of(TASK, &bytes)
    }

    /// The entries with events of a decision: what was decided, issued, answered, expired.
    pub fn decision(id: DecisionId) -> Self {
        Self::of(DECISION, &id.0.to_le_bytes())
    }

    /// By person key: the entry that opened the person's subject, and refused inputs that concern
    /// them by their bytes but stand under no subject.
    pub fn person(key: &str) -> Self {
        Self::of(PERSON, key.as_bytes())
    }

    /// The configurations of a partition.
    pub fn configurations(partition: PartitionId) -> Self {
        Self::of(CONFIGURATIONS, &partition.0.to_le_bytes())
    }

    /// Every entry that opened a subject.
    pub fn openings() -> Self {
        Self::of(OPENINGS, &[])
    }
}

/// The keys of an entry, repeats included.
pub fn keys_of(header: &ChunkHeader, entry: &EntryRef<'_>, keys: &mut Vec<Key>) {
    if entry.schema.is_task_input() {
        keys.push(Key::pool(header.partition, entry.subject));
    } else if entry.subject != 0 {
        keys.push(Key::subject(header.partition, entry.subject));
    } else if let Some(user) = refused_user(entry) {
        keys.push(Key::person(&person_key(entry.tenant, &user)));
    }
    if entry.schema == SchemaId::Configuration {
        keys.push(Key::configurations(header.partition));
    }
    for event in entry.events.clone().filter(|event| event.seal == 0) {
        let mut payload = event.payload;
        match event.schema {
            SchemaId::SubjectOpened => {
                keys.push(Key::openings());
                if let Ok(opened) = SubjectOpened::get(&mut payload) {
                    keys.push(Key::person(&person_key(entry.tenant, &opened.user_id)));
                }
            }
            SchemaId::PoolOpened => keys.push(Key::openings()),
            // The decision's id is the first field of each.
            SchemaId::DecisionMade
            | SchemaId::ShadowDecided
            | SchemaId::InterventionIssued
            | SchemaId::InterventionSuppressed
            | SchemaId::FeedbackRecorded
            | SchemaId::FeedbackNoted
            | SchemaId::FeedbackParked
            | SchemaId::FeedbackOrphaned
            | SchemaId::OutcomeExpired => {
                keys.extend(DecisionId::get(&mut payload).ok().map(Key::decision));
            }
            // So is the task's id.
            SchemaId::TaskQueued
            | SchemaId::TaskEscalated
            | SchemaId::TaskAssigned
            | SchemaId::TaskStarted
            | SchemaId::TaskCompleted
            | SchemaId::TaskFailed
            | SchemaId::TaskReleased
            | SchemaId::TaskCancelled
            | SchemaId::TaskExpired
            | SchemaId::TaskDeadLettered => {
                let id = get_str(&mut payload).ok();
                keys.extend(id.map(|id| Key::task(header.partition, entry.subject, id)));
            }
            _ => {}
        }
    }
}

/// The keys of what a chunk's header holds itself: the people of repeats that were only counted.
pub fn keys_of_header(header: &ChunkHeader, keys: &mut Vec<Key>) {
    let repeats = header.cursors.iter().flat_map(|cursor| &cursor.repeats);
    let refused = repeats.filter(|repeat| repeat.reason.is_some());
    keys.extend(refused.filter_map(|repeat| Some(Key::person(repeat.user_id.as_deref()?))));
}
