//! Ends: asked for, insisted on, and forced by a journal that cannot be written.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use zeitgeber_tests::{
    Service, command, dir,
    http::{answers, connect, get, post},
    verify,
};

const NDJSON: &str = "application/x-ndjson";

fn signal(service: &Service, name: &str) {
    let sent = Command::new("kill").args([name, &service.pid().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "the service can be signalled");
}

#[test]
fn a_request_under_way_is_answered_before_the_service_ends() {
    let dir = dir();
    let service = Service::start(dir.path());
    assert_eq!(get(service.address(), "/healthz").status, 200, "the log is open");
    let mut slow = connect(service.address());
    let head = "POST /v1/readings HTTP/1.1\r\nhost: t\r\ncontent-type: application/x-ndjson\r\n\
                content-length: 8\r\n\r\n{\"a\"";
    slow.write_all(head.as_bytes()).expect("it is sent");
    // The head must be with the service before the signal is; nothing tells when it is.
    std::thread::sleep(Duration::from_millis(300));
    signal(&service, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    slow.write_all(b":1}\n").expect("it is still taken");
    let answer = answers(&mut slow);
    assert_eq!(answer.first().map(|answer| answer.status), Some(200), "{answer:?}");
    let mut service = service;
    assert!(service.wait().success(), "{}", service.said());
    assert!(std::net::TcpStream::connect(service.address()).is_err(), "nobody listens any more");
    verify(dir.path());
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_acknowledged_is_lost() {
    let dir = dir();
    let mut service = Service::start(dir.path());
    assert_eq!(post(service.address(), "/v1/readings", NDJSON, b"kept").status, 200);
    // A request that never ends keeps the first signal from ending the service.
    let mut endless = connect(service.address());
    let head = "POST /v1/readings HTTP/1.1\r\nhost: t\r\ncontent-type: application/x-ndjson\r\n\
                content-length: 8\r\n\r\n{";
    endless.write_all(head.as_bytes()).expect("it is sent");
    std::thread::sleep(Duration::from_millis(300));
    signal(&service, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    signal(&service, "-INT");
    assert_eq!(service.wait().code(), Some(130), "{}", service.said());
    let service = Service::start(dir.path());
    let letters = get(service.address(), "/v1/dead-letters").json();
    assert_eq!(letters["dead_letters"][0]["raw"], "kept");
    assert!(service.stop().contains("events"), "it says what it found");
}

/// Mounts a tmpfs of 8 MiB at `$1`, then runs the rest.
const ON_A_SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=8m tmpfs "$1" || exit 99
    shift
    exec "$@"
"#;

#[test]
fn where_the_journal_fails_inputs_are_refused_and_the_process_ends_with_status_one() {
    let dir = dir();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("some port is free");
    let program = command("serve", &dir.path().join("data"));
    let mut limited = Command::new("unshare");
    limited.args(["--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"]);
    limited.arg(dir.path()).arg(program.get_program()).args(program.get_args());
    limited.args(["--set", "log.segment_mib=1", "--listen", &address.to_string()]);
    let mut child = limited.stderr(Stdio::piped()).spawn().expect("it starts");
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        let ended = child.try_wait().expect("a child can be asked");
        assert!(ended.is_none() && started.elapsed() < Duration::from_secs(60), "{ended:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let junk = "x".repeat(4_000);
    let batch = |n: u32| {
        let lines: Vec<String> = (0..200).map(|line| format!("{n} {line} {junk}")).collect();
        post(address, "/v1/readings", NDJSON, lines.join("\n").as_bytes())
    };
    let failed = (0..100).map(batch).find(|answer| answer.status != 200);
    let failed = failed.expect("the disk is full after a hundred times a tenth of it");
    assert_eq!(failed.status, 503);
    assert_eq!(failed.json()["type"], "/problems/journal-failed");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
}
