//! Measures the rhythm stage: each family of features alone, and all of it together.
//!
//! A family is fed a made-up stream of its own kind, made beforehand; its time is the least of some
//! rounds, so that what else the machine does shows little. Ratios are to the keeping of a minute,
//! measured in the same run. The whole stage is measured over weeks of one person with every
//! signal on, hour seals and midnights included.

mod families;
mod stage;

use std::{
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

use serde::Serialize;
use zeitgeber_schemas::{ProfileBody, Scale};

use super::Latency;
use crate::door::profile::plain_profile;

pub use stage::Stage;

/// Rounds of each family.
const ROUNDS: u32 = 5;

/// What a family costs.
#[derive(Debug, Clone, Serialize)]
pub struct Family {
    /// Its machines.
    pub name: &'static str,
    /// What it is fed.
    pub fed: &'static str,
    /// Time of one of these, ns.
    pub each_ns: f64,
    /// How many of these a minute of data brings.
    pub each_per_minute: f64,
    /// Time of a minute of data, ns.
    pub minute_ns: f64,
    /// That over the time of keeping a minute of counts.
    pub ratio: f64,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct RhythmFigures {
    /// Each family.
    pub families: Vec<Family>,
    /// All of the stage.
    pub stage: Stage,
}

/// Measures everything; `say` hears what is going on.
pub fn run(mut say: impl FnMut(&str)) -> RhythmFigures {
    say("each family of features");
    let mut families = families::measure();
    let kept = families.first().map_or(f64::NAN, |family| family.minute_ns);
    families.iter_mut().for_each(|family| family.ratio = family.minute_ns / kept);
    say("the whole stage with every signal");
    RhythmFigures { families, stage: stage::measure() }
}

impl RhythmFigures {
    /// The figures as a table, a row a family.
    pub fn table(&self) -> String {
        let mut text = format!(
            "  {:<38} {:<16} {:>10} {:>12} {:>8}\n",
            "family", "fed", "ns each", "ns a minute", "ratio"
        );
        for family in &self.families {
            let Family { name, fed, each_ns, minute_ns, ratio, .. } = family;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "  {name:<38} {fed:<16} {each_ns:>10.1} {minute_ns:>12.1} {ratio:>8.2}"
            );
        }
        let Stage { minutes_per_s, readings_per_s, midnight, hour, state_bytes, .. } = &self.stage;
        let _ = write!(
            text,
            "\n{minutes_per_s:>12.0} minute-readings/s on one core, every signal on \
             ({readings_per_s:.0} readings/s)\n\
             {:>12.3} ms to analyse a midnight, p50; {:.3} at most, of {}\n\
             {:>12.3} ms to analyse an hour, p50; {:.3} at most, of {}\n\
             {state_bytes:>12} bytes of state\n",
            midnight.p50_ms, midnight.max_ms, midnight.count, hour.p50_ms, hour.max_ms, hour.count,
        );
        text
    }
}

/// Times one family: `step` takes the machine and the number of the item that comes next.
fn family<M>(
    name: &'static str,
    (fed, each_per_minute): (&'static str, f64),
    items: usize,
    new: impl Fn() -> M,
    mut step: impl FnMut(&mut M, usize),
) -> Family {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut machine = new();
        let begun = Instant::now();
        (0..items).for_each(|item| step(&mut machine, item));
        least = least.min(begun.elapsed());
        black_box(machine);
    }
    let each_ns = least.as_secs_f64() * 1e9 / items as f64;
    let minute_ns = each_ns * each_per_minute;
    Family { name, fed, each_ns, each_per_minute, minute_ns, ratio: f64::NAN }
}

/// The person of the measurements.
fn profile() -> ProfileBody {
    ProfileBody { offset_min: 60, ..plain_profile(Scale::Unknown) }
}

/// A small generator.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    /// From 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
