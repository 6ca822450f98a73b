//! The next 24 hours: sleepiness predicted from a person's state and the sleep expected of them.

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

use super::{Alertness, DAY_MS, Interval, MINUTE_MS, ThreeProcess, clock_hours, intervals::daily};

/// Sleepiness from which a person counts as sleepy, KSS (Åkerstedt & Gillberg 1990).
pub const SLEEPY_KSS: f64 = 7.0;

/// Sleepiness predicted for an instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// The instant, ms UTC.
    pub at_ms: i64,
    /// Whether sleep is predicted.
    pub asleep: bool,
    /// Karolinska sleepiness, 1 to 9; that of [`Alertness`] in sleep.
    pub kss: f64,
}

/// Predictions by the hour, and the first time that the person will be sleepy while awake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The instant that it starts from, ms UTC.
    pub now_ms: i64,
    /// 1 to 24 hours ahead.
    pub hours: [Predicted; 24],
    /// From the first minute awake at KSS 7 or more, until sleep, less, or the end of the
    /// forecast. Sleep inertia is left out of it: it passes by itself within the hour.
    pub sleepy: Option<Interval>,
}

impl Forecast {
    /// Predicts from an instant on. From then on the person does what `sleeps`, apart and in order
    /// of time, say, whatever they did before.
    pub fn new(
        profile: &ProfileBody,
        person: &ThreeProcess,
        now_ms: i64,
        sleeps: &[Interval],
    ) -> Self {
        let mut walk = Walk::new(profile, *person, now_ms, sleeps);
        let first = walk.at(now_ms);
        let mut hours = [Walk::predicted(now_ms, &first); 24];
        let mut sleepy = Sleepy::default();
        sleepy.feed(now_ms, Walk::is_sleepy(&first));
        for minute in 1..=24 * 60 {
            let at_ms = now_ms.saturating_add(minute * MINUTE_MS);
            let state = walk.at(at_ms);
            sleepy.feed(at_ms, Walk::is_sleepy(&state));
            if minute % 60 == 0 {
                hours[(minute / 60 - 1) as usize] = Walk::predicted(at_ms, &state);
            }
        }
        Self { now_ms, hours, sleepy: sleepy.interval(now_ms.saturating_add(DAY_MS)) }
    }

    /// Predicts for somebody who keeps to the usual sleep of the profile.
    pub fn usual(profile: &ProfileBody, person: &ThreeProcess, now_ms: i64) -> Self {
        let (start, end) = (profile.sleep_start_min, profile.sleep_end_min);
        Self::new(profile, person, now_ms, &daily(profile, start, end, now_ms))
    }
}

/// The person along the predicted sleeps.
struct Walk<'a> {
    profile: &'a ProfileBody,
    person: ThreeProcess,
    /// Those not yet over.
    sleeps: &'a [Interval],
}

impl<'a> Walk<'a> {
    fn new(
        profile: &'a ProfileBody,
        mut person: ThreeProcess,
        now_ms: i64,
        sleeps: &'a [Interval],
    ) -> Self {
        person.feed(now_ms, sleeps.iter().any(|sleep| sleep.holds(now_ms)));
        let over = sleeps.iter().take_while(|sleep| sleep.until_ms <= now_ms).count();
        Self { profile, person, sleeps: &sleeps[over..] }
    }

    /// Goes on to an instant, which is not before the last.
    fn at(&mut self, at_ms: i64) -> Alertness {
        while let [sleep, later @ ..] = self.sleeps {
            if sleep.from_ms > at_ms {
                break;
            }
            self.person.feed(sleep.from_ms, true);
            if sleep.until_ms > at_ms {
                break;
            }
            self.person.feed(sleep.until_ms, false);
            self.sleeps = later;
        }
        let state = self.person.value(at_ms, clock_hours(self.profile, at_ms));
        state.expect("it was fed where the walk began")
    }

    fn predicted(at_ms: i64, state: &Alertness) -> Predicted {
        Predicted { at_ms, asleep: state.asleep, kss: state.kss.clamp(1.0, 9.0) }
    }

    fn is_sleepy(state: &Alertness) -> bool {
        !state.asleep && state.rested_kss() >= SLEEPY_KSS
    }
}

/// The first stretch of sleepy minutes.
#[derive(Default)]
struct Sleepy {
    from_ms: Option<i64>,
    until_ms: Option<i64>,
}

impl Sleepy {
    fn feed(&mut self, at_ms: i64, is_sleepy: bool) {
        if is_sleepy {
            self.from_ms = self.from_ms.or(Some(at_ms));
        } else if self.from_ms.is_some() {
            self.until_ms = self.until_ms.or(Some(at_ms));
        }
    }

    fn interval(self, end_ms: i64) -> Option<Interval> {
        let from_ms = self.from_ms?;
        Some(Interval { from_ms, until_ms: self.until_ms.unwrap_or(end_ms) })
    }
}
