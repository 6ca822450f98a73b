//! Inputs over HTTP at a node that hands them on.

use std::process::Command;

use serde_json::Value;
use zeitgeber_tests::{
    command, dir,
    http::{get, post, request},
    json, json_lines, refused, run, sample_dir, sample_lines, write_lines, zeitgeber,
};

use super::{bus::PARTITIONS, kit::Cluster};

/// Longest line that is read, KiB.
const LINE_KIB: usize = 16;

#[test]
fn what_a_door_takes_over_http_is_kept_by_the_brokers_and_decided_on_by_a_worker() {
    let cluster = Cluster::made("door", &[]);
    let door = cluster.worker(&["--roles", "door,query"]);
    let profile = br#"{"tz_offset_min":60,"device_scale":"actigraph"}"#;
    let json = [("content-type", "application/json")];
    let put = request(door.address(), "PUT", "/v1/users/u01/profile", &json, profile);
    assert_eq!((put.status, &put.json()["outcome"]), (200, &"queued".into()), "nobody writes yet");
    let worker = cluster.worker(&["--roles", "worker"]);
    cluster.until_read();
    let body = sample_lines()[..500].join(&b'\n');
    let told = post(door.address(), "/v1/readings", "application/x-ndjson", &body);
    let answer = told.json();
    assert_eq!(told.status, 202, "{answer}");
    assert_eq!(answer["queued"], 500);
    assert_eq!(answer["acknowledged_by"], "brokers");
    cluster.until_read();
    // The door asks the log for people whom the worker writes.
    let status = get(door.address(), "/v1/users/u01/status");
    assert_eq!(status.status, 200, "{}", status.json());
    worker.stop();
    door.stop();
}

/// Lines that a door refuses, short and long: too long, of a wrong type, no JSON.
fn refused_lines() -> Vec<Vec<u8>> {
    let long = |bytes: usize| "0".repeat(bytes);
    let user =
        |ts: &str| format!(r#"{{"id":"1","user_id":"u01","kind":"imu","ts":{ts},"values":{{}}}}"#);
    [
        format!(r#"{{"id":"{}"}}"#, long(LINE_KIB << 11)),
        user(&format!("\"{}\"", long(6_000))),
        user("\"soon\""),
        format!("no JSON {}", long(5_000)),
        "no JSON".into(),
    ]
    .map(String::into_bytes)
    .into()
}

#[test]
fn files_sent_to_a_door_are_queued_and_refused_as_they_are_at_any_other() {
    let limit = format!("limits.max_line_kib={LINE_KIB}");
    let cluster = Cluster::made("queued", &[&limit]);
    let door = cluster.worker(&["--roles", "door,query"]);
    let worker = cluster.worker(&["--roles", "worker"]);
    let (dir, users) = (dir(), sample_dir().join("users.json"));
    let (file, log) = (dir.path().join("lines.jsonl"), dir.path().join("log"));
    let lines = [&sample_lines()[..300], &refused_lines()].concat();
    write_lines(&file, &lines);
    let to = |command: &[&str]| {
        let mut sending = zeitgeber();
        sending.args(command).args(["--json", "--to", &door.url("")]);
        sending
    };
    let sent = json(to(&["ingest"]).args(["--as", "profiles"]).arg(&users));
    assert_eq!((&sent["queued"], &sent["profiles"]), (&20.into(), &20.into()), "{sent}");
    cluster.until_read();
    let sent = json(to(&["ingest"]).arg(&file));
    assert_eq!(sent["queued"], lines.len(), "{sent}");
    assert_eq!(sent["accepted"], 0, "what becomes of them is not known yet: {sent}");
    let outcomes = dir.path().join("outcomes.jsonl");
    let said = refused(to(&["ingest"]).arg(&file).arg("--outcomes").arg(&outcomes));
    assert!(said.contains("tells no outcomes: leave --outcomes"), "{said}");
    let put = json(&mut to(&["profile", "ada", "--zone", "Europe/Berlin"]));
    assert!(put["changed"].is_null(), "nobody knows yet: {put}");
    cluster.until_read();
    worker.stop();
    door.stop();

    let mut ingest = command("ingest", &log);
    ingest.arg(&file).arg("--profiles").arg(&users).args(["--set", &limit]);
    run(ingest.args(["--set", &format!("log.partitions={PARTITIONS}")]));
    let letters = |mut asked: Command| {
        let mut letters = json_lines(asked.arg("--json"));
        letters.iter_mut().for_each(|letter| {
            let told = letter.as_object_mut().expect("a letter is an object");
            told.retain(|key, _| {
                ["reason", "detail", "user_id", "raw", "length"].contains(&&**key)
            });
        });
        letters.sort_by_key(Value::to_string);
        letters
    };
    let there = letters(cluster.command(&["deadletters"]));
    assert_eq!(there, letters(command("deadletters", &log)));
    let too_long = there.iter().filter(|letter| letter["reason"] == "oversized");
    let details: Vec<String> = too_long.map(|letter| letter["detail"].to_string()).collect();
    assert_eq!(details.len(), 1, "{there:?}");
    assert!(details[0].contains(&format!("of {} bytes", lines[300].len())), "{details:?}");
}
