//! What a service tells about itself: the catalogue and its document, the numbers, the log lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use tempfile::TempDir;
use tower::ServiceExt;
use zeitgeber::{
    bench::{Load, Plan},
    config::Config,
    cycle::{Ack, Announced, Counts, Wants, tally},
    door::{Options, avro, feedback},
    engine::{Engine, Handle, Listener},
    http::{App, Parts, Waiters, router},
    ingest::Intake,
    state::Memory,
    stream::{Bell, Hub, StreamSettings},
    telemetry::{self, Metrics, catalogue, logs},
};
use zeitgeber_schemas::PartitionId;

#[path = "kit/engine.rs"]
mod kit;
#[path = "telemetry/people.rs"]
mod people;
#[path = "telemetry/pool.rs"]
mod pool;

use kit::{AMPLE, SETTINGS};

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

/// Keeps the decisions that it hears of.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Announced>>>);

impl Listener for Heard {
    fn lost(&mut self, _: PartitionId) {}

    fn wants(&self) -> Wants {
        Wants { decisions: true, ..Wants::default() }
    }

    fn durable(&mut self, acks: &[Ack]) {
        let decisions = acks.iter().flat_map(|ack| ack.decisions.iter().cloned());
        self.0.lock().expect("nobody panics").extend(decisions);
    }
}

fn open(dir: &Path, listener: impl Listener + 'static) -> Engine {
    kit::open(dir, &SETTINGS, AMPLE, listener)
}

fn settle(handle: &Handle, intake: Intake) {
    handle.settle(intake).expect("it becomes durable");
}

/// Days of four people, dirt included, then feedback on what was decided.
fn fill(handle: &Handle, heard: &Heard) {
    let load = Load::new(Plan { people: 4, readings: 40_000 }).expect("the sample is there");
    let mut intake = handle.intake();
    for profile in load.profiles() {
        intake.take_profile(1, &profile);
    }
    settle(handle, intake);
    let datums: Vec<&[u8]> = load.avro().collect();
    for datums in datums.chunks(2_000) {
        let mut intake = handle.intake();
        for (datum, number) in datums.iter().zip(1..) {
            let (mut rest, mut encoded) = (*datum, Vec::new());
            match avro::reading(&mut rest, &OPTIONS, &mut encoded) {
                Ok(head) => intake.reading_avro(number, &head.envelope, &encoded),
                Err(refusal) => intake.refused_bytes(number, &refusal, datum),
            }
        }
        settle(handle, intake);
    }
    let decisions = heard.0.lock().expect("nobody panics").clone();
    let mut intake = handle.intake();
    for (made, number) in decisions.iter().rev().take(20).zip(1..) {
        let line = format!(
            r#"{{"id":"f{number}","decision_id":"{}","ts":{at},"recv_ts":{at},"outcome":"accepted"}}"#,
            made.decision.decision_id,
            at = made.decision.at_ms + 60_000,
        );
        let taken = feedback::feedback(line.as_bytes());
        intake.take_feedback(number, &taken.expect("it is feedback"), line.as_bytes());
    }
    settle(handle, intake);
}

/// Values by name and labels, as a scrape sees them.
fn scrape(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            (series, value.parse().expect("a number"))
        })
        .collect()
}

fn sum(values: &BTreeMap<&str, f64>, name: &str) -> f64 {
    let of = |series: &str| series.split('{').next() == Some(name);
    values.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
}

#[test]
fn every_metric_is_named_by_the_grammar_and_described() {
    const UNITS: [&str; 9] =
        ["seconds", "bytes", "ratio", "points", "count", "events", "records", "batches", "info"];
    let mut names = BTreeSet::new();
    for metric in catalogue::all() {
        let name = metric.name;
        assert!(names.insert(name), "{name} stands twice");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(name.starts_with("zeitgeber_") && name.bytes().all(plain), "{name}");
        let counts = matches!(metric.kind, catalogue::Kind::Counter);
        assert_eq!(name.ends_with("_total"), counts, "{name}: `_total` is for counters");
        let unit = name.trim_end_matches("_total").rsplit('_').next().unwrap_or_default();
        let noun = counts && unit.ends_with('s');
        assert!(UNITS.contains(&unit) || noun, "{name}: {unit} is no unit");
        assert!(metric.help.len() > 5 && !metric.help.ends_with('.'), "{name}: {}", metric.help);
        assert!(!metric.recorded.is_empty(), "{name} is recorded by nobody");
        for label in metric.labels {
            assert!(
                !["user", "user_id", "person", "subject", "id"].contains(&label.name),
                "{name}"
            );
            if let catalogue::Values::Of(values) = label.values {
                assert!((1..=64).contains(&values().len()), "{name}: {}", label.name);
            }
        }
        if let catalogue::Kind::Histogram(bounds) = metric.kind {
            assert!(bounds.is_sorted() && bounds.len() <= 16, "{name}");
        }
    }
}

#[test]
fn the_document_of_metrics_is_what_the_catalogue_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let now = telemetry::document();
    if std::env::var_os("ZEITGEBER_BLESS").is_some() {
        fs::write(&path, &now).expect("the document can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (stored.lines().collect(), now.lines().collect());
    let gone: Vec<_> = old.difference(&new).map(|line| format!("- {line}")).collect();
    let come: Vec<_> = new.difference(&old).map(|line| format!("+ {line}")).collect();
    assert!(
        stored == now,
        "docs/metrics.md is not what the catalogue says; make it again with ZEITGEBER_BLESS=1 \
         cargo test -p zeitgeber --test telemetry\n{}\n{}",
        gone.join("\n"),
        come.join("\n")
    );
}

#[test]
fn numbers_of_what_flowed_are_those_that_the_engine_counted() {
    let dir = TempDir::new().expect("there is room for a directory");
    let (metrics, heard) = (Metrics::new(), Heard::default());
    let engine = open(dir.path(), (metrics.recording(), heard.clone()));
    metrics.watch(engine.handle(), Memory::UNBOUNDED);
    fill(&engine.handle(), &heard);
    // States can be asked only while it runs; what they tell is kept.
    drop(metrics.render());
    // Who waits for inputs may hear of them before whoever counts them.
    let counts: Counts = engine.close().expect("it stops cleanly");
    let text = metrics.render();
    metrics.unwatch();
    let values = scrape(&text);
    let is = |name: &str, count: u64| {
        assert_eq!(sum(&values, name), count as f64, "{name}");
        assert!(count > 0, "{name}");
    };
    is("zeitgeber_inputs_total", counts.inputs());
    is("zeitgeber_refusals_total", counts.refused);
    is("zeitgeber_events_total", counts.events);
    is("zeitgeber_analyses_total", counts.analyses);
    is("zeitgeber_analysis_coverage_ratio_count", counts.analyses);
    is("zeitgeber_analysis_sleepiness_points_count", counts.analyses);
    is("zeitgeber_decisions_total", counts.decisions);
    is("zeitgeber_interventions_total", counts.interventions);
    is("zeitgeber_rewards_total", counts.rewards);
    is("zeitgeber_reading_delay_seconds_count", counts.accepted);
    is("zeitgeber_commit_seconds_count", counts.chunks);
    is("zeitgeber_journal_chunks_total", counts.chunks);
    is("zeitgeber_frame_chunks_count_sum", counts.chunks);
    is("zeitgeber_journal_position_events", counts.events);
    let suppressed = counts.decisions - counts.interventions;
    is("zeitgeber_suppressions_total", suppressed);
    let accepted = |kind: &str| {
        values[format!("zeitgeber_inputs_total{{kind=\"{kind}\",outcome=\"accepted\"}}").as_str()]
    };
    assert_eq!(accepted("profile"), 4.0);
    assert_eq!(accepted("configuration"), 4.0);
    let readings: f64 = tally::KINDS[..3].iter().map(|kind| accepted(kind)).sum();
    assert_eq!(readings, counts.accepted as f64);
    assert!(sum(&values, "zeitgeber_core_busy_seconds_total") > 0.0);
    assert!(sum(&values, "zeitgeber_process_resident_bytes") > 1e6);
    assert!(values["zeitgeber_process_start_seconds"] > 1.7e9);
    assert_eq!(values["zeitgeber_learner_arms_count{status=\"active\"}"], 7.0);
    let rewards = values.iter().filter(|(series, _)| series.starts_with("zeitgeber_reward_points"));
    assert!(rewards.clone().count() > 0);
    assert!(rewards.clone().all(|(_, mean)| (0.0..=1.0).contains(mean)), "{rewards:?}");
}

/// Where log lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn capture(metrics: &Metrics, lines: &Lines) -> impl tracing::Subscriber + Send + Sync {
    let (filter, lines) = (tracing_subscriber::EnvFilter::new("trace"), lines.clone());
    logs::subscriber(filter, logs::Look::Json, move || lines.clone(), metrics.registry(), None)
}

fn parts(engine: &Engine) -> Parts {
    let config = Config::layered(None, [], &[]).expect("the defaults fit together");
    let limits = StreamSettings { streams: 1, slow_client: Duration::from_secs(1) };
    let streams = Hub::start(engine.handle().journal(), Bell::new(), limits);
    Parts {
        engine: engine.handle(),
        streams: streams.expect("an open log can be followed"),
        waiters: Waiters::new(),
        service: config.service.clone(),
        clock: config.clock.mode,
        line_bytes_max: config.line_bytes_max(),
        tokens: None,
        onward: None,
        answers_for_others: false,
        observer: Box::new(telemetry::metrics()),
    }
}

async fn ask(app: &App, method: &str, path: &str, sent: Body) -> (u16, String, String) {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/x-ndjson");
    let request = request.body(sent).expect("a request");
    let response = router(app.clone()).oneshot(request).await.expect("routers do not fail");
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].to_str().expect("text").to_owned();
    let body = axum::body::to_bytes(response.into_body(), 16 << 20).await.expect("a body");
    (status, id, String::from_utf8(body.to_vec()).expect("text"))
}

#[test]
fn a_service_tells_every_metric_and_its_logs_lead_to_positions_and_hold_nothing_personal() {
    let dir = TempDir::new().expect("there is room for a directory");
    let (metrics, heard, lines) = (telemetry::metrics(), Heard::default(), Lines::default());
    let subscriber = tracing::subscriber::set_default(capture(metrics, &lines));
    pool::work(dir.path(), metrics.recording());
    let engine = open(dir.path(), (metrics.recording(), heard.clone()));
    metrics.watch(engine.handle(), Memory::UNBOUNDED);
    fill(&engine.handle(), &heard);
    let app = App::new(parts(&engine));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (well, missing, posted, text) = runtime.expect("a runtime starts").block_on(async {
        let path = "/v1/users/SECRETUSER7/nothing?token=SECRETQUERY";
        let well = ask(&app, "GET", "/healthz", Body::empty()).await;
        let missing = ask(&app, "GET", path, Body::empty()).await;
        let posted = ask(&app, "POST", "/v1/readings", marked()).await;
        // Another second, so that states are read again.
        tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
        (well, missing, posted, ask(&app, "GET", "/metrics", Body::empty()).await)
    });
    let tail = |partition| engine.handle().journal().tail(PartitionId(partition)).next_position;
    let tails = [0, 1, 2, 3].map(tail);
    metrics.unwatch();
    engine.close().expect("it stops cleanly");
    drop(subscriber);
    assert_eq!((well.0, missing.0, posted.0, text.0), (200, 404, 200, 200), "{}", posted.2);
    let log = String::from_utf8(lines.0.lock().expect("nobody panics").clone()).expect("text");
    holds_nothing_personal(&log);
    let answered = |id: &str| {
        let mut found = log.lines().filter(|line| line.contains("answered") && line.contains(id));
        let line = found.next().unwrap_or_else(|| panic!("no line of {id} in {log}"));
        serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON")
    };
    let line = answered(&well.1);
    assert_eq!(line["span"]["route"], "/healthz");
    assert_eq!(line["span"]["status"], 200);
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert_eq!(answered(&missing.1)["span"]["route"], telemetry::UNMATCHED);
    let line = answered(&posted.1);
    assert_eq!(line["span"]["route"], "/v1/readings");
    let positions = line["span"]["positions"].as_str().expect("it says where the inputs are");
    for position in positions.split(' ') {
        let (partition, next) = position.split_once(':').expect("partition and position");
        let partition: usize = partition.parse().expect("a partition");
        let next: u64 = next.parse().expect("a position");
        assert!((1..=tails[partition]).contains(&next), "{positions} of {tails:?}");
    }
    let values = scrape(&text.2);
    // The bus has tests of its own, on real brokers.
    let alone = |metric: &&catalogue::Metric| {
        !["zeitgeber_kafka_", "zeitgeber_cluster_"].iter().any(|bus| metric.name.starts_with(bus))
    };
    for metric in catalogue::all().filter(alone) {
        let name = match metric.kind {
            catalogue::Kind::Histogram(_) => format!("{}_count", metric.name),
            _ => metric.name.into(),
        };
        let told = values.keys().any(|series| series.split('{').next() == Some(&name));
        assert!(told, "{name} is in the catalogue, and nothing sets it");
        assert!(text.2.contains(&format!("# HELP {} ", metric.name)), "{name} lacks its help");
    }
    let known: BTreeSet<_> = catalogue::all().map(|metric| metric.name).collect();
    for series in values.keys() {
        let name = series.split('{').next().unwrap_or_default();
        let stems = ["", "_count", "_sum", "_bucket"].map(|end| name.strip_suffix(end));
        assert!(stems.into_iter().flatten().any(|name| known.contains(name)), "{series}");
    }
    assert!(!text.2.contains("SECRET"));
    let is = |series: &str, value: f64| assert_eq!(values.get(series), Some(&value), "{series}");
    is("zeitgeber_tasks_count{pool=\"work\",state=\"completed\"}", 1.0);
    is("zeitgeber_task_events_total{pool=\"work\",event=\"task_assigned\"}", 2.0);
    is("zeitgeber_task_run_seconds_sum{pool=\"work\"}", 2.0);
    is("zeitgeber_task_wait_seconds_count{priority=\"high\"}", 2.0);
    is("zeitgeber_agents_count{pool=\"work\",health=\"healthy\"}", 1.0);
    is("zeitgeber_agent_slots_count{pool=\"work\",state=\"busy\"}", 1.0);
    is("zeitgeber_agent_slots_count{pool=\"work\",state=\"free\"}", 3.0);
    assert!(sum(&values, "zeitgeber_log_lines_total") > 0.0);
}

/// Readings of marked people: one unknown, one that is no JSON.
fn marked() -> Body {
    Body::from(concat!(
        r#"{"id":"SECRETID","user_id":"SECRETUSER1","device_id":"SECRETDEVICE","kind":"imu","#,
        r#""ts":1740971940000,"values":{"steps":4}}"#,
        "\n{\"user_id\":\"SECRETUSER2\", SECRETBODY\n",
    ))
}

fn holds_nothing_personal(log: &str) {
    assert!(log.lines().count() > 3, "{log}");
    let leaks: Vec<_> = log.lines().filter(|line| line.contains("SECRET")).collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
