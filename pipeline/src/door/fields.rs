//! Fields of a JSON object, taken out one by one with the reason where one cannot be.

use serde_json::{Map, Value};
use zeitgeber_schemas::Reason;

use super::{DEFAULT_TENANT, ID_BYTES_MAX, Refusal};

/// A JSON object.
pub(super) type Object = Map<String, Value>;
/// Why a field could not be taken.
pub(super) type Fault = (Reason, String);

/// Below this a fraction's type tells every whole number from the next (2^53).
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
/// Longest stretch of foreign text that a message repeats, characters.
const QUOTED_CHARS_MAX: usize = 64;

/// Parses bytes that must hold exactly one JSON object.
pub(super) fn object(bytes: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => Err((Reason::NotJson, format!("{}, not an object", type_name(&other)))),
        Err(error) => Err((Reason::NotJson, error.to_string())),
    }
}

/// The refusal of an object, with whatever of it can be read.
pub(super) fn refusal(object: &Object, (reason, detail): Fault) -> Box<Refusal> {
    let text = |name: &str| {
        let text = object.get(name).and_then(Value::as_str);
        text.filter(|text| text.len() <= ID_BYTES_MAX).map(str::to_owned)
    };
    let integer = |name: &str| object.get(name).and_then(Value::as_i64);
    Box::new(Refusal {
        tenant: text("tenant").unwrap_or_else(|| DEFAULT_TENANT.into()),
        user_id: text("user_id"),
        id: text("id"),
        ts: integer("ts"),
        recv_ts: integer("recv_ts"),
        kind: text("kind"),
        ..Refusal::new(reason, detail)
    })
}

/// A field that must be there; `null` is there, and of a type that no field has.
pub(super) fn required<'a>(object: &'a Object, name: &str) -> Result<&'a Value, Fault> {
    object.get(name).ok_or_else(|| missing(name))
}

/// A field that may be absent or `null`.
pub(super) fn optional<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// An id or another short text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Fault> {
    let text = value.as_str().ok_or_else(|| wrong_type(name, "a string", value))?;
    if text.len() > ID_BYTES_MAX { Err(too_long(name, text.len())) } else { Ok(text) }
}

/// An optional short text.
pub(super) fn optional_text<'a>(object: &'a Object, name: &str) -> Result<Option<&'a str>, Fault> {
    optional(object, name).map(|value| text(value, name)).transpose()
}

/// A whole number written as one, within 64 bits.
pub(super) fn integer(value: &Value, name: &str) -> Result<i64, Fault> {
    value.as_i64().ok_or_else(|| wrong_type(name, "a 64-bit integer", value))
}

/// A whole number within 64 bits, however it is written: programs without integers write `5.0` or
/// `5e3` for one, which is taken where it is exact.
pub(super) fn whole(value: &Value, name: &str) -> Result<i64, Fault> {
    exact(value).ok_or_else(|| wrong_type(name, "a whole number within 64 bits", value))
}

/// An optional whole number, however it is written.
pub(super) fn optional_whole(object: &Object, name: &str) -> Result<Option<i64>, Fault> {
    optional(object, name).map(|value| whole(value, name)).transpose()
}

/// A whole number from 0 within 64 bits, however it is written.
pub(super) fn unsigned(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| u64::try_from(exact(value)?).ok())
}

fn exact(value: &Value) -> Option<i64> {
    let is_exact = |number: &f64| number.fract() == 0.0 && number.abs() < EXACT_BELOW;
    value.as_i64().or_else(|| value.as_f64().filter(is_exact).map(|number| number as i64))
}

/// An optional whole number.
pub(super) fn optional_integer(object: &Object, name: &str) -> Result<Option<i64>, Fault> {
    optional(object, name).map(|value| integer(value, name)).transpose()
}

/// A whole number within bounds.
pub(super) fn bounded(value: &Value, name: &str, least: i32, most: i32) -> Result<i32, Fault> {
    let found = integer(value, name)?;
    let inside = i32::try_from(found).ok().filter(|found| (least..=most).contains(found));
    inside.ok_or_else(|| {
        (Reason::OutOfRange, format!("`{name}` is {found}; it must be {least} to {most}"))
    })
}

/// A number.
pub(super) fn number(value: &Value, name: &str) -> Result<f64, Fault> {
    value.as_f64().ok_or_else(|| wrong_type(name, "a number", value))
}

/// The fault of an absent field.
pub(super) fn missing(name: &str) -> Fault {
    (Reason::MissingField, format!("`{name}` is missing"))
}

/// The fault of a field of another type.
pub(super) fn wrong_type(name: &str, wanted: &str, found: &Value) -> Fault {
    (Reason::WrongType, format!("`{name}` must be {wanted}, was {}", type_name(found)))
}

/// The fault of a text that is too long.
pub(super) fn too_long(name: &str, length: usize) -> Fault {
    (Reason::Oversized, format!("`{name}` has {length} bytes; at most {ID_BYTES_MAX}"))
}

/// Foreign text for a message: bounded, and with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    let head: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    let cut = if head.len() < text.len() { "…" } else { "" };
    format!("{head:?}{cut}")
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction or too large",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
