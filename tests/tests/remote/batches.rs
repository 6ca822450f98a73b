//! Batches that a service takes otherwise: history, and bodies that are too large for it.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use zeitgeber_tests::{Service, command, dir, http::get, json, json_lines, verify, write_lines};

use super::{configured, container, ingest, inputs, remote, shared};

/// Bytes of an id that fills a batch before its inputs do.
const ID_BYTES: usize = 240;
/// Readings with such ids: more than 1 MiB of them, and fewer than a batch holds.
const LONG_IDS: usize = 6_000;

#[test]
fn history_loaded_into_a_service_makes_the_log_that_a_directory_gets() {
    let dir = dir();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    configured(&other);
    let service = Service::start(&log);
    let load = |mut to: Command, outcomes: &str| {
        to.arg("--backfill");
        shared(ingest(to, dir.path(), &dir.path().join(outcomes)))
    };
    let far = load(remote("ingest", &service), "far.jsonl");
    service.stop();
    let near = load(command("ingest", &other), "near.jsonl");
    assert_eq!(far, near);
    assert_eq!((&far["decisions"], &far["interventions"]), (&json!(0), &json!(0)));
    assert!(far["analyses"].as_u64() > Some(0), "{far}");
    let outcomes = |name: &str| fs::read(dir.path().join(name)).expect("the outcomes are there");
    assert_eq!(outcomes("far.jsonl"), outcomes("near.jsonl"));
    assert_eq!(verify(&log).digest, verify(&other).digest);
}

fn long_lines() -> Vec<String> {
    (0..LONG_IDS)
        .map(|n| {
            let ts = 1_740_971_940_000 + n as i64 * 60_000;
            let id = format!("{}-{n:06}", "x".repeat(ID_BYTES - 7));
            let line = json!({
                "id": id, "user_id": "u09", "kind": "imu", "ts": ts, "recv_ts": ts + 5_000,
                "values": {"activity_counts": n % 7 * 40, "epoch_s": 60},
            });
            line.to_string()
        })
        .collect()
}

/// How often the service found a body too large.
fn too_large(service: &Service) -> u64 {
    let text = String::from_utf8(get(service.address(), "/metrics").body).expect("text");
    let counted = |line: &&str| {
        line.starts_with("zeitgeber_http_requests_total{") && line.contains("status=\"413\"")
    };
    let counts = text.lines().filter(counted).filter_map(|line| line.rsplit(' ').next());
    counts.map(|count| count.parse::<u64>().expect("a count")).sum()
}

#[test]
fn a_batch_that_is_too_large_for_the_service_is_sent_in_halves() {
    let dir = dir();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    let (lines, avro) = (dir.path().join("long.jsonl"), dir.path().join("long.avro"));
    let (_, _, profiles) = inputs(dir.path());
    write_lines(&lines, &long_lines());
    fs::write(&avro, container(&long_lines())).expect("the file can be written");
    let clock = "clock.mode=\"inputs\"";
    let service = Service::start_with(&log, &["--set", clock, "--set", "service.body_mib=1"]);
    configured(&other);
    let take = |mut command: Command, file: &Path| -> Value {
        command.arg(file).arg("--profiles").arg(&profiles).arg("--json");
        shared(json(&mut command))
    };
    let far = take(remote("ingest", &service), &lines);
    assert_eq!(far, take(command("ingest", &other), &lines));
    assert_eq!(far["accepted"], LONG_IDS, "{far}");
    let of_lines = too_large(&service);
    assert!(of_lines > 0, "a batch of lines was too large");
    let far = take(remote("ingest", &service), &avro);
    // Ids this long leave the memory of repeats early; each input counts once all the same.
    let count = |key: &str| far[key].as_u64().expect("a count");
    assert_eq!(count("accepted") + count("repeats"), LONG_IDS as u64 + count("profiles"), "{far}");
    assert!(too_large(&service) > of_lines, "a container was too large");

    let huge = dir.path().join("huge.jsonl");
    let line = format!("{{\"id\":\"{}\"}}", "0".repeat((1 << 20) + 1));
    write_lines(&huge, &[line.as_str(), "{\"id\":\"small\"}"]);
    let outcomes = dir.path().join("outcomes.jsonl");
    let mut sending = remote("ingest", &service);
    let sent = sending.arg(&huge).arg("--json").arg("--outcomes").arg(&outcomes).output();
    let sent = sent.expect("the command starts");
    let said = String::from_utf8_lossy(&sent.stderr);
    assert!(said.contains("1 inputs are larger than the service takes"), "{said}");
    let summary: Value = serde_json::from_slice(&sent.stdout).expect("a summary");
    assert_eq!((&summary["refused"], &summary["files"][0]["inputs"]), (&json!(2), &json!(2)));
    let told = fs::read_to_string(&outcomes).expect("the outcomes are there");
    let reasons: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["reason"].clone())
        .collect();
    assert_eq!(reasons[0], "oversized", "{told}");
    assert_eq!(reasons.len(), 2, "{told}");
    service.stop();
    let letters = json_lines(command("deadletters", &log).arg("--json"));
    assert_eq!(letters.len(), 1, "what was not sent is no dead letter");
}
