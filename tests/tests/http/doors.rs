//! Who may come in: addresses, tokens, TLS files; and the clock at the door.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeitgeber_tests::{
    Service, dir,
    http::{get, post, request},
    json as printed, refused, run, zeitgeber,
};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn tokens_open_what_their_scopes_say_and_nothing_else() {
    let dir = dir();
    let made = printed(zeitgeber().args(["token", "sender", "--scope", "ingest", "--json"]));
    let (token, line) = (made["token"].as_str(), made["line"].as_str());
    let (token, line) = (token.expect("a token"), line.expect("a line"));
    assert!(!line.contains(token), "the file holds the hash only");
    let digits: String =
        Sha256::digest(b"open sesame").iter().map(|byte| format!("{byte:02x}")).collect();
    let file = dir.path().join("tokens.txt");
    fs::write(&file, format!("# who may\n{line}\n\nreader read,operate sha256:{digits}\n"))
        .expect("it can be written");
    let set = format!("service.tokens_file={}", file.display());
    let service = Service::start_with(&dir.path().join("data"), &["--set", &set]);
    let at = service.address();
    let status = |method: &str, path: &str, token: &str| {
        let header = bearer(token);
        let media = ("content-type", "application/x-ndjson");
        request(at, method, path, &[("authorization", &header), media], b"").status
    };
    assert_eq!(status("POST", "/v1/readings", token), 200);
    assert_eq!(status("GET", "/v1/users", token), 403);
    assert_eq!(status("GET", "/v1/users", "open sesame"), 200);
    assert_eq!(status("GET", "/v1/verify", "open sesame"), 200);
    assert_eq!(status("POST", "/v1/readings", "open sesame"), 403);
    assert_eq!(status("GET", "/v1/users", "open sesam"), 401);
    let nobody = get(at, "/v1/users");
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(get(at, "/healthz").status, 200);
    service.stop();
}

#[test]
fn it_says_why_it_does_not_start() {
    let dir = dir();
    let data = dir.path().join("data");
    let serve = |settings: &[&str]| {
        let mut command = zeitgeber();
        command.arg("serve").arg("--data-dir").arg(&data);
        for set in settings {
            command.args(["--set", set]);
        }
        refused(&mut command)
    };
    assert!(serve(&["service.listen=0.0.0.0:0"]).contains("service.tokens_file"));
    assert!(serve(&["service.listen=nonsense"]).contains("127.0.0.1:8787"));
    let missing = "service.tokens_file=/nonexistent/tokens";
    assert!(serve(&[missing]).contains("/nonexistent/tokens"));
    let file = dir.path().join("tokens.txt");
    let set = format!("service.tokens_file={}", file.display());
    fs::write(&file, "\nadmin everything blake3:00\n").expect("it can be written");
    let said = serve(&[&set]);
    assert!(said.contains("tokens.txt:2") && said.contains("everything"), "{said}");
    fs::write(&file, "# none\n").expect("it can be written");
    assert!(serve(&[&set]).contains("holds no token"));
    let half = "service.tls_cert_file=/nonexistent/cert.pem";
    assert!(serve(&[half]).contains("service.tls_key_file"));
    let both = "service.tls_key_file=/nonexistent/key.pem";
    assert!(serve(&[half, both]).contains("/nonexistent/cert.pem"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let address = taken.local_addr().expect("it has an address");
    assert!(serve(&[&format!("service.listen={address}")]).contains("cannot listen on"));
    assert!(!data.exists(), "who cannot listen makes no log");
}

#[test]
fn a_reading_without_an_arrival_time_is_given_the_services_and_none_may_run_ahead() {
    let dir = dir();
    let service = Service::start_with(dir.path(), &[]);
    let at = service.address();
    let media = [("content-type", "application/json")];
    let profile = request(at, "PUT", "/v1/users/ada/profile", &media, b"{\"tz_offset_min\":0}");
    assert_eq!(profile.status, 200);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let now = i64::try_from(since.as_millis()).expect("it is long before the end of time");
    let reading = |id: &str, ts: i64, recv_ts: Option<i64>| {
        let reading = json!({
            "id": id, "user_id": "ada", "kind": "imu", "ts": ts, "recv_ts": recv_ts,
            "values": { "steps": 3 },
        });
        post(at, "/v1/readings", "application/json", reading.to_string().as_bytes())
    };
    assert_eq!(reading("a", now - 60_000, None).status, 200);
    let ahead = reading("b", now, Some(now + 10 * 60_000));
    assert_eq!((ahead.status, &ahead.json()["reason"]), (422, &json!("clock_ahead")));
    let rows = get(at, "/v1/events?user=ada&type=reading_accepted").json();
    let stamped = rows["events"][0]["recv_ts"].as_i64().expect("it has an arrival time");
    assert!((now..now + 60_000).contains(&stamped), "{stamped} is about {now}");
    service.stop();
}

#[test]
fn tls_is_spoken_where_certificate_and_key_are_given() {
    let dir = dir();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
    run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&cert));
    let sets = [
        format!("service.tls_cert_file={}", cert.display()),
        format!("service.tls_key_file={}", key.display()),
    ];
    let settings = ["--set", &sets[0], "--set", &sets[1]];
    let service = Service::start_with(&dir.path().join("data"), &settings);
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--fail", "--cacert"]).arg(&cert);
    curl.arg(format!("https://{}/healthz", service.address()));
    let answer: Value = printed(&mut curl);
    assert_eq!(answer, json!({"status": "ok"}));
    service.stop();
}
