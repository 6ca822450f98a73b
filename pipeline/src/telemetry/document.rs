//! `docs/metrics.md`, made from the catalogue.

use std::fmt::Write;

use super::catalogue::{self, Kind, Metric, Values};

/// Label values that a table shows; where there are more, it shows these and their number.
const SHOWN: usize = 24;

/// The whole document.
pub fn document() -> String {
    let mut out = String::from(HEAD);
    for (title, metrics) in catalogue::groups() {
        let _ = write!(out, "\n## {title}\n\n{TABLE}");
        for metric in metrics {
            let Metric { name, help, recorded, .. } = metric;
            let (kind, labels) = (kind(metric.kind), labels(metric));
            let _ = writeln!(out, "| `{name}` | {kind} | {labels} | {help} | {recorded} |");
        }
    }
    out.push_str("\n## Buckets\n\n| of | upper bounds |\n|---|---|\n");
    for metric in catalogue::all() {
        if let Kind::Histogram(bounds) = metric.kind {
            let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
            let _ = writeln!(out, "| `{}` | {} |", metric.name, bounds.join(", "));
        }
    }
    out
}

const HEAD: &str = "\
# Metrics

`GET /metrics` answers these in Prometheus' text format. This page is made from the catalogue in the
code (`pipeline/src/telemetry/catalogue.rs`); to make it again:

    ZEITGEBER_BLESS=1 cargo test -p zeitgeber --test telemetry

Names follow `zeitgeber_<noun>_<unit>[_total]`; where what is counted is its own unit, the noun is.
A counter starts at 0 with the process. A histogram `x` is told as `x_bucket`, `x_sum` and `x_count`.
Every label has a bounded set of values, and none names a person. Numbers of inputs and events count
what is durable: they are added up chunk by chunk and shown once the chunk is synced.
";

const TABLE: &str = "\
| name | kind | labels | what it tells | recorded by |
|---|---|---|---|---|
";

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

fn labels(metric: &Metric) -> String {
    let labels = metric.labels.iter().map(|label| {
        let values = match label.values {
            Values::Bounded(text) => text.into(),
            Values::Of(values) => {
                let values = values();
                let shown: Vec<_> =
                    values.iter().take(SHOWN).map(|value| format!("`{value}`")).collect();
                let more = match values.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                shown.join(" ") + &more
            }
        };
        format!("**{}**: {values}", label.name)
    });
    labels.collect::<Vec<_>>().join("<br>")
}
