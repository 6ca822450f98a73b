//! The settings of what a running service tells about itself: logs, traces, metrics.

use serde::{Deserialize, Serialize};

/// Log lines, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// How they look.
    pub format: LogFormat,
    /// Which are written.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Traces, sent to a collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traces {
    /// Where the collector takes OTLP over HTTP; empty: nowhere.
    pub endpoint: String,
    /// Share of requests that are traced.
    pub sample_ratio: f64,
}

/// Metrics, under `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSettings {
    /// Whether the writer adds up what flows through it.
    pub enabled: bool,
}
