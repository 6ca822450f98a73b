//! Whether the scores mean what they say: what must happen to them when a life changes in a known
//! way, whatever the exact numbers are.

use proptest::prelude::*;
use zeitgeber_processors::rhythm::{
    Accepted, Tables,
    alertness::{ThreeProcess, UsualDay, clock_hours},
    report::{Fold, WearOnly},
    timing::{Diary, Night, SleepTiming},
    vitality::{self, HeartBaseline, HeartNights, Inputs},
};
use zeitgeber_schemas::{
    Envelope, FieldSet, FlagSet, Imu, ProfileBody, ReadingAccepted, ReadingBody, Scale, Values,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const START: i64 = 20_000 * DAY_MS;

fn profile() -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 0,
        offsets: Vec::new(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: None,
    }
}

/// A week that computes every part.
fn week() -> Inputs<'static> {
    const SLEEP_H: [f64; 7] = [7.2, 7.5, 6.9, 7.8, 8.1, 7.0, 7.4];
    Inputs {
        kss: Some(4.2),
        heart: Some(HeartBaseline { ln_rmssd_7d: 3.55, mean: 3.5, sd: 0.12, nights: 40 }),
        sri: Some(81.0),
        is: Some(0.55),
        ra: Some(0.88),
        rhythm_days: 7,
        sleep_h: &SLEEP_H,
        light: [Some(0.22), Some(0.4), Some(0.95)],
        coverage: 0.93,
        ..Inputs::default()
    }
}

/// The week without the parts of the bits that are set.
fn week_without(missing: u32) -> Inputs<'static> {
    let mut inputs = week();
    if missing & 1 != 0 {
        inputs.kss = None;
    }
    if missing & 2 != 0 {
        inputs.heart = None;
    }
    if missing & 4 != 0 {
        inputs.rhythm_days = 4;
    }
    if missing & 8 != 0 {
        inputs.sleep_h = &[];
    }
    if missing & 16 != 0 {
        inputs.light = [None; 3];
    }
    inputs
}

/// Awake from `wake_h` on after usual nights of `asleep_h`: KSS at hours awake.
fn vigil(wake_h: u32, asleep_h: u32) -> impl Fn(f64) -> f64 {
    let sleep_start_min = (wake_h + 24 - asleep_h) % 24 * 60;
    let usual = ProfileBody { sleep_start_min, sleep_end_min: wake_h * 60, ..profile() };
    let waking_ms = START + i64::from(wake_h) * HOUR_MS;
    let person = ThreeProcess::usual(&usual, waking_ms);
    move |awake_h| {
        let at_ms = waking_ms + (awake_h * HOUR_MS as f64) as i64;
        let state = person.value(at_ms, clock_hours(&usual, at_ms)).expect("it was fed");
        assert!(!state.asleep);
        state.kss
    }
}

/// The circadian process lifts everybody from about 04:00 on, also those who never slept; until
/// then nothing works against the hours awake.
#[test]
fn sleepiness_rises_from_16_hours_awake_until_the_circadian_low() {
    for (wake_h, asleep_h) in [(5, 4), (5, 8), (6, 7), (7, 4), (7, 8), (8, 9), (9, 8), (11, 8)] {
        let kss = vigil(wake_h, asleep_h);
        let steps = (28 - wake_h - 16) * 12;
        let along: Vec<f64> = (0..=steps).map(|step| kss(16.0 + f64::from(step) / 12.0)).collect();
        assert!(along.len() > 12, "an hour at least");
        assert!(
            along.is_sorted_by(|before, after| before < after),
            "{wake_h} {asleep_h}: {along:?}"
        );
    }
}

#[test]
fn sleepiness_is_greater_after_another_day_awake_at_every_hour() {
    for asleep_h in [4, 6, 8] {
        let kss = vigil(7, asleep_h);
        for awake_min in (12 * 60..48 * 60).step_by(10) {
            let awake_h = f64::from(awake_min) / 60.0;
            assert!(kss(awake_h + 24.0) > kss(awake_h), "{asleep_h} h of sleep, {awake_h} h awake");
        }
    }
}

#[test]
fn short_nights_make_every_hour_awake_sleepier() {
    let of = |sleep_start_min| UsualDay::new(&ProfileBody { sleep_start_min, ..profile() });
    let (long, short) = (of(23 * 60), of(2 * 60));
    assert!((8..23).map(f64::from).all(|clock_h| short.kss(clock_h) > long.kss(clock_h)));
}

proptest! {
    /// A device that overstates every interval by one factor adds one number to ln RMSSD.
    #[test]
    fn heart_z_is_the_same_on_every_device(
        nights in prop::collection::vec(3.0..4.2f64, 30..80),
        offset in -0.7..0.7f64,
    ) {
        let (mut one, mut other) = (HeartNights::new(), HeartNights::new());
        for (day, ln_rmssd) in (0..).zip(&nights) {
            prop_assert!(one.feed(day, *ln_rmssd) && other.feed(day, ln_rmssd + offset));
            let z = |of: &HeartNights| of.value(day).and_then(|base| base.z());
            match (z(&one), z(&other)) {
                (Some(one), Some(other)) => prop_assert!((one - other).abs() < 1e-9),
                (one, other) => prop_assert_eq!(one, other),
            }
        }
        let today = nights.len() as i64 - 1;
        let part = |of: &HeartNights| {
            let inputs = Inputs { heart: of.value(today), ..week() };
            vitality::composite(&inputs, None).vitality.expect("all parts are there")
        };
        prop_assert!((part(&one) - part(&other)).abs() < 1e-9);
    }

    /// What is missing is left out: the rest keep their values and say less surely what they said.
    #[test]
    fn a_missing_part_lowers_confidence_and_is_never_filled_in(missing in 0..32u32, bit in 0..5u32) {
        let composite = |missing| vitality::composite(&week_without(missing), None);
        let (all, some) = (composite(0), composite(missing));
        for (known, left) in all.parts.iter().zip(&some.parts) {
            prop_assert!(left.value.is_none() || left.value == known.value);
        }
        let values: Vec<f64> = some.parts.iter().filter_map(|part| part.value).collect();
        prop_assert_eq!(values.len() as u32, 5 - missing.count_ones());
        if let Some(vitality) = some.vitality {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((least - 1e-12..=most + 1e-12).contains(&vitality));
        }
        if missing & 1 << bit == 0 {
            prop_assert!(composite(missing | 1 << bit).confidence < some.confidence);
        }
    }
}

#[test]
fn a_missing_part_that_says_what_the_rest_say_changes_confidence_alone() {
    let first = vitality::composite(&week_without(1), None);
    let level = first.vitality.expect("enough is there");
    let kss = Some(9.0 - 8.0 * level);
    let with = vitality::composite(&Inputs { kss, ..week() }, None);
    assert!((with.vitality.expect("all is there") - level).abs() < 1e-12);
    assert!(with.confidence > first.confidence);
}

#[test]
fn less_data_lower_confidence_and_not_vitality() {
    let whole = vitality::composite(&week(), None);
    let half = vitality::composite(&Inputs { coverage: 0.5, ..week() }, None);
    assert_eq!(half.vitality, whole.vitality);
    assert_eq!(half.parts, whole.parts);
    assert!(half.confidence < whole.confidence);
}

/// Three hours off the wrist every fourth day say no more about a person than no data would.
#[test]
fn non_wear_is_missing_data_and_not_rest() {
    let off = |minute: i64| minute / 1440 % 4 == 1 && (600..780).contains(&(minute % 1440));
    let zeros = rhythm_of(|minute| Some(if off(minute) { 0.0 } else { active(minute) }));
    let absent = rhythm_of(|minute| (!off(minute)).then(|| active(minute)));
    assert_eq!((zeros.nonwear_minutes, absent.nonwear_minutes), (3 * 180, 0));
    assert_eq!(zeros.rhythm, absent.rhythm);
    assert!(zeros.rhythm.valid_minutes < 10 * 1440);
}

#[test]
fn regularity_falls_when_half_of_the_days_are_shifted_by_6_hours() {
    let diary = |shift_h: i64| {
        let mut diary = Diary::new();
        for day in 0..14 {
            let onset_ms = START + day * DAY_MS + 22 * HOUR_MS + day % 2 * shift_h * HOUR_MS;
            assert!(diary.feed(Night::new(onset_ms, onset_ms + 8 * HOUR_MS, 0)));
        }
        diary.value().expect("there are nights")
    };
    let sri = |timing: SleepTiming| timing.sri.expect("there are pairs");
    let (regular, shifted) = (diary(0), diary(6));
    assert!(sri(regular) > 95.0 && sri(shifted) < sri(regular) - 40.0, "{shifted:?}");
    assert!(shifted.midsleep_sd_min > regular.midsleep_sd_min);

    let is = |shift_min: i64| {
        let shifted = move |minute: i64| active(minute - minute / 1440 % 2 * shift_min);
        rhythm_of(|minute| Some(shifted(minute))).rhythm.is.expect("there are hours")
    };
    assert!(is(0) > 0.99 && is(360) < is(0) - 0.3, "{} {}", is(0), is(360));
}

/// Counts of a day with rest from 23 to 7 o'clock, never zero.
fn active(minute: i64) -> f64 {
    let of_day = minute.rem_euclid(1440);
    if (420..1380).contains(&of_day) { 200.0 + (of_day % 60) as f64 } else { 5.0 }
}

/// The rhythm of ten days of minutes.
fn rhythm_of(counts: impl Fn(i64) -> Option<f64>) -> WearOnly {
    let profile = profile();
    let mut fold = Fold::new();
    let accepted = ReadingAccepted {
        dropped_fields: FieldSet::default(),
        dropped_intervals: 0,
        flags: FlagSet::default(),
    };
    for minute in 0..10 * 1440 {
        let Some(activity_counts) = counts(minute) else { continue };
        let ts = START + (minute + 1) * MINUTE_MS;
        let imu =
            Imu { activity_counts: Some(activity_counts), epoch_s: Some(60.0), ..Imu::default() };
        let input = Accepted {
            envelope: Envelope {
                tenant: "default",
                user_id: "ada",
                id: "r",
                ts,
                recv_ts: Some(ts),
            },
            body: ReadingBody {
                device_id: "watch",
                backfill: false,
                unknown_fields: false,
                values: Values::Imu(imu),
            },
            accepted: &accepted,
        };
        fold.add(&profile, &input);
    }
    fold.features(&profile, &Tables::new()).wear_only.expect("minutes were worn")
}
