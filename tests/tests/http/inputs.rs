//! Inputs and answers: one, many, broken, together, and what is asked about them.

use serde_json::{Value, json};
use zeitgeber_tests::{
    Service, command, dir,
    http::{Answer, get, post, request},
    json_lines,
};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const NOON_MS: i64 = 1_740_916_800_000;

fn put_profile(service: &Service, user: &str, body: &str) -> Answer {
    let path = format!("/v1/users/{user}/profile");
    request(service.address(), "PUT", &path, &[("content-type", JSON)], body.as_bytes())
}

fn reading(user: &str, minute: i64) -> Value {
    let ts = NOON_MS + minute * 60_000;
    json!({
        "id": format!("{user}-{minute}"), "user_id": user, "device_id": "w", "kind": "imu",
        "ts": ts, "values": { "activity_counts": 11, "epoch_s": 60 },
    })
}

/// The problem's kind.
fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], answer.status);
    assert_eq!(body["instance"].as_str(), answer.header("x-request-id"), "{body}");
    let kind = body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
    (answer.status, kind.expect("a problem has a kind").to_owned())
}

fn is(status: u16, kind: &str) -> (u16, String) {
    (status, kind.into())
}

#[test]
fn each_line_has_its_outcome_and_one_refused_object_is_a_problem() {
    let dir = dir();
    let service = Service::start(dir.path());
    let at = service.address();
    assert_eq!(put_profile(&service, "ada", r#"{"zone":"Europe/Berlin"}"#).status, 200);
    let lines = format!("{}\nnot json\n\n{}", reading("ada", 0), reading("ada", 0));
    let answer = post(at, "/v1/readings", NDJSON, lines.as_bytes()).json();
    assert_eq!(answer["outcomes"][0], json!({"line": 1, "outcome": "accepted"}));
    assert_eq!(answer["outcomes"][1]["reason"], "not_json");
    assert_eq!(answer["outcomes"][2]["line"], 3, "a blank line is a line");
    assert_eq!(answer["outcomes"][3]["outcome"], "duplicate");
    let counts = [&answer["accepted"], &answer["rejected"], &answer["duplicate"]];
    assert_eq!(counts, [1, 2, 1]);

    let list = json!([reading("ada", 1), 3, reading("nobody", 1)]).to_string();
    let answer = post(at, "/v1/readings", JSON, list.as_bytes()).json();
    let outcomes: Vec<_> = answer["outcomes"].as_array().expect("a list").iter().collect();
    assert_eq!(outcomes[0]["outcome"], "accepted");
    assert_eq!(outcomes[1]["reason"], "not_json");
    assert_eq!(outcomes[2]["outcome"], "rejected");
    assert!(answer["reached"].as_object().is_some_and(|reached| !reached.is_empty()));

    let one = |value: Value| post(at, "/v1/readings", JSON, value.to_string().as_bytes());
    assert_eq!(one(reading("ada", 2)).json()["accepted"], 1);
    let refused = one(reading("nobody", 2));
    assert_eq!(problem(&refused), is(422, "unprocessable"));
    assert!(refused.json()["reason"].is_string());
    let broken = post(at, "/v1/readings", JSON, b"{\"id\":\n1,,}");
    assert_eq!(problem(&broken), is(400, "malformed"));
    assert_eq!((&broken.json()["line"], &broken.json()["column"]), (&json!(2), &json!(3)));
    assert_eq!(problem(&post(at, "/v1/readings", JSON, b"3")), is(400, "malformed"));
    let truncated = post(at, "/v1/readings", "application/vnd.apache.avro", b"Obj\x01\x02");
    assert_eq!(problem(&truncated), is(400, "malformed"));

    let letters = get(at, "/v1/dead-letters?limit=100").json();
    let letters = letters["dead_letters"].as_array().expect("a list").clone();
    let found = letters.len();
    assert_eq!(pages(at, "/v1/dead-letters?limit=1", "dead_letters"), letters);
    let reasons = get(at, "/v1/dead-letters?reason=not_json").json();
    service.stop();
    assert_eq!(json_lines(command("deadletters", dir.path()).arg("--json")).len(), found);
    assert_eq!(reasons["dead_letters"].as_array().map(Vec::len), Some(3));
}

/// The rows of all pages of a list.
fn pages(at: std::net::SocketAddr, path: &str, list: &str) -> Vec<Value> {
    let (mut rows, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(at, &format!("{path}{next}")).json();
        rows.extend(page[list].as_array().expect("a list").iter().cloned());
        let Some(after) = page["next"].as_str() else { return rows };
        next = format!("&after={after}");
    }
}

#[test]
fn a_persons_readings_come_together_and_are_read_back_page_by_page() {
    let dir = dir();
    let service = Service::start(dir.path());
    let at = service.address();
    let profile = r#"{"tz_offset_min":60,"quiet_hours":{"start":"22:00","end":"06:30"}}"#;
    assert_eq!(put_profile(&service, "ada", profile).json()["outcome"], "accepted");
    assert_eq!(put_profile(&service, "ada", profile).json()["outcome"], "duplicate");
    let stands = get(at, "/v1/users/ada/profile").json();
    assert_eq!(stands["quiet_hours"], json!({"start": "22:00", "end": "06:30"}));
    assert_eq!(put_profile(&service, "ada", &stands.to_string()).json()["outcome"], "duplicate");
    assert_eq!(problem(&put_profile(&service, "bob", "{}")), is(422, "unprocessable"));

    let path = "/v1/users/ada/data";
    let data = json!({"ts": NOON_MS, "id": "x", "imu": {"steps": 3}, "environment": {"lux": 3}});
    let answer = post(at, path, JSON, data.to_string().as_bytes());
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(2)));
    let half = json!({"ts": NOON_MS, "imu": {"steps": 3}, "hrv": {"rr_ms": "many"}});
    let refused = post(at, path, JSON, half.to_string().as_bytes());
    assert_eq!(problem(&refused), is(422, "unprocessable"));
    assert_eq!(problem(&post(at, path, JSON, b"{\"ts\":1}")), is(422, "unprocessable"));

    let all = get(at, "/v1/users/ada/events").json();
    let all = all["events"].as_array().expect("a list").clone();
    assert_eq!(pages(at, "/v1/users/ada/events?limit=1", "events"), all);
    let later = json!({"ts": NOON_MS + 60_000, "id": "y", "imu": {"steps": 4}});
    assert_eq!(post(at, path, JSON, later.to_string().as_bytes()).json()["accepted"], 1);
    let noon = NOON_MS + 1;
    let last = get(at, &format!("/v1/events?user=ada&last=2&to={noon}")).json();
    let last: Vec<_> = last["events"].as_array().expect("a list").iter().collect();
    assert_eq!(last, all.iter().skip(all.len() - 2).collect::<Vec<_>>(), "the last before then");
    let accepted = all.iter().filter(|row| row["type"] == "reading_accepted").count();
    assert_eq!(accepted, 2, "what came with a part that cannot be read was not taken");
    assert_eq!(get(at, "/v1/users?prefix=ad").json(), json!({"users": ["ada"], "more": false}));
    let status = get(at, "/v1/users/ada/status").json();
    let unknown = get(at, "/v1/users/adb/status");
    assert_eq!(problem(&unknown), is(404, "unknown-user"));
    assert_eq!(unknown.json()["nearest"], json!(["ada"]));
    assert_eq!(get(at, "/v1/verify").json()["ok"], true);
    service.stop();
    let printed = command("status", dir.path()).args(["ada", "--json"]).output().expect("it runs");
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("it prints JSON");
    assert_eq!(printed, status);
}

#[test]
fn whatever_has_no_answer_is_a_problem_that_says_why() {
    let dir = dir();
    let service = Service::start(dir.path());
    let at = service.address();
    assert_eq!(problem(&get(at, "/v1/nothing")), is(404, "not-found"));
    let method = request(at, "DELETE", "/v1/readings", &[], b"");
    assert_eq!(problem(&method), is(405, "method-not-allowed"));
    assert_eq!(method.header("allow"), Some("POST"));
    let media = post(at, "/v1/readings", "text/plain", b"x");
    assert_eq!(problem(&media), is(415, "unsupported-media-type"));
    assert_eq!(problem(&post(at, "/v1/feedback", "application/vnd.apache.avro", b"")).0, 415);
    assert_eq!(problem(&get(at, "/v1/users?limt=3")), is(400, "malformed"));
    assert_eq!(problem(&get(at, "/v1/users?limit=0")), is(400, "malformed"));
    assert_eq!(problem(&get(at, "/v1/events?after=x")), is(400, "malformed"));
    let long = format!("/v1/users/{}/status", "x".repeat(257));
    assert_eq!(problem(&get(at, &long)), is(400, "malformed"));
    assert_eq!(problem(&get(at, "/v1/users/%ff/status")), is(400, "malformed"));
    assert_eq!(problem(&get(at, "/v1/decisions/0003a1b2")), is(404, "unknown-decision"));
    assert_eq!(problem(&get(at, "/v1/decisions/zz")), is(400, "malformed"));
    let named = request(at, "GET", "/healthz", &[("x-request-id", "mine-7")], b"");
    assert_eq!(named.header("x-request-id"), Some("mine-7"));
    let odd = request(at, "GET", "/healthz", &[("x-request-id", "no spaces")], b"");
    assert!(odd.header("x-request-id").is_some_and(|id| id != "no spaces"));
    let document = get(at, "/openapi.json").json();
    assert!(document["paths"]["/v1/readings"]["post"]["responses"]["429"].is_object());
    service.stop();
}
