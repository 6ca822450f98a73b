//! Lists of pools, tasks and agents, page by page and whole.

use std::{collections::BTreeSet, net::SocketAddr, process::Command};

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, dir,
    http::{get, post},
    json as printed, zeitgeber,
};

use super::kit::{NDJSON, START_MS, is_problem};

/// More than a client asks for at a time.
const TASKS: usize = 1_203;
const AGENTS: usize = 57;

/// Tasks of which a few are called off, and agents that can do none of them.
fn fill(at: SocketAddr) {
    let line = |fields: Value| {
        let mut line = json!({"pool": "p", "recv_ts": START_MS});
        for (key, value) in fields.as_object().expect("an object") {
            line[key] = value.clone();
        }
        line.to_string()
    };
    let agents = (0..AGENTS).map(|n| line(json!({"type": "register", "agent": format!("a{n}")})));
    let tasks = (0..TASKS).map(|n| {
        line(json!({"type": "submit", "task": format!("t{n}"), "capabilities": ["none has it"]}))
    });
    let off = (0..TASKS)
        .filter(|n| n % 10 == 0)
        .map(|n| line(json!({"type": "cancel", "task": format!("t{n}")})));
    let others = ["o2", "o1"].map(|pool| json!({"type": "register", "agent": "a", "pool": pool}));
    let others = others.map(|mut other| {
        other["recv_ts"] = START_MS.into();
        other.to_string()
    });
    let lines: Vec<String> = agents.chain(tasks).chain(off).chain(others).collect();
    let told = post(at, "/v1/tasks", NDJSON, lines.join("\n").as_bytes()).json();
    assert_eq!(told["accepted"], lines.len(), "{}", told["counts"]);
}

/// The ids on all pages of a list, and how many pages there were.
fn pages(at: SocketAddr, path: &str, list: &str, id: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = get(at, &format!("{path}{after}")).json();
        let rows = page[list].as_array().unwrap_or_else(|| panic!("{path}{after}: {page}"));
        ids.extend(rows.iter().map(|row| row[id].as_str().expect("an id").to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (ids, pages),
        }
    }
}

#[test]
fn pages_of_a_list_hold_each_row_once() {
    let dir = dir();
    let service = Service::start(dir.path());
    let at = service.address();
    fill(at);
    let (tasks, asked) = pages(at, "/v1/tasks?pool=p&limit=100", "tasks", "id");
    let distinct: BTreeSet<_> = tasks.iter().collect();
    assert_eq!((tasks.len(), distinct.len(), asked), (TASKS, TASKS, 13));
    let (off, asked) = pages(at, "/v1/tasks?pool=p&limit=11&state=cancelled", "tasks", "id");
    // 121 of them: the eleventh page is full, and the last one.
    assert_eq!((off.len(), asked), (TASKS.div_ceil(10), 11));
    assert!(off.iter().all(|id| id.ends_with('0')), "{off:?}");
    let (agents, asked) = pages(at, "/v1/agents?pool=p&limit=20", "agents", "id");
    let joined: Vec<_> = (0..AGENTS).map(|n| format!("a{n}")).collect();
    assert_eq!((agents, asked), (joined, 3));
    let (pools, asked) = pages(at, "/v1/pools?limit=1", "pools", "pool");
    assert_eq!((pools, asked), (vec!["o1".into(), "o2".into(), "p".into()], 3));
    assert_eq!(get(at, "/v1/agents?pool=p&after=9999").json(), json!({"agents": [], "next": null}));
    for wrong in [
        "tasks?pool=p&after=x",
        "tasks?pool=p&after=%2B5",
        "agents?pool=p&after=-1",
        "pools?after=",
    ] {
        is_problem(&get(at, &format!("/v1/{wrong}")), 400, "malformed");
    }
    service.stop();
}

#[test]
fn commands_list_all_of_a_service_as_of_its_directory() {
    let dir = dir();
    let log = dir.path().join("log");
    let service = Service::start(&log);
    fill(service.address());
    let questions: [&[&str]; 5] = [
        &["tasks", "list", "--pool", "p"],
        &["tasks", "list", "--pool", "p", "--state", "queued", "--limit", "1050"],
        &["agents", "list", "--pool", "p"],
        &["agents", "list", "--pool", "p", "--limit", "5"],
        &["pools", "list"],
    ];
    let ask = |place: &[&str]| -> Vec<Value> {
        let command = |question: &&[&str]| {
            let mut command: Command = zeitgeber();
            printed(command.args(*question).args(place).arg("--json"))
        };
        questions.iter().map(command).collect()
    };
    let far = ask(&["--to", &service.url("")]);
    service.stop();
    assert_eq!(far, ask(&["--data-dir", log.to_str().expect("a path in UTF-8")]));
    let count = |n: usize, list: &str| far[n][list].as_array().map(Vec::len);
    assert_eq!((count(0, "tasks"), &far[0]["more"]), (Some(TASKS), &json!(false)));
    assert_eq!((count(1, "tasks"), &far[1]["more"]), (Some(1_050), &json!(true)));
    assert_eq!((count(2, "agents"), count(3, "agents")), (Some(AGENTS), Some(5)));
    assert_eq!(count(4, "pools"), Some(3));
}
