//! Sleepiness by the three-process model of alertness (Åkerstedt; Ingre 2014 parameters), from a
//! person's usual sleep.
//!
//! The homeostatic process S is taken at its steady state over the usual day, so the prediction
//! depends on the clock and the profile alone. During usual sleep the value is that of somebody
//! awake at that hour with S as sleep left it and no sleep inertia W: inertia belongs to a waking
//! that did not happen. This is not a measurement of the person's actual sleep.
//!
//! [`ThreeProcess`] and [`TwoProcess`] follow the sleep that a person actually had, in closed form
//! over any gap; [`Forecast`] carries the former 24 hours ahead.

mod features;
mod forecast;
mod intervals;
mod intervention_time;
mod three_process;
mod two_process;

use core::f64::consts::TAU;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

pub use self::{
    features::FEATURES,
    forecast::{Forecast, Predicted, SLEEPY_KSS},
    intervals::{Interval, clock_hours, daily},
    intervention_time::{InterventionTime, Occasion, Plan, Shift},
    three_process::{Alertness, ThreeProcess},
    two_process::{RISES_AFTER_H, TwoProcess, process_c},
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

const LOWER: f64 = 2.4;
const UPPER: f64 = 14.3;
const WAKE_RATE: f64 = -0.0353;
/// ln((14.3 - 14) / (14.3 - 7.96)) / 8.
const SLEEP_RATE: f64 = -0.381_356_446_596_883_56;
/// Below it S rises linearly in sleep.
const BREAK_LEVEL: f64 = 12.2;
/// S that the iteration starts from.
const INITIAL: f64 = 7.96;
/// Days after which S is taken as steady at the latest.
const SETTLING_DAYS: u32 = 30;
const CIRCADIAN_AMPLITUDE: f64 = 2.5;
const CIRCADIAN_PEAK_H: f64 = 16.8;
const ULTRADIAN_LEVEL: f64 = -0.5;
const ULTRADIAN_AMPLITUDE: f64 = 0.5;
/// It comes 3 h after the circadian peak.
const ULTRADIAN_PEAK_H: f64 = 19.8;
/// W at waking.
const INERTIA: f64 = -5.72;
/// Change of ln W per hour awake.
const INERTIA_RATE: f64 = -1.51;
/// KSS where the processes add up to 0.
const KSS_ORIGIN: f64 = 10.6;
/// KSS lost with each unit of their sum.
const KSS_SLOPE: f64 = 0.6;

/// The parameters of the three-process model by their usual names (Ingre 2014).
pub const PARAMETERS: [(&str, f64); 15] = [
    ("la", LOWER),
    ("ha", UPPER),
    ("d", WAKE_RATE),
    ("g", SLEEP_RATE),
    ("bl", BREAK_LEVEL),
    ("Cm", 0.0),
    ("Ca", CIRCADIAN_AMPLITUDE),
    ("p", CIRCADIAN_PEAK_H),
    ("Um", ULTRADIAN_LEVEL),
    ("Ua", ULTRADIAN_AMPLITUDE),
    ("Wc", INERTIA),
    ("Wd", INERTIA_RATE),
    ("S0", INITIAL),
    ("k0", KSS_ORIGIN),
    ("k1", -KSS_SLOPE),
];

/// S after `hours` awake.
pub fn after_wake(s: f64, hours: f64) -> f64 {
    LOWER + (s - LOWER) * libm::exp(WAKE_RATE * hours)
}

/// S after `hours` of sleep.
pub fn after_sleep(s: f64, hours: f64) -> f64 {
    let rate = SLEEP_RATE * (BREAK_LEVEL - UPPER);
    let linear = if s < BREAK_LEVEL { (BREAK_LEVEL - s) / rate } else { 0.0 };
    if hours <= linear {
        return s + rate * hours;
    }
    UPPER - (UPPER - s.max(BREAK_LEVEL)) * libm::exp(SLEEP_RATE * (hours - linear))
}

/// Process C at a clock time, h.
pub fn circadian(clock_h: f64) -> f64 {
    CIRCADIAN_AMPLITUDE * libm::cos(TAU / 24.0 * (clock_h - CIRCADIAN_PEAK_H))
}

/// Process U at a clock time, h.
pub fn ultradian(clock_h: f64) -> f64 {
    ULTRADIAN_LEVEL + ULTRADIAN_AMPLITUDE * libm::cos(TAU / 12.0 * (clock_h - ULTRADIAN_PEAK_H))
}

/// Karolinska sleepiness from S, the clock time (h) and sleep inertia W, not clipped.
pub fn kss_of(s: f64, clock_h: f64, inertia: f64) -> f64 {
    kss_of_parts(s, circadian(clock_h), ultradian(clock_h), inertia)
}

fn kss_of_parts(s: f64, c: f64, u: f64, w: f64) -> f64 {
    KSS_ORIGIN - KSS_SLOPE * (s + c + u + w)
}

/// Sleep inertia W after `hours` awake.
pub fn inertia(hours: f64) -> f64 {
    INERTIA * libm::exp(INERTIA_RATE * hours)
}

/// A stretch of wake or of sleep, from its beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stretch {
    since_ms: i64,
    asleep: bool,
}

impl Stretch {
    /// The stretch that begins at an instant, unless the one before goes on.
    fn next(before: Option<Self>, at_ms: i64, asleep: bool) -> Option<Self> {
        match before {
            None => Some(Self { since_ms: at_ms, asleep }),
            Some(before) if before.asleep == asleep => None,
            Some(before) => Some(Self { since_ms: at_ms.max(before.since_ms), asleep }),
        }
    }

    /// Hours from its beginning to an instant; none before.
    fn hours(self, at_ms: i64) -> f64 {
        at_ms.saturating_sub(self.since_ms).max(0) as f64 / 3_600_000.0
    }
}

/// The usual day of a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualDay {
    sleep_start_h: f64,
    sleep_end_h: f64,
    asleep_h: f64,
    /// S at usual wake-up.
    s_at_wake: f64,
}

impl UsualDay {
    /// The steady state of a profile's usual sleep.
    pub fn new(profile: &ProfileBody) -> Self {
        let (start, end) = (profile.sleep_start_min % 1440, profile.sleep_end_min % 1440);
        let asleep_h = f64::from((end + 1440 - start) % 1440) / 60.0;
        let mut s_at_wake = INITIAL;
        for _ in 0..SETTLING_DAYS {
            let next = after_sleep(after_wake(s_at_wake, 24.0 - asleep_h), asleep_h);
            if next == s_at_wake {
                break;
            }
            s_at_wake = next;
        }
        let (sleep_start_h, sleep_end_h) = (f64::from(start) / 60.0, f64::from(end) / 60.0);
        Self { sleep_start_h, sleep_end_h, asleep_h, s_at_wake }
    }

    /// Karolinska sleepiness, 1 to 9, at a local clock time in hours.
    pub fn kss(&self, clock_h: f64) -> f64 {
        let awake_h = hours_since(self.sleep_end_h, clock_h);
        let day_h = 24.0 - self.asleep_h;
        let kss = if awake_h < day_h {
            kss_of(after_wake(self.s_at_wake, awake_h), clock_h, inertia(awake_h))
        } else {
            let at_onset = after_wake(self.s_at_wake, day_h);
            let asleep_h = hours_since(self.sleep_start_h, clock_h);
            kss_of(after_sleep(at_onset, asleep_h), clock_h, 0.0)
        };
        kss.clamp(1.0, 9.0)
    }

    /// Sleepiness 1 to 24 hours after a local clock time, by the hour.
    pub fn forecast(&self, clock_h: f64) -> impl Iterator<Item = f64> + use<> {
        let day = *self;
        (1..=24u32).map(move |ahead| day.kss(hours_since(0.0, clock_h + f64::from(ahead))))
    }
}

/// Hours from one clock time to the next occurrence of another, 0 to below 24.
fn hours_since(from_h: f64, to_h: f64) -> f64 {
    let hours = libm::fmod(to_h - from_h, 24.0);
    if hours < 0.0 { hours + 24.0 } else { hours }
}
