//! Two processes: sleep pressure as an exponential (Borbély 1982; Daan 1984) and the circadian
//! process as a skewed sine (Daan 1984).

use core::f64::consts::TAU;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

use super::{Stretch, UsualDay, intervals::usual_so_far};

/// Time constant of rising pressure awake, h.
pub(super) const WAKE_H: f64 = 18.2;
/// Time constant of falling pressure asleep, h.
pub(super) const SLEEP_H: f64 = 4.2;
/// Amplitudes of the harmonics of the skewed sine.
const HARMONICS: [f64; 5] = [0.97, 0.22, 0.07, 0.03, 0.001];

/// From the minimum of process C to its upward zero crossing, h; the minimum of core body temperature
/// stands for the former.
pub const RISES_AFTER_H: f64 = 4.0;

/// Process C at a clock time, for the clock time of its upward zero crossing, both h.
pub fn process_c(clock_h: f64, phase_h: f64) -> f64 {
    let mut sum = 0.0;
    for (harmonic, amplitude) in (1..).zip(HARMONICS) {
        sum += amplitude * libm::sin(f64::from(harmonic) * TAU / 24.0 * (clock_h - phase_h));
    }
    sum
}

/// Process S: sleep pressure between 0 and 1.
///
/// It is fed what the person does from an instant on; being told the same again changes no bit, so
/// a stream of minutes gives what the sleeps and wakings alone give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoProcess {
    /// Pressure where the stretch begins.
    s: f64,
    stretch: Option<Stretch>,
}

impl TwoProcess {
    /// Somebody with a pressure at the first instant to be fed.
    pub const fn new(s: f64) -> Self {
        Self { s, stretch: None }
    }

    /// Somebody of whom no sleep is known but the usual one, as they are at an instant: pressure is
    /// what it comes to when every day is alike.
    pub fn usual(profile: &ProfileBody, now_ms: i64) -> Self {
        let asleep_h = UsualDay::new(profile).asleep_h;
        let wake = libm::exp(-(24.0 - asleep_h) / WAKE_H);
        let sleep = libm::exp(-asleep_h / SLEEP_H);
        let mut person = Self::new((1.0 - wake) * sleep / (1.0 - wake * sleep));
        usual_so_far(profile, now_ms).for_each(|(at_ms, asleep)| person.feed(at_ms, asleep));
        person
    }

    /// From this instant on the person sleeps, or wakes. An instant before the stretch under way
    /// counts as its beginning.
    pub fn feed(&mut self, at_ms: i64, asleep: bool) {
        let Some(next) = Stretch::next(self.stretch, at_ms, asleep) else { return };
        self.s = self.value(next.since_ms).unwrap_or(self.s);
        self.stretch = Some(next);
    }

    /// The pressure at an instant, with the last state holding until then; none before the first.
    pub fn value(&self, at_ms: i64) -> Option<f64> {
        let stretch = self.stretch?;
        let hours = stretch.hours(at_ms);
        Some(if stretch.asleep {
            self.s * libm::exp(-hours / SLEEP_H)
        } else {
            1.0 - (1.0 - self.s) * libm::exp(-hours / WAKE_H)
        })
    }
}
