//! The differential equations of the four models of the circadian pacemaker, and their step.
//!
//! Light acts through the share of photoreceptors that it drives (process L, Kronauer 1999), which
//! each model feeds into its oscillator. Rates are per hour.
//!
//! A step looks at four phases that lie near each other, and at sums of them with fixed lags. One sine
//! and cosine are computed for each step; the others follow from them.

use core::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::Model;

/// A state. Models with three variables leave the last two at 0.
pub(super) type State = [f64; 5];

/// The state of a model with three variables.
type Short = [f64; 3];

/// Populations that are moved on together: what one computes does not wait for another.
pub(super) const LANES: usize = 4;

/// The states of several populations, variable by variable.
type Lanes<const L: usize> = [[f64; L]; 3];

/// One step, h: a minute, during which light is held.
const STEP_H: f64 = 1.0 / 60.0;

/// Strength of the drive of Forger's and Hannay's models.
const GAIN: f64 = 33.75;

/// Rate at which photoreceptors recover, per minute.
const RECOVERY: f64 = 0.0075;

/// Coupling and loss of Hannay's single population, per hour.
const COUPLING: f64 = 0.06358;
const LOSS: f64 = 0.024;

/// Light, and the rates at which it drives photoreceptors in each model, per minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Light {
    pub(super) lux: f64,
    forger: f64,
    jewett: f64,
    hannay: f64,
}

impl Light {
    pub(super) const DARK: Self = Self { lux: 0.0, forger: 0.0, jewett: 0.0, hannay: 0.0 };

    pub(super) fn of(lux: f64) -> Self {
        let power = lux * libm::sqrt(lux);
        Self {
            lux,
            forger: 0.05 * libm::sqrt(lux / 9500.0),
            jewett: 0.16 * libm::pow(lux / 9500.0, 0.6),
            hannay: 0.05 * power / (power + 9325.0),
        }
    }
}

/// Whether every variable is a number. Hannay's phase has none where its amplitude is 0.
pub(super) fn finite(state: &State) -> bool {
    state.iter().all(|value| value.is_finite())
}

/// The state of a model after a minute of light.
pub(super) fn lived(model: Model, state: State, light: &Light) -> State {
    let [a, b, c, d, e] = state;
    let [a, b, c] = match model {
        Model::Forger99 => step([a, b, c], |state| forger(state, light.forger)),
        Model::Jewett99 => step([a, b, c], |state| jewett(state, light.jewett)),
        Model::Hannay19 => {
            populations([[a], [b], [c]], light.hannay, COUPLING, LOSS).map(|[variable]| variable)
        }
        Model::Hannay19Tp => {
            let (ventral, apart) = (Turn::at(c), Turn::at(d - c));
            return step([a, b, c, d, e], |state| {
                two_populations(state, &ventral, &apart, light.hannay)
            });
        }
    };
    [a, b, c, d, e]
}

/// Moves populations without coupling or loss on by a minute of light.
pub(super) fn driven(states: &mut [State; LANES], light: &Light) {
    let lanes = core::array::from_fn(|variable| states.map(|state| state[variable]));
    let lanes = populations::<LANES>(lanes, light.hannay, 0.0, 0.0);
    for (lane, state) in states.iter_mut().enumerate() {
        *state = [lanes[0][lane], lanes[1][lane], lanes[2][lane], 0.0, 0.0];
    }
}

/// The state a minute later (fourth-order Runge-Kutta).
fn step<const N: usize>(state: [f64; N], rates: impl Fn(&[f64; N]) -> [f64; N]) -> [f64; N] {
    let wrapped = |[state]: &[[f64; N]; 1]| [rates(state)];
    let [next] = steps([state], wrapped);
    next
}

/// The same of several rows of states.
fn steps<const N: usize, const M: usize>(
    states: [[f64; N]; M],
    rates: impl Fn(&[[f64; N]; M]) -> [[f64; N]; M],
) -> [[f64; N]; M] {
    let moved = |by: &[[f64; N]; M], h: f64| -> [[f64; N]; M] {
        core::array::from_fn(|row| core::array::from_fn(|i| states[row][i] + by[row][i] * h))
    };
    let k1 = rates(&states);
    let k2 = rates(&moved(&k1, STEP_H / 2.0));
    let k3 = rates(&moved(&k2, STEP_H / 2.0));
    let k4 = rates(&moved(&k3, STEP_H));
    let total = core::array::from_fn(|row| {
        core::array::from_fn(|i| k1[row][i] + 2.0 * k2[row][i] + 2.0 * k3[row][i] + k4[row][i])
    });
    moved(&total, STEP_H / 6.0)
}

/// Sine and cosine of an angle.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Direction {
    sin: f64,
    cos: f64,
}

impl Direction {
    fn of(angle: f64) -> Self {
        let (sin, cos) = libm::sincos(angle);
        Self { sin, cos }
    }

    /// That of the sum of two angles.
    fn plus(self, other: Self) -> Self {
        Self {
            sin: self.sin * other.cos + self.cos * other.sin,
            cos: self.cos * other.cos - self.sin * other.sin,
        }
    }
}

/// Coefficients of the power series of sine and cosine, the last first.
const SIN: [f64; 5] = [1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
const COS: [f64; 6] = [-1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0];

/// An angle, around which those that a step looks at are near.
#[derive(Debug, Clone, Copy)]
struct Turn {
    angle: f64,
    direction: Direction,
}

impl Turn {
    /// Angles this far away are found by power series, whose next term lies below 1e-18.
    const NEAR: f64 = 1.0 / 16.0;

    fn at(angle: f64) -> Self {
        Self { angle, direction: Direction::of(angle) }
    }

    fn is_near(&self, angle: f64) -> bool {
        (angle - self.angle).abs() <= Self::NEAR
    }

    fn direction(&self, angle: f64) -> Direction {
        if self.is_near(angle) { self.near(angle) } else { Direction::of(angle) }
    }

    /// The direction of an angle that is near.
    fn near(&self, angle: f64) -> Direction {
        let by = angle - self.angle;
        let square = by * by;
        let sin = SIN.iter().fold(0.0, |sum, part| sum * square + part);
        let cos = COS.iter().fold(0.0, |sum, part| sum * square + part);
        let near = Direction { sin: by * sin, cos };
        self.direction.plus(near)
    }
}

/// Photoreceptors in use, per hour.
fn receptors(n: f64, drive: f64, recovery: f64) -> f64 {
    60.0 * (drive * (1.0 - n) - recovery * n)
}

/// Forger 1999: a cubic van der Pol oscillator of x and xc.
fn forger(&[x, xc, n]: &Short, drive: f64) -> Short {
    let light = GAIN * (1.0 - n) * drive * (1.0 - 0.4 * x) * (1.0 - 0.4 * xc);
    let stiffness = 0.23 * (xc - 4.0 / 3.0 * xc * xc * xc);
    let period = 24.0 / (0.99669 * 24.2);
    [
        PI / 12.0 * (xc + light),
        PI / 12.0 * (stiffness - x * (period * period + 0.55 * light)),
        receptors(n, drive, RECOVERY),
    ]
}

/// Jewett and Kronauer 1999: a van der Pol oscillator of the seventh order.
fn jewett(&[x, xc, n]: &Short, drive: f64) -> Short {
    let light = 19.875 * drive * (1.0 - n) * (1.0 - 0.4 * x) * (1.0 - 0.4 * xc);
    let cube = x * x * x;
    let stiffness = 0.13 * (x / 3.0 + 4.0 / 3.0 * cube - 256.0 / 105.0 * cube * cube * x);
    let period = 24.0 / (0.99729 * 24.2);
    [
        PI / 12.0 * (xc + stiffness + light),
        PI / 12.0 * (light * xc / 3.0 - x * (period * period + 0.55 * light)),
        receptors(n, drive, 0.013),
    ]
}

/// How light moves a population (Hannay 2019).
struct Response {
    first: f64,
    /// The lag of the first harmonic.
    first_lag: Direction,
    second: f64,
    /// That of the second.
    second_lag: Direction,
    advance: f64,
}

impl Response {
    /// Change of amplitude and of phase of a population of amplitude `r` and the phase `psi`.
    fn of(&self, r: f64, psi: Direction, light: f64) -> (f64, f64) {
        let (r4, first) = (fourth(r), psi.plus(self.first_lag));
        let (r8, second) = (r4 * r4, psi.plus(psi).plus(self.second_lag));
        let (one, two) = (self.first * 0.5 * light, self.second * 0.5 * light);
        let amplitude = one * (1.0 - r4) * first.cos + two * r * (1.0 - r8) * second.cos;
        let phase = self.advance * light
            - one * (r * r * r + 1.0 / r) * first.sin
            - two * (1.0 + r8) * second.sin;
        (amplitude, phase)
    }
}

fn fourth(r: f64) -> f64 {
    r * r * r * r
}

/// The lags of Hannay's single population: of the coupling -0.09318 rad, of light's harmonics -0.0026
/// and -0.957756 rad.
const LAG: Direction = Direction { sin: -0.093_045_219_107_574, cos: 0.995_661_883_975_289_8 };
const SINGLE: Response = Response {
    first: 0.3855,
    first_lag: Direction { sin: -0.002_599_997_070_667_657, cos: 0.999_996_620_001_904_1 },
    second: 0.1977,
    second_lag: Direction { sin: -0.817_902_527_998_905_1, cos: 0.575_356_806_419_286_5 },
    advance: 0.040_069_2,
};

/// Those of two populations: 0.06452 and -1.38935 rad.
const VENTRAL: Response = Response {
    first: 0.440_068,
    first_lag: Direction { sin: 0.064_475_245_013_485_28, cos: 0.997_919_306_748_021_1 },
    second: 0.159_136,
    second_lag: Direction { sin: -0.983_583_728_577_229_5, cos: 0.180_452_345_172_111_8 },
    advance: 0.047_737_5,
};

/// Hannay 2019, populations of amplitudes r and phases psi, after a minute.
fn populations<const L: usize>(states: Lanes<L>, drive: f64, coupling: f64, loss: f64) -> Lanes<L> {
    let (turns, half) = (states[1].map(Turn::at), coupling / 2.0);
    let rates = |r: f64, psi: Direction, n: f64| {
        let light = GAIN * (1.0 - n) * drive;
        let (amplitude, phase) = SINGLE.of(r, psi, light);
        [
            half * LAG.cos * r * (1.0 - fourth(r)) - loss * r + amplitude,
            2.0 * PI / 23.84 + half * LAG.sin * (1.0 + fourth(r)) + phase,
            receptors(n, drive, RECOVERY),
        ]
    };
    steps(states, |[r, psi, n]| {
        let near = turns.iter().zip(psi).all(|(turn, psi)| turn.is_near(*psi));
        let mut all = [[0.0; L]; 3];
        for lane in 0..L {
            let (turn, psi) = (&turns[lane], psi[lane]);
            let psi = if near { turn.near(psi) } else { turn.direction(psi) };
            let rates = rates(r[lane], psi, n[lane]);
            (0..3).for_each(|variable| all[variable][lane] = rates[variable]);
        }
        all
    })
}

/// Hannay 2019, a ventral population that sees light and a dorsal one that follows it; the turns are
/// of the ventral phase and of how far the dorsal one is ahead of it.
fn two_populations(
    &[rv, rd, psi_v, psi_d, n]: &State,
    ventral: &Turn,
    apart: &Turn,
    drive: f64,
) -> State {
    // Coupling within and between them, per hour: of ventral on dorsal it is KVD.
    const KVV: f64 = 0.05;
    const KDD: f64 = 0.04;
    const KVD: f64 = 0.05;
    const KDV: f64 = 0.01;
    let light = GAIN * (1.0 - n) * drive;
    let (amplitude, phase) = VENTRAL.of(rv, ventral.direction(psi_v), light);
    let Direction { sin, cos } = apart.direction(psi_d - psi_v);
    let of_ventral = 0.5 * (KVV * rv + KDV * rd * cos) * (1.0 - fourth(rv));
    let of_dorsal = 0.5 * (KDD * rd + KVD * rv * cos) * (1.0 - fourth(rd));
    [
        of_ventral - LOSS * rv + amplitude,
        of_dorsal - LOSS * rd,
        2.0 * PI / 24.25 + KDV / 2.0 * rd * (rv * rv * rv + 1.0 / rv) * sin + phase,
        2.0 * PI / 24.0 - KVD / 2.0 * rv * (rd * rd * rd + 1.0 / rd) * sin,
        receptors(n, drive, RECOVERY),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_the_directions_of_their_angles() {
        for (lag, angle) in [
            (LAG, -0.09318),
            (SINGLE.first_lag, -0.0026),
            (SINGLE.second_lag, -0.957_756),
            (VENTRAL.first_lag, 0.06452),
            (VENTRAL.second_lag, -1.38935),
        ] {
            let of = Direction::of(angle);
            assert!(
                (lag.sin - of.sin).abs() < 2e-16 && (lag.cos - of.cos).abs() < 2e-16,
                "{angle}"
            );
        }
    }

    #[test]
    fn what_is_near_a_turn_is_where_it_is() {
        for step in -40..=40 {
            for angle in [0.0, 1.0, -2.5, 60.0] {
                let at = angle + f64::from(step) / 500.0;
                let (found, of) = (Turn::at(angle).direction(at), Direction::of(at));
                assert!((found.sin - of.sin).abs() < 3e-16, "{at}");
                assert!((found.cos - of.cos).abs() < 3e-16, "{at}");
            }
        }
    }
}
