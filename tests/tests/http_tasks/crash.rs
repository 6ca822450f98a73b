//! A service that is killed with tasks in flight: what was acknowledged is there, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use zeitgeber_tests::{Service, dir, http::get, verify};

use super::kit::JSON;

/// Threads that submit, and threads that work.
const THREADS: usize = 3;
/// Acknowledged results before the service is killed.
const RESULTS: usize = 40;

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    tasks: Mutex<BTreeSet<String>>,
    results: Mutex<BTreeSet<String>>,
}

/// Sends a request; none where there is no whole answer any more.
fn sent(at: SocketAddr, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: {JSON}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    asked(at, &request)
}

fn asked(at: SocketAddr, request: &str) -> Option<(u16, Value)> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

fn submit(at: SocketAddr, thread: usize, known: &Acknowledged, over: &AtomicBool) {
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let task = format!("t{thread}-{n}");
        if let Some((201, _)) = sent(at, "/v1/tasks", &json!({"task": task})) {
            known.tasks.lock().expect("nobody panics").insert(task);
        }
    }
}

fn work(at: SocketAddr, agent: &str, known: &Acknowledged, over: &AtomicBool) {
    let request = format!(
        "GET /v1/agents/{agent}/assignments?wait_ms=1000 HTTP/1.1\r\nhost: test\r\n\
         connection: close\r\n\r\n"
    );
    while !over.load(Ordering::Relaxed) {
        let Some((200, told)) = asked(at, &request) else { continue };
        for held in told["assignments"].as_array().expect("a list") {
            let task = held["task"].as_str().expect("a task has an id");
            let under = json!({"agent": agent, "lease": held["lease"]});
            if sent(at, &format!("/v1/tasks/{task}/start"), &under).is_none() {
                continue;
            }
            let done = json!({"agent": agent, "lease": held["lease"], "success": true});
            if let Some((200, _)) = sent(at, &format!("/v1/tasks/{task}/result"), &done) {
                known.results.lock().expect("nobody panics").insert(task.to_owned());
            }
        }
    }
}

#[test]
fn every_acknowledged_task_outlives_a_kill_once_and_in_its_state() {
    let dir = dir();
    // The clock is the service's own: it stamps what comes without a time.
    let mut service = Service::start_with(dir.path(), &[]);
    let at = service.address();
    for n in 0..THREADS {
        let agent = json!({"agent": format!("a{n}"), "capacity": 4});
        assert_eq!(sent(at, "/v1/agents", &agent).map(|told| told.0), Some(200));
    }
    let (known, over) = (Acknowledged::default(), AtomicBool::new(false));
    thread::scope(|threads| {
        for n in 0..THREADS {
            let (known, over) = (&known, &over);
            threads.spawn(move || submit(at, n, known, over));
            threads.spawn(move || work(at, &format!("a{n}"), known, over));
        }
        while known.results.lock().expect("nobody panics").len() < RESULTS {
            thread::sleep(Duration::from_millis(5));
        }
        service.kill();
        over.store(true, Ordering::Relaxed);
    });
    let service = service.kill_and_restart();
    let (tasks, results) = (known.tasks.into_inner(), known.results.into_inner());
    let (tasks, results) = (tasks.expect("nobody panicked"), results.expect("nobody panicked"));
    for task in &tasks {
        let told = get(at, &format!("/v1/tasks/{task}"));
        assert_eq!(told.status, 200, "{task} was acknowledged");
        let state = told.json()["state"].as_str().expect("a task has a state").to_owned();
        if results.contains(task) {
            assert_eq!(state, "completed", "the result of {task} was acknowledged");
        }
        assert!(["queued", "assigned", "started", "completed"].contains(&&*state), "{state}");
    }
    let mut submitted: BTreeMap<String, u32> = BTreeMap::new();
    let mut next = String::new();
    loop {
        let path = format!("/v1/events?type=task_queued&limit=1000{next}");
        let page = get(at, &path).json();
        for row in page["events"].as_array().expect("a list") {
            let task = row["event"]["task"].as_str().expect("a task has an id");
            *submitted.entry(task.to_owned()).or_default() += 1;
        }
        let Some(after) = page["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    assert!(submitted.values().all(|times| *times == 1), "each is there once: {submitted:?}");
    assert!(tasks.iter().all(|task| submitted.contains_key(task)));
    let again = sent(at, "/v1/tasks", &json!({"task": "t0-0"})).expect("it answers");
    assert_eq!((again.0, &again.1["duplicate"]), (200, &json!(1)), "a repeat stays one");
    service.stop();
    verify(dir.path());
}
