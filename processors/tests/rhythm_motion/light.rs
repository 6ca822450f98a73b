//! Days, minutes and hours of light.

use proptest::prelude::*;
use zeitgeber_processors::rhythm::light_day::{
    HOURS_MAX, LightDay, LightDays, LightHours, LightMinutes,
};

use super::restored;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

#[test]
fn no_light_tells_nothing() {
    assert_eq!(LightDay::default().value(60.0), None);
    assert_eq!(LightDays::new(60.0).value(), None);
    assert_eq!(LightMinutes::default().value(), None);
    let stability = LightHours::default().value(30);
    assert_eq!((stability.n_hours, stability.is, stability.iv), (0, None, None));
}

#[test]
fn a_dark_day_has_no_time_above_threshold() {
    let mut day = LightDay::default();
    day.feed(0, 0.0);
    day.feed(MINUTE_MS, f64::NAN);
    day.feed(MINUTE_MS, -1.0);
    let found = day.value(60.0).expect("there is a sample");
    assert_eq!((found.n, found.mean_lux, found.dose_lux_h), (1, 0.0, 0.0));
    for above in found.above {
        assert_eq!((above.tat_min, above.mlit_h, above.flit_h), (0.0, None, None));
    }
}

#[test]
fn times_above_a_threshold_include_it() {
    let mut day = LightDay::default();
    for (hour, lux) in [(6, 9.9), (8, 10.0), (12, 1000.0), (16, 250.0)] {
        day.feed(hour * 3_600_000, lux);
    }
    let [evening, bright, daylight] = day.value(60.0).expect("there are samples").above;
    assert_eq!((evening.tat_min, evening.flit_h, evening.llit_h), (3.0, Some(8.0), Some(16.0)));
    assert_eq!((evening.mlit_h, bright.mlit_h), (Some(12.0), Some(14.0)));
    assert_eq!((daylight.tat_min, daylight.mlit_h), (1.0, Some(12.0)));
}

#[test]
fn a_sample_of_the_day_before_is_left_out() {
    let mut days = LightDays::new(60.0);
    assert_eq!(days.feed(DAY_MS - 1, 5.0), None);
    let (day, first) = days.feed(DAY_MS, 7.0).expect("a day is over");
    assert_eq!((day, first.n, first.mean_lux), (0, 1, 5.0));
    assert_eq!(days.feed(DAY_MS - 1, 5.0), None);
    let (day, second) = days.value().expect("a day is under way");
    assert_eq!((day, second.n, second.mean_lux), (1, 1, 7.0));
}

#[test]
fn the_same_light_every_day_is_as_stable_as_can_be() {
    let mut hours = LightHours::default();
    for minute in 0..40 * 1440 {
        hours.feed(minute, if minute % 1440 < 480 { 0.0 } else { 100.0 });
    }
    let found = hours.value(30);
    assert_eq!(found.n_hours, HOURS_MAX);
    assert!((found.is.expect("light varies") - 1.0).abs() < 1e-12);
    assert!(found.iv.expect("light varies") > 0.0);
}

#[test]
fn an_hour_with_few_minutes_is_missing() {
    let mut hours = LightHours::default();
    for minute in (0..60).chain(60..89).chain(180..240) {
        hours.feed(minute, if minute < 60 { 1.0 } else { 3.0 });
    }
    let found = hours.value(30);
    assert_eq!((found.n_hours, found.is, found.iv), (2, Some(1.0), None));
    assert_eq!(hours.value(1).n_hours, 3);
}

proptest! {
    #[test]
    fn a_snapshot_in_mid_stream_changes_no_bit(
        samples in prop::collection::vec((0i64..400_000, 0.0f64..5000.0), 1..200),
        cut in 0usize..200,
    ) {
        let (mut days, mut minutes) = (LightDays::new(30.0), LightMinutes::default());
        let (mut other_days, mut other_minutes) = (days.clone(), minutes);
        let mut at_ms = 0;
        for (index, (later, lux)) in samples.into_iter().enumerate() {
            at_ms += later;
            if index == cut {
                (other_days, other_minutes) = (restored(&other_days), restored(&other_minutes));
            }
            prop_assert_eq!(days.feed(at_ms, lux), other_days.feed(at_ms, lux));
            prop_assert_eq!(minutes.feed(at_ms, lux), other_minutes.feed(at_ms, lux));
        }
        prop_assert_eq!(days, other_days);
        prop_assert_eq!(minutes, other_minutes);
    }
}
