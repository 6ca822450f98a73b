//! Each family of features alone, fed what its machines are fed.

use std::hint::black_box;

use zeitgeber_processors::rhythm::{
    Retention, Source,
    acceleration::{Epochs, Sample, counts},
    alertness::{Forecast, ThreeProcess},
    hrv::{Classifier, Cleaner, Interval, Welch, WindowReport, Windows},
    light_day::{LightDays, LightHours, LightMinutes},
    minutes::{Combine, Minutes},
    noise, nonwear,
    phase::PhaseTracker,
    sleep::{ColeKripke, Counts, Masda, Oakley, Regularity, Sadeh, Webster},
    timing::{Diary, Night},
    vitality::{self, HeartNights, Inputs},
};

use super::{Family, Noise, family, profile};

const MINUTE_MS: i64 = 60_000;
const DAY_MIN: usize = 1_440;
/// Made-up days.
const DAYS: usize = 28;
/// 2020-01-06, a Monday, minutes since 1970.
const START_MIN: i64 = 18_267 * 1_440;

const MINUTE: (&str, f64) = ("minute", 1.0);
/// 70 beats a minute.
const BEAT: (&str, f64) = ("beat", 70.0);
const SAMPLE: (&str, f64) = ("sample at 30 Hz", 1_800.0);
const DAY: (&str, f64) = ("day", 1.0 / 1_440.0);

pub(super) fn measure() -> Vec<Family> {
    let counts = counts_of_days();
    let mut rows = Vec::new();
    movement(&counts, &mut rows);
    sleep(&counts, &mut rows);
    acceleration(&mut rows);
    heart(&mut rows);
    surroundings(&mut rows);
    alertness(&counts, &mut rows);
    rows
}

/// Counts by the minute: still nights with some turns, busy days.
fn counts_of_days() -> Vec<f64> {
    let mut noise = Noise(1);
    let value = |minute: usize| {
        let (high, rare) = if minute % DAY_MIN < 420 { (60.0, 0.08) } else { (400.0, 0.8) };
        if noise.share() < rare { (high * noise.share()).floor() } else { 0.0 }
    };
    (0..DAYS * DAY_MIN).map(value).collect()
}

fn movement(counts: &[f64], rows: &mut Vec<Family>) {
    let insert = |machine: &mut Minutes, minute: usize| {
        let at_ms = (START_MIN + minute as i64) * MINUTE_MS;
        machine.insert(at_ms, 60, counts[minute], Combine::Sum, Source::Sole, "watch");
    };
    rows.push(family(
        "minutes kept",
        MINUTE,
        counts.len(),
        || Minutes::new(Retention::Live),
        insert,
    ));
    let mut week = Minutes::new(Retention::Live);
    (0..8 * DAY_MIN).for_each(|minute| insert(&mut week, minute));
    rows.push(family(
        "non-wear of 7 days",
        DAY,
        50,
        || (),
        |(), _| {
            let until = START_MIN + 8 * DAY_MIN as i64;
            black_box(nonwear::periods(&week, until - 7 * DAY_MIN as i64, until));
        },
    ));
}

fn sleep(counts: &[f64], rows: &mut Vec<Family>) {
    let n = counts.len();
    macro_rules! scorer {
        ($name:literal, $new:expr) => {
            rows.push(family(
                $name,
                MINUTE,
                n,
                || $new,
                |machine, minute| {
                    machine.feed(counts[minute], |state| {
                        black_box(state);
                    });
                },
            ));
        };
    }
    scorer!("Cole-Kripke", ColeKripke::new(Counts::Generic));
    scorer!("Sadeh", Sadeh::new());
    rows.push(family(
        "Oakley",
        MINUTE,
        n,
        || Oakley::new(60),
        |machine, minute| {
            if let Some(machine) = machine {
                machine.feed(counts[minute], |score| {
                    black_box(score);
                });
            }
        },
    ));
    rows.push(family("Webster", MINUTE, n, Webster::new, |machine, minute| {
        machine.feed(counts[minute] < 40.0, |state| {
            black_box(state);
        });
    }));
    rows.push(family(
        "sleep regularity",
        MINUTE,
        n,
        || Regularity::new(DAY_MIN as u32, 0),
        |machine, minute| machine.feed(Some(counts[minute] < 40.0)),
    ));
    let bins: Vec<f64> = counts.chunks(10).map(|bin| bin.iter().sum()).collect();
    rows.push(family("MASDA", ("10 minutes", 0.1), bins.len(), Masda::new, |machine, bin| {
        machine.feed(bins[bin], |rest| {
            black_box(rest);
        });
    }));
}

fn acceleration(rows: &mut Vec<Family>) {
    let mut noise = Noise(2);
    let samples: Vec<Sample> = (0..30 * 1_200)
        .map(|at| {
            let turn = f64::from(at) / 900.0;
            [turn.sin(), turn.cos() * 0.6, turn.cos() * 0.8]
                .map(|g| g + 0.3 * (noise.share() - 0.5))
        })
        .collect();
    rows.push(family(
        "ENMO, MAD, angle-z",
        SAMPLE,
        samples.len(),
        || Epochs::new(30.0),
        |machine, at| {
            black_box(machine.as_mut().and_then(|epochs| epochs.feed(samples[at])));
        },
    ));
    rows.push(family(
        "ActiGraph counts",
        SAMPLE,
        samples.len(),
        || counts::Counts::new(30, 60),
        |machine, at| {
            black_box(machine.as_mut().and_then(|counts| counts.feed(samples[at])));
        },
    ));
}

/// Four hours of beats that breathe, some of them early.
fn beats() -> Vec<Interval> {
    let (mut noise, mut end_ms) = (Noise(3), 0.0);
    (0..4 * 60 * 70)
        .map(|at| {
            let early = if noise.share() < 0.01 { -250.0 } else { 0.0 };
            let rr_ms = 857.0 + 40.0 * (f64::from(at) * 0.9).sin() + early + 20.0 * noise.share();
            end_ms += rr_ms;
            Interval { end_ms, rr_ms }
        })
        .collect()
}

fn heart(rows: &mut Vec<Family>) {
    let (beats, welch) = (beats(), Welch::new());
    let windows = || Windows::by_clock(Cleaner::with_gaps(100.0));
    rows.push(family("beats cleaned, time domain", BEAT, beats.len(), windows, |machine, at| {
        black_box(machine.feed(beats[at]));
    }));
    rows.push(family("artefacts", BEAT, beats.len(), Classifier::new, |machine, at| {
        black_box(machine.feed(beats[at].rr_ms));
    }));
    let mut machine = windows();
    let closed: Vec<_> = beats.iter().filter_map(|interval| machine.feed(*interval)).collect();
    let of_beats = closed.iter().map(|window| window.nn_ms().len()).sum::<usize>();
    let whole = family(
        "spectra, entropy, DFA",
        BEAT,
        closed.len(),
        || (),
        |(), at| {
            black_box(WindowReport::of(&closed[at], &welch));
        },
    );
    // It is computed by the window; told by the beat.
    let share = closed.len() as f64 / of_beats as f64;
    let (each_ns, minute_ns) = (whole.each_ns * share, whole.minute_ns * share);
    rows.push(Family { each_ns, minute_ns, ..whole });
}

fn surroundings(rows: &mut Vec<Family>) {
    let mut noise = Noise(4);
    let lux: Vec<f64> = (0..DAYS * DAY_MIN)
        .map(|minute| if minute % DAY_MIN < 420 { 0.2 } else { 2_000.0 * noise.share() })
        .collect();
    let new = || (LightMinutes::default(), LightDays::new(60.0), LightHours::default());
    rows.push(family("light by minute, hour and day", MINUTE, lux.len(), new, |machine, at| {
        let (minutes, days, hours) = machine;
        black_box(minutes.feed(at as i64 * MINUTE_MS, lux[at]));
        black_box(days.feed(at as i64 * MINUTE_MS, lux[at]));
        hours.feed(at as i64, lux[at]);
    }));
    let n = 7 * DAY_MIN;
    rows.push(family("phase: four models, ESRI", MINUTE, n, PhaseTracker::new, |machine, at| {
        machine.feed(at as i64, 60, lux[at]);
    }));
    let levels: Vec<f64> = (0..60_000).map(|_| 30.0 + 50.0 * noise.share()).collect();
    let fed = ("level at 10 Hz", 600.0);
    rows.push(family("noise", fed, levels.len(), noise::Noise::new, |machine, at| {
        black_box(machine.feed(at as i64 * 100, levels[at]));
    }));
}

fn alertness(counts: &[f64], rows: &mut Vec<Family>) {
    let profile = profile();
    rows.push(family(
        "three processes",
        MINUTE,
        counts.len(),
        ThreeProcess::default,
        |machine, minute| {
            let at_ms = (START_MIN + minute as i64) * MINUTE_MS;
            machine.feed(at_ms, minute % DAY_MIN < 420);
            black_box(machine.value(at_ms, (minute % DAY_MIN) as f64 / 60.0));
        },
    ));
    let now_ms = START_MIN * MINUTE_MS;
    let person = ThreeProcess::usual(&profile, now_ms);
    let hour = ("hour", 1.0 / 60.0);
    rows.push(family(
        "forecast of 24 h",
        hour,
        200,
        || (),
        |(), at| {
            black_box(Forecast::usual(&profile, &person, now_ms + at as i64 * 60 * MINUTE_MS));
        },
    ));
    let inputs = Inputs { kss: Some(5.0), is: Some(0.5), sleep_h: &[7.0; 7], ..Inputs::default() };
    rows.push(family(
        "vitality",
        hour,
        20_000,
        || (),
        |(), _| {
            black_box(vitality::composite(black_box(&inputs), None));
        },
    ));
    rows.push(family("sleep timing", DAY, 200, Diary::new, |machine, day| {
        let onset_ms = (START_MIN + (day * DAY_MIN) as i64) * MINUTE_MS;
        machine.feed(Night::new(onset_ms, onset_ms + 460 * MINUTE_MS, 60));
        black_box(machine.value());
    }));
    rows.push(family("heart's own baseline", DAY, 2_000, HeartNights::new, |machine, day| {
        machine.feed(day as i64, 3.0 + counts[day] / 1_000.0);
        black_box(machine.value(day as i64));
    }));
}
