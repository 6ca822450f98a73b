//! Reading and comparing JSON values, with differences told in words.

use serde_json::Value;

/// Steps of the grid in one.
pub(crate) const GRID: i64 = 4096;

/// A difference unless the values are equal.
pub(crate) fn same(field: &str, value: &Value, wanted: &Value) -> Result<(), String> {
    if value == wanted { Ok(()) } else { Err(format!("{field} is {value}, expected {wanted}")) }
}

/// A difference unless the value is within `absolute + relative * |wanted|`.
pub(crate) fn near(
    field: &str,
    value: f64,
    wanted: &Value,
    absolute: f64,
    relative: f64,
) -> Result<(), String> {
    let wanted = float(wanted).map_err(|error| format!("{field}: {error}"))?;
    if (value - wanted).abs() <= absolute + relative * wanted.abs() {
        return Ok(());
    }
    Err(format!("{field} is {value}, expected {wanted}"))
}

/// The value as a list.
pub(crate) fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{value} is not a list"))
}

/// The value as text.
pub(crate) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not text"))
}

/// The value as a number.
pub(crate) fn float(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{value} is not a number"))
}

/// The value as an integer.
pub(crate) fn integer(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{value} is not an integer"))
}

/// The value as a list of integers of the grid.
pub(crate) fn integers(value: &Value) -> Result<Vec<i32>, String> {
    let narrow = |value| i32::try_from(integer(value)?).map_err(|error| error.to_string());
    array(value)?.iter().map(narrow).collect()
}

/// A difference unless there are as many values as wanted, each [`near`].
pub(crate) fn near_all(
    field: &str,
    values: &[f64],
    wanted: &Value,
    absolute: f64,
    relative: f64,
) -> Result<(), String> {
    let wanted = array(wanted).map_err(|error| format!("{field}: {error}"))?;
    if wanted.len() != values.len() {
        return Err(format!("{field}: {} values, expected {}", values.len(), wanted.len()));
    }
    let mut pairs = values.iter().zip(wanted);
    pairs.try_for_each(|(&value, wanted)| near(field, value, wanted, absolute, relative))
}
