//! A distribution of times, as every measurement tells it.

use std::time::Duration;

use serde::Serialize;

/// A distribution of times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: usize,
    /// Median, ms.
    pub p50_ms: f64,
    /// 99th percentile, ms.
    pub p99_ms: f64,
    /// Greatest, ms.
    pub max_ms: f64,
}

impl Latency {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len() as f64 * share) as usize;
            times.get(index.min(times.len().saturating_sub(1))).map_or(f64::NAN, millis)
        };
        Self { count: times.len(), p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

fn millis(time: &Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
