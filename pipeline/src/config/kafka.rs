//! The settings of the bus on Kafka, and the rules of its two tables.
//!
//! What librdkafka knows (SASL, TLS, sockets) is passed through as it stands in `kafka.settings`;
//! what the program must decide itself for its guarantees to hold may not be set there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::keys::{Refused, Rule};

/// Most entries of a table.
const ENTRIES_MAX: usize = 200;
/// Longest retention, h: ten years.
const RETENTION_MAX_H: i64 = 87_660;
/// Settings of librdkafka that the program decides itself, because its guarantees rest on them.
const OWN: &[&str] = &[
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "message.timeout.ms",
    "partition.assignment.strategy",
    "partitioner",
    "statistics.interval.ms",
    "transactional.id",
];

/// The bus on Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kafka {
    /// `HOST:PORT`, several with commas; empty: no Kafka.
    pub brokers: String,
    /// What the names of all topics begin with.
    pub prefix: String,
    /// The consumer group.
    pub group: String,
    /// How inputs without a content type are read.
    pub inputs: Format,
    /// How outputs are written.
    pub outputs: Format,
    /// How outputs are published.
    pub publish: Publish,
    /// What becomes of a record on a partition where its key does not belong.
    pub misplaced: Misplaced,
    /// Grows by one whenever input topics were made anew.
    pub incarnation: u32,
    /// Inputs taken from the brokers that are not durable yet, MiB.
    pub pending_mib: u32,
    /// How long a member of the group may be silent before its partitions go to others, ms.
    pub session_ms: u32,
    /// How often a member of the group shows that it lives, ms.
    pub heartbeat_ms: u32,
    /// Workers that keep the state of each partition beside the one that writes it.
    pub standbys: u16,
    /// Brokers that keep a copy of each record.
    pub replication: u16,
    /// Copies without which nothing is acknowledged.
    pub min_insync: u16,
    /// How long records are kept, h; 0: for ever.
    pub retention_h: u32,
    /// The schema registry's URL; empty: our own ids and answers.
    pub registry_url: String,
    /// What differs for single topics, by name without the prefix.
    pub topics: BTreeMap<String, TopicSetting>,
    /// Settings of librdkafka.
    pub settings: BTreeMap<String, String>,
}

/// The form of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Avro behind a schema id, as Confluent frames it.
    Avro,
    /// One JSON object.
    Json,
}

/// How outputs are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publish {
    /// As they become durable; after a crash some are repeated.
    Plain,
    /// In transactions: who reads committed records sees each output once.
    Transactional,
}

/// What becomes of a record on a partition where its key does not belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misplaced {
    /// It is refused to a dead letter.
    Refuse,
    /// It is produced again to the partition of its key.
    Forward,
}

/// What differs for one topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSetting {
    /// Brokers that keep a copy of each record.
    pub replication: Option<u16>,
    /// Copies without which nothing is acknowledged.
    pub min_insync: Option<u16>,
    /// How long records are kept, h; 0: for ever.
    pub retention_h: Option<u32>,
}

impl Kafka {
    /// Whether there is a Kafka.
    pub const fn is_set(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Bytes of inputs taken from the brokers that are not durable yet.
    pub const fn pending_bytes(&self) -> usize {
        (self.pending_mib as usize) << 20
    }
}

/// What a table of librdkafka's settings must be.
pub(super) const SETTINGS_WANTED: &str =
    "a table of librdkafka settings, such as { \"security.protocol\" = \"SSL\" }";

/// Brings the values of librdkafka settings to text.
pub(super) fn settings(table: &Table) -> Result<Table, Refused> {
    let refused = |part: String, wanted: &str, found: &str| Refused {
        part,
        wanted: Some(wanted.into()),
        found: found.into(),
    };
    if table.len() > ENTRIES_MAX {
        return Err(refused(String::new(), "a table of at most 200 entries", "longer"));
    }
    let mut texts = Table::new();
    for (name, value) in flat(table, "") {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return Err(refused(format!(".{name}"), "a text, a number or a flag", "a list")),
        };
        if OWN.contains(&name.as_str()) {
            return Err(refused(
                format!(".{name}"),
                "left to the program, whose guarantees rest on it",
                &format!("{text:?}"),
            ));
        }
        texts.insert(name, Value::String(text));
    }
    Ok(texts)
}

/// The entries of a table whose dotted names may have become nested tables.
fn flat<'a>(table: &'a Table, prefix: &str) -> Vec<(String, &'a Value)> {
    let entries = table.iter().flat_map(|(name, value)| {
        let name = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => flat(inner, &format!("{name}.")),
            value => vec![(name, value)],
        }
    });
    entries.collect()
}

/// What a table of topics must be.
pub(super) const TOPICS_WANTED: &str =
    "a table by topic, such as { \"sensor.readings\" = { retention_h = 24 } }";

/// Checks what is set for single topics.
pub(super) fn topics(table: &Table) -> Result<Table, Refused> {
    let rules = [
        ("replication", Rule::Integer(1, 32)),
        ("min_insync", Rule::Integer(1, 32)),
        ("retention_h", Rule::Integer(0, RETENTION_MAX_H)),
    ];
    let mut checked = Table::new();
    for (name, value) in flat(table, "") {
        let known = name.rsplit_once('.').and_then(|(topic, key)| {
            let (_, rule) = rules.iter().find(|(known, _)| *known == key)?;
            Some((topic, key, *rule))
        });
        let Some((topic, key, rule)) = known else {
            return Err(Refused { part: format!(".{name}"), wanted: None, found: String::new() });
        };
        let value = rule
            .check(value.clone())
            .map_err(|fault| Refused { part: format!(".{name}"), ..fault })?;
        let entry = checked.entry(topic).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(entry) = entry {
            entry.insert(key.into(), value);
        }
    }
    Ok(checked)
}

/// The nearest key of a topic's table.
pub(super) fn nearest_topic_key(part: &str) -> Option<String> {
    let (topic, name) = part.rsplit_once('.')?;
    let near = super::keys::nearest(name, ["replication", "min_insync", "retention_h"])?;
    Some(format!("kafka.topics{topic}.{near}"))
}
