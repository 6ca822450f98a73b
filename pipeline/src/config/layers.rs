//! The layers, one over the other, and where each value came from.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use toml::{Spanned, Table, Value, de::DeTable, de::DeValue};

use super::{
    ConfigError,
    keys::{KEYS, Refused, nearest, nearest_part, rule_of},
};

/// What every variable of ours begins with.
const PREFIX: &str = "ZEITGEBER_";
/// Variables that name no key.
const NO_KEYS: [&str; 6] = [
    "ZEITGEBER_CONFIG",
    "ZEITGEBER_DATA_DIR",
    "ZEITGEBER_RHYTHM_FIXTURES",
    "ZEITGEBER_ROUTING_FIXTURES",
    "ZEITGEBER_TOKEN",
    "ZEITGEBER_URL",
];
/// Similarity from which a variable that names no key is taken for a slip (Jaro-Winkler).
const SLIP: f64 = 0.93;

/// Parts of the names of librdkafka's settings that hold a secret.
const SECRETS: [&str; 4] = ["password", "secret", "token", "key.pem"];
/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum Origin {
    /// The compiled-in defaults.
    Default,
    /// A file.
    File {
        /// Its path.
        file: String,
        /// The line of the key, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        name: String,
    },
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable { name } => f.pad(name),
            Self::Flag => f.pad("--set"),
        }
    }
}

/// One key of the effective configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// The key, dotted.
    pub key: &'static str,
    /// The value as TOML text, on one line.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Values by key; a later layer has replaced an earlier one's.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<&'static str, (Value, Origin)>);

impl Layers {
    /// Lays a TOML text over what is there; `origin` is told the line.
    pub(super) fn toml(
        &mut self,
        text: &str,
        origin: impl Fn(usize) -> Origin,
    ) -> Result<(), ConfigError> {
        let line_at = |at: usize| text[..at].matches('\n').count() + 1;
        let failed = |error: toml::de::Error| ConfigError::Syntax {
            origin: origin(line_at(error.span().map_or(0, |span| span.start.min(text.len())))),
            message: error.message().to_owned(),
        };
        let values: Table = toml::from_str(text).map_err(failed)?;
        let places = DeTable::parse(text).map_err(failed)?;
        let mut found = Vec::new();
        flatten(places.get_ref(), &values, "", &mut found);
        found.sort_by_key(|(_, at, _)| *at);
        found
            .into_iter()
            .try_for_each(|(key, at, value)| self.set(&key, value, origin(line_at(at))))
    }

    /// Lays variables over what is there: `ZEITGEBER_LOG_PARTITIONS` for `log.partitions`.
    pub(super) fn environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, text) in variables {
            if !name.starts_with(PREFIX) || NO_KEYS.contains(&name.as_str()) {
                continue;
            }
            match KEYS.iter().find(|(key, _)| variable_of(key) == name) {
                Some((key, rule)) => {
                    self.set(key, rule.parse(&text), Origin::Variable { name })?;
                }
                None => refuse_slip(name)?,
            }
        }
        Ok(())
    }

    /// Lays `key=value` texts over what is there.
    pub(super) fn flags(&mut self, set: &[String]) -> Result<(), ConfigError> {
        for text in set {
            let Some((key, value)) = text.split_once('=') else {
                return Err(ConfigError::Flag { text: text.clone() });
            };
            let (key, value) = (key.trim(), value.trim());
            let value = match rule_of(key) {
                Some((_, rule)) => rule.parse(value),
                None => Value::String(value.into()),
            };
            self.set(key, value, Origin::Flag)?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Some((key, rule)) = rule_of(key) else {
            let nearest = nearest(key, KEYS.iter().map(|(known, _)| *known)).map(str::to_owned);
            return Err(ConfigError::UnknownKey { key: key.into(), origin, nearest });
        };
        match rule.check(value) {
            Ok(value) => {
                self.0.insert(key, (value, origin));
                Ok(())
            }
            Err(Refused { part, wanted: Some(wanted), found }) => {
                Err(ConfigError::Value { key: format!("{key}{part}"), origin, wanted, found })
            }
            Err(Refused { part, .. }) => Err(ConfigError::UnknownKey {
                key: format!("{key}{part}"),
                origin,
                nearest: nearest_part(key, &part),
            }),
        }
    }

    /// All values as nested tables.
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        for (key, (value, _)) in &self.0 {
            let mut inner = &mut table;
            let mut parts = key.split('.').peekable();
            while let Some(part) = parts.next() {
                if parts.peek().is_none() {
                    inner.insert(part.into(), value.clone());
                } else if let Value::Table(next) =
                    inner.entry(part).or_insert_with(|| Value::Table(Table::new()))
                {
                    inner = next;
                } else {
                    break;
                }
            }
        }
        table
    }

    /// Every value with its origin, in the order of the defaults.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let settings = KEYS.iter().filter_map(|&(key, _)| {
            let (value, origin) = self.0.get(key)?;
            Some(Setting { key, value: shown(key, value), origin: origin.clone() })
        });
        settings.collect()
    }
}

/// A value as text; what authenticates us elsewhere is never shown.
fn shown(key: &str, value: &Value) -> String {
    let Value::Table(table) = value else { return value.to_string() };
    let is_secret = |name: &str| SECRETS.iter().any(|part| name.contains(part));
    let mut table = table.clone();
    if key == "kafka.settings" {
        let secret = table.iter_mut().filter(|(name, _)| is_secret(name));
        secret.for_each(|(_, value)| *value = Value::String(HIDDEN.into()));
    }
    Value::Table(table).to_string()
}

/// Lists the leaves of a table: dotted key, byte offset, value.
fn flatten(
    places: &DeTable<'_>,
    values: &Table,
    prefix: &str,
    found: &mut Vec<(String, usize, Value)>,
) {
    for (name, place) in places {
        let key = format!("{prefix}{}", name.get_ref());
        let Some(value) = values.get(name.get_ref().as_ref()) else {
            continue;
        };
        match (Spanned::get_ref(place), value) {
            (DeValue::Table(places), Value::Table(values)) if rule_of(&key).is_none() => {
                flatten(places, values, &format!("{key}."), found);
            }
            _ => found.push((key, name.span().start, value.clone())),
        }
    }
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// A variable that names no key is an error where it names a section of ours, or nearly a key;
/// any other one belongs to somebody else.
fn refuse_slip(name: String) -> Result<(), ConfigError> {
    let known: Vec<String> = KEYS.iter().map(|(key, _)| variable_of(key)).collect();
    let near = nearest(&name, known.iter().map(String::as_str));
    let sections = KEYS.iter().filter_map(|(key, _)| key.split('.').next());
    let of_section = |section: &str| name.starts_with(&format!("{}_", variable_of(section)));
    let slip = near.is_some_and(|near| strsim::jaro_winkler(&name, near) >= SLIP);
    if slip || sections.into_iter().any(of_section) {
        let nearest = near.map(str::to_owned);
        let key = name.clone();
        return Err(ConfigError::UnknownKey { key, origin: Origin::Variable { name }, nearest });
    }
    Ok(())
}
