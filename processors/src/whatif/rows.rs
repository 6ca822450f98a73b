//! Decisions with what the candidate would have done, kept until their outcomes are known.
//!
//! A reward comes after its decision and may be corrected, while the candidate's distribution is
//! known at the decision alone; so rows are kept, packed, for as long as the log is read: about 16
//! bytes an eligible arm and 150 a decision.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};

use zeitgeber_schemas::{DecisionId, Event, FeedbackStatus};

use super::Pair;
use crate::{
    evaluation::{Evaluation, Outcomes, Row, RowFault, Settings, Weighing, fold_of},
    exact::FEATURE_ONE,
    routing::features::DIMENSION,
};

/// Folds of the outcome model.
const FOLDS: u32 = 5;
/// Ridge prior of the outcome model, the same as a learner's by default.
const RIDGE: f64 = 1.0;
/// Segments are the hours of people's local day.
const SEGMENTS: usize = 24;
const HOUR_MIN: u32 = 60;

/// A partition's decisions.
#[derive(Debug, Default)]
pub struct Rows {
    arms: Vec<String>,
    people: BTreeMap<u64, String>,
    places: BTreeMap<DecisionId, u32>,
    rows: Vec<Stored>,
    /// Of each row after the other: eligible arms, their logged and their candidate probabilities.
    offered: Vec<u16>,
    logged: Vec<f64>,
    target: Vec<f64>,
    x: Vec<[i32; DIMENSION]>,
}

#[derive(Debug)]
struct Stored {
    id: DecisionId,
    subject: u64,
    at_ms: i64,
    hour: u8,
    chosen: u16,
    offered: u16,
    propensity: f64,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// It may still come.
    Awaited,
    /// It did not come in time.
    Missing,
    /// A reward on the grid 2^-12.
    Reward(i32),
}

/// Why rows cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsFault {
    /// A decision cannot be right as it is logged.
    Row {
        /// The decision.
        id: DecisionId,
        /// What is wrong.
        what: &'static str,
    },
    /// A decision is in the log twice.
    Twice(String),
    /// Somebody asked to stop.
    Stopped,
}

/// A candidate, evaluated on a log of this program.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The evaluation. Its segments are hours of the local day.
    pub evaluation: Evaluation,
    /// The arms that it numbers.
    pub arms: Vec<String>,
    /// Decisions left out because their outcome may still come.
    pub awaited: u64,
}

impl Rows {
    /// Keeps a pair. Arms that only the candidate offers count as offered with probability 0.
    pub fn push(&mut self, pair: &Pair<'_>) {
        let (logged, candidate) = (pair.logged, pair.candidate);
        let find = |all: &[zeitgeber_schemas::Eligible], arm: &str| {
            all.iter().find(|one| one.arm == arm).map(|one| one.propensity)
        };
        for arm in &logged.eligible {
            let target = find(&candidate.eligible, &arm.arm).unwrap_or(0.0);
            self.offer(&arm.arm, arm.propensity, target);
        }
        let mut offered = logged.eligible.len();
        for arm in &candidate.eligible {
            if find(&logged.eligible, &arm.arm).is_none() {
                self.offer(&arm.arm, 0.0, arm.propensity);
                offered += 1;
            }
        }
        let mut x = [0; DIMENSION];
        x.iter_mut().zip(&candidate.features).for_each(|(own, x)| *own = *x);
        self.x.push(x);
        self.people.entry(pair.subject).or_insert_with(|| pair.key.to_owned());
        self.places.insert(logged.decision_id, self.rows.len() as u32);
        let chosen = self.number(&logged.chosen);
        self.rows.push(Stored {
            id: logged.decision_id,
            subject: pair.subject,
            at_ms: logged.at_ms,
            hour: (pair.local.minute / HOUR_MIN) as u8,
            chosen,
            offered: offered as u16,
            propensity: logged.propensity,
            outcome: Outcome::Awaited,
        });
    }

    /// Takes in what an input's events say of outcomes.
    pub fn take(&mut self, events: &[Event]) {
        for event in events {
            let (id, outcome) = match event {
                Event::FeedbackRecorded(event) => match event.status {
                    FeedbackStatus::Applied | FeedbackStatus::Corrected => {
                        (event.decision_id, Outcome::Reward(event.reward))
                    }
                    FeedbackStatus::Duplicate
                    | FeedbackStatus::Expired
                    | FeedbackStatus::Retired => continue,
                },
                Event::FeedbackNoted(event) => match (event.replaces, event.stands) {
                    (_, Some(reward)) => (event.decision_id, Outcome::Reward(reward)),
                    (Some(_), None) => (event.decision_id, Outcome::Missing),
                    (None, None) => continue,
                },
                Event::OutcomeExpired(event) => (event.decision_id, Outcome::Missing),
                _ => continue,
            };
            let place = self.places.get(&id);
            if let Some(row) = place.and_then(|place| self.rows.get_mut(*place as usize)) {
                row.outcome = outcome;
            }
        }
    }

    fn offer(&mut self, arm: &str, logged: f64, target: f64) {
        let number = self.number(arm);
        self.offered.push(number);
        self.logged.push(logged);
        self.target.push(target);
    }

    fn number(&mut self, arm: &str) -> u16 {
        let known = self.arms.iter().position(|known| known == arm);
        known.unwrap_or_else(|| {
            self.arms.push(arm.to_owned());
            self.arms.len() - 1
        }) as u16
    }

    /// Hands on each row whose outcome is known, its arms numbered as in `arms`; how many there are
    /// whose outcome is not.
    fn each(
        &self,
        arms: &[String],
        go_on: &dyn Fn() -> bool,
        what: &mut dyn FnMut(&Row<'_>) -> Result<(), RowFault>,
    ) -> Result<u64, RowsFault> {
        let number = |arm: &String| arms.binary_search(arm).unwrap_or_default() as u32;
        let numbers: Vec<u32> = self.arms.iter().map(number).collect();
        let (mut eligible, mut id, mut from) = (Vec::new(), String::new(), 0);
        let mut awaited = 0;
        for (row, x) in self.rows.iter().zip(&self.x) {
            if !go_on() {
                return Err(RowsFault::Stopped);
            }
            let offered = from..from + usize::from(row.offered);
            from = offered.end;
            let reward = match row.outcome {
                Outcome::Awaited => {
                    awaited += 1;
                    continue;
                }
                Outcome::Missing => None,
                Outcome::Reward(reward) => Some(f64::from(reward) / FEATURE_ONE),
            };
            eligible.clear();
            let offers = self.offered[offered.clone()].iter();
            eligible.extend(offers.map(|arm| numbers[usize::from(*arm)]));
            id.clear();
            id.push_str(&row.id.to_string());
            let person = self.people.get(&row.subject).map_or("", String::as_str);
            what(&Row {
                id: &id,
                person,
                at_ms: row.at_ms,
                segment: u32::from(row.hour),
                eligible: &eligible,
                chosen: numbers[usize::from(row.chosen)],
                propensity: row.propensity,
                propensities: Some(&self.logged[offered.clone()]),
                reward,
                x,
                fold: fold_of(person, FOLDS),
                target: &self.target[offered],
            })
            .map_err(|fault| RowsFault::Row { id: row.id, what: fault.what() })?;
        }
        Ok(awaited)
    }
}

/// Evaluates the candidate on the partitions' rows, with a ridge regression by arm on the features
/// as the outcome model. `go_on` is asked at every row.
///
/// # Errors
///
/// A decision cannot be right as it is logged, or is logged twice, or `go_on` said no.
pub fn evaluate(
    mut parts: Vec<Rows>,
    settings: &Settings,
    go_on: &dyn Fn() -> bool,
) -> Result<Evaluated, RowsFault> {
    parts.iter_mut().for_each(|part| part.places = BTreeMap::new());
    let names: BTreeSet<&String> = parts.iter().flat_map(|part| &part.arms).collect();
    let arms: Vec<String> = names.into_iter().cloned().collect();
    let mut outcomes =
        Outcomes::ridge(arms.len(), SEGMENTS, DIMENSION, RIDGE, FOLDS, settings.missing);
    let mut awaited = 0;
    for part in &parts {
        awaited += part.each(&arms, go_on, &mut |row| outcomes.learn(row))?;
    }
    let mut weighing = Weighing::new(&outcomes, *settings);
    for part in parts {
        part.each(&arms, go_on, &mut |row| weighing.feed(row))?;
    }
    let evaluation = weighing.finish().map_err(|twice| RowsFault::Twice(twice.0.into()))?;
    Ok(Evaluated { evaluation, arms, awaited })
}
