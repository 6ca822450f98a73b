//! Which decisions a candidate turns, by arm, hour of the day, person and cause, with examples.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Reverse;

use zeitgeber_schemas::{DecisionId, DecisionMade};

use super::Pair;
use crate::evaluation::ExactSum;

/// Examples kept of each turn.
const EXAMPLES: usize = 3;
/// Hours of a day.
const HOURS: usize = 24;
const HOUR_MIN: u32 = 60;

/// Why a decision turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The candidate masks the arm that was chosen.
    Masked,
    /// The candidate chooses an arm that was masked, or that the log did not have.
    Offered,
    /// The same draw, another preferred arm.
    Preferred,
    /// The same preferred arm: another epsilon, another seed, or other arms to explore.
    Drawn,
}

impl Cause {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Offered => "newly offered",
            Self::Preferred => "preferred",
            Self::Drawn => "drawn",
        }
    }
}

/// What was compared, and what of it turned. Sums are exact, so that partitions may be merged in
/// any order.
#[derive(Debug, Clone, Default)]
pub struct Flips {
    /// Decisions compared.
    pub decisions: u64,
    /// Decisions in which the same draw chooses another arm.
    pub flips: u64,
    /// Decisions in which another arm is preferred.
    pub preferred: u64,
    /// Decisions in which other arms are eligible.
    pub eligibility: u64,
    /// Decisions in which any probability differs.
    pub changed: u64,
    /// Sum of the total variation between both distributions.
    moved: ExactSum,
    turns: BTreeMap<(String, String), Turns>,
    causes: BTreeMap<Cause, u64>,
    hours: [(u64, u64); HOURS],
    people: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Clone, Default)]
struct Turns {
    count: u64,
    examples: Vec<Example>,
}

/// Decisions that turned from one arm to another.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Turn {
    /// What the log chose.
    pub from: String,
    /// What the candidate chooses.
    pub to: String,
    /// How often.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// A decision that turned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Example {
    /// When, ms UTC.
    pub at_ms: i64,
    /// The decision.
    pub decision_id: DecisionId,
    /// The person's key.
    pub person: String,
    /// Why.
    pub cause: Cause,
}

/// An hour of people's local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Hour {
    /// From 0 to 23.
    pub hour: usize,
    /// Decisions compared.
    pub decisions: u64,
    /// Those that turned.
    pub flips: u64,
}

/// A person's decisions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PersonFlips {
    /// The person's key.
    pub person: String,
    /// Decisions compared.
    pub decisions: u64,
    /// Those that turned.
    pub flips: u64,
}

impl Flips {
    /// Compares a pair.
    pub fn add(&mut self, pair: &Pair<'_>) {
        let (logged, candidate) = (pair.logged, pair.candidate);
        let flipped = u64::from(logged.chosen != candidate.chosen);
        let moved = total_variation(logged, candidate);
        self.decisions += 1;
        self.flips += flipped;
        self.preferred += u64::from(logged.greedy != candidate.greedy);
        self.eligibility += u64::from(!same_arms(logged, candidate));
        self.changed += u64::from(moved > 0.0);
        self.moved.add(moved);
        let hour = &mut self.hours[(pair.local.minute / HOUR_MIN) as usize % HOURS];
        *hour = (hour.0 + 1, hour.1 + flipped);
        match self.people.get_mut(pair.key) {
            Some(person) => *person = (person.0 + 1, person.1 + flipped),
            None => drop(self.people.insert(pair.key.to_owned(), (1, flipped))),
        }
        if flipped > 0 {
            let cause = cause(logged, candidate);
            *self.causes.entry(cause).or_default() += 1;
            let key = (logged.chosen.clone(), candidate.chosen.clone());
            let turns = self.turns.entry(key).or_default();
            turns.count += 1;
            let (at_ms, decision_id) = (logged.at_ms, logged.decision_id);
            let person = pair.key.to_string();
            turns.keep(Example { at_ms, decision_id, person, cause });
        }
    }

    /// Adds what was compared in another partition.
    pub fn merge(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.flips += other.flips;
        self.preferred += other.preferred;
        self.eligibility += other.eligibility;
        self.changed += other.changed;
        self.moved.merge(other.moved);
        for (own, other) in self.hours.iter_mut().zip(other.hours) {
            *own = (own.0 + other.0, own.1 + other.1);
        }
        for (cause, count) in other.causes {
            *self.causes.entry(cause).or_default() += count;
        }
        for (person, (decisions, flips)) in other.people {
            let own = self.people.entry(person).or_default();
            *own = (own.0 + decisions, own.1 + flips);
        }
        for (key, turns) in other.turns {
            let own = self.turns.entry(key).or_default();
            own.count += turns.count;
            turns.examples.into_iter().for_each(|example| own.keep(example));
        }
    }

    /// Mean total variation: the share of decisions that both would make differently in the long
    /// run, draws apart.
    pub fn moved(&self) -> f64 {
        self.moved.value() / self.decisions.max(1) as f64
    }

    /// From arm to arm, the most frequent first.
    pub fn turns(&self) -> Vec<Turn> {
        let turn = |((from, to), turns): (&(String, String), &Turns)| Turn {
            from: from.clone(),
            to: to.clone(),
            count: turns.count,
            examples: turns.examples.clone(),
        };
        let mut all: Vec<Turn> = self.turns.iter().map(turn).collect();
        all.sort_by_key(|turn| Reverse(turn.count));
        all
    }

    /// How many turned for which cause.
    pub fn causes(&self) -> impl Iterator<Item = (Cause, u64)> {
        self.causes.iter().map(|(cause, count)| (*cause, *count))
    }

    /// By hour of the local day.
    pub fn hours(&self) -> Vec<Hour> {
        let hour =
            |(hour, &(decisions, flips)): (usize, &(u64, u64))| Hour { hour, decisions, flips };
        self.hours.iter().enumerate().map(hour).collect()
    }

    /// How many persons' decisions were compared, and of how many some turned.
    pub fn persons(&self) -> (usize, usize) {
        (self.people.len(), self.people.values().filter(|(_, flips)| *flips > 0).count())
    }

    /// At most so many persons, those with the most flips first.
    pub fn people(&self, most: usize) -> Vec<PersonFlips> {
        let mut all: Vec<(&String, &(u64, u64))> =
            self.people.iter().filter(|(_, (_, flips))| *flips > 0).collect();
        all.sort_by_key(|(_, (_, flips))| Reverse(*flips));
        let person = |(key, &(decisions, flips)): (&String, &(u64, u64))| PersonFlips {
            person: key.clone(),
            decisions,
            flips,
        };
        all.into_iter().take(most).map(person).collect()
    }
}

impl Turns {
    /// Keeps the earliest, whatever the order in which they come.
    fn keep(&mut self, example: Example) {
        let place = |one: &Example| (one.at_ms, one.decision_id);
        let at = self.examples.partition_point(|one| place(one) < place(&example));
        if at < EXAMPLES {
            self.examples.insert(at, example);
            self.examples.truncate(EXAMPLES);
        }
    }
}

fn offers(decision: &DecisionMade, arm: &str) -> Option<f64> {
    decision.eligible.iter().find(|one| one.arm == arm).map(|one| one.propensity)
}

fn same_arms(one: &DecisionMade, other: &DecisionMade) -> bool {
    one.eligible.len() == other.eligible.len()
        && one.eligible.iter().all(|arm| offers(other, &arm.arm).is_some())
}

/// Half the sum of the probabilities' distances.
fn total_variation(one: &DecisionMade, other: &DecisionMade) -> f64 {
    let mut sum = 0.0;
    for arm in &one.eligible {
        sum += libm::fabs(arm.propensity - offers(other, &arm.arm).unwrap_or(0.0));
    }
    let new = other.eligible.iter().filter(|arm| offers(one, &arm.arm).is_none());
    0.5 * new.fold(sum, |sum, arm| sum + arm.propensity)
}

fn cause(logged: &DecisionMade, candidate: &DecisionMade) -> Cause {
    if offers(candidate, &logged.chosen).is_none() {
        Cause::Masked
    } else if offers(logged, &candidate.chosen).is_none() {
        Cause::Offered
    } else if logged.greedy != candidate.greedy {
        Cause::Preferred
    } else {
        Cause::Drawn
    }
}
