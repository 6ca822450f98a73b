//! A person whose readings go through every stage, as a partition takes them.

use std::collections::BTreeMap;

use zeitgeber_processors::flow::{Body, Desk, Input, Outcome, State, content_fingerprint};
use zeitgeber_schemas::{
    DayAnalysed, Doubles, Envelope, Environment, Event, Imu, OffsetChange, PartitionId,
    ProfileBody, ReadingBody, RhythmAnalysed, Scale, Span, Values,
};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 86_400_000;
/// A midnight in UTC, and a Monday.
pub(crate) const START: i64 = 20_002 * DAY_MS;

/// A small generator, so that a case is a seed.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Counts(f64),
    Enmo(f64),
    /// Triples of acceleration, g, at 30 Hz.
    Raw(Vec<f64>),
    Beats(Vec<f64>),
    Surroundings(Environment),
}

/// A reading as it arrives; `epoch_s` is that of a movement value.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) id: String,
    pub(crate) device: &'static str,
    pub(crate) ts: i64,
    pub(crate) recv_ts: i64,
    pub(crate) epoch_s: i64,
    pub(crate) value: Value,
}

impl Reading {
    /// What a watch measured for `epoch_s` seconds from an instant; it arrives 5 s later.
    pub(crate) fn epoch(start_ms: i64, epoch_s: i64, value: Value) -> Self {
        let kind = match value {
            Value::Counts(_) => "counts",
            Value::Enmo(_) => "enmo",
            Value::Raw(_) => "raw",
            Value::Beats(_) => "beats",
            Value::Surroundings(_) => "room",
        };
        let ts = start_ms + epoch_s * 1000;
        let id = format!("{kind}-{}", ts / 1000);
        Self { id, device: "watch", ts, recv_ts: ts + 5000, epoch_s, value }
    }

    /// The same of another device.
    pub(crate) fn of(self, device: &'static str) -> Self {
        Self { id: format!("{device}-{}", self.id), device, ..self }
    }

    fn with<R>(&self, then: impl FnOnce(&Input<'_>) -> R) -> R {
        let numbers: &[f64] = match &self.value {
            Value::Beats(values) | Value::Raw(values) => values,
            _ => &[],
        };
        let bytes: Vec<u8> = numbers.iter().flat_map(|value| value.to_le_bytes()).collect();
        let numbers = Doubles::from_le_bytes(&bytes);
        let epoch_s = Some(self.epoch_s as f64);
        let imu = Imu { epoch_s, ..Imu::default() };
        let values = match self.value {
            Value::Counts(v) => Values::Imu(Imu { activity_counts: Some(v), ..imu }),
            Value::Enmo(v) => Values::Imu(Imu { enmo_mg: Some(v), ..imu }),
            Value::Raw(_) => {
                Values::Imu(Imu { acc_g: numbers, fs_hz: Some(30.0), ..Imu::default() })
            }
            Value::Beats(_) => Values::Hrv(numbers),
            Value::Surroundings(room) => Values::Environment(room),
        };
        let body =
            ReadingBody { device_id: self.device, backfill: false, unknown_fields: false, values };
        let mut datum = Vec::new();
        body.put(&mut datum);
        then(&Input {
            envelope: envelope(&self.id, self.ts, self.recv_ts),
            body: Body::Reading(body),
            content: content_fingerprint(self.ts, &datum),
        })
    }
}

fn envelope(id: &str, ts: i64, recv_ts: i64) -> Envelope<'_> {
    Envelope { tenant: "default", user_id: "ada", id, ts, recv_ts: Some(recv_ts) }
}

/// A profile of somebody at an offset, minutes, that changes at the instants given.
pub(crate) fn profile(offset_min: i32, changes: &[(i64, i32)]) -> ProfileBody {
    let change = |&(from_ms, offset_min): &(i64, i32)| OffsetChange { from_ms, offset_min };
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min,
        offsets: changes.iter().map(change).collect(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: Some("watch".into()),
        channel: None,
    }
}

/// A partition with one person, and everything that was analysed of them.
pub(crate) struct World {
    state: State,
    desk: Desk,
    events: Vec<Event>,
    /// The newest arrival that sealed something.
    newest_ms: i64,
    pub(crate) analyses: Vec<RhythmAnalysed>,
    pub(crate) days: Vec<DayAnalysed>,
    /// Readings that counted, and repeats.
    pub(crate) accepted: usize,
    pub(crate) repeats: usize,
}

impl World {
    pub(crate) fn new(profile: &ProfileBody) -> Self {
        let state = State::initial(PartitionId(0));
        let mut world = Self {
            state,
            desk: Desk::new(),
            events: Vec::new(),
            newest_ms: i64::MIN,
            analyses: Vec::new(),
            days: Vec::new(),
            accepted: 0,
            repeats: 0,
        };
        world.move_to(profile, START - 30 * DAY_MS);
        world
    }

    /// Gives the person another profile.
    pub(crate) fn move_to(&mut self, profile: &ProfileBody, at_ms: i64) {
        let envelope = envelope("profile", at_ms, at_ms);
        let input = Input { envelope, body: Body::Profile(profile), content: 0 };
        assert_eq!(self.take(&input), Outcome::Stored, "the profile is another one");
    }

    pub(crate) fn feed(&mut self, readings: &[Reading]) {
        for reading in readings {
            match reading.with(|input| self.take(input)) {
                Outcome::Stored => {}
                Outcome::Repeated(_) => self.repeats += 1,
                Outcome::Idle => panic!("a reading is never idle"),
            }
        }
    }

    fn take(&mut self, input: &Input<'_>) -> Outcome {
        let mut subject = self.state.subject_of(input);
        let raw = || [0; 16];
        let outcome = self.state.decide(&mut self.desk, subject, input, raw, &mut self.events);
        if outcome != Outcome::Stored {
            return outcome;
        }
        if subject == 0 {
            subject = self.state.next_subject();
        }
        for event in &self.events {
            match event {
                Event::DeadLettered(refused) => panic!("{}: {refused:?}", input.envelope.id),
                Event::RhythmAnalysed(analysed) => {
                    self.newest_ms = self.newest_ms.max(input.envelope.received());
                    assert!(analysed.window_end_ms <= self.newest_ms, "not before its end");
                    self.analyses.push((**analysed).clone());
                }
                Event::DayAnalysed(analysed) => self.days.push((**analysed).clone()),
                Event::ReadingAccepted(_) => self.accepted += 1,
                _ => {}
            }
            self.state.apply(subject, input, event, raw);
        }
        Outcome::Stored
    }

    /// The partition as it comes back from storage.
    pub(crate) fn store_and_restore(&mut self) {
        let bytes = serde_json::to_vec(&self.state).unwrap();
        self.state = serde_json::from_slice(&bytes).unwrap();
    }

    /// What rhythm keeps of the person, bytes on the heap.
    pub(crate) fn rhythm_bytes(&self) -> usize {
        self.state.person(1).unwrap().rhythm.heap_bytes()
    }

    /// The last revision of each analysis, without its number, by span and end.
    pub(crate) fn sealed(&self) -> Vec<RhythmAnalysed> {
        let mut last = BTreeMap::<(Span, i64), RhythmAnalysed>::new();
        for event in &self.analyses {
            let key = (event.span, event.window_end_ms);
            let next = last.get(&key).map_or(0, |known| known.revision + 1);
            assert_eq!(event.revision, next, "revisions count up: {key:?}");
            last.insert(key, event.clone());
        }
        last.into_values().map(|event| RhythmAnalysed { revision: 0, ..event }).collect()
    }

    /// The last revision of each day's analysis, without its number, by its end.
    pub(crate) fn sealed_days(&self) -> Vec<DayAnalysed> {
        let mut last = BTreeMap::<i64, DayAnalysed>::new();
        for event in &self.days {
            let next = last.get(&event.day_end_ms).map_or(0, |known| known.revision + 1);
            assert_eq!(event.revision, next, "revisions count up: {}", event.day_end_ms);
            last.insert(event.day_end_ms, event.clone());
        }
        last.into_values().map(|event| DayAnalysed { revision: 0, ..event }).collect()
    }

    /// The sealed analyses of the weeks before local midnights.
    pub(crate) fn midnights(&self) -> Vec<RhythmAnalysed> {
        self.sealed().into_iter().filter(|event| event.span == Span::Midnight).collect()
    }
}
