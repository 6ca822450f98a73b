//! Worked examples: vitality, alertness, and small streams whose analyses are known.

use serde_json::Value as Json;
use zeitgeber_processors::rhythm::{
    Accepted, Tables, alertness,
    report::Fold,
    vitality::{self, HeartBaseline, Inputs, RiskLevel},
};
use zeitgeber_schemas::{EnergyState, PartName, Span};

use super::kit::{DAY_MS, HOUR_MS, MINUTE_MS, Reading, Run, Value, profile};

const VITALITY: &str = include_str!("../data/rhythm/fixtures/vitality_examples.json");

#[test]
fn vitality_reproduces_the_worked_cases() {
    let fixture: Json = serde_json::from_str(VITALITY).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let input = &case["input"];
        let sleep_h: Vec<f64> = input["sleep_h_7d"]
            .as_array()
            .map_or(Vec::new(), |nights| nights.iter().filter_map(Json::as_f64).collect());
        let got = vitality::composite(&inputs(input, &sleep_h), None);
        near(got.vitality, case["vitality"].as_f64(), "vitality");
        near(Some(got.confidence), case["confidence"].as_f64(), "confidence");
        for part in &got.parts {
            near(part.value, case["components"][part.name.as_str()].as_f64(), part.name.as_str());
        }
        let energy = got.energy.map(EnergyState::as_str);
        assert_eq!(energy, case["energy_state"].as_str());
        assert_eq!(Json::from(got.risks.clone()), case["risk"]["flags"]);
        let level = match vitality::risk_level(&got) {
            RiskLevel::Normal => "normal",
            RiskLevel::Elevated => "elevated",
            RiskLevel::High => "high",
        };
        assert_eq!(level, case["risk"]["level"]);
    }
}

#[test]
fn energy_keeps_its_state_for_half_a_point() {
    let fixture: Json = serde_json::from_str(VITALITY).unwrap();
    let steps = fixture["energy_hysteresis"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    for step in steps {
        let before = EnergyState::from_symbol(step["prev"].as_str().unwrap());
        let got = vitality::energy(step["kss"].as_f64().unwrap(), before);
        assert_eq!(got.as_str(), step["state"], "{step}");
    }
}

/// Values of FIPS 0.2.1 along a sleep diary: S, clock time, inertia and KSS at one instant, then
/// one night from S at its onset.
#[test]
fn alertness_follows_the_three_process_model() {
    near_to(alertness::kss_of(7.96, clock_of(0.347_932_752_4), -5.72), 9.429_931_555_305, 1e-7);
    let onset = 6.040_052_513_253;
    near_to(alertness::after_sleep(onset, 0.5), 6.440_476_782_18, 1e-8);
    near_to(alertness::after_sleep(onset, 7.0), 11.645_992_278_227, 1e-8);
    near_to(alertness::after_sleep(onset, 10.0), 13.429_178_965_22, 1e-8);
    near_to(alertness::after_wake(6.306_329_195_177, 0.5), 6.237_987_375_599, 1e-8);
    let day = alertness::UsualDay::new(&profile(0));
    let awake: Vec<f64> = (9..=22).map(|hour| day.kss(f64::from(hour))).collect();
    assert!(awake.iter().all(|kss| (1.0..7.0).contains(kss)), "{awake:?}");
    assert_eq!(day.forecast(12.0).last(), Some(day.kss(12.0)));
}

/// The clock time before 16:48 with a circadian value: 11:20 at the first instant of the diary.
fn clock_of(circadian: f64) -> f64 {
    16.8 - (circadian / 2.5).acos() * 24.0 / std::f64::consts::TAU
}

#[test]
fn an_hour_is_sealed_five_minutes_after_its_end_and_only_if_it_holds_data() {
    let mut run = Run::new(profile(330));
    let start = 20_000 * DAY_MS + 30 * MINUTE_MS;
    let minute = |i: i64| Reading {
        recv_ts: start + (i + 1) * MINUTE_MS,
        ..Reading::epoch(start + i * MINUTE_MS, 60, Value::Counts(10.0))
    };
    run.feed(&(0..64).map(minute).collect::<Vec<_>>());
    assert!(run.events.is_empty());
    run.feed(&[minute(64)]);
    assert_eq!(run.events.len(), 1);
    let event = &run.events[0];
    assert_eq!((event.window_start_ms, event.window_end_ms), (start, start + HOUR_MS));
    assert_eq!((event.offset_min, event.recent_activity), (330, Some(10.0)));
    assert_eq!(event.coverage, 1.0);
    assert!(event.all_minutes.is_none(), "two days are needed");
    assert_eq!(event.composite.parts.len(), PartName::ALL.len());
    run.feed(&[minute(60 * 24 * 90)]);
    assert_eq!(run.events.len(), 2, "months of silence hold nothing to analyse");
    assert_eq!(run.events[1].window_end_ms, start + 2 * HOUR_MS);
}

#[test]
fn a_person_is_bounded_and_ordinary_readings_open_nothing() {
    let mut run = Run::new(profile(60));
    let start = 20_000 * DAY_MS;
    let reading = |i: i64| {
        let at = start + i * MINUTE_MS;
        let value = Value::Counts((i % 97) as f64);
        let heart = (i % 30 == 0).then(|| Reading::epoch(at, 60, Value::Beats(vec![800.0; 60])));
        let light = (i % 5 == 0).then(|| Reading::epoch(at, 0, Value::Lux(i as f64)));
        [Some(Reading::epoch(at, 60, value)), heart, light].into_iter().flatten()
    };
    run.feed(&(0..20 * 1440 + 30).flat_map(reading).collect::<Vec<_>>());
    let bytes = run.person.heap_bytes();
    assert!(bytes < 250_000, "{bytes}");
    run.feed(&(20 * 1440 + 31..20 * 1440 + 59).flat_map(reading).collect::<Vec<_>>());
    assert_eq!(run.person.heap_bytes(), bytes);
}

#[test]
fn late_data_revises_an_hour_at_the_next_hour_seal_and_only_if_it_changes_something() {
    let mut run = Run::new(profile(0));
    let start = 20_000 * DAY_MS;
    let minute = |i: i64| Reading::epoch(start + i * MINUTE_MS, 60, Value::Counts(10.0));
    let skips = |i: &i64| *i != 30;
    run.feed(&(0..70).filter(skips).map(minute).collect::<Vec<_>>());
    assert_eq!(run.events.len(), 1);
    let late = Reading { recv_ts: start + 71 * MINUTE_MS, ..minute(30) };
    run.feed(&[late.clone(), late.clone()]);
    assert_eq!(run.events.len(), 1, "never per reading");
    run.feed(&(70..126).map(minute).collect::<Vec<_>>());
    let revisions: Vec<_> = run.events.iter().map(|e| (e.window_end_ms, e.revision)).collect();
    assert_eq!(revisions, [(start + HOUR_MS, 0), (start + HOUR_MS, 1), (start + 2 * HOUR_MS, 0)]);
    let again = Reading { recv_ts: start + 127 * MINUTE_MS, ..minute(30) };
    run.feed(&[again]);
    run.feed(&(127..190).map(minute).collect::<Vec<_>>());
    assert_eq!(run.of_span(Span::Hour).filter(|e| e.revision > 0).count(), 1);
}

#[test]
fn a_minute_of_the_primary_device_replaces_another_devices_in_either_order() {
    let start = 20_000 * DAY_MS;
    let mut with_primary = profile(0);
    with_primary.primary_device = Some("watch".into());
    let of = |device, value| Reading { device, ..Reading::epoch(start, 60, value) };
    let primary = [of("watch", Value::Counts(10.0)), of("watch", Value::Lux(99.0))];
    let other = [of("phone", Value::Counts(70.0)), of("phone", Value::Lux(9.0))];
    let close = Reading::epoch(start + 2 * HOUR_MS, 60, Value::Counts(1.0));
    for order in [[&primary, &other], [&other, &primary]] {
        let mut run = Run::new(with_primary.clone());
        order.into_iter().for_each(|readings| run.feed(readings));
        run.feed(std::slice::from_ref(&close));
        assert_eq!(run.events[0].recent_activity, Some(10.0));
        let light = run.events[0].light.as_ref().unwrap();
        assert_eq!((light.n, light.mean_log10_lux_plus1), (1, Some(2.0)));
    }
}

#[test]
fn rmssd_takes_no_difference_across_a_dropped_interval_or_a_record() {
    let profile = profile(0);
    let mut fold = Fold::new();
    for rr in [vec![800.0, 810.0, 250.0, 900.0, 870.0], vec![600.0]] {
        let reading = Reading::epoch(20_000 * DAY_MS, 60, Value::Beats(rr));
        reading.with(|input: &Accepted<'_>| fold.add(&profile, input));
    }
    let heart = fold.features(&profile, &Tables::new()).hrv.unwrap();
    assert_eq!((heart.accepted_records, heart.intervals, heart.intervals_300_2000), (2, 6, 5));
    assert_eq!(heart.rmssd_ms, Some(500f64.sqrt()));
}

#[test]
fn an_hourly_cosine_is_recovered_from_hour_centres() {
    let profile = profile(60);
    let mut fold = Fold::new();
    for hour in 0..72 {
        let angle = std::f64::consts::TAU * (hour as f64 + 1.0 + 0.5 - 15.0) / 24.0;
        let value = Value::Intensity(20.0 + 8.0 * angle.cos());
        let reading = Reading::epoch(20_000 * DAY_MS + hour * HOUR_MS, 3600, value);
        reading.with(|input| fold.add(&profile, input));
    }
    let report = serde_json::to_value(fold.features(&profile, &Tables::new())).unwrap();
    let hourly = &report["hourly"];
    assert_eq!((&report["signal"], &hourly["n_hours"]), (&"intensity".into(), &72.into()));
    near(hourly["mesor"].as_f64(), Some(20.0), "mesor");
    near(hourly["amplitude"].as_f64(), Some(8.0), "amplitude");
    let peak = -15.0 / 24.0 * std::f64::consts::TAU;
    near(hourly["acrophase_rad"].as_f64(), Some(peak), "acrophase");
    near(hourly["IS"].as_f64(), Some(1.0), "IS");
    assert!(report.get("wear_only").is_none());
}

fn inputs<'a>(input: &Json, sleep_h: &'a [f64]) -> Inputs<'a> {
    let number = |name: &str| input[name].as_f64();
    let count = |name: &str| input[name].as_u64().unwrap_or(0) as u32;
    Inputs {
        kss: number("kss"),
        heart: number("base_sd").map(|sd| HeartBaseline {
            ln_rmssd_7d: number("ln_rmssd_7d").unwrap(),
            mean: number("base_mean").unwrap(),
            sd,
            nights: count("base_nights"),
        }),
        low_heart_days: count("hrv_z_days_below_1_5"),
        sri: number("sri"),
        is: number("IS"),
        ra: number("RA"),
        rhythm_days: count("rhythm_days"),
        sleep_h,
        need_h: number("need_h").unwrap_or(8.0),
        light: ["day_frac_ge250", "evening_frac_le10", "night_frac_le1"].map(number),
        resting_rise_bpm: None,
        coverage: number("coverage").unwrap_or(1.0),
    }
}

fn near(got: Option<f64>, want: Option<f64>, name: &str) {
    match (got, want) {
        (Some(got), Some(want)) => {
            assert!((got - want).abs() <= 1e-9, "{name}: got {got}, want {want}");
        }
        (got, want) => assert_eq!(got, want, "{name}"),
    }
}

fn near_to(got: f64, want: f64, within: f64) {
    assert!((got - want).abs() <= within, "got {got}, want {want}");
}
