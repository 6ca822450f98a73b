//! Profiles in JSON → profile inputs.
//!
//! Three forms are read: an object with a list `users` (as sample folders have it), a list, and
//! one object a line. A named zone is resolved here, once, from the time zone database compiled
//! into the program, and the offsets travel with the profile; a replay on another machine, with
//! another database, sees the same local time.

use jiff::{Timestamp, tz::TimeZoneDatabase};
use serde_json::Value;
use zeitgeber_schemas::{Envelope, OffsetChange, ProfileBody, Reason, Scale, wire::Wire};

use super::{
    DEFAULT_TENANT, Refusal,
    fields::{
        Fault, Object, bounded, missing, object, optional, optional_integer, optional_text, quoted,
        refusal, required, text, wrong_type,
    },
    short_hash,
};

/// The compiled-in time zone database's release. A test holds it to the locked dependency.
pub const TZDB_VERSION: &str = "2026e";
/// Offsets are resolved from here on, s UTC: 2015-01-01.
const ZONE_FROM_S: i64 = 1_420_070_400;
/// Offsets are resolved up to here, s UTC: 2040-01-01.
const ZONE_TO_S: i64 = 2_208_988_800;
/// Greatest offset from UTC either way, minutes.
const OFFSET_MAX_MIN: i32 = 18 * 60;
const SLEEP_START_MIN: u32 = 23 * 60;
const SLEEP_END_MIN: u32 = 7 * 60;
const CHANNEL: &str = "app";

/// One profile input.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The tenant; `default` where none is named.
    pub tenant: String,
    /// The person.
    pub user_id: String,
    /// The input's id: as given, or the hash of the content, so that the same again is a repeat.
    pub id: String,
    /// From when on it is meant, ms UTC; 0 where not given.
    pub ts: i64,
    /// Arrival time, ms UTC, where given.
    pub recv_ts: Option<i64>,
    /// What it says.
    pub body: ProfileBody,
}

impl Profile {
    /// Who, which, when.
    pub fn envelope(&self) -> Envelope<'_> {
        let Self { tenant, user_id, id, ts, recv_ts, body: _ } = self;
        Envelope { tenant, user_id, id, ts: *ts, recv_ts: *recv_ts }
    }
}

/// Reads every profile of a text, in order. A text that is no JSON at all is one refusal.
pub fn profiles(text: &[u8]) -> Vec<Result<Profile, Box<Refusal>>> {
    let read_one = |document: Result<Value, _>| document.and_then(|document| read(&document));
    documents(text).into_iter().map(read_one).collect()
}

/// Every profile of a text as it stands there, in order, not yet read as one.
pub fn documents(text: &[u8]) -> Vec<Result<Value, Box<Refusal>>> {
    let items = match serde_json::from_slice(text) {
        Ok(Value::Array(items)) => items,
        Ok(Value::Object(mut object)) => match object.remove("users") {
            Some(Value::Array(items)) => items,
            Some(other) => {
                return vec![Err(refusal(&object, wrong_type("users", "a list", &other)))];
            }
            None => vec![Value::Object(object)],
        },
        Ok(other) => vec![other],
        Err(_) => return one_a_line(text),
    };
    items.into_iter().map(Ok).collect()
}

fn one_a_line(text: &[u8]) -> Vec<Result<Value, Box<Refusal>>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(document).collect()
}

fn document(json: &[u8]) -> Result<Value, Box<Refusal>> {
    object(json).map_err(|(reason, detail)| Box::new(Refusal::new(reason, detail)))
}

/// Reads one profile: one JSON object with `user_id` and `zone` or `tz_offset_min`, and as it
/// likes `tenant`, `id`, `ts`, `recv_ts`, `sleep` and `quiet_hours` (`{"start": "23:00", "end":
/// "07:00"}`), `device_scale`, `primary_device`, `channel` (null: nothing reaches the person).
/// Other keys are ignored.
pub fn profile(json: &[u8]) -> Result<Profile, Box<Refusal>> {
    read(&document(json)?)
}

/// Reads one profile of a document; see [`profile`].
pub fn read(value: &Value) -> Result<Profile, Box<Refusal>> {
    let object = value.as_object().ok_or_else(|| {
        let (reason, detail) = wrong_type("profile", "an object", value);
        Box::new(Refusal::new(reason, detail))
    })?;
    fields(object).map_err(|fault| refusal(object, fault))
}

fn fields(object: &Object) -> Result<Profile, Fault> {
    let user_id = text(required(object, "user_id")?, "user_id")?;
    let tenant = optional_text(object, "tenant")?.unwrap_or(DEFAULT_TENANT);
    if user_id.is_empty() || tenant.is_empty() || tenant.contains('/') {
        let detail = "`user_id` and `tenant` must not be empty, nor `tenant` hold a `/`";
        return Err((Reason::WrongType, detail.into()));
    }
    let body = body(object)?;
    let id = match optional_text(object, "id")? {
        Some(id) => id.to_owned(),
        None => content_id(tenant, user_id, &body),
    };
    Ok(Profile {
        tenant: tenant.into(),
        user_id: user_id.into(),
        id,
        ts: optional_integer(object, "ts")?.unwrap_or(0),
        recv_ts: optional_integer(object, "recv_ts")?,
        body,
    })
}

fn body(object: &Object) -> Result<ProfileBody, Fault> {
    let zone = optional_text(object, "zone")?;
    let (offset_min, offsets) = match (zone, optional(object, "tz_offset_min")) {
        (Some(zone), _) => resolve(zone)?,
        (None, Some(offset)) => {
            (bounded(offset, "tz_offset_min", -OFFSET_MAX_MIN, OFFSET_MAX_MIN)?, Vec::new())
        }
        (None, None) => return Err(missing("zone` or `tz_offset_min")),
    };
    let sleep = hours(object, "sleep")?.unwrap_or((SLEEP_START_MIN, SLEEP_END_MIN));
    if sleep.0 == sleep.1 {
        return Err((Reason::OutOfRange, "`sleep` starts and ends at the same minute".into()));
    }
    let quiet = hours(object, "quiet_hours")?;
    let device_scale = match optional_text(object, "device_scale")? {
        None => Scale::Unknown,
        Some(scale) => Scale::from_symbol(scale).ok_or_else(|| {
            let known: Vec<_> = Scale::ALL.iter().map(|scale| scale.as_str()).collect();
            let detail = format!("device_scale {}; known: {}", quoted(scale), known.join(", "));
            (Reason::WrongType, detail)
        })?,
    };
    let channel = match object.get("channel") {
        None => Some(CHANNEL),
        Some(_) => optional_text(object, "channel")?,
    };
    Ok(ProfileBody {
        zone: zone.map(Into::into),
        tzdb: zone.map(|_| TZDB_VERSION.into()),
        offset_min,
        offsets,
        sleep_start_min: sleep.0,
        sleep_end_min: sleep.1,
        quiet_start_min: quiet.map(|quiet| quiet.0),
        quiet_end_min: quiet.map(|quiet| quiet.1),
        device_scale,
        primary_device: optional_text(object, "primary_device")?.map(Into::into),
        channel: channel.map(Into::into),
    })
}

/// Somebody of whom nothing is known but how their device scales counts; in UTC.
pub fn plain_profile(device_scale: Scale) -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 0,
        offsets: Vec::new(),
        sleep_start_min: SLEEP_START_MIN,
        sleep_end_min: SLEEP_END_MIN,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale,
        primary_device: None,
        channel: None,
    }
}

/// The offset at the beginning of 2015 and its changes until 2040, minutes.
fn resolve(zone: &str) -> Result<(i32, Vec<OffsetChange>), Fault> {
    let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| {
        let detail = format!(
            "unknown time zone {}; give an IANA name such as Europe/Berlin, or tz_offset_min",
            quoted(zone)
        );
        (Reason::WrongType, detail)
    })?;
    let from = Timestamp::from_second(ZONE_FROM_S).expect("2015 is within range");
    let to = Timestamp::from_second(ZONE_TO_S).expect("2040 is within range");
    let first = zone.to_offset(from).seconds() / 60;
    let mut last = first;
    let mut changes = Vec::new();
    for transition in zone.following(from).take_while(|change| change.timestamp() < to) {
        let offset_min = transition.offset().seconds() / 60;
        if offset_min != last {
            changes.push(OffsetChange {
                from_ms: transition.timestamp().as_millisecond(),
                offset_min,
            });
        }
        last = offset_min;
    }
    Ok((first, changes))
}

/// A span of the local day, minutes after midnight.
fn hours(object: &Object, name: &str) -> Result<Option<(u32, u32)>, Fault> {
    let Some(value) = optional(object, name) else {
        return Ok(None);
    };
    let span = value.as_object().ok_or_else(|| wrong_type(name, "an object", value))?;
    let part = |key: &str| {
        let name = format!("{name}.{key}");
        let value = span.get(key).ok_or_else(|| missing(&name))?;
        let text = value.as_str().and_then(minute_of_day);
        text.ok_or_else(|| wrong_type(&name, "a time of day such as \"23:00\"", value))
    };
    Ok(Some((part("start")?, part("end")?)))
}

fn minute_of_day(text: &str) -> Option<u32> {
    let digits = |text: &str| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain { text.parse::<u32>().ok() } else { None }
    };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn content_id(tenant: &str, user_id: &str, body: &ProfileBody) -> String {
    let mut bytes = Vec::new();
    tenant.to_owned().put(&mut bytes);
    user_id.to_owned().put(&mut bytes);
    body.put(&mut bytes);
    short_hash(&blake3::hash(&bytes)).iter().map(|byte| format!("{byte:02x}")).collect()
}
