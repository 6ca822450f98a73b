//! Which events are wanted: topics, people, tenants, pools, agents; and what is not understood.

use std::fs;

use serde_json::Value;
use zeitgeber_tests::{Service, command, dir, http::get, json, write_lines};

use crate::kit::{Stream, behind, log, open_person, position, post_lines, reading};

/// A pool of two agents that are given three tasks, and an agent of the same name in another pool.
fn pools() -> String {
    let inputs = [
        ("pool", "desk", r#""policy":"round_robin""#),
        ("register", "desk", r#""agent":"ann","capacity":2"#),
        ("register", "desk", r#""agent":"ben","capacity":2"#),
        ("submit", "desk", r#""task":"t1""#),
        ("submit", "desk", r#""task":"t2""#),
        ("submit", "desk", r#""task":"t3""#),
        ("pool", "other", r#""policy":"fifo""#),
        ("register", "other", r#""agent":"ann","capacity":1"#),
    ];
    let line = |((kind, pool, rest), ts): ((&str, &str, &str), u64)| {
        format!("{{\"type\":\"{kind}\",\"pool\":\"{pool}\",\"ts\":{ts},\"recv_ts\":{ts},{rest}}}\n")
    };
    inputs.into_iter().zip(1_740_971_940_000..).map(line).collect()
}

fn is_task(row: &Value) -> bool {
    let kind = row["type"].as_str().unwrap_or_default();
    ["pool_", "agent_", "task_"].iter().any(|prefix| kind.starts_with(prefix))
}

#[test]
fn a_stream_brings_exactly_what_its_filter_wants_and_so_does_its_resumption() {
    let dir = dir();
    let file = dir.path().join("pools.jsonl");
    fs::write(&file, pools()).expect("the file can be written");
    let nothing = dir.path().join("nothing.jsonl");
    write_lines::<&str>(&nothing, &[]);
    let data = dir.path().join("data");
    json(command("ingest", &data).arg(&nothing).arg("--json"));
    let first = position(&log(&data)[0]);
    json(command("ingest", &data).args(["--as", "tasks"]).arg(&file).arg("--json"));
    let service = Service::start(&data);
    for (tenant, user) in [("default", "ada"), ("default", "bo"), ("clinic", "ada")] {
        open_person(&service, tenant, user);
    }
    let lines: String = (0..400)
        .flat_map(|minute| {
            let people = [("default", "ada"), ("default", "bo"), ("clinic", "ada")];
            people.map(|(tenant, user)| reading(tenant, user, minute))
        })
        .collect();
    post_lines(&service, &format!("{lines}no reading\n"));
    let rows = log(&data);
    let user = |row: &Value, tenant: &str, user: &str| {
        row["tenant"] == tenant && row["user_id"] == user && !is_task(row)
    };
    let kind = |row: &Value, kinds: &[&str]| kinds.iter().any(|kind| row["type"] == *kind);
    let check = |query: &str, wanted: &dyn Fn(&Value) -> bool| {
        let expected = behind(&rows, &first, wanted);
        assert!(!expected.is_empty(), "{query} wants something");
        let path = format!("/v1/stream?{query}");
        let mut stream =
            Stream::open(service.address(), &path, &[("last-event-id", first.as_str())]);
        assert_eq!(stream.ids(expected.len()), expected, "{query}");
        let middle = expected[expected.len() / 2].clone();
        let rest = behind(&rows, &middle, wanted);
        let mut stream =
            Stream::open(service.address(), &path, &[("last-event-id", middle.as_str())]);
        assert_eq!(stream.ids(rest.len()), rest, "{query} from {middle}");
    };
    check("", &|_| true);
    check("user=ada", &|row| user(row, "default", "ada"));
    check("user=ada&tenant=clinic", &|row| user(row, "clinic", "ada"));
    check("topic=readings.validated", &|row| kind(row, &["reading_accepted"]));
    check("topic=readings.validated,%20dead.letters", &|row| {
        kind(row, &["reading_accepted", "dead_lettered"])
    });
    check("topic=rhythm.analysis&user=bo", &|row| {
        user(row, "default", "bo") && kind(row, &["rhythm_analysed"])
    });
    check("pool=desk", &|row| is_task(row) && row["user_id"] == "desk");
    check("agent=ann", &|row| row["event"]["agent"] == "ann");
    check("pool=desk&agent=ann", &|row| row["event"]["agent"] == "ann" && row["user_id"] == "desk");
    check("topic=task.assignments&pool=desk&agent=ben", &|row| {
        row["event"]["agent"] == "ben" && kind(row, &["task_assigned"])
    });
}

#[test]
fn what_is_not_understood_is_refused_with_what_to_write_instead() {
    let dir = dir();
    let service = Service::start(dir.path());
    post_lines(&service, &reading("default", "ada", 0));
    let refused = [
        ("topic=readings", "readings.validated"),
        ("topic=", "there is no topic"),
        ("user=", "user"),
        ("user=a&pool=b", "not both"),
        ("tenant=a/b&user=c", "tenant"),
        ("after=now", "PARTITION:NUMBER"),
        ("after=0:99999999", "99999999"),
        ("after=99:0", "partition 99"),
        ("after=0:-1", "PARTITION:NUMBER"),
        ("since=0:0", "since"),
    ];
    for (query, says) in refused {
        for path in ["/v1/stream", "/v1/ws"] {
            if path == "/v1/ws" {
                // Without the upgrade that is what is told first, except for the parameters.
                let answer = get(service.address(), &format!("{path}?{query}"));
                assert!([400, 426].contains(&answer.status), "{query}: {answer:?}");
                continue;
            }
            let answer = get(service.address(), &format!("{path}?{query}"));
            assert_eq!(answer.status, 400, "{query}: {answer:?}");
            assert_eq!(answer.json()["type"], "/problems/malformed", "{query}");
            let detail = answer.json()["detail"].to_string();
            assert!(detail.contains(says), "{query}: {detail}");
        }
    }
    for id in ["0:99999999", "99:0", "junk", "\u{e9}"] {
        let stream = Stream::open(service.address(), "/v1/stream", &[("last-event-id", id)]);
        assert_eq!(stream.status, 400, "{id}: {}", stream.head);
    }
    assert_eq!(get(service.address(), "/healthz").status, 200);
}
