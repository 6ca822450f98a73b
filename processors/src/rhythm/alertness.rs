//! Sleepiness by the three-process model of alertness (Åkerstedt; Ingre 2014 parameters), from a
//! person's usual sleep.
//!
//! The homeostatic process S is taken at its steady state over the usual day, so the prediction
//! depends on the clock and the profile alone. During usual sleep the value is that of somebody
//! awake at that hour with S as sleep left it and no sleep inertia W: inertia belongs to a waking
//! that did not happen. This is not a measurement of the person's actual sleep.

use core::f64::consts::TAU;

use zeitgeber_schemas::ProfileBody;

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

/// Karolinska sleepiness from S, the clock time (h) and sleep inertia W, not clipped.
pub fn kss_of(s: f64, clock_h: f64, inertia: f64) -> f64 {
    let circadian = 2.5 * libm::cos(TAU / 24.0 * (clock_h - 16.8));
    let ultradian = -0.5 + 0.5 * libm::cos(TAU / 12.0 * (clock_h - 19.8));
    10.6 - 0.6 * (s + circadian + ultradian + inertia)
}

/// Sleep inertia W after `hours` awake.
pub fn inertia(hours: f64) -> f64 {
    -5.72 * libm::exp(-1.51 * hours)
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
