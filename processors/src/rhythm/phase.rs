//! Circadian phase of a person from the light they saw: four models of the pacemaker, minute by
//! minute.
//!
//! The state at the first local midnight is that of somebody who lives by 16 h of light and 8 h of
//! dark; what light then does to it is known only after days. On real recordings the models lie up
//! to four hours apart, so a time is given with an interval, and only after five days of light.

mod esri;
mod features;
mod ode;

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use esri::{Esri, EsriValue};
pub use features::FEATURES;

/// Minutes of a day.
const DAY_MIN: i64 = 1440;

/// Core body temperature minima and regularity values that are kept.
pub const KEPT: usize = 28;

/// From dim light melatonin onset to the minimum of core body temperature, h.
pub const DLMO_BEFORE_CBTMIN_H: f64 = 7.0;

/// Two minima that lie nearer than this are one, min.
const APART_MIN: u64 = 13 * 60;

/// Minutes of light that a time of phase needs.
pub const LIGHT_MIN: u32 = 5 * 1440;

/// Least half width of its interval, h.
pub const HALF_WIDTH_H: f64 = 1.5;

/// Longest time without light after which phase is still told, min.
const SILENCE_MAX_MIN: u32 = 1440;

/// Longest time over which the last light is held; after a longer one all begins anew, min.
const HELD_MAX_MIN: i64 = 5 * 1440;

/// A model of the human circadian pacemaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Model {
    /// Forger 1999. State: x, xc, n.
    Forger99,
    /// Jewett and Kronauer 1999. State: x, xc, n.
    Jewett99,
    /// Hannay 2019, one population. State: amplitude, phase (rad), n.
    Hannay19,
    /// Hannay 2019, two populations. State: ventral and dorsal amplitude, ventral and dorsal phase
    /// (rad), n.
    Hannay19Tp,
}

impl Model {
    /// All, in the order of [`PhaseTracker::pacemakers`].
    pub const ALL: [Self; 4] = [Self::Forger99, Self::Jewett99, Self::Hannay19, Self::Hannay19Tp];

    const fn initial(self) -> ode::State {
        match self {
            Self::Forger99 => [-0.084_325_9, -1.096_075_46, 0.455_843_06, 0.0, 0.0],
            Self::Jewett99 => [-0.100_970_11, -1.219_856_62, 0.505_294_15, 0.0, 0.0],
            Self::Hannay19 => [0.820_419_11, 1.713_836_97, 0.523_181_22, 0.0, 0.0],
            Self::Hannay19Tp => [0.824_237_45, 0.823_049_96, 1.752_334_24, 1.863_457, 0.523_181_22],
        }
    }

    /// From the trough of the model to the minimum of core body temperature, h.
    const fn trough_to_cbtmin_h(self) -> f64 {
        match self {
            Self::Jewett99 => 0.8,
            Self::Forger99 | Self::Hannay19 | Self::Hannay19Tp => 0.0,
        }
    }

    const fn variables(self) -> usize {
        match self {
            Self::Forger99 | Self::Jewett99 | Self::Hannay19 => 3,
            Self::Hannay19Tp => 5,
        }
    }
}

/// One model as it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pacemaker {
    model: Model,
    state: ode::State,
    minutes: u64,
    /// The wave at the minute before the last one and at the last.
    wave: [f64; 2],
    troughs: VecDeque<Trough>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Trough {
    minute: u64,
    depth: f64,
}

impl Pacemaker {
    /// The model at local midnight, before any light is known.
    pub const fn new(model: Model) -> Self {
        let state = model.initial();
        Self { model, state, minutes: 0, wave: [0.0; 2], troughs: VecDeque::new() }
    }

    /// Lives through a minute of light, lux, at least 0.
    pub fn step(&mut self, lux: f64) {
        let (model, drive) = (self.model, ode::drive(self.model, lux));
        if self.minutes == 0 {
            self.wave[1] = self.wave();
        }
        self.state = ode::step(self.state, |state| ode::rates(model, state, drive));
        let now = self.wave();
        if self.minutes > 0 && self.wave[0] > self.wave[1] && now >= self.wave[1] {
            self.note(Trough { minute: self.minutes, depth: self.wave[1] });
        }
        self.minutes += 1;
        self.wave = [self.wave[1], now];
    }

    /// The variables of the model.
    pub fn state(&self) -> &[f64] {
        &self.state[..self.model.variables()]
    }

    /// Minutes lived through.
    pub const fn minutes(&self) -> u64 {
        self.minutes
    }

    /// Phase, rad, in (-pi, pi]; pi is the trough.
    pub fn phase_rad(&self) -> f64 {
        let of = |psi: f64| libm::atan2(libm::sin(psi), libm::cos(psi));
        match self.model {
            Model::Forger99 | Model::Jewett99 => libm::atan2(-self.state[1], self.state[0]),
            Model::Hannay19 => of(self.state[1]),
            Model::Hannay19Tp => of(self.state[2]),
        }
    }

    /// Amplitude, in the model's units.
    pub fn amplitude(&self) -> f64 {
        match self.model {
            Model::Forger99 | Model::Jewett99 => libm::hypot(self.state[0], self.state[1]),
            Model::Hannay19 | Model::Hannay19Tp => self.state[0],
        }
    }

    /// The last minima of core body temperature, h after the start, at most [`KEPT`]. A deeper
    /// trough within 13 h takes the place of the last.
    pub fn cbtmin_h(&self) -> impl DoubleEndedIterator<Item = f64> {
        let later = self.model.trough_to_cbtmin_h();
        self.troughs.iter().map(move |trough| trough.minute as f64 / 60.0 + later)
    }

    /// What has its trough at the minimum of core body temperature.
    fn wave(&self) -> f64 {
        match self.model {
            Model::Forger99 | Model::Jewett99 => self.state[0],
            Model::Hannay19 => libm::cos(self.state[1]),
            Model::Hannay19Tp => libm::cos(self.state[2]),
        }
    }

    fn note(&mut self, found: Trough) {
        if let Some(last) = self.troughs.back_mut()
            && found.minute - last.minute < APART_MIN
        {
            if found.depth < last.depth {
                *last = found;
            }
            return;
        }
        self.troughs.push_back(found);
        if self.troughs.len() > KEPT {
            self.troughs.pop_front();
        }
    }
}

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
    held_lux: f64,
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
            held_lux: 0.0,
            light_min: 0,
            silence_min: 0,
        }
    }

    /// Takes in a minute's mean light, lux. The minute is counted since 1970 in UTC, to which
    /// `offset_min` is added for the local clock. A minute that is over is left out, and so is
    /// light that is negative or not finite.
    pub fn feed(&mut self, minute: i64, offset_min: i64, lux: f64) {
        if !(lux.is_finite() && lux >= 0.0) {
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
            self.held_lux = lux;
        }
        if minute < self.next {
            return;
        }
        while self.next < minute {
            self.silence_min += 1;
            self.step();
        }
        self.held_lux = lux;
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

    fn step(&mut self) {
        let of_day = (self.next + self.offset_min).rem_euclid(DAY_MIN);
        self.pacemakers.iter_mut().for_each(|pacemaker| pacemaker.step(self.held_lux));
        self.esri.step(of_day, self.held_lux);
        self.next += 1;
    }
}

/// Hours on the clock, 0 to 24.
fn on_clock(hours: f64) -> f64 {
    let rest = libm::fmod(hours, 24.0);
    if rest < 0.0 { rest + 24.0 } else { rest }
}
