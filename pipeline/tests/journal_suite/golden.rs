//! Stored format versions are read for ever.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use zeitgeber::journal::{FileJournal, Journal, Mode};

use crate::kit::{Hand, LAYOUT, SOURCE, append_ok, checked, entry, files, open, settings, tails};

fn golden() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "journal-v1"].iter().collect()
}

/// Writes the log that the golden files hold; returns its hands.
fn write(dir: &Path) -> Vec<Hand> {
    let journal = FileJournal::create(dir, LAYOUT, settings(2_000)).expect("created");
    let mut hands: Vec<_> = (0..3).map(Hand::new).collect();
    for n in 0..12 {
        append_ok(&journal, &mut hands[n % 3], 1 + n as u64 % 5);
    }
    journal.close().expect("closed");
    hands
}

#[test]
fn the_golden_log_of_format_1_reads_and_is_written_the_same_byte_for_byte() {
    let dir = tempfile::tempdir().expect("a directory");
    let hands = write(dir.path());
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(golden().join("journal")).expect("created");
        for (name, bytes) in files(dir.path()) {
            fs::write(golden().join("journal").join(name), bytes).expect("written");
        }
    }
    let (journal, recovery) = open(&golden(), Mode::Read).expect("the golden log opens");
    assert_eq!(recovery.cut, None);
    assert_eq!(tails(&journal), hands.iter().map(|hand| hand.tail.clone()).collect::<Vec<_>>());
    assert_eq!(files(&golden()), files(dir.path()));
    let (mut scan, mut lines) = (journal.scan(checked()).expect("a scan"), vec![0; 3]);
    while let Some(chunk) = scan.next_chunk().expect("scanned") {
        let line = &mut lines[usize::from(chunk.header.partition.0)];
        for stored in chunk.entries() {
            let (stored, expected) = (stored.expect("an entry"), entry(*line));
            assert_eq!((stored.id, stored.ts), (expected.id.as_str(), expected.ts));
            assert_eq!(stored.events.count(), expected.events.len());
            *line += 1;
        }
    }
    assert_eq!(lines, hands.iter().map(|hand| hand.tail.cursors[&SOURCE]).collect::<Vec<_>>());
}
