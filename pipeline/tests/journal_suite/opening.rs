//! Opening by the steps of the index: what it passes over, and that it finds what reading finds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use zeitgeber::journal::{FileJournal, Journal, Mode, OpenError, ReadError};

use crate::{
    kit::{Hand, LAYOUT, append_ok, open, read_all, settings, tails},
    search::resumes_everywhere,
};

/// A closed log of many short segments, each with its index that can have one.
fn indexed() -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(2_000)).expect("created");
    let mut hands: Vec<_> = (0..3).map(Hand::new).collect();
    for n in 0..40_u64 {
        // The third partition ends long before the others.
        let partition = if n < 12 { n % 3 } else { n % 2 };
        append_ok(&journal, &mut hands[partition as usize], 1 + n % 5);
    }
    let built = journal.build_missing(&|| false).expect("built");
    assert!(built.built > 4, "{built:?}");
    journal.close().expect("closed");
    let entries = fs::read_dir(dir.path().join("index")).expect("indexes");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    (dir, paths)
}

/// Opens the log and compares with the one that was opened by reading all of it.
fn same_as(expected: &FileJournal, dir: &Path, what: &str) {
    let (journal, recovery) = open(dir, Mode::Read).expect(what);
    assert_eq!(recovery.cut, None, "{what}");
    assert_eq!(tails(&journal), tails(expected), "{what}");
    assert_eq!(journal.segments(), expected.segments(), "{what}");
}

#[test]
fn journal_7_a_log_opened_by_its_index_is_the_log_opened_by_reading() {
    let (dir, paths) = indexed();
    let kept: Vec<_> = paths.iter().map(|path| fs::read(path).expect("an index")).collect();
    paths.iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let (read, _) = open(dir.path(), Mode::Read).expect("open");
    // Each subset of the first indexes, and all of the others.
    for subset in 0..16_usize {
        for (number, (path, bytes)) in paths.iter().zip(&kept).enumerate() {
            if number >= 4 || subset & (1 << number) > 0 {
                fs::write(path, bytes).expect("written");
            } else {
                drop(fs::remove_file(path));
            }
        }
        same_as(&read, dir.path(), &format!("indexes {subset:04b}"));
    }
    let (journal, _) = open(dir.path(), Mode::Read).expect("open");
    resumes_everywhere(&journal);
    drop(journal);
    let (journal, _) = open(dir.path(), Mode::Write(settings(2_000))).expect("open");
    let mut hand = Hand::resume(2, journal.tail(zeitgeber_schemas::PartitionId(2)));
    append_ok(&journal, &mut hand, 3);
    journal.close().expect("closed");
    read_all(dir.path()).expect("the chains go on");
}

#[test]
fn journal_7_no_flipped_byte_of_an_index_changes_what_opening_finds() {
    let (dir, paths) = indexed();
    let (read, _) = open(dir.path(), Mode::Read).expect("open");
    let good = fs::read(&paths[1]).expect("an index");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&paths[1], &bad).expect("written");
        same_as(&read, dir.path(), &format!("byte {at} flipped"));
    }
    for length in 0..good.len() {
        fs::write(&paths[1], &good[..length]).expect("written");
        same_as(&read, dir.path(), &format!("cut to {length} bytes"));
    }
}

#[test]
fn journal_11_damage_that_opening_passes_over_is_found_by_a_scan_with_its_place() {
    let (dir, paths) = indexed();
    let segment = dir.path().join("journal").join("00000001.zj");
    let mut bytes = fs::read(&segment).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&segment, &bytes).expect("written");
    let named = |error: &ReadError| match error {
        ReadError::Damaged { file, .. } => *file == segment,
        _ => false,
    };
    open(dir.path(), Mode::Read).expect("what the index says still stands");
    let found = read_all(dir.path());
    assert!(matches!(&found, Err(OpenError::Read(error)) if named(error)), "{found:?}");
    fs::remove_file(&paths[1]).expect("removed");
    let found = open(dir.path(), Mode::Read).map(drop);
    assert!(matches!(&found, Err(OpenError::Read(error)) if named(error)), "{found:?}");
}

#[test]
fn journal_11_a_segment_that_is_gone_is_missed_whatever_its_index_says() {
    let (dir, _) = indexed();
    let segment = dir.path().join("journal").join("00000001.zj");
    fs::remove_file(&segment).expect("removed");
    let found = open(dir.path(), Mode::Read).map(drop);
    let is_named =
        matches!(&found, Err(OpenError::Read(ReadError::Missing { file })) if *file == segment);
    assert!(is_named, "{found:?}");
}
