//! Three processes in closed form: S from actual sleep, C, U, inertia W and the sleepiness that
//! they predict (Åkerstedt; Ingre 2014 parameters).

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

use super::{
    INITIAL, Stretch, UsualDay, after_sleep, after_wake, circadian, inertia,
    intervals::usual_so_far, kss_of_parts, ultradian,
};

/// The model at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alertness {
    /// Homeostatic process.
    pub s: f64,
    /// Circadian process.
    pub c: f64,
    /// Ultradian process.
    pub u: f64,
    /// Sleep inertia; 0 asleep.
    pub w: f64,
    /// Karolinska sleepiness, not clipped. Asleep: of somebody awake at that instant, without
    /// inertia.
    pub kss: f64,
    /// Whether the person sleeps.
    pub asleep: bool,
}

impl Alertness {
    /// Sleepiness without inertia, which passes by itself within the hour; not clipped.
    pub(super) fn rested_kss(&self) -> f64 {
        kss_of_parts(self.s, self.c, self.u, 0.0)
    }
}

/// Alertness from the sleep that a person had.
///
/// It is fed what the person does from an instant on; being told the same again changes no bit, so
/// a stream of minutes gives what the sleeps and wakings alone give. A first instant awake counts
/// as a waking, with its inertia.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThreeProcess {
    /// S where the stretch begins.
    s: f64,
    stretch: Option<Stretch>,
}

impl Default for ThreeProcess {
    fn default() -> Self {
        Self::new(INITIAL)
    }
}

impl ThreeProcess {
    /// Somebody with a value of S at the first instant to be fed.
    pub const fn new(s: f64) -> Self {
        Self { s, stretch: None }
    }

    /// Somebody of whom no sleep is known but the usual one, as they are at an instant.
    pub fn usual(profile: &ProfileBody, now_ms: i64) -> Self {
        let mut person = Self::new(UsualDay::new(profile).s_at_wake);
        usual_so_far(profile, now_ms).for_each(|(at_ms, asleep)| person.feed(at_ms, asleep));
        person
    }

    /// From this instant on the person sleeps, or wakes. An instant before the stretch under way
    /// counts as its beginning.
    pub fn feed(&mut self, at_ms: i64, asleep: bool) {
        let Some(next) = Stretch::next(self.stretch, at_ms, asleep) else { return };
        self.s = self.homeostatic(next.since_ms).unwrap_or(self.s);
        self.stretch = Some(next);
    }

    /// The model at an instant, with the last state holding until then; none before the first.
    /// `clock_h` is the local clock time of that instant.
    pub fn value(&self, at_ms: i64, clock_h: f64) -> Option<Alertness> {
        let (stretch, s) = (self.stretch?, self.homeostatic(at_ms)?);
        let w = if stretch.asleep { 0.0 } else { inertia(stretch.hours(at_ms)) };
        let (c, u) = (circadian(clock_h), ultradian(clock_h));
        Some(Alertness { s, c, u, w, kss: kss_of_parts(s, c, u, w), asleep: stretch.asleep })
    }

    fn homeostatic(&self, at_ms: i64) -> Option<f64> {
        let stretch = self.stretch?;
        let hours = stretch.hours(at_ms);
        let after = if stretch.asleep { after_sleep } else { after_wake };
        Some(after(self.s, hours))
    }
}
