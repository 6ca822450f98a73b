//! What is kept of a person besides the movement, beats and light of ten days: the last three days
//! of what only the analysis of a day looks at.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{FieldSet, ProfileBody, Values};

use super::{
    bursts::Bursts,
    still::Still,
    sums::{LightHour, MotionHour, NoiseHour},
};
use crate::rhythm::{
    Accepted, light,
    movement::HourValues,
    series::covered,
    slots::{Retention, Slots, Source, Sums},
};

type Kept<T> = Option<Box<Slots<T>>>;

/// Each is opened by its first value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct DaySeries {
    pub(crate) light: Kept<LightHour>,
    pub(crate) noise: Kept<NoiseHour>,
    pub(crate) bursts: Kept<Bursts>,
    pub(crate) motion: Kept<MotionHour>,
    pub(crate) still: Option<Box<Still>>,
    /// Degrees Celsius; ten days, for its rhythm.
    pub(crate) temperature: Kept<HourValues>,
}

impl DaySeries {
    /// Takes in a reading.
    pub(crate) fn add(&mut self, profile: &ProfileBody, input: &Accepted<'_>) {
        let source = Source::of(profile, input.body.device_id);
        let (first, last) = covered(input);
        match &input.body.values {
            Values::Imu(imu) => {
                if let Some(new) = MotionHour::of(imu) {
                    open(&mut self.motion, Retention::Day).add(profile, last, source, &new);
                }
                // Another sensor has other errors.
                if source != Source::Other && !imu.acc_g.is_empty() {
                    let still = self.still.get_or_insert_default();
                    still.feed(input.envelope.ts, imu);
                }
            }
            Values::Hrv(rr_ms) => {
                let new = Bursts::of(*rr_ms);
                open(&mut self.bursts, Retention::Day).add(profile, last, source, &new);
            }
            Values::Environment(surroundings) => {
                let dropped = input.accepted.dropped_fields;
                let kept = |field, value: Option<f64>| value.filter(|_| !dropped.contains(field));
                if let Some(lux) = light::value(surroundings, dropped) {
                    let slots = open(&mut self.light, Retention::Day);
                    slots.feed(profile, first, source, |hour| hour.feed(first, lux));
                }
                if let Some(level) = kept(FieldSet::NOISE_DB, surroundings.noise_db) {
                    let slots = open(&mut self.noise, Retention::Day);
                    slots.feed(profile, first, source, |hour| hour.feed(level));
                }
                if let Some(degrees) = kept(FieldSet::TEMP_C, surroundings.temp_c) {
                    let new = HourValues::signed(degrees);
                    let slots = open(&mut self.temperature, Retention::Live);
                    slots.add(profile, first, source, &new);
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        bytes(&self.light)
            + bytes(&self.noise)
            + bytes(&self.bursts)
            + bytes(&self.motion)
            + bytes(&self.temperature)
            + self.still.as_ref().map_or(0, |still| size_of::<Still>() + still.heap_bytes())
    }
}

fn open<T: Sums>(slots: &mut Kept<T>, retention: Retention) -> &mut Slots<T> {
    slots.get_or_insert_with(|| Box::new(Slots::new(retention)))
}

fn bytes<T: Sums>(slots: &Kept<T>) -> usize {
    slots.as_ref().map_or(0, |slots| size_of::<Slots<T>>() + slots.heap_bytes())
}
