//! What an `imu` reading says: an epoch of a movement signal, or raw samples.

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{Imu, Signal};

use super::{minutes::Combine, slots::Sums};
use crate::exact;

/// The signals kept by the minute, in the order in which analysis prefers them.
pub(crate) const MINUTE_SIGNALS: [(Signal, Combine); 3] = [
    (Signal::ActivityCounts, Combine::Sum),
    (Signal::EnmoMg, Combine::Mean),
    (Signal::Steps, Combine::Sum),
];

/// Greatest ENMO of a raw sample, g. It bounds the sums.
const ENMO_MAX: f64 = 1000.0;

/// The epoch of a reading in whole seconds: a minute where none is given, none where it is not a
/// whole number from 1 to 3,600.
pub(crate) fn epoch_s(imu: &Imu<'_>) -> Option<i64> {
    let epoch = imu.epoch_s.unwrap_or(60.0);
    ((1.0..=3600.0).contains(&epoch) && libm::trunc(epoch) == epoch).then_some(epoch as i64)
}

/// The value of a signal in a reading.
pub(crate) fn signal_value(imu: &Imu<'_>, signal: Signal) -> Option<f64> {
    match signal {
        Signal::ActivityCounts => imu.activity_counts,
        Signal::EnmoMg => imu.enmo_mg,
        Signal::Steps => imu.steps,
        Signal::Intensity => imu.intensity,
    }
}

/// Values of one clock hour: one, or one of each device where no primary one is named.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct HourValues {
    pub(crate) count: u32,
    pub(crate) sum: i64,
}

impl HourValues {
    pub(crate) fn of(value: f64) -> Self {
        Self::signed(value.max(0.0))
    }

    /// Sum on the signal grid, and number.
    pub(crate) const fn get(&self) -> (i64, u32) {
        (self.sum, self.count)
    }

    /// A value that may be negative, as degrees may.
    pub(crate) fn signed(value: f64) -> Self {
        Self { count: 1, sum: exact::signal(value.clamp(-1_000_000.0, 1_000_000.0)) }
    }
}

impl Sums for HourValues {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    fn subtract(&mut self, other: &Self) {
        self.count -= other.count;
        self.sum -= other.sum;
    }
}

/// Sums over raw samples.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RawSamples {
    pub(crate) records: u64,
    pub(crate) samples: u64,
    enmo: i128,
}

impl RawSamples {
    /// Adds a record: ENMO of each sample is its Euclidean norm less 1 g, at least 0 (van Hees
    /// 2013).
    pub(crate) fn add(&mut self, imu: &Imu<'_>) {
        let mut axes = imu.acc_g.iter();
        self.records += 1;
        while let (Some(x), Some(y), Some(z)) = (axes.next(), axes.next(), axes.next()) {
            let enmo = libm::sqrt(x * x + y * y + z * z) - 1.0;
            self.samples += 1;
            self.enmo += i128::from(exact::signal(enmo.clamp(0.0, ENMO_MAX)));
        }
    }

    /// Mean ENMO of all samples, g.
    pub(crate) fn enmo_mean_g(&self) -> Option<f64> {
        let sum = self.enmo as f64 / exact::SIGNAL_ONE;
        (self.samples > 0).then(|| sum / self.samples as f64)
    }
}
