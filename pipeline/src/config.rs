//! Configuration in layers: compiled-in defaults, a file, the environment, flags.
//!
//! Every key stands with its default and its meaning in `config/defaults.toml`, and with its
//! bounds in `config/keys.rs`. A later layer overrides an earlier one key by key (the list of arms
//! as a whole). Nothing is ever ignored: a key that does not exist is an error that names it,
//! where it stands and the nearest one that does.

mod cql;
mod decisions;
mod kafka;
mod keys;
mod layers;
mod pools;
mod service;
mod watching;

use std::{
    env,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ConfigurationBody;

use crate::state::Memory;

pub use cql::{Cql, Reach};
pub use decisions::{Decisions, Feedback};
pub use kafka::{Format, Kafka, Misplaced, Publish, TopicSetting};
pub use layers::{Origin, Setting};
pub use pools::PoolSetting;
pub use service::Service;
pub use watching::{LogFormat, Logs, MetricSettings, Traces};

/// The compiled-in defaults, documented.
pub const DEFAULTS: &str = include_str!("config/defaults.toml");

/// The effective configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Pools of agents that are put in force.
    pub pools: Vec<PoolSetting>,
    /// The journal.
    pub log: Log,
    /// A log in a database.
    pub cql: Cql,
    /// The process.
    pub runtime: Runtime,
    /// What is kept in memory.
    pub memory: People,
    /// Snapshots during a run.
    pub snapshots: Snapshots,
    /// What moves people's clocks on.
    pub clock: Clock,
    /// What a door takes.
    pub limits: DoorLimits,
    /// The HTTP service.
    pub service: Service,
    /// The bus on Kafka.
    pub kafka: Kafka,
    /// What a service logs.
    pub logs: Logs,
    /// What traces it sends.
    pub traces: Traces,
    /// What metrics it keeps.
    pub metrics: MetricSettings,
    /// How it is decided what reaches a person.
    pub decisions: Decisions,
    #[serde(skip)]
    settings: Vec<Setting>,
}

/// The journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Partitions of a new log.
    pub partitions: u16,
    /// Size of a segment, MiB.
    pub segment_mib: u32,
    /// Size at which a chunk is full, KiB.
    pub chunk_kib: u32,
}

/// The process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Worker threads; 0: one for each core.
    pub threads: u16,
}

/// What is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Most memory that people's states take, MiB.
    pub people_mib: u32,
}

/// Snapshots during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshots {
    /// Growth of the log after which every partition has written one, MiB.
    pub every_mib: u32,
}

/// What moves people's clocks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The mode.
    pub mode: ClockMode,
    /// How often clocks are told the time under [`ClockMode::Service`], ms.
    pub tick_ms: u32,
}

/// What moves a person's clock on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockMode {
    /// The wall clock of a running service; where files are read, as [`Self::Inputs`].
    Service,
    /// The arrival times of the person's own readings.
    Inputs,
}

/// What a door takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorLimits {
    /// Longest line, KiB.
    pub max_line_kib: u32,
}

/// Why there is no effective configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("configuration file {file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{origin} is not TOML: {message}")]
    Syntax {
        /// File and line.
        origin: Origin,
        /// What the parser said.
        message: String,
    },
    /// No such key.
    #[error("unknown key `{key}` in {origin}{}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The nearest key that exists.
        nearest: Option<String>,
    },
    /// A value of another type, or out of bounds.
    #[error("`{key}` in {origin} must be {wanted}, was {found}")]
    Value {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// What it must be.
        wanted: String,
        /// What it was.
        found: String,
    },
    /// A flag that is no assignment.
    #[error("--set {text} is not an assignment; write --set key=value")]
    Flag {
        /// The flag's text.
        text: String,
    },
    /// The checked layers do not make a configuration.
    #[error("the configuration does not fit together: {0}")]
    Shape(#[from] toml::de::Error),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; the nearest key is `{nearest}`"))
}

impl Config {
    /// The configuration of this process: defaults, the file, `ZEITGEBER_…` variables, and `set`
    /// (`key=value` each, last wins).
    ///
    /// The file is `file`, or the one that `ZEITGEBER_CONFIG` names, either of which must be
    /// there; else `zeitgeber/config.toml` under `XDG_CONFIG_HOME` (or `~/.config`) if it is.
    pub fn load(file: Option<&Path>, set: &[String]) -> Result<Self, ConfigError> {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let named =
            file.map(Path::to_owned).or_else(|| variable("ZEITGEBER_CONFIG").map(PathBuf::from));
        let home = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
        let own = home.map(|home| home.join("zeitgeber").join("config.toml"));
        let file = named.or_else(|| own.filter(|path| path.exists()));
        let environment = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::layered(file.as_deref(), environment, set)
    }

    /// The configuration of these layers and nothing else.
    pub fn layered(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        set: &[String],
    ) -> Result<Self, ConfigError> {
        let mut layers = layers::Layers::default();
        layers.toml(DEFAULTS, |_| Origin::Default)?;
        if let Some(path) = file {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { file: name.clone(), source })?;
            layers.toml(&text, |line| Origin::File { file: name.clone(), line })?;
        }
        layers.environment(environment)?;
        layers.flags(set)?;
        Self::of(layers)
    }

    /// The configuration of a TOML text over the defaults; `name` is what errors call the text.
    ///
    /// # Errors
    ///
    /// It is not TOML, or a key or a value is not one.
    pub fn of_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        let mut layers = layers::Layers::default();
        layers.toml(DEFAULTS, |_| Origin::Default)?;
        layers.toml(text, |line| Origin::File { file: name.into(), line })?;
        Self::of(layers)
    }

    fn of(layers: layers::Layers) -> Result<Self, ConfigError> {
        let mut config: Self = layers.table().try_into()?;
        config.pools.iter_mut().for_each(PoolSetting::settle);
        config.settings = layers.settings();
        config.decisions.fit(&config.settings)?;
        Ok(config)
    }

    /// Every key with its value and where that comes from, in the order of the defaults.
    pub fn effective(&self) -> &[Setting] {
        &self.settings
    }

    /// The decisions as the input that the journal holds.
    pub fn configuration(&self) -> ConfigurationBody {
        self.decisions.configuration()
    }

    /// How much is kept in memory, and how often snapshots are written.
    pub fn memory(&self) -> Memory {
        Memory {
            people_bytes: u64::from(self.memory.people_mib) << 20,
            snapshot_every_bytes: u64::from(self.snapshots.every_mib) << 20,
        }
    }

    /// Longest line, bytes.
    pub fn line_bytes_max(&self) -> usize {
        self.limits.max_line_kib as usize * 1024
    }
}
