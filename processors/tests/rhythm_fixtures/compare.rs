//! Compares two trees of values.

use serde_json::Value;

/// Differences that are told; the rest are counted.
const TOLD: usize = 5;

/// How far two numbers may be apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tolerance {
    Exact,
    Absolute(f64),
    Relative(f64),
    /// Either of a relative and an absolute distance.
    Either(f64, f64),
    /// Absolute on a circle of this circumference.
    Circular(f64, f64),
}

impl Tolerance {
    fn holds(self, expected: f64, found: f64) -> bool {
        let apart = (expected - found).abs();
        match self {
            Self::Exact => expected == found,
            Self::Absolute(most) => apart <= most,
            Self::Relative(most) => apart <= most * expected.abs(),
            Self::Either(relative, most) => apart <= most.max(relative * expected.abs()),
            Self::Circular(most, whole) => {
                let apart = apart.rem_euclid(whole);
                apart.min(whole - apart) <= most
            }
        }
    }
}

/// Compares every value; keys among `notes` are no values. How many agree, or what differs.
pub(crate) fn trees(
    expected: &Value,
    found: &Value,
    notes: &[&str],
    tolerance: fn(&[&str]) -> Tolerance,
) -> Result<usize, String> {
    let mut walk = Walk { notes, tolerance, agree: 0, differences: Vec::new() };
    walk.pair(&mut Vec::new(), expected, found);
    if walk.differences.is_empty() {
        return Ok(walk.agree);
    }
    let count = walk.differences.len();
    walk.differences.truncate(TOLD);
    Err(format!("{count} differences, {} agree; {}", walk.agree, walk.differences.join("; ")))
}

struct Walk<'a> {
    notes: &'a [&'a str],
    tolerance: fn(&[&str]) -> Tolerance,
    agree: usize,
    differences: Vec<String>,
}

impl<'a> Walk<'a> {
    fn pair(&mut self, path: &mut Vec<&'a str>, expected: &'a Value, found: &'a Value) {
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                let extra = found.keys().filter(|key| !expected.contains_key(*key));
                for key in extra {
                    self.differences.push(format!("{}: {key} is not expected", path.join(".")));
                }
                for (key, value) in expected {
                    if self.notes.contains(&key.as_str()) {
                        continue;
                    }
                    path.push(key);
                    match found.get(key) {
                        Some(found) => self.pair(path, value, found),
                        None => self.differ(path, "nobody computes it"),
                    }
                    path.pop();
                }
            }
            (Value::Array(expected), Value::Array(found)) => {
                if expected.len() != found.len() {
                    let lengths = format!("{} items, not {}", found.len(), expected.len());
                    self.differ(path, &lengths);
                }
                for (expected, found) in expected.iter().zip(found) {
                    self.pair(path, expected, found);
                }
            }
            (Value::Number(expected), Value::Number(found)) => {
                let numbers = expected.as_f64().zip(found.as_f64());
                if numbers.is_some_and(|(one, other)| (self.tolerance)(path).holds(one, other)) {
                    self.agree += 1;
                } else {
                    self.differ(path, &format!("{found}, not {expected}"));
                }
            }
            (expected, found) if expected == found => self.agree += 1,
            (expected, found) => self.differ(path, &format!("{found}, not {expected}")),
        }
    }

    fn differ(&mut self, path: &[&str], how: &str) {
        self.differences.push(format!("{}: {how}", path.join(".")));
    }
}
