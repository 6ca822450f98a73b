//! Circadian phase of a person from the light they saw: four models of the pacemaker, minute by
//! minute.
//!
//! The state at the first local midnight is that of somebody who lives by 16 h of light and 8 h of
//! dark; what light then does to it is known only after days. On real recordings the models lie up
//! to four hours apart, so a time is given with an interval, and only after five days of light.

mod checkpoint;
mod esri;
mod features;
mod ode;
mod pacemaker;

use serde::{Deserialize, Serialize};

use self::ode::Light;
use super::light_day;

pub use esri::{Esri, EsriValue};
pub use features::FEATURES;
pub use pacemaker::{Model, Pacemaker};

/// Minutes of a day.
const DAY_MIN: i64 = 1440;

/// Core body temperature minima and regularity values that are kept.
pub const KEPT: usize = 64;

/// From dim light melatonin onset to the minimum of core body temperature, h.
pub const DLMO_BEFORE_CBTMIN_H: f64 = 7.0;

/// Minutes of light that a time of phase needs.
pub const LIGHT_MIN: u32 = 5 * 1440;

/// Least half width of its interval, h.
pub const HALF_WIDTH_H: f64 = 1.5;

/// Longest time without light after which phase is still told, min.
const SILENCE_MAX_MIN: u32 = 1440;

/// Longest time over which the last light is held; after a longer one all begins anew, min.
const HELD_MAX_MIN: i64 = 5 * 1440;

/// When somebody's body night is, by the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PhaseEstimate {
    /// Last minimum of core body temperature, h.
    pub cbtmin_clock_h: f64,
    /// Last dim light melatonin onset, h.
    pub dlmo_clock_h: f64,
    /// Both may be this much earlier or later, h: at least [`HALF_WIDTH_H`], and no less than
    /// Forger's model lies away from Hannay's.
    pub half_width_h: f64,
}

/// Follows a person's phase through their light.
///
/// Light that is missing is taken to be what it was; after more than five days without any, all
/// begins anew at the next midnight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseTracker {
    pacemakers: [Pacemaker; 4],
    esri: Esri,
    /// The local midnight at which the models began, minutes since 1970 UTC.
    start: Option<i64>,
    /// The minute that comes next.
    next: i64,
    offset_min: i64,
    held: Light,
    /// Minutes of light, and minutes without since the last.
    light_min: u32,
    silence_min: u32,
}

impl Default for PhaseTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl PhaseTracker {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self {
            pacemakers: [
                Pacemaker::new(Model::Forger99),
                Pacemaker::new(Model::Jewett99),
                Pacemaker::new(Model::Hannay19),
                Pacemaker::new(Model::Hannay19Tp),
            ],
            esri: Esri::new(),
            start: None,
            next: 0,
            offset_min: 0,
            held: Light::DARK,
            light_min: 0,
            silence_min: 0,
        }
    }

    /// Takes in a minute's mean light, lux. The minute is counted since 1970 in UTC, to which
    /// `offset_min` is added for the local clock. A minute that is over is left out, and so is
    /// light that is not from 0 to
    /// [`light_day::LUX_MAX`] lux.
    pub fn feed(&mut self, minute: i64, offset_min: i64, lux: f64) {
        if !light_day::valid(lux) {
            return;
        }
        if self.start.is_some() && minute - self.next > HELD_MAX_MIN {
            *self = Self::new();
        }
        let to_midnight = (-(minute + offset_min)).rem_euclid(DAY_MIN);
        let start = *self.start.get_or_insert_with(|| {
            self.next = minute + to_midnight;
            minute + to_midnight
        });
        self.offset_min = offset_min;
        if minute < start {
            self.hold(lux);
        }
        if minute < self.next {
            return;
        }
        while self.next < minute {
            self.silence_min += 1;
            self.step();
        }
        self.hold(lux);
        self.light_min = if self.silence_min > SILENCE_MAX_MIN { 0 } else { self.light_min };
        self.light_min = self.light_min.saturating_add(1);
        self.silence_min = 0;
        self.step();
    }

    /// The models, in the order of [`Model::ALL`].
    pub const fn pacemakers(&self) -> &[Pacemaker; 4] {
        &self.pacemakers
    }

    /// Regularity of light by the day.
    pub const fn esri(&self) -> &Esri {
        &self.esri
    }

    /// The local midnight at which the models began, minutes since 1970 UTC.
    pub const fn start_minute(&self) -> Option<i64> {
        self.start
    }

    /// When the body night was last, by Hannay's model with Forger's as the check; none before five
    /// days of light, counted anew after a day without.
    pub fn value(&self) -> Option<PhaseEstimate> {
        if self.light_min < LIGHT_MIN || self.silence_min > SILENCE_MAX_MIN {
            return None;
        }
        let midnight = (self.start? + self.offset_min).rem_euclid(DAY_MIN) as f64 / 60.0;
        let [forger, _, hannay, _] = &self.pacemakers;
        let clock = |hours: f64| on_clock(midnight + hours);
        let shown = clock(hannay.cbtmin_h().next_back()?);
        let check = clock(forger.cbtmin_h().next_back()?);
        let apart = on_clock(shown - check);
        Some(PhaseEstimate {
            cbtmin_clock_h: shown,
            dlmo_clock_h: on_clock(shown - DLMO_BEFORE_CBTMIN_H),
            half_width_h: HALF_WIDTH_H.max(apart.min(24.0 - apart)),
        })
    }

    fn hold(&mut self, lux: f64) {
        if lux != self.held.lux {
            self.held = Light::of(lux);
        }
    }

    fn step(&mut self) {
        let of_day = (self.next + self.offset_min).rem_euclid(DAY_MIN);
        self.pacemakers.iter_mut().for_each(|pacemaker| pacemaker.live(&self.held));
        self.esri.live(of_day, &self.held);
        self.next += 1;
    }
}

/// Hours on the clock, 0 to 24.
fn on_clock(hours: f64) -> f64 {
    let rest = libm::fmod(hours, 24.0);
    if rest < 0.0 { rest + 24.0 } else { rest }
}
