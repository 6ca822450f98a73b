//! The differential equations of the four models of the circadian pacemaker, and their step.
//!
//! Light acts through the share of photoreceptors that it drives (process L, Kronauer 1999), which
//! each model feeds into its oscillator. Rates are per hour.

use core::f64::consts::PI;

use super::Model;

/// A state. Models with three variables leave the last two at 0.
pub(super) type State = [f64; 5];

/// One step, h: a minute, during which light is held.
const STEP_H: f64 = 1.0 / 60.0;

/// Strength of the drive of Forger's and Hannay's models.
const GAIN: f64 = 33.75;

/// Rate at which photoreceptors recover, per minute.
const RECOVERY: f64 = 0.0075;

/// Coupling and loss of Hannay's single population, per hour.
pub(super) const COUPLING: f64 = 0.06358;
pub(super) const LOSS: f64 = 0.024;

/// Rate at which light of so many lux drives photoreceptors, per minute.
pub(super) fn drive(model: Model, lux: f64) -> f64 {
    match model {
        Model::Forger99 => 0.05 * libm::sqrt(lux / 9500.0),
        Model::Jewett99 => 0.16 * libm::pow(lux / 9500.0, 0.6),
        Model::Hannay19 | Model::Hannay19Tp => {
            let power = lux * libm::sqrt(lux);
            0.05 * power / (power + 9325.0)
        }
    }
}

/// Whether every variable is a number. Hannay's phase has none where its amplitude is 0.
pub(super) fn finite(state: &State) -> bool {
    state.iter().all(|value| value.is_finite())
}

/// The state a minute later (fourth-order Runge-Kutta).
pub(super) fn step(state: State, rates: impl Fn(&State) -> State) -> State {
    let moved = |by: &State, h: f64| -> State { core::array::from_fn(|i| state[i] + by[i] * h) };
    let k1 = rates(&state);
    let k2 = rates(&moved(&k1, STEP_H / 2.0));
    let k3 = rates(&moved(&k2, STEP_H / 2.0));
    let k4 = rates(&moved(&k3, STEP_H));
    let total = core::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    moved(&total, STEP_H / 6.0)
}

/// The rates of change of a model's state under a drive.
pub(super) fn rates(model: Model, state: &State, drive: f64) -> State {
    match model {
        Model::Forger99 => forger(state, drive),
        Model::Jewett99 => jewett(state, drive),
        Model::Hannay19 => single_population(state, drive, COUPLING, LOSS),
        Model::Hannay19Tp => two_populations(state, drive),
    }
}

/// Photoreceptors in use, per hour.
fn receptors(n: f64, drive: f64, recovery: f64) -> f64 {
    60.0 * (drive * (1.0 - n) - recovery * n)
}

/// Forger 1999: a cubic van der Pol oscillator of x and xc.
fn forger(&[x, xc, n, ..]: &State, drive: f64) -> State {
    let light = GAIN * (1.0 - n) * drive * (1.0 - 0.4 * x) * (1.0 - 0.4 * xc);
    let stiffness = 0.23 * (xc - 4.0 / 3.0 * xc * xc * xc);
    let period = 24.0 / (0.99669 * 24.2);
    [
        PI / 12.0 * (xc + light),
        PI / 12.0 * (stiffness - x * (period * period + 0.55 * light)),
        receptors(n, drive, RECOVERY),
        0.0,
        0.0,
    ]
}

/// Jewett and Kronauer 1999: a van der Pol oscillator of the seventh order.
fn jewett(&[x, xc, n, ..]: &State, drive: f64) -> State {
    let light = 19.875 * drive * (1.0 - n) * (1.0 - 0.4 * x) * (1.0 - 0.4 * xc);
    let cube = x * x * x;
    let stiffness = 0.13 * (x / 3.0 + 4.0 / 3.0 * cube - 256.0 / 105.0 * cube * cube * x);
    let period = 24.0 / (0.99729 * 24.2);
    [
        PI / 12.0 * (xc + stiffness + light),
        PI / 12.0 * (light * xc / 3.0 - x * (period * period + 0.55 * light)),
        receptors(n, drive, 0.013),
        0.0,
        0.0,
    ]
}

/// How light moves a population of amplitude `r` and phase `psi` (Hannay 2019).
struct Response {
    first: f64,
    first_lag: f64,
    second: f64,
    second_lag: f64,
    advance: f64,
}

impl Response {
    /// Change of amplitude and of phase.
    fn of(&self, r: f64, psi: f64, light: f64) -> (f64, f64) {
        let (r4, first) = (fourth(r), psi + self.first_lag);
        let (r8, second) = (r4 * r4, 2.0 * psi + self.second_lag);
        let (one, two) = (self.first * 0.5 * light, self.second * 0.5 * light);
        let amplitude =
            one * (1.0 - r4) * libm::cos(first) + two * r * (1.0 - r8) * libm::cos(second);
        let phase = self.advance * light
            - one * (r * r * r + 1.0 / r) * libm::sin(first)
            - two * (1.0 + r8) * libm::sin(second);
        (amplitude, phase)
    }
}

fn fourth(r: f64) -> f64 {
    r * r * r * r
}

/// Hannay 2019, one population of amplitude r and phase psi.
pub(super) fn single_population(
    &[r, psi, n, ..]: &State,
    drive: f64,
    coupling: f64,
    loss: f64,
) -> State {
    const LAG: f64 = -0.09318;
    const RESPONSE: Response = Response {
        first: 0.3855,
        first_lag: -0.0026,
        second: 0.1977,
        second_lag: -0.957_756,
        advance: 0.040_069_2,
    };
    let (amplitude, phase) = RESPONSE.of(r, psi, GAIN * (1.0 - n) * drive);
    let half = coupling / 2.0;
    [
        half * libm::cos(LAG) * r * (1.0 - fourth(r)) - loss * r + amplitude,
        2.0 * PI / 23.84 + half * libm::sin(LAG) * (1.0 + fourth(r)) + phase,
        receptors(n, drive, RECOVERY),
        0.0,
        0.0,
    ]
}

/// Hannay 2019, a ventral population that sees light and a dorsal one that follows it.
fn two_populations(&[rv, rd, psi_v, psi_d, n]: &State, drive: f64) -> State {
    const RESPONSE: Response = Response {
        first: 0.440_068,
        first_lag: 0.06452,
        second: 0.159_136,
        second_lag: -1.38935,
        advance: 0.047_737_5,
    };
    // Coupling within and between them, per hour: of ventral on dorsal it is KVD.
    const KVV: f64 = 0.05;
    const KDD: f64 = 0.04;
    const KVD: f64 = 0.05;
    const KDV: f64 = 0.01;
    let (amplitude, phase) = RESPONSE.of(rv, psi_v, GAIN * (1.0 - n) * drive);
    let (cos, sin) = (libm::cos(psi_d - psi_v), libm::sin(psi_d - psi_v));
    let ventral = 0.5 * (KVV * rv + KDV * rd * cos) * (1.0 - fourth(rv));
    let dorsal = 0.5 * (KDD * rd + KVD * rv * cos) * (1.0 - fourth(rd));
    [
        ventral - LOSS * rv + amplitude,
        dorsal - LOSS * rd,
        2.0 * PI / 24.25 + KDV / 2.0 * rd * (rv * rv * rv + 1.0 / rv) * sin + phase,
        2.0 * PI / 24.0 - KVD / 2.0 * rv * (rd * rd * rd + 1.0 / rd) * sin,
        receptors(n, drive, RECOVERY),
    ]
}
