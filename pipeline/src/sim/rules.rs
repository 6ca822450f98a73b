//! What becomes of an input, foretold without the stages: sets of what was seen, and nothing else.
//!
//! Where the answer rests on how long something is remembered, it says nothing.

use std::collections::{BTreeMap, BTreeSet};

use zeitgeber_schemas::{Envelope, ReadingBody, SchemaId, Values};

use super::oracle::Given;

/// What becomes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Taken,
    /// It is kept as a dead letter.
    Refused,
    /// It repeats another one.
    Repeated,
    /// It changes nothing.
    Idle,
}

/// What was seen of one partition's inputs.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Each person's last profile.
    profiles: BTreeMap<String, Vec<u8>>,
    /// Accepted readings: person and id, time and content.
    readings: BTreeMap<(String, String), (i64, Vec<u8>)>,
    refused: BTreeSet<[u8; 16]>,
    configuration: Option<Vec<u8>>,
}

/// How late a reading may come, ms.
const LATE_MS: i64 = 48 * 3_600_000;
/// How far ahead of its arrival a reading may be measured, ms.
const AHEAD_MS: i64 = 300_000;
/// Greatest movement.
const COUNTS_MAX: f64 = 200_000.0;

impl Rules {
    /// What becomes of the next input.
    pub(super) fn foretell(&mut self, given: &Given) -> Option<Fate> {
        let mut body = &given.input[..];
        let envelope = Envelope::get(&mut body).ok()?;
        match given.schema {
            SchemaId::Reading => self.reading(&envelope, body, given.raw_hash),
            SchemaId::Unreadable => self.refuse(given.raw_hash),
            SchemaId::Profile => {
                let before = self.profiles.insert(envelope.user_id.into(), body.into());
                let same = before.is_some_and(|before| before == body);
                Some(if same { Fate::Repeated } else { Fate::Taken })
            }
            SchemaId::Configuration => {
                let same = self.configuration.replace(body.into()).is_some_and(|was| was == body);
                Some(if same { Fate::Repeated } else { Fate::Taken })
            }
            _ => None,
        }
    }

    fn reading(&mut self, envelope: &Envelope<'_>, body: &[u8], raw: [u8; 16]) -> Option<Fate> {
        if !self.profiles.contains_key(envelope.user_id) {
            return self.refuse(raw);
        }
        let id = (envelope.user_id.to_owned(), envelope.id.to_owned());
        if let Some((ts, known)) = self.readings.get(&id) {
            let same = *ts == envelope.ts && known == body;
            // How long another content under a known id is noticed rests on the memory of contents.
            self.refused.insert(raw);
            return same.then_some(Fate::Repeated);
        }
        let late = envelope.recv_ts.unwrap_or(envelope.ts) - envelope.ts;
        let possible = match ReadingBody::get(&mut &*body).ok()?.values {
            Values::Imu(imu) => {
                imu.activity_counts.is_none_or(|counts| (0.0..=COUNTS_MAX).contains(&counts))
            }
            Values::Hrv(_) | Values::Environment(_) => true,
        };
        if !possible || late > LATE_MS || -late > AHEAD_MS {
            return self.refuse(raw);
        }
        self.readings.insert(id, (envelope.ts, body.into()));
        Some(Fate::Taken)
    }

    /// Refused bytes are known again for two days.
    fn refuse(&mut self, raw: [u8; 16]) -> Option<Fate> {
        self.refused.insert(raw).then_some(Fate::Refused)
    }
}
