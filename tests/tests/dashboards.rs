//! Dashboards, rules and runbooks say nothing that is not so: every metric and label that they name
//! exists, every metric is shown somewhere, every alert has its page, panels lie side by side.
//!
//! `infra/prometheus/check.sh` runs Prometheus' own checks and the alerts' unit tests;
//! `prometheus_live.rs` asks every panel's question of a running service.

#[path = "dashboards/promql.rs"]
mod promql;
#[path = "dashboards/rules.rs"]
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use promql::{groupings, named, shown};
use rules::{Record, rules};
use zeitgeber::telemetry::catalogue::{self, Kind, Metric, Values};
use zeitgeber_tests::{
    dashboards::{dashboards, panels},
    repository, run,
};

/// Metrics of the catalogue that no dashboard shows, and why.
const NOT_SHOWN: [(&str, &str); 0] = [];
/// Labels that Prometheus adds.
const ADDED: [&str; 5] = ["instance", "job", "le", "alertname", "severity"];
/// Units that the panels use, as Grafana names them.
const UNITS: [&str; 7] = ["none", "s", "bytes", "Bps", "cps", "reqps", "percentunit"];
/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// What a runbook page answers, in this order.
const SECTIONS: [&str; 5] = [
    "## What it means",
    "## How to see it",
    "## Likely causes",
    "## What to do",
    "## When it is over",
];

fn none(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}

fn metrics() -> BTreeMap<&'static str, &'static Metric> {
    catalogue::all().map(|metric| (metric.name, metric)).collect()
}

/// The catalogued metric behind a series' name: histograms have three series each.
fn metric_of(series: &str) -> Option<&'static Metric> {
    let metrics = metrics();
    if let Some(metric) = metrics.get(series) {
        return (!matches!(metric.kind, Kind::Histogram(_))).then_some(metric);
    }
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.strip_suffix(end))?;
    let metric = metrics.get(base)?;
    matches!(metric.kind, Kind::Histogram(_)).then_some(metric)
}

/// Every expression of panels and rules: where it stands, itself, and the labels that it shows.
fn expressions() -> Vec<(String, String, BTreeSet<String>)> {
    let mut all = Vec::new();
    for panel in panels() {
        for (query, legend) in panel.queries {
            all.push((panel.name.clone(), query, shown(&legend)));
        }
    }
    let (records, alerts) = rules();
    let records = records.into_iter().map(|rule| (rule.name, rule.expression));
    let alerts = alerts.into_iter().map(|rule| (rule.name, rule.expression));
    all.extend(records.chain(alerts).map(|(name, text)| (name, text, BTreeSet::new())));
    all
}

/// The labels that a series can have, by a metric's catalogue or a record's own expression.
fn labels_of(name: &str, records: &[Record]) -> Option<BTreeSet<String>> {
    if let Some(metric) = metric_of(name) {
        return Some(metric.labels.iter().map(|label| label.name.to_owned()).collect());
    }
    let record = records.iter().find(|record| record.name == name)?;
    Some(groupings(&record.expression))
}

#[test]
fn the_committed_dashboards_are_what_the_generator_writes() {
    let generator = repository("infra/grafana/dashboards.py");
    run(Command::new("python3").arg("-B").arg(generator).arg("--check"));
}

#[test]
fn every_metric_and_label_that_a_panel_or_rule_names_exists() {
    let (records, _) = rules();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (place, expression, shown) in expressions() {
        let mut known: BTreeSet<String> = ADDED.iter().map(ToString::to_string).collect();
        for series in named(&expression) {
            checked += 1;
            let Some(labels) = labels_of(&series.metric, &records) else {
                wrong.push(format!("{place}: no metric {}", series.metric));
                continue;
            };
            for (label, operator, value) in &series.matchers {
                if !labels.contains(label) && !ADDED.contains(&label.as_str()) {
                    wrong.push(format!("{place}: {} has no label {label}", series.metric));
                }
                wrong.extend(
                    unknown_values(&series.metric, label, operator, value)
                        .into_iter()
                        .map(|value| format!("{place}: {label} is never {value}")),
                );
            }
            known.extend(labels);
        }
        let unknown = groupings(&expression).into_iter().chain(shown);
        let unknown = unknown.filter(|label| !known.contains(label));
        wrong.extend(unknown.map(|label| format!("{place}: no metric here has a label {label}")));
    }
    none("a panel or rule names what does not exist", &wrong);
    assert!(checked > 150, "expressions name metrics: {checked}");
}

/// Values asked of a label that the catalogue does not list; patterns beyond `a|b` are let be.
fn unknown_values(series: &str, label: &str, operator: &str, value: &str) -> Vec<String> {
    let Some(metric) = metric_of(series) else { return Vec::new() };
    if let (Kind::Histogram(bounds), "le") = (metric.kind, label) {
        let bound = value.parse::<f64>().unwrap_or(f64::NAN);
        return if bounds.contains(&bound) { Vec::new() } else { vec![value.into()] };
    }
    let Some(label) = metric.labels.iter().find(|known| known.name == label) else {
        return Vec::new();
    };
    let Values::Of(values) = label.values else { return Vec::new() };
    let (values, is_pattern) = (values(), operator.ends_with('~'));
    if value.contains(['$', '(', '*', '.']) {
        return Vec::new();
    }
    let asked: Vec<&str> = if is_pattern { value.split('|').collect() } else { vec![value] };
    let unknown = asked.into_iter().filter(|value| !values.contains(value));
    unknown.map(str::to_owned).collect()
}

#[test]
fn counters_are_asked_for_their_rate_and_gauges_for_their_value() {
    let mut wrong = Vec::new();
    for (place, expression, _) in expressions() {
        for series in named(&expression) {
            let Some(metric) = metric_of(&series.metric) else { continue };
            if matches!(metric.kind, Kind::Counter | Kind::Histogram(_)) && !series.over_time {
                wrong.push(format!("{place}: {} without a rate", series.metric));
            }
        }
    }
    none("a counter is shown as it stands", &wrong);
}

#[test]
fn every_metric_of_the_catalogue_is_on_a_dashboard() {
    let (records, _) = rules();
    let mut seen = BTreeSet::new();
    let queries = panels().into_iter().flat_map(|panel| panel.queries);
    for series in queries.flat_map(|(query, _)| named(&query)) {
        let record = records.iter().find(|record| record.name == series.metric);
        let within = record.map(|record| named(&record.expression)).unwrap_or_default();
        for series in within.into_iter().chain([series]) {
            seen.extend(metric_of(&series.metric).map(|metric| metric.name));
        }
    }
    let allowed: BTreeSet<&str> = NOT_SHOWN.iter().map(|(name, _)| *name).collect();
    let missing = metrics().into_keys().filter(|name| !seen.contains(name));
    let missing: Vec<String> =
        missing.filter(|name| !allowed.contains(name)).map(str::to_owned).collect();
    none("no dashboard shows", &missing);
    let stale: Vec<&&str> = allowed.iter().filter(|name| seen.contains(*name)).collect();
    assert!(stale.is_empty(), "shown after all: {stale:?}");
}

#[test]
fn every_recorded_series_is_used() {
    let (records, _) = rules();
    let used: BTreeSet<String> = expressions()
        .iter()
        .flat_map(|(_, expression, _)| named(expression))
        .map(|series| series.metric)
        .collect();
    let idle = records.into_iter().map(|record| record.name);
    let idle: Vec<String> = idle.filter(|name| !used.contains(name)).collect();
    none("recorded for nobody", &idle);
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let (_, alerts) = rules();
    let mut wrong = Vec::new();
    let mut pages: BTreeSet<String> = fs::read_dir(repository("docs/runbooks"))
        .expect("there are runbooks")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    let index = fs::read_to_string(repository("docs/runbooks/README.md")).expect("an index");
    for alert in &alerts {
        let page = format!("{}.md", alert.name);
        let path = format!("docs/runbooks/{page}");
        let says = |key: &str| alert.annotations.get(key).map_or("", String::as_str);
        let severity = alert.labels.get("severity").map_or("", String::as_str);
        if !["critical", "warning", "info"].contains(&severity) {
            wrong.push(format!("{}: severity {severity:?}", alert.name));
        }
        if says("summary").is_empty() || says("description").is_empty() {
            wrong.push(format!("{}: no summary or no description", alert.name));
        }
        if says("runbook_url") != path || !index.contains(&format!("({page})")) {
            wrong.push(format!("{}: runbook_url and the index name {path}", alert.name));
        }
        if !pages.remove(&page) {
            wrong.push(format!("{}: no page {path}", alert.name));
            continue;
        }
        let text = fs::read_to_string(repository(&path)).expect("a page can be read");
        wrong.extend(page_offences(&path, &text, &alert.name, severity));
    }
    wrong.extend(pages.into_iter().map(|page| format!("docs/runbooks/{page} has no alert")));
    none("alerts and runbooks do not match", &wrong);
    assert!(alerts.len() >= 14, "there are alerts");
}

fn page_offences(path: &str, text: &str, alert: &str, severity: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with(&format!("# {alert}\n\nSeverity: {severity}.")) {
        wrong.push(format!("{path} does not begin with its alert and severity"));
    }
    let places: Vec<Option<usize>> = SECTIONS.iter().map(|section| text.find(section)).collect();
    if places.contains(&None) || !places.is_sorted() {
        wrong.push(format!("{path} does not have {SECTIONS:?} in order"));
    }
    let (records, _) = rules();
    let unknown = named(text).into_iter().filter(|series| {
        let name = series.metric.as_str();
        labels_of(name, &records).is_none() && !metrics().contains_key(name)
    });
    wrong.extend(unknown.map(|series| format!("{path} names {}", series.metric)));
    wrong
}

#[test]
fn panels_lie_side_by_side_and_each_says_what_it_shows() {
    let mut wrong = Vec::new();
    for panel in panels() {
        let (json, name) = (&panel.json, &panel.name);
        let description = json["description"].as_str().unwrap_or_default();
        if description.len() < 60 || !description.contains("**What to do:** ") {
            wrong.push(format!("{name}: what it means, and what to do, is missing"));
        }
        let unit = json["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
        if !UNITS.contains(&unit) {
            wrong.push(format!("{name}: unit {unit:?}"));
        }
        if panel.queries.is_empty() || name.ends_with(": ") {
            wrong.push(format!("{name}: no title or no query"));
        }
        let steps = json["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
        let values = steps.into_iter().flatten().skip(1).map(|step| step["value"].as_f64());
        if !values.is_sorted() {
            wrong.push(format!("{name}: thresholds do not ascend"));
        }
        for link in json["links"].as_array().into_iter().flatten() {
            let page = link["url"].as_str().and_then(|url| url.strip_prefix("${runbooks}/"));
            let exists = page.is_some_and(|page| repository("docs/runbooks").join(page).exists());
            if !exists {
                wrong.push(format!("{name}: links to {}", link["url"]));
            }
        }
    }
    none("a panel is not as it should be", &wrong);
    for (file, dashboard) in dashboards() {
        let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
        let mut cells = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels {
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place in the grid");
            let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
            assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{file}: {panel} leaves the grid");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(cells.insert(cell), "{file}: {} lies over another", panel["title"]);
            }
            assert!(ids.insert(panel["id"].as_u64()), "{file}: {} has another's id", panel["id"]);
        }
    }
}

#[test]
fn dashboards_have_names_that_last() {
    let uids: Vec<String> = dashboards()
        .iter()
        .map(|(_, dashboard)| dashboard["uid"].as_str().unwrap_or_default().to_owned())
        .collect();
    let expected =
        ["cluster", "data-quality", "journal", "learning", "overview", "rhythm", "tasks"];
    assert_eq!(uids, expected.map(|name| format!("zeitgeber-{name}")));
    for (file, dashboard) in dashboards() {
        let version = dashboard["schemaVersion"].as_u64().unwrap_or_default();
        assert!(version >= 39, "{file}: made for Grafana 11 or newer");
        let variables = dashboard["templating"]["list"].as_array().expect("it has variables");
        let names: BTreeSet<_> = variables.iter().filter_map(|v| v["name"].as_str()).collect();
        let text = dashboard["panels"].to_string();
        for used in ["datasource", "instance", "runbooks", "pool"] {
            let is_used =
                text.contains(&format!("${used}")) || text.contains(&format!("${{{used}}}"));
            assert!(!is_used || names.contains(used), "{file}: no variable {used}");
        }
    }
}

#[test]
fn the_bounds_in_the_rules_are_the_defaults_of_the_settings() {
    let defaults = fs::read_to_string(repository("pipeline/src/config/defaults.toml"));
    let defaults = defaults.expect("the defaults are there");
    let (records, _) = rules();
    for (record, section, key, wanted) in [
        ("zeitgeber:pending_requests:bound", "service", "pending_requests", "vector({})"),
        ("zeitgeber:pending:bound_bytes", "service", "pending_mib", "vector({} * 1024 * 1024)"),
        (
            "zeitgeber:people_memory:budget_bytes",
            "memory",
            "people_mib",
            "vector({} * 1024 * 1024)",
        ),
    ] {
        let within = defaults.split(&format!("\n[{section}]\n")).nth(1);
        let within = within.unwrap_or_else(|| panic!("no settings of [{section}]"));
        let mut lines = within.lines().take_while(|line| !line.starts_with('['));
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        let value = value.unwrap_or_else(|| panic!("no setting {section}.{key}"));
        let rule = records.iter().find(|rule| rule.name == record).expect("the bound is recorded");
        assert_eq!(rule.expression, wanted.replace("{}", value), "{record} is {section}.{key}");
    }
}
