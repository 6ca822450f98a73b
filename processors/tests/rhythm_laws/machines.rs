//! Every machine with the stream that it is fed, for laws that hold for all of them.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use zeitgeber_processors::rhythm::{
    Retention, Source,
    acceleration::{self, Sample, calibration},
    alertness::{ThreeProcess, TwoProcess},
    hrv::{Classifier, Cleaner, Interval, LongTerm, TimeDomain, Windows},
    light_day::{HOURS_MAX, LightDays, LightHours, LightMinutes},
    minutes::{Combine, Minutes},
    noise,
    phase::PhaseTracker,
    sleep::{ColeKripke, Counts, Masda, Oakley, Regularity, RestBouts, Sadeh, Webster},
    timing::{Diary, Night},
    vitality::HeartNights,
};

use super::person::{DAY_MS, HOUR_MS, MINUTE_MS, Noise, START};

/// A machine in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// What it is fed.
    pub(crate) fed: &'static str,
    /// How many of these are a year, or a day of what comes many times a second.
    pub(crate) long: i64,
    /// Its greatest state as it is stored, bytes, and what that is made of.
    pub(crate) bound: usize,
    pub(crate) made_of: &'static str,
}

/// Hears what a machine tells.
pub(crate) type Told<'a> = &'a mut dyn FnMut(&dyn Debug);

/// A law of machines: it is shown each with a fresh one and one step of its stream.
pub(crate) trait Law {
    fn hold<M>(
        &self,
        machine: Machine,
        new: impl Fn() -> M,
        step: impl Fn(&mut M, i64, &mut Noise, Told<'_>),
    ) where
        M: Clone + PartialEq + Debug + Serialize + DeserializeOwned;
}

const YEAR_MIN: i64 = 365 * 1440;
/// Twenty days of beats.
const BEATS: i64 = 2_000_000;

const fn minutes(name: &'static str, bound: usize, made_of: &'static str) -> Machine {
    Machine { name, fed: "minute", long: YEAR_MIN, bound, made_of }
}

const fn beats(name: &'static str, bound: usize, made_of: &'static str) -> Machine {
    Machine { name, fed: "beat", long: BEATS, bound, made_of }
}

/// Holds a law for every machine.
pub(crate) fn each(law: &impl Law) {
    movement(law);
    scorers(law);
    bouts(law);
    raw(law);
    heart(law);
    light(law);
    days(law);
}

/// Counts of a minute: rest at night, some of it without any movement.
fn counts(minute: i64, noise: &mut Noise) -> f64 {
    match minute.rem_euclid(1440) {
        0..420 => (noise.below(12) / 11 * noise.below(90)) as f64,
        _ => (noise.below(1300) * noise.below(3)) as f64 / 8.0,
    }
}

fn movement(law: &impl Law) {
    let kept = "241 hours of 60 values and sums, 49 hours of parts";
    law.hold(
        minutes("minutes", 241 * (60 * 10 + 60) + 49 * 60 * 24, kept),
        || Minutes::new(Retention::Live),
        |machine, minute, noise, _| {
            let (at, value) = (START + minute * MINUTE_MS, counts(minute, noise));
            let mut half = |from| {
                machine.insert(from, 30, value, Combine::Sum, Source::Sole, "watch");
            };
            half(at);
            if minute % 50 != 7 {
                half(at + 30_000);
            }
        },
    );
    law.hold(
        minutes("regularity", 360 + 14 * 400 + 32, "a day of 2-bit states, 400 days of pairs"),
        || Regularity::new(1440, 300),
        |machine, minute, noise, told| {
            machine.feed((noise.below(40) > 0).then(|| counts(minute, noise) < 40.0));
            if minute % 1440 == 0 {
                told(&machine.all().index());
            }
        },
    );
}

fn scorers(law: &impl Law) {
    macro_rules! scorer {
        ($name:literal, $bound:expr, $of:literal, $new:expr) => {
            law.hold(
                minutes($name, $bound, $of),
                || $new,
                |machine, minute, noise, told| {
                    machine.feed(counts(minute, noise), |state| told(&state));
                },
            );
        };
    }
    scorer!("cole_kripke", 7 * 8 + 8, "7 values", ColeKripke::new(Counts::Generic));
    scorer!("sadeh", 11 * 8 + 16, "11 values", Sadeh::new());
    scorer!("oakley", 17 * 8 + 16, "17 values", Oakley::new(15).unwrap());
    law.hold(
        minutes("webster", 12, "four lengths"),
        Webster::new,
        |machine, minute, noise, told| {
            let sleep = counts(minute, noise) < 40.0;
            machine.feed(sleep, |state| told(&state));
        },
    );
}

fn bouts(law: &impl Law) {
    let fed = "ten minutes";
    let long = YEAR_MIN / 10;
    let masda = Machine { name: "masda", fed, long, bound: 432 * 8, made_of: "432 values" };
    law.hold(masda, Masda::new, |machine, bin, noise, told| {
        machine.feed(10.0 * counts(10 * bin, noise), |rest| told(&rest));
    });
    let bouts = Machine { name: "rest_bouts", bound: 24, made_of: "an onset", ..masda };
    law.hold(bouts, RestBouts::default, |machine, bin, noise, told| {
        told(&machine.feed(counts(10 * bin, noise) < 40.0));
    });
}

fn sample(at: i64, noise: &mut Noise) -> Sample {
    let turn = (at / 3000) as f64;
    let moves = if at / 600 % 3 == 0 { 0.2 } else { 0.004 };
    [turn.sin(), turn.cos() * 0.6, turn.cos() * 0.8].map(|g| g + moves * (noise.share() - 0.5))
}

fn raw(law: &impl Law) {
    let thirty = Machine {
        name: "epochs",
        fed: "sample at 30 Hz",
        long: 30 * 86_400,
        bound: 5 * 30 * 8 + 64,
        made_of: "5 s of norms",
    };
    law.hold(
        thirty,
        || acceleration::Epochs::new(30.0).unwrap(),
        |machine, at, noise, told| {
            machine.feed(sample(at, noise)).iter().for_each(|epoch| told(epoch));
        },
    );
    let counts = Machine {
        name: "actigraph_counts",
        bound: 42 * 8 * 3,
        made_of: "42 numbers an axis",
        ..thirty
    };
    law.hold(
        counts,
        || acceleration::counts::Counts::new(30, 60).unwrap(),
        |machine, at, noise, told| {
            machine.feed(sample(at, noise)).iter().for_each(|epoch| told(epoch));
        },
    );
    let windows = Machine {
        name: "still_windows",
        fed: "10 s",
        long: 365 * 8640,
        bound: 600 * 52,
        made_of: "600 windows of 40 B with their cells",
    };
    law.hold(windows, calibration::StillWindows::default, |machine, at, noise, told| {
        let direction = [noise.share() - 0.5, noise.share() - 0.5, noise.share() - 0.5];
        let length = acceleration::norm(direction).max(0.01);
        let mean_g = direction.map(|axis| axis / length);
        let temperature_c = Some(20.0 + 14.0 * noise.share());
        let sd_g = [0.02 * noise.share(); 3];
        let window = calibration::StillWindow { mean_g, temperature_c };
        let kept = machine.feed(window, sd_g);
        if at % 5000 == 4999 {
            told(&(kept, machine.value()));
        }
    });
}

/// Beats of a heart that breathes, some of them early, now and then with a pause.
fn beat(at: i64, noise: &mut Noise) -> Interval {
    let breath = 40.0 * (at as f64 * 0.9).sin();
    let early = if noise.below(70) == 0 { -280.0 } else { 0.0 };
    let rr_ms = 900.0 + breath + early + 30.0 * noise.share();
    // Some 900 ms a beat and, each 5000 beats, an hour without.
    let end_ms = START as f64 + at as f64 * 900.0 + breath + (at / 5000) as f64 * HOUR_MS as f64;
    Interval { end_ms, rr_ms }
}

fn heart(law: &impl Law) {
    law.hold(
        beats("cleaner", 64, "the last interval and counts"),
        || Cleaner::with_gaps(100.0),
        |machine, at, noise, told| told(&machine.feed(beat(at, noise))),
    );
    law.hold(
        beats("time_domain", 12 * 10 + 16, "12 numbers"),
        TimeDomain::new,
        |machine, at, noise, told| {
            let interval = beat(at, noise);
            let mut cleaner = Cleaner::without_gaps();
            machine.feed(interval.rr_ms, cleaner.feed(interval));
            if at % 500 == 499 {
                told(&machine.value());
            }
        },
    );
    law.hold(
        beats("windows", 1024 * 8 + 512, "the intervals of 5 minutes"),
        || Windows::by_clock(Cleaner::with_gaps(100.0)),
        |machine, at, noise, told| {
            if let Some(window) = machine.feed(beat(at, noise)) {
                told(&(window.time(), window.usable(), window.nn_ms().len()));
            }
        },
    );
    let long_term = Machine { long: 105_120, fed: "5 minutes", ..beats("long_term", 64, "2 sums") };
    law.hold(long_term, LongTerm::default, |machine, at, noise, told| {
        let mut windows = Windows::from_first(Cleaner::without_gaps());
        for n in 0..110 {
            windows.feed(beat(110 * at + n, noise));
        }
        machine.feed(&windows.finish().unwrap());
        told(&(machine.sdann_ms(), machine.sdnni_ms()));
    });
    law.hold(
        beats("artefacts", 191 * (9 * 8 + 4 * 8), "191 beats with what was found of each"),
        Classifier::new,
        |machine, at, noise, told| {
            machine.feed(beat(at, noise).rr_ms).iter().for_each(|artefact| told(artefact));
        },
    );
}

fn lux(minute: i64, noise: &mut Noise) -> f64 {
    if (420..1380).contains(&minute.rem_euclid(1440)) { 1500.0 * noise.share() } else { 0.2 }
}

fn light(law: &impl Law) {
    law.hold(
        minutes("light_minutes", 24, "a sum"),
        LightMinutes::default,
        |machine, minute, noise, told| {
            told(&machine.feed(minute * MINUTE_MS / 3, lux(minute / 3, noise)));
        },
    );
    law.hold(
        minutes("light_days", 20 * 8, "20 numbers"),
        || LightDays::new(60.0),
        |machine, minute, noise, told| {
            let day = machine.feed(minute * MINUTE_MS, lux(minute, noise));
            day.iter().for_each(|day| told(day));
        },
    );
    law.hold(
        minutes("light_hours", HOURS_MAX as usize * 14 + 8, "28 days of hourly sums"),
        LightHours::default,
        |machine, minute, noise, told| {
            machine.feed(minute, lux(minute, noise));
            if minute % 1440 == 0 {
                told(&machine.value(30));
            }
        },
    );
    let phase = "5 numbers and 64 minima a model, 4 runs and 64 values of regularity";
    law.hold(
        minutes("phase", 4 * (5 * 8 + 64 * 16 + 48) + 4 * 64 + 64 * 18 + 64, phase),
        PhaseTracker::new,
        |machine, minute, noise, told| {
            machine.feed(minute, 60, lux(minute, noise));
            if minute % 1440 == 0 {
                told(&machine.value());
            }
        },
    );
    let levels = Machine {
        name: "noise",
        fed: "level at 10 Hz",
        long: 864_000,
        bound: 600 * 8 + 64,
        made_of: "a minute of levels",
    };
    law.hold(levels, noise::Noise::new, |machine, at, noise, told| {
        let minute = machine.feed(at * 100, 30.0 + 50.0 * noise.share());
        minute.iter().for_each(|minute| told(minute));
    });
}

fn days(law: &impl Law) {
    let night = Machine { fed: "night", long: 365, ..minutes("diary", 28 * 20 + 16, "28 nights") };
    law.hold(night, Diary::new, |machine, day, noise, told| {
        let onset_ms = START + day * DAY_MS + noise.below(180) as i64 * MINUTE_MS;
        let wake_ms = onset_ms + (300 + noise.below(240) as i64) * MINUTE_MS;
        machine.feed(Night::new(onset_ms, wake_ms, 60));
        told(&machine.value());
    });
    let nights =
        Machine { name: "heart_nights", bound: 67 * 12 + 8, made_of: "67 nights", ..night };
    law.hold(nights, HeartNights::new, |machine, day, noise, told| {
        machine.feed(day, 3.0 + noise.share());
        told(&(machine.value(day), machine.low_days()));
    });
    law.hold(
        minutes("three_process", 24, "S and the stretch under way"),
        ThreeProcess::default,
        |machine, minute, _, told| {
            machine.feed(minute * MINUTE_MS, minute.rem_euclid(1440) < 420);
            told(&machine.value(minute * MINUTE_MS + 7, minute as f64 / 60.0));
        },
    );
    law.hold(
        minutes("two_process", 24, "S and the stretch under way"),
        || TwoProcess::new(0.5),
        |machine, minute, _, told| {
            machine.feed(minute * MINUTE_MS, minute.rem_euclid(1440) < 420);
            told(&machine.value(minute * MINUTE_MS + 7));
        },
    );
}
