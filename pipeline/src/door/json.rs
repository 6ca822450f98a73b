//! One NDJSON line → one reading, as canonical Avro bytes.
//!
//! A quick parser takes the lines that look as producers write them (`speculative.rs`);
//! anything else goes through `serde_json`, which alone says why a line is refused.
//!
//! What is checked, in this order, the first fault being the reason: the line is one JSON object
//! (`not_json`); `id`, `user_id` and `kind` are there (`missing_field`), are strings
//! (`wrong_type`) of at most 256 bytes (`oversized`), and the kind is known (`unknown_kind`); `ts`
//! is there and an integer; `values` is there and an object; `recv_ts`, `device_id` and `tenant`
//! have their types where they are neither absent nor `null`; then what stands in `values`:
//!
//! - `imu`: known fields are numbers, `acc_g` and `gyro_dps` lists of `[x, y, z]`; at least one of
//!   `activity_counts`, `enmo_mg`, `steps`, `lying`, `intensity` or a sample of `acc_g` is there.
//! - `hrv`: `rr_ms` is there and a list of numbers (an empty one is validation's to refuse).
//! - `environment`: a known field that holds no number is left out and named in `malformed`.
//!
//! Of a key that stands twice the last counts. Keys that nobody knows are left out and noted.

use serde_json::Value;
use zeitgeber_schemas::{
    Doubles, Envelope, Environment, FieldSet, Imu, Kind, ReadingBody, Reason, Values,
};

use super::{
    DEFAULT_TENANT, Head, INTERVALS_MAX, Options, Refusal, SAMPLES_MAX, admit,
    fields::{
        Fault, Object, integer, missing, number, object, optional_integer, optional_text, quoted,
        refusal, required, text, wrong_type,
    },
    speculative,
};

/// Keys that a reading may have.
const KEYS: [&str; 8] = ["id", "user_id", "device_id", "kind", "ts", "recv_ts", "values", "tenant"];

/// Buffers that are kept from line to line, so that an ordinary line allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    numbers: Numbers,
    value: Value,
}

/// Lists of numbers on their way into a body, as little-endian bytes.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// RR intervals or acceleration.
    pub(super) first: Vec<u8>,
    /// Angular rate.
    pub(super) second: Vec<u8>,
}

/// Reads one line (without its end) and appends envelope and body to `out`, which is left as it
/// was where the line is refused.
pub fn reading<'a>(
    line: &'a [u8],
    options: &Options,
    scratch: &'a mut Scratch,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    if let Some((envelope, body)) = speculative::reading(line, &mut scratch.numbers) {
        return admit(envelope, body, options, out);
    }
    thorough_reading(line, options, scratch, out)
}

/// [`reading`] without the quick parser: what it must agree with.
pub fn thorough_reading<'a>(
    line: &'a [u8],
    options: &Options,
    scratch: &'a mut Scratch,
    out: &mut Vec<u8>,
) -> Result<Head<'a>, Box<Refusal>> {
    let Scratch { numbers, value } = scratch;
    *value = object(line).map_err(|(reason, detail)| Box::new(Refusal::new(reason, detail)))?;
    let Value::Object(object) = &*value else {
        return Err(Box::new(Refusal::new(Reason::NotJson, "not an object")));
    };
    let (envelope, body) = parts(object, numbers).map_err(|fault| refusal(object, fault))?;
    admit(envelope, body, options, out)
}

fn parts<'v, 'n>(
    object: &'v Object,
    numbers: &'n mut Numbers,
) -> Result<(Envelope<'v>, ReadingBody<'n>), Fault>
where
    'v: 'n,
{
    let id = text(required(object, "id")?, "id")?;
    let user_id = text(required(object, "user_id")?, "user_id")?;
    let kind = text(required(object, "kind")?, "kind")?;
    let kind = Kind::from_symbol(kind).ok_or_else(|| {
        let detail = format!("kind {}; known: imu, hrv, environment", quoted(kind));
        (Reason::UnknownKind, detail)
    })?;
    let ts = integer(required(object, "ts")?, "ts")?;
    let values = required(object, "values")?;
    let values = values.as_object().ok_or_else(|| wrong_type("values", "an object", values))?;
    let recv_ts = optional_integer(object, "recv_ts")?;
    let device_id = optional_text(object, "device_id")?.unwrap_or_default();
    let tenant = optional_text(object, "tenant")?.unwrap_or(DEFAULT_TENANT);
    let (known, measured) = match kind {
        Kind::Imu => (Imu::FIELDS, Values::Imu(imu(values, numbers)?)),
        Kind::Hrv => (&["rr_ms"][..], Values::Hrv(intervals(values, numbers)?)),
        // The last schema field is the set of malformed ones, which nobody sends.
        Kind::Environment => (&FieldSet::NAMES[..], Values::Environment(environment(values))),
    };
    let unknown_fields = object.keys().any(|key| !KEYS.contains(&key.as_str()))
        || values.keys().any(|key| !known.contains(&key.as_str()));
    let envelope = Envelope { tenant, user_id, id, ts, recv_ts };
    Ok((envelope, ReadingBody { device_id, backfill: false, unknown_fields, values: measured }))
}

fn imu<'n>(values: &Object, numbers: &'n mut Numbers) -> Result<Imu<'n>, Fault> {
    let scalar = |name: &str| values.get(name).map(|value| number(value, name)).transpose();
    let Numbers { first, second } = numbers;
    let imu = Imu {
        activity_counts: scalar("activity_counts")?,
        enmo_mg: scalar("enmo_mg")?,
        steps: scalar("steps")?,
        lying: scalar("lying")?,
        intensity: scalar("intensity")?,
        epoch_s: scalar("epoch_s")?,
        fs_hz: scalar("fs_hz")?,
        acc_g: samples(values, "acc_g", first)?,
        gyro_dps: samples(values, "gyro_dps", second)?,
    };
    if measures(&imu) { Ok(imu) } else { Err(missing("values.activity_counts (or another)")) }
}

/// Whether a movement reading holds a movement.
pub(super) fn measures(imu: &Imu<'_>) -> bool {
    let scalars = [imu.activity_counts, imu.enmo_mg, imu.steps, imu.lying, imu.intensity];
    scalars.iter().any(Option::is_some) || !imu.acc_g.is_empty()
}

fn samples<'n>(values: &Object, name: &str, bytes: &'n mut Vec<u8>) -> Result<Doubles<'n>, Fault> {
    bytes.clear();
    if let Some(value) = values.get(name) {
        let items = list(value, name, SAMPLES_MAX)?;
        for item in items {
            let triple = item.as_array().filter(|triple| triple.len() == 3);
            let triple = triple.ok_or_else(|| wrong_type(name, "a list of [x, y, z]", value))?;
            for part in triple {
                bytes.extend_from_slice(&number(part, name)?.to_le_bytes());
            }
        }
    }
    Ok(Doubles::from_le_bytes(bytes))
}

fn intervals<'n>(values: &Object, numbers: &'n mut Numbers) -> Result<Doubles<'n>, Fault> {
    let bytes = &mut numbers.first;
    bytes.clear();
    let value = values.get("rr_ms").ok_or_else(|| missing("values.rr_ms"))?;
    for item in list(value, "rr_ms", INTERVALS_MAX)? {
        bytes.extend_from_slice(&number(item, "rr_ms")?.to_le_bytes());
    }
    Ok(Doubles::from_le_bytes(bytes))
}

fn list<'a>(value: &'a Value, name: &str, most: usize) -> Result<&'a [Value], Fault> {
    let items = value.as_array().ok_or_else(|| wrong_type(name, "a list", value))?;
    if items.len() <= most {
        return Ok(items);
    }
    Err((Reason::Oversized, format!("`{name}` has {} items; at most {most}", items.len())))
}

fn environment(values: &Object) -> Environment {
    let mut malformed = FieldSet::default();
    let mut field = |name: &str, bit: FieldSet| {
        let value = values.get(name)?;
        let number = value.as_f64();
        if number.is_none() {
            malformed = malformed.with(bit);
        }
        number
    };
    let lux = field("lux", FieldSet::LUX);
    let medi_lux = field("medi_lux", FieldSet::MEDI_LUX);
    let temp_c = field("temp_c", FieldSet::TEMP_C);
    let noise_db = field("noise_db", FieldSet::NOISE_DB);
    Environment { lux, medi_lux, temp_c, noise_db, malformed }
}
