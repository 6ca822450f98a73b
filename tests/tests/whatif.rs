//! `zeitgeber whatif` and `zeitgeber fidelity` on the demo's log, whose decisions and answers are live.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json as value};
use zeitgeber_tests::{
    Dir, command, dir, json, json_lines, refused, run, sample_dir, sample_lines, write_lines,
    zeitgeber,
};

/// A log made by the demo, and candidates beside it.
fn demo() -> Dir {
    let dir = dir();
    run(&mut command("demo", dir.path()));
    let put = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).expect("there is room");
    };
    put("same.toml", "[decisions]\nversion = \"same\"\n");
    put(
        "bold.toml",
        "[decisions]\nversion = \"bold\"\n[decisions.policy]\nalpha = 0.0\nepsilon = 0.3\n",
    );
    put("eager.toml", "[decisions.limits]\ncooldown_min = 0\ndaily_budget = 40\n");
    put("wrong.toml", "[decisions.policy]\nalfa = 0.1\n");
    dir
}

fn whatif(dir: &Path, candidate: &str) -> Command {
    let mut command = command("whatif", dir);
    command.arg("--policy").arg(dir.join(candidate)).args(["--resamples", "200"]);
    command
}

/// What is told, whether there is a value or none.
fn asked(command: &mut Command) -> Value {
    let output = command.arg("--json").output().expect("it runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_incumbent_as_its_own_candidate_turns_nothing_and_differs_by_nothing() {
    let dir = demo();
    let report = json(whatif(dir.path(), "same.toml").arg("--json"));
    let flips = &report["flips"];
    assert!(flips["decisions"].as_u64().is_some_and(|count| count > 4_000), "{flips}");
    for key in ["not_remade", "flips", "preferred", "eligibility", "changed"] {
        assert_eq!(flips[key], 0, "{key}: {flips}");
    }
    assert_eq!((&report["candidate"]["changes"], &flips["moved"]), (&value!([]), &value!(0.0)));
    let estimates = report["value"]["answer"]["estimates"].as_array().expect("there are numbers");
    for one in estimates {
        let difference = &one["difference"];
        assert_eq!(
            (&difference["value"], &difference["se"]),
            (&value!(0.0), &value!(0.0)),
            "{one}"
        );
    }
    assert_eq!(report["value"]["verdict"], "hold");
    let verified = json(command("verify", dir.path()).arg("--json"));
    assert_eq!(report["log"]["head"], verified["head"]);
}

#[test]
fn arms_that_operators_stopped_are_so_for_the_candidate() {
    let dir = dir();
    let log = dir.path().join("log");
    let same = dir.path().join("same.toml");
    fs::write(&same, "[decisions]\nversion = \"same\"\n").expect("there is room");
    let lines = sample_lines();
    for (part, order) in [(0, "stop"), (1, "resume"), (2, "stop")] {
        let input = dir.path().join(format!("{part}.jsonl"));
        let length = lines.len() / 6;
        write_lines(&input, &lines[part * length..(part + 1) * length]);
        let mut ingest = command("ingest", &log);
        run(ingest.arg(&input).arg("--profiles").arg(sample_dir().join("users.json")));
        let arm = ["policy", order, "--arm", "movement_break", "--data-dir"];
        run(zeitgeber().args(arm).arg(&log));
    }
    let rows = json_lines(command("events", &log).args(["--topic", "routing.decisions", "--json"]));
    let stopped = |row: &&Value| row["event"]["stopped"] == value!(["movement_break"]);
    assert!(rows.iter().any(|row| stopped(&row)), "the stop changed decisions");
    let mut asked_for = command("whatif", &log);
    let report = asked(asked_for.arg("--policy").arg(&same));
    let flips = &report["flips"];
    assert_eq!(flips["decisions"].as_u64(), Some(rows.len() as u64));
    for key in ["not_remade", "flips", "eligibility", "changed"] {
        assert_eq!(flips[key], 0, "{key}: {flips}");
    }
}

#[test]
fn another_policy_turns_decisions_that_explain_knows() {
    let dir = demo();
    let page = dir.path().join("report.html");
    let report = asked(whatif(dir.path(), "bold.toml").arg("--out").arg(&page));
    let flips = &report["flips"];
    assert!(flips["flips"].as_u64().is_some_and(|count| count > 0), "{flips}");
    for turn in flips["turns"].as_array().expect("a list") {
        let id = turn["examples"][0]["decision_id"].as_str().expect("an id");
        let told = json(command("explain", dir.path()).args([id, "--json"]));
        assert_eq!(told["decision"]["chosen"], turn["from"], "{turn}");
    }
    assert_eq!(asked(&mut whatif(dir.path(), "bold.toml")), report, "it tells the same again");
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.contains("<svg") && page.contains("</html>"));
    let text = whatif(dir.path(), "bold.toml").output().expect("it runs").stdout;
    let text = String::from_utf8(text).expect("it is text");
    for part in ["verdict", "policy.alpha", "turn", "mean total variation", "by local hour"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let person = flips["people"][0]["person"].as_str().expect("somebody").to_owned();
    let one = asked(whatif(dir.path(), "bold.toml").args(["--user", &person]));
    assert_eq!(one["flips"]["flips"], flips["people"][0]["flips"]);
    assert_eq!(one["value"]["answer"]["is"], "refused", "one person is too few");
}

#[test]
fn what_the_log_never_offered_is_refused_without_a_number() {
    let dir = demo();
    let output = whatif(dir.path(), "eager.toml").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(text.contains("refused") && text.contains("support"), "{text}");
    assert!(text.contains("newly offered") && !text.contains("SNIPS"), "{text}");
    let said = refused(&mut whatif(dir.path(), "wrong.toml"));
    assert!(said.contains("alfa") && said.contains("decisions.policy.alpha"), "{said}");
    let said = refused(whatif(dir.path(), "same.toml").args(["--from", "2031-01-01"]));
    assert!(said.contains("no decision"), "{said}");
}

#[test]
fn the_demo_decides_as_designed() {
    let dir = demo();
    let told = asked(&mut command("fidelity", dir.path()));
    assert_ne!(told["versions"][0]["level"], "red", "{told}");
    let signs = told["versions"][0]["signs"].as_array().expect("a list");
    let level = |what: &str| {
        let sign = signs.iter().find(|sign| sign["what"] == what).expect("it is told");
        sign["level"].as_str().map(str::to_owned)
    };
    for what in ["shares", "mass", "exploration", "delay"] {
        assert_eq!(level(what).as_deref(), Some("green"), "{what}: {signs:?}");
    }
    // The sample's people were not recorded in the same weeks, and a drifting context is red.
    assert_eq!(told["drift"].as_array().map(Vec::len), Some(10), "{told}");
    let output = command("fidelity", dir.path()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(i32::from(told["level"] == "red")));
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(text.contains("arm shares") && text.contains("sleepiness"), "{text}");
}
