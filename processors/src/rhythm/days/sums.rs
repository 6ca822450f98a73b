//! What is kept of light, noise and raw acceleration for the analysis of a day, by the hour.
//!
//! All of it is integers, so that the order in which readings arrive changes no bit. Sums stop at
//! the greatest integer instead of wrapping; no plausible rate of readings comes near.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::Imu;

use super::super::{
    acceleration::{EPOCH_S, Epochs, counts::Counts},
    slots::Sums,
};
use crate::exact;

/// Entries that an hour opens with, and by which it grows: a reading every 5 minutes needs no more.
const ROOM: usize = 12;
/// Entries of an hour with one each minute.
const ROOM_DENSE: usize = 60;

/// Makes room for one more: at once for the whole hour where entries come by the minute.
fn make_room<T>(list: &mut Vec<T>, is_dense: bool) {
    if is_dense && list.capacity() < ROOM_DENSE {
        list.reserve_exact(ROOM_DENSE - list.len());
    } else if list.len() == list.capacity() {
        list.reserve_exact(ROOM);
    }
}

/// Steps of the light grid in one lux.
const LUX_ONE: f64 = 64.0;
/// Greatest illuminance kept, lux: twice that of the sun.
const LUX_MAX: f64 = 200_000.0;

/// The light of an hour, minute by minute; minutes without light are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LightHour(Vec<LightMinute>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LightMinute {
    /// Minute of UTC, of the hour of UTC: a slot lasts one hour, so none comes twice.
    minute: u8,
    n: u16,
    /// Sum on the grid 2^-6 lux.
    sum: u32,
}

impl LightHour {
    /// Takes in one reading's light.
    pub(crate) fn feed(&mut self, minute: i64, lux: f64) {
        let sum = libm::rint(lux.clamp(0.0, LUX_MAX) * LUX_ONE) as u32;
        self.merge(LightMinute { minute: minute.rem_euclid(60) as u8, n: 1, sum });
    }

    fn merge(&mut self, new: LightMinute) {
        match self.0.binary_search_by_key(&new.minute, |known| known.minute) {
            Ok(at) => {
                let known = &mut self.0[at];
                known.n = known.n.saturating_add(new.n);
                known.sum = known.sum.saturating_add(new.sum);
            }
            Err(at) => {
                let ends = self.0.first().zip(self.0.last());
                let span = ends.map_or(0, |(first, last)| usize::from(last.minute - first.minute));
                let is_dense = !self.0.is_empty() && span < 2 * self.0.len();
                make_room(&mut self.0, is_dense);
                self.0.insert(at, new);
            }
        }
    }

    /// The mean light of the minutes from `start` on that have any, lux.
    pub(crate) fn minutes(&self, start: i64) -> impl Iterator<Item = (i64, f64)> {
        let phase = start.rem_euclid(60);
        let at = move |minute: u8| start + (i64::from(minute) - phase).rem_euclid(60);
        let mut minutes: Vec<_> = self
            .0
            .iter()
            .map(|known| (at(known.minute), f64::from(known.sum) / LUX_ONE / f64::from(known.n)))
            .collect();
        minutes.sort_unstable_by_key(|(minute, _)| *minute);
        minutes.into_iter()
    }
}

impl Sums for LightHour {
    fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|new| self.merge(*new));
    }

    fn subtract(&mut self, other: &Self) {
        for old in &other.0 {
            if let Ok(at) = self.0.binary_search_by_key(&old.minute, |known| known.minute) {
                let known = &mut self.0[at];
                known.n = known.n.saturating_sub(old.n);
                known.sum = known.sum.saturating_sub(old.sum);
                if known.n == 0 {
                    self.0.remove(at);
                }
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<LightMinute>()
    }
}

/// Steps of the energy grid in the energy of 0 dB.
const ENERGY_ONE: f64 = 16.0;
/// Loudest level kept, dB.
const LEVEL_MAX: f64 = 140.0;
/// Levels told apart in one dB.
const BINS_DB: f64 = 2.0;

/// The noise of an hour: its energy, and how often each level of half a dB was heard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct NoiseHour {
    pub(crate) n: u32,
    energy: u64,
    levels: Vec<(u16, u16)>,
}

impl NoiseHour {
    /// Takes in one reading's level, dB.
    pub(crate) fn feed(&mut self, level_db: f64) {
        let level_db = level_db.clamp(0.0, LEVEL_MAX);
        let energy = libm::rint(libm::pow(10.0, level_db / 10.0) * ENERGY_ONE) as u64;
        self.n = self.n.saturating_add(1);
        self.energy = self.energy.saturating_add(energy);
        self.hear(libm::rint(level_db * BINS_DB) as u16, 1);
    }

    fn hear(&mut self, bin: u16, n: u16) {
        match self.levels.binary_search_by_key(&bin, |known| known.0) {
            Ok(at) => self.levels[at].1 = self.levels[at].1.saturating_add(n),
            Err(at) => {
                make_room(&mut self.levels, false);
                self.levels.insert(at, (bin, n));
            }
        }
    }

    /// The equivalent level, dB; none without readings.
    pub(crate) fn equivalent(&self) -> Option<f64> {
        let mean = self.energy as f64 / ENERGY_ONE / f64::from(self.n);
        (self.n > 0).then(|| 10.0 * libm::log10(mean))
    }

    /// The level below which a share of the readings lies, to half a dB.
    pub(crate) fn percentile(&self, share: f64) -> Option<f64> {
        let all: u32 = self.levels.iter().map(|(_, n)| u32::from(*n)).sum();
        let rank = libm::floor(share * f64::from(all.checked_sub(1)?)) as u32;
        let mut below = 0;
        for (bin, n) in &self.levels {
            below += u32::from(*n);
            if below > rank {
                return Some(f64::from(*bin) / BINS_DB);
            }
        }
        None
    }
}

impl Sums for NoiseHour {
    fn add(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
        self.energy = self.energy.saturating_add(other.energy);
        other.levels.iter().for_each(|(bin, n)| self.hear(*bin, *n));
    }

    fn subtract(&mut self, other: &Self) {
        self.n = self.n.saturating_sub(other.n);
        self.energy = self.energy.saturating_sub(other.energy);
        for (bin, n) in &other.levels {
            if let Ok(at) = self.levels.binary_search_by_key(bin, |known| known.0) {
                self.levels[at].1 = self.levels[at].1.saturating_sub(*n);
                if self.levels[at].1 == 0 {
                    self.levels.remove(at);
                }
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<(u16, u16)>()
    }
}

/// Least length of a record whose counts are taken, s.
const COUNTED_S_MIN: f64 = 60.0;

/// Raw acceleration of an hour, by epochs of 5 s that lie whole within one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct MotionHour {
    pub(crate) epochs: u32,
    enmo: i64,
    mad: i64,
    /// ActiGraph counts of whole seconds, by axis, and how many seconds.
    counts: [u32; 3],
    counted_s: u32,
}

impl MotionHour {
    /// The epochs of one record; none where its rate does not make whole epochs, or it has none.
    pub(crate) fn of(imu: &Imu<'_>) -> Option<Self> {
        if imu.acc_g.is_empty() {
            return None;
        }
        if (imu.acc_g.len() as f64) < 3.0 * f64::from(EPOCH_S) * imu.fs_hz? {
            return None;
        }
        let mut epochs = Epochs::new(imu.fs_hz?)?;
        let (mut axes, mut sums) = (imu.acc_g.iter(), Self::default());
        while let (Some(x), Some(y), Some(z)) = (axes.next(), axes.next(), axes.next()) {
            if let Some(epoch) = epochs.feed([x, y, z]) {
                sums.epochs += 1;
                sums.enmo += exact::signal(epoch.enmo_g);
                sums.mad += exact::signal(epoch.mad_g);
            }
        }
        sums.count(imu);
        (sums.epochs > 0).then_some(sums)
    }

    /// Adds the counts of a record of a minute or more; its filters begin at rest on its first sample,
    /// which shorter ones hardly leave.
    fn count(&mut self, imu: &Imu<'_>) {
        let whole = |rate: &f64| libm::trunc(*rate) == *rate;
        let Some(rate_hz) = imu.fs_hz.filter(whole) else { return };
        if (imu.acc_g.len() as f64) < 3.0 * COUNTED_S_MIN * rate_hz {
            return;
        }
        let Some(mut machine) = Counts::new(rate_hz as u32, 1) else { return };
        let mut axes = imu.acc_g.iter();
        while let (Some(x), Some(y), Some(z)) = (axes.next(), axes.next(), axes.next()) {
            if let Some(counts) = machine.feed([x, y, z]) {
                self.counted_s += 1;
                self.counts.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
        }
    }

    /// Counts of a minute, by axis; none without a record that is long enough.
    pub(crate) fn counts_per_min(&self) -> [Option<f64>; 3] {
        let known = self.counted_s > 0;
        self.counts.map(|sum| known.then(|| 60.0 * f64::from(sum) / f64::from(self.counted_s)))
    }

    /// Mean ENMO and MAD, g; none without an epoch.
    pub(crate) fn means_g(&self) -> Option<[f64; 2]> {
        let mean = |sum: i64| exact::signal_value(sum) / f64::from(self.epochs);
        (self.epochs > 0).then(|| [mean(self.enmo), mean(self.mad)])
    }
}

impl Sums for MotionHour {
    fn add(&mut self, other: &Self) {
        self.epochs = self.epochs.saturating_add(other.epochs);
        self.enmo = self.enmo.saturating_add(other.enmo);
        self.mad = self.mad.saturating_add(other.mad);
        self.counted_s = self.counted_s.saturating_add(other.counted_s);
        self.counts
            .iter_mut()
            .zip(other.counts)
            .for_each(|(sum, new)| *sum = sum.saturating_add(new));
    }

    fn subtract(&mut self, other: &Self) {
        self.epochs = self.epochs.saturating_sub(other.epochs);
        self.enmo = self.enmo.saturating_sub(other.enmo);
        self.mad = self.mad.saturating_sub(other.mad);
        self.counted_s = self.counted_s.saturating_sub(other.counted_s);
        self.counts
            .iter_mut()
            .zip(other.counts)
            .for_each(|(sum, old)| *sum = sum.saturating_sub(old));
    }
}

#[cfg(test)]
mod tests {
    use zeitgeber_schemas::Doubles;

    use super::*;

    #[test]
    fn the_counts_of_a_minute_are_those_of_its_seconds() {
        let sample = |at: u32| {
            let turn = f64::from(at) / 7.0;
            [libm::sin(turn), 0.4 * libm::cos(1.3 * turn), 1.0]
        };
        let mut minute = Counts::new(30, 60).expect("30 Hz has counts");
        let wanted = (0..1800).filter_map(|at| minute.feed(sample(at))).next();
        let bytes: Vec<u8> = (0..1800).flat_map(sample).flat_map(f64::to_le_bytes).collect();
        let of = |bytes: &[u8]| {
            let acc_g = Doubles::from_le_bytes(bytes);
            MotionHour::of(&Imu { fs_hz: Some(30.0), acc_g, ..Imu::default() })
        };
        let mut sums = of(&bytes).expect("it has epochs");
        let wanted = wanted.expect("a minute is over").map(|n| Some(f64::from(n)));
        assert!(wanted[0] > Some(100.0));
        assert_eq!((sums.counted_s, sums.counts_per_min()), (60, wanted));
        let shorter = of(&bytes[..24 * 1799]).expect("it has epochs");
        assert_eq!(shorter.counts_per_min(), [None; 3], "its filters hardly left rest");
        sums.add(&shorter);
        assert_eq!((sums.epochs, sums.counts_per_min()), (12 + 11, wanted));
        sums.subtract(&shorter);
        assert_eq!(sums.counts_per_min(), wanted);
    }
}
