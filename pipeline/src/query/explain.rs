//! One decision, from the readings that led to it to the reward that it earned.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeitgeber_processors::routing::features::FEATURE_VERSION;
use zeitgeber_schemas::{
    DecisionId, DecisionMade, Event, FeedbackBody, FeedbackRecorded, FeedbackStatus,
    InterventionIssued, InterventionSuppressed, Kind, OutcomeExpired, PartitionId, Policy,
    RhythmAnalysed, SchemaId, Span,
};

use super::{EventFilter, Position, QueryError, Scope, Visit, Walk, summary::reward_value};
use crate::{
    journal::{EventRef, Journal, Key, Place, ScanFrom},
    record::Parsed,
};

/// Names of the features, by version of the transform (from 1), in its order.
const FEATURE_NAMES: [&[&str]; FEATURE_VERSION as usize] = [&[
    "bias",
    "time of day (sin)",
    "time of day (cos)",
    "sleepiness",
    "vitality",
    "regularity",
    "recent movement",
    "recent light",
    "since last intervention",
    "weekend",
]];

/// One of a feature's units on its grid.
const GRID: f64 = 4_096.0;
/// How many of the window's readings are told.
const READINGS_TOLD: usize = 5;
/// Fewest digits that may stand for a decision's id: they name its partition.
const FEWEST_DIGITS: usize = 4;
/// How many ids are listed where several fit.
const MOST_LISTED: usize = 5;

/// Everything behind one decision, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The decision.
    pub decision: DecisionMade,
    /// Where its event stands.
    pub position: Position,
    /// The person.
    pub user_id: Option<String>,
    /// The tenant.
    pub tenant: String,
    /// The input whose arrival sealed the hour.
    pub trigger: Value,
    /// The readings that took part.
    pub readings: ReadingsUsed,
    /// The analysis that led to it.
    pub analysis: Option<RhythmAnalysed>,
    /// The context as the policy saw it.
    pub features: Vec<Feature>,
    /// The policy in force.
    pub policy: Option<Policy>,
    /// What went to the person.
    pub issued: Option<InterventionIssued>,
    /// Or why nothing did.
    pub suppressed: Option<InterventionSuppressed>,
    /// Feedback on it, in order.
    pub feedback: Vec<FeedbackTaken>,
    /// Its window passed without an outcome.
    pub expired: Option<OutcomeExpired>,
    /// The reward that the learner holds for it.
    pub learnt: Option<f64>,
}

/// The readings of an analysed window that had been accepted when it was analysed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReadingsUsed {
    /// How many, by kind.
    pub counts: BTreeMap<Kind, u64>,
    /// Event time of the earliest, ms UTC.
    pub first_ts: Option<i64>,
    /// Event time of the latest, ms UTC.
    pub last_ts: Option<i64>,
    /// The last ones accepted, as `events` shows them.
    pub last: VecDeque<Value>,
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

/// Feedback on the decision, and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackTaken {
    /// Where its event stands.
    pub position: Position,
    /// When it was given, ms UTC.
    pub ts: i64,
    /// What was answered.
    pub answer: Option<FeedbackBody>,
    /// What it did.
    pub recorded: FeedbackRecorded,
}

/// Explains the decision whose id begins with `id` (at least 4 of its 32 hexadecimal digits). The
/// whole id is found through the index; a beginning needs the whole log read once.
///
/// # Errors
///
/// No decision, or several, begin like that; the log cannot be read.
pub fn explain(journal: &dyn Journal, id: &str) -> Result<Explanation, QueryError> {
    let made = find(journal, &Prefix::parse(id)?)?;
    let (partition, subject) = (made.id.partition(), made.subject);
    let keys = [Key::decision(made.id), Key::configurations(partition)];
    let scope = Scope::subject(journal, partition, subject)?.and(keys);
    let mut found = None;
    scope.walk(journal, made.place..Place::END)?.run(|met| {
        found = found_in(met, made.id)?;
        let known = found.is_some();
        Ok(if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let mut explanation =
        found.ok_or_else(|| QueryError::UnknownDecision { id: made.id.to_string() })?;
    scope.walk(journal, Place::START..Place::END)?.run(|met| {
        if met.partition() == partition {
            explanation.take(met, subject)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(explanation)
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
    subject: u64,
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
                found.get_or_insert(Made { id, place, subject: met.entry.subject });
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

/// What the decision's own entry tells, if this is it.
fn found_in(met: &Visit<'_>, id: DecisionId) -> Result<Option<Explanation>, QueryError> {
    for decision in decisions(met) {
        let (index, decision) = decision?;
        if decision.decision_id == id {
            return told_by(met, index, *decision).map(Some);
        }
    }
    Ok(None)
}

fn told_by(met: &Visit<'_>, index: u64, made: DecisionMade) -> Result<Explanation, QueryError> {
    let (id, end_ms) = (made.decision_id, made.analysis_end_ms);
    let mut explanation = Explanation {
        position: met.position(index),
        user_id: met.user_id(),
        tenant: met.entry.tenant.into(),
        trigger: input_row(met)?.unwrap_or_default(),
        readings: ReadingsUsed::default(),
        analysis: None,
        features: features(&made),
        policy: None,
        issued: None,
        suppressed: None,
        feedback: Vec::new(),
        expired: None,
        learnt: None,
        decision: made,
    };
    for stored in met.entry.events.clone().filter(|stored| stored.seal == 0) {
        match met.event(&stored)? {
            Event::RhythmAnalysed(analysed)
                if analysed.span == Span::Hour && analysed.window_end_ms == end_ms =>
            {
                explanation.analysis = Some(*analysed);
            }
            Event::InterventionIssued(issued) if issued.decision_id == id => {
                explanation.issued = Some(issued);
            }
            Event::InterventionSuppressed(event) if event.decision_id == id => {
                explanation.suppressed = Some(event);
            }
            _ => {}
        }
    }
    Ok(explanation)
}

fn features(decision: &DecisionMade) -> Vec<Feature> {
    let version = (decision.feature_version as usize).checked_sub(1);
    let names = version.and_then(|version| FEATURE_NAMES.get(version)).copied().unwrap_or(&[]);
    let named = |(index, grid): (usize, &i32)| Feature {
        name: names.get(index).map_or_else(|| format!("x{index}"), |name| (*name).into()),
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

impl Explanation {
    /// Takes in an entry of the decision's partition.
    fn take(&mut self, met: &Visit<'_>, subject: u64) -> Result<(), QueryError> {
        if met.entry.seal != 0 {
            return Ok(());
        }
        let is_before = met.first <= self.position.n;
        match met.entry.schema {
            SchemaId::Reading if is_before && met.entry.subject == subject => self.reading(met)?,
            SchemaId::Configuration if is_before => {
                let parsed = Parsed::from_payload(met.entry.schema, met.entry.payload);
                if let Parsed::Configuration(body) = parsed.map_err(|error| met.fault(error))? {
                    self.policy = Some(body.policy);
                }
            }
            _ => {}
        }
        if !is_before {
            self.outcome(met)?;
        }
        Ok(())
    }

    fn reading(&mut self, met: &Visit<'_>) -> Result<(), QueryError> {
        let Some(analysis) = &self.analysis else {
            return Ok(());
        };
        let ts = met.entry.ts;
        let accepted = met.entry.events.clone().next();
        let counts = accepted.is_some_and(|event| event.schema == SchemaId::ReadingAccepted);
        if !counts || ts <= analysis.window_start_ms || ts > analysis.window_end_ms {
            return Ok(());
        }
        let parsed = Parsed::from_payload(met.entry.schema, met.entry.payload);
        let Parsed::Reading(body) = parsed.map_err(|error| met.fault(error))? else {
            return Ok(());
        };
        let used = &mut self.readings;
        *used.counts.entry(body.kind()).or_default() += 1;
        used.first_ts = Some(used.first_ts.map_or(ts, |first| first.min(ts)));
        used.last_ts = Some(used.last_ts.map_or(ts, |last| last.max(ts)));
        if used.last.len() == READINGS_TOLD {
            used.last.pop_front();
        }
        used.last.extend(input_row(met)?);
        Ok(())
    }

    fn outcome(&mut self, met: &Visit<'_>) -> Result<(), QueryError> {
        let id = self.decision.decision_id;
        for (index, stored) in (0..).zip(met.entry.events.clone()) {
            let tells =
                matches!(stored.schema, SchemaId::FeedbackRecorded | SchemaId::OutcomeExpired);
            if !tells || stored.seal != 0 {
                continue;
            }
            match met.event(&stored)? {
                Event::FeedbackRecorded(recorded) if recorded.decision_id == id => {
                    self.feedback(met, index, recorded)?;
                }
                Event::OutcomeExpired(expired) if expired.decision_id == id => {
                    self.learnt = expired.imputed.map(reward_value).or(self.learnt);
                    self.expired = Some(expired);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn feedback(
        &mut self,
        met: &Visit<'_>,
        index: u64,
        recorded: FeedbackRecorded,
    ) -> Result<(), QueryError> {
        let parsed = Parsed::from_payload(met.entry.schema, met.entry.payload);
        let answer = match parsed.map_err(|error| met.fault(error))? {
            Parsed::Feedback(body) => Some(body),
            _ => None,
        };
        if matches!(recorded.status, FeedbackStatus::Applied | FeedbackStatus::Corrected) {
            self.learnt = Some(reward_value(recorded.reward));
        }
        let position = met.position(index);
        self.feedback.push(FeedbackTaken { position, ts: met.entry.ts, answer, recorded });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zeitgeber_processors::routing::features::DIMENSION;

    use super::*;

    #[test]
    fn every_feature_has_a_name_and_a_prefix_needs_four_digits() {
        assert_eq!(FEATURE_NAMES[FEATURE_VERSION as usize - 1].len(), DIMENSION);
        assert!(Prefix::parse("00f").is_err() && Prefix::parse("00fg").is_err());
        let prefix = Prefix::parse("000Fa").expect("five digits suffice");
        assert_eq!(prefix.partition, PartitionId(15));
        assert!(prefix.fits(DecisionId::new(PartitionId(15), 0xa << 108)));
    }
}
