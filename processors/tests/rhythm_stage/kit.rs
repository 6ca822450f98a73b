//! Readings to feed the stage with, and the loop that a writer runs around it.

use zeitgeber_processors::rhythm::{self, Accepted, Analyses, Person, Tables};
use zeitgeber_schemas::{
    DayAnalysed, Doubles, Envelope, Environment, FieldSet, FlagSet, Imu, ProfileBody,
    ReadingAccepted, ReadingBody, RhythmAnalysed, Scale, Span, Values,
};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Counts(f64),
    Enmo(f64),
    Intensity(f64),
    Beats(Vec<f64>),
    Lux(f64),
    Noise(f64),
}

#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) device: &'static str,
    pub(crate) ts: i64,
    pub(crate) recv_ts: i64,
    pub(crate) epoch_s: i64,
    pub(crate) value: Value,
}

impl Reading {
    pub(crate) fn epoch(start_ms: i64, epoch_s: i64, value: Value) -> Self {
        let ts = start_ms + epoch_s * 1000;
        Self { device: "watch", ts, recv_ts: ts + 5000, epoch_s, value }
    }

    pub(crate) fn with<R>(&self, then: impl FnOnce(&Accepted<'_>) -> R) -> R {
        let mut bytes = Vec::new();
        if let Value::Beats(rr_ms) = &self.value {
            rr_ms.iter().for_each(|rr| bytes.extend_from_slice(&rr.to_le_bytes()));
        }
        let epoch_s = Some(self.epoch_s as f64);
        let values = match self.value {
            Value::Counts(v) => {
                Values::Imu(Imu { activity_counts: Some(v), epoch_s, ..Imu::default() })
            }
            Value::Enmo(v) => Values::Imu(Imu { enmo_mg: Some(v), epoch_s, ..Imu::default() }),
            Value::Intensity(v) => {
                Values::Imu(Imu { intensity: Some(v), epoch_s, ..Imu::default() })
            }
            Value::Beats(_) => Values::Hrv(Doubles::from_le_bytes(&bytes)),
            Value::Lux(v) => {
                Values::Environment(Environment { lux: Some(v), ..Environment::default() })
            }
            Value::Noise(v) => {
                Values::Environment(Environment { noise_db: Some(v), ..Environment::default() })
            }
        };
        let accepted = ReadingAccepted {
            dropped_fields: FieldSet::default(),
            dropped_intervals: 0,
            flags: FlagSet::default(),
        };
        then(&Accepted {
            envelope: Envelope {
                tenant: "default",
                user_id: "ada",
                id: "r",
                ts: self.ts,
                recv_ts: Some(self.recv_ts),
            },
            body: ReadingBody {
                device_id: self.device,
                backfill: false,
                unknown_fields: false,
                values,
            },
            accepted: &accepted,
        })
    }
}

pub(crate) fn profile(offset_min: i32) -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min,
        offsets: Vec::new(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: None,
    }
}

/// A person and everything analysed of them.
pub(crate) struct Run {
    pub(crate) tables: Tables,
    pub(crate) profile: ProfileBody,
    pub(crate) person: Person,
    pub(crate) events: Vec<RhythmAnalysed>,
    pub(crate) days: Vec<DayAnalysed>,
}

impl Run {
    pub(crate) fn new(profile: ProfileBody) -> Self {
        let (events, days) = (Vec::new(), Vec::new());
        Self { tables: Tables::new(), profile, person: Person::initial(), events, days }
    }

    pub(crate) fn feed(&mut self, readings: &[Reading]) {
        for reading in readings {
            let mut found = Analyses::default();
            reading.with(|input| {
                rhythm::decide(&self.tables, &self.person, &self.profile, input, &mut found);
                rhythm::apply_reading(&mut self.person, &self.profile, input);
            });
            self.keep(found);
        }
    }

    fn keep(&mut self, found: Analyses) {
        for event in &found.days {
            rhythm::apply_day(&mut self.person, event);
        }
        for event in &found.windows {
            rhythm::apply_analysed(&mut self.person, event);
        }
        self.days.extend(found.days);
        self.events.extend(found.windows);
    }

    /// Lets the clock reach an instant without a reading, and gives how much that analysed.
    pub(crate) fn tick(&mut self, at_ms: i64) -> usize {
        let mut found = Analyses::default();
        rhythm::decide_tick(&self.tables, &self.person, &self.profile, at_ms, &mut found);
        let n = found.windows.len() + found.days.len();
        if !found.is_empty() {
            rhythm::apply_tick(&mut self.person, &self.profile, at_ms);
        }
        self.keep(found);
        n
    }

    /// The last revision of each day, without its number.
    pub(crate) fn last_days(&self) -> Vec<DayAnalysed> {
        let mut last = std::collections::BTreeMap::<i64, DayAnalysed>::new();
        for event in &self.days {
            let next = last.get(&event.day_end_ms).map_or(0, |known| known.revision + 1);
            assert_eq!(event.revision, next, "revisions count up: {}", event.day_end_ms);
            last.insert(event.day_end_ms, event.clone());
        }
        last.into_values().map(|event| DayAnalysed { revision: 0, ..event }).collect()
    }

    /// The last revision of each analysis, without its number.
    pub(crate) fn last_revisions(&self) -> Vec<RhythmAnalysed> {
        let mut last = std::collections::BTreeMap::<(Span, i64), RhythmAnalysed>::new();
        for event in &self.events {
            let key = (event.span, event.window_end_ms);
            let next = last.get(&key).map_or(0, |known| known.revision + 1);
            assert_eq!(event.revision, next, "revisions count up: {key:?}");
            last.insert(key, event.clone());
        }
        last.into_values().map(|event| RhythmAnalysed { revision: 0, ..event }).collect()
    }

    pub(crate) fn of_span(&self, span: Span) -> impl Iterator<Item = &RhythmAnalysed> {
        self.events.iter().filter(move |event| event.span == span)
    }
}
