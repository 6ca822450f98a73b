//! What the descriptions of features say of events: a person with every signal on is told each feature
//! that a `day_analysed` is said to carry, and none that is said to be of recordings alone.

use std::collections::BTreeSet;

use zeitgeber_processors::rhythm::feature::{FAMILIES, carried_by};
use zeitgeber_schemas::{DayAnalysed, Environment, Family, Scale};

use super::{
    arrival::still,
    person::{DAY_MS, HOUR_MS, MINUTE_MS, Noise, Reading, START, Value, World, profile},
};

/// Days of readings: phase needs five of light, and timing a free day after a Monday.
const DAYS: i64 = 7;

/// The families of an event by the titles of their descriptions.
const TITLES: [(&str, &[Family]); 9] = [
    ("Rest and activity", &[Family::Cycles]),
    ("Sleep from movement", &[Family::Sleep]),
    ("Sleep timing", &[Family::Sleep, Family::Timing]),
    ("Raw acceleration", &[Family::Acceleration]),
    ("Heart beats", &[Family::Heart]),
    ("Light", &[Family::Light, Family::Cycles]),
    ("Circadian phase", &[Family::Phase]),
    ("Alertness", &[Family::Alertness]),
    ("Noise", &[Family::Noise]),
];

fn life(noise: &mut Noise) -> Vec<Reading> {
    let mut readings = Vec::new();
    for minute in 0..DAYS * 1440 {
        let (at, asleep) = (START + minute * MINUTE_MS, !(420..1380).contains(&(minute % 1440)));
        let turns = 3 * u64::from(minute % 29 == 0);
        let counts = if asleep { turns } else { 100 + noise.below(400) };
        readings.push(Reading::epoch(at, 60, Value::Counts(counts as f64)));
        if minute % 5 == 0 {
            let room = Environment {
                lux: Some(if asleep { 0.5 } else { 400.0 }),
                noise_db: Some(40.0 + noise.share()),
                ..Environment::default()
            };
            readings.push(Reading::epoch(at, 0, Value::Surroundings(room)));
        }
        if minute % 180 == 0 {
            let beats = (0..380).map(|_| 850.0 + 60.0 * noise.share()).collect();
            readings.push(Reading::epoch(at, 60, Value::Beats(beats)));
        }
        if minute % 60 == 30 {
            readings.extend(still(noise, at, 1));
            let samples = (0..3 * 60 * 30).map(|_| noise.share()).collect();
            readings.push(Reading::epoch(at + MINUTE_MS, 60, Value::Raw(samples)));
        }
    }
    let end = START + DAYS * DAY_MS + 3 * HOUR_MS;
    readings.push(Reading::epoch(end, 60, Value::Counts(1.0)));
    readings
}

fn told(scale: Scale) -> Vec<DayAnalysed> {
    let mut profile = profile(0, &[]);
    profile.device_scale = scale;
    let mut world = World::new(&profile);
    world.feed(&life(&mut Noise(3)));
    world.sealed_days()
}

#[test]
fn a_day_carries_the_features_that_it_is_said_to_carry() {
    let days = [told(Scale::Actigraph), told(Scale::Actiwatch)].concat();
    let mut wrong = Vec::new();
    for (title, features) in FAMILIES {
        let Some((_, families)) = TITLES.iter().find(|(of, _)| *of == title) else { continue };
        let found = days.iter().flat_map(|day| &day.families);
        let values = found.filter(|found| families.contains(&found.family));
        let names: BTreeSet<&str> = values
            .flat_map(|found| &found.values)
            .flat_map(|value| value.name.split('.'))
            .collect();
        for feature in features {
            let is_told = names.contains(feature.name);
            let said = carried_by(title, feature.name) == Some("day_analysed");
            if is_told != said {
                wrong.push(format!("{title}: {} is told: {is_told}", feature.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "descriptions that are not what days say");
}
