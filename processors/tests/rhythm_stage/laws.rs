//! Laws that hold for any readings: arrival order, duplicates and snapshots change nothing, and
//! word-wise non-wear is Choi's algorithm.

use proptest::prelude::*;
use zeitgeber_processors::rhythm::{
    Person, Retention, Source,
    minutes::{Combine, Minutes},
    nonwear,
};
use zeitgeber_schemas::{OffsetChange, ProfileBody};

use super::kit::{DAY_MS, HOUR_MS, MINUTE_MS, Reading, Run, Value, profile};

const START: i64 = 20_000 * DAY_MS;

/// A small generator, so that a case is a seed.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// Days of minutes of two devices, with rest, off-wrist zeros and gaps, beats, light.
fn stream(seed: u64, days: i64) -> Vec<Reading> {
    let mut noise = Noise(seed);
    let mut readings = Vec::new();
    let (mut zeros, mut gap) = (0u64, 0u64);
    for i in 0..days * 1440 {
        let start = START + i * MINUTE_MS;
        if noise.below(300) == 0 {
            zeros = noise.below(200);
        }
        if noise.below(200) == 0 {
            gap = noise.below(40);
        }
        (zeros, gap) = (zeros.saturating_sub(1), gap.saturating_sub(1));
        let counts = if zeros > 0 { 0.0 } else { noise.below(400) as f64 };
        if gap == 0 && i % 3 == 0 {
            for half in [0, 30_000] {
                readings.push(Reading::epoch(start + half, 30, Value::Counts(counts)));
            }
        } else if gap == 0 {
            readings.push(Reading::epoch(start, 60, Value::Counts(counts)));
        }
        if i % 7 == 0 {
            let phone = Reading::epoch(start, 60, Value::Counts(7.0));
            readings.push(Reading { device: "phone", ..phone });
        }
        if i % 30 == 0 {
            let beats = if i % 360 == 0 { 260 } else { 20 };
            let beats = (0..beats).map(|_| 700.0 + noise.below(200) as f64).collect();
            readings.push(Reading::epoch(start, 60, Value::Beats(beats)));
            readings.push(Reading::epoch(start, 0, Value::Lux(noise.below(1000) as f64)));
            readings.push(Reading::epoch(start, 0, Value::Noise(30.0 + noise.below(60) as f64)));
        }
    }
    readings
}

/// A reading that seals everything before it, and one after it that seals its own hour.
fn closing(days: i64) -> Vec<Reading> {
    let end = START + days * DAY_MS;
    [3, 5].map(|h| Reading::epoch(end + h * HOUR_MS, 60, Value::Counts(1.0))).into()
}

fn traveller() -> ProfileBody {
    let mut profile = profile(330);
    profile.primary_device = Some("watch".into());
    let from_ms = START + 4 * DAY_MS + 5 * HOUR_MS;
    profile.offsets = vec![OffsetChange { from_ms, offset_min: 390 }];
    profile
}

fn last_revisions(profile: &ProfileBody, batches: &[&[Reading]], days: i64) -> Vec<String> {
    let mut run = Run::new(profile.clone());
    batches.iter().for_each(|batch| run.feed(batch));
    run.feed(&closing(days));
    let days = run.last_days();
    let days = days.iter().map(|event| format!("{event:?}"));
    run.last_revisions().iter().map(|event| format!("{event:?}")).chain(days).collect()
}

/// Where two lists of analyses differ first; nothing where they are the same.
fn difference(one: &[String], other: &[String]) -> Option<String> {
    let (a, b) = one.iter().zip(other).find(|(a, b)| a != b).or_else(|| {
        let longer = if one.len() > other.len() { one } else { other };
        longer.get(one.len().min(other.len())).map(|more| (more, &longer[0]))
    })?;
    let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let near = |text: &str| text[at.saturating_sub(300)..text.len().min(at + 60)].to_owned();
    Some(format!("{} of {}: {}\ninstead of {}", one.len(), other.len(), near(a), near(b)))
}

/// Readings in order of arrival, cut anywhere, and then silence: a tick analyses something exactly
/// when the person says that one is due, until nothing is left to analyse.
#[test]
fn a_tick_analyses_exactly_when_one_is_due() {
    for seed in 1..=4 {
        let readings = stream(seed, 5);
        let mut noise = Noise(seed);
        for offset_min in [0, 330] {
            let cut = noise.below(readings.len() as u64) as usize + 1;
            let mut run = Run::new(profile(offset_min));
            run.feed(&readings[..cut]);
            let mut ticks = 0;
            while let Some(due_ms) = run.person.due_ms() {
                assert_eq!(run.tick(due_ms - 1), 0, "seed {seed}: nothing before it is due");
                assert!(run.tick(due_ms) > 0, "seed {seed}: something when it is due");
                assert!(run.person.due_ms().is_none_or(|next| next > due_ms));
                ticks += 1;
            }
            assert!(ticks > 0, "seed {seed}: an hour was open when the readings ended");
            assert_eq!(run.tick(START + 400 * DAY_MS), 0, "seed {seed}: nothing was left");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_arrival_order_within_48_hours_ends_in_the_same_analyses(seed in any::<u64>()) {
        let (days, profile) = (6, traveller());
        let readings = stream(seed, days);
        let in_order = last_revisions(&profile, &[&readings], days);
        prop_assert!(in_order.len() > 140, "{}", in_order.len());

        let mut noise = Noise(seed ^ 1);
        let mut batches = readings.clone();
        for batch in batches.chunks_mut(2500) {
            noise.shuffle(batch);
        }
        let shuffled = last_revisions(&profile, &[&batches], days);
        prop_assert_eq!(difference(&shuffled, &in_order), None);

        let doubled: Vec<_> =
            readings.iter().filter(|r| matches!(r.value, Value::Counts(_))).cloned().collect();
        let (once, twice) = (&doubled[..], doubled.iter().flat_map(|r| [r.clone(), r.clone()]));
        let twice: Vec<_> = twice.collect();
        prop_assert_eq!(
            last_revisions(&profile, &[&twice], days),
            last_revisions(&profile, &[once], days)
        );
    }

    #[test]
    fn readings_that_come_in_bulk_a_day_late_end_in_the_same_analyses(seed in any::<u64>()) {
        let (days, profile) = (5, traveller());
        let readings = stream(seed, days);
        let in_order = last_revisions(&profile, &[&readings], days);
        let (late, prompt): (Vec<_>, Vec<_>) =
            readings.iter().cloned().partition(|r| r.ts >= START + 4 * DAY_MS && r.ts % 7 < 3);
        let sync = START + days * DAY_MS + HOUR_MS;
        let late: Vec<_> = late.into_iter().rev().map(|r| Reading { recv_ts: sync, ..r }).collect();
        prop_assert_eq!(last_revisions(&profile, &[&prompt, &late], days), in_order);
    }

    #[test]
    fn a_snapshot_at_any_moment_changes_nothing(seed in any::<u64>()) {
        let readings = stream(seed, 4);
        let mut whole = Run::new(profile(-300));
        whole.feed(&readings);
        let mut resumed = Run::new(profile(-300));
        let at = Noise(seed).below(readings.len() as u64) as usize;
        resumed.feed(&readings[..at]);
        let snapshot = serde_json::to_vec(&resumed.person).unwrap();
        resumed.person = serde_json::from_slice::<Person>(&snapshot).unwrap();
        resumed.feed(&readings[at..]);
        prop_assert_eq!(resumed.person, whole.person);
        prop_assert_eq!(resumed.events, whole.events);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nonwear_equals_the_algorithm_as_published(
        offset in 0i64..60,
        runs in prop::collection::vec((0u8..6, 1usize..140, 1usize..4), 1..40),
    ) {
        let mut series = Vec::new();
        for (kind, long, short) in runs {
            let (value, length) = match kind {
                0 => (Some(0.0), long),
                1 => (Some(0.0), 28 + short),
                2 => (Some(5.0), short),
                3 => (None, short),
                4 => (None, 8 + short),
                _ => (Some(3.0), long / 20 + 1),
            };
            series.extend(std::iter::repeat_n(value, length));
        }
        let known = |value: &Option<f64>| value.is_some();
        let Some(first) = series.iter().position(known) else { return Ok(()) };
        let last = series.iter().rposition(known).unwrap();
        let series = &series[first..=last];
        let start = 28_800_000 + offset;
        let mut minutes = Minutes::new(Retention::Unbounded);
        for (i, value) in series.iter().enumerate() {
            if let Some(value) = value {
                let at = (start + i as i64) * MINUTE_MS;
                minutes.insert(at, 60, *value, Combine::Sum, Source::Sole, "");
            }
        }
        let want: Vec<_> = choi(series)
            .into_iter()
            .map(|(at, length)| (start + at as i64, start + (at + length) as i64))
            .collect();
        let end = start + series.len() as i64;
        prop_assert_eq!(nonwear::periods(&minutes, start - 200, end + 130), want.clone());
        prop_assert_eq!(nonwear::periods(&minutes, start, end), want);
    }
}

/// Choi 2011 step by step on run lengths: the specification.
fn choi(series: &[Option<f64>]) -> Vec<(usize, usize)> {
    let mut flags: Vec<bool> = series.iter().map(|value| *value != Some(0.0)).collect();
    let mut i = 0;
    while i < series.len() {
        let gap = series[i..].iter().take_while(|value| value.is_none()).count();
        if gap > 0 {
            let flag = if i > 0 && gap <= 10 { flags[i - 1] } else { true };
            flags[i..i + gap].fill(flag);
        }
        i += gap.max(1);
    }
    let mut runs = merged(flags.into_iter().map(|flag| (flag, 1)));
    runs = merged(runs.into_iter().map(|(flag, n)| (flag || n < 2, n)));
    let before = |i: usize| if i == 0 { 0 } else { runs[i - 1].1 };
    let after = |i: usize| runs.get(i + 1).map_or(0, |run| run.1);
    let absorbed = runs
        .iter()
        .enumerate()
        .map(|(i, &(flag, n))| (flag && !(n <= 2 && before(i) >= 30 && after(i) >= 30), n));
    let (mut found, mut at) = (Vec::new(), 0);
    for (flag, n) in merged(absorbed) {
        if !flag && n >= 90 {
            found.push((at, n));
        }
        at += n;
    }
    found
}

fn merged(runs: impl Iterator<Item = (bool, usize)>) -> Vec<(bool, usize)> {
    let mut out: Vec<(bool, usize)> = Vec::new();
    for (flag, n) in runs {
        match out.last_mut() {
            Some(last) if last.0 == flag => last.1 += n,
            _ => out.push((flag, n)),
        }
    }
    out
}
