//! One model of the pacemaker as it runs: its state, what that says, and the troughs it passed.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    KEPT,
    checkpoint::{put, take},
    ode::{self, Light},
};

/// Two minima that lie nearer than this are one, min.
const APART_MIN: u64 = 13 * 60;

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
    /// All, in the order of [`pacemakers`](super::PhaseTracker::pacemakers).
    pub const ALL: [Self; 4] = [Self::Forger99, Self::Jewett99, Self::Hannay19, Self::Hannay19Tp];

    const fn initial(self) -> ode::State {
        match self {
            Self::Forger99 => [-0.084_325_9, -1.096_075_46, 0.455_843_06, 0.0, 0.0],
            Self::Jewett99 => [-0.100_971_01, -1.219_856_62, 0.505_294_15, 0.0, 0.0],
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

    /// Lives through a minute of light, lux, from 0 to
    /// [`LUX_MAX`](crate::rhythm::light_day::LUX_MAX). Should the model leave the
    /// numbers, it begins anew.
    pub fn step(&mut self, lux: f64) {
        self.live(&Light::of(lux));
    }

    /// The same, of light that is known to several models.
    pub(super) fn live(&mut self, light: &Light) {
        if self.minutes == 0 {
            self.wave[1] = self.wave();
        }
        let next = ode::lived(self.model, self.state, light);
        self.state = if ode::finite(&next) { next } else { self.model.initial() };
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

    /// Appends what goes on as this does: state, minutes, wave, last trough.
    pub(super) fn list(&self, list: &mut Vec<f64>) {
        list.extend(self.state);
        list.push(self.minutes as f64);
        list.extend(self.wave);
        let trough = self.troughs.back();
        put(trough.map(|trough| trough.minute as f64), list);
        list.push(trough.map_or(0.0, |trough| trough.depth));
    }

    /// Takes over what [`list`](Self::list) appended.
    pub(super) fn of_list(model: Model, next: &mut impl FnMut() -> Option<f64>) -> Option<Self> {
        let mut pacemaker = Self::new(model);
        for variable in &mut pacemaker.state {
            *variable = next()?;
        }
        pacemaker.minutes = next()? as u64;
        for wave in &mut pacemaker.wave {
            *wave = next()?;
        }
        let (minute, depth) = (take(next)?, next()?);
        let trough = minute.map(|minute| Trough { minute: minute as u64, depth });
        pacemaker.troughs.extend(trough);
        Some(pacemaker)
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
