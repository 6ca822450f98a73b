//! `zeitgeber policy` on a log: a version goes from the shadow to everybody and back, stops stop, and
//! the log verifies.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use zeitgeber_tests::{
    command, dir, json, json_lines, refused, run, sample_dir, sample_lines, verify, write_lines,
    zeitgeber,
};

fn policy(log: &Path, args: &[&str]) -> Value {
    json(zeitgeber().arg("policy").args(args).arg("--data-dir").arg(log).arg("--json"))
}

/// Takes in a sixth of the sample; the decisions, shadows and withheld ones that came of it.
fn next(log: &Path, part: usize) -> Vec<Value> {
    let seen = if log.exists() { routing(log).len() } else { 0 };
    let lines = sample_lines();
    let length = lines.len() / 6;
    let input = log.with_file_name(format!("part-{part}.jsonl"));
    write_lines(&input, &lines[part * length..(part + 1) * length]);
    run(command("ingest", log).arg(&input).arg("--profiles").arg(sample_dir().join("users.json")));
    routing(log).split_off(seen)
}

fn routing(log: &Path) -> Vec<Value> {
    let rows = json_lines(command("events", log).args(["--topic", "routing.decisions", "--json"]));
    rows.into_iter().map(|row| row["event"].clone()).collect()
}

fn kinds(events: &[Value]) -> BTreeSet<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

#[test]
fn a_version_goes_from_the_shadow_to_everybody_and_back_and_a_stop_stops() {
    let scratch = dir();
    let log = scratch.path().join("log");
    let file = scratch.path().join("candidate.toml");
    let text = "[decisions]\nversion = \"2\"\n[decisions.rule]\nkind = \"thompson\"\n\
                [decisions.model]\nforgetting = \"discount\"\nbucket_h = 24\n";
    fs::write(&file, text).expect("the file can be written");
    let file = file.to_str().expect("it is text");

    assert_eq!(kinds(&next(&log, 0)), BTreeSet::from(["decision_made"]));
    let said = refused(zeitgeber().args(["policy", "promote", "--data-dir"]).arg(&log));
    assert!(said.contains("there is no candidate"), "{said}");

    policy(&log, &["shadow", file]);
    let beside = next(&log, 1);
    assert_eq!(kinds(&beside), BTreeSet::from(["decision_made", "shadow_decided"]));
    let count = |kind| beside.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(count("decision_made"), count("shadow_decided"));

    policy(&log, &["canary", file, "--percent", "40"]);
    let canary = next(&log, 2);
    let parts: BTreeSet<_> = canary
        .iter()
        .map(|made| (made["configuration"].as_str(), made["stage"].as_str()))
        .collect();
    assert_eq!(parts, BTreeSet::from([(Some("1"), Some("active")), (Some("2"), Some("canary"))]));

    policy(&log, &["promote"]);
    let promoted = next(&log, 3);
    assert!(!promoted.is_empty());
    assert!(promoted.iter().all(|made| made["configuration"] == "2" && made["stage"] == "active"));
    let id = promoted[0]["decision_id"].as_str().expect("an id");
    let told = run(command("explain", &log).arg(id)).stdout;
    assert!(String::from_utf8_lossy(&told).contains("configuration 2 as active"));

    policy(&log, &["rollback"]);
    policy(&log, &["stop", "--arm", "movement_break"]);
    let back = next(&log, 4);
    assert!(back.iter().all(|made| made["configuration"] == "1"));
    assert!(back.iter().all(|made| made["chosen"] != "movement_break"));
    let is_told = |made: &Value| {
        made["stopped"].as_array().is_some_and(|arms| arms.contains(&"movement_break".into()))
    };
    assert!(back.iter().any(is_told));

    policy(&log, &["stop", "--all"]);
    let status = policy(&log, &["status"]);
    assert_eq!(status["partitions"][0]["all_stopped"], true, "{status}");
    assert_eq!(status["partitions"][0]["arms_stopped"][0], "movement_break", "{status}");
    let stopped = next(&log, 5);
    assert_eq!(kinds(&stopped), BTreeSet::from(["decision_withheld"]));
    assert!(stopped.iter().all(|withheld| withheld["scope"] == "all"));
    verify(&log);
    let slip =
        zeitgeber().args(["policy", "stop", "--arm", "nab", "--data-dir"]).arg(&log).output();
    let slip = slip.expect("the command starts");
    assert_eq!(slip.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&slip.stdout).contains("no arm is named \"nab\""));
}
