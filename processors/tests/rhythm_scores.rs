//! Laws of the machines behind the scores: duplicates, restores and gaps change nothing, and no
//! time to intervene breaks a limit.

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use zeitgeber_processors::rhythm::{
    alertness::{
        self, Forecast, Interval, Occasion, Plan, Shift, ThreeProcess, TwoProcess, clock_hours,
        daily,
    },
    feature::Feature,
    noise,
    timing::{self, Diary, NIGHTS_MAX, Night},
    vitality::{self, HeartNights},
};
use zeitgeber_schemas::{OffsetChange, ProfileBody, Scale};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const START: i64 = 20_000 * DAY_MS;

fn sleeper(sleep_start_min: u32, sleep_end_min: u32, offset_min: i32) -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min,
        offsets: Vec::new(),
        sleep_start_min,
        sleep_end_min,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: None,
    }
}

/// Writes a machine and reads it again.
fn restored<T: Serialize + DeserializeOwned>(machine: &T) -> T {
    let bytes = serde_json::to_vec(machine).expect("it can be written");
    serde_json::from_slice(&bytes).expect("it can be read")
}

#[test]
fn who_is_not_known_has_no_values() {
    assert_eq!(ThreeProcess::default().value(START, 0.0), None);
    assert_eq!(TwoProcess::new(0.5).value(START), None);
    assert_eq!(Diary::new().value(), None);
    assert_eq!(HeartNights::new().value(0), None);
}

proptest! {
    /// A stream of minutes gives what the wakings and sleeps alone give, bit for bit, also when
    /// the machine is written and read in between.
    #[test]
    fn minutes_of_a_state_are_its_changes(lengths in prop::collection::vec(1..900i64, 1..12)) {
        let (mut minutely, mut changes) = (ThreeProcess::default(), ThreeProcess::default());
        let (mut pressures, mut few) = (TwoProcess::new(0.5), TwoProcess::new(0.5));
        let (mut at_ms, mut asleep) = (START, false);
        for length in lengths {
            changes.feed(at_ms, asleep);
            few.feed(at_ms, asleep);
            for _ in 0..length {
                minutely.feed(at_ms, asleep);
                pressures.feed(at_ms, asleep);
                at_ms += MINUTE_MS;
            }
            (minutely, pressures) = (restored(&minutely), restored(&pressures));
            asleep = !asleep;
            prop_assert_eq!(minutely.value(at_ms, 3.0), changes.value(at_ms, 3.0));
            prop_assert_eq!(pressures.value(at_ms), few.value(at_ms));
        }
        prop_assert_eq!((minutely, pressures), (changes, few));
    }

    /// S stays between its bounds over any gap, and a gap is the same in one step or in two.
    #[test]
    fn a_gap_of_any_length_is_exact(hours in 0..2000i64, cut in 0.0..1.0f64, asleep: bool) {
        let mut whole = ThreeProcess::default();
        whole.feed(START, asleep);
        let end_ms = START + hours * HOUR_MS;
        let cut_ms = START + (cut * (hours * HOUR_MS) as f64) as i64;
        let found = whole.value(end_ms, 0.0).expect("it was fed").s;
        prop_assert!((2.4..=14.3).contains(&found));
        let mut rest = ThreeProcess::new(whole.value(cut_ms, 0.0).expect("it was fed").s);
        rest.feed(cut_ms, asleep);
        let again = rest.value(end_ms, 0.0).expect("it was fed").s;
        prop_assert!((found - again).abs() < 1e-9);
    }

    /// The forecast is what the model says later if the sleep comes as predicted.
    #[test]
    fn a_forecast_comes_true(now_min in 0..4 * 1440i64, offset_min in -600..600i32) {
        let profile = sleeper(23 * 60, 7 * 60, offset_min);
        let now_ms = START + now_min * MINUTE_MS;
        let mut person = ThreeProcess::usual(&profile, now_ms);
        let forecast = Forecast::usual(&profile, &person, now_ms);
        let sleeps = daily(&profile, 23 * 60, 7 * 60, now_ms);
        let changes = |sleep: &Interval| [(sleep.from_ms, true), (sleep.until_ms, false)];
        let mut changes = sleeps.iter().flat_map(changes).peekable();
        for predicted in forecast.hours {
            let asleep = sleeps.iter().any(|sleep| sleep.holds(predicted.at_ms));
            while let Some((at_ms, state)) = changes.next_if(|next| next.0 <= predicted.at_ms) {
                person.feed(at_ms, state);
            }
            let clock_h = clock_hours(&profile, predicted.at_ms);
            let state = person.value(predicted.at_ms, clock_h).expect("it was fed");
            prop_assert_eq!((predicted.asleep, predicted.kss), (asleep, state.kss.clamp(1.0, 9.0)));
            prop_assert_eq!(state.asleep, asleep);
        }
    }

    #[test]
    fn no_time_to_intervene_breaks_a_limit(
        (now_min, last_min) in (0..3 * 1440i64, 0..400i64),
        (sleep, length, quiet, quiet_length) in (0..1440u32, 0..720u32, 0..1440u32, 0..900u32),
        (minimum_h, advance) in (-100..100i64, any::<bool>()),
        (s, changes) in (3.0..14.0f64, any::<bool>()),
    ) {
        let mut profile = sleeper(sleep, sleep + length, 120);
        if changes {
            let from_ms = START + DAY_MS + HOUR_MS;
            profile.offsets = vec![OffsetChange { from_ms, offset_min: 60 }];
        }
        let now_ms = START + now_min * MINUTE_MS;
        let last_ms = now_ms - last_min * MINUTE_MS;
        let mut person = ThreeProcess::new(s);
        person.feed(now_ms - HOUR_MS, false);
        let forecast = Forecast::usual(&profile, &person, now_ms);
        let sleeps = daily(&profile, sleep, sleep + length, now_ms);
        let quiet = daily(&profile, quiet, quiet + quiet_length, now_ms);
        let plan = Plan {
            sleeps: &sleeps,
            quiet: &quiet,
            last_ms: Some(last_ms),
            temperature_minimum_ms: Some(now_ms + minimum_h * HOUR_MS),
            shift: Some(if advance { Shift::Advance } else { Shift::Delay }),
        };
        if let Some(found) = forecast.next_intervention(&plan) {
            let at_ms = found.at_ms;
            prop_assert!((now_ms..now_ms + DAY_MS).contains(&at_ms));
            prop_assert!(at_ms >= last_ms + 90 * MINUTE_MS);
            prop_assert!(!sleeps.iter().chain(&quiet).any(|kept| kept.holds(at_ms)));
            if found.occasion == Occasion::Sleepiness {
                let sleepy = forecast.sleepy.expect("it is its occasion");
                prop_assert!(sleepy.from_ms - 30 * MINUTE_MS <= at_ms && at_ms < sleepy.until_ms);
            }
        }
    }
}

#[test]
fn a_person_is_reached_half_an_hour_before_sleepiness() {
    let profile = sleeper(4 * 60, 10 * 60, 0);
    let now_ms = START + 12 * HOUR_MS;
    let person = ThreeProcess::usual(&profile, now_ms);
    let sleeps = daily(&profile, 4 * 60, 10 * 60, now_ms);
    let forecast = Forecast::new(&profile, &person, now_ms, &sleeps);
    let sleepy = forecast.sleepy.expect("at night everybody is");
    let kss = |at_ms| person.value(at_ms, clock_hours(&profile, at_ms)).expect("it was fed").kss;
    assert!(kss(sleepy.from_ms) >= 7.0 && kss(sleepy.from_ms - MINUTE_MS) < 7.0);
    assert_eq!(sleepy.until_ms, sleeps[0].from_ms);
    let plan = Plan { sleeps: &sleeps, ..Plan::default() };
    let found = forecast.next_intervention(&plan).expect("nothing is in the way");
    assert_eq!(found.occasion, Occasion::Sleepiness);
    assert_eq!(found.at_ms, sleepy.from_ms - 30 * MINUTE_MS);
    let just_before = Some(found.at_ms - HOUR_MS);
    let later = forecast.next_intervention(&Plan { last_ms: just_before, ..plan });
    assert_eq!(later.map(|later| later.at_ms), Some(found.at_ms + 30 * MINUTE_MS));
}

#[test]
fn without_sleepiness_the_next_anchor_counts() {
    let profile = sleeper(22 * 60, 6 * 60, 0);
    let now_ms = START + 7 * HOUR_MS;
    let person = ThreeProcess::usual(&profile, now_ms);
    let sleeps = daily(&profile, 22 * 60, 6 * 60, now_ms);
    let forecast = Forecast::new(&profile, &person, now_ms, &sleeps);
    assert_eq!(forecast.sleepy, None);
    let next = |plan: Plan<'_>| {
        forecast.next_intervention(&plan).map(|found| (found.at_ms - START, found.occasion))
    };
    let plan = Plan { sleeps: &sleeps, ..Plan::default() };
    assert_eq!(next(plan), Some((20 * HOUR_MS, Occasion::WindDown)));
    let quiet = [Interval { from_ms: START + 19 * HOUR_MS, until_ms: START + 32 * HOUR_MS }];
    assert_eq!(next(Plan { quiet: &quiet, ..plan }), None);
    let minimum = Plan { temperature_minimum_ms: Some(START + 4 * HOUR_MS), ..plan };
    let advance = Plan { shift: Some(Shift::Advance), ..minimum };
    assert_eq!(next(advance), Some((7 * HOUR_MS, Occasion::Light)));
    let delay = Plan { shift: Some(Shift::Delay), ..minimum };
    assert_eq!(next(delay), Some((20 * HOUR_MS, Occasion::WindDown)));
    let early = Plan { temperature_minimum_ms: Some(START + DAY_MS), ..delay };
    assert_eq!(next(early), Some((18 * HOUR_MS, Occasion::Light)));
}

/// A sleep of the `day`th night, some minutes early or late.
fn night(day: i64, late_min: i64, length_min: i64) -> Night {
    let onset_ms = START + day * DAY_MS + (23 * 60 + late_min) * MINUTE_MS;
    Night::new(onset_ms, onset_ms + length_min * MINUTE_MS, 60)
}

proptest! {
    /// The index over stretches of one state is the plain count over an array of minutes; a night
    /// told twice counts once, and a restore in between changes no bit.
    #[test]
    fn regularity_counts_minutes(nights in prop::collection::vec((-90..90i64, 60..720i64), 1..28)) {
        let (mut diary, mut twice) = (Diary::new(), Diary::new());
        let days = nights.len() as i64 + 1;
        let mut asleep = vec![false; (days * 1440) as usize];
        for (day, (late_min, length_min)) in (0..).zip(&nights) {
            let night = night(day, *late_min, *length_min);
            prop_assert!(diary.feed(night) && twice.feed(night));
            prop_assert!(!twice.feed(night));
            twice = restored(&twice);
            // Local time is an hour ahead, so the first local day began an hour before.
            let begin_min = if nights[0].0 < 0 { -60 } else { 1380 };
            for minute in 0..*length_min {
                let at = (day * 1440 + 23 * 60 + late_min + minute) - begin_min;
                if let Some(state) = usize::try_from(at).ok().and_then(|at| asleep.get_mut(at)) {
                    *state = true;
                }
            }
        }
        let timing = diary.value().expect("there are nights");
        let length = timing.sri_pairs as usize + 1440;
        asleep.resize(length, false);
        let same = (1440..length).filter(|at| asleep[*at] == asleep[at - 1440]).count();
        let plain = 200.0 * (same as f64 / f64::from(timing.sri_pairs)) - 100.0;
        if timing.sri_pairs > 0 {
            prop_assert_eq!(timing.sri_pairs % 1440, 0);
            prop_assert!((timing.sri.expect("there are pairs") - plain).abs() < 1e-9);
        }
        prop_assert_eq!(twice, diary);
    }
}

#[test]
fn midsleep_around_midnight_has_a_mean_and_jetlag_a_sign() {
    let mut diary = Diary::new();
    for day in 0..14 {
        // Waking on days 4 and 5 of each week from Monday falls on Saturday and Sunday.
        let free = Night::new(START + day * DAY_MS, START + day * DAY_MS + HOUR_MS, 0).free;
        let late_h = if free { 1 } else { 0 };
        let onset_ms = START + (day - 1) * DAY_MS + (20 + late_h) * HOUR_MS + 30 * MINUTE_MS;
        assert!(diary.feed(Night { free, ..Night::new(onset_ms, onset_ms + 6 * HOUR_MS, 0) }));
    }
    let timing = diary.value().expect("there are nights");
    let near = |found: Option<f64>, wanted: f64| (found.expect("known") - wanted).abs() < 1e-9;
    assert!(near(timing.msw_h, 23.5) && near(timing.msf_h, 0.5), "{timing:?}");
    assert!(near(timing.social_jetlag_signed_h, 1.0) && near(timing.social_jetlag_h, 1.0));
    assert!(near(timing.msfsc_h, 0.5), "nothing is made up for");
    assert!(timing.midsleep_sd_min.is_some_and(|sd| sd < 60.0));
}

#[test]
fn a_night_that_nobody_reported_is_not_a_night_awake() {
    let mut diary = Diary::new();
    for day in [0, 1, 2, 9, 10, 11] {
        assert!(diary.feed(night(day, 0, 480)));
    }
    let timing = diary.value().expect("there are nights");
    assert_eq!(timing.sri, Some(100.0));
    assert_eq!(timing.midsleep_sd_min, Some(0.0));
    assert!(!diary.feed(night(8, 0, 480)) && !diary.feed(night(12, 0, 0)));
    assert!(!diary.feed(night(12, 0, 25 * 60)));
}

#[test]
fn a_diary_keeps_28_nights_and_scores_nothing_before_them() {
    let mut diary = Diary::new();
    for day in 0..100 {
        assert!(diary.feed(night(day, 0, 480)));
    }
    let timing = diary.value().expect("there are nights");
    assert_eq!((timing.nights as usize, diary.nights().count()), (NIGHTS_MAX, NIGHTS_MAX));
    assert_eq!(timing.sri, Some(100.0));
    assert_eq!(timing.sri_pairs, 27 * 1440 + 16 * 60);
}

#[test]
fn the_heart_baseline_forgets_and_counts_low_days() {
    let mut nights = HeartNights::new();
    for day in 0..90 {
        let swing = if day % 2 == 0 { 0.1 } else { -0.1 };
        assert!(nights.feed(day, 3.5 + swing));
        nights = restored(&nights);
    }
    assert!(!nights.feed(89, 3.5) && !nights.feed(90, f64::NAN));
    let base = nights.value(89).expect("there are nights");
    assert_eq!((base.nights, nights.low_days()), (60, 0));
    assert!((base.mean - 3.5).abs() < 1e-9);
    for day in 90..97 {
        assert!(nights.feed(day, 3.0));
    }
    assert!(nights.low_days() >= 3, "{}", nights.low_days());
    assert!(nights.feed(98, 3.0));
    assert_eq!(nights.low_days(), 1, "a day is missing in between");
}

#[test]
fn every_feature_says_what_it_is_and_when_not_to_trust_it() {
    let lists = [alertness::FEATURES, noise::FEATURES, timing::FEATURES, vitality::FEATURES];
    let mut names = std::collections::BTreeSet::new();
    for feature in lists.into_iter().flatten() {
        let Feature { name, unit, meaning, formula, window, .. } = feature;
        let Feature { source, reference, tolerance, distrust, .. } = feature;
        for text in [unit, meaning, formula, window, source, reference, tolerance, distrust] {
            assert!(!text.is_empty() && text.trim() == *text, "{name}: {text:?}");
        }
        assert!(meaning.ends_with('.'), "{name}");
        assert!(names.insert(*name), "{name} is described twice");
    }
}
