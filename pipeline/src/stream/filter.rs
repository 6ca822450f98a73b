//! What a subscriber wants, and sets of topics that are cheap to compare.

use zeitgeber_schemas::SchemaId;

use crate::query::Topic;

/// Which events a subscriber wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of these topics; none named: of every topic.
    pub topics: Vec<Topic>,
    /// Those of this person (person key).
    pub person: Option<String>,
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
    pub(super) fn topics(&self) -> Topics {
        let all = if self.topics.is_empty() { &Topic::ALL[..] } else { &self.topics };
        all.iter().fold(Topics::default(), |set, topic| set.and(Topics::one(*topic)))
    }
}
