//! What a subscriber wants, and sets of topics that are cheap to compare.

use zeitgeber_schemas::{PartitionId, SchemaId, murmur2_partition};

use crate::query::Topic;

/// Which events a subscriber wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of these topics; none named: of every topic.
    pub topics: Vec<Topic>,
    /// Those of this person (person key).
    pub person: Option<String>,
    /// Those of this pool of agents (named as people are), where no person is named.
    pub pool: Option<String>,
    /// Those that name this agent.
    pub agent: Option<String>,
}

/// Whom an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About<'a> {
    /// Nobody, or somebody who is not known.
    Nobody,
    /// A person, by person key.
    Person(&'a str),
    /// A pool of agents, by the same kind of key.
    Pool(&'a str),
}

/// Most topics that a set can hold.
pub(super) const TOPICS_MAX: usize = u32::BITS as usize;

const _: () = assert!(Topic::ALL.len() <= TOPICS_MAX, "a set has a bit for each topic");

/// A set of topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Topics(u32);

impl Topics {
    /// The topic of an event's schema; none for an input's.
    pub(super) fn of(schema: SchemaId) -> Self {
        Topic::of(schema).map_or(Self::default(), Self::one)
    }

    pub(super) const fn one(topic: Topic) -> Self {
        Self(1 << topic as u32)
    }

    pub(super) const fn bit(bit: usize) -> Self {
        Self(1 << bit)
    }

    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Filter {
    /// Whom the events must be about; nobody: that does not matter.
    pub(super) fn about(&self) -> About<'_> {
        match (&self.person, &self.pool) {
            (Some(person), _) => About::Person(person),
            (None, Some(pool)) => About::Pool(pool),
            (None, None) => About::Nobody,
        }
    }

    /// The partition of whom they are about; none: any.
    pub(super) fn partition(&self, partitions: u16) -> Option<PartitionId> {
        let (About::Person(key) | About::Pool(key)) = self.about() else { return None };
        // So a person of the tenant `default` is named whose id reads as another tenant's.
        let key = key.strip_prefix("default/").unwrap_or(key);
        Some(murmur2_partition(key.as_bytes(), partitions))
    }

    pub(super) fn topics(&self) -> Topics {
        let all = if self.topics.is_empty() { &Topic::ALL[..] } else { &self.topics };
        all.iter().fold(Topics::default(), |set, topic| set.and(Topics::one(*topic)))
    }
}
