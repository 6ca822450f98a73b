//! Commands against a running service print what they print on its directory.

#[path = "remote/batches.rs"]
mod batches;
#[path = "remote/interrupted.rs"]
mod interrupted;
#[path = "remote/reach.rs"]
mod reach;
#[path = "remote/tasks.rs"]
mod tasks;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, command, dir, http, json, json_lines, refused, run, sample_dir, sample_lines,
    write_lines, zeitgeber,
};

/// Lines of the sample that these tests send.
const LINES: usize = 6_000;
/// Ids that a path must escape, by tenant.
const ODD: [(&str, &str); 5] = [
    ("default", "ann lee/1?x=#2"),
    ("default", "Žofie ☀ 100%"),
    ("clinic b", "u09"),
    ("default", "..u"),
    ("default", "a+b&c=d"),
];

/// `zeitgeber NAME --to URL`.
fn remote(name: &str, service: &Service) -> Command {
    let mut command = zeitgeber();
    command.arg(name).arg("--to").arg(service.url(""));
    command
}

fn odd_lines() -> Vec<String> {
    let mut lines = Vec::new();
    for (tenant, user) in ODD {
        for minute in 0..200_i64 {
            let ts = 1_740_971_940_000 + minute * 60_000;
            let line = json!({
                "id": format!("{tenant}/{user}/{minute}"), "user_id": user, "tenant": tenant,
                "kind": "imu", "ts": ts, "recv_ts": ts + 5_000,
                "values": {"activity_counts": minute % 7 * 40, "epoch_s": 60},
            });
            lines.push(line.to_string());
        }
    }
    lines
}

/// Files of the sample's first readings, of people with odd ids, and of their profiles.
fn inputs(dir: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let (day, odd) = (dir.join("day.jsonl"), dir.join("odd.jsonl"));
    write_lines(&day, &sample_lines()[..LINES]);
    write_lines(&odd, &odd_lines());
    let people = fs::read(sample_dir().join("users.json")).expect("the sample is there");
    let mut people: Value = serde_json::from_slice(&people).expect("the sample is whole");
    let users = people["users"].as_array_mut().expect("a list of people");
    users.extend(
        ODD.iter().map(
            |(tenant, user)| json!({"user_id": user, "tenant": tenant, "zone": "Europe/Prague"}),
        ),
    );
    let profiles = dir.join("people.json");
    fs::write(&profiles, people.to_string()).expect("the file can be written");
    (day, odd, profiles)
}

fn ingest(mut to: Command, dir: &Path, outcomes: &Path) -> Value {
    let (day, odd, profiles) = inputs(dir);
    to.arg(day).arg(odd).arg("--profiles").arg(profiles).arg("--outcomes").arg(outcomes);
    json(to.arg("--json"))
}

/// What is said where nothing that depends on the clock is.
fn spoken(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let timed = |line: &&str| !line.ends_with("events/s");
    let errors = text(&output.stderr);
    let errors: Vec<&str> = errors.lines().filter(timed).collect();
    (output.status.code(), text(&output.stdout), errors.join("\n"))
}

fn answer(command: &mut Command) -> (Option<i32>, String, String) {
    spoken(&command.output().expect("the command starts"))
}

#[test]
fn every_answer_of_a_service_is_that_of_its_directory_byte_for_byte() {
    let dir = dir();
    let log = dir.path().join("log");
    let service = Service::start(&log);
    ingest(remote("ingest", &service), dir.path(), &dir.path().join("outcomes"));
    let decisions =
        json_lines(remote("events", &service).args(["--type", "decision_made", "--json"]));
    let decision = decisions.last().expect("the sample leads to decisions");
    let id = decision["event"]["decision_id"].as_str().expect("a decision's id");
    let partition = &decision["position"]["partition"];
    let from = format!("{partition}:3,0:5");

    let mut questions: Vec<Vec<&str>> = vec![
        vec!["status", "u09"],
        vec!["status", "u90"],
        vec!["explain", id],
        vec!["explain", &id[..12]],
        vec!["explain", "ffffffff"],
        vec!["explain", "no"],
        vec!["events", "--user", "u11"],
        vec!["events", "--user", "u90"],
        vec!["events", "--user", "clinic b/u9", "--topic", "interventions"],
        vec!["events", "--type", "dead_lettered", "--limit", "3"],
        vec!["events", "--topic", "interventions"],
        vec!["events", "--topic", "dead.letters", "--limit", "2"],
        vec!["events", "--topic", "rhythm.analysis", "--user", "u11", "--limit", "4"],
        vec!["events", "--topic", "task.agents"],
        vec!["events", "--from", &from],
        vec!["events", "--from", "2025-03-03T12:00:00Z", "--limit", "1500"],
        vec!["tail"],
        vec!["deadletters"],
        vec!["deadletters", "--limit", "2"],
        vec!["deadletters", "--reason", "too_late"],
        vec!["report"],
        vec!["report", "--user", "clinic b/u09", "--from", "2025-03-03"],
        vec!["report", "--user", "nobody at all"],
        vec!["verify"],
        vec!["replay"],
        vec!["replay", "--at", "2025-03-04"],
    ];
    questions.extend(ODD.iter().map(|(tenant, user)| vec!["status", user, "--tenant", tenant]));
    let unknown = refused(remote("events", &service).args(["--user", "u90"]));
    assert!(unknown.contains("did you mean u10"), "it names ids like it: {unknown}");
    let mut asked = Vec::new();
    for question in &questions {
        for form in [None, Some("--json")] {
            let mut to = remote(question[0], &service);
            asked.push((question, form, answer(to.args(&question[1..]).args(form))));
        }
    }
    let exported = run(remote("export", &service).args(["--format", "ndjson"])).stdout;
    service.stop();

    for (question, form, told) in asked {
        let mut on_directory = command(question[0], &log);
        let expected = answer(on_directory.args(&question[1..]).args(form));
        assert_eq!(told, expected, "{question:?} {form:?}");
    }
    assert_eq!(exported, run(command("export", &log).args(["--format", "ndjson"])).stdout);
}

/// A summary without what only the writer of a directory knows.
fn shared(mut summary: Value) -> Value {
    let fields = summary.as_object_mut().expect("a summary");
    for own in ["seconds", "threads", "chunks", "bytes"] {
        fields.remove(own);
    }
    summary
}

/// A log that is open and configured, as a service's is before its first input.
fn configured(log: &Path) {
    let service = Service::start(log);
    // It answers once it minds its signals and its log is open.
    assert_eq!(http::get(service.address(), "/readyz").status, 200);
    service.stop();
}

#[test]
fn ingest_tells_the_same_of_each_line_to_a_service_as_to_a_directory() {
    let dir = dir();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    let (far, near) = (dir.path().join("far.jsonl"), dir.path().join("near.jsonl"));
    let service = Service::start(&log);
    let remotely = ingest(remote("ingest", &service), dir.path(), &far);
    configured(&other);
    let locally = ingest(command("ingest", &other), dir.path(), &near);
    let text = |path: &Path| fs::read_to_string(path).expect("the outcomes are there");
    assert_eq!(text(&far), text(&near));
    for key in ["accepted", "refused", "repeats", "others", "events", "analyses", "decisions"] {
        assert!(remotely[key].as_u64() > Some(0), "{key}: {remotely}");
    }
    for own in ["threads", "chunks", "bytes"] {
        assert_eq!(remotely.get(own), None, "a service keeps {own} to itself");
        assert!(locally[own].as_u64() > Some(0), "{own}: {locally}");
    }
    assert_eq!(shared(remotely), shared(locally.clone()));
    let digest = |mut replay: Command| json(replay.arg("--json"))["digest"].clone();
    assert_eq!(digest(remote("replay", &service)), digest(command("replay", &other)));

    let again = ingest(remote("ingest", &service), dir.path(), &dir.path().join("again.jsonl"));
    assert_eq!(again["accepted"], 0, "what the log has is a repeat: {again}");
    assert_eq!(again["decisions"], 0, "a repeat causes nothing: {again}");
    assert_eq!(again["files"], locally["files"]);
    service.stop();
}

#[test]
fn feedback_and_profiles_add_up_to_the_same_in_words_and_in_json() {
    let dir = dir();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    let (_, odd, profiles) = inputs(dir.path());
    configured(&log);
    configured(&other);
    for log in [&log, &other] {
        run(command("ingest", log).arg(&odd).arg("--profiles").arg(&profiles));
    }
    let decisions = json_lines(command("events", &log).args(["--type", "decision_made", "--json"]));
    let feedback = |n: usize, id: &str, decision: &Value| {
        let ts = decision["recv_ts"].as_i64().expect("decisions have a time");
        json!({
            "id": id, "decision_id": decision["event"]["decision_id"], "ts": ts + 60_000,
            "recv_ts": ts + 60_000, "outcome": if n.is_multiple_of(2) { "accepted" } else { "dismissed" },
        })
    };
    let mut given: Vec<String> = decisions
        .iter()
        .take(9)
        .enumerate()
        .map(|(n, decision)| feedback(n, &format!("f{n}"), decision).to_string())
        .collect();
    given.push(given[0].clone());
    given.push("{\"id\":\"x\"}".into());
    let file = dir.path().join("feedback.jsonl");
    write_lines(&file, &given);

    let service = Service::start(&log);
    for (path, kind, form) in [
        (&file, "feedback", None),
        (&file, "feedback", Some("--json")),
        (&profiles, "profiles", None),
    ] {
        let told =
            |mut command: Command| run(command.arg(path).args(["--as", kind]).args(form)).stdout;
        let (far, near) = (told(remote("ingest", &service)), told(command("ingest", &other)));
        if form.is_some() {
            let read = |text: &[u8]| shared(serde_json::from_slice(text).expect("a summary"));
            let (far, near) = (read(&far), read(&near));
            assert_eq!((&far["others"], &near["others"]), (&json!(0), &json!(0)), "sent before");
            let settled = |summary: &Value| {
                let count = |key: &str| summary[key].as_u64().expect("a count");
                count("repeats") + count("skipped")
            };
            assert_eq!(settled(&far), settled(&near), "{far}\n{near}");
            continue;
        }
        let (far, near) = (words(&far), words(&near));
        assert_eq!(far, near);
        assert!(far.contains("exact repeats") || kind == "profiles", "{far}");
    }
    let rewards = |log: &Path| {
        json_lines(command("events", log).args(["--type", "feedback_recorded", "--json"])).len()
    };
    service.stop();
    assert_eq!(rewards(&log), 9);
    assert_eq!(rewards(&other), 9);
}

/// The counts that a summary tells in words, without time, threads and place.
fn words(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let counts: Vec<&str> = text.lines().skip(1).filter(|line| !line.starts_with("why:")).collect();
    assert!(!counts.is_empty(), "{text}");
    counts.join("\n")
}

#[test]
fn packed_files_containers_standard_input_and_feedback_arrive_like_plain_lines() {
    let dir = dir();
    let log = dir.path().join("log");
    let (_, odd, profiles) = inputs(dir.path());
    run(command("ingest", &log).arg(&odd).arg("--profiles").arg(&profiles));
    let avro = dir.path().join("odd.avro");
    let lines = odd_lines().join("\n");
    let packed = dir.path().join("odd.zst");
    let pack = zstd::stream::encode_all(lines.as_bytes(), 1).expect("memory can be packed");
    fs::write(&packed, pack).expect("the file can be written");
    fs::write(&avro, container(&odd_lines())).expect("the file can be written");

    let service = Service::start(&dir.path().join("served"));
    let taken =
        json(remote("ingest", &service).arg(&packed).args(["--json", "--profiles"]).arg(&profiles));
    let (accepted, all) = (taken["accepted"].as_u64(), odd_lines().len() as u64);
    assert_eq!(accepted, Some(all), "{taken}");
    let taken = json(remote("ingest", &service).arg(&avro).arg("--json"));
    assert_eq!(
        (taken["files"][0]["inputs"].as_u64(), taken["repeats"].as_u64()),
        (Some(all), Some(all))
    );
    let mut piped = remote("ingest", &service)
        .args(["-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut input = piped.stdin.take().expect("its standard input is piped");
    input.write_all(lines.as_bytes()).expect("it reads");
    drop(input);
    let piped = piped.wait_with_output().expect("it ends");
    let taken: Value = serde_json::from_slice(&piped.stdout).expect("a summary");
    assert_eq!(taken["repeats"], all, "{taken}");

    let decisions =
        json_lines(remote("events", &service).args(["--type", "decision_made", "--json"]));
    let id = decisions[0]["event"]["decision_id"].as_str().expect("a decision's id").to_owned();
    let give = |outcome: &str| {
        let mut feedback = remote("feedback", &service);
        json(feedback.arg(&id[..20]).args(["--outcome", outcome, "--json"]))["outcome"].clone()
    };
    assert_eq!(give("accepted"), "recorded");
    assert_eq!(give("accepted"), "a repeat");
    let profile = |zone: &str| {
        let mut set = remote("profile", &service);
        json(set.args(["new one/é", "--tenant", "t 1", "--zone", zone, "--json"]))["changed"]
            .clone()
    };
    assert_eq!([profile("Asia/Tokyo"), profile("Asia/Tokyo"), profile("UTC")], [true, false, true]);
    let bad = refused(remote("profile", &service).args(["x", "--zone", "Nowhere/Land"]));
    assert!(bad.contains("unknown time zone"), "{bad}");
    service.stop();
}

/// A container of lines, in today's schema.
fn container(lines: &[String]) -> Vec<u8> {
    use zeitgeber::door::{Options, avro, json};
    let schema = avro::today();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema)
        .build()
        .expect("the schema can be read by");
    let mut writer = apache_avro::Writer::new(&schema, Vec::new()).expect("the schema is whole");
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    for line in lines {
        let (mut scratch, mut out) = (json::Scratch::default(), Vec::new());
        json::reading(line.as_bytes(), &options, &mut scratch, &mut out).expect("it is readable");
        let value = reader.read_value(&mut out.as_slice()).expect("the door writes the schema");
        writer.append_value(value).expect("memory can be written");
    }
    writer.into_inner().expect("memory can be written")
}
