//! Every metric of the service in one table: name, kind, labels, meaning and what records it.
//!
//! Names follow `zeitgeber_<noun>_<unit>[_total]`. Every label has a bounded set of values, and
//! none ever names a person. `docs/metrics.md` is made from this table; a test holds that it is.

mod bus;
mod flow;
mod people;
mod serving;
mod tasks;
mod writer;

use crate::measure;

pub use bus::*;
pub use flow::*;
pub use people::*;
pub use serving::*;
pub use tasks::*;
pub use writer::*;

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it counts and how.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it tells.
    pub help: &'static str,
    /// What records it.
    pub recorded: &'static str,
}

/// What a metric counts and how.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only grows, from 0 when the process starts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values counted between these bounds.
    Histogram(&'static [f64]),
}

/// A label of a metric.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// What values a label has.
#[derive(Debug)]
pub enum Values {
    /// These.
    Of(fn() -> Vec<&'static str>),
    /// As many as this says.
    Bounded(&'static str),
}

/// The value of a label beyond its bound.
pub const OTHER: &str = "other";

/// Declares metrics and the list of them.
macro_rules! metrics {
    ($list:ident: $(
        $id:ident = $kind:expr, $name:literal, [$($label:expr),*],
            $help:literal, by $recorded:literal;
    )*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help, ".")]
            pub static $id: $crate::telemetry::catalogue::Metric =
                $crate::telemetry::catalogue::Metric {
                    name: $name,
                    kind: $kind,
                    labels: &[$($label),*],
                    help: $help,
                    recorded: $recorded,
                };
        )*
        pub(super) static $list: &[&$crate::telemetry::catalogue::Metric] = &[$(&$id),*];
    };
}
use metrics;

/// Every metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    groups().into_iter().flat_map(|(_, metrics)| metrics.iter().copied())
}

/// Every group with its title, in the order of the document.
pub fn groups() -> [(&'static str, &'static [&'static Metric]); 11] {
    [
        ("Inputs and events", flow::INPUT_METRICS),
        ("Rhythm", flow::RHYTHM_METRICS),
        ("Decisions and learning", flow::LEARNING_METRICS),
        ("Journal", writer::JOURNAL_METRICS),
        ("Queues", writer::QUEUE_METRICS),
        ("People and snapshots", people::PEOPLE_METRICS),
        ("Tasks and agents", tasks::TASK_METRICS),
        ("Kafka", bus::BUS_METRICS),
        ("Cluster", bus::CLUSTER_METRICS),
        ("HTTP and streams", serving::HTTP_METRICS),
        ("Process", serving::PROCESS_METRICS),
    ]
}

const SECONDS: Kind = Kind::Histogram(measure::LATENCY_S);

const fn of(name: &'static str, values: fn() -> Vec<&'static str>) -> Label {
    Label { name, values: Values::Of(values) }
}

const fn bounded(name: &'static str, values: &'static str) -> Label {
    Label { name, values: Values::Bounded(values) }
}
