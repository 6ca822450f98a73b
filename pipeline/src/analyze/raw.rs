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
    trace::Trace,
};

/// Samples that are this many times further apart than usual have others missing between them.
const GAP: f64 = 5.0;
/// Greatest acceleration of an axis, g.
const AXIS_MAX_G: f64 = 100.0;
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
    pub epochs: Vec<Timed<Epoch>>,
    /// ActiGraph counts of whole minutes, begun likewise; none for rates that cannot be resampled.
    pub counts: Option<Vec<Timed<AxisCounts>>>,
    /// What would correct the sensor; none where it was not still in enough directions.
    pub calibration: Option<Calibration>,
}

/// What is told of a stretch, with when that begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timed<T> {
    /// Its beginning, ms by the local clock.
    pub start_ms: i64,
    /// What is told.
    #[serde(flatten)]
    pub told: T,
}

/// Counts of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AxisCounts {
    /// Of x, y and z.
    pub counts: [u32; 3],
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
    let (mut epoch_from, mut minute_from) = (None, None);
    while let Some(sample) = samples.next()? {
        let Sample { at_ms, values: [Some(x), Some(y), Some(z)], .. } = sample else { continue };
        let apart_ms = last_ms.replace(at_ms).map_or(0.0, |last| at_ms - last);
        if apart_ms > GAP * 1000.0 / rate_hz {
            gaps += 1;
            epochs.gap();
            (counts, still) = (new_counts(), StillFinder::new(rate_hz));
            (epoch_from, minute_from) = (None, None);
        }
        if [x, y, z].iter().any(|axis| axis.abs() > AXIS_MAX_G) {
            return Err(samples.fault(&sample, format!("an axis of more than {AXIS_MAX_G} g")));
        }
        count += 1;
        let axes = [x, y, z];
        let start_ms = *epoch_from.get_or_insert(at_ms as i64);
        if let Some(epoch) = epochs.feed(axes) {
            told.push(Timed { start_ms, told: epoch });
            epoch_from = None;
        }
        let start_ms = *minute_from.get_or_insert(at_ms as i64);
        if let Some(counts) = counts.as_mut().and_then(|counts| counts.feed(axes)) {
            told_counts.push(Timed { start_ms, told: AxisCounts { counts } });
            minute_from = None;
        }
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
pub(super) fn diary(
    samples: &mut Samples<'_>,
    mut trace: Option<&mut Trace>,
) -> Result<Option<SleepTiming>, RecordingError> {
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
        if let Some(trace) = &mut trace {
            trace.nights.push((onset_ms as i64, wake_ms as i64));
        }
    }
    Ok(diary.value())
}
