//! One pool from its configuration to a task that nobody remembers.

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, dir,
    http::{get, request},
    verify,
};

use super::kit::{JSON, NDJSON, Pool, is_problem};

/// The agent that has a task, with its assignment.
fn holder(pool: &Pool, agents: [&str; 2]) -> (usize, Value) {
    let held = agents.map(|agent| pool.assignments(agent));
    let of = held.iter().position(|held| held.len() == 1).expect("somebody has the task");
    assert!(held[1 - of].is_empty(), "one agent has it at a time: {held:?}");
    (of, held[of][0].clone())
}

#[test]
fn a_task_is_held_by_one_agent_under_one_lease_until_its_result() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut pool = Pool::new(service.address());
    for agent in ["a", "b"] {
        pool.accepted("/v1/agents", json!({"agent": agent, "capabilities": ["ocr"]}));
    }
    let task = json!({
        "task": "t 1/ä", "priority": "high", "capabilities": ["ocr"], "features": [0.5, 2.0],
        "payload": {"inline": {"page": 7}},
    });
    let answer = pool.post("/v1/tasks", task.clone());
    assert_eq!((answer.status, &answer.json()["accepted"]), (201, &json!(1)));
    let address = answer.header("location").expect("a new task has an address").to_owned();
    let (of, assigned) = holder(&pool, ["a", "b"]);
    assert_eq!(assigned["task"], "t 1/ä");
    assert_eq!((&assigned["attempt"], &assigned["priority"]), (&json!(1), &json!("high")));
    assert_eq!(assigned["features"], json!([0.5, 2.0]));
    let payload =
        json!({"content_type": "application/json", "reference": null, "inline": "{\"page\":7}"});
    assert_eq!(assigned["payload"], payload);
    let (mine, other) = (["a", "b"][of], ["a", "b"][1 - of]);

    let repeat = pool.post("/v1/tasks", task.clone());
    assert_eq!((repeat.status, &repeat.json()["duplicate"]), (200, &json!(1)));
    let changed = pool.post("/v1/tasks", json!({"task": "t 1/ä", "priority": "low"}));
    is_problem(&changed, 409, "conflict");

    let path = "/v1/tasks/t%201%2F%C3%A4";
    let lease = assigned["lease"].as_u64().expect("a lease is a number");
    let as_other = json!({"agent": other, "lease": lease});
    let detail = is_problem(&pool.post(&format!("{path}/start"), as_other), 409, "stale-lease");
    assert!(detail.contains(&format!("{mine:?}")), "it says who holds it: {detail}");
    pool.accepted(&format!("{path}/start"), json!({"agent": mine, "lease": lease}));
    assert!(pool.assignments(mine).is_empty(), "what was started is not given out again");
    let left_off = get(pool.at, &format!("/v1/agents/{mine}/assignments?started=true")).json();
    assert_eq!(left_off["assignments"][0]["lease"], lease);
    pool.accepted(&format!("/v1/agents/{mine}/heartbeat"), json!({"leases": [lease]}));
    let stale = pool.post(&format!("/v1/agents/{mine}/heartbeat"), json!({"leases": [77]}));
    is_problem(&stale, 409, "stale-lease");

    let result = json!({"agent": mine, "lease": lease, "success": true, "quality": 0.9});
    pool.accepted(&format!("{path}/result"), result.clone());
    let again = pool.post(&format!("{path}/result"), result);
    assert_eq!((again.status, again.json()), (200, json!({"outcome": "duplicate"})));
    let late = json!({"agent": other, "lease": lease, "success": true});
    for _ in 0..2 {
        let refused = pool.post(&format!("{path}/result"), late.clone());
        let detail = is_problem(&refused, 409, "stale-lease");
        assert!(detail.contains("completed"), "it says how it ended: {detail}");
    }
    let task = get(pool.at, &address).json();
    assert_eq!((&task["state"], &task["outcome"]["quality"]), (&json!("completed"), &json!(0.9)));
    let cancelled = pool.post(&format!("{path}/cancel"), json!({}));
    is_problem(&cancelled, 409, "conflict");
    let agent = get(pool.at, &format!("/v1/agents/{mine}")).json();
    assert_eq!((&agent["completed"], &agent["health"]), (&json!(1), &json!("healthy")));
    service.stop();
    verify(dir.path());
}

#[test]
fn failed_tasks_are_tried_again_and_agents_that_go_give_theirs_back() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut pool = Pool::new(service.address());
    let configuration = json!({
        "policy": "round_robin", "retry": {"max_attempts": 2, "backoff_ms": 5000, "jitter": 0},
    });
    let path = "/v1/pools/default";
    assert_eq!(pool.send("PUT", path, configuration.clone()).status, 200);
    let repeat = pool.send("PUT", path, configuration);
    assert_eq!(repeat.json(), json!({"outcome": "duplicate"}));
    let known = get(pool.at, path).json();
    assert_eq!(known["policy"], "round_robin");
    assert_eq!(known["configuration"]["retry"]["max_attempts"], 2);
    for agent in ["a", "b"] {
        pool.accepted("/v1/agents", json!({"agent": agent}));
    }
    pool.accepted("/v1/tasks", json!({"task": "fails"}));
    let mut leases = Vec::new();
    for attempt in 1..=2 {
        let (of, held) = holder(&pool, ["a", "b"]);
        assert_eq!(held["attempt"], attempt);
        let lease = held["lease"].as_u64().expect("a lease is a number");
        leases.push(lease);
        let agent = ["a", "b"][of];
        let failed = json!({"agent": agent, "lease": lease, "success": false, "error": "ink"});
        pool.accepted("/v1/tasks/fails/result", failed);
        if attempt == 1 {
            assert_eq!(pool.state("fails"), "waiting");
            pool.tick(10_000);
        }
    }
    assert!(leases[1] > leases[0], "leases grow: {leases:?}");
    assert_eq!(pool.state("fails"), "failed");

    pool.accepted("/v1/tasks", json!({"task": "moves"}));
    let (of, first) = holder(&pool, ["a", "b"]);
    let (leaver, stayer) = (["a", "b"][of], ["a", "b"][1 - of]);
    // A body is not needed where there is nothing to say but when it is.
    pool.accepted(&format!("/v1/agents/{leaver}/drain"), json!({}));
    let (_, second) = holder(&pool, [stayer, leaver]);
    assert!(second["lease"].as_u64() > first["lease"].as_u64());
    pool.accepted(&format!("/v1/agents/{leaver}/leave"), json!({}));
    let gone = pool.post(&format!("/v1/agents/{leaver}/heartbeat"), json!({}));
    is_problem(&gone, 404, "unknown-agent");
    pool.accepted("/v1/tasks/moves/cancel", json!({"why": "not wanted"}));
    assert_eq!(pool.post("/v1/tasks/moves/cancel", json!({})).json()["outcome"], "duplicate");
    let late = json!({"agent": stayer, "lease": second["lease"], "success": true});
    let refused = pool.post("/v1/tasks/moves/result", late);
    assert!(is_problem(&refused, 409, "stale-lease").contains("cancelled"));
    let agents = get(pool.at, "/v1/agents").json();
    let health = |n: usize| agents["agents"][n]["health"].clone();
    assert_eq!([health(0), health(1)].iter().filter(|health| **health == "left").count(), 1);
    let list = get(pool.at, "/v1/tasks?state=cancelled").json();
    assert_eq!((&list["tasks"][0]["id"], &list["next"]), (&json!("moves"), &Value::Null));
    let pools = get(pool.at, "/v1/pools").json();
    assert_eq!(pools["pools"][0]["tasks"]["cancelled"], 1);
    service.stop();
    verify(dir.path());
}

#[test]
fn each_line_has_its_outcome_and_what_is_not_there_is_said() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut pool = Pool::new(service.address());
    let at = pool.at;
    let none = pool.post("/v1/tasks", json!({"task": "t"}));
    is_problem(&none, 404, "unknown-pool");
    is_problem(&get(at, "/v1/tasks"), 404, "unknown-pool");
    is_problem(&get(at, "/v1/pools/default"), 404, "unknown-pool");
    is_problem(&get(at, "/v1/agents/a/assignments"), 404, "unknown-pool");
    pool.accepted("/v1/agents", json!({"agent": "a"}));
    is_problem(&get(at, "/v1/tasks/t"), 404, "unknown-task");
    is_problem(&get(at, "/v1/agents/b/assignments"), 404, "unknown-agent");
    is_problem(&get(at, "/v1/agents/a/assignments?wait_ms=60001"), 400, "malformed");
    is_problem(&get(at, "/v1/agents/a/assignments?wait=1"), 400, "malformed");
    is_problem(&pool.post("/v1/tasks/t/cancel", json!({})), 404, "unknown-task");
    is_problem(&pool.post("/v1/agents/b/drain", json!({})), 404, "unknown-agent");
    is_problem(&pool.post("/v1/tasks/t/start", json!({"agent": "a"})), 422, "unprocessable");
    let wild = pool.post("/v1/agents", json!({"agent": "c", "capacity": 1000}));
    is_problem(&wild, 422, "unprocessable");
    let named = pool.post("/v1/tasks/t/cancel", json!({"task": "u"}));
    is_problem(&named, 422, "unprocessable");
    let no_body = request(at, "POST", "/v1/agents/b/leave", &[], b"");
    is_problem(&no_body, 422, "unprocessable");

    let now_ms = pool.now_ms + 1_000;
    let lines = [
        json!({"task": "x", "recv_ts": now_ms}).to_string(),
        json!({"task": "x", "recv_ts": now_ms}).to_string(),
        json!({"task": "x", "recv_ts": now_ms, "priority": "low"}).to_string(),
        json!({"task": "y", "recv_ts": now_ms, "pool": "elsewhere"}).to_string(),
        "no json".into(),
        json!({"type": "register", "agent": "late", "recv_ts": now_ms}).to_string(),
    ];
    let media = [("content-type", NDJSON)];
    let body = lines.join("\n");
    let told = request(at, "POST", "/v1/tasks", &media, body.as_bytes()).json();
    let found: Vec<_> = told["outcomes"].as_array().expect("a list").iter().collect();
    let reasons: Vec<_> = found.iter().map(|line| line["reason"].as_str().unwrap_or("")).collect();
    assert_eq!(reasons, ["", "duplicate", "conflict", "unknown_pool", "not_json", ""]);
    let list = format!("[{},{}]", lines[1], lines[5]);
    let told = request(at, "POST", "/v1/tasks", &[("content-type", JSON)], list.as_bytes());
    assert_eq!(told.status, 200);
    assert_eq!(get(at, "/v1/agents/late").json()["id"], "late");
    service.stop();
    verify(dir.path());
}

#[test]
fn a_finished_task_that_its_pool_forgot_is_told_from_the_log() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut pool = Pool::new(service.address());
    let small = json!({"limits": {"retained": 1}});
    assert_eq!(pool.send("PUT", "/v1/pools/default", small).status, 200);
    pool.accepted("/v1/agents", json!({"agent": "a"}));
    for task in ["old", "new"] {
        pool.accepted("/v1/tasks", json!({"task": task}));
        let held = pool.assignments("a").remove(0);
        let result = json!({"agent": "a", "lease": held["lease"], "success": true});
        pool.accepted(&format!("/v1/tasks/{task}/result"), result);
    }
    let new = get(pool.at, "/v1/tasks/new").json();
    assert!(new["state"] == "completed" && new["forgotten"].is_null(), "{new}");
    let old = get(pool.at, "/v1/tasks/old").json();
    assert_eq!((&old["state"], &old["forgotten"]), (&json!("completed"), &json!(true)));
    let types: Vec<_> = old["events"].as_array().expect("a list").iter().collect();
    let types: Vec<_> = types.iter().map(|row| row["type"].as_str().unwrap_or("")).collect();
    assert_eq!(types, ["task_queued", "task_assigned", "task_completed"]);
    is_problem(&get(pool.at, "/v1/tasks/never"), 404, "unknown-task");
    let late = json!({"agent": "a", "lease": 1, "success": true});
    is_problem(&pool.post("/v1/tasks/old/result", late), 404, "unknown-task");
    service.stop();
}
