//! Damaged, cut, exchanged or missing: derived files cost time and never an answer.

use std::{fs, path::Path};

use tempfile::TempDir;
use zeitgeber::{state::Memory, store::Store};

use super::kit::*;

const PEOPLE: usize = 3;

fn small_log() -> (TempDir, Vec<String>, Vec<[u8; 32]>) {
    let dir = TempDir::new().unwrap();
    let mut session = open(dir.path(), 1, TINY);
    introduce(&mut session, PEOPLE);
    let minutes = (0..30 * 60).step_by(15);
    let lines: Vec<String> =
        minutes.flat_map(|minute| (0..PEOPLE).map(move |who| reading(who, minute))).collect();
    play(&mut session, &lines, 30);
    session.finish().unwrap();
    let store = Store::read(dir.path()).unwrap();
    let (told, states) = (told(&store, PEOPLE), states(&store));
    (dir, told, states)
}

/// Somebody's answer and the states as a reader and as a writer have them.
fn answers_are(dir: &Path, told: &[String], truth: &[[u8; 32]], what: &str) -> usize {
    let store = Store::read(dir).unwrap();
    assert_eq!(super::kit::told(&store, PEOPLE), told, "{what}");
    assert_eq!(states(&store), truth, "{what}");
    let (_, recovered) = store.hold(Memory::UNBOUNDED).unwrap();
    recovered.ignored_snapshots.len()
}

#[test]
fn a_flipped_byte_in_a_snapshot_or_people_file_changes_no_answer() {
    let (dir, told, truth) = small_log();
    let all = files(&dir.path().join("snapshots"));
    assert_eq!(all.len(), 2, "a snapshot and its people file");
    let mut ignored = 0;
    for (path, bytes) in &all {
        // Every byte of the heads, and then one in so many.
        let step = (bytes.len() / 40).max(1);
        for at in (0..bytes.len()).filter(|at| *at < 45 || at % step == 0) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(path, &flipped).unwrap();
            ignored += answers_are(dir.path(), &told, &truth, &format!("{path:?} at {at}"));
        }
        fs::write(path, bytes).unwrap();
    }
    assert!(ignored > 80, "{ignored} snapshots were passed over");
    assert_eq!(answers_are(dir.path(), &told, &truth, "all is as before"), 0);
}

#[test]
fn a_file_cut_short_missing_or_of_another_log_changes_no_answer() {
    let (dir, told, truth) = small_log();
    let (other, _, _) = small_log();
    for (path, bytes) in &files(&dir.path().join("snapshots")) {
        for length in [0, 7, 23, 24, bytes.len() / 2, bytes.len() - 1] {
            fs::write(path, &bytes[..length]).unwrap();
            answers_are(dir.path(), &told, &truth, &format!("{path:?} cut to {length}"));
        }
        fs::remove_file(path).unwrap();
        answers_are(dir.path(), &told, &truth, &format!("{path:?} missing"));
        let of_other = other.path().join("snapshots").join(path.file_name().unwrap());
        fs::copy(of_other, path).unwrap();
        let ignored = answers_are(dir.path(), &told, &truth, "of another log");
        assert_eq!(ignored, 1);
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_writer_goes_on_from_the_log_where_its_people_file_is_damaged_at_rest() {
    let (dir, _, _) = small_log();
    let (whole, _, _) = small_log();
    let lines: Vec<String> = (1_800..2_000).step_by(5).map(|minute| reading(1, minute)).collect();
    let people = dir.path().join("snapshots/00000-000000.people");
    let mut bytes = fs::read(&people).unwrap();
    bytes[24..].fill(0xa5);
    fs::write(&people, bytes).unwrap();
    for log in [&dir, &whole] {
        let mut session = open(log.path(), 1, TINY);
        play(&mut session, &lines, 7);
        session.finish().unwrap();
    }
    let (dir, whole) = (Store::read(dir.path()).unwrap(), Store::read(whole.path()).unwrap());
    assert_eq!(digests(&dir), digests(&whole));
    assert_eq!(states(&dir), states_by_log(&whole));
}

#[test]
fn a_running_writer_rebuilds_people_whose_records_are_damaged_under_it() {
    let lines: Vec<String> = (0..1_500)
        .step_by(10)
        .flat_map(|minute| (0..PEOPLE).map(move |who| reading(who, minute)))
        .collect();
    let run = |damage: bool| {
        let dir = TempDir::new().unwrap();
        let mut session = open(dir.path(), 1, TINY_OFTEN);
        introduce(&mut session, PEOPLE);
        for lines in lines.chunks(90) {
            play(&mut session, lines, 9);
            for (path, bytes) in files(&dir.path().join("snapshots")) {
                if damage && path.extension().is_some_and(|e| e == "people") {
                    // In place, as a bad disk does it: the writer has the file open.
                    let zeros = vec![0; bytes.len().saturating_sub(24)];
                    let file = fs::File::options().write(true).open(path).unwrap();
                    std::os::unix::fs::FileExt::write_all_at(&file, &zeros, 24).unwrap();
                }
            }
        }
        session.finish().unwrap();
        dir
    };
    let (damaged, calm) = (run(true), run(false));
    let (damaged, calm) = (Store::read(damaged.path()).unwrap(), Store::read(calm.path()).unwrap());
    assert_eq!(digests(&damaged), digests(&calm));
    assert_eq!(states(&damaged), states_by_log(&calm));
}
