//! Raw acceleration, and nights from a diary.

use serde::Serialize;
use zeitgeber_processors::rhythm::{
    acceleration::{
        EPOCH_S, Epoch, Epochs,
        calibration::{Calibration, StillFinder, StillWindows},
        counts::Counts,
    },
    timing::{Diary, Night, SleepTiming},
};

use super::{
    recording::RecordingError,
    samples::{Sample, Samples},
};

/// Samples that are this many times further apart than usual have others missing between them.
const GAP: f64 = 5.0;
/// Length of an epoch of counts, s.
const COUNTS_S: u32 = 60;

/// What raw acceleration tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acceleration {
    /// Samples a second.
    pub rate_hz: f64,
    /// Samples.
    pub samples: u64,
    /// Places where samples are missing.
    pub gaps: u64,
    /// Mean of the norm, g: 1 where the sensor is calibrated and still.
    pub norm_mean_g: Option<f64>,
    /// Epochs of 5 s, beginning at the first sample and after each gap.
    pub epochs: Vec<Epoch>,
    /// ActiGraph counts of the axes, by the minute; none for rates that the device never had.
    pub counts: Option<Vec<[u32; 3]>>,
    /// What would correct the sensor; none where it was not still in enough directions.
    pub calibration: Option<Calibration>,
}

pub(super) fn acceleration(
    samples: &mut Samples<'_>,
    rate_hz: f64,
) -> Result<Acceleration, RecordingError> {
    let Some(mut epochs) = Epochs::new(rate_hz) else {
        return Err(samples.whole(format!(
            "{rate_hz} samples a second are no whole number in {EPOCH_S} s, or too many: resample \
             the recording, or say the rate with --epoch 1/RATE"
        )));
    };
    let whole_rate = (rate_hz.fract() == 0.0).then_some(rate_hz as u32);
    let new_counts = || whole_rate.and_then(|rate| Counts::new(rate, COUNTS_S));
    let (mut counts, mut told_counts) = (new_counts(), Vec::new());
    let mut still = StillFinder::new(rate_hz);
    let mut windows = StillWindows::default();
    let (mut told, mut gaps, mut count, mut last_ms) = (Vec::new(), 0, 0, None);
    while let Some(sample) = samples.next()? {
        let Sample { at_ms, values: [Some(x), Some(y), Some(z)], .. } = sample else { continue };
        let apart_ms = last_ms.replace(at_ms).map_or(0.0, |last| at_ms - last);
        if apart_ms > GAP * 1000.0 / rate_hz {
            gaps += 1;
            epochs.gap();
            (counts, still) = (new_counts(), StillFinder::new(rate_hz));
        }
        count += 1;
        let axes = [x, y, z];
        told.extend(epochs.feed(axes));
        told_counts.extend(counts.as_mut().and_then(|counts| counts.feed(axes)));
        if let Some((window, sd)) = still.as_mut().and_then(|still| still.feed(axes, None)) {
            windows.feed(window, sd);
        }
    }
    Ok(Acceleration {
        rate_hz,
        samples: count,
        gaps,
        norm_mean_g: epochs.norm_mean_g(),
        epochs: told,
        counts: counts.map(|_| told_counts),
        calibration: windows.value(),
    })
}

/// Reads nights, each from falling asleep to waking.
pub(super) fn diary(samples: &mut Samples<'_>) -> Result<Option<SleepTiming>, RecordingError> {
    let mut diary = Diary::new();
    while let Some(sample) = samples.next()? {
        let [Some(onset_ms), Some(wake_ms), _] = sample.values else { continue };
        // Local times stand for themselves.
        if !diary.feed(Night::new(onset_ms as i64, wake_ms as i64, 0)) {
            return Err(samples.fault(
                &sample,
                "this night ends before it begins, lasts more than a day, or begins before the \
                 one above it ended",
            ));
        }
    }
    Ok(diary.value())
}
