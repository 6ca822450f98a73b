//! What the command line promises: help that teaches, one JSON document, one clear error.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::{Value, json as value};
use zeitgeber_tests::{
    command, dir, files, json, json_lines, refused, run, sample_dir, sample_lines, verify,
    write_lines, zeitgeber,
};

const COMMANDS: [&str; 31] = [
    "analyze",
    "plot",
    "serve",
    "token",
    "demo",
    "ingest",
    "report",
    "status",
    "events",
    "tail",
    "deadletters",
    "explain",
    "feedback",
    "profile",
    "tasks",
    "agents",
    "pools",
    "policy",
    "replay",
    "verify",
    "config",
    "schema",
    "cluster",
    "topics",
    "export",
    "ope",
    "whatif",
    "fidelity",
    "bench",
    "sim",
    "completions",
];

/// Plays the demo; its summary.
fn demo(log: &Path) -> Value {
    json(command("demo", log).arg("--json"))
}

fn with_json<'a>(command: &'a mut Command, args: &[&str]) -> &'a mut Command {
    command.args(args).arg("--json")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {value}"))
}

#[test]
fn every_command_has_help_with_an_example_of_itself() {
    let help = run(zeitgeber().arg("--help")).stdout;
    let help = String::from_utf8(help).expect("help is text");
    let (_, listed) = help.split_once("Commands:").expect("help lists the commands");
    let (listed, _) = listed.split_once("Options:").expect("help lists the options");
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: BTreeSet<&str> = names.filter(|name| !["", "help"].contains(name)).collect();
    assert_eq!(names, BTreeSet::from(COMMANDS));
    for name in COMMANDS {
        let help = run(zeitgeber().args([name, "--help"])).stdout;
        let help = String::from_utf8(help).expect("help is text");
        let (_, examples) = help.split_once("Examples:").unwrap_or_else(|| panic!("{name}: none"));
        assert!(examples.contains(&format!("zeitgeber {name}")), "{examples}");
    }
    let script = run(zeitgeber().args(["completions", "bash"])).stdout;
    assert!(String::from_utf8_lossy(&script).contains("deadletters"));
}

#[test]
fn the_demo_leaves_a_stopped_log_that_verifies() {
    let dir = dir();
    let played = demo(dir.path());
    for key in ["lines", "accepted", "refused", "analyses", "decisions", "simulated_answers"] {
        assert!(played[key].as_u64().is_some_and(|count| count > 0), "{key}: {played}");
    }
    assert_eq!(played["lines"], sample_lines().len());
    let journal = dir.path().join("journal");
    let names = files(&journal).into_iter().map(|(path, _)| path);
    let names: Vec<_> = names.map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    assert_eq!(names, [Some("00000000.zj".into()), Some("MARK".into())], "and no spare file");
    let before = verify(dir.path());
    assert_eq!(verify(dir.path()), before, "verifying changes nothing");
}

#[test]
fn the_demo_shows_people_their_rhythm_and_says_that_answers_are_simulated() {
    let dir = dir();
    let shown = run(command("demo", dir.path()).args(["--user", "u11"])).stdout;
    let shown = String::from_utf8(shown).expect("the tour is text");
    for what in ["SIMULATED", "Vitality", "Movement of u11", "propensity", "zeitgeber explain"] {
        assert!(shown.contains(what), "{what} is missing:\n{shown}");
    }
}

#[test]
fn with_json_a_command_prints_one_document_and_a_stream_one_object_a_line() {
    let dir = dir();
    demo(dir.path());
    let ask = |name: &str, args: &[&str]| json(with_json(&mut command(name, dir.path()), args));
    let report = ask("report", &[]);
    assert_eq!(report.as_object().map(serde_json::Map::len), Some(20));
    assert_eq!(ask("report", &["--user", "u11"]).as_object().map(serde_json::Map::len), Some(1));
    let status = ask("status", &["u11"]);
    assert_eq!(text(&status, "user_id"), "u11");
    assert!(status["analysis"]["composite"]["parts"].as_array().is_some_and(|p| p.len() == 5));
    let (verified, replayed) = (ask("verify", &[]), ask("replay", &[]));
    assert_eq!(verified["ok"], true);
    assert_eq!(text(&verified, "digest"), text(&replayed, "digest"));
    let config = json(zeitgeber().args(["config", "--json"]));
    let settings = config.as_array().expect("a list of settings");
    assert!(settings.iter().all(|setting| setting["origin"]["layer"] == "default"));

    let list =
        |name: &str, args: &[&str]| json_lines(with_json(&mut command(name, dir.path()), args));
    let events = list("events", &[]);
    assert_eq!(events.len() as u64, verified["events"].as_u64().unwrap_or(0));
    assert_eq!(list("events", &["--type", "decision_made", "--limit", "7"]).len(), 7);
    let sent = list("events", &["--topic", "interventions"]);
    assert!(!sent.is_empty() && sent.iter().all(|row| row["topic"] == "interventions"));
    let topics: BTreeSet<&str> = events.iter().map(|row| text(row, "topic")).collect();
    assert_eq!(topics.len(), 7, "the demo has events of every topic: {topics:?}");
    let of_u11 = list("events", &["--user", "u11"]);
    assert!(!of_u11.is_empty() && of_u11.iter().all(|row| row["user_id"] == "u11"));
    let all_of_u11 = events.iter().filter(|row| row["user_id"] == "u11");
    assert!(all_of_u11.eq(&of_u11), "and no other is theirs");
    let nobody = refused(command("events", dir.path()).args(["--user", "u111"]));
    assert!(nobody.contains("nobody called u111") && nobody.contains("u11"), "{nobody}");
    let tail = list("tail", &[]);
    assert_eq!(tail.len(), 20);
    assert!(tail.iter().all(|row| events.contains(row)), "the last events are events");
    let letters = list("deadletters", &["--reason", "too_late"]);
    assert!(!letters.is_empty());
    for letter in &letters {
        assert_eq!(text(letter, "reason"), "too_late");
        assert_eq!(text(letter, "source"), "sample");
        let line = letter["line"].as_u64().and_then(|line| usize::try_from(line).ok());
        let raw = &sample_lines()[line.expect("a line") - 1];
        assert_eq!(text(letter, "raw").as_bytes(), raw, "the bytes as they came");
    }
}

#[test]
fn ingest_counts_what_became_of_each_line() {
    let dir = dir();
    let (log, input) = (dir.path().join("log"), dir.path().join("day.jsonl"));
    write_lines(&input, &sample_lines()[..500]);
    let mut ingest = command("ingest", &log);
    ingest.arg(&input).arg("--profiles").arg(sample_dir().join("users.json")).arg("--json");
    let taken = json(&mut ingest);
    assert_eq!(taken["profiles"], 20);
    assert_eq!(taken["files"][0]["inputs"], 500);
    let count = |key: &str| taken[key].as_u64().expect("a count");
    assert_eq!(count("accepted") + count("refused") + count("repeats"), 500, "{taken}");
    assert!(count("repeats") > 0 && count("refused") > 0, "the sample is dirty from its start");
    let letters = json_lines(command("deadletters", &log).arg("--json"));
    assert_eq!(letters.len() as u64, count("refused"));
}

/// Decisions that wait for their outcome, newest last.
fn open_decisions(log: &Path) -> Vec<String> {
    let (mut open, mut closed) = (Vec::new(), BTreeSet::new());
    for row in json_lines(command("events", log).arg("--json")) {
        let id = || text(&row["event"], "decision_id").to_owned();
        match text(&row, "type") {
            "decision_made" => open.push((row["ts"].as_i64(), id())),
            "feedback_recorded" | "outcome_expired" => drop(closed.insert(id())),
            _ => {}
        }
    }
    open.retain(|(_, id)| !closed.contains(id));
    open.sort();
    open.into_iter().map(|(_, id)| id).collect()
}

fn explain(log: &Path, id: &str) -> Value {
    json(command("explain", log).args([id, "--json"]))
}

#[test]
fn explain_goes_from_the_readings_to_the_reward() {
    let dir = dir();
    demo(dir.path());
    let mut events = command("events", dir.path());
    let recorded = json_lines(events.args(["--type", "feedback_recorded", "--json"]));
    let mut issued = None;
    for row in recorded.iter().rev().take(200) {
        let id = text(&row["event"], "decision_id");
        let told = explain(dir.path(), id);
        assert_eq!(text(&told["decision"], "decision_id"), id);
        if !told["issued"].is_null() {
            issued = Some(told);
            break;
        }
    }
    let told = issued.expect("one of the last decisions with a reward was issued");
    assert!(told["readings"]["counts"].as_object().is_some_and(|counts| !counts.is_empty()));
    assert!(told["readings"]["last"].as_array().is_some_and(|last| !last.is_empty()));
    assert_eq!(text(&told["trigger"], "type"), "reading");
    let decision = &told["decision"];
    assert_eq!(told["analysis"]["window_end_ms"], decision["analysis_end_ms"]);
    let features = told["features"].as_array().expect("features");
    let grid: Vec<&Value> = features.iter().map(|feature| &feature["grid"]).collect();
    assert_eq!(decision["features"].as_array().map(|all| all.iter().collect()), Some(grid));
    let eligible = decision["eligible"].as_array().expect("eligible arms");
    let sum: f64 = eligible.iter().filter_map(|arm| arm["propensity"].as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "propensities sum to {sum}");
    for arm in eligible {
        assert!(arm["mean"].is_f64() && arm["width"].is_f64() && arm["ucb"].is_f64(), "{arm}");
    }
    let chosen = eligible.iter().find(|arm| arm["arm"] == decision["chosen"]);
    assert_eq!(chosen.map(|arm| &arm["propensity"]), Some(&decision["propensity"]));
    let masked = decision["masked"].as_array().expect("masked arms");
    assert!(masked.iter().all(|arm| arm["reason"].is_string()));
    assert_eq!(text(&told["issued"], "arm"), text(decision, "chosen"));
    assert_eq!(told["feedback"][0]["answer"]["simulated"], true);
    let learnt = told["learnt"].as_f64().expect("a reward");
    let reward = told["feedback"][0]["recorded"]["reward"].as_f64().expect("a reward");
    assert_eq!(learnt, reward / 4096.0);
    let readable = run(command("explain", dir.path()).arg(text(decision, "decision_id"))).stdout;
    let readable = String::from_utf8(readable).expect("text");
    for part in ["1. Readings", "2. Analysis", "3. Context", "4. Arms", "5. Choice", "6. Inter"] {
        assert!(readable.contains(part), "{part} is missing:\n{readable}");
    }
}

#[test]
fn feedback_is_learnt_once_and_can_be_corrected() {
    let dir = dir();
    let log = dir.path();
    demo(log);
    let open = open_decisions(log);
    let id = open.last().expect("some decisions wait");
    assert_eq!(explain(log, id)["learnt"], Value::Null);
    let give = |args: &[&str]| {
        let mut feedback = command("feedback", log);
        json(with_json(feedback.arg(id), args))
    };
    let rewards = || learned(log);
    let before = rewards();
    let told = give(&["--outcome", "dismissed", "--id", "first"]);
    assert_eq!((text(&told, "decision_id"), text(&told, "outcome")), (&**id, "recorded"));
    assert_eq!(explain(log, id)["learnt"], 0.0);
    assert_eq!(rewards().0, before.0 + 1);

    give(&["--outcome", "dismissed", "--id", "first"]);
    give(&["--outcome", "accepted", "--id", "another"]);
    assert_eq!(explain(log, id)["learnt"], 0.0, "neither the same id nor a second opinion counts");
    assert_eq!(rewards(), (before.0 + 1, before.1));

    give(&["--outcome", "rating", "--value", "5", "--id", "second", "--corrects", "first"]);
    let told = explain(log, id);
    assert_eq!(told["learnt"], 1.0, "the correction replaces the reward");
    assert_eq!(rewards(), (before.0 + 1, before.1 + 4096));
    let status = |of: &Value| text(&of["recorded"], "status").to_owned();
    let statuses: Vec<String> =
        told["feedback"].as_array().into_iter().flatten().map(status).collect();
    assert_eq!(statuses, ["applied", "duplicate", "corrected"], "an exact repeat is not stored");
    verify(log);
}

/// Rewards that the learner holds, and their sum on the grid, folded from the recorded feedback.
fn learned(log: &Path) -> (i64, i64) {
    let mut events = command("events", log);
    let recorded = json_lines(events.args(["--type", "feedback_recorded", "--json"]));
    let (mut count, mut sum) = (0, 0);
    for row in recorded {
        let event = &row["event"];
        let reward = event["reward"].as_i64().expect("a reward on the grid");
        match text(event, "status") {
            "applied" => (count, sum) = (count + 1, sum + reward),
            "corrected" => {
                sum += reward - event["replaces"].as_i64().expect("what it replaces");
            }
            _ => {}
        }
    }
    (count, sum)
}

#[test]
fn feedback_on_no_decision_is_refused_and_from_a_file_kept_as_a_dead_letter() {
    let dir = dir();
    let log = dir.path().join("log");
    demo(&log);
    let digest = verify(&log).digest;
    // No log has as many partitions.
    let orphan = "ffff0000000000000000000000000000";
    let said = refused(command("feedback", &log).args([orphan, "--outcome", "accepted"]));
    assert!(said.contains(orphan) && said.lines().count() == 1, "{said}");
    assert_eq!(verify(&log).digest, digest, "it left nothing behind");

    let line = value!({ "id": "o1", "decision_id": orphan, "ts": 0, "outcome": "accepted" });
    let input = dir.path().join("feedback.jsonl");
    write_lines(&input, &[line.to_string()]);
    let taken = json(command("ingest", &log).arg(&input).args(["--as", "feedback", "--json"]));
    assert_eq!(taken["refused"], 1);
    let mut letters = command("deadletters", &log);
    let letters = json_lines(letters.args(["--reason", "orphan", "--json"]));
    assert_eq!(letters.len(), 1);
    assert_eq!((text(&letters[0], "source"), &letters[0]["line"]), ("feedback.jsonl", &1.into()));
    verify(&log);
}

#[test]
fn a_profile_by_hand_is_in_force_from_there_on() {
    let dir = dir();
    let log = dir.path();
    let set = |args: &[&str]| json(with_json(command("profile", log).arg("ada"), args));
    let berlin = ["--zone", "Europe/Berlin", "--quiet", "21:00-09:00"];
    assert_eq!(set(&berlin)["changed"], true);
    assert_eq!(set(&berlin)["changed"], false, "it was in force already");
    assert_eq!(set(&["--offset-min", "-300", "--sleep", "00:30-08:00"])["changed"], true);
    let mut events = command("events", log);
    let rows = json_lines(events.args(["--type", "profile_set", "--json"]));
    let of = |row: &Value, key: &str| row["event"]["profile"][key].clone();
    assert_eq!(rows.len(), 2);
    assert_eq!(of(&rows[0], "zone"), "Europe/Berlin");
    assert_eq!(of(&rows[0], "quiet_start_min"), 21 * 60);
    assert_eq!(of(&rows[1], "offset_min"), -300);
    assert_eq!(of(&rows[1], "sleep_start_min"), 30);
    assert_eq!(of(&rows[1], "quiet_start_min"), Value::Null, "a profile replaces the one before");
    let said = refused(command("profile", log).args(["ada", "--zone", "Europe/Berlim"]));
    assert!(said.contains("Europe/Berlim") && said.lines().count() == 1, "{said}");
    verify(log);
}

#[test]
fn what_is_not_there_is_one_clear_line() {
    let dir = dir();
    let log = dir.path().join("log");
    demo(&log);
    let clear = |command: &mut Command, named: &str| {
        let said = refused(command);
        assert!(said.starts_with("error: ") && said.contains(named), "{command:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
    };
    for form in [&[][..], &["--json"]] {
        clear(command("status", &log).arg("u99").args(form), "u99");
        clear(command("report", &log).args(["--user", "u99"]).args(form), "u99");
        clear(command("explain", &log).arg("ffffffff").args(form), "ffffffff");
        clear(command("explain", &log).arg("what").args(form), "what");
        let missing = dir.path().join("missing");
        let named = missing.to_string_lossy().into_owned();
        for name in ["report", "events", "tail", "deadletters", "replay"] {
            clear(command(name, &missing).args(form), &named);
        }
        clear(command("status", &missing).arg("u11").args(form), &named);
        clear(command("explain", &missing).arg("00030000").args(form), &named);
        assert!(!missing.exists(), "asking makes no log");
    }
    clear(&mut command("verify", &dir.path().join("missing")), "missing");
    let file = dir.path().join("missing.jsonl");
    clear(command("ingest", &log).arg(&file), "missing.jsonl");
    clear(zeitgeber().args(["config", "--set", "decisions.policy.epsilom=0.1"]), "policy.epsilon");
    let settings = dir.path().join("zeitgeber.toml");
    fs::write(&settings, "[log]\npartition = 4\n").expect("the file can be written");
    let mut config = zeitgeber();
    config.arg("--config").arg(&settings).arg("config");
    clear(&mut config, "zeitgeber.toml:2");
    let wrong = zeitgeber().args(["verify", "--no-such-flag"]).output().expect("it starts");
    assert_eq!(wrong.status.code(), Some(2), "a wrong command line is told apart");
    verify(&log);
}
