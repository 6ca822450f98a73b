//! A full disk and a read-only one, each real: a child process runs the same test inside its own
//! mount namespace, on a file system made for it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
};

use zeitgeber::journal::{
    Append, AppendError, ChunkBuilder, FileJournal, Journal, Mode, OpenError,
};
use zeitgeber_schemas::PartitionId;

use crate::kit::{
    Hand, LAYOUT, add, append, append_ok, done, entry, files, open, read_all, settings, stored,
    tails,
};

const INSIDE: &str = "ZEITGEBER_TEST_MOUNT";

/// Inside the namespace: the prepared directory. Outside: runs `test` there, after `mount` (a
/// shell command about `$DIR`), and returns nothing. Where the system allows no such namespace,
/// says so.
fn inside(test: &str, mount: &str, dir: &Path) -> Option<PathBuf> {
    if let Some(inside) = env::var_os(INSIDE) {
        return Some(inside.into());
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-ec", script]).env("DIR", dir).env(INSIDE, dir);
        command.env("TEST_BINARY", env::current_exe().expect("this binary"));
        command
    };
    if !unshare(mount).output().is_ok_and(|output| output.status.success()) {
        eprintln!("{test}: not run, since this system lets us make no mount namespace");
        return None;
    }
    let run = format!("{mount}; exec \"$TEST_BINARY\" --exact {test} --nocapture");
    let output = unshare(&run).output().expect("it ran before");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
    None
}

/// A chunk of about this many bytes.
fn big(hand: &Hand, bytes: usize) -> Append {
    let mut builder = ChunkBuilder::new(PartitionId(0), 1);
    let mut entry = entry(1);
    entry.payload.0 = vec![1; bytes];
    add(&mut builder, &entry);
    let (number, position) = (hand.tail.next_chunk, hand.tail.next_position);
    let chunk = builder.seal(number, position, hand.tail.head);
    Append { partition: PartitionId(0), expected_chunk: number, chunk }
}

/// Whether an outcome says that the disk is full, and where.
fn says_full(result: &Result<(), AppendError>) -> bool {
    match result {
        Err(error @ AppendError::Failed(_)) => {
            let text = error.to_string();
            text.contains("No space left")
                && text.contains("journal/")
                && text.contains("free some")
        }
        _ => false,
    }
}

#[test]
fn journal_5_a_full_disk_poisons_and_loses_nothing_acknowledged() {
    let outer = tempfile::tempdir().expect("a directory");
    let test = "mounts::journal_5_a_full_disk_poisons_and_loses_nothing_acknowledged";
    let Some(dir) = inside(test, "mount -t tmpfs -o size=1m none \"$DIR\"", outer.path()) else {
        return;
    };
    let filler = dir.join("filler");
    fs::write(&filler, vec![1; 300 << 10]).expect("written");

    // A new segment finds no room.
    let journal = FileJournal::create(&dir, LAYOUT, settings(100 << 10)).expect("created");
    let mut hand = Hand::new(0);
    let (to, from) = mpsc::channel();
    let failed = loop {
        let known = hand.tail.clone();
        let next = hand.next(100);
        let appended = append(&journal, next);
        if appended.result.is_err() {
            hand = Hand::resume(0, known);
            break appended.result;
        }
        assert!(hand.tail.next_chunk < 1_000, "the disk never filled");
    };
    assert!(hand.tail.next_chunk > 10 && says_full(&failed), "{failed:?}");
    for _ in 0..3 {
        journal.submit(big(&hand, 1), done(&to));
        let late = from.recv().expect("completed").result;
        assert!(matches!(late, Err(AppendError::Poisoned)), "{late:?}");
    }
    journal.close().expect_err("it is poisoned");
    drop(journal);
    let (reader, _) = open(&dir, Mode::Read).expect("readable");
    assert_eq!(tails(&reader)[0], hand.tail);

    // A long frame tears in the middle.
    fs::remove_file(&filler).expect("removed");
    let (journal, _) = open(&dir, Mode::Write(settings(1_000))).expect("open");
    append_ok(&journal, &mut hand, 5);
    for _ in 0..2 {
        journal.submit(big(&hand, 900 << 10), done(&to));
    }
    let results: Vec<_> = from.iter().take(2).map(|appended| appended.result).collect();
    assert!(results.iter().any(says_full) && results.iter().all(Result::is_err), "{results:?}");
    drop(journal);
    let (journal, recovery) = open(&dir, Mode::Write(settings(1_000))).expect("open");
    assert!(recovery.cut.is_some_and(|cut| cut.bytes > 100_000));
    assert_eq!(tails(&journal)[0], hand.tail);
    append_ok(&journal, &mut hand, 5);
    journal.close().expect("closed");
    assert_eq!(read_all(&dir).expect("whole").len() as u64, hand.tail.next_chunk);
}

#[test]
fn a_read_only_directory_can_be_read_and_says_why_it_cannot_be_written() {
    let outer = tempfile::tempdir().expect("a directory");
    if env::var_os(INSIDE).is_none() {
        let journal = FileJournal::create(outer.path(), LAYOUT, settings(9_000)).expect("created");
        append_ok(&journal, &mut Hand::new(0), 5);
    }
    let test = "mounts::a_read_only_directory_can_be_read_and_says_why_it_cannot_be_written";
    let mount = "mount --bind \"$DIR\" \"$DIR\"; mount -o remount,ro,bind \"$DIR\"";
    let Some(dir) = inside(test, mount, outer.path()) else {
        return;
    };
    let before = files(&dir);
    let error = open(&dir, Mode::Write(settings(9_000))).expect_err("read-only");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    let error = FileJournal::create(&dir.join("new"), LAYOUT, settings(1)).expect_err("read-only");
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    let (reader, _) = open(&dir, Mode::Read).expect("readable");
    assert_eq!(stored(&reader, crate::kit::checked()).expect("scanned").len(), 1);
    assert_eq!(files(&dir), before);
}
