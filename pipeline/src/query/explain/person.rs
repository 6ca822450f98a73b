//! A person's decision: readings, analysis, context, arms, intervention, feedback.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeitgeber_processors::routing::features::FEATURE_VERSION;
use zeitgeber_schemas::{
    DecisionMade, Event, FeedbackBody, FeedbackNoted, FeedbackRecorded, FeedbackStatus,
    InterventionIssued, InterventionSuppressed, Kind, OutcomeExpired, Policy, RhythmAnalysed,
    SchemaId, Span,
};

use super::{Feature, Made, features, found_in, input_row};
use crate::{
    journal::{Journal, Key, Place},
    query::{Position, QueryError, Scope, Visit, summary::reward_value},
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

/// How many of the window's readings are told.
const READINGS_TOLD: usize = 5;

/// Everything behind the choice of an intervention, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonDecision {
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
    /// The policy of the version that decided.
    pub policy: Option<Policy>,
    /// What went to the person.
    pub issued: Option<InterventionIssued>,
    /// Or why nothing did.
    pub suppressed: Option<InterventionSuppressed>,
    /// Feedback on it, in order.
    pub feedback: Vec<FeedbackTaken>,
    /// Feedback whose own reward does not stand: retractions, words on whether it was shown.
    #[serde(default)]
    pub noted: Vec<FeedbackWord>,
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

/// Feedback on the decision whose own reward does not stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedbackWord {
    /// Where its event stands.
    pub position: Position,
    /// What it said, and what it did.
    pub noted: FeedbackNoted,
}

pub(super) fn explain(journal: &dyn Journal, made: &Made) -> Result<PersonDecision, QueryError> {
    let (partition, subject) = (made.id.partition(), made.subject);
    let keys = [Key::decision(made.id), Key::configurations(partition)];
    let scope = Scope::subject(journal, partition, subject)?.and(keys);
    let mut found = None;
    scope.walk(journal, made.place..Place::END)?.run(|met| {
        if let Some((index, decision)) = found_in(met, made.id)? {
            found = Some(told_by(met, index, *decision)?);
        }
        let known = found.is_some();
        Ok(if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let mut explanation = found.ok_or_else(|| made.unknown())?;
    scope.walk(journal, Place::START..Place::END)?.run(|met| {
        if met.partition() == partition {
            explanation.take(met, subject)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(explanation)
}

fn told_by(met: &Visit<'_>, index: u64, made: DecisionMade) -> Result<PersonDecision, QueryError> {
    let (id, end_ms) = (made.decision_id, made.analysis_end_ms);
    let mut explanation = PersonDecision {
        position: met.position(index),
        user_id: met.user_id(),
        tenant: met.entry.tenant.into(),
        trigger: input_row(met)?.unwrap_or_default(),
        readings: ReadingsUsed::default(),
        analysis: None,
        features: features(&made, |index| name(&made, index)),
        policy: None,
        issued: None,
        suppressed: None,
        feedback: Vec::new(),
        noted: Vec::new(),
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

/// What a feature is called, as far as this version knows the transform.
fn name(made: &DecisionMade, index: usize) -> String {
    feature_name(made.feature_version, index)
}

/// The name of a feature by version of the transform and place.
pub(crate) fn feature_name(version: u32, index: usize) -> String {
    let version = (version as usize).checked_sub(1);
    let names = version.and_then(|version| FEATURE_NAMES.get(version)).copied().unwrap_or(&[]);
    names.get(index).map_or_else(|| format!("x{index}"), |name| (*name).into())
}

impl PersonDecision {
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
                if let Parsed::Configuration(body) = parsed.map_err(|error| met.fault(error))?
                    && body.version == self.decision.configuration
                {
                    self.policy = Some(body.policy);
                }
            }
            _ => {}
        }
        self.outcome(met)
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
            let tells = matches!(
                stored.schema,
                SchemaId::FeedbackRecorded | SchemaId::FeedbackNoted | SchemaId::OutcomeExpired
            );
            if !tells || stored.seal != 0 {
                continue;
            }
            match met.event(&stored)? {
                Event::FeedbackRecorded(recorded) if recorded.decision_id == id => {
                    self.feedback(met, index, recorded)?;
                }
                Event::FeedbackNoted(noted) if noted.decision_id == id => {
                    if noted.replaces.is_some() || noted.stands.is_some() {
                        self.learnt = noted.stands.map(reward_value);
                    }
                    self.noted.push(FeedbackWord { position: met.position(index), noted });
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
    fn every_feature_has_a_name() {
        assert_eq!(FEATURE_NAMES[FEATURE_VERSION as usize - 1].len(), DIMENSION);
    }
}
