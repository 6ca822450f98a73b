//! After a clean stop any one flipped byte of the journal is found, and placed.
//!
//! Every byte of every file under `journal/` is flipped in turn, in process because there are many;
//! a handful goes through the binary.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread,
};

use zeitgeber::{query, store::Store};
use zeitgeber_tests::{Dir, command, dir, files, json, refused, run, sample_dir, sample_lines};
use zeitgeber_tests::{verify, write_lines};

/// Lines of the log that is damaged.
const LINES: usize = 200;
/// What a frame of a segment begins with.
const FRAME: &[u8] = b"\xF6ZJFRAME";
/// Threads that flip, each a copy of the log of its own.
const FLIPPERS: usize = 2;

fn stopped_log() -> (Dir, PathBuf) {
    let dir = dir();
    let log = dir.path().join("log");
    let input = dir.path().join("day.jsonl");
    write_lines(&input, &sample_lines()[..LINES]);
    let users = sample_dir().join("users.json");
    // Two processes, so that the log has frames behind a mark that was left before.
    for file in [&input, &input.with_extension("more")] {
        if !file.exists() {
            write_lines(file, &sample_lines()[LINES..LINES + 20]);
        }
        run(command("ingest", &log).arg(file).arg("--profiles").arg(&users));
    }
    (dir, log)
}

/// What opening and verifying say is wrong.
fn fault(log: &Path) -> Option<String> {
    match Store::read(log) {
        Err(error) => Some(error.to_string()),
        Ok(store) => match query::verify(&*store.journal()) {
            Err(error) => Some(error.to_string()),
            Ok(verified) => verified.error,
        },
    }
}

/// Where the structure begins that holds a byte: a frame, or the head of the file.
fn structure(bytes: &[u8], at: usize) -> usize {
    let starts = |from: &usize| bytes[*from..].starts_with(FRAME);
    (0..=at).rev().find(starts).unwrap_or(0)
}

/// Whether a fault names the file, and a byte from the damaged structure's start to the damage.
fn is_placed(fault: &str, file: &Path, bytes: &[u8], at: usize) -> bool {
    let offset = fault.split_once(" byte ").map(|(_, rest)| rest);
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    let offset = offset.and_then(|rest| digits(rest).parse::<usize>().ok());
    fault.contains(&file.display().to_string())
        && offset.is_some_and(|offset| (structure(bytes, at)..=at).contains(&offset))
}

fn flip(file: &File, bytes: &[u8], at: usize, mask: u8) {
    file.write_all_at(&[bytes[at] ^ mask], at as u64).expect("the file can be written");
}

#[test]
fn every_flipped_byte_of_a_stopped_log_is_found_and_placed() {
    let (_dir, log) = stopped_log();
    assert_eq!(fault(&log), None);
    let flipped: usize = thread::scope(|scope| {
        let log = &log;
        let start = |number| scope.spawn(move || flip_share(log, number));
        let flippers: Vec<_> = (0..FLIPPERS).map(start).collect();
        flippers.into_iter().map(|flipper| flipper.join().expect("all were found")).sum()
    });
    let total: usize = files(&log.join("journal")).iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{flipped} bytes flipped");
    assert_eq!(flipped, total, "every byte had its turn");
    assert!(total > 50_000, "the log is not empty");
}

/// Flips this thread's share of the bytes, in a copy of the log; returns how many.
fn flip_share(log: &Path, number: usize) -> usize {
    let dir = dir();
    let copy = dir.path().join("log");
    fs::create_dir_all(copy.join("journal")).expect("a directory can be made");
    for (path, bytes) in files(&log.join("journal")) {
        let to = copy.join("journal").join(path.file_name().expect("a file has a name"));
        fs::write(to, bytes).expect("the file can be written");
    }
    let mut flipped = 0;
    for (path, bytes) in files(&copy.join("journal")) {
        let file = OpenOptions::new().write(true).open(&path).expect("the file can be opened");
        for at in (number..bytes.len()).step_by(FLIPPERS) {
            // Small and great changes in turn.
            let mask = if (at / FLIPPERS).is_multiple_of(2) { 0x01 } else { 0xFF };
            flip(&file, &bytes, at, mask);
            let found = fault(&copy);
            let placed = found.as_ref().is_some_and(|fault| is_placed(fault, &path, &bytes, at));
            assert!(placed, "byte {at} of {} ^ {mask:#x}: {found:?}", path.display());
            flip(&file, &bytes, at, 0);
            flipped += 1;
        }
    }
    assert_eq!(fault(&copy), None, "everything is as it was");
    flipped
}

#[test]
fn the_binary_refuses_a_flipped_byte_and_names_file_and_offset() {
    let (_dir, log) = stopped_log();
    let before = verify(&log);
    for (path, bytes) in files(&log.join("journal")) {
        let file = OpenOptions::new().write(true).open(&path).expect("the file can be opened");
        for at in [0, 9, bytes.len() / 2, bytes.len() - 1] {
            flip(&file, &bytes, at, 0x10);
            let said = refused(&mut command("verify", &log));
            assert!(is_placed(&said, &path, &bytes, at), "byte {at}: {said}");
            let answer = command("verify", &log).arg("--json").output().expect("it starts");
            assert_eq!(answer.status.code(), Some(1));
            let answer: serde_json::Value =
                serde_json::from_slice(&answer.stdout).expect("one JSON document");
            assert_eq!(answer["ok"], false);
            let error = answer["error"].as_str().expect("it says what is wrong");
            assert!(is_placed(error, &path, &bytes, at), "byte {at}: {error}");
            flip(&file, &bytes, at, 0);
        }
    }
    assert_eq!(verify(&log), before);
    assert_eq!(json(command("replay", &log).arg("--json"))["digest"], before.digest);
}
