//! The same inputs of pools over HTTP and by file give the same log.

use serde_json::{Value, json};
use zeitgeber_tests::{Service, command, dir, http::post, json as printed, verify, write_lines};

use super::kit::{NDJSON, START_MS};

/// Lines of one request.
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
    for batch in lines.chunks(BATCH) {
        let answer = post(at, "/v1/tasks", NDJSON, batch.join("\n").as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        refused += answer.json()["rejected"].as_u64().expect("it counts");
    }
    service.stop();
    assert_eq!(counts["refused"], refused);
    assert!(refused > 10, "some leases were stale, some inputs wrong: {refused}");
    assert_eq!(verify(&over_http).digest, verify(&by_file).digest);
}
