//! The same inputs of pools over HTTP and by file give the same log.

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, command, dir,
    http::{post, request},
    json as printed, verify, write_lines,
};

use super::kit::{JSON, NDJSON, START_MS};

/// Lines of one request; every second request sends its lines one by one to their own paths.
const BATCH: usize = 25;

/// Two pools, one that learns: agents come and go, tasks succeed, fail, time out, are cancelled;
/// some of it is wrong or repeated.
fn stream() -> Vec<Value> {
    let mut lines = Vec::new();
    for (pool, policy) in [("learns", "linucb"), ("turns", "round_robin")] {
        let mut at_ms = START_MS;
        let mut put = |kind: &str, rest: Value| {
            at_ms += 250;
            let mut line = json!({"type": kind, "pool": pool, "ts": at_ms, "recv_ts": at_ms});
            for (key, value) in rest.as_object().expect("the rest is an object") {
                line[key] = value.clone();
            }
            lines.push(line);
            at_ms
        };
        put("submit", json!({"task": "too early"}));
        put("register", json!({"agent": "too much", "capacity": 1000}));
        put("pool", json!({"policy": policy, "heartbeat_ttl_ms": 5000, "timeout_ms": 2000}));
        for agent in ["a", "b", "c"] {
            put("register", json!({"agent": agent, "capacity": 2}));
        }
        for n in 0..40_usize {
            let (task, agent) = (format!("t{n}"), ["a", "b", "c"][n % 3]);
            put("submit", json!({"task": task, "features": [n % 2, n % 3]}));
            // Leases grow one by one, so a guess is right or stale; both have their answer.
            put("start", json!({"task": task, "agent": agent, "lease": n + 1}));
            let success = n % 4 != 0;
            put(
                "result",
                json!({"task": task, "agent": agent, "lease": n + 1, "success": success}),
            );
            if n % 5 == 0 {
                put("cancel", json!({"task": format!("t{}", n / 2)}));
                put("heartbeat", json!({"agent": "a"}));
                let now_ms = put("heartbeat", json!({"agent": "b"}));
                put("tick", json!({"at_ms": now_ms + 250}));
            }
        }
        put("submit", json!({"task": "t7", "features": [1, 1]}));
        put("submit", json!({"task": "t7", "priority": "low"}));
        put("drain", json!({"agent": "b"}));
        put("leave", json!({"agent": "a"}));
    }
    lines
}

/// Where one input is sent by its own path.
fn path(line: &Value) -> (&'static str, String) {
    let text = |key: &str| line[key].as_str().unwrap_or("").replace(' ', "%20");
    let pool = text("pool");
    match line["type"].as_str().expect("each has a type") {
        "submit" | "tick" => ("POST", "/v1/tasks".into()),
        "register" => ("POST", "/v1/agents".into()),
        "pool" => ("PUT", format!("/v1/pools/{pool}")),
        kind @ ("cancel" | "start" | "result") => {
            ("POST", format!("/v1/tasks/{}/{kind}?pool={pool}", text("task")))
        }
        kind => ("POST", format!("/v1/agents/{}/{kind}?pool={pool}", text("agent"))),
    }
}

#[test]
fn the_inputs_of_pools_over_http_and_by_file_give_the_same_digest() {
    let dir = dir();
    let (by_file, over_http) = (dir.path().join("file"), dir.path().join("http"));
    let stream = stream();
    let lines: Vec<String> = stream.iter().map(Value::to_string).collect();
    let input = dir.path().join("tasks.jsonl");
    write_lines(&input, &lines);
    let mut ingest = command("ingest", &by_file);
    let counts = printed(ingest.arg(&input).args(["--as", "tasks", "--json"]));

    let service = Service::start(&over_http);
    let at = service.address();
    let mut refused = 0;
    for (n, batch) in stream.chunks(BATCH).enumerate() {
        let texts: Vec<String> = batch.iter().map(Value::to_string).collect();
        if n % 2 == 0 {
            let answer = post(at, "/v1/tasks", NDJSON, texts.join("\n").as_bytes());
            assert_eq!(answer.status, 200, "{answer:?}");
            refused += answer.json()["rejected"].as_u64().expect("it counts");
            continue;
        }
        for (line, text) in batch.iter().zip(&texts) {
            let (method, path) = path(line);
            let answer = request(at, method, &path, &[("content-type", JSON)], text.as_bytes());
            let is_known = [200, 201, 404, 409, 422].contains(&answer.status);
            assert!(is_known, "{method} {path} {text}: {answer:?}");
            refused += u64::from(answer.status >= 400);
        }
    }
    service.stop();
    assert_eq!(counts["refused"], refused);
    assert!(refused > 10, "some leases were stale, some inputs wrong: {refused}");
    assert_eq!(verify(&over_http).digest, verify(&by_file).digest);
}
