//! A real Prometheus scrapes a running service, and every panel's question has an answer.
//!
//! The service gets the sample over HTTP in pieces and answers to its interventions, while the panels' queries are asked again and again until each had data once. It needs the
//! program `prometheus` (Debian's package of that name; `infra/prometheus/check.sh` installs it).

#[path = "prometheus_live/http.rs"]
mod http;
#[path = "prometheus_live/traffic.rs"]
mod traffic;
#[path = "prometheus_live/watcher.rs"]
mod watcher;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::{Duration, Instant},
};

use http::ask;
use traffic::Traffic;
use watcher::Prometheus;
use zeitgeber::telemetry::catalogue;
use zeitgeber_tests::{Service, dashboards::panels, dir};

/// Longest time until every panel had data.
const TIME_OUT: Duration = Duration::from_secs(180);
/// Pause between two rounds of questions.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Panels whose emptiness means that all is well, or that nothing of the kind has happened.
const NORMALLY_EMPTY: [(&str, &str); 2] = [
    ("overview.json: Alerts firing", "no alert fires within a minute"),
    ("journal.json: Until the space is used", "the journal has its first segment only"),
];
/// Metrics that this traffic cannot move, and why: their panels may stay empty.
const NOT_MOVED: [(&str, &str); 5] = [
    ("zeitgeber_agent", "agents have no path yet"),
    ("zeitgeber_task", "tasks have no path yet"),
    ("zeitgeber_stream", "streams have no path yet"),
    ("zeitgeber_people", "states have no metrics yet"),
    ("zeitgeber_snapshot", "snapshots have no metrics yet"),
];

#[test]
fn every_panel_has_data_from_a_running_service_and_every_metric_is_served() {
    let data = dir();
    let service = Service::start(data.path());
    let prometheus = Prometheus::start(service.address());
    let traffic = Traffic::start(service.address());
    let mut open = questions();
    let (asked, started) = (open.len(), Instant::now());
    while !open.iter().all(may_stay_empty) && started.elapsed() < TIME_OUT {
        std::thread::sleep(ROUND_EVERY);
        open.retain(|(panel, query)| {
            let values = prometheus.query(query);
            let values = values.unwrap_or_else(|error| panic!("{panel}: {error}: {query}"));
            !values.iter().any(|value| value.is_finite())
        });
    }
    let metrics = ask(service.address(), "GET", "/metrics", "", &[]).expect("it answers").text();
    let served: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| name.starts_with("zeitgeber_"))
        .collect();
    let catalogued: BTreeSet<&str> = catalogue::all().map(|metric| metric.name).collect();
    assert_eq!(served, catalogued, "served (left) and catalogued (right)");

    let (empty, missing): (Vec<_>, Vec<_>) = open.into_iter().partition(may_stay_empty);
    let what = traffic.stop();
    say(&format!("{asked} queries in {:.0} s; {what}", started.elapsed().as_secs_f64()));
    empty.iter().for_each(|(panel, _)| say(&format!("no data, as is normal: {panel}")));
    let missing: Vec<String> = missing.iter().map(|(p, q)| format!("{p}: {q}")).collect();
    assert!(missing.is_empty(), "no data in {TIME_OUT:?}:\n  {}", missing.join("\n  "));
    rules_are_well(&prometheus);
    drop(service.stop());
}

/// No data is a normal answer to this query of this panel.
fn may_stay_empty((panel, query): &(String, String)) -> bool {
    NORMALLY_EMPTY.iter().any(|(name, _)| name == panel)
        || NOT_MOVED.iter().any(|(metric, _)| query.contains(metric))
}

/// Every query of every panel with the variables that Grafana would fill in.
fn questions() -> Vec<(String, String)> {
    let mut questions = Vec::new();
    for panel in panels() {
        for (query, _) in panel.queries {
            let query = query.replace("$instance", ".*").replace("$pool", ".*");
            let query = query.replace("$__rate_interval", "15s");
            assert!(!query.contains('$'), "{}: a variable is left in {query}", panel.name);
            questions.push((panel.name.clone(), query));
        }
    }
    questions
}

/// Prometheus could evaluate every rule.
fn rules_are_well(prometheus: &Prometheus) {
    let data = prometheus.api("rules").expect("Prometheus tells its rules");
    let groups = data["groups"].as_array().expect("there are groups");
    let rules: Vec<_> = groups.iter().filter_map(|g| g["rules"].as_array()).flatten().collect();
    assert!(rules.len() > 25, "the rules are loaded: {}", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
