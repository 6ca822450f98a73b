//! Orders about decisions to a running service: a stop stops there, and a candidate comes and goes.

use std::fs;

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, dir,
    http::{get, post, request},
    json as printed, json_lines, refused, run, sample_dir, sample_lines, verify, write_lines,
    zeitgeber,
};

const JSON: &str = "application/json";

fn policy(service: &Service, args: &[&str]) -> Value {
    printed(zeitgeber().arg("policy").args(args).args(["--to", &service.url(""), "--json"]))
}

fn order(service: &Service, order: &Value) -> (u16, Value) {
    let path = "/v1/policy/orders";
    let answer = post(service.address(), path, JSON, order.to_string().as_bytes());
    (answer.status, answer.json())
}

#[test]
fn what_is_stopped_while_the_service_runs_decides_nothing_from_there_on() {
    let dir = dir();
    let service = Service::start_with(&dir.path().join("data"), &["--set", "clock.mode=inputs"]);
    let lines = sample_lines();
    let part = |number: usize| {
        let file = dir.path().join(format!("{number}.jsonl"));
        let length = lines.len() / 6;
        write_lines(&file, &lines[number * length..(number + 1) * length]);
        let mut ingest = zeitgeber();
        ingest.arg("ingest").arg(&file).args(["--to", &service.url("")]);
        run(ingest.arg("--profiles").arg(sample_dir().join("users.json")));
    };
    let decided = || {
        let mut events = zeitgeber();
        events.args(["events", "--to", &service.url(""), "--topic", "routing.decisions"]);
        let rows = json_lines(events.arg("--json"));
        rows.iter().filter(|row| row["event"]["type"] == "decision_made").count()
    };
    part(0);
    let before = decided();
    assert!(before > 0);
    let told = policy(&service, &["stop", "--all"]);
    let partitions = told["partitions"].as_array().expect("partitions").len();
    assert!(
        told["partitions"].as_array().expect("them").iter().all(|p| p["outcome"] == "accepted")
    );
    let again = policy(&service, &["stop", "--all"]);
    assert!(
        again["partitions"].as_array().expect("them").iter().all(|p| p["outcome"] == "duplicate")
    );
    let views = get(service.address(), "/v1/policy").json();
    assert_eq!(views["partitions"].as_array().expect("partitions").len(), partitions);
    assert!(views["partitions"][0]["all_stopped"].as_bool().expect("it is told"));
    let status = get(service.address(), "/v1/users/u09/status").json();
    assert_eq!(status["stopped"], "all", "{status}");
    part(1);
    assert_eq!(decided(), before, "nothing is decided while everything is stopped");
    policy(&service, &["resume", "--all"]);
    part(2);
    assert!(decided() > before);

    let (status, refused) =
        order(&service, &json!({"step": "stop", "scope": "arm", "name": "nab"}));
    assert_eq!(status, 422, "{refused}");
    assert!(refused["detail"].as_str().expect("words").contains("nab"), "{refused}");
    assert_eq!(order(&service, &json!({"step": "stop"})).0, 422);
    assert_eq!(order(&service, &json!({"step": "halt"})).0, 400);
    assert_eq!(order(&service, &json!({"step": "promote"})).0, 422);
    let (status, told) =
        order(&service, &json!({"step": "stop", "scope": "person", "name": "u09"}));
    assert_eq!((status, told["partitions"].as_array().expect("one").len()), (200, 1));
    service.stop();
    verify(&dir.path().join("data"));
}

#[test]
fn a_candidate_comes_to_a_running_service_and_is_promoted() {
    let dir = dir();
    let service = Service::start(&dir.path().join("data"));
    let file = dir.path().join("candidate.toml");
    fs::write(&file, "[decisions]\nversion = \"2\"\n[decisions.rule]\nkind = \"thompson\"\n")
        .expect("it can be written");
    let file = file.to_str().expect("it is text");
    policy(&service, &["canary", file, "--percent", "20"]);
    let status = policy(&service, &["status"]);
    let candidate = &status["partitions"][0]["candidate"];
    let seen = (&candidate["version"], &candidate["stage"], &candidate["percent"]);
    assert_eq!(seen, (&json!("2"), &json!("canary"), &json!(20)));
    let put = |body: &Value| {
        let media = [("content-type", JSON)];
        let body = body.to_string();
        let path = "/v1/policy/candidate";
        request(service.address(), "PUT", path, &media, body.as_bytes())
    };
    let wrong = put(&json!({"stage": "shadow", "decisions": {"policy": {"epsilom": 0.1}}}));
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.json()["detail"].as_str().expect("words").contains("epsilon"),
        "{:?}",
        wrong.json()
    );
    assert_eq!(put(&json!({"stage": "canary", "decisions": {"version": "3"}})).status, 422);
    policy(&service, &["promote"]);
    let promoted = policy(&service, &["status"]);
    assert_eq!(promoted["partitions"][0]["active"]["version"], "2");
    service.stop();
    let data = dir.path().join("data");
    let said = refused(zeitgeber().args(["policy", "drop", "--data-dir"]).arg(&data));
    assert!(said.contains("no candidate"), "{said}");
}
