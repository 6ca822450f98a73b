//! Where values are kept and how they are written out for Prometheus.
//!
//! Counters and gauges are the exporter's. Histograms are our own ([`Histogram`]): the exporter
//! keeps every sample until it renders, which a million readings a second would turn into memory
//! and time; fixed buckets of atomics cost the same however often they are asked. Seconds that only
//! grow stand here, too, since the exporter's counters are whole numbers.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::catalogue::{self, Kind, Metric};
use crate::measure::Histogram;

/// Where values are kept.
pub struct Registry {
    recorder: PrometheusRecorder,
    own: Mutex<BTreeMap<(&'static str, String), Own>>,
}

/// A value that is written out here.
#[derive(Clone)]
enum Own {
    Histogram(Arc<Histogram>),
    Seconds(Arc<Seconds>),
}

/// Seconds that only grow.
#[derive(Debug, Default)]
pub struct Seconds(AtomicU64);

impl Seconds {
    /// Sets the total.
    pub fn set(&self, total: f64) {
        self.0.store(total.to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty one, which knows what every metric means.
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in catalogue::all() {
            match metric.kind {
                Kind::Counter => {
                    recorder.describe_counter(metric.name.into(), None, metric.help.into());
                }
                Kind::Gauge => {
                    recorder.describe_gauge(metric.name.into(), None, metric.help.into());
                }
                Kind::Histogram(_) => {}
            }
        }
        Self { recorder, own: Mutex::default() }
    }

    /// The handle of a counter with these values of its labels, in their order.
    pub fn counter(&self, metric: &'static Metric, labels: &[&str]) -> Counter {
        debug_assert!(matches!(metric.kind, Kind::Counter), "{}", metric.name);
        self.recorder.register_counter(&key(metric, labels), &METADATA)
    }

    /// The handle of a gauge with these values of its labels, in their order.
    pub fn gauge(&self, metric: &'static Metric, labels: &[&str]) -> Gauge {
        debug_assert!(matches!(metric.kind, Kind::Gauge), "{}", metric.name);
        self.recorder.register_gauge(&key(metric, labels), &METADATA)
    }

    /// The histogram with these values of its labels, in their order.
    pub fn histogram(&self, metric: &'static Metric, labels: &[&str]) -> Arc<Histogram> {
        let Kind::Histogram(bounds) = metric.kind else {
            unreachable!("{} is no histogram", metric.name)
        };
        let new = || Own::Histogram(Arc::new(Histogram::new(bounds)));
        match self.own(metric, labels, new) {
            Own::Histogram(histogram) => histogram,
            Own::Seconds(_) => unreachable!("{} is a histogram", metric.name),
        }
    }

    /// Shows a histogram that somebody else records with these values of its labels, in their order,
    /// in place of the one that stood there.
    pub fn show(&self, metric: &'static Metric, labels: &[&str], histogram: Arc<Histogram>) {
        let mut own = self.own.lock().expect("nothing panics while values are held");
        own.insert((metric.name, label_text(metric, labels)), Own::Histogram(histogram));
    }

    /// The handle of a counter of seconds with these values of its labels, in their order.
    pub fn seconds(&self, metric: &'static Metric, labels: &[&str]) -> Arc<Seconds> {
        match self.own(metric, labels, || Own::Seconds(Arc::default())) {
            Own::Seconds(seconds) => seconds,
            Own::Histogram(_) => unreachable!("{} counts seconds", metric.name),
        }
    }

    fn own(&self, metric: &'static Metric, labels: &[&str], new: impl FnOnce() -> Own) -> Own {
        let mut own = self.own.lock().expect("nothing panics while values are held");
        own.entry((metric.name, label_text(metric, labels))).or_insert_with(new).clone()
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut out = self.recorder.handle().render();
        let own = self.own.lock().expect("nothing panics while values are held").clone();
        let mut last = "";
        for ((name, labels), value) in &own {
            if *name != last {
                last = name;
                let help = catalogue::all().find(|metric| metric.name == *name).map(|m| m.help);
                let kind = match value {
                    Own::Histogram(_) => "histogram",
                    Own::Seconds(_) => "counter",
                };
                // Writing to a text cannot fail.
                let _ = writeln!(out, "# HELP {name} {}", help.unwrap_or_default());
                let _ = writeln!(out, "# TYPE {name} {kind}");
            }
            match value {
                Own::Histogram(histogram) => put_histogram(&mut out, name, labels, histogram),
                Own::Seconds(seconds) => {
                    let braces = if labels.is_empty() { String::new() } else { braced(labels) };
                    let _ = writeln!(out, "{name}{braces} {}", seconds.get());
                }
            }
        }
        out
    }
}

static METADATA: Metadata<'static> =
    Metadata::new("zeitgeber", Level::INFO, Some("zeitgeber::telemetry"));

fn key(metric: &'static Metric, labels: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
    let labels = metric.labels.iter().zip(labels);
    let labels: Vec<_> =
        labels.map(|(label, value)| metrics::Label::new(label.name, (*value).to_owned())).collect();
    Key::from_parts(metric.name, labels)
}

fn label_text(metric: &'static Metric, labels: &[&str]) -> String {
    debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
    let pairs = metric.labels.iter().zip(labels).map(|(label, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{}=\"{value}\"", label.name)
    });
    pairs.collect::<Vec<_>>().join(",")
}

fn braced(labels: &str) -> String {
    format!("{{{labels}}}")
}

fn put_histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    let read = histogram.read();
    let (comma, braces) =
        if labels.is_empty() { ("", String::new()) } else { (",", braced(labels)) };
    for (bound, count) in read.up_to {
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
    }
    let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", read.count);
    let _ = writeln!(out, "{name}_sum{braces} {}", read.sum);
    let _ = writeln!(out, "{name}_count{braces} {}", read.count);
}
