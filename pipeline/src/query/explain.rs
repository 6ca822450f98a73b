//! One decision, from what led to it to the reward that it earned.
//!
//! The learner decides for people (which intervention) and for pools of agents (who gets a task).
//! Both kinds carry ids of one form and are found by them alike; what stands behind them differs,
//! and so does what is told.

mod person;
mod task;

use std::{ops::ControlFlow, sync::Arc};

pub(crate) use person::feature_name;
pub use person::{FeedbackTaken, PersonDecision, ReadingsUsed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use task::{Submitted, TaskDecision};
use zeitgeber_schemas::{DecisionId, DecisionMade, Event, PartitionId, SchemaId};

use super::{EventFilter, QueryError, Visit, Walk};
use crate::journal::{EventRef, Journal, Key, Place, ScanFrom};

/// One of a feature's units on its grid.
const GRID: f64 = 4_096.0;
/// Fewest digits that may stand for a decision's id: they name its partition.
const FEWEST_DIGITS: usize = 4;
/// How many ids are listed where several fit.
const MOST_LISTED: usize = 5;

/// Everything behind one decision, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Explanation {
    /// Which intervention a person got.
    Person(Box<PersonDecision>),
    /// Which agent got a task.
    Task(Box<TaskDecision>),
}

/// A feature of the context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its value on the grid 2^-12.
    pub grid: i32,
    /// Its value.
    pub value: f64,
}

/// Explains the decision whose id begins with `id` (at least 4 of its 32 hexadecimal digits). The
/// whole id is found through the index; a beginning needs the whole log read once.
///
/// # Errors
///
/// No decision, or several, begin like that; the log cannot be read.
pub fn explain(journal: &dyn Journal, id: &str) -> Result<Explanation, QueryError> {
    let made = find(journal, &Prefix::parse(id)?)?;
    Ok(match made.is_of_a_task {
        true => Explanation::Task(Box::new(task::explain(journal, &made)?)),
        false => Explanation::Person(Box::new(person::explain(journal, &made)?)),
    })
}

struct Prefix {
    digits: String,
    partition: PartitionId,
}

impl Prefix {
    fn parse(id: &str) -> Result<Self, QueryError> {
        let digits = id.trim().to_ascii_lowercase();
        let wrong = || QueryError::NotADecisionId { id: id.into() };
        let fits = (FEWEST_DIGITS..=32).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !fits {
            return Err(wrong());
        }
        let partition = u16::from_str_radix(&digits[..FEWEST_DIGITS], 16).map_err(|_| wrong())?;
        Ok(Self { digits, partition: PartitionId(partition) })
    }

    /// The decision's id, where these are all its digits.
    fn whole(&self) -> Option<DecisionId> {
        self.digits.parse().ok()
    }

    fn fits(&self, id: DecisionId) -> bool {
        id.to_string().starts_with(&self.digits)
    }
}

/// Where a decision was made, and whose it is.
struct Made {
    id: DecisionId,
    place: Place,
    /// A person's number in the partition, or a pool's: they are numbered apart.
    subject: u64,
    is_of_a_task: bool,
}

impl Made {
    fn unknown(&self) -> QueryError {
        QueryError::UnknownDecision { id: self.id.to_string() }
    }
}

fn find(journal: &dyn Journal, prefix: &Prefix) -> Result<Made, QueryError> {
    let (mut found, mut fitting) = (None, Vec::new());
    let (scan, most) = match prefix.whole() {
        Some(id) => (journal.find(&[Key::decision(id)], ScanFrom::default())?, 1),
        None => (journal.scan(ScanFrom::default())?, MOST_LISTED),
    };
    Walk::over(scan, Arc::default()).run(|met| {
        if met.partition() != prefix.partition {
            return Ok(ControlFlow::Continue(()));
        }
        for decision in decisions(met) {
            let (_, decision) = decision?;
            if prefix.fits(decision.decision_id) {
                let (id, place) = (decision.decision_id, met.place);
                fitting.push(id);
                let (subject, is_of_a_task) = (met.entry.subject, met.entry.schema.is_task_input());
                found.get_or_insert(Made { id, place, subject, is_of_a_task });
            }
        }
        let enough = fitting.len() >= most;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let id = prefix.digits.clone();
    match found {
        Some(found) if fitting.len() == 1 => Ok(found),
        Some(_) => Err(QueryError::AmbiguousDecision { id, found: fitting }),
        None => Err(QueryError::UnknownDecision { id }),
    }
}

/// The decisions among an entry's events, with their index.
fn decisions(
    met: &Visit<'_>,
) -> impl Iterator<Item = Result<(u64, Box<DecisionMade>), QueryError>> {
    let made =
        |event: &(u64, EventRef<'_>)| event.1.schema == SchemaId::DecisionMade && event.1.seal == 0;
    (0..).zip(met.entry.events.clone()).filter(made).filter_map(|(index, stored)| {
        match met.event(&stored) {
            Ok(Event::DecisionMade(decision)) => Some(Ok((index, decision))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    })
}

/// A decision in its own entry, if this is it.
fn found_in(
    met: &Visit<'_>,
    id: DecisionId,
) -> Result<Option<(u64, Box<DecisionMade>)>, QueryError> {
    for decision in decisions(met) {
        let (index, decision) = decision?;
        if decision.decision_id == id {
            return Ok(Some((index, decision)));
        }
    }
    Ok(None)
}

/// The features of a decision, by these names where there are so many.
fn features(decision: &DecisionMade, name: impl Fn(usize) -> String) -> Vec<Feature> {
    let named = |(index, grid): (usize, &i32)| Feature {
        name: name(index),
        grid: *grid,
        value: f64::from(*grid) / GRID,
    };
    decision.features.iter().enumerate().map(named).collect()
}

fn input_row(met: &Visit<'_>) -> Result<Option<Value>, QueryError> {
    let filter = EventFilter { schema: Some(met.entry.schema), ..EventFilter::default() };
    let row = filter.rows(met)?.into_iter().next();
    // Rows are numbers, text and JSON, which always have a JSON form.
    Ok(row.map(|row| serde_json::to_value(row).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_needs_four_digits() {
        assert!(Prefix::parse("00f").is_err() && Prefix::parse("00fg").is_err());
        let prefix = Prefix::parse("000Fa").expect("five digits suffice");
        assert_eq!(prefix.partition, PartitionId(15));
        assert!(prefix.fits(DecisionId::new(PartitionId(15), 0xa << 108)));
    }
}
