//! The list of pools: each a name and, where it differs from what holds without any, how the pool
//! works.
//!
//! Names, units and bounds are those of the input that the journal holds (`type: "pool"`), so that
//! a pool is written alike in a file, over HTTP and in the log.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use zeitgeber_processors::tasks::default_configuration;
use zeitgeber_schemas::{AssignmentPolicy, PoolBody};

use super::keys::{Refused, Rule, nearest};
use crate::door::{DEFAULT_TENANT, ID_BYTES_MAX};

/// Most pools of a configuration.
const POOLS_MAX: usize = 1_000;
/// Longest span, ms: 365 days.
const SPAN_MAX_MS: i64 = 365 * 86_400_000;
/// Most agents, and most tasks, that a pool remembers.
const REMEMBERED_MAX: i64 = 1_000_000;
/// Greatest magnitude of weights and scores.
const NUMBER_MAX: f64 = 1e9;
/// Most features.
const FEATURES_MAX: i64 = 16;
/// Most attempts of a task.
const ATTEMPTS_MAX: i64 = 100;

/// A pool as it is configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolSetting {
    /// The tenant.
    pub tenant: String,
    /// The pool's name within the tenant.
    pub name: String,
    /// How it works.
    #[serde(flatten)]
    pub body: PoolBody,
}

const POLICIES: &[&str] = &[
    AssignmentPolicy::Fifo.as_str(),
    AssignmentPolicy::Priority.as_str(),
    AssignmentPolicy::RoundRobin.as_str(),
    AssignmentPolicy::LeastLoaded.as_str(),
    AssignmentPolicy::Weighted.as_str(),
    AssignmentPolicy::ResourceFit.as_str(),
    AssignmentPolicy::Threshold.as_str(),
    AssignmentPolicy::Linucb.as_str(),
];

/// Keys of a pool, dotted.
const KEYS: &[(&str, Rule)] = &[
    ("name", Rule::Text),
    ("tenant", Rule::Text),
    ("version", Rule::Text),
    ("policy.kind", Rule::OneOf(POLICIES)),
    ("policy.threshold", Rule::Float(-NUMBER_MAX, NUMBER_MAX)),
    ("policy.alpha", Rule::Float(0.0, NUMBER_MAX)),
    ("policy.lambda", Rule::Float(0.0, NUMBER_MAX)),
    ("policy.epsilon", Rule::Float(0.0, 1.0)),
    ("policy.features", Rule::Integer(0, FEATURES_MAX)),
    ("policy.seed", Rule::Integer(i64::MIN, i64::MAX)),
    ("heartbeat_ttl_ms", Rule::Integer(100, SPAN_MAX_MS)),
    ("escalate_after_ms", Rule::Integer(0, SPAN_MAX_MS)),
    ("timeout_ms", Rule::Integer(1, SPAN_MAX_MS)),
    ("time_to_live_ms", Rule::Integer(1, SPAN_MAX_MS)),
    ("retry.max_attempts", Rule::Integer(1, ATTEMPTS_MAX)),
    ("retry.backoff_ms", Rule::Integer(0, SPAN_MAX_MS)),
    ("retry.backoff_max_ms", Rule::Integer(0, SPAN_MAX_MS)),
    ("retry.jitter", Rule::Float(0.0, 1.0)),
    ("limits.queue", Rule::Integer(1, REMEMBERED_MAX)),
    ("limits.agents", Rule::Integer(1, REMEMBERED_MAX)),
    ("limits.retained", Rule::Integer(1, REMEMBERED_MAX)),
    ("reward.success", Rule::Float(-NUMBER_MAX, NUMBER_MAX)),
    ("reward.quality", Rule::Float(-NUMBER_MAX, NUMBER_MAX)),
    ("reward.latency", Rule::Float(-NUMBER_MAX, NUMBER_MAX)),
    ("reward.cost", Rule::Float(-NUMBER_MAX, NUMBER_MAX)),
];

impl PoolSetting {
    /// In a file 0 stands for never, which TOML has no word for.
    pub(super) fn settle(&mut self) {
        self.body.escalate_after_ms = self.body.escalate_after_ms.filter(|after_ms| *after_ms > 0);
    }
}

/// What the rule of the list wants.
pub(super) fn wanted() -> String {
    format!("a list of at most {POOLS_MAX} pools with different names")
}

/// The nearest key of a pool, for a refused part of the list.
pub(super) fn nearest_key(part: &str) -> Option<String> {
    let (item, name) = part.split_once("].")?;
    let near = nearest(name, KEYS.iter().map(|(known, _)| *known))?;
    Some(format!("pools{item}].{near}"))
}

/// Checks a list of pools and completes each by what holds where nothing is said.
pub(super) fn check(items: &[Value]) -> Result<Vec<Value>, Refused> {
    let refused = |part: String, wanted: Option<String>, found: &str| Refused {
        part,
        wanted,
        found: found.into(),
    };
    if items.len() > POOLS_MAX {
        let found = format!("a list of {}", items.len());
        return Err(refused(String::new(), Some(wanted()), &found));
    }
    let mut names: Vec<(Value, Value)> = Vec::new();
    let mut pools = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let pool = pool(item, number)?;
        let name = (pool["tenant"].clone(), pool["name"].clone());
        if names.contains(&name) {
            let wanted = "a name that no other pool of the list has".to_owned();
            return Err(refused(format!("[{number}].name"), Some(wanted), &name.1.to_string()));
        }
        names.push(name);
        pools.push(Value::Table(pool));
    }
    Ok(pools)
}

fn pool(item: &Value, number: usize) -> Result<Table, Refused> {
    let refused = |key: &str, wanted: &str, found: &str| Refused {
        part: format!("[{number}]{key}"),
        wanted: Some(wanted.into()),
        found: found.into(),
    };
    let table = item.as_table().ok_or_else(|| refused("", "a table", "none"))?;
    let mut pool = Table::try_from(default_configuration())
        .map_err(|error| refused("", "a pool", &error.to_string()))?;
    pool.insert("tenant".into(), DEFAULT_TENANT.into());
    let mut leaves = Vec::new();
    leaves_of(table, "", &mut leaves);
    for (key, value) in leaves {
        let rule = KEYS.iter().find(|(known, _)| *known == key).map(|(_, rule)| *rule);
        let rule = rule.ok_or_else(|| Refused {
            part: format!("[{number}].{key}"),
            wanted: None,
            found: String::new(),
        })?;
        let value = rule
            .check(value)
            .map_err(|fault| Refused { part: format!("[{number}].{key}"), ..fault })?;
        match key.split_once('.') {
            Some((section, key)) => {
                if let Some(section) = pool.get_mut(section).and_then(Value::as_table_mut) {
                    section.insert(key.into(), value);
                }
            }
            None => drop(pool.insert(key, value)),
        }
    }
    for key in ["name", "tenant"] {
        let text = pool.get(key).and_then(Value::as_str);
        let Some(text) = text else {
            return Err(refused(&format!(".{key}"), "a name", "missing"));
        };
        if text.len() > ID_BYTES_MAX || key == "tenant" && text.contains('/') {
            let wanted = format!("a text of at most {ID_BYTES_MAX} bytes; a tenant without `/`");
            return Err(refused(&format!(".{key}"), &wanted, &format!("{text:?}")));
        }
    }
    Ok(pool)
}

/// The values of a table and of the tables in it, by dotted key. A policy may be its name alone.
fn leaves_of(table: &Table, prefix: &str, found: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(table) if prefix.is_empty() => leaves_of(table, &format!("{key}."), found),
            Value::String(_) if key == "policy" => {
                found.push(("policy.kind".into(), value.clone()));
            }
            _ => found.push((key, value.clone())),
        }
    }
}
