//! What machines make of a clock that is put forward or back. Time that passes is elapsed time,
//! whatever the clock shows; times of day are those that it shows.

use zeitgeber_processors::rhythm::{alertness::daily, light_day::LightDays, phase::PhaseTracker};

use super::person::{HOUR_MS, MINUTE_MS, START, profile};

/// Spring and autumn: offsets before and after an hour past midnight UTC.
const CHANGES: [(i32, i32); 2] = [(60, 120), (120, 60)];
const CHANGE: i64 = START + HOUR_MS;

/// Usual sleep from 23 to 7 lasts an hour less in the night of spring and one more in that of
/// autumn. A span that clocks leave out does not fall in that night, and one that begins in the
/// missing hour begins when the clock has passed it.
#[test]
fn a_daily_span_follows_the_clock_on_the_wall() {
    for ((before, after), hours) in CHANGES.into_iter().zip([7, 9]) {
        let profile = profile(before, &[(CHANGE, after)]);
        let night = daily(&profile, 23 * 60, 7 * 60, START - 8 * HOUR_MS);
        let lengths: Vec<i64> =
            night.iter().map(|span| (span.until_ms - span.from_ms) / HOUR_MS).collect();
        assert_eq!(lengths, [hours]);
    }
    let spring = profile(60, &[(CHANGE, 120)]);
    assert!(daily(&spring, 130, 170, START - 8 * HOUR_MS).is_empty());
    let begun = daily(&spring, 130, 240, START - 8 * HOUR_MS);
    assert_eq!((begun.len(), begun[0].from_ms), (1, CHANGE));
    assert_eq!(begun[0].until_ms, CHANGE + HOUR_MS);
}

/// A day of light has as many samples as the day has minutes; the hour that comes twice counts
/// twice, at the same times of day.
#[test]
fn light_of_a_long_or_short_day_is_all_of_its_minutes() {
    for ((before, after), minutes) in CHANGES.into_iter().zip([1380, 1500]) {
        let profile = profile(before, &[(CHANGE, after)]);
        let mut days = LightDays::new(60.0);
        let mut told = Vec::new();
        for minute in -3 * 1440..4 * 1440 {
            let at_ms = START + minute * MINUTE_MS;
            let local_ms = at_ms + i64::from(profile.offset_at(at_ms)) * MINUTE_MS;
            told.extend(days.feed(local_ms, 300.0).map(|(_, day)| day));
        }
        let samples: Vec<u32> = told.iter().map(|day| day.n).collect();
        assert_eq!(samples[1..], [1440, 1440, minutes, 1440, 1440, 1440]);
        let changed = &told[3].above[1];
        assert_eq!(changed.tat_min, f64::from(minutes));
        assert_eq!((changed.flit_h, changed.llit_h), (Some(0.0), Some(1439.0 / 60.0)));
    }
}

/// The body clock does not know of it: the models live on as before, and the time that they tell
/// is an hour later or earlier by the clock on the wall.
#[test]
fn phase_is_the_same_instant_by_another_clock() {
    let follow = |offset: &dyn Fn(i64) -> i64| {
        let mut tracker = PhaseTracker::new();
        for minute in 0..8 * 1440 {
            let bright = (420..1380).contains(&((minute + 60) % 1440));
            tracker.feed(minute, offset(minute), if bright { 800.0 } else { 0.0 });
        }
        tracker
    };
    let stays = follow(&|_| 60);
    let moves = follow(&|minute| if minute < 6 * 1440 + 60 { 60 } else { 120 });
    assert_eq!(stays.pacemakers(), moves.pacemakers());
    let (stays, moves) = (stays.value().unwrap(), moves.value().unwrap());
    let later = (moves.cbtmin_clock_h - stays.cbtmin_clock_h).rem_euclid(24.0);
    assert!((later - 1.0).abs() < 1e-9, "{later}");
    assert_eq!(stays.half_width_h.to_bits(), moves.half_width_h.to_bits());
}
