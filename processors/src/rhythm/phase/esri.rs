//! Entrainment signal regularity index (Moreno 2023): how far four days of light would entrain a
//! clock that has no rhythm of its own.
//!
//! From each local midnight Hannay's single population runs without coupling or loss, so that its
//! amplitude changes by light alone. Four copies run side by side.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    KEPT,
    checkpoint::{put, take},
    ode::{self, Light, State},
};

/// Steps of a run: of the minutes in four days, the last instant is not reached.
const STEPS: u32 = 4 * 1440 - 1;

/// Amplitude and phase (rad) at midnight.
const INITIAL: State = [0.1, 1.652_382_33, 0.0, 0.0, 0.0];

/// Copies that run and the values of those that ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Esri {
    minutes: u64,
    runs: VecDeque<Run>,
    done: VecDeque<EsriValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Run {
    start: u64,
    steps: u32,
    /// None once it left the numbers.
    state: Option<State>,
}

/// The regularity of four days of light.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EsriValue {
    /// The midnight at which they begin, minutes after the first step.
    pub start_minute: u64,
    /// The amplitude reached: 0.1 in constant dark, near 1 under strong regular light; none where
    /// it would be negative.
    pub value: Option<f64>,
}

impl Esri {
    /// No light yet.
    pub const fn new() -> Self {
        Self { minutes: 0, runs: VecDeque::new(), done: VecDeque::new() }
    }

    /// Lives through a minute of light, lux, that begins so many minutes after local midnight.
    pub fn step(&mut self, of_day_min: i64, lux: f64) {
        self.live(of_day_min, &Light::of(lux));
    }

    /// The same, of light that is known to several models.
    pub(super) fn live(&mut self, of_day_min: i64, light: &Light) {
        if of_day_min == 0 {
            self.runs.push_back(Run { start: self.minutes, steps: 0, state: Some(INITIAL) });
        }
        self.minutes += 1;
        for runs in self.runs.make_contiguous().chunks_mut(ode::LANES) {
            let mut states = [INITIAL; ode::LANES];
            let known = |run: &Run| run.state.unwrap_or(INITIAL);
            states.iter_mut().zip(&*runs).for_each(|(state, run)| *state = known(run));
            ode::driven(&mut states, light);
            for (run, state) in runs.iter_mut().zip(states) {
                run.state = run.state.and(Some(state)).filter(ode::finite);
                run.steps += 1;
            }
        }
        while let Some(run) = self.runs.front().copied()
            && run.steps >= STEPS
        {
            self.runs.pop_front();
            let value = run.state.map(|state| state[0]).filter(|amplitude| *amplitude >= 0.0);
            self.done.push_back(EsriValue { start_minute: run.start, value });
        }
        while self.done.len() > KEPT {
            self.done.pop_front();
        }
    }

    /// Appends what goes on as this does: minutes, the copies that run, the last value.
    pub(super) fn list(&self, list: &mut Vec<f64>) {
        list.extend([self.minutes as f64, self.runs.len() as f64]);
        for run in &self.runs {
            list.extend([run.start as f64, f64::from(run.steps)]);
            put(run.state.map(|state| state[0]), list);
            list.extend(&run.state.unwrap_or([0.0; 5])[1..]);
        }
        let done = self.done.back();
        put(done.map(|done| done.start_minute as f64), list);
        put(done.and_then(|done| done.value), list);
    }

    /// Takes over what [`list`](Self::list) appended.
    pub(super) fn of_list(next: &mut impl FnMut() -> Option<f64>) -> Option<Self> {
        let mut esri = Self { minutes: next()? as u64, ..Self::new() };
        let runs = next()?;
        // No more copies run than there are days in a run, and one that has just begun.
        if !(0.0..=5.0).contains(&runs) {
            return None;
        }
        for _ in 0..runs as u32 {
            let (start, steps) = (next()? as u64, next()? as u32);
            let (first, mut state) = (take(next)?, INITIAL);
            for variable in &mut state[1..] {
                *variable = next()?;
            }
            let state = first.map(|first| {
                state[0] = first;
                state
            });
            esri.runs.push_back(Run { start, steps, state });
        }
        let (start, value) = (take(next)?, take(next)?);
        let done = start.map(|start| EsriValue { start_minute: start as u64, value });
        esri.done.extend(done);
        Some(esri)
    }

    /// The last values in order, at most [`KEPT`].
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &EsriValue> + ExactSizeIterator {
        self.done.iter()
    }
}
