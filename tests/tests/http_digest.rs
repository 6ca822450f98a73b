//! The same stream over HTTP and by file gives the same log, where clocks move by inputs alone.

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, command, dir,
    http::{post, request},
    json as printed, sample_dir, sample_lines, verify, write_lines,
};

/// Lines of the sample that are sent; dirt is among them.
const LINES: usize = 6_000;
/// Lines of one request.
const BATCH: usize = 700;
/// Lines that are sent one by one, as objects.
const SINGLE: usize = 60;

#[test]
fn a_stream_over_http_and_by_file_gives_the_same_digest() {
    let lines = &sample_lines()[..LINES];
    let dir = dir();
    let (by_file, over_http) = (dir.path().join("file"), dir.path().join("http"));
    let input = dir.path().join("lines.jsonl");
    write_lines(&input, lines);
    let mut ingest = command("ingest", &by_file);
    ingest.arg(&input).arg("--profiles").arg(sample_dir().join("users.json"));
    let counts = printed(ingest.arg("--json"));

    let service = Service::start(&over_http);
    let users = std::fs::read(sample_dir().join("users.json")).expect("the sample is there");
    let users: Value = serde_json::from_slice(&users).expect("it is JSON");
    for user in users["users"].as_array().expect("it lists people") {
        let mut profile = user.clone();
        let fields = profile.as_object_mut().expect("a person is an object");
        let id = fields.remove("user_id").expect("a person has an id");
        let path = format!("/v1/users/{}/profile", id.as_str().expect("an id is text"));
        let media = [("content-type", "application/json")];
        let body = profile.to_string();
        let answer = request(service.address(), "PUT", &path, &media, body.as_bytes());
        assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("accepted")));
    }
    let mut told = [0, 0, 0];
    let (batches, singles) = lines.split_at(LINES - SINGLE);
    for batch in batches.chunks(BATCH) {
        let answer =
            post(service.address(), "/v1/readings", "application/x-ndjson", &batch.join(&b'\n'));
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let outcomes = answer["outcomes"].as_array().expect("it lists outcomes");
        assert_eq!(outcomes.len(), batch.len());
        assert!(outcomes.iter().zip(1..).all(|(outcome, line)| outcome["line"] == line));
        for (sum, name) in told.iter_mut().zip(["accepted", "rejected", "duplicate"]) {
            *sum += answer[name].as_u64().expect("it counts");
        }
    }
    for line in singles {
        // Not every line of the sample is JSON, so it goes as a line, not as an object.
        let answer = post(service.address(), "/v1/readings", "application/x-ndjson", line);
        let answer = answer.json();
        for (sum, name) in told.iter_mut().zip(["accepted", "rejected", "duplicate"]) {
            *sum += answer[name].as_u64().expect("it counts");
        }
    }
    let replayed = zeitgeber_tests::http::get(service.address(), "/v1/replay").json();
    service.stop();
    let accepted = counts["accepted"].as_u64().expect("it counts");
    assert_eq!(told[0], accepted);
    assert!(told[1] > 0 && told[2] > 0, "dirt and repeats were among them: {told:?}");
    assert_eq!(told.iter().sum::<u64>(), LINES as u64);
    let digest = verify(&by_file).digest;
    assert_eq!(verify(&over_http).digest, digest);
    assert_eq!(replayed["digest"], digest);
}
