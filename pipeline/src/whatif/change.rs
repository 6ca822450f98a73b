//! Where two configurations differ, key by key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use zeitgeber_schemas::ConfigurationBody;

/// A key in which two configurations differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The key, dotted; an arm's begin with `arms.` and its name.
    pub key: String,
    /// The incumbent's value; none: it has no such arm.
    pub incumbent: Option<Value>,
    /// The candidate's value.
    pub candidate: Option<Value>,
}

/// Every difference but the version's name, by key.
pub(super) fn between(incumbent: &ConfigurationBody, candidate: &ConfigurationBody) -> Vec<Change> {
    let (mut old, mut new) = (leaves(incumbent), leaves(candidate));
    let keys: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    let mut changes = Vec::new();
    for key in keys {
        let (incumbent, candidate) = (old.remove(&key), new.remove(&key));
        if incumbent != candidate && key != "version" {
            changes.push(Change { key, incumbent, candidate });
        }
    }
    changes.sort_by(|one, other| one.key.cmp(&other.key));
    changes
}

fn leaves(body: &ConfigurationBody) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    if let Ok(value) = serde_json::to_value(body) {
        flatten(String::new(), value, &mut found);
    }
    found
}

fn flatten(key: String, value: Value, found: &mut BTreeMap<String, Value>) {
    let under = |part: &str| if key.is_empty() { part.into() } else { format!("{key}.{part}") };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(under(&name), value, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.into_iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
                flatten(under(&name.unwrap_or_else(|| at.to_string())), item, found);
            }
        }
        value => drop(found.insert(key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_differs_is_named_by_key_and_arm() {
        let old = Config::layered(None, [], &[]).expect("the defaults are sound").configuration();
        let mut new = old.clone();
        new.version = "other".into();
        assert_eq!(between(&old, &new), []);
        new.policy.epsilon = 0.5;
        let gone = new.arms.remove(0);
        let changes = between(&old, &new);
        let epsilon = changes.iter().find(|change| change.key == "policy.epsilon");
        assert_eq!(epsilon.and_then(|change| change.candidate.clone()), Some(0.5.into()));
        let arm = format!("arms.{}.", gone.name);
        let mut of_arm = changes.iter().filter(|change| change.key.starts_with(&arm));
        assert!(of_arm.all(|change| change.incumbent.is_some() && change.candidate.is_none()));
    }
}
