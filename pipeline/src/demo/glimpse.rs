//! What the demo looks up in its log to show: a person's movement by half hour, the last
//! decisions that reached somebody.

use std::{collections::BTreeMap, ops::ControlFlow};

use zeitgeber_processors::exact::FEATURE_ONE;
use zeitgeber_schemas::{DecisionMade, Event, SchemaId, Values};

use crate::{
    journal::Journal,
    query::{self, QueryError, Walk},
    record::Parsed,
};

const HALF_HOUR_MS: i64 = 30 * 60_000;
const HALVES: i64 = 48;
const DAY_MS: i64 = HALVES * HALF_HOUR_MS;

/// Local days in order: the date, and the mean movement of each half hour.
pub type Days = Vec<(String, Vec<Option<f64>>)>;

/// A decision that reached somebody.
#[derive(Debug, Clone)]
pub struct Decided {
    /// When, as text.
    pub when: String,
    /// The person.
    pub user: String,
    /// The decision.
    pub decision: DecisionMade,
    /// The reward learnt from it.
    pub reward: Option<f64>,
}

/// A person's movement by local half hour, `None` where the log holds none.
pub fn movement_by_half_hour(
    journal: &dyn Journal,
    key: &str,
    offset_at: &dyn Fn(i64) -> i32,
) -> Result<Option<Days>, QueryError> {
    let mut halves: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    Walk::start(journal)?.run(|met| {
        let accepted = || {
            met.entry.events.clone().next().is_some_and(|e| e.schema == SchemaId::ReadingAccepted)
        };
        if met.entry.schema == SchemaId::Reading && met.concerns(key) && accepted() {
            let parsed = Parsed::from_payload(met.entry.schema, met.entry.payload)
                .map_err(|error| met.fault(error))?;
            if let Parsed::Reading(body) = parsed
                && let Values::Imu(imu) = body.values
                && let Some(value) =
                    imu.activity_counts.or(imu.enmo_mg).or(imu.steps).or(imu.intensity)
            {
                let start = met.entry.ts - (imu.epoch_s.unwrap_or(60.0) * 1000.0) as i64;
                let local = start + i64::from(offset_at(start)) * 60_000;
                let half = halves.entry(local.div_euclid(HALF_HOUR_MS)).or_default();
                half.0 += value;
                half.1 += 1;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let (Some(first), Some(last)) = (halves.keys().next(), halves.keys().last()) else {
        return Ok(None);
    };
    let days = first.div_euclid(HALVES)..=last.div_euclid(HALVES);
    let day = |day: i64| {
        let date = query::time_text(day * DAY_MS).chars().take(10).collect();
        let half = |n| halves.get(&(day * HALVES + n)).map(|(sum, n)| sum / f64::from(*n));
        (date, (0..HALVES).map(half).collect())
    };
    Ok(Some(days.map(day).collect()))
}

/// The last `count` decisions that reached somebody, oldest first.
pub fn last_decisions(journal: &dyn Journal, count: usize) -> Result<Vec<Decided>, QueryError> {
    let mut found: Vec<Decided> = Vec::new();
    let mut rewards = BTreeMap::new();
    Walk::start(journal)?.run(|met| {
        let mut made = None;
        for recorded in met.entry.events.clone() {
            match recorded.schema {
                SchemaId::DecisionMade
                | SchemaId::InterventionIssued
                | SchemaId::FeedbackRecorded => {}
                _ => continue,
            }
            match met.event(&recorded)? {
                Event::DecisionMade(decision) => made = Some(*decision),
                Event::InterventionIssued(_) => found.extend(made.take().map(|decision| Decided {
                    when: query::time_text(decision.at_ms),
                    user: met.user_id().unwrap_or_default(),
                    decision,
                    reward: None,
                })),
                Event::FeedbackRecorded(event) => {
                    rewards.insert(event.decision_id, f64::from(event.reward) / FEATURE_ONE);
                }
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.sort_by_key(|decided| (decided.decision.at_ms, decided.decision.decision_id));
    let mut last = found.split_off(found.len().saturating_sub(count));
    for decided in &mut last {
        decided.reward = rewards.get(&decided.decision.decision_id).copied();
    }
    Ok(last)
}
