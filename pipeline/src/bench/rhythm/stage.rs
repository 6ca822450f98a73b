//! The whole stage: weeks of one person with every signal on, reading by reading.

use std::time::{Duration, Instant};

use serde::Serialize;
use zeitgeber_processors::rhythm::{self, Accepted, Analyses, Person, Tables};
use zeitgeber_schemas::{
    Doubles, Envelope, Environment, FieldSet, FlagSet, Imu, ProfileBody, ReadingAccepted,
    ReadingBody, Span, Values,
};

use super::{Latency, Noise, ROUNDS, profile};

/// Days of readings, of which the first fill the window.
const DAYS: i64 = 21;
/// Minutes between two bursts of beats and between two looks at the surroundings.
const EVERY_MIN: i64 = 5;
/// 2020-01-06, minutes since 1970.
const START_MIN: i64 = 18_267 * 1_440;
const MINUTE_MS: i64 = 60_000;

/// What the whole stage does.
#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    /// Minutes of data a second on one core: each brings a count, and every fifth a burst of 60
    /// beats, light, temperature and noise.
    pub minutes_per_s: f64,
    /// Readings a second: those of every kind.
    pub readings_per_s: f64,
    /// Analyses of midnights.
    pub midnight: Latency,
    /// Analyses of hours.
    pub hour: Latency,
    /// State at the end, bytes on the heap.
    pub state_bytes: usize,
}

/// One reading, as bytes hold it.
struct Made {
    ts: i64,
    values: Kind,
}

enum Kind {
    Counts(f64),
    Beats(Vec<u8>),
    Surroundings(Environment),
}

fn readings() -> Vec<Made> {
    let mut noise = Noise(5);
    let mut made = Vec::new();
    for minute in 0..DAYS * 1_440 {
        let ts = (START_MIN + minute + 1) * MINUTE_MS;
        let (high, rare) = if minute % 1_440 < 420 { (60.0, 0.08) } else { (400.0, 0.8) };
        let counts = if noise.share() < rare { (high * noise.share()).floor() } else { 0.0 };
        made.push(Made { ts, values: Kind::Counts(counts) });
        if minute % EVERY_MIN == 0 {
            let beat = |_| (850.0 + 60.0 * noise.share()).to_le_bytes();
            let beats = (0..60).flat_map(beat).collect();
            made.push(Made { ts, values: Kind::Beats(beats) });
            let room = Environment {
                lux: Some(counts),
                temp_c: Some(20.0 + noise.share()),
                noise_db: Some(30.0 + 40.0 * noise.share()),
                ..Environment::default()
            };
            made.push(Made { ts, values: Kind::Surroundings(room) });
        }
    }
    made
}

pub(super) fn measure() -> Stage {
    let (readings, profile, tables) = (readings(), profile(), Tables::new());
    let mut least = Run { took: Duration::MAX, ..Run::default() };
    for _ in 0..ROUNDS {
        let run = live(&readings, &profile, &tables);
        if run.took < least.took {
            least = run;
        }
    }
    let seconds = least.took.as_secs_f64();
    Stage {
        minutes_per_s: (DAYS * 1_440) as f64 / seconds,
        readings_per_s: readings.len() as f64 / seconds,
        midnight: Latency::of(least.midnights),
        hour: Latency::of(least.hours),
        state_bytes: least.state_bytes,
    }
}

#[derive(Default)]
struct Run {
    took: Duration,
    midnights: Vec<Duration>,
    hours: Vec<Duration>,
    state_bytes: usize,
}

/// Decides and applies everything as a partition does. What seals something is timed by itself,
/// too: the clock is read only around those.
fn live(readings: &[Made], profile: &ProfileBody, tables: &Tables) -> Run {
    let accepted = ReadingAccepted {
        dropped_fields: FieldSet::default(),
        dropped_intervals: 0,
        flags: FlagSet::default(),
    };
    let (mut person, mut run) = (Person::initial(), Run::default());
    let mut analysed = Analyses::default();
    let begun = Instant::now();
    for reading in readings {
        let envelope = Envelope {
            tenant: "default",
            user_id: "ada",
            id: "r",
            ts: reading.ts,
            recv_ts: Some(reading.ts + 5_000),
        };
        let body = ReadingBody {
            device_id: "watch",
            backfill: false,
            unknown_fields: false,
            values: values(&reading.values),
        };
        let input = Accepted { envelope, body, accepted: &accepted };
        let seals = person.due_ms().is_some_and(|due| due <= envelope.received());
        if seals {
            let sealing = Instant::now();
            rhythm::decide(tables, &person, profile, &input, &mut analysed);
            note(&analysed, sealing.elapsed(), &mut run);
        } else {
            rhythm::decide(tables, &person, profile, &input, &mut analysed);
        }
        rhythm::apply_reading(&mut person, profile, &input);
        for event in analysed.days.drain(..) {
            rhythm::apply_day(&mut person, &event);
        }
        for event in analysed.windows.drain(..) {
            rhythm::apply_analysed(&mut person, &event);
        }
    }
    run.took = begun.elapsed();
    run.state_bytes = person.heap_bytes();
    run
}

/// A midnight is the analysis of its day and that of the week before it.
fn note(analysed: &Analyses, took: Duration, run: &mut Run) {
    match (&analysed.days[..], &analysed.windows[..]) {
        ([_], [week]) if week.span == Span::Midnight => run.midnights.push(took),
        ([], [one]) if one.span == Span::Hour => run.hours.push(took),
        _ => {}
    }
}

fn values(made: &Kind) -> Values<'_> {
    match made {
        Kind::Counts(counts) => Values::Imu(Imu {
            activity_counts: Some(*counts),
            epoch_s: Some(60.0),
            ..Imu::default()
        }),
        Kind::Beats(bytes) => Values::Hrv(Doubles::from_le_bytes(bytes)),
        Kind::Surroundings(room) => Values::Environment(*room),
    }
}
