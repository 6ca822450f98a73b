//! Days of a person with every signal on: each family says what the signals were made of.

use zeitgeber_processors::rhythm::feature::FAMILIES;
use zeitgeber_schemas::{DayAnalysed, Family, FamilyAnalysed, PartName, Scale, Span};

use super::kit::{DAY_MS, HOUR_MS, MINUTE_MS, Reading, Run, Value, profile};

/// A Monday.
const START: i64 = 19_996 * DAY_MS;

/// Values that say what another one stands on, or that are named with it.
const PLAIN: [&str; 12] = [
    "l5",
    "l5_onset",
    "m10",
    "m10_onset",
    "r2",
    "bathyphase_h",
    "minutes",
    "onset",
    "wake",
    "nights",
    "windows",
    "ln_rmssd",
];

/// Whether a minute of the clock lies in the night.
fn asleep(of_day: i64) -> bool {
    !(420..1380).contains(&of_day)
}

/// Minutes of movement, light and noise every 5 minutes, 6 minutes of beats every half hour.
fn life(days: i64) -> Vec<Reading> {
    let mut readings = Vec::new();
    for i in 0..days * 1440 {
        let (start, of_day) = (START + i * MINUTE_MS, i % 1440);
        let counts = if asleep(of_day) { (i % 29 == 0) as i64 * 3 } else { 150 + i * 37 % 400 };
        readings.push(Reading::epoch(start, 60, Value::Counts(counts as f64)));
        if i % 5 == 0 {
            let lux = if asleep(of_day) { 0.5 } else { 300.0 };
            let level = if asleep(of_day) { 30.0 } else { 60.0 };
            readings.push(Reading::epoch(start, 0, Value::Lux(lux)));
            readings.push(Reading::epoch(start, 0, Value::Noise(level)));
        }
        if i % 30 == 29 {
            // One night is not like another.
            let mean = if asleep(of_day) { 1100.0 } else { 800.0 + (i / 1440 * 7 % 5) as f64 };
            let swing = 40.0 + (i / 1440 * 3 % 7) as f64;
            let beat = |n: i64| mean + swing * libm::sin(n as f64 * 1.7) + (n * 7 % 5) as f64;
            readings.push(Reading::epoch(start, 60, Value::Beats((0..330).map(beat).collect())));
        }
    }
    readings
}

fn run_of(days: i64) -> Run {
    let mut profile = profile(0);
    profile.device_scale = Scale::Actigraph;
    let mut run = Run::new(profile);
    run.feed(&life(days));
    run.tick(START + days * DAY_MS + 4 * HOUR_MS);
    run
}

fn family(day: &DayAnalysed, family: Family) -> &FamilyAnalysed {
    let found = day.families.iter().find(|found| found.family == family);
    found.unwrap_or_else(|| panic!("the day has no {family}"))
}

fn value(found: &FamilyAnalysed, name: &str) -> f64 {
    let known = found.values.iter().find(|value| value.name == name);
    known.unwrap_or_else(|| panic!("{} has no {name}: {:?}", found.family, found.values)).value
}

#[track_caller]
fn near(value: f64, wanted: f64, within: f64) {
    assert!((value - wanted).abs() <= within, "{value} instead of {wanted}");
}

#[test]
fn a_regular_life_reads_as_it_was_lived() {
    let run = run_of(10);
    let days = run.last_days();
    assert_eq!(days.len(), 10, "one for each");
    let day = days.last().unwrap();
    assert_eq!((day.day_start_ms, day.day_end_ms), (START + 9 * DAY_MS, START + 10 * DAY_MS));

    let cycles = family(day, Family::Cycles);
    assert!(value(cycles, "is") > 0.8 && value(cycles, "ra") > 0.9);
    let mesor = cycles.values.iter().find(|found| found.name == "cosinor1.mesor").unwrap();
    assert!(mesor.low.unwrap() < mesor.value && mesor.value < mesor.high.unwrap());

    let sleep = family(day, Family::Sleep);
    near(value(sleep, "midsleep_h"), 3.0, 0.5);
    near(value(sleep, "duration_h"), 8.0, 0.7);
    assert!(value(sleep, "rest_bouts.sri") > 90.0);
    near(value(sleep, "cole_kripke.minutes") / 7.0, 480.0, 15.0);

    let timing = family(day, Family::Timing);
    near(value(timing, "sdweek_h"), 8.0, 0.7);

    let heart = family(day, Family::Heart);
    near(value(heart, "night.hr_of_mean_nn"), 60_000.0 / 1100.0, 0.5);
    assert!(value(heart, "windows") >= 40.0 && value(heart, "welch_hf") > 0.0);
    near(value(heart, "repaired.windows"), value(heart, "windows"), 0.0);
    let share = value(heart, "repaired.welch_hf") / value(heart, "repaired.lomb_hf");
    assert!((0.3..1.0).contains(&share), "lines between beats take of a fast wave: {share}");

    let light = family(day, Family::Light);
    near(value(light, "above250.tat_min"), 960.0, 5.0);
    near(value(light, "above250.flit_h"), 7.0, 0.1);
    near(light.coverage, 1.0, 0.0);

    let phase = family(day, Family::Phase);
    let dlmo = phase.values.iter().find(|found| found.name == "dlmo_clock_h").unwrap();
    assert!(dlmo.high.unwrap() - dlmo.low.unwrap() >= 3.0, "an honest interval");
    near(
        value(phase, "cbtmin_clock_h") - dlmo.value,
        if dlmo.value > 12.0 { -17.0 } else { 7.0 },
        1e-9,
    );

    let noise = family(day, Family::Noise);
    near(value(noise, "laeq"), 60.0 + 10.0 * libm::log10(960.0 / 1440.0), 0.05);
    near(value(noise, "l90"), 30.0, 0.0);

    let alertness = family(day, Family::Alertness);
    assert_eq!(alertness.flags, Vec::<String>::new());
    assert!(value(alertness, "in4h.kss") > value(alertness, "in12h.kss"));
    // Every night leaves the same pressure; the one that began at 23:00 is not over yet.
    let awake = |hours: f64| libm::exp(-hours / 18.2);
    let asleep = libm::exp(-8.0 / 4.2);
    let at_waking = (1.0 - awake(16.0)) * asleep / (1.0 - awake(16.0) * asleep);
    near(value(alertness, "two_process.h"), 1.0 - (1.0 - at_waking) * awake(17.0), 0.01);
    assert!(value(alertness, "two_process.process_c") < 0.0, "the body night is ahead");
    let composite = &run.of_span(Span::Midnight).last().unwrap().composite;
    let known = |name| composite.parts.iter().find(|part| part.name == name).unwrap().value;
    assert!(known(PartName::Sleep).unwrap() > 0.9);
    assert!(known(PartName::Regularity).unwrap() > 0.8);
    assert_eq!(known(PartName::Hrv), None, "no baseline of 14 nights yet");
}

#[test]
fn after_three_weeks_the_heart_has_a_baseline_and_state_is_bounded() {
    let run = run_of(23);
    let composite = &run.of_span(Span::Hour).last().unwrap().composite;
    let heart = composite.parts.iter().find(|part| part.name == PartName::Hrv).unwrap();
    assert!(heart.value.is_some(), "{composite:?}");
    let bytes = run.person.heap_bytes();
    println!("a person with counts, beats, light and noise takes {bytes} bytes");
    assert!(bytes < 250_000, "{bytes}");
}

/// A window, a unit and a version with everything, and names that the documentation explains.
#[test]
fn every_value_is_described() {
    let described: Vec<&str> =
        FAMILIES.iter().flat_map(|(_, features)| features.iter().map(|f| f.name)).collect();
    for day in run_of(8).last_days() {
        for found in &day.families {
            assert!(found.window_start_ms < found.window_end_ms && found.version >= 1);
            assert!((0.0..=1.0).contains(&found.coverage), "{found:?}");
            for value in &found.values {
                let name = value.name.rsplit('.').next().unwrap();
                let plain = PLAIN.contains(&name);
                assert!(described.contains(&name) || plain, "{} is not described", value.name);
                assert!(!value.unit.is_empty());
            }
        }
    }
}
