//! A pool of agents that worked before anybody watched: what it left behind is in the states.

use std::path::Path;

use zeitgeber_tests::{command, dir, json, write_lines};

/// When it began, ms.
const START_MS: i64 = 1_740_971_940_000;
/// Tasks that it was given; the last ones still wait.
const TASKS: usize = 24;
/// Tasks that it did.
const DONE: usize = 16;

/// Writes a pool's life into a new log: agents, tasks, results.
pub(crate) fn work(log: &Path) {
    let files = dir();
    let file = files.path().join("tasks.jsonl");
    let lines = life();
    write_lines(&file, &lines);
    let told = json(command("ingest", log).arg(&file).args(["--as", "tasks", "--json"]));
    assert_eq!(
        (told["commands"].as_u64(), told["refused"].as_u64()),
        (Some(lines.len() as u64), Some(0))
    );
}

fn life() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut put = |kind: &str, rest: &str| {
        let at_ms = START_MS + lines.len() as i64;
        let times = format!(r#""ts":{at_ms},"recv_ts":{at_ms}"#);
        lines.push(format!(r#"{{"type":"{kind}","pool":"watched",{times}{rest}}}"#));
    };
    put("pool", r#","policy":"linucb""#);
    put("register", r#","agent":"a","capacity":2"#);
    for n in 0..TASKS {
        put("submit", &format!(r#","task":"t{n}","features":[{},{}]"#, n % 2, n % 3));
        // One agent, one task at a time: the leases are numbered one by one.
        if n < DONE {
            let of = format!(r#","task":"t{n}","agent":"a","lease":{}"#, n + 1);
            put("start", &of);
            put("result", &format!(r#"{of},"success":{}"#, n % 4 != 0));
        }
    }
    lines
}
