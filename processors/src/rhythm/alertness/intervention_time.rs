//! When to reach a person next, from the forecast: before they become sleepy, else at the next
//! circadian anchor.
//!
//! A design choice, not a published rule. Each occasion is an interval, and the first instant of
//! it counts that is neither in predicted sleep nor in quiet hours, nor too soon after the last
//! intervention. It says when, not whether: limits and the choice of an intervention lie elsewhere.

use serde::{Deserialize, Serialize};

use super::{DAY_MS, Forecast, Interval, MINUTE_MS};

/// How long before sleepiness a person is reached.
const LEAD_MS: i64 = 30 * MINUTE_MS;
/// Least time between interventions.
const APART_MS: i64 = 90 * MINUTE_MS;
/// How far from the temperature minimum light shifts the clock (Khalsa 2003).
const LIGHT_MS: i64 = 6 * 60 * MINUTE_MS;
/// How long before usual sleep a person winds down.
const WIND_DOWN_MS: i64 = 2 * 60 * MINUTE_MS;

/// The way in which the clock is to be shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shift {
    /// Earlier: light after the temperature minimum.
    Advance,
    /// Later: light before it.
    Delay,
}

/// Why an instant was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occasion {
    /// Sleepiness awake is near.
    Sleepiness,
    /// Light shifts the clock as wanted.
    Light,
    /// Usual sleep is near.
    WindDown,
}

/// What bears on the time besides the forecast.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Plan<'a> {
    /// Predicted sleep, as the forecast had it.
    pub sleeps: &'a [Interval],
    /// Quiet hours of the next 24 hours and the one under way.
    pub quiet: &'a [Interval],
    /// The last intervention, ms UTC.
    pub last_ms: Option<i64>,
    /// A predicted minimum of core body temperature, ms UTC; it comes back every 24 hours.
    pub temperature_minimum_ms: Option<i64>,
    /// The shift that is wanted.
    pub shift: Option<Shift>,
}

/// When to intervene, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterventionTime {
    /// The instant, ms UTC.
    pub at_ms: i64,
    /// The occasion.
    pub occasion: Occasion,
}

impl Forecast {
    /// The next time to intervene within the forecast; none if nothing calls for it or nothing is
    /// left of every occasion.
    pub fn next_intervention(&self, plan: &Plan<'_>) -> Option<InterventionTime> {
        let sleepy = self.sleepy.map(|sleepy| Interval {
            from_ms: sleepy.from_ms.saturating_sub(LEAD_MS),
            until_ms: sleepy.until_ms,
        });
        let before = sleepy.and_then(|occasion| self.first_free(plan, occasion));
        if let Some(at_ms) = before {
            return Some(InterventionTime { at_ms, occasion: Occasion::Sleepiness });
        }
        let light = self.lights(plan).map(|occasion| (occasion, Occasion::Light));
        let wind_down = plan.sleeps.iter().map(|sleep| Interval {
            from_ms: sleep.from_ms.saturating_sub(WIND_DOWN_MS),
            until_ms: sleep.from_ms,
        });
        light
            .chain(wind_down.map(|occasion| (occasion, Occasion::WindDown)))
            .filter_map(|(interval, occasion)| {
                self.first_free(plan, interval).map(|at_ms| InterventionTime { at_ms, occasion })
            })
            .min_by_key(|time| time.at_ms)
    }

    /// Where light shifts the clock as wanted, around the minima near the forecast.
    fn lights(&self, plan: &Plan<'_>) -> impl Iterator<Item = Interval> + use<> {
        let around = plan.temperature_minimum_ms.zip(plan.shift);
        let now_ms = self.now_ms;
        let of_day = move |days: i64| {
            let (minimum_ms, shift) = around?;
            let next = now_ms.saturating_add(minimum_ms.saturating_sub(now_ms).rem_euclid(DAY_MS));
            let middle = next.saturating_add(days * DAY_MS);
            Some(match shift {
                Shift::Advance => {
                    Interval { from_ms: middle, until_ms: middle.saturating_add(LIGHT_MS) }
                }
                Shift::Delay => {
                    Interval { from_ms: middle.saturating_sub(LIGHT_MS), until_ms: middle }
                }
            })
        };
        (-1..=1).filter_map(of_day)
    }

    /// The first instant of an occasion at which the person may be reached.
    fn first_free(&self, plan: &Plan<'_>, occasion: Interval) -> Option<i64> {
        let rested_ms = plan.last_ms.map_or(i64::MIN, |last| last.saturating_add(APART_MS));
        let mut at_ms = occasion.from_ms.max(self.now_ms).max(rested_ms);
        let kept = || plan.sleeps.iter().chain(plan.quiet);
        while let Some(inside) = kept().find(|interval| interval.holds(at_ms)) {
            at_ms = inside.until_ms;
        }
        let end_ms = occasion.until_ms.min(self.now_ms.saturating_add(DAY_MS));
        (at_ms < end_ms).then_some(at_ms)
    }
}
