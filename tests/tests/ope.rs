//! `zeitgeber ope` on logs that others could have written: tables and JSON lines, logs that carry an
//! answer and logs that do not, and rows that cannot be right.

use std::{fmt::Write, fs, path::Path, process::Command};

use serde_json::{Value, json as value};
use zeitgeber_tests::{Dir, dir, json, refused, run, zeitgeber};

const ARMS: [&str; 3] = ["light", "rest", "walk"];
const LOGGED: [f64; 3] = [0.5, 0.3, 0.2];
/// Mean reward by arm: walk is best.
const MEANS: [f64; 3] = [0.2, 0.4, 0.7];

/// A decision of the simulated log.
struct Decision {
    at: u32,
    arm: usize,
    reward: u8,
}

/// Decisions by a generator of Lehmer's (Park, Miller 1988), the same in every run.
fn decisions(count: u32) -> Vec<Decision> {
    let mut state = 20_240_501_u64;
    let mut draw = || {
        state = state * 48_271 % 2_147_483_647;
        state as f64 / 2_147_483_647.0
    };
    (0..count)
        .map(|at| {
            let coin = draw();
            let arm = usize::from(coin > LOGGED[0]) + usize::from(coin > LOGGED[0] + LOGGED[1]);
            Decision { at, arm, reward: u8::from(draw() < MEANS[arm]) }
        })
        .collect()
}

fn table(decisions: &[Decision]) -> String {
    let mut text = String::from("id,user,t_ms,segment,eligible,action,propensities,reward\n");
    for Decision { at, arm, reward } in decisions {
        let (user, day) = (at % 200, if at % 2 == 0 { "morning" } else { "evening" });
        let _ = writeln!(
            text,
            "d{at:05},u{user},{},{day},light|rest|walk,{},0.5|0.3|0.2,{reward}",
            1_700_000_000_000_u64 + u64::from(*at) * 60_000,
            ARMS[*arm]
        );
    }
    text
}

fn lines(decisions: &[Decision]) -> String {
    let mut text = String::new();
    for Decision { at, arm, reward } in decisions {
        let line = value!({
            "decision_id": format!("d{at:05}"),
            "user_id": format!("u{}", at % 200),
            "t_ms": 1_700_000_000_000_u64 + u64::from(*at) * 60_000,
            "segment": if at % 2 == 0 { "morning" } else { "evening" },
            "eligible": ARMS,
            "action": ARMS[*arm],
            "propensity": LOGGED[*arm],
            "propensities": {"light": 0.5, "rest": 0.3, "walk": 0.2},
            "reward": reward,
        });
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A folder with a log and some candidates.
fn folder(log: &str) -> Dir {
    let dir = dir();
    let put =
        |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("there is room");
    put("log", log);
    put("best.toml", "policy = \"fixed\"\narms = [\"walk\"]\nepsilon = 0.1\n");
    put("worst.toml", "policy = \"values\"\nvalues = { light = 1.0, walk = 0.5 }\n");
    put("same.toml", "policy = \"column\"\ncolumn = \"propensities\"\n");
    put(
        "segments.toml",
        "policy = \"segments\"\notherwise = [\"rest\"]\n[segments]\nmorning = [\"walk\"]\n",
    );
    dir
}

fn ope(dir: &Path, candidate: &str) -> Command {
    let mut command = zeitgeber();
    command.arg("ope").arg(dir.join("log")).arg("--policy").arg(dir.join(candidate));
    command
}

fn evaluated(dir: &Path, candidate: &str) -> Value {
    json(ope(dir, candidate).arg("--json"))
}

fn estimate(report: &Value, name: &str) -> Value {
    let all = report["answer"]["estimates"].as_array().expect("there are estimates");
    all.iter().find(|one| one["estimator"] == name).expect("it is told").clone()
}

#[test]
fn candidates_come_to_what_they_would_have_earned() {
    let dir = folder(&table(&decisions(4_000)));
    for (candidate, truth, verdict) in [
        ("best.toml", 0.9 * 0.7 + 0.1 * 1.3 / 3.0, "promote"),
        ("worst.toml", 0.2, "reject"),
        ("segments.toml", 0.55, "promote"),
        ("same.toml", 0.36, "hold"),
    ] {
        let report = evaluated(dir.path(), candidate);
        assert_eq!(report["verdict"], verdict, "{candidate}: {report}");
        for name in ["dr", "snips", "ips"] {
            let one = estimate(&report, name);
            let found = one["value"].as_f64().expect("a number");
            assert!((found - truth).abs() < 0.06, "{candidate}: {name}: {found}, truth {truth}");
        }
        assert_eq!(report["drivers"].as_array().map(Vec::len), Some(20));
        assert_eq!((&report["rows"], &report["persons"]), (&value!(4_000), &value!(200)));
    }
}

#[test]
fn a_table_and_json_lines_tell_the_same_whatever_the_order_of_lines() {
    let mut decisions = decisions(1_500);
    let first = evaluated(folder(&table(&decisions)).path(), "best.toml");
    decisions.reverse();
    for log in [table(&decisions), lines(&decisions)] {
        let mut other = evaluated(folder(&log).path(), "best.toml");
        for field in ["log", "log_blake3", "candidate"] {
            other[field] = first[field].clone();
        }
        assert_eq!(other, first);
    }
}

#[test]
fn what_the_log_cannot_carry_is_refused_without_a_number() {
    let dir = folder(&table(&decisions(120)));
    let output = ope(dir.path(), "best.toml").arg("--json").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((&report["answer"]["is"], &report["verdict"]), (&"refused".into(), &"hold".into()));
    assert!(report["answer"].get("estimates").is_none(), "{report}");
    let output = ope(dir.path(), "best.toml").output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("refused") && text.contains("effective sample size"), "{text}");
    assert!(!text.contains("SNIPS"), "no estimate is shown: {text}");
}

#[test]
fn people_see_numbers_checks_and_driving_decisions() {
    let dir = folder(&table(&decisions(2_000)));
    let shown = String::from_utf8(run(&mut ope(dir.path(), "best.toml")).stdout).expect("text");
    for what in
        ["DR", "SNIPS", "verdict: promote", "replay is not told", "driving decision", "walk"]
    {
        assert!(shown.contains(what), "{what} is missing:\n{shown}");
    }
    assert!(!shown.contains("NaN") && !shown.contains("inf "), "{shown}");
}

#[test]
fn rows_that_cannot_be_right_are_refused_with_line_column_and_what_to_do() {
    let whole = table(&decisions(50));
    let header = whole.lines().next().expect("a header");
    for (row, expected) in [
        (
            "d1,u,1,m,light|rest,walk,0.5|0.5,1",
            "line 2: action: \"walk\" is not among the eligible",
        ),
        ("d1,u,1,m,light|rest,rest,0.5|0.3|0.2,1", "line 2: propensities: it has 3 probabilities"),
        ("d1,u,1,m,light|rest,rest,1.0|0.0,1", "the propensity is not above 0"),
        ("d1,u,1,m,light|rest,rest,0.5|0.5,yes", "line 2: reward: \"yes\" is no number"),
        ("d1,u,1,m,light|rest,,0.5|0.5,1", "line 2: action: it is empty"),
        ("d1,u,soon,m,light|rest,rest,0.5|0.5,1", "line 2: t_ms: \"soon\" is no time"),
        ("d1,u,1,m,light|rest,rest,half,1", "line 2: propensities: \"half\" is no probability"),
    ] {
        let dir = folder(&format!("{header}\n{row}\n"));
        fs::write(dir.path().join("same.toml"), "policy = \"uniform\"\n").expect("there is room");
        let told = refused(&mut ope(dir.path(), "same.toml"));
        assert!(told.contains(expected), "{row}: {told}");
    }
    let dir = folder(&format!("{whole}{}\n", whole.lines().last().expect("a row")));
    assert!(
        refused(&mut ope(dir.path(), "best.toml")).contains("decision \"d00049\" is in it twice")
    );
    let dir = folder("a,b\n1,2\n");
    assert!(refused(&mut ope(dir.path(), "best.toml")).contains("--column action=NAME"));
    let dir = folder("{\"action\": \"walk\", \"propensity\": 0.5}\n{broken\n");
    assert!(refused(&mut ope(dir.path(), "best.toml")).contains("line 2: column"));
}

#[test]
fn a_candidate_that_names_an_unknown_arm_is_told_the_nearest() {
    let dir = folder(&table(&decisions(50)));
    let text = "policy = \"fixed\"\narms = [\"wlak\"]\n";
    fs::write(dir.path().join("best.toml"), text).expect("there is room");
    let told = refused(&mut ope(dir.path(), "best.toml"));
    assert!(told.contains("no arm of the log is called \"wlak\"; is it \"walk\"?"), "{told}");
}

#[test]
fn a_plan_says_how_many_decisions_a_log_needs() {
    let needed = |plan: &str| json(zeitgeber().args(["ope", "--plan", plan, "--json"]));
    let thousands =
        |plan: &str| (needed(plan)["decisions"].as_f64().expect("a number") / 1_000.0).floor();
    assert_eq!(thousands("3,0.1,0.2,0.02"), 16.0);
    assert_eq!(thousands("50,0.1,0.05,0.02"), 62.0);
}
