//! What days that are no plain 24 hours come to. Each test says what the result is and why.

use zeitgeber_schemas::{ProfileBody, RhythmAnalysed};

use super::{
    person::{DAY_MS, HOUR_MS, MINUTE_MS, Noise, Reading, START, Value, World, profile},
    zones,
};

/// Counts of somebody who lives by the clock on the wall: up from 8 to 22, never quite still.
fn life(profile: &ProfileBody, at_ms: i64) -> f64 {
    let clock = (at_ms + i64::from(profile.offset_at(at_ms)) * MINUTE_MS).rem_euclid(DAY_MS);
    let minute = clock / MINUTE_MS;
    if (480..1320).contains(&minute) { 100.0 + (minute % 60) as f64 } else { 2.0 }
}

/// Such days, a minute at a time.
fn days(profile: &ProfileBody, from: i64, until: i64) -> Vec<Reading> {
    let minutes = (from * 1440..until * 1440).map(|minute| START + minute * MINUTE_MS);
    minutes.map(|at| Reading::epoch(at, 60, Value::Counts(life(profile, at)))).collect()
}

fn lived(profile: &ProfileBody, n: i64) -> World {
    let mut world = World::new(profile);
    world.feed(&days(profile, 0, n));
    world
}

fn hours(event: &RhythmAnalysed) -> i64 {
    (event.window_end_ms - event.window_start_ms) / HOUR_MS
}

fn local(profile: &ProfileBody, at_ms: i64) -> i64 {
    at_ms + i64::from(profile.offset_at(at_ms)) * MINUTE_MS
}

/// A window is seven local days, whatever their length: 167 hours with the spring day, 169 with
/// the autumn one. An hour counts for its clock hour; that of spring is missing, that of autumn
/// stands for two days' worth. So a life by the clock keeps its L5 and M10 to the minute.
#[test]
fn a_day_of_23_or_25_hours_keeps_the_clock_times_of_a_regular_life() {
    for (before, after, of_window) in [(60, 120, 167), (120, 60, 169)] {
        let profile = profile(before, &[(START + 9 * DAY_MS + HOUR_MS, after)]);
        let midnights = lived(&profile, 20).midnights();
        let lengths: Vec<i64> = midnights.iter().map(hours).collect();
        assert_eq!(lengths.iter().filter(|hours| **hours == of_window).count(), 7);
        assert!(lengths[4..].iter().all(|hours| [168, of_window].contains(hours)), "{lengths:?}");
        for event in &midnights {
            assert_eq!(local(&profile, event.window_start_ms) % DAY_MS, 0);
            assert_eq!(local(&profile, event.window_end_ms) % DAY_MS, 0);
            assert_eq!(event.coverage, 1.0);
            let rhythm = event.all_minutes.as_ref().unwrap();
            assert_eq!(i64::from(rhythm.valid_minutes), 60 * hours(event));
            assert_eq!((rhythm.l5, rhythm.m10_onset_min), (Some(2.0), Some(480)));
            let is = rhythm.is.unwrap();
            let exact = hours(event) % 24 == 0;
            assert!(if exact { is > 1.0 - 1e-12 } else { (0.99..1.01).contains(&is) }, "{is}");
        }
    }
}

/// Where clocks leave midnight out, the day begins when they do, also where a traveller leaves out
/// most of a day; where they show it twice, at the first time, so that a day that a traveller lives
/// twice is one long day. Every end is sealed once, in order, and every minute between the first
/// and the last midnight lies in one day.
#[test]
fn every_local_day_is_sealed_once_whatever_the_clocks_do() {
    for zone in 0..zones::ZONES {
        let profile = zones::profile(zone);
        let midnights = lived(&profile, 12).midnights();
        let ends: Vec<i64> = midnights.iter().map(|event| event.window_end_ms).collect();
        for pair in ends.windows(2) {
            let day = (pair[1] - pair[0]) / HOUR_MS;
            // A change at either midnight makes the day another one, too.
            let before = pair[0] - MINUTE_MS;
            let mut minutes = (before..=pair[1]).step_by(MINUTE_MS as usize);
            let offset = profile.offset_at(before);
            let moves = minutes.any(|at| profile.offset_at(at) != offset);
            assert!(day == 24 || moves, "zone {zone}: a day of {day} h");
        }
        for end in &ends {
            let (before, at) = (local(&profile, end - MINUTE_MS), local(&profile, *end));
            assert!(before.div_euclid(DAY_MS) < at.div_euclid(DAY_MS), "zone {zone}: {end}");
        }
        let numbers: Vec<i64> = ends.iter().map(|end| local(&profile, *end) / DAY_MS).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "zone {zone}: {numbers:?}");
        assert!(midnights.len() >= 7, "zone {zone}: {}", midnights.len());
    }
}

/// Who takes another zone's clock has all their past told by it, from the next analysis on: what is
/// sealed then has the bits of somebody who always lived by that clock. What was sealed before
/// stands, and no end is opened again.
#[test]
fn a_person_who_moves_is_analysed_by_the_new_clock() {
    let (berlin, tokyo) = (profile(60, &[]), profile(540, &[]));
    let readings = days(&berlin, 0, 14);
    let at = 9 * 1440 + 700;
    let mut mover = World::new(&berlin);
    mover.feed(&readings[..at]);
    let before = mover.sealed();
    mover.move_to(&tokyo, readings[at].recv_ts);
    mover.feed(&readings[at..]);
    let mut native = World::new(&tokyo);
    native.feed(&readings);
    let after = mover.sealed();
    assert_eq!(after[..before.len() - 7], before[..before.len() - 7], "hours stand");
    let moved: Vec<_> = mover.midnights();
    assert!(moved.windows(2).all(|pair| pair[0].window_end_ms < pair[1].window_end_ms));
    let since = |event: &&RhythmAnalysed| event.window_end_ms > readings[at].recv_ts;
    let found: Vec<_> = moved.iter().filter(since).collect();
    let native = native.midnights();
    let expected: Vec<_> = native.iter().filter(since).collect();
    assert_eq!(found.len(), 5);
    assert_eq!(found, expected);
}

/// While a leap second is smeared, a clock is up to half a second away from the device's: starts
/// are taken to the nearest second, so every epoch stays in its minute.
#[test]
fn the_smear_of_a_leap_second_moves_no_minute() {
    let profile = profile(0, &[]);
    let leap = START + 5 * DAY_MS;
    // From noon to noon the smeared clock falls behind by half a second, leaps, and comes back.
    let smear = |at: i64| {
        let share = (at - leap) as f64 / (12.0 * HOUR_MS as f64);
        let behind_ms = if share.abs() < 1.0 { 499.0 * (1.0 - share.abs()) } else { 0.0 };
        if share < 0.0 { -(behind_ms as i64) } else { behind_ms as i64 }
    };
    for epoch_s in [15, 30, 60, 300] {
        let (mut plain, mut smeared) = (Vec::new(), Vec::new());
        for at in (START..START + 9 * DAY_MS).step_by(1000 * epoch_s as usize) {
            let value = Value::Counts(life(&profile, at) + (at / 1000 % 7) as f64);
            let reading = Reading::epoch(at, epoch_s, value);
            smeared.push(Reading { ts: reading.ts + smear(at), ..reading.clone() });
            plain.push(reading);
        }
        let (mut expected, mut found) = (World::new(&profile), World::new(&profile));
        expected.feed(&plain);
        found.feed(&smeared);
        assert_eq!(found.midnights(), expected.midnights(), "epochs of {epoch_s} s");
    }
}

/// A minute of which the first part was not recorded has no value, and a minute's epoch that begins
/// within one counts for the minute in which it begins. The first local day counts from its
/// midnight on only if it was recorded from there.
#[test]
fn a_recording_that_begins_within_an_epoch_begins_with_its_first_whole_minute() {
    let profile = profile(0, &[]);
    let first = START + 10 * HOUR_MS + 30_000;
    for (epoch_s, valid) in [(30, 599), (60, 600)] {
        let starts = (first..START + 8 * DAY_MS).step_by(1000 * epoch_s as usize);
        let readings: Vec<Reading> = starts
            .map(|at| Reading::epoch(at, epoch_s, Value::Counts(life(&profile, at))))
            .collect();
        let mut world = World::new(&profile);
        world.feed(&readings);
        let sealed = world.sealed();
        let hour = &sealed[0];
        assert_eq!(hour.window_start_ms, START + 10 * HOUR_MS, "epochs of {epoch_s} s");
        assert_eq!(hour.coverage, (valid - 540) as f64 / 60.0);
        let midnights = world.midnights();
        assert_eq!(midnights[0].window_start_ms, START + DAY_MS);
        assert_eq!(midnights[0].window_end_ms, START + 4 * DAY_MS, "after three whole days");
        assert!(midnights.iter().all(|event| event.coverage == 1.0));
    }
}

/// A day without data has no hours to analyse; a midnight looks at the seven days before it and is
/// analysed if any of them holds data, with the coverage that is left. When none does there is
/// nothing to tell, and it goes on as soon as there is.
#[test]
fn empty_days_are_told_by_coverage_and_a_week_without_any_data_by_silence() {
    let profile = profile(0, &[]);
    for gap in [1, 3, 9, 40] {
        let mut world = World::new(&profile);
        world.feed(&days(&profile, 0, 8));
        world.feed(&days(&profile, 8 + gap, 18 + gap));
        let sealed = world.sealed();
        let empty = START + 8 * DAY_MS..START + (8 + gap) * DAY_MS;
        let hours = sealed.iter().filter(|event| event.span == zeitgeber_schemas::Span::Hour);
        assert_eq!(hours.filter(|event| empty.contains(&(event.window_end_ms - 1))).count(), 0);
        let told = |end: i64| {
            let end_ms = START + end * DAY_MS;
            let found = world.midnights().into_iter().find(|event| event.window_end_ms == end_ms);
            found.map(|event| event.coverage)
        };
        for end in 9..8 + gap + 8 {
            let held = (0..8).chain(8 + gap..18 + gap);
            let held = held.filter(|day| (end - 7..end).contains(day)).count();
            let expected = (held > 0).then(|| held as f64 / 7.0);
            assert_eq!(told(end), expected, "midnight {end} with {gap} empty days");
        }
    }
}

/// A sensor that changes its epoch keeps its minutes: shorter ones add up to them, longer ones are
/// shared out over them. A minute that the change tears has the value of the epoch that begins in
/// it, and what is left of shorter ones is dropped.
#[test]
fn a_sensor_that_changes_its_epoch_keeps_its_minutes() {
    let profile = profile(0, &[]);
    let value = |at: i64| 5.0 * life(&profile, at - at.rem_euclid(300_000));
    let mut readings = Vec::new();
    let mut span = |from: i64, until: i64, epoch_s: i64| {
        for at in (from..until).step_by(1000 * epoch_s as usize) {
            let counts = value(at) * epoch_s as f64 / 300.0;
            readings.push(Reading::epoch(at, epoch_s, Value::Counts(counts)));
        }
    };
    let change = START + 3 * DAY_MS + 9 * HOUR_MS;
    span(START, change + 30_000, 30);
    span(change + MINUTE_MS, change + DAY_MS, 60);
    span(change + DAY_MS, change + 2 * DAY_MS, 300);
    span(change + 2 * DAY_MS, START + 9 * DAY_MS, 15);
    let mut changing = World::new(&profile);
    changing.feed(&readings);
    let same = (START..START + 9 * DAY_MS).step_by(MINUTE_MS as usize);
    let same = same.filter(|at| *at != change);
    let same: Vec<Reading> =
        same.map(|at| Reading::epoch(at, 60, Value::Counts(value(at) / 5.0))).collect();
    let mut steady = World::new(&profile);
    steady.feed(&same);
    let (changing, steady) = (changing.midnights(), steady.midnights());
    assert_eq!(changing.len(), 6);
    let rhythms = |events: &[RhythmAnalysed]| -> Vec<_> {
        events.iter().map(|event| (event.window_end_ms, event.all_minutes.clone())).collect()
    };
    assert_eq!(rhythms(&changing), rhythms(&steady));
}

/// Two clocks of one person, or one that was put back, measure some minutes twice: the first copy
/// stands, in whatever order the other signals come.
#[test]
fn a_minute_that_is_measured_twice_keeps_its_first_value() {
    let profile = profile(0, &[]);
    let mut noise = Noise(1);
    let readings = days(&profile, 0, 5);
    let mut doubled = Vec::new();
    for reading in &readings {
        doubled.push(reading.clone());
        if noise.below(4) == 0 {
            let again = Value::Counts(noise.below(900) as f64);
            doubled.push(Reading {
                id: format!("again-{}", reading.id),
                value: again,
                ..reading.clone()
            });
        }
    }
    let (mut once, mut twice) = (World::new(&profile), World::new(&profile));
    once.feed(&readings);
    twice.feed(&doubled);
    assert_eq!(once.sealed(), twice.sealed());
}
