//! Light and sound: days, body clock, minutes.

use serde::Serialize;
use zeitgeber_processors::rhythm::{
    light_day::{
        DailyLight, HOUR_MINUTES, LUX_MAX, LightDays, LightHours, LightMinutes, LightStability,
    },
    noise::{Noise, NoiseMinute, a_weighted},
    phase::{PhaseEstimate, PhaseTracker},
};

use super::{
    kind::{Quantity, Shape},
    recording::RecordingError,
    samples::{Sample, Samples},
    trace::{Trace, minima},
};

const DAY_MS: i64 = 86_400_000;
/// Levels that sound can have, dB.
const LEVELS_DB: std::ops::RangeInclusive<f64> = -200.0..=200.0;
/// Samples of light further apart than this fill too few minutes for hours and phase, s.
const CLOSE_S: f64 = 60.0;

/// What light tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Light {
    /// Whether it is melanopic EDI; photopic lux from a wrist is only near it.
    pub melanopic: bool,
    /// Whether samples are close enough to tell hours and phase: no more than a minute apart.
    pub close: bool,
    /// Days by the local clock.
    pub days: Vec<LightOfDay>,
    /// Regularity of its hours.
    pub hours: LightStability,
    /// Where the body's night is; none below 5 days of light.
    pub phase: Option<PhaseEstimate>,
}

/// One day's light.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LightOfDay {
    /// The local midnight at which it begins.
    pub start_ms: i64,
    /// What it tells.
    #[serde(flatten)]
    pub light: DailyLight,
}

pub(super) fn light(
    samples: &mut Samples<'_>,
    quantity: Quantity,
    epoch_s: f64,
    mut trace: Option<&mut Trace>,
) -> Result<Light, RecordingError> {
    let (mut days, mut minutes) = (LightDays::new(epoch_s), LightMinutes::default());
    let (mut hours, mut phase) = (LightHours::default(), PhaseTracker::new());
    let mut told = Vec::new();
    let day = |(day, light): (i64, DailyLight)| LightOfDay { start_ms: day * DAY_MS, light };
    let mut minute = |(minute, lux): (i64, f64)| {
        hours.feed(minute, lux);
        phase.feed(minute, 0, lux);
    };
    while let Some(sample) = samples.next()? {
        let Some(lux) = sample.values[0] else { continue };
        if !(0.0..=LUX_MAX).contains(&lux) {
            let what = format!("{lux} lux is no light: from 0 to {LUX_MAX}");
            return Err(samples.fault(&sample, what));
        }
        if let Some(trace) = &mut trace {
            trace.light.push((sample.at_ms as i64, lux));
        }
        told.extend(days.feed(sample.at_ms as i64, lux).map(day));
        minutes.feed(sample.at_ms as i64, lux).into_iter().for_each(&mut minute);
    }
    minutes.value().into_iter().for_each(&mut minute);
    told.extend(days.value().map(day));
    if let Some(trace) = trace {
        trace.minima = minima(&phase);
    }
    Ok(Light {
        melanopic: quantity == Quantity::MediLux,
        close: epoch_s <= CLOSE_S,
        days: told,
        hours: hours.value(HOUR_MINUTES),
        phase: phase.value(),
    })
}

/// What sound tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sound {
    /// Equivalent level of all of it, dB.
    pub laeq_db: Option<f64>,
    /// Whether some bands only were there: the levels are then lower bounds.
    pub partial: bool,
    /// Its minutes.
    pub minutes: Vec<NoiseMinute>,
}

pub(super) fn sound(samples: &mut Samples<'_>) -> Result<Sound, RecordingError> {
    let levels = Levels::of(&samples.shape);
    let (mut noise, mut minutes) = (Noise::new(), Vec::new());
    while let Some(sample) = samples.next()? {
        let Some(level) = levels.level(samples, &sample)? else { continue };
        minutes.extend(noise.feed(sample.at_ms as i64, level));
    }
    minutes.extend(noise.close());
    Ok(Sound { laeq_db: noise.equivalent(), partial: !levels.bands.is_empty(), minutes })
}

/// How a row's level is told.
pub(super) struct Levels {
    /// Octave bands of the columns, Hz; none where a column holds the level itself.
    bands: Vec<u32>,
}

impl Levels {
    pub(super) fn of(shape: &Shape) -> Self {
        Self { bands: shape.values.iter().filter_map(|(one, _)| hertz(*one)).collect() }
    }

    /// A row's A-weighted level; none where a band is missing.
    pub(super) fn level(
        &self,
        samples: &Samples<'_>,
        sample: &Sample,
    ) -> Result<Option<f64>, RecordingError> {
        let wrong = sample.values.iter().flatten().find(|level| !LEVELS_DB.contains(level));
        if let Some(wrong) = wrong {
            return Err(samples.fault(sample, format!("{wrong} dB is no sound level")));
        }
        if self.bands.is_empty() {
            return Ok(sample.values[0]);
        }
        let bands = self.bands.iter().zip(sample.values);
        let levels: Option<Vec<(u32, f64)>> =
            bands.map(|(hz, value)| Some((*hz, value?))).collect();
        Ok(levels.and_then(|levels| a_weighted(&levels)))
    }
}

const fn hertz(quantity: Quantity) -> Option<u32> {
    match quantity {
        Quantity::Band500 => Some(500),
        Quantity::Band1000 => Some(1_000),
        Quantity::Band2000 => Some(2_000),
        _ => None,
    }
}
