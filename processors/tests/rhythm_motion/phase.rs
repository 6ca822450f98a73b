//! Circadian phase and regularity.

use zeitgeber_processors::rhythm::phase::{
    Esri, HALF_WIDTH_H, LIGHT_MIN, Model, Pacemaker, PhaseTracker,
};

use super::{Noise, restored};

const DAY_MIN: i64 = 1440;

/// Bright from 7 to 23 h of the local clock.
fn lux(of_day_min: i64) -> f64 {
    if (420..1380).contains(&of_day_min) { 500.0 } else { 0.0 }
}

fn follow(minutes: impl Iterator<Item = i64>, offset_min: i64) -> PhaseTracker {
    let mut tracker = PhaseTracker::new();
    for minute in minutes {
        tracker.feed(minute, offset_min, lux((minute + offset_min).rem_euclid(DAY_MIN)));
    }
    tracker
}

#[test]
fn no_time_is_told_before_five_days_of_light() {
    assert_eq!(PhaseTracker::new().value(), None);
    let needed = i64::from(LIGHT_MIN);
    assert_eq!(follow(0..needed - 1, 0).value(), None);
    let found = follow(0..needed, 0).value().expect("there is enough light");
    assert!(found.half_width_h >= HALF_WIDTH_H);
    assert!((2.0..8.0).contains(&found.cbtmin_clock_h), "{found:?}");
    assert!((19.0..24.0).contains(&found.dlmo_clock_h), "{found:?}");
}

#[test]
fn the_local_clock_decides_midnight() {
    let home = follow(0..6 * DAY_MIN, 0);
    let abroad = follow(-120..6 * DAY_MIN - 120, 120);
    assert_eq!(home.start_minute(), Some(0));
    assert_eq!(abroad.start_minute(), Some(-120));
    assert_eq!(home.value(), abroad.value());
    assert_eq!(home.pacemakers(), abroad.pacemakers());
    assert_eq!(follow(1..10, 0).start_minute(), Some(DAY_MIN));
}

#[test]
fn over_a_gap_light_is_what_it_was() {
    let mut gap = PhaseTracker::new();
    let mut held = PhaseTracker::new();
    for minute in 0..3 * DAY_MIN {
        let missing = (1000..1700).contains(&minute);
        if !missing {
            gap.feed(minute, 0, lux(minute % DAY_MIN));
        }
        held.feed(minute, 0, if missing { lux(999) } else { lux(minute % DAY_MIN) });
    }
    assert_eq!(gap.pacemakers(), held.pacemakers());
    assert_eq!(gap.esri(), held.esri());
}

#[test]
fn a_day_without_light_takes_the_time_away() {
    let mut tracker = follow(0..8 * DAY_MIN, 0);
    assert!(tracker.value().is_some());
    tracker.feed(9 * DAY_MIN + 1, 0, 10.0);
    assert_eq!(tracker.value(), None);
}

#[test]
fn after_a_long_silence_all_begins_anew() {
    let mut tracker = follow(0..8 * DAY_MIN, 0);
    tracker.feed(1_000_000 * DAY_MIN + 5, 0, 10.0);
    assert_eq!(tracker.start_minute(), Some(1_000_001 * DAY_MIN));
    assert_eq!(tracker.pacemakers()[0].minutes(), 0);
}

#[test]
fn minutes_that_are_over_and_wrong_light_change_nothing() {
    let before = follow(0..2 * DAY_MIN, 0);
    let mut after = before.clone();
    after.feed(DAY_MIN, 0, 9999.0);
    after.feed(2 * DAY_MIN, 0, f64::NAN);
    after.feed(2 * DAY_MIN, 0, -1.0);
    after.feed(2 * DAY_MIN, 0, 1e300);
    assert_eq!(before, after);
}

#[test]
fn a_snapshot_in_mid_stream_changes_no_bit() {
    let (mut noise, mut tracker) = (Noise(6), PhaseTracker::new());
    let mut other = tracker.clone();
    for minute in 0..6 * DAY_MIN {
        let lux = lux(minute % DAY_MIN) * noise.share();
        if minute % 1111 == 0 {
            other = restored(&other);
        }
        tracker.feed(minute, 0, lux);
        other.feed(minute, 0, lux);
    }
    assert_eq!(tracker, other);
    assert!(tracker.esri().values().len() == 3);
}

#[test]
fn a_clock_without_rhythm_stays_so_in_the_dark() {
    let mut esri = Esri::new();
    for minute in 0..5 * DAY_MIN {
        esri.step(minute % DAY_MIN, 0.0);
    }
    let values: Vec<_> = esri.values().map(|esri| esri.value).collect();
    assert_eq!(values, [Some(0.1), Some(0.1)]);
}

#[test]
fn every_model_keeps_a_day_under_regular_light() {
    for model in Model::ALL {
        let mut pacemaker = Pacemaker::new(model);
        for minute in 0..20 * DAY_MIN {
            pacemaker.step(lux(minute % DAY_MIN));
        }
        let minima: Vec<f64> = pacemaker.cbtmin_h().collect();
        assert_eq!(minima.len(), 20, "{model:?}");
        let last = minima[19] - minima[18];
        assert!((last - 24.0).abs() < 0.05, "{model:?}: {last} h");
        assert!(pacemaker.amplitude().is_finite() && pacemaker.phase_rad().is_finite());
    }
}
