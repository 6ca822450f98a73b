//! What an ordinary reading costs in memory: no allocation in the stages, and a bounded state.
//!
//! Ordinary is a reading that is accepted, causes nothing else and opens no hour: a sealed hour makes
//! an analysis, which is a value of its own on the heap, and each hour of movement has a row.

use std::collections::BTreeSet;

use allocation_counter::measure;
use zeitgeber::{
    config::Config,
    demo::sample_profiles,
    door::{self, Options, json::Scratch, raw_bytes},
    record::Parsed,
};
use zeitgeber_processors::flow::{Body, Desk, Input, State};
use zeitgeber_schemas::{Envelope, Event, PartitionId, SchemaId};
use zeitgeber_tests::sample_lines;

/// Most state of a person who reports by the minute, bytes.
const STATE_BYTES_MAX: usize = 250_000;
const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Seconds in which a person's memory of ids (512 copies a kind) grows to its bounds.
const GROWING_S: i64 = 600;
/// Most allocations of that growth: eight steps for each of three kinds, and what opens first.
const GROWTH_MAX: u64 = 32;
/// 2024-05-01T10:00:00Z.
const START_MS: i64 = 1_714_557_600_000;

/// The state of one partition with its configuration and people, and what deciding needs.
struct Partition {
    state: State,
    desk: Desk,
    events: Vec<Event>,
}

impl Partition {
    fn open() -> Self {
        let mut partition =
            Self { state: State::initial(PartitionId(0)), desk: Desk::new(), events: Vec::new() };
        let config = Config::layered(None, [], &[]).expect("the defaults are sound");
        let body = config.configuration();
        let envelope =
            Envelope { tenant: "default", user_id: "", id: &body.version, ts: 0, recv_ts: None };
        partition.take(&Input { envelope, body: Body::Configuration(&body), content: 0 }, &[]);
        for profile in sample_profiles().expect("the sample is sound") {
            let envelope = profile.envelope();
            partition
                .take(&Input { envelope, body: Body::Profile(&profile.body), content: 0 }, &[]);
        }
        assert_eq!(partition.state.people().count(), 20);
        partition
    }

    /// Decides and applies one input, as a cycle does.
    fn take(&mut self, input: &Input<'_>, raw: &[u8]) {
        let hash = || raw_bytes(raw).hash;
        let mut subject = self.state.subject_of(input);
        self.state.decide(&mut self.desk, subject, input, hash, &mut self.events);
        if matches!(self.events.first(), Some(Event::SubjectOpened(_))) {
            subject = self.state.next_subject();
        }
        for event in &self.events {
            self.state.apply(subject, input, event, hash);
        }
    }

    /// Takes a reading in canonical bytes.
    fn take_reading(&mut self, bytes: &[u8], raw: &[u8]) {
        let mut payload = bytes;
        let envelope = Envelope::get(&mut payload).expect("the door wrote it");
        let parsed = Parsed::from_payload(SchemaId::Reading, payload).expect("the door wrote it");
        self.take(&parsed.input(envelope, payload), raw);
    }
}

/// A line as the door's bytes; none where the door refuses it.
fn parsed(line: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    door::json::reading(line, &OPTIONS, &mut Scratch::default(), &mut bytes).ok()?;
    Some(bytes)
}

/// Movement, heart beats and surroundings of one second of a person's life.
fn second(number: i64) -> [Vec<u8>; 3] {
    let ts = START_MS + number * SECOND_MS;
    let values = [
        ("imu", format!(r#"{{"activity_counts":{},"epoch_s":1}}"#, number % 7)),
        ("hrv", format!(r#"{{"rr_ms":[{}.5,812.25]}}"#, 800 + number % 50)),
        ("environment", format!(r#"{{"lux":{},"temp_c":21.{}}}"#, number % 300, number % 10)),
    ];
    values.map(|(kind, values)| {
        let line = format!(
            r#"{{"id":"u09-{kind}-{number:06}","user_id":"u09","device_id":"d","kind":"{kind}","ts":{ts},"recv_ts":{},"values":{values}}}"#,
            ts + SECOND_MS
        );
        parsed(line.as_bytes()).expect("the line is sound")
    })
}

#[test]
fn an_ordinary_reading_allocates_nothing_in_the_stages() {
    let mut partition = Partition::open();
    // Memory of a person grows to its bounds: ids and copies of each kind, an hour, a device.
    let growing: Vec<Vec<u8>> = (1..=GROWING_S).flat_map(second).collect();
    let growth = measure(|| growing.iter().for_each(|bytes| partition.take_reading(bytes, &[])));
    println!("{} allocations while the person's memory grew", growth.count_total);
    assert!(growth.count_total <= GROWTH_MAX, "{growth:?}");
    let ordinary: Vec<Vec<u8>> = (GROWING_S + 1..58 * 60).flat_map(second).collect();
    let mut accepted = 0;
    let allocations = measure(|| {
        for bytes in &ordinary {
            partition.take_reading(bytes, &[]);
            accepted += usize::from(matches!(partition.events[..], [Event::ReadingAccepted(_)]));
        }
    });
    assert_eq!(accepted, ordinary.len(), "each was accepted and caused nothing else");
    assert!(ordinary.len() > 8_000);
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
    // The counter counts: a copy is one allocation.
    assert_eq!(measure(|| drop(std::hint::black_box(ordinary[0].clone()))).count_total, 1);
}

#[test]
fn people_of_the_sample_stay_within_their_state_and_seldom_allocate() {
    let mut partition = Partition::open();
    let (mut hours, mut ordinary, mut allocating) = (BTreeSet::new(), 0, 0);
    for line in sample_lines() {
        let Some(bytes) = parsed(line) else { continue };
        let envelope = Envelope::get(&mut bytes.as_slice()).expect("the door wrote it");
        let kind = envelope.id.rsplit_once('-').map_or("", |(stem, _)| stem);
        // Of the minute that ends then, as for movement, or of the instant, as for light.
        let mut opens = |ts: i64, of: &str| {
            hours.insert((kind.to_owned(), of.to_owned(), ts.div_euclid(60 * MINUTE_MS)))
        };
        let opens_an_hour =
            opens(envelope.ts - MINUTE_MS, "minute") | opens(envelope.ts, "instant");
        let allocations = measure(|| partition.take_reading(&bytes, line));
        if !opens_an_hour && matches!(partition.events[..], [Event::ReadingAccepted(_)]) {
            ordinary += 1;
            allocating += u32::from(allocations.count_total > 0);
        }
    }
    let people = partition.state.people();
    let largest = people.map(|person| person.state_bytes()).max().unwrap_or(0);
    println!(
        "{allocating} of {ordinary} ordinary readings allocated; largest state {largest} bytes"
    );
    assert!(ordinary > 50_000);
    // What is left is growth: a list of light values, of beats or of runs of ids.
    assert!(allocating * 100 < ordinary, "{allocating} of {ordinary} allocated");
    assert!((1_000..=STATE_BYTES_MAX).contains(&largest), "{largest} bytes");
}
