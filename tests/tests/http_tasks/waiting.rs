//! Long polls: woken by an assignment, ended by their time or by a stop.

use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, dir,
    http::{answers, connect, get, post},
};

use super::kit::{NDJSON, Pool};

/// Agents that wait at the same time.
const AGENTS: usize = 1_000;
/// How long they would wait, ms.
const LONG_MS: u64 = 60_000;

/// A request for an agent's tasks that waits for them.
fn wait(pool: &Pool, agent: &str, wait_ms: u64) -> TcpStream {
    let mut stream = connect(pool.at);
    let head = format!(
        "GET /v1/agents/{agent}/assignments?wait_ms={wait_ms} HTTP/1.1\r\nhost: test\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the service takes a head");
    stream
}

fn told(mut stream: TcpStream) -> Vec<Value> {
    let found = answers(&mut stream);
    assert_eq!((found.len(), found[0].status), (1, 200), "{found:?}");
    found[0].json()["assignments"].as_array().expect("a list").clone()
}

#[test]
fn an_agent_that_waits_hears_of_its_task_at_once_and_of_no_other() {
    let dir = dir();
    let service = Service::start(dir.path());
    let mut pool = Pool::new(service.address());
    for agent in ["a", "b"] {
        pool.accepted("/v1/agents", json!({"agent": agent, "capabilities": [agent]}));
    }
    let started = Instant::now();
    assert!(told(wait(&pool, "a", 300)).is_empty());
    assert!(started.elapsed() >= Duration::from_millis(300), "it waited as long as it was told");
    let (a, b) = (wait(&pool, "a", LONG_MS), wait(&pool, "b", LONG_MS));
    // Time to begin to wait. Had they not, they would find the task all the same.
    thread::sleep(Duration::from_millis(300));
    let submitted = Instant::now();
    pool.accepted("/v1/tasks", json!({"task": "t", "capabilities": ["b"]}));
    let of_b = told(b);
    assert!(submitted.elapsed() < Duration::from_millis(LONG_MS / 2));
    assert_eq!((of_b.len(), &of_b[0]["task"]), (1, &json!("t")));
    let stopping = thread::spawn(move || service.stop());
    assert!(told(a).is_empty(), "a stop ends those who wait");
    stopping.join().expect("the service ends well");
}

#[test]
fn a_thousand_agents_wait_and_each_gets_its_own_task() {
    // Each of them has a connection.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).expect("it may rise");
    let dir = dir();
    let service = Service::start(dir.path());
    let pool = Pool::new(service.address());
    let now_ms = pool.now_ms;
    let line = |line: Value| line.to_string();
    let register =
        |n: usize| line(json!({"agent": format!("a{n}"), "labels": {"n": "x"}, "recv_ts": now_ms}));
    let agents: Vec<_> = (0..AGENTS).map(register).collect();
    let answer = post(pool.at, "/v1/agents", NDJSON, agents.join("\n").as_bytes());
    assert_eq!(answer.json()["accepted"], AGENTS);
    let waiting: Vec<_> = (0..AGENTS).map(|n| wait(&pool, &format!("a{n}"), LONG_MS)).collect();
    thread::sleep(Duration::from_millis(500));
    let submit = |n: usize| line(json!({"task": format!("t{n}"), "recv_ts": now_ms + 1}));
    let tasks: Vec<_> = (0..AGENTS).map(submit).collect();
    let submitted = Instant::now();
    let answer = post(pool.at, "/v1/tasks", NDJSON, tasks.join("\n").as_bytes());
    assert_eq!(answer.json()["accepted"], AGENTS);
    let mut given: Vec<String> = Vec::new();
    for stream in waiting {
        let held = told(stream);
        assert_eq!(held.len(), 1, "each agent takes one task at a time");
        given.push(held[0]["task"].as_str().expect("a task has an id").to_owned());
    }
    assert!(submitted.elapsed() < Duration::from_millis(LONG_MS / 2));
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), AGENTS, "no task was given to two agents");
    let started = get(pool.at, "/v1/tasks?state=assigned&limit=1000").json();
    assert_eq!(started["tasks"].as_array().map(Vec::len), Some(AGENTS));
    service.stop();
}
