//! Inputs of pools sent to a service in files come to what they come to on a directory.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use zeitgeber_tests::{Service, command, dir, json, json_lines, run, verify, write_lines};

use super::{answer, configured, remote, shared, words};

const START_MS: i64 = 1_740_971_940_000;

/// Two pools at work, with what is wrong, repeated, stale, and what leaves type or pool out.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut at_ms = START_MS;
    for (pool, tenant, policy) in
        [("learns", "default", "linucb"), ("turns é", "clinic b", "round_robin")]
    {
        let mut put = |kind: &str, rest: Value| {
            at_ms += 250;
            let mut line = json!({
                "type": kind, "pool": pool, "tenant": tenant, "ts": at_ms, "recv_ts": at_ms,
            });
            for (key, value) in rest.as_object().expect("the rest is an object") {
                line[key] = value.clone();
            }
            lines.push(line.to_string());
        };
        put("submit", json!({"task": "too early"}));
        put("pool", json!({"policy": policy, "timeout_ms": 2000}));
        for agent in ["a", "b"] {
            put("register", json!({"agent": agent, "capacity": 2}));
        }
        for n in 0..60_usize {
            let (task, agent) = (format!("t{n}"), ["a", "b"][n % 2]);
            put("submit", json!({"task": task, "features": [n % 2, n % 3]}));
            // Leases grow one by one, so a guess is right or stale; both have their outcome.
            let lease = n + 1;
            put("result", json!({"task": task, "agent": agent, "lease": lease, "success": true}));
            put("heartbeat", json!({"agent": agent}));
        }
        put("submit", json!({"task": "t7", "features": [1, 1]}));
        put("submit", json!({"task": "t7", "priority": "low"}));
        put("submit", json!({"task": 7}));
        put("unheard of", json!({"task": "t"}));
    }
    lines.extend([
        json!({"task": "no type", "pool": "learns", "recv_ts": at_ms}).to_string(),
        json!({"type": "submit", "task": "no pool", "recv_ts": at_ms}).to_string(),
        String::new(),
        "no json".into(),
    ]);
    lines.push(lines[2].clone());
    lines
}

#[test]
fn inputs_of_pools_come_to_the_same_of_a_service_as_of_a_directory() {
    let dir = dir();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    let file = dir.path().join("tasks.jsonl");
    write_lines(&file, &lines());
    configured(&other);
    let service = Service::start(&log);
    let take = |mut to: Command, outcomes: &Path| {
        to.arg(&file).args(["--as", "tasks", "--json", "--outcomes"]).arg(outcomes);
        shared(json(&mut to))
    };
    let (far, near) = (dir.path().join("far.jsonl"), dir.path().join("near.jsonl"));
    let told = take(remote("ingest", &service), &far);
    assert_eq!(told, take(command("ingest", &other), &near));
    let text = |path: &Path| fs::read_to_string(path).expect("the outcomes are there");
    assert_eq!(text(&far), text(&near));
    assert_eq!(text(&far).lines().count(), lines().len());
    for key in ["commands", "assignments", "completions", "refused", "repeats"] {
        assert!(told[key].as_u64() > Some(0), "{key}: {told}");
    }
    for reason in ["missing_field", "not_json", "unknown_kind", "stale_lease", "unknown_pool"] {
        assert!(text(&far).contains(&format!("\"reason\":\"{reason}\"")), "{reason}");
    }
    let decisions =
        json_lines(remote("events", &service).args(["--type", "decision_made", "--json"]));
    let id = decisions[3]["event"]["decision_id"].as_str().expect("a decision's id").to_owned();
    let explained: Vec<_> = [&[][..], &["--json"]]
        .into_iter()
        .map(|form| answer(remote("explain", &service).arg(&id).args(form)))
        .collect();
    service.stop();
    let expected =
        [&[][..], &["--json"]].map(|form| answer(command("explain", &log).arg(&id).args(form)));
    assert_eq!(explained, expected);
    assert!(explained[0].1.contains("of pool learns"), "{}", explained[0].1);
    assert_eq!(verify(&log).digest, verify(&other).digest);
    let again = run(command("ingest", &other).arg(&file).args(["--as", "tasks"])).stdout;
    assert!(words(&again).contains("skipped"), "a directory knows the file");
}

#[test]
fn a_container_holds_no_inputs_of_pools_wherever_they_are_sent() {
    let dir = dir();
    let file = dir.path().join("odd.avro");
    fs::write(&file, super::container(&super::odd_lines()[..3])).expect("the file can be written");
    let service = Service::start(&dir.path().join("log"));
    let refused = |mut to: Command| {
        let said = zeitgeber_tests::refused(to.arg(&file).args(["--as", "tasks"]));
        said.lines().last().unwrap_or_default().to_owned()
    };
    let far = refused(remote("ingest", &service));
    assert!(far.contains("JSON lines"), "{far}");
    assert_eq!(far, refused(command("ingest", &dir.path().join("other"))));
    service.stop();
}
