//! Creating, locking, rolling, following: the file journal's life.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use zeitgeber::journal::{FileJournal, Journal, Mode, OpenError, ScanFrom, Settings};
use zeitgeber_schemas::PartitionId;

use crate::kit::{
    Hand, LAYOUT, append, append_ok, checked, files, open, read_all, settings, stored, tails,
};

#[test]
fn journal_7_tails_are_the_same_after_opening_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(1_500)).expect("created");
    let mut hands: Vec<_> = (0..3).map(Hand::new).collect();
    for round in 0..12 {
        append_ok(&journal, &mut hands[round % 3], round as u64 % 4);
    }
    let before = tails(&journal);
    drop(journal);
    let (journal, recovery) = open(dir.path(), Mode::Write(settings(1_500))).expect("open");
    assert_eq!((tails(&journal), recovery.cut), (before, None));
    append_ok(&journal, &mut hands[1], 3);
    journal.close().expect("closed");
    let (reader, _) = open(dir.path(), Mode::Read).expect("open");
    assert_eq!(tails(&reader), hands.iter().map(|hand| hand.tail.clone()).collect::<Vec<_>>());
    let late = append(&reader, hands[0].next(1)).result;
    assert!(late.is_err(), "a reader took an append");
}

#[test]
fn journal_13_a_second_writer_is_refused_and_told_who_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(10_000)).expect("created");
    let error = open(dir.path(), Mode::Write(settings(10_000))).expect_err("locked");
    let own = std::process::id();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == own), "{error}");
    open(dir.path(), Mode::Read).expect("a reader takes no lock");
    journal.close().expect("closed");
    open(dir.path(), Mode::Write(settings(10_000))).expect("the lock ended with the clean stop");
}

#[test]
fn journal_13_a_reader_bears_a_live_writer_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(3_000)).expect("created");
    let (follower, _) = open(dir.path(), Mode::Read).expect("open");
    let mut scan = follower.scan(checked()).expect("a scan");
    let stop = AtomicBool::new(false);
    let mut followed = 0;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut hand = Hand::new(1);
            for n in 0..400 {
                append_ok(&journal, &mut hand, n % 9);
            }
            stop.store(true, Ordering::Release);
        });
        let mut least = 0;
        while !stop.load(Ordering::Acquire) {
            let seen = read_all(dir.path()).expect("readable").len();
            assert!(seen >= least, "{seen} chunks after {least}");
            least = seen;
            while scan.next_chunk().expect("readable").is_some() {
                followed += 1;
            }
        }
        writer.join().expect("the writer is well");
    });
    journal.close().expect("closed");
    while scan.next_chunk().expect("readable").is_some() {
        followed += 1;
    }
    assert_eq!(followed, 400);
    let before = files(dir.path());
    assert_eq!(read_all(dir.path()).expect("whole").len(), 400);
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_clean_stop_leaves_only_segments_of_used_length_and_the_mark() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(1 << 20)).expect("created");
    let mut hand = Hand::new(0);
    append_ok(&journal, &mut hand, 4);
    let running = files(dir.path());
    assert_eq!(running["00000000.zj"].len(), 1 << 20);
    journal.close().expect("closed");
    let closed = files(dir.path());
    assert_eq!(closed.keys().collect::<Vec<_>>(), ["00000000.zj", "MARK"]);
    assert!(closed["00000000.zj"].len() < 2_000);
    fs::write(dir.path().join("journal/00000001.tmp"), "left by a crash").expect("written");
    let (journal, recovery) = open(dir.path(), Mode::Write(settings(1 << 20))).expect("open");
    journal.close().expect("closed");
    assert_eq!((files(dir.path()), recovery.cut), (closed, None));
}

#[test]
fn a_changed_schema_table_begins_a_segment() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, Settings::new("[1]")).expect("created");
    let mut hand = Hand::new(0);
    append_ok(&journal, &mut hand, 1);
    journal.close().expect("closed");
    for (schemas, segments) in [("[1]", 1), ("[1,2]", 2), ("[1,2]", 2)] {
        let (journal, _) = open(dir.path(), Mode::Write(Settings::new(schemas))).expect("open");
        append_ok(&journal, &mut hand, 1);
        journal.close().expect("closed");
        assert_eq!(files(dir.path()).len(), segments + 1, "{schemas}");
    }
    assert_eq!(read_all(dir.path()).expect("whole").len(), 4);
}

#[test]
fn a_frame_longer_than_a_segment_gets_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(1_000)).expect("created");
    let mut hand = Hand::new(0);
    for entries in [1, 200, 1] {
        append_ok(&journal, &mut hand, entries);
    }
    journal.close().expect("closed");
    assert_eq!(files(dir.path()).len(), 4);
    assert_eq!(read_all(dir.path()).expect("whole").len(), 3);
}

#[test]
fn a_scan_from_late_chunks_does_not_read_old_segments() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(700)).expect("created");
    let mut hand = Hand::new(2);
    for _ in 0..9 {
        append_ok(&journal, &mut hand, 3);
    }
    let from = || ScanFrom { chunks: vec![0, 0, 7], check_hashes: true, ..ScanFrom::default() };
    fs::remove_file(dir.path().join("journal/00000000.zj")).expect("removed");
    let late = stored(&journal, from()).expect("only late segments are read");
    assert_eq!(late.iter().map(|chunk| chunk.1).collect::<Vec<_>>(), [7, 8]);
    stored(&journal, ScanFrom::default()).expect_err("the first segment is gone");
}

#[test]
fn creating_over_a_log_and_opening_nothing_are_clear_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = open(dir.path(), Mode::Read).expect_err("nothing there");
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    let error = open(&dir.path().join("no"), Mode::Write(settings(1))).expect_err("nothing there");
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    let inner = dir.path().join("made/by/us");
    drop(FileJournal::create(&inner, LAYOUT, settings(1_000)).expect("created"));
    let error = FileJournal::create(&inner, LAYOUT, settings(1_000)).expect_err("exists");
    assert!(matches!(error, OpenError::Exists { .. }), "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").expect("written");
    let error = open(&file, Mode::Read).expect_err("a file");
    assert!(matches!(error, OpenError::NotALog { .. }), "{error}");
    let error = FileJournal::create(&file, LAYOUT, settings(1_000)).expect_err("a file");
    assert!(matches!(error, OpenError::Write(_)), "{error}");
}

#[test]
fn a_creation_that_was_interrupted_can_be_repeated() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(FileJournal::create(dir.path(), LAYOUT, settings(0)).expect("created"));
    fs::remove_file(dir.path().join("journal/MARK")).expect("removed");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(0)).expect("created");
    assert_eq!(journal.tail(PartitionId(0)).next_chunk, 0);
}
