//! Windows of 5 minutes within a long record of RR intervals, in two ways: with artefacts dropped by
//! rule R1, and with those that Lipponen and Tarvainen's method finds repaired.
//!
//! The windows that pass the quality gate give spectra, complexity and long-term values. A repaired
//! beat counts as an artefact of the window that it lay in, as a dropped interval does.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    super::hrv::{
        Artefact, Artefacts, Cleaner, Interval, Usable, WINDOW_MS, Welch, Window, Windows,
        correct_repeatedly, dfa_alpha1, lomb_scargle, sample_entropy,
    },
    bursts::{Mean, Moments},
};
use crate::exact;

/// The beat at the very end of a window belongs to it.
const END_MS: f64 = 1e-6;
/// Longest interval between two beats that are placed in time, ms: beyond it, none was measured. It
/// bounds their times; and none goes back.
const APART_MAX_MS: f64 = 600_000.0;

/// Sums over long records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// With artefacts dropped.
    pub(crate) cleaned: Usables,
    /// With artefacts repaired.
    pub(crate) repaired: Usables,
    /// Beats looked at for artefacts, and those found: ectopic, missed, extra, too long or short.
    pub(crate) beats: i64,
    pub(crate) artefacts: [i64; 4],
}

/// Sums over usable windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Usables {
    /// Means of windows, and their deviations and logarithms of RMSSD.
    pub(crate) means: Moments,
    pub(crate) sdnn: Mean,
    pub(crate) ln_rmssd: Mean,
    /// Of windows usable for the frequency domain.
    pub(crate) spectral: SpectralMeans,
}

/// Sums and numbers of what windows told of the frequency domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SpectralMeans {
    sums: [i64; 8],
    n: [i32; 8],
}

/// Very low, low and high power by Welch's method and by that of Lomb and Scargle, ms²; sample
/// entropy; scaling exponent.
pub(crate) type Spectral = [Option<f64>; 8];

impl Cut {
    pub(super) fn of(rr_ms: &[f64]) -> Self {
        let welch = Welch::new();
        let found = Artefacts::of(rr_ms);
        let mut cut = Self { beats: rr_ms.len() as i64, ..Self::default() };
        for (kind, n) in [
            (Artefact::Ectopic, found.ectopic.len()),
            (Artefact::Missed, found.missed.len()),
            (Artefact::Extra, found.extra.len()),
            (Artefact::LongShort, found.long_short.len()),
        ] {
            cut.artefacts[kind as usize] += n as i64;
        }
        let mut known: Vec<(Window, Spectral)> = Vec::new();
        for window in windows(Cleaner::without_gaps(), rr_ms) {
            let usable = window.usable();
            let told = || spectral(&window, &welch);
            if let Some(told) = cut.cleaned.add(&window, usable, told) {
                known.push((window, told));
            }
        }
        // Most windows have no artefact, and both ways give the same intervals.
        let told = |window: &Window| {
            let same = known.iter().find(|(other, _)| other.nn_ms() == window.nn_ms());
            same.map_or_else(|| spectral(window, &welch), |(_, told)| *told)
        };
        let times = artefact_times(rr_ms, &found);
        for window in windows(Cleaner::range_only(), &repaired(rr_ms, &found)) {
            let inside = |at_ms: &&f64| libm::floor(**at_ms / WINDOW_MS) as i64 == window.index();
            let usable = window.usable_with(times.iter().filter(inside).count() as u64);
            cut.repaired.add(&window, usable, || told(&window));
        }
        cut
    }

    pub(super) fn combine(&mut self, other: &Self, sign: i32) {
        self.cleaned.combine(&other.cleaned, sign);
        self.repaired.combine(&other.repaired, sign);
        let wide = i64::from(sign);
        self.beats += wide * other.beats;
        let artefacts = self.artefacts.iter_mut().zip(other.artefacts);
        artefacts.for_each(|(sum, other)| *sum += wide * other);
    }
}

impl SpectralMeans {
    fn feed(&mut self, told: Spectral) {
        for ((sum, n), value) in self.sums.iter_mut().zip(&mut self.n).zip(told) {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                *sum += exact::signal(value);
                *n += 1;
            }
        }
    }

    fn combine(&mut self, other: &Self, sign: i32) {
        let sums = self.sums.iter_mut().zip(other.sums);
        sums.for_each(|(sum, other)| *sum += i64::from(sign) * other);
        self.n.iter_mut().zip(other.n).for_each(|(n, other)| *n += sign * other);
    }

    /// The means; none of what no window told.
    pub(crate) fn values(&self) -> Spectral {
        core::array::from_fn(|at| {
            let n = self.n[at];
            (n > 0).then(|| exact::signal_value(self.sums[at]) / f64::from(n))
        })
    }
}

impl Usables {
    /// Adds a window as far as it is usable, and gives what it told of the frequency domain.
    fn add(
        &mut self,
        window: &Window,
        usable: Usable,
        told: impl FnOnce() -> Spectral,
    ) -> Option<Spectral> {
        let time = window.time().filter(|_| usable.time_domain)?;
        self.means.feed_ms(time.mean_nn_ms);
        self.sdnn.feed(time.sdnn_ms);
        self.ln_rmssd.feed(time.rmssd_ms.filter(|ms| *ms > 0.0).map(libm::log));
        let told = usable.frequency_domain.then(told)?;
        self.spectral.feed(told);
        Some(told)
    }

    fn combine(&mut self, other: &Self, sign: i32) {
        let wide = i64::from(sign);
        self.means.combine(&other.means, wide);
        self.sdnn.combine(&other.sdnn, wide);
        self.ln_rmssd.combine(&other.ln_rmssd, wide);
        self.spectral.combine(&other.spectral, sign);
    }
}

fn windows(cleaner: Cleaner, rr_ms: &[f64]) -> Vec<Window> {
    let (mut machine, mut end_ms) = (Windows::by_clock(cleaner), 0.0);
    let mut windows = Vec::new();
    for rr_ms in rr_ms {
        end_ms += rr_ms;
        windows.extend(machine.feed(Interval { end_ms: end_ms - END_MS, rr_ms: *rr_ms }));
    }
    windows.extend(machine.finish());
    windows
}

/// The intervals between repaired beats; as they were where nothing needs repair, for beats that are
/// repaired are placed on whole milliseconds.
fn repaired(rr_ms: &[f64], found: &Artefacts) -> Vec<f64> {
    if found.is_empty() {
        return rr_ms.to_vec();
    }
    let mut beats = Vec::with_capacity(rr_ms.len() + 1);
    let mut end_ms = 0.0;
    beats.push(0);
    for rr_ms in rr_ms {
        end_ms += rr_ms.clamp(0.0, APART_MAX_MS);
        beats.push(libm::rint(end_ms) as i64);
    }
    let beats = correct_repeatedly(&beats);
    beats.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect()
}

/// When the beats were that are artefacts, ms after the record's first.
fn artefact_times(rr_ms: &[f64], found: &Artefacts) -> Vec<f64> {
    let Artefacts { ectopic, missed, extra, long_short } = found;
    let places = [ectopic, missed, extra, long_short].into_iter().flatten();
    let mut times = Vec::with_capacity(rr_ms.len() + 1);
    let mut end_ms = 0.0;
    times.push(0.0);
    for rr_ms in rr_ms {
        end_ms += rr_ms;
        times.push(end_ms - END_MS);
    }
    places.filter_map(|place| times.get(*place).copied()).collect()
}

fn spectral(window: &Window, welch: &Welch) -> Spectral {
    let nn_ms = window.nn_ms();
    let welch = welch.bands(nn_ms);
    let lomb = lomb_scargle(nn_ms).zip(density(nn_ms));
    [
        welch.map(|bands| bands.vlf),
        welch.map(|bands| bands.lf),
        welch.map(|bands| bands.hf),
        lomb.map(|(bands, density)| bands.vlf * density),
        lomb.map(|(bands, density)| bands.lf * density),
        lomb.map(|(bands, density)| bands.hf * density),
        sample_entropy(nn_ms).and_then(|found| found.value),
        dfa_alpha1(nn_ms),
    ]
}

/// What makes a density, ms²/Hz, of a power by Lomb and Scargle: 2 T / N.
fn density(nn_ms: &[f64]) -> Option<f64> {
    let from_first_s = (nn_ms.iter().sum::<f64>() - nn_ms.first()?) / 1000.0;
    Some(2.0 * from_first_s / nn_ms.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six minutes that breathe at a quarter of a hertz.
    fn breathing() -> Vec<f64> {
        let mut at_s = 0.0;
        let beat = |_| {
            let rr_ms: f64 = 900.0 + 30.0 * libm::sin(core::f64::consts::TAU * 0.25 * at_s);
            at_s += rr_ms / 1000.0;
            libm::rint(rr_ms)
        };
        (0..400).map(beat).collect()
    }

    #[test]
    fn without_artefacts_both_ways_say_the_same() {
        let cut = Cut::of(&breathing());
        assert_eq!((cut.beats, cut.artefacts), (400, [0; 4]));
        assert_eq!(cut.repaired, cut.cleaned);
        assert_eq!(cut.cleaned.means.n, 1, "the second window is not covered");
        let [_, _, welch, _, _, lomb, ..] = cut.cleaned.spectral.values();
        let (welch, lomb) = welch.zip(lomb).expect("both have a spectrum");
        // Lines between beats 0.9 s apart carry sinc(0.225)^4 of this wave's power.
        assert!((0.65..0.8).contains(&(welch / lomb)), "{welch} and {lomb} are densities");
        assert!((400.0..500.0).contains(&lomb), "half the square of 30 ms: {lomb}");
    }

    #[test]
    fn beats_that_were_not_detected_are_put_back() {
        let quiet = Cut::of(&breathing());
        let mut rr_ms = breathing();
        for at in [60, 120, 180, 240] {
            let next = rr_ms.remove(at);
            rr_ms[at] += next;
        }
        let cut = Cut::of(&rr_ms);
        assert_eq!(cut.artefacts[Artefact::Missed as usize], 4);
        // Each leaves a gap, which repair closes.
        assert_eq!((cut.cleaned.spectral.n[1], cut.repaired.spectral.n[1]), (1, 1));
        let hf = |of: &Usables| of.spectral.values()[2].expect("there is a spectrum");
        let (plain, repaired) = (hf(&quiet.cleaned), hf(&cut.repaired));
        assert!((repaired / plain - 1.0).abs() < 0.05, "{repaired}, {plain} where all were seen");
        let ln_rmssd = |of: &Usables| of.ln_rmssd.value().expect("a window is usable");
        assert!((ln_rmssd(&cut.repaired) - ln_rmssd(&quiet.cleaned)).abs() < 0.05);
    }

    #[test]
    fn repair_does_not_make_a_bad_window_a_good_one() {
        let mut rr_ms = breathing();
        for at in (20..300).step_by(14) {
            (rr_ms[at], rr_ms[at + 1]) = (600.0, 1200.0);
        }
        let cut = Cut::of(&rr_ms);
        assert!(cut.artefacts.iter().sum::<i64>() > 20, "{:?}", cut.artefacts);
        assert_eq!((cut.repaired.means.n, cut.repaired.spectral.n[1]), (0, 0));
    }

    #[test]
    fn intervals_that_no_heart_has_end_in_numbers() {
        let mut rr_ms = breathing();
        (rr_ms[50], rr_ms[51], rr_ms[200]) = (1e300, -1e300, -900.0);
        let cut = Cut::of(&rr_ms);
        assert!(cut.artefacts.iter().sum::<i64>() > 0);
        assert!(cut.repaired.spectral.values().iter().flatten().all(|value| value.is_finite()));
    }

    #[test]
    fn what_is_added_can_be_taken_away() {
        let (one, other) = (Cut::of(&breathing()), Cut::of(&breathing()[30..]));
        let mut both = one;
        both.combine(&other, 1);
        assert_eq!(both.beats, 770);
        both.combine(&one, -1);
        assert_eq!(both, other);
    }
}
