//! What remains of the rows once they are weighed: one term each, by decision id.

use alloc::{boxed::Box, vec::Vec};

/// Most groups that the bootstrap resamples; with more persons, each group is of several.
const GROUPS_MAX: usize = 16_384;

/// A row, weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The decision.
    pub id: Box<str>,
    /// Its person's number.
    pub(super) person: u64,
    /// When, ms.
    pub at_ms: i64,
    /// Its segment.
    pub segment: u32,
    /// The arm that was chosen.
    pub arm: u32,
    /// Probability with which it was chosen.
    pub propensity: f64,
    /// The candidate's probability of that arm over its propensity.
    pub weight: f64,
    /// What came of it.
    pub reward: f64,
    /// The reward that the outcome model predicts for the chosen arm.
    pub q: f64,
    /// The same for the candidate's distribution.
    pub target_q: f64,
    /// The same for the logged distribution; none where that is not known.
    pub logged_q: Option<f64>,
    /// How many arms were eligible.
    pub eligible: u32,
}

/// A decision that is in the log twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate(pub Box<str>);

/// Terms in the order of their ids, each id once.
#[derive(Debug, Clone)]
pub struct Terms {
    pub(super) all: Vec<Term>,
    /// For each term the number of its person.
    person: Vec<u32>,
    persons: usize,
    /// For each person the number of their group.
    group: Vec<u32>,
    groups: usize,
}

impl Terms {
    pub(super) fn new(mut all: Vec<Term>) -> Result<Self, Duplicate> {
        all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        if let Some(pair) = all.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Duplicate(pair[0].id.clone()));
        }
        let mut keys: Vec<u64> = all.iter().map(|term| term.person).collect();
        keys.sort_unstable();
        keys.dedup();
        let place = |term: &Term| keys.partition_point(|&key| key < term.person) as u32;
        let person = all.iter().map(place).collect();
        let persons = keys.len();
        let groups = persons.min(GROUPS_MAX);
        // A person's number is the rank of a hash: consecutive ranks are as good as drawn.
        let group = (0..persons).map(|at| (at * groups / persons) as u32).collect();
        Ok(Self { all, person, persons, group, groups })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The terms by id.
    pub fn iter(&self) -> core::slice::Iter<'_, Term> {
        self.all.iter()
    }

    /// How many persons they are of.
    pub const fn persons(&self) -> usize {
        self.persons
    }

    /// How many groups of persons the bootstrap resamples.
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// The number of a term's person.
    pub(super) fn person(&self, at: usize) -> usize {
        self.person[at] as usize
    }

    /// The number of a term's group.
    pub(super) fn group(&self, at: usize) -> usize {
        self.group[self.person(at)] as usize
    }

    /// Places of the terms by time, then id.
    pub(super) fn by_time(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.len()).collect();
        places.sort_by_key(|&at| self.all[at].at_ms);
        places
    }
}
