//! A partition's people: everybody has a number, and who is needed is in memory.
//!
//! Whoever is *hot* has their state here; of who is *cold* only key and number are known, and the
//! shell keeps the state elsewhere. **PEOPLE-1** Deciding and folding meet hot people only: the
//! shell warms an input's subject first. So who is hot never changes what is decided.

use alloc::{string::String, sync::Arc, vec::Vec};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeitgeber_schemas::person_key;

use super::{Person, State};

/// Everybody that a partition knows, by subject number and by key.
///
/// States are shared, not copied, with whoever writes them down; they are copied when they change
/// while that lasts.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    slots: Vec<Option<Arc<Person>>>,
    numbers: Arc<HashMap<Arc<str>, u64, FixedState>>,
}

impl People {
    pub(super) fn number(&self, tenant: &str, user_id: &str) -> u64 {
        self.numbers.get(&*person_key(tenant, user_id)).copied().unwrap_or(0)
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, subject: u64) -> Option<&Arc<Person>> {
        let slot = self.slots.get(index(subject)?)?;
        Some(slot.as_ref().expect("PEOPLE-1: the shell warms a subject before it is asked about"))
    }

    pub(super) fn get_mut(&mut self, subject: u64) -> Option<&mut Person> {
        let slot = self.slots.get_mut(index(subject)?)?;
        let person =
            slot.as_mut().expect("PEOPLE-1: the shell warms a subject before it is folded");
        Some(Arc::make_mut(person))
    }

    pub(super) fn push(&mut self, person: Person) {
        let number = self.slots.len() as u64 + 1;
        Arc::make_mut(&mut self.numbers).insert(person.key.as_str().into(), number);
        self.slots.push(Some(Arc::new(person)));
    }

    fn cold(&self) -> Self {
        Self { slots: alloc::vec![None; self.slots.len()], numbers: Arc::clone(&self.numbers) }
    }

    fn keys(&self) -> Vec<&str> {
        let mut keys = alloc::vec![""; self.slots.len()];
        for (key, number) in self.numbers.iter() {
            if let Some(slot) = index(*number).and_then(|index| keys.get_mut(index)) {
                *slot = key;
            }
        }
        keys
    }
}

/// Where a subject number stands in the list; 0 is nobody.
fn index(subject: u64) -> Option<usize> {
    usize::try_from(subject).ok()?.checked_sub(1)
}

impl PartialEq for People {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots && self.numbers == other.numbers
    }
}

/// Keys in order of their numbers, then the states of those who are hot.
#[derive(Deserialize)]
struct Stored<K, P> {
    keys: Vec<K>,
    people: Vec<Option<P>>,
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let people: Vec<Option<&Person>> = self.slots.iter().map(Option::as_deref).collect();
        let mut stored = serializer.serialize_struct("Stored", 2)?;
        stored.serialize_field("keys", &self.keys())?;
        stored.serialize_field("people", &people)?;
        stored.end()
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<String, Person>::deserialize(deserializer)?;
        if stored.keys.len() != stored.people.len() {
            return Err(serde::de::Error::custom("as many keys as people are needed"));
        }
        let numbers = stored.keys.iter().zip(1..).map(|(key, n)| (Arc::from(key.as_str()), n));
        let numbers = Arc::new(numbers.collect());
        let slots = stored.people.into_iter().map(|person| person.map(Arc::new)).collect();
        Ok(Self { slots, numbers })
    }
}

impl State {
    /// How many people are known.
    pub const fn known(&self) -> usize {
        self.people.len()
    }

    /// Whoever is hot, in order of subject number.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.slots.iter().flatten().map(Arc::as_ref)
    }

    /// Every key in order of subject number (from 1), hot or cold.
    pub fn keys(&self) -> Vec<&str> {
        self.people.keys()
    }

    /// Whether the person with this subject number is known and not in memory.
    pub fn is_cold(&self, subject: u64) -> bool {
        index(subject).and_then(|index| self.people.slots.get(index)).is_some_and(Option::is_none)
    }

    /// Puts a cold person's state back. Of nobody known nothing is kept.
    pub fn warm(&mut self, subject: u64, person: Arc<Person>) {
        if let Some(slot) = index(subject).and_then(|index| self.people.slots.get_mut(index)) {
            *slot = Some(person);
        }
    }

    /// Takes a person's state out of memory; none where it is not in it.
    pub fn chill(&mut self, subject: u64) -> Option<Arc<Person>> {
        index(subject).and_then(|index| self.people.slots.get_mut(index))?.take()
    }

    /// A hot person's state to be written down beside the run; none where it is not in memory.
    pub fn share(&self, subject: u64) -> Option<Arc<Person>> {
        index(subject).and_then(|index| self.people.slots.get(index))?.clone()
    }

    /// A copy of what the people share, with everybody cold.
    pub fn without_people(&self) -> Self {
        Self {
            partition: self.partition,
            people: self.people.cold(),
            refused: self.refused.clone(),
            routing: self.routing.clone(),
            intervention: self.intervention.clone(),
            feedback: self.feedback.clone(),
            pools: self.pools.clone(),
        }
    }
}
