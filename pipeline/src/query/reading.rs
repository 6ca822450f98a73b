//! Readings as JSON, in the fields in which doors take them.

use serde_json::{Map, Value, json};
use zeitgeber_schemas::{Doubles, ReadingBody, SchemaId, Values};

use crate::record::Parsed;

/// The body of an input, as people read it.
pub(super) fn input_value(schema: SchemaId, parsed: &Parsed<'_>) -> Value {
    let plain = match parsed {
        Parsed::Reading(body) => return reading_value(body),
        Parsed::Profile(body) => serde_json::to_value(body),
        Parsed::Feedback(body) => serde_json::to_value(body),
        Parsed::Configuration(body) => serde_json::to_value(body),
        Parsed::Task(body) => serde_json::to_value(body),
        Parsed::Tick(body) => serde_json::to_value(body),
        Parsed::Control(body) => serde_json::to_value(body),
        Parsed::Unreadable(body) => Ok(json!({
            "reason": body.reason, "detail": body.detail, "kind": body.kind,
        })),
    };
    // Maps with keys that are no strings are all that serde_json refuses; there are none.
    plain.unwrap_or_else(|_| Value::String(schema.as_str().into()))
}

/// A reading without its envelope: `kind`, `device_id`, `backfill` where set, `values`.
pub(super) fn reading_value(body: &ReadingBody<'_>) -> Value {
    let mut fields = Map::new();
    fields.insert("kind".into(), body.kind().as_str().into());
    fields.insert("device_id".into(), body.device_id.into());
    if body.backfill {
        fields.insert("backfill".into(), true.into());
    }
    fields.insert("values".into(), values(&body.values).into());
    Value::Object(fields)
}

fn values(values: &Values<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            fields.insert(name.into(), value.into());
        }
    };
    match values {
        Values::Imu(imu) => {
            put("activity_counts", imu.activity_counts);
            put("enmo_mg", imu.enmo_mg);
            put("steps", imu.steps);
            put("lying", imu.lying);
            put("intensity", imu.intensity);
            put("epoch_s", imu.epoch_s);
            put("fs_hz", imu.fs_hz);
            for (name, list) in [("acc_g", imu.acc_g), ("gyro_dps", imu.gyro_dps)] {
                if !list.is_empty() {
                    fields.insert(name.into(), triples(list));
                }
            }
        }
        Values::Hrv(rr_ms) => {
            fields.insert("rr_ms".into(), rr_ms.iter().collect::<Vec<f64>>().into());
        }
        Values::Environment(environment) => {
            put("lux", environment.lux);
            put("medi_lux", environment.medi_lux);
            put("temp_c", environment.temp_c);
            put("noise_db", environment.noise_db);
        }
    }
    fields
}

fn triples(list: Doubles<'_>) -> Value {
    let flat: Vec<f64> = list.iter().collect();
    flat.chunks(3).map(Value::from).collect::<Vec<Value>>().into()
}

/// A reading in a few words, for one line of text.
pub(super) fn reading_text(body: &ReadingBody<'_>) -> String {
    match &body.values {
        Values::Imu(imu) if !imu.acc_g.is_empty() => {
            format!("imu: {} raw samples", imu.acc_g.len() / 3)
        }
        Values::Hrv(rr_ms) => format!("hrv: {} intervals", rr_ms.len()),
        other => {
            let fields = values(other);
            let named: Vec<String> = fields.iter().map(|(name, v)| format!("{name} {v}")).collect();
            format!("{}: {}", body.kind(), named.join(", "))
        }
    }
}
