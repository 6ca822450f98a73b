//! A reading out of an Avro value of any writer schema, field by field and by name.
//!
//! The crate's own resolution is of no use for `values`, because it puts a record into the first
//! branch of a union that has defaults for every field: an environment reading would become an
//! empty movement. Here absent fields get the schema's default, unknown ones are left out and
//! narrower numbers are widened.

use apache_avro::types::Value;
use zeitgeber_schemas::{
    Doubles, Envelope, Environment, FieldSet, Imu, ReadingBody, Reason, Values,
};

use super::{
    DEFAULT_TENANT,
    fields::{Fault, missing},
    json::Numbers,
};

/// Envelope and body of a record.
pub(super) fn parts<'v, 'n>(
    record: &'v Value,
    numbers: &'n mut Numbers,
) -> Result<(Envelope<'v>, ReadingBody<'n>), Fault>
where
    'v: 'n,
{
    let envelope = field(record, "envelope").ok_or_else(|| missing("envelope"))?;
    let body = field(record, "body").ok_or_else(|| missing("body"))?;
    let values = field(body, "values").ok_or_else(|| missing("values"))?;
    let unknown = flag(body, "unknown_fields")?;
    let (values, has_unknown) = measured(values, numbers)?;
    let envelope = Envelope {
        tenant: text(envelope, "tenant")?.unwrap_or(DEFAULT_TENANT),
        user_id: text(envelope, "user_id")?.ok_or_else(|| missing("user_id"))?,
        id: text(envelope, "id")?.ok_or_else(|| missing("id"))?,
        ts: integer(envelope, "ts")?.ok_or_else(|| missing("ts"))?,
        recv_ts: integer(envelope, "recv_ts")?,
    };
    let body = ReadingBody {
        device_id: text(body, "device_id")?.unwrap_or_default(),
        backfill: flag(body, "backfill")?,
        unknown_fields: unknown || has_unknown,
        values,
    };
    Ok((envelope, body))
}

/// What was measured, and whether there was more than we know. A branch is told by its fields:
/// each version of a record has all of its own, absent values included.
fn measured<'n>(values: &Value, numbers: &'n mut Numbers) -> Result<(Values<'n>, bool), Fault> {
    let Numbers { first, second } = numbers;
    let Value::Record(fields) = values else {
        return Ok((Values::Hrv(doubles(Some(values), "rr_ms", first)?), false));
    };
    let named = |names: &[&str]| fields.iter().any(|(name, _)| names.contains(&name.as_str()));
    let unknown = |known: &[&str]| {
        fields.iter().any(|(name, value)| {
            !known.contains(&name.as_str()) && !matches!(plain(value), Value::Null)
        })
    };
    let scalar = |name: &str| number(values, name);
    if named(&FieldSet::NAMES) {
        let malformed = integer(values, "malformed")?.unwrap_or_default();
        let environment = Environment {
            lux: scalar("lux")?,
            medi_lux: scalar("medi_lux")?,
            temp_c: scalar("temp_c")?,
            noise_db: scalar("noise_db")?,
            malformed: FieldSet(u8::try_from(malformed).map_err(|_| mismatch("malformed"))?),
        };
        return Ok((Values::Environment(environment), unknown(Environment::FIELDS)));
    }
    let imu = Imu {
        activity_counts: scalar("activity_counts")?,
        enmo_mg: scalar("enmo_mg")?,
        steps: scalar("steps")?,
        lying: scalar("lying")?,
        intensity: scalar("intensity")?,
        epoch_s: scalar("epoch_s")?,
        fs_hz: scalar("fs_hz")?,
        acc_g: doubles(field(values, "acc_g"), "acc_g", first)?,
        gyro_dps: doubles(field(values, "gyro_dps"), "gyro_dps", second)?,
    };
    Ok((Values::Imu(imu), unknown(Imu::FIELDS)))
}

/// A value out of its union.
fn plain(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => inner,
        other => other,
    }
}

/// A field that is there and not null.
fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Record(fields) = record else {
        return None;
    };
    let (_, value) = fields.iter().find(|(known, _)| known == name)?;
    Some(plain(value)).filter(|value| !matches!(value, Value::Null))
}

fn text<'a>(record: &'a Value, name: &str) -> Result<Option<&'a str>, Fault> {
    match field(record, name) {
        None => Ok(None),
        Some(Value::String(text) | Value::Enum(_, text)) => Ok(Some(text)),
        Some(_) => Err(mismatch(name)),
    }
}

fn integer(record: &Value, name: &str) -> Result<Option<i64>, Fault> {
    match field(record, name) {
        None => Ok(None),
        Some(Value::Long(value) | Value::TimestampMillis(value)) => Ok(Some(*value)),
        Some(Value::Int(value)) => Ok(Some(i64::from(*value))),
        Some(_) => Err(mismatch(name)),
    }
}

fn flag(record: &Value, name: &str) -> Result<bool, Fault> {
    match field(record, name) {
        None => Ok(false),
        Some(Value::Boolean(value)) => Ok(*value),
        Some(_) => Err(mismatch(name)),
    }
}

fn number(record: &Value, name: &str) -> Result<Option<f64>, Fault> {
    field(record, name).map(|value| double(value, name)).transpose()
}

fn double(value: &Value, name: &str) -> Result<f64, Fault> {
    match plain(value) {
        Value::Double(value) => Ok(*value),
        Value::Float(value) => Ok(f64::from(*value)),
        Value::Int(value) => Ok(f64::from(*value)),
        Value::Long(value) => Ok(*value as f64),
        _ => Err(mismatch(name)),
    }
}

fn doubles<'n>(
    value: Option<&Value>,
    name: &str,
    bytes: &'n mut Vec<u8>,
) -> Result<Doubles<'n>, Fault> {
    bytes.clear();
    match value {
        None => {}
        Some(Value::Array(items)) => {
            for item in items {
                bytes.extend_from_slice(&double(item, name)?.to_le_bytes());
            }
        }
        Some(_) => return Err(mismatch(name)),
    }
    Ok(Doubles::from_le_bytes(bytes))
}

fn mismatch(name: &str) -> Fault {
    (Reason::NotAvro, format!("`{name}` does not resolve to the type of today's schema"))
}
