//! The door: turns what arrives (NDJSON, Avro containers, profiles, feedback) into inputs.
//!
//! Units, types and sizes are settled here, once, so that nothing behind the door meets JSON. An
//! input leaves the door as the canonical Avro bytes of its envelope and body, or as a [`Refusal`]
//! with the reason. The door is *not* validation: whether a value is plausible, a person known or
//! an input a repeat is decided by the validation stage, from the journal alone.
//!
//! - DOOR-1: memory is bounded by constants of this module, whatever arrives.
//! - DOOR-2: the quick and the thorough JSON parser give the same bytes for every line.
//! - DOOR-3: what stands before a cut in a truncated file is delivered before the error.

mod agents;
pub mod avro;
mod by_name;
mod container;
pub mod feedback;
mod fields;
pub mod files;
pub mod json;
pub mod lines;
mod live;
mod pools;
pub mod profile;
mod speculative;
pub mod tasks;

use zeitgeber_schemas::{
    Doubles, Envelope, Kind, RawBytes, ReadingBody, Reason, Unreadable, Values, partition_key,
    wire::Bytes,
};

/// Longest id of any sort (`id`, `user_id`, `device_id`, `tenant`, ...), bytes.
pub const ID_BYTES_MAX: usize = 256;
/// Most RR intervals in one reading.
pub const INTERVALS_MAX: usize = 1_000;
/// Most raw samples (triples) of one sensor in one reading.
pub const SAMPLES_MAX: usize = 4_096;
/// How far an arrival may lie ahead of the door's clock, ms.
pub const AHEAD_MAX_MS: i64 = 5 * 60 * 1_000;
/// How much of a refused input is kept as it came, bytes.
pub const RAW_HEAD_BYTES: usize = 4_096;
/// The tenant where none is named.
pub const DEFAULT_TENANT: &str = "default";

/// How a door takes readings in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// History loaded after the fact: the arrival time becomes the event time, and the reading
    /// makes analyses and no decisions.
    pub backfill: bool,
    /// The door's clock, ms UTC; `i64::MAX` switches the check against it off.
    pub door_now_ms: i64,
    /// The arrival time that an input without one is given, ms UTC; none where people's clocks
    /// move by their inputs alone.
    pub stamp_ms: Option<i64>,
}

/// What a caller needs of a reading that was appended to its buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head<'a> {
    /// The envelope, as appended.
    pub envelope: Envelope<'a>,
    /// The kind of the reading.
    pub kind: Kind,
    /// Where in the buffer the body begins; the envelope stands right before it.
    pub body_at: usize,
}

/// An input that the door could not read, with as much of it as could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What exactly, in words.
    pub detail: String,
    /// The tenant; `default` where none is readable.
    pub tenant: String,
    /// The person, where readable.
    pub user_id: Option<String>,
    /// The input's id, where readable.
    pub id: Option<String>,
    /// Event time, ms UTC, where readable.
    pub ts: Option<i64>,
    /// Arrival time, ms UTC, where readable.
    pub recv_ts: Option<i64>,
    /// The kind as it came, where readable (a reading's, known or not).
    pub kind: Option<String>,
}

impl Refusal {
    /// A refusal of an input of which nothing else could be read.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            tenant: DEFAULT_TENANT.into(),
            user_id: None,
            id: None,
            ts: None,
            recv_ts: None,
            kind: None,
        }
    }

    /// The refusal of a line longer than the limit.
    pub fn oversized_line(length: u64, limit: usize) -> Self {
        Self::new(Reason::Oversized, format!("line of {length} bytes; at most {limit} are read"))
    }

    /// What the input is partitioned by: the person's key, or the first [`RAW_HEAD_BYTES`] of the
    /// raw bytes where no person is readable.
    pub fn key(&self, raw: &[u8]) -> Vec<u8> {
        match &self.user_id {
            Some(user_id) => partition_key(&self.tenant, user_id).as_bytes().to_vec(),
            None => raw[..raw.len().min(RAW_HEAD_BYTES)].to_vec(),
        }
    }

    /// The refusal as an input of the journal.
    pub fn to_unreadable(&self, raw: &[u8]) -> Unreadable {
        Unreadable {
            reason: self.reason,
            detail: self.detail.clone(),
            kind: self.kind.clone(),
            key: Bytes(self.key(raw)),
        }
    }
}

/// What the journal keeps of refused bytes: the head, and hashes that stand for the rest.
pub fn raw_bytes(bytes: &[u8]) -> RawBytes {
    let (head, rest) = bytes.split_at(bytes.len().min(RAW_HEAD_BYTES));
    RawBytes {
        head: Bytes(head.to_vec()),
        length: bytes.len() as u64,
        hash: short_hash(&blake3::hash(bytes)),
        rest_hash: (!rest.is_empty()).then(|| *blake3::hash(rest).as_bytes()),
    }
}

/// The first 16 bytes of a BLAKE3 hash.
fn short_hash(hash: &blake3::Hash) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

/// Checks what every door checks of a reading, whatever form it came in, and appends it.
fn admit<'a>(
    mut envelope: Envelope<'a>,
    mut body: ReadingBody<'_>,
    options: &Options,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    if options.backfill || body.backfill {
        envelope.recv_ts = Some(envelope.ts);
        body.backfill = true;
    } else {
        envelope.recv_ts = envelope.recv_ts.or(options.stamp_ms);
    }
    let found = if let Some((reason, detail)) = excess(&envelope, &body) {
        Some((reason, detail))
    } else if envelope.received() > options.door_now_ms.saturating_add(AHEAD_MAX_MS) {
        // The clock itself stays out of the text: what is stored must not depend on it.
        let detail = format!(
            "arrival {} is more than 5 minutes ahead of the door's clock",
            envelope.received()
        );
        Some((Reason::ClockAhead, detail))
    } else {
        None
    };
    if let Some((reason, detail)) = found {
        return Err(Box::new(refusal_of(&envelope, body.kind(), reason, detail)));
    }
    envelope.put(out);
    let body_at = out.len();
    body.put(out);
    Ok(Head { envelope, kind: body.kind(), body_at })
}

fn refusal_of(envelope: &Envelope<'_>, kind: Kind, reason: Reason, detail: String) -> Refusal {
    let short = |text: &str| (text.len() <= ID_BYTES_MAX).then(|| text.to_owned());
    Refusal {
        tenant: short(envelope.tenant).unwrap_or_else(|| DEFAULT_TENANT.into()),
        user_id: short(envelope.user_id),
        id: short(envelope.id),
        ts: Some(envelope.ts),
        recv_ts: envelope.recv_ts,
        kind: Some(kind.to_string()),
        ..Refusal::new(reason, detail)
    }
}

/// The first text or list that is longer than allowed.
fn excess(envelope: &Envelope<'_>, body: &ReadingBody<'_>) -> Option<(Reason, String)> {
    let texts = [
        ("id", envelope.id),
        ("user_id", envelope.user_id),
        ("tenant", envelope.tenant),
        ("device_id", body.device_id),
    ];
    if let Some((name, text)) = texts.into_iter().find(|(_, text)| text.len() > ID_BYTES_MAX) {
        return Some(fields::too_long(name, text.len()));
    }
    let lists: [(&str, Doubles<'_>, usize); 2] = match body.values {
        Values::Hrv(rr_ms) => [("rr_ms", rr_ms, INTERVALS_MAX), ("", Doubles::default(), 0)],
        Values::Imu(imu) => {
            [("acc_g", imu.acc_g, 3 * SAMPLES_MAX), ("gyro_dps", imu.gyro_dps, 3 * SAMPLES_MAX)]
        }
        Values::Environment(_) => return None,
    };
    let (name, list, most) = lists.into_iter().find(|(_, list, most)| list.len() > *most)?;
    Some((Reason::Oversized, format!("`{name}` has {} numbers; at most {most}", list.len())))
}
