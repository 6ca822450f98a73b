//! Torn tails are cut, damage is refused: JOURNAL-10 to JOURNAL-12.

use std::{collections::BTreeMap, fs, path::Path};

use zeitgeber::journal::{
    FileJournal, Journal, Layout, Mode, OpenError, ReadError, ScanFrom, Tail,
};

use crate::kit::{
    Hand, LAYOUT, append_ok, checked, files, open, read_all, settings, stored, tails, with_files,
};

type Files = BTreeMap<String, Vec<u8>>;

const FIRST: &str = "00000000.zj";
const SEGMENT_BYTES: u64 = 4_096;

/// A log of one segment that was not stopped: its files, where each frame ends, and the tails
/// after each frame.
fn unstopped(frames: u64) -> (Files, Vec<usize>, Vec<Vec<Tail>>) {
    let dir = tempfile::tempdir().expect("a directory");
    let journal =
        FileJournal::create(dir.path(), LAYOUT, settings(SEGMENT_BYTES)).expect("created");
    let end = || open(dir.path(), Mode::Read).expect("readable").1.end.offset as usize;
    let mut hands: Vec<_> = (0..2).map(Hand::new).collect();
    let (mut ends, mut states) = (vec![end()], vec![tails(&journal)]);
    for n in 0..frames {
        append_ok(&journal, &mut hands[n as usize % 2], 1 + n % 2);
        ends.push(end());
        states.push(tails(&journal));
    }
    (files(dir.path()), ends, states)
}

/// Bytes up to the last one that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A cleanly stopped log of several segments.
fn stopped(layout: Layout) -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), layout, settings(600)).expect("created");
    let mut hands: Vec<_> = (0..2).map(Hand::new).collect();
    for n in 0..6 {
        append_ok(&journal, &mut hands[n % 2], 2);
    }
    journal.close().expect("closed");
    let files = files(dir.path());
    assert!(files.len() >= 4, "{:?}", files.keys());
    assert!(!files.keys().any(|name| name.ends_with("tmp")));
    files
}

fn damaged_at(error: &OpenError) -> Option<(&Path, u64)> {
    match error {
        OpenError::Read(
            ReadError::Damaged { file, offset, .. } | ReadError::Broken { file, offset, .. },
        ) => Some((file, *offset)),
        _ => None,
    }
}

/// Opens a copy for writing, expects exactly this torn tail, and goes on with it.
fn expect_cut(files: &Files, offset: usize, bytes: usize, expected: &[Tail]) {
    let dir = with_files(files);
    let (reader, seen) = open(dir.path(), Mode::Read).expect("readable");
    assert_eq!(tails(&reader), expected);
    assert_eq!(&self::files(dir.path()), files, "a reader changed something");
    let (journal, recovery) = open(dir.path(), Mode::Write(settings(SEGMENT_BYTES))).expect("open");
    assert_eq!(recovery, seen);
    assert_eq!((recovery.end.segment, recovery.end.offset), (0, offset as u64));
    let cut = recovery.cut.map(|cut| (cut.offset, cut.bytes));
    assert_eq!(cut, (bytes > 0).then_some((offset as u64, bytes as u64)));
    assert_eq!(tails(&journal), expected);
    let mut hand = Hand::resume(0, expected[0].clone());
    append_ok(&journal, &mut hand, 1);
    journal.close().expect("closed");
    let chunks: u64 = expected.iter().map(|tail| tail.next_chunk).sum();
    assert_eq!(read_all(dir.path()).expect("whole").len() as u64, chunks + 1);
}

#[test]
fn journal_3_and_10_a_crash_after_an_acknowledgement_loses_nothing() {
    let (files, ends, states) = unstopped(3);
    expect_cut(&files, ends[3], 0, &states[3]);
}

#[test]
fn journal_10_a_tail_torn_at_any_length_is_cut_and_reported() {
    let (files, ends, states) = unstopped(3);
    for length in ends[2]..ends[3] {
        let (mut truncated, mut zeroed) = (files.clone(), files.clone());
        truncated.get_mut(FIRST).expect("a segment").truncate(length);
        zeroed.get_mut(FIRST).expect("a segment")[length..].fill(0);
        let torn = used(&truncated[FIRST]).saturating_sub(ends[2]);
        if length >= used(&files[FIRST]) {
            // The frame ends with zeros: with these zeroed it is whole.
            expect_cut(&zeroed, ends[3], 0, &states[3]);
        } else {
            expect_cut(&zeroed, ends[2], torn, &states[2]);
        }
        expect_cut(&truncated, ends[2], torn, &states[2]);
    }
}

#[test]
fn journal_10_a_tail_that_lost_its_beginning_is_cut() {
    let (files, ends, states) = unstopped(3);
    for length in [1, 40, 60] {
        let mut torn = files.clone();
        torn.get_mut(FIRST).expect("a segment")[ends[2]..ends[2] + length].fill(0);
        expect_cut(&torn, ends[2], used(&torn[FIRST]) - ends[2], &states[2]);
    }
}

#[test]
fn journal_11_damage_before_a_whole_frame_is_refused_and_nothing_changes() {
    let (files, ends, _) = unstopped(3);
    for at in ends[0]..ends[2] {
        let mut flipped = files.clone();
        flipped.get_mut(FIRST).expect("a segment")[at] ^= 0x10;
        let dir = with_files(&flipped);
        let frame = ends.iter().rfind(|end| **end <= at).expect("a frame");
        for mode in [Mode::Write(settings(SEGMENT_BYTES)), Mode::Read] {
            let error = open(dir.path(), mode).expect_err("damaged");
            let (file, offset) = damaged_at(&error).unwrap_or_else(|| panic!("{error}"));
            assert!(file.ends_with(FIRST), "{error}");
            assert_eq!(offset, *frame as u64, "{error}");
        }
        assert_eq!(self::files(dir.path()), flipped);
    }
}

#[test]
fn journal_12_after_a_clean_stop_every_flipped_byte_is_found_and_placed() {
    let files = stopped(LAYOUT);
    let dir = with_files(&files);
    assert_eq!(read_all(dir.path()).expect("whole").len(), 6);
    for (name, bytes) in &files {
        let path = dir.path().join("journal").join(name);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).expect("written");
            let error = read_all(dir.path()).expect_err("damaged");
            let (file, offset) =
                damaged_at(&error).unwrap_or_else(|| panic!("{name} {at}: {error}"));
            assert_eq!(file, path, "{name} {at}: {error}");
            assert!(offset as usize <= at, "{name} {at}: {error}");
        }
        fs::write(&path, bytes).expect("written");
    }
}

#[test]
fn journal_12_after_a_clean_stop_a_lost_tail_is_found() {
    let files = stopped(LAYOUT);
    let last = files.keys().rfind(|name| name.ends_with(".zj")).expect("segments").clone();
    for lost in 1..=files[&last].len() {
        let mut cut = files.clone();
        let kept = files[&last].len() - lost;
        cut.get_mut(&last).expect("a segment").truncate(kept);
        let error = read_all(with_files(&cut).path()).expect_err("damaged");
        assert!(damaged_at(&error).is_some_and(|(file, _)| file.ends_with(&last)), "{error}");
    }
}

#[test]
fn journal_11_the_mark_of_a_clean_stop_binds_after_more_was_appended() {
    let dir = with_files(&stopped(LAYOUT));
    let (journal, _) = open(dir.path(), Mode::Write(settings(100_000))).expect("open");
    let marked = files(dir.path());
    drop(journal);
    let last = marked.keys().rfind(|name| name.ends_with(".zj")).expect("segments").clone();
    let mut torn = marked.clone();
    let bytes = torn.get_mut(&last).expect("a segment");
    bytes.truncate(used(bytes) - 3);
    let error = read_all(with_files(&torn).path()).expect_err("damaged");
    assert!(error.to_string().contains("below the durable mark"), "{error}");
}

#[test]
fn journal_11_a_missing_file_is_named() {
    let files = stopped(LAYOUT);
    for name in files.keys() {
        let mut without = files.clone();
        without.remove(name);
        for mode in [Mode::Write(settings(600)), Mode::Read] {
            let error = open(with_files(&without).path(), mode).expect_err("missing");
            let missing = |error: &OpenError| match error {
                OpenError::Read(ReadError::Missing { file }) => file.ends_with(name),
                _ => false,
            };
            assert!(missing(&error), "{name}: {error}");
        }
        let dir = with_files(&without);
        FileJournal::create(dir.path(), LAYOUT, settings(600)).expect_err("something is there");
        assert_eq!(self::files(dir.path()), without);
    }
}

#[test]
fn journal_11_a_segment_of_another_log_is_refused() {
    let other = stopped(Layout { log_id: *b"some other's log", ..LAYOUT });
    for name in other.keys().filter(|name| name.ends_with(".zj")) {
        let mut mixed = stopped(LAYOUT);
        mixed.insert(name.clone(), other[name].clone());
        let error = read_all(with_files(&mixed).path()).expect_err("foreign");
        assert!(
            matches!(&error, OpenError::Read(ReadError::Foreign { file }) if file.ends_with(name))
        );
    }
}

#[test]
fn journal_11_swapped_segments_are_refused() {
    let mut files = stopped(LAYOUT);
    let (a, b) = (files[FIRST].clone(), files["00000001.zj"].clone());
    files.insert(FIRST.into(), b);
    files.insert("00000001.zj".into(), a);
    let error = read_all(with_files(&files).path()).expect_err("swapped");
    assert!(damaged_at(&error).is_some(), "{error}");
}

#[test]
fn a_newer_format_is_named_and_left_alone() {
    for name in [FIRST, "MARK"] {
        let mut files = stopped(LAYOUT);
        let prelude = &mut files.get_mut(name).expect("a file")[..16];
        prelude[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&prelude[..12]);
        prelude[12..].copy_from_slice(&crc.to_le_bytes());
        let dir = with_files(&files);
        for mode in [Mode::Write(settings(600)), Mode::Read] {
            let error = open(dir.path(), mode).expect_err("too new");
            let too_new = matches!(
                &error,
                OpenError::Read(ReadError::TooNew { file, found: 2, supported: 1 })
                    if file.ends_with(name)
            );
            assert!(too_new, "{error}");
        }
        assert_eq!(self::files(dir.path()), files);
    }
}

#[test]
fn a_chain_that_breaks_inside_whole_frames_is_named_by_partition_and_chunk() {
    // Two logs with the same id and shape differ in one chunk of partition 0. The mark of the
    // second log and its last segment fit the first log's frames in everything but the hashes.
    let (a, b) = (stopped(LAYOUT), {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = FileJournal::create(dir.path(), LAYOUT, settings(600)).expect("created");
        let mut hands: Vec<_> = (0..2).map(Hand::new).collect();
        for n in 0..6 {
            append_ok(&journal, &mut hands[n % 2], if n == 0 { 1 } else { 2 });
        }
        journal.close().expect("closed");
        files(dir.path())
    });
    let mut mixed = a.clone();
    mixed.insert(FIRST.into(), b[FIRST].clone());
    let error = read_all(with_files(&mixed).path()).expect_err("broken");
    assert!(
        matches!(&error, OpenError::Read(ReadError::Broken { partition, .. }) if partition.0 == 0),
        "{error}"
    );
}

#[test]
fn an_unchecked_scan_of_a_stopped_log_agrees_with_a_checked_one() {
    let dir = with_files(&stopped(LAYOUT));
    let (journal, recovery) = open(dir.path(), Mode::Read).expect("open");
    assert_eq!(recovery.cut, None);
    assert_eq!(
        stored(&journal, ScanFrom::default()).expect("scanned"),
        stored(&journal, checked()).expect("scanned")
    );
}
