//! Lines beyond any limit: bounded memory, and what a dead letter keeps of them.

use std::{fs, io::Write, process::Stdio, thread, time::Duration};

use serde_json::Value;
use zeitgeber_tests::{command, dir, json};

use super::kit::{Running, dead_letters, ingest, minute, outcomes_of, says};

const LONG_LINE_BYTES: usize = 1 << 30;
/// Most memory that a child may ever hold while it passes over a long line, kB.
const MEMORY_KB: u64 = 200 * 1024;
/// What a dead letter keeps of a line, bytes.
const HEAD_BYTES: usize = 4_096;
/// Longest time for a gigabyte.
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn a_line_of_a_gigabyte_is_refused_in_bounded_memory_and_the_next_one_taken() {
    let scratch = dir();
    let mut child = Running::start(ingest(scratch.path(), "-".as_ref()).stdin(Stdio::piped()));
    let mut stdin = child.stdin();
    let writer = thread::spawn(move || {
        let block = [b'x'; 1 << 16];
        for _ in 0..LONG_LINE_BYTES / block.len() {
            stdin.write_all(&block)?;
        }
        writeln!(stdin, "\n{}", minute(1))?;
        std::io::Result::Ok(stdin)
    });
    let written = writer.join().expect("the writer does not panic");
    let peak_kb = peak_kb(child.id());
    drop(written);
    let (status, said) = child.end(LIMIT);
    assert!(status.success(), "{said}");
    assert!(peak_kb < MEMORY_KB, "{peak_kb} kB at most were held");
    let letters = dead_letters(scratch.path());
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["reason"], "oversized");
    assert_eq!(letters[0]["line"], 1);
    assert_eq!(letters[0]["length"], LONG_LINE_BYTES);
    assert_eq!(text(&letters[0], "raw").len(), HEAD_BYTES);
    let report = json(command("report", &scratch.path().join("data")).arg("--json"));
    assert_eq!(report["ada"]["imu_accepted"], 1, "{report}");
}

#[test]
fn a_dead_letter_keeps_reason_place_head_and_a_hash_of_the_rest() {
    let scratch = dir();
    let long = |end: char| {
        let mut line = "{ no json ".repeat(1_000);
        line.push(end);
        line
    };
    let short = "{ short";
    let lines = [minute(1), long('a'), long('b'), short.into(), minute(2)];
    outcomes_of(scratch.path(), "long.jsonl", &lines);
    let mut letters = dead_letters(scratch.path());
    letters.sort_by_key(|letter| letter["line"].as_u64());
    assert_eq!(letters.len(), 3, "{letters:?}");
    for (letter, line) in letters.iter().zip([2_usize, 3, 4]) {
        assert_eq!(letter["reason"], "not_json", "{letter}");
        assert_eq!(letter["source"], "long.jsonl", "{letter}");
        assert_eq!(letter["line"], line, "{letter}");
        let whole = &lines[line - 1];
        assert_eq!(letter["length"], whole.len(), "{letter}");
        assert_eq!(letter["raw"], whole[..whole.len().min(HEAD_BYTES)], "{letter}");
    }
    let rest = |letter: &Value| text(letter, "rest_hash");
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit());
    assert!(is_hash(&rest(&letters[0])) && is_hash(&rest(&letters[1])), "{letters:?}");
    assert_ne!(rest(&letters[0]), rest(&letters[1]), "the rest differs in its last byte");
    assert_eq!(letters[2].get("rest_hash"), None, "nothing follows a short line's head");

    let data = scratch.path().join("data");
    let shown = zeitgeber_tests::run(&mut command("deadletters", &data));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    says(&shown, &["not_json", "long.jsonl:2", "long.jsonl:4", "3 refused inputs stored"]);
}

#[test]
fn bytes_that_are_no_text_are_kept_as_they_came() {
    let scratch = dir();
    let lines = [b"{\"id\":\"\xff\xfe\"}".to_vec(), minute(1).into_bytes()];
    let outcomes = outcomes_of(scratch.path(), "bytes.jsonl", &lines);
    assert_eq!(outcomes[0]["reason"], "not_json");
    assert_eq!(outcomes[1]["outcome"], "accepted");
    let letters = dead_letters(scratch.path());
    assert_eq!(text(&letters[0], "raw_hex"), "7b226964223a22fffe227d");
}

/// The most memory that a process held so far, kB.
fn peak_kb(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("the process is alive: its input is still open");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    peak.and_then(|peak| peak.parse().ok()).unwrap_or_else(|| panic!("no VmHWM in {status}"))
}

fn text(letter: &Value, key: &str) -> String {
    letter[key].as_str().unwrap_or_else(|| panic!("no {key} in {letter}")).to_owned()
}
