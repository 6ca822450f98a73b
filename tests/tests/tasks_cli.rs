//! Tasks, agents and pools from the command line: a task's life by hand, pools by configuration,
//! and the demo in which a pool learns who is good at what.

use std::{fs, path::Path};

use serde_json::{Value, json as value};
use zeitgeber_tests::{command, dir, json, refused, run, verify, zeitgeber};

/// A command of a family on a directory; its JSON.
fn ask(family: &str, what: &[&str], log: &Path) -> Value {
    json(zeitgeber().arg(family).args(what).args(["--json", "--data-dir"]).arg(log))
}

fn play(log: &Path) -> Value {
    let mut played = json(zeitgeber().args(["demo", "tasks", "--json", "--data-dir"]).arg(log));
    let object = played.as_object_mut().expect("figures are an object");
    assert!(object.remove("seconds").is_some_and(|seconds| seconds.is_f64()));
    assert!(object.remove("data_dir").is_some());
    played
}

#[test]
fn the_demo_of_tasks_learns_who_is_good_at_what_alike_each_time() {
    let (first, second) = (dir(), dir());
    let played = play(first.path());
    assert_eq!(played, play(second.path()), "two runs differ");
    assert_eq!(played["simulated"], true);
    let quality = |pool: usize, quarter: usize| {
        played["pools"][pool]["quarters"][quarter]["quality"].as_f64().expect("a number")
    };
    assert_eq!(played["pools"][0]["policy"], "linucb");
    assert_eq!(played["pools"][1]["policy"], "round_robin");
    assert!(quality(0, 3) > quality(1, 3) + 0.2, "{} beside {}", quality(0, 3), quality(1, 3));
    assert!(quality(0, 3) > quality(0, 0), "the learner does not get better");
    assert!(played["regret_saved"].as_f64().is_some_and(|saved| saved > 50.0), "{played}");
    for pool in 0..2 {
        let done = &played["pools"][pool];
        let ended = done["completed"].as_u64().expect("a count")
            + done["given_up"].as_u64().expect("a count");
        assert_eq!(Some(ended), played["tasks"].as_u64(), "tasks of {done} are left over");
    }
    let learnt = &played["pools"][0]["agents"][0]["kinds"][0];
    let error = learnt["learnt_reward"].as_f64().expect("learnt")
        - learnt["hidden_reward"].as_f64().expect("hidden");
    assert!(error.abs() < 0.1, "{learnt}");
    verify(first.path());
    let decision = played["last_decision"].as_str().expect("a decision");
    let explained = ask("explain", &[decision], first.path());
    assert_eq!(explained["decision"]["decision_id"], decision);
    assert_eq!((&explained["about"], &explained["pool"]), (&value!("task"), &value!("learns")));
    let task = explained["assignment"]["task"].as_str().expect("a task was assigned");
    assert_eq!(explained["submitted"]["task"]["capabilities"], value!(["text"]));
    assert_eq!(explained["result"]["agent"], explained["decision"]["chosen"]);
    assert!(explained["learnt"].is_f64(), "{explained}");
    let ended = explained["events"].as_array().and_then(|events| events.last()).expect("events");
    assert!(["task_completed", "task_failed"].contains(&ended["type"].as_str().unwrap_or("")));
    let words = run(command("explain", first.path()).arg(decision)).stdout;
    let words = String::from_utf8_lossy(&words);
    assert!(words.contains(&format!("for task {task} of pool learns")), "{words}");
    for told in ["Agents that could do it", "lease", "outcomes learnt before", "took reward"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    assert!(!words.contains("Readings") && !words.contains("nobody"), "{words}");
    let tasks = ask("tasks", &["list", "--pool", "learns", "--limit", "5"], first.path());
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(5));
    let again = refused(zeitgeber().args(["demo", "tasks", "--data-dir"]).arg(first.path()));
    assert!(again.contains("holds a log already"), "{again}");
}

#[test]
fn a_task_goes_from_submission_to_its_result_by_hand() {
    let log = dir();
    let log = log.path();
    let set = ask("pools", &["set", "default", "--policy", "least_loaded"], log);
    assert_eq!(set["outcome"], "accepted");
    assert_eq!(
        ask("pools", &["set", "default", "--policy", "least_loaded"], log)["outcome"],
        "duplicate"
    );
    let register = ["register", "a1", "--capability", "ocr", "--label", "zone=eu"];
    assert_eq!(ask("agents", &register, log)["outcome"], "accepted");
    let submit = ["submit", "t1", "--capability", "ocr", "--feature", "1", "--text", "page 7"];
    let told = ask("tasks", &submit, log);
    assert_eq!((&told["outcome"], &told["task"]), (&value!("accepted"), &value!("t1")));
    assert_eq!(ask("tasks", &submit, log)["outcome"], "duplicate");
    let held = ask("agents", &["assignments", "a1"], log);
    assert_eq!(held["assignments"][0]["task"], "t1");
    assert_eq!(held["assignments"][0]["payload"]["inline"], "page 7");
    let lease = held["assignments"][0]["lease"].to_string();
    let start = ["start", "t1", "--agent", "a1", "--lease", &lease];
    assert_eq!(ask("tasks", &start, log)["outcome"], "accepted");
    let stale = ["tasks", "result", "t1", "--agent", "a1", "--lease", "99", "--success", "--json"];
    let told = zeitgeber().args(stale).arg("--data-dir").arg(log).output().expect("it runs");
    assert_eq!(told.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&told.stdout).expect("one JSON document");
    assert_eq!((&told["outcome"], &told["reason"]), (&value!("rejected"), &value!("stale_lease")));
    let result =
        ["result", "t1", "--agent", "a1", "--lease", &lease, "--success", "--quality", "0.9"];
    assert_eq!(ask("tasks", &result, log)["outcome"], "accepted");
    let shown = ask("tasks", &["show", "t1"], log);
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["outcome"]["quality"], 0.9);
    assert_eq!(ask("agents", &["show", "a1"], log)["completed"], 1);
    assert_eq!(ask("agents", &["heartbeat", "a1"], log)["outcome"], "accepted");
    assert_eq!(ask("tasks", &["submit", "t2", "--capability", "none"], log)["outcome"], "accepted");
    assert_eq!(ask("tasks", &["cancel", "t2", "--why", "done"], log)["outcome"], "accepted");
    assert_eq!(ask("agents", &["drain", "a1"], log)["outcome"], "accepted");
    assert_eq!(ask("agents", &["leave", "a1"], log)["outcome"], "accepted");
    assert_eq!(ask("agents", &["list"], log)["agents"][0]["health"], "left");
    let pool = ask("pools", &["show", "default"], log);
    assert_eq!(pool["configuration"]["policy"]["kind"], "least_loaded");
    assert_eq!(pool["tasks"]["cancelled"], 1);
    let text = run(zeitgeber().args(["pools", "list", "--data-dir"]).arg(log)).stdout;
    assert!(String::from_utf8_lossy(&text).contains("least_loaded"));
    let unknown =
        refused(zeitgeber().args(["tasks", "list", "--pool", "x", "--data-dir"]).arg(log));
    assert!(unknown.contains("it has default"), "{unknown}");
    verify(log);
}

#[test]
fn configured_pools_are_put_in_force_once() {
    let home = dir();
    let log = home.path().join("log");
    let file = home.path().join("pools.toml");
    let write = |text: &str| fs::write(&file, text).expect("the file is written");
    write("[[pools]]\nname = \"ocr\"\npolicy = { kind = \"linucb\", alpha = 0.3 }\n");
    let lines = home.path().join("none.jsonl");
    fs::write(&lines, "").expect("the file is written");
    let ingest = || {
        let mut command = zeitgeber();
        command.args(["ingest", "--json", "--config"]).arg(&file).arg(&lines);
        json(command.arg("--data-dir").arg(&log));
        let pool = ask("pools", &["show", "ocr"], &log);
        let events = run(zeitgeber()
            .args(["events", "--type", "pool_configured", "--json", "--data-dir"])
            .arg(&log));
        (pool, String::from_utf8_lossy(&events.stdout).lines().count())
    };
    let (pool, events) = ingest();
    assert_eq!(pool["configuration"]["policy"]["alpha"], 0.3);
    assert_eq!(pool["configuration"]["escalate_after_ms"], 300_000);
    assert_eq!(events, 1);
    assert_eq!(ingest().1, 1, "a pool in force is written again");
    write("[[pools]]\nname = \"ocr\"\npolicy = \"fifo\"\nescalate_after_ms = 0\n");
    let (pool, events) = ingest();
    assert_eq!(pool["policy"], "fifo");
    assert_eq!(pool["configuration"]["escalate_after_ms"], Value::Null);
    assert_eq!(events, 2);
    verify(&log);
}
