//! A real Prometheus scrapes a running service, and every panel's question has an answer.
//!
//! The service opens a log in which a pool has worked, gets the sample over HTTP in pieces, answers
//! to its interventions and has a subscriber, while the panels' queries are asked again and again
//! until each had data once. It needs the program `prometheus` (Debian's package of that name;
//! `infra/prometheus/check.sh` installs it).

#[path = "prometheus_live/http.rs"]
mod http;
#[path = "prometheus_live/pool.rs"]
mod pool;
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
use serde_json::Value;
use traffic::Traffic;
use watcher::Prometheus;
use zeitgeber::telemetry::catalogue;
use zeitgeber_tests::{Service, dashboards::panels, dir};

/// Longest time until every panel had data.
const TIME_OUT: Duration = Duration::from_secs(45);
/// Pause between two rounds of questions.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Panels whose emptiness means that all is well, or that nothing of the kind has happened.
const NORMALLY_EMPTY: [(&str, &str); 2] = [
    ("overview.json: Alerts firing", "no alert fires within a minute"),
    ("journal.json: Until the space is used", "the journal has its first segment only"),
];
/// What metrics that this traffic does not move begin with, and why: they and their panels may be
/// empty.
const NOT_MOVED: [(&str, &str); 5] = [
    ("zeitgeber_cluster_", ALONE),
    ("zeitgeber_kafka_", ALONE),
    ("zeitgeber_task_events_total", BEFORE),
    ("zeitgeber_task_run_seconds", BEFORE),
    ("zeitgeber_task_wait_seconds", BEFORE),
];
const ALONE: &str = "one node without Kafka; the metrics of the bus have a test of their own";
const BEFORE: &str = "the pool worked before this process began to count";
/// Arguments of the service: the clock of its inputs, a snapshot after little traffic, and signs of
/// life to its subscriber often enough to end in time.
const ARGUMENTS: [&str; 6] = [
    "--set",
    "clock.mode=\"inputs\"",
    "--set",
    "snapshots.every_mib=1",
    "--set",
    "service.heartbeat_s=1",
];

#[test]
fn every_panel_has_data_from_a_running_service_and_every_metric_is_served() {
    let data = dir();
    pool::work(data.path());
    let service = Service::start_with(data.path(), &ARGUMENTS);
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
    let unserved = catalogued.difference(&served).filter(|name| is_moved(name));
    let unserved: Vec<_> = unserved.collect();
    assert!(unserved.is_empty(), "catalogued, and not served: {unserved:?}");
    assert!(served.is_subset(&catalogued), "served, and not catalogued: {served:?}");

    let (empty, missing): (Vec<_>, Vec<_>) = open.into_iter().partition(may_stay_empty);
    let what = traffic.stop();
    say(&format!("{asked} queries in {:.0} s; {what}", started.elapsed().as_secs_f64()));
    empty.iter().for_each(|(panel, _)| say(&format!("no data, as is normal: {panel}")));
    let missing: Vec<String> = missing.iter().map(|(p, q)| format!("{p}: {q}")).collect();
    assert!(missing.is_empty(), "no data in {TIME_OUT:?}:\n  {}", missing.join("\n  "));
    rules_are_well(&prometheus);
    logs_are_json(&service.stop());
}

/// Every line of a service that writes to no terminal is JSON, its first and its last one too.
fn logs_are_json(said: &str) {
    let line = |line| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines: Vec<Value> = said.lines().map(line).collect();
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    for message in ["listening", "stopping: no new requests; those under way end first", "stopped"]
    {
        let times = messages.iter().filter(|said| **said == message).count();
        assert_eq!(times, 1, "{message:?} is said once: {messages:?}");
    }
}

/// The traffic moves this metric.
fn is_moved(name: &str) -> bool {
    !NOT_MOVED.iter().any(|(begin, _)| name.starts_with(begin))
}

/// No data is a normal answer to this query of this panel.
fn may_stay_empty((panel, query): &(String, String)) -> bool {
    NORMALLY_EMPTY.iter().any(|(name, _)| name == panel)
        || NOT_MOVED.iter().any(|(begin, _)| query.contains(begin))
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
