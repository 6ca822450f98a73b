//! Every key, with the type and the bounds of its value.

use toml::{Table, Value};
use zeitgeber_schemas::Missing;

use super::{
    decisions::{self, ARMS_MAX, FORGETTING, NO_INTERVENTION, RULES},
    kafka, pools,
};

/// Longest text, bytes.
const TEXT_BYTES_MAX: usize = 1_000;
/// Longest path, bytes.
const PATH_BYTES_MAX: usize = 4_095;
/// Similarity (Jaro-Winkler) below which a key is not worth suggesting.
const SIMILAR: f64 = 0.7;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    Integer(i64, i64),
    Float(f64, f64),
    Flag,
    OneOf(&'static [&'static str]),
    Text,
    /// A text; empty: none.
    Words,
    /// A path; empty: none.
    Path,
    /// An address of the web; empty: none.
    Url,
    Name,
    /// A list of names.
    Names,
    Arms,
    Pools,
    /// `HOST:PORT`, several with commas; empty: none.
    Brokers,
    /// What names begin with; may be empty.
    Prefix,
    /// Settings of single topics.
    Topics,
    /// Settings of librdkafka.
    Librdkafka,
}

/// A value that its rule refuses.
pub(super) struct Refused {
    /// What follows the key in its name, for a part of a list.
    pub(super) part: String,
    /// What it must be; none: no such key.
    pub(super) wanted: Option<String>,
    pub(super) found: String,
}

/// Every key, in the order of the defaults.
pub(super) const KEYS: &[(&str, Rule)] = &[
    ("pools", Rule::Pools),
    ("log.partitions", Rule::Integer(1, 1_024)),
    ("log.segment_mib", Rule::Integer(1, 4_096)),
    ("log.chunk_kib", Rule::Integer(16, 1_024)),
    ("cql.user", Rule::Words),
    ("cql.password_file", Rule::Path),
    ("cql.tls", Rule::Flag),
    ("cql.ca_file", Rule::Path),
    ("cql.datacenter", Rule::Words),
    ("cql.reach", Rule::OneOf(&["local", "global"])),
    ("cql.cache_dir", Rule::Path),
    ("cql.replication", Rule::Integer(1, 9)),
    ("cql.keyspace_options", Rule::Words),
    ("cql.table_options", Rule::Words),
    ("runtime.threads", Rule::Integer(0, 256)),
    ("memory.people_mib", Rule::Integer(1, 1 << 20)),
    ("snapshots.every_mib", Rule::Integer(1, 1 << 20)),
    ("clock.mode", Rule::OneOf(&["service", "inputs"])),
    ("clock.tick_ms", Rule::Integer(10, 60_000)),
    ("limits.max_line_kib", Rule::Integer(16, 65_536)),
    ("service.listen", Rule::Text),
    ("service.tokens_file", Rule::Path),
    ("service.tls_cert_file", Rule::Path),
    ("service.tls_key_file", Rule::Path),
    ("service.body_mib", Rule::Integer(1, 1_024)),
    ("service.bodies_mib", Rule::Integer(1, 65_536)),
    ("service.connections_max", Rule::Integer(1, 1_000_000)),
    ("service.header_s", Rule::Integer(1, 600)),
    ("service.read_s", Rule::Integer(1, 600)),
    ("service.write_s", Rule::Integer(1, 600)),
    ("service.idle_s", Rule::Integer(1, 3_600)),
    ("service.request_s", Rule::Integer(1, 3_600)),
    ("service.long_read_s", Rule::Integer(1, 86_400)),
    ("service.long_reads", Rule::Integer(1, 256)),
    ("service.pending_mib", Rule::Integer(1, 16_384)),
    ("service.pending_requests", Rule::Integer(1, 1_000_000)),
    ("service.streams_max", Rule::Integer(1, 1_000_000)),
    ("service.heartbeat_s", Rule::Integer(1, 600)),
    ("service.slow_client_s", Rule::Integer(1, 600)),
    ("service.stop_s", Rule::Integer(1, 600)),
    ("kafka.brokers", Rule::Brokers),
    ("kafka.prefix", Rule::Prefix),
    ("kafka.group", Rule::Text),
    ("kafka.inputs", Rule::OneOf(&["json", "avro"])),
    ("kafka.outputs", Rule::OneOf(&["avro", "json"])),
    ("kafka.publish", Rule::OneOf(&["plain", "transactional"])),
    ("kafka.misplaced", Rule::OneOf(&["refuse", "forward"])),
    ("kafka.incarnation", Rule::Integer(0, 1_000_000)),
    ("kafka.pending_mib", Rule::Integer(1, 4_096)),
    ("kafka.session_ms", Rule::Integer(1_000, 600_000)),
    ("kafka.heartbeat_ms", Rule::Integer(100, 60_000)),
    ("kafka.standbys", Rule::Integer(0, 4)),
    ("kafka.replication", Rule::Integer(1, 32)),
    ("kafka.min_insync", Rule::Integer(1, 32)),
    ("kafka.retention_h", Rule::Integer(0, 87_660)),
    ("kafka.registry_url", Rule::Url),
    ("kafka.topics", Rule::Topics),
    ("kafka.settings", Rule::Librdkafka),
    ("logs.format", Rule::OneOf(&["auto", "human", "json"])),
    ("logs.filter", Rule::Text),
    ("traces.endpoint", Rule::Url),
    ("traces.sample_ratio", Rule::Float(0.0, 1.0)),
    ("metrics.enabled", Rule::Flag),
    ("decisions.version", Rule::Text),
    ("decisions.policy.alpha", Rule::Float(0.0, 100.0)),
    ("decisions.policy.lambda", Rule::Float(1e-6, 1e6)),
    ("decisions.policy.epsilon", Rule::Float(0.0, 1.0)),
    ("decisions.policy.seed", Rule::Integer(i64::MIN, i64::MAX)),
    ("decisions.rule.kind", Rule::OneOf(RULES)),
    ("decisions.rule.spread", Rule::Float(0.0, 100.0)),
    ("decisions.rule.draws", Rule::Integer(1, 4_096)),
    ("decisions.rule.order", Rule::Names),
    ("decisions.model.forgetting", Rule::OneOf(FORGETTING)),
    ("decisions.model.bucket_h", Rule::Integer(1, 8_760)),
    ("decisions.model.half_life_h", Rule::Integer(1, 87_660)),
    ("decisions.model.window_h", Rule::Integer(1, 87_660)),
    ("decisions.model.two_matrices", Rule::Flag),
    ("decisions.model.warm_start", Rule::Float(0.0, 1.0)),
    ("decisions.model.shared", Rule::Integer(0, 10)),
    ("decisions.limits.cooldown_min", Rule::Integer(0, 10_080)),
    ("decisions.limits.daily_budget", Rule::Integer(0, 100)),
    ("decisions.feedback.window_h", Rule::Integer(1, 720)),
    (
        "decisions.feedback.missing",
        Rule::OneOf(&[Missing::Drop.as_str(), Missing::ImputeZero.as_str()]),
    ),
    ("decisions.arms", Rule::Arms),
];

/// The rule of a key.
pub(super) fn rule_of(key: &str) -> Option<(&'static str, Rule)> {
    KEYS.iter().find(|(known, _)| *known == key).copied()
}

/// The known name that is nearest to a wrong one, if any is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The nearest key of an item, for a refused part of a list.
pub(super) fn nearest_part(key: &str, part: &str) -> Option<String> {
    if key == "pools" {
        return pools::nearest_key(part);
    }
    if key == "kafka.topics" {
        return kafka::nearest_topic_key(part);
    }
    decisions::nearest_key(part)
}

impl Rule {
    /// Checks a value and brings it into its one form.
    pub(super) fn check(self, value: Value) -> Result<Value, Refused> {
        let fits = match (self, &value) {
            (Self::Integer(least, most), Value::Integer(found)) => (least..=most).contains(found),
            (Self::Float(..), Value::Integer(found)) => {
                return self.check(Value::Float(*found as f64));
            }
            (Self::Float(least, most), Value::Float(found)) => (least..=most).contains(found),
            (Self::Flag, Value::Boolean(_)) => true,
            (Self::OneOf(known), Value::String(found)) => known.contains(&found.as_str()),
            (Self::Text, Value::String(found)) => (1..=TEXT_BYTES_MAX).contains(&found.len()),
            (Self::Words, Value::String(found)) => found.len() <= TEXT_BYTES_MAX,
            (Self::Path, Value::String(found)) => found.len() <= PATH_BYTES_MAX,
            (Self::Url, Value::String(found)) => is_url(found),
            (Self::Name, Value::String(found)) => is_name(found),
            (Self::Names, Value::Array(items)) => {
                let names = |item: &Value| item.as_str().is_some_and(is_name);
                items.len() <= ARMS_MAX && items.iter().all(names)
            }
            (Self::Brokers, Value::String(found)) => is_brokers(found),
            (Self::Prefix, Value::String(found)) => is_prefix(found),
            (Self::Topics, Value::Table(table)) => return kafka::topics(table).map(Value::Table),
            (Self::Librdkafka, Value::Table(table)) => {
                return kafka::settings(table).map(Value::Table);
            }
            (Self::Arms, Value::Array(items)) => return decisions::arms(items).map(Value::Array),
            (Self::Pools, Value::Array(items)) => {
                return pools::check(items).map(Value::Array);
            }
            _ => false,
        };
        if fits { Ok(value) } else { Err(self.refused("", &value)) }
    }

    fn refused(self, part: &str, found: &Value) -> Refused {
        let found = match found {
            Value::Table(_) => "a table".into(),
            Value::Array(_) => "a list".into(),
            other => other.to_string().chars().take(80).collect(),
        };
        Refused { part: part.into(), wanted: Some(self.to_string()), found }
    }

    /// The value that a text stands for where it comes from a variable or a flag.
    pub(super) fn parse(self, text: &str) -> Value {
        let literal = || Value::String(text.into());
        match self {
            // As it stands, or as it would in a file, within its quotes.
            Self::OneOf(_)
            | Self::Text
            | Self::Words
            | Self::Path
            | Self::Url
            | Self::Name
            | Self::Brokers
            | Self::Prefix
                if !text.starts_with('"') =>
            {
                literal()
            }
            Self::OneOf(_)
            | Self::Text
            | Self::Words
            | Self::Path
            | Self::Url
            | Self::Name
            | Self::Brokers
            | Self::Prefix => Self::Flag.parse(text),
            Self::Integer(..)
            | Self::Float(..)
            | Self::Flag
            | Self::Names
            | Self::Arms
            | Self::Pools
            | Self::Topics
            | Self::Librdkafka => {
                let table = format!("value = {text}").parse::<Table>();
                table.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(literal)
            }
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(i64::MIN, i64::MAX) => f.write_str("a 64-bit integer"),
            Self::Integer(least, most) => write!(f, "an integer from {least} to {most}"),
            Self::Float(least, most) => write!(f, "a number from {least} to {most}"),
            Self::Flag => f.write_str("true or false"),
            Self::OneOf(known) => {
                let known: Vec<_> = known.iter().map(|known| format!("{known:?}")).collect();
                f.write_str(&known.join(" or "))
            }
            Self::Text => write!(f, "a text of 1 to {TEXT_BYTES_MAX} bytes"),
            Self::Words => write!(f, "a text of at most {TEXT_BYTES_MAX} bytes"),
            Self::Url => f.write_str("empty, or an address that begins with http:// or https://"),
            Self::Path => write!(f, "a path of at most {PATH_BYTES_MAX} bytes"),
            Self::Pools => f.write_str(&pools::wanted()),
            Self::Brokers => f.write_str("empty, or HOST:PORT, several with commas"),
            Self::Prefix => f.write_str("empty, or up to 100 letters, digits, `.`, `_` and `-`"),
            Self::Topics => f.write_str(kafka::TOPICS_WANTED),
            Self::Librdkafka => f.write_str(kafka::SETTINGS_WANTED),
            Self::Name => f.write_str("a name of lower-case letters, digits and `_`"),
            Self::Names => write!(f, "a list of at most {ARMS_MAX} names of arms"),
            Self::Arms => write!(
                f,
                "a list of at most {ARMS_MAX} arms with different names, `{NO_INTERVENTION}` \
                 among them"
            ),
        }
    }
}

fn is_url(text: &str) -> bool {
    let schemes = ["http://", "https://"];
    let begins =
        schemes.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    text.is_empty() || (begins && text.len() <= TEXT_BYTES_MAX)
}

fn is_brokers(text: &str) -> bool {
    let is_broker = |broker: &str| {
        let port = broker.trim().rsplit_once(':').filter(|(host, _)| !host.is_empty());
        port.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    };
    text.len() <= TEXT_BYTES_MAX && (text.is_empty() || text.split(',').all(is_broker))
}

fn is_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= 100 && text.bytes().all(plain)
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
