//! What an expression names: metrics, the labels asked of them, and how they are used.
//!
//! No full grammar: names, selectors and groupings are all that the rules here speak of.

use std::collections::BTreeSet;

/// A metric where an expression names it.
#[derive(Debug)]
pub(crate) struct Named {
    /// The name.
    pub(crate) metric: String,
    /// Labels asked for: name, operator and value.
    pub(crate) matchers: Vec<(String, String, String)>,
    /// A function over time holds it: `rate`, `increase` and the like.
    pub(crate) over_time: bool,
}

/// Every metric of ours that an expression names.
pub(crate) fn named(expression: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let bytes = expression.as_bytes();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        if bytes[at] == b'"' {
            quoted = !quoted;
        }
        let starts = is_name(bytes[at]) && (at == 0 || !is_name(bytes[at - 1]));
        if quoted || !starts {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| is_name(**byte)).count();
        let (name, rest) = expression[at..].split_at(length);
        if name.starts_with("zeitgeber_") || name.contains(":zeitgeber_") || is_limit(name) {
            let before = expression[..at].trim_end();
            let over_time = ["rate(", "increase(", "changes(", "deriv(", "_over_time(", "linear("];
            let over_time = over_time.iter().any(|function| before.ends_with(function));
            found.push(Named { metric: name.into(), matchers: matchers(rest), over_time });
        }
        at += length;
    }
    found
}

/// Labels that an expression groups by, or keeps with `on`.
pub(crate) fn groupings(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in ["by (", "on (", "group_left ("] {
        for rest in expression.split(word).skip(1) {
            let labels = rest.split(')').next().unwrap_or_default().split(',').map(str::trim);
            found.extend(labels.filter(|label| !label.is_empty()).map(str::to_owned));
        }
    }
    found
}

/// Labels that a series' name shows: `{{label}}`.
pub(crate) fn shown(legend: &str) -> BTreeSet<String> {
    let rest = legend.split("{{").skip(1);
    rest.filter_map(|rest| rest.split("}}").next()).map(|label| label.trim().to_owned()).collect()
}

fn is_limit(name: &str) -> bool {
    name.starts_with("zeitgeber:")
}

fn matchers(rest: &str) -> Vec<(String, String, String)> {
    let Some(inner) = rest.strip_prefix('{') else { return Vec::new() };
    let inner = inner.split('}').next().unwrap_or_default();
    let mut found = Vec::new();
    let mut parts = inner.split('"');
    while let (Some(head), Some(value)) = (parts.next(), parts.next()) {
        let head = head.trim_start_matches([',', ' ']);
        let end = head.find(['=', '!']).unwrap_or(head.len());
        found.push((head[..end].trim().into(), head[end..].trim().into(), value.into()));
    }
    found
}
