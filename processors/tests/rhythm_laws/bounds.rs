//! What a year does to a machine's state, and to a person's: nothing beyond what is stated.
//!
//! `cargo test -p zeitgeber-processors --test rhythm_laws bounds -- --nocapture` prints the table.

use std::{cell::RefCell, fmt::Debug};

use serde::{Serialize, de::DeserializeOwned};
use zeitgeber_processors::rhythm::{
    Retention, Source,
    minutes::{Combine, Minutes},
};
use zeitgeber_schemas::{Environment, RhythmAnalysed};

use super::{
    arrival::still,
    machines::{self, Law, Machine, Told},
    person::{DAY_MS, MINUTE_MS, Noise, Reading, START, Value, World, profile},
};

/// Most that rhythm may keep of a person with every signal on, bytes.
const PERSON_BYTES: usize = 250_000;

/// Steps between two looks at a state.
const LOOK: i64 = 997;

#[derive(Default)]
struct Bounded {
    beyond: RefCell<Vec<String>>,
}

impl Law for Bounded {
    fn hold<M>(
        &self,
        machine: Machine,
        new: impl Fn() -> M,
        step: impl Fn(&mut M, i64, &mut Noise, Told<'_>),
    ) where
        M: Clone + PartialEq + Debug + Serialize + DeserializeOwned,
    {
        let (mut state, mut noise) = (new(), Noise(11));
        let (mut early, mut most) = (0, 0);
        for at in 0..machine.long {
            step(&mut state, at, &mut noise, &mut |_| {});
            if at % LOOK == LOOK - 1 || at + 1 == machine.long {
                most = most.max(postcard::to_allocvec(&state).unwrap().len());
            }
            if at == machine.long / 4 {
                early = most;
            }
        }
        let Machine { name, fed, long, bound, made_of } = machine;
        println!("{name:<18} {most:>7} B of {bound:>7}  {long:>8} x {fed:<16} {made_of}");
        if most > bound {
            self.beyond.borrow_mut().push(format!("{name}: {most} bytes, at most {bound}"));
        }
        assert!(early > 0 || long < 4 * LOOK, "{name} was looked at");
    }
}

#[test]
fn every_machine_stays_within_its_bound() {
    let law = Bounded::default();
    machines::each(&law);
    assert_eq!(law.beyond.into_inner(), [""; 0], "states beyond their bounds");
}

/// A minute of which a part never came is forgotten with the readings that could complete it.
#[test]
fn minutes_that_stay_incomplete_do_not_pile_up() {
    let mut minutes = Minutes::new(Retention::Live);
    for minute in 0..60 * 1440 {
        let at = START + minute * MINUTE_MS;
        let mut half = |from| minutes.insert(from, 30, 7.0, Combine::Sum, Source::Sole, "watch");
        half(at);
        if minute % 10 != 0 {
            half(at + 30_000);
        }
    }
    // Blocks of an hour with 60 values each, and room for the parts of two days.
    let most = 256 * (60 * 8 + 100) + 2 * 294 * 32;
    assert!(minutes.heap_bytes() <= most, "{} of {most}", minutes.heap_bytes());
}

/// Signals of a person, and what they add.
const SIGNALS: [&str; 6] =
    ["counts", "beats", "light, temperature, noise", "raw acceleration", "ENMO", "second device"];

/// A minute of the first of these signals, at the rates of a watch.
fn minute(minute: i64, signals: usize, noise: &mut Noise) -> Vec<Reading> {
    let at = START + minute * MINUTE_MS;
    let counts = if minute % 1440 < 420 { noise.below(4) } else { noise.below(300) } as f64;
    let mut readings = vec![Reading::epoch(at, 60, Value::Counts(counts))];
    if minute % 5 == 0 && signals > 1 {
        let beats = (0..300).map(|_| 800.0 + 100.0 * noise.share()).collect();
        readings.push(Reading::epoch(at, 60, Value::Beats(beats)));
    }
    if minute % 5 == 0 && signals > 2 {
        let room = Environment {
            lux: Some(counts),
            temp_c: Some(20.0 + noise.share()),
            noise_db: Some(40.0 + counts / 10.0),
            ..Environment::default()
        };
        readings.push(Reading::epoch(at, 0, Value::Surroundings(room)));
    }
    if minute % 5 == 2 && signals > 3 {
        readings.extend(still(noise, at, 5));
    }
    if signals > 4 {
        readings.push(Reading::epoch(at, 60, Value::Enmo(counts / 4.0)));
    }
    if minute % 7 == 0 && signals > 5 {
        readings.push(Reading::epoch(at, 60, Value::Counts(9.0)).of("phone"));
    }
    readings
}

fn day(day: i64, signals: usize, noise: &mut Noise) -> Vec<Reading> {
    (day * 1440..(day + 1) * 1440).flat_map(|at| minute(at, signals, noise)).collect()
}

#[test]
fn a_person_stays_within_the_bound_with_every_kind_of_signal() {
    for signals in 1..=SIGNALS.len() {
        let (mut world, mut noise, mut most) = (World::new(&profile(60, &[])), Noise(9), 0);
        for at in 0..16 {
            world.feed(&day(at, signals, &mut noise));
            most = most.max(world.rhythm_bytes());
        }
        println!("{most:>7} B of {PERSON_BYTES}  {}", SIGNALS[..signals].join(" + "));
        // One movement signal by the minute with raw samples, beats and surroundings: every kind.
        assert!(signals > 4 || most <= PERSON_BYTES, "{most}");
    }
}

/// After some months a person takes no more room, and what is sealed of the year's last days is what
/// it would be without the months before, but for what vitality makes of many nights.
#[test]
fn a_year_of_a_person_is_bounded_and_analysed_like_its_last_days() {
    let (mut world, mut late) = (World::new(&profile(60, &[])), World::new(&profile(60, &[])));
    let (mut noise, mut months_bytes, mut most) = (Noise(5), 0, 0);
    let days = 365;
    for at in 0..days {
        let readings = day(at, 3, &mut noise);
        world.feed(&readings);
        // The window of 7 days, the context of its first hours, and the local day's beginning.
        if at >= days - 9 {
            late.feed(&readings);
        }
        most = most.max(world.rhythm_bytes());
        if at == 100 {
            months_bytes = most;
        }
    }
    println!("{most:>7} B after a year, {months_bytes} after 100 days");
    assert!(most <= months_bytes, "{most} after a year, {months_bytes} after 100 days");
    let (midnights, last) = (world.midnights(), late.midnights());
    // The recording begins an hour into its first day and ends before the last grace is over.
    assert_eq!(midnights.len() as i64, days - 1 - 3, "each but those of the first three days");
    let end = midnights.last().unwrap();
    assert_eq!(end.window_end_ms - end.window_start_ms, 7 * DAY_MS);
    let alike =
        last.last().map(|last| RhythmAnalysed { composite: end.composite.clone(), ..last.clone() });
    assert_eq!(alike.as_ref(), Some(end), "the same bits from nine days as from a year");
}
