//! Searching by key and resuming at a place agree with reading everything, whatever became of the
//! index.

use std::{collections::BTreeSet, fs, path::PathBuf};

use proptest::prelude::*;
use zeitgeber::journal::{
    ChunkBuilder, FileJournal, Journal, Key, MemoryJournal, Mode, Place, ScanFrom, SeekError,
    keys_of,
};
use zeitgeber_schemas::{
    DecisionId, Entry, PartitionId, Recorded, SchemaId,
    wire::{Bytes, to_bytes},
};

use crate::kit::{Hand, LAYOUT, add, append, entry, open, settings};

/// Small, so that a few entries fill several segments.
const SEGMENT_BYTES: u64 = 2_000;
/// Subjects and decisions that the drawn entries are about.
pub(crate) const THINGS: u64 = 6;

pub(crate) fn decision(n: u64) -> DecisionId {
    DecisionId(u128::from(n) << 64 | 7)
}

/// An entry about one subject (0: nobody), with an event of a decision.
pub(crate) fn about(n: u64, subject: u64, decided: u64) -> Entry {
    let payload = Bytes(to_bytes(&decision(decided)));
    let event = Recorded { schema: SchemaId::OutcomeExpired, seal: 0, payload };
    Entry { subject, events: vec![event], raw: None, ..entry(n) }
}

/// Entries chunk by chunk: partition, then subject and decision of each entry.
pub(crate) type Drawn = Vec<(u16, Vec<(u64, u64)>)>;

fn drawn() -> impl Strategy<Value = Drawn> {
    let entries = prop::collection::vec((0..THINGS, 0..THINGS), 0..6);
    prop::collection::vec((0..LAYOUT.partitions, entries), 1..40)
}

pub(crate) fn write(journal: &dyn Journal, drawn: &Drawn) {
    for (number, (partition, entries)) in (0..).zip(drawn) {
        let partition = PartitionId(*partition);
        let tail = journal.tail(partition);
        let mut builder = ChunkBuilder::new(partition, 1);
        for (subject, decided) in entries {
            add(&mut builder, &about(number, *subject, *decided));
        }
        let chunk = builder.seal(tail.next_chunk, tail.next_position, tail.head);
        let next = zeitgeber::journal::Append { partition, expected_chunk: tail.next_chunk, chunk };
        append(journal, next).result.expect("appended");
    }
}

/// Place of the chunk and payload of every entry with one of the keys.
fn found(journal: &dyn Journal, keys: &[Key], from: ScanFrom, search: Search) -> Vec<(Place, i64)> {
    let mut scan = match search {
        Search::ByKey => journal.find(keys, from),
        Search::ByReading => journal.scan(from),
    }
    .expect("a scan");
    let (mut rows, mut of) = (Vec::new(), Vec::new());
    while let Some(chunk) = scan.next_chunk().expect("read") {
        for entry in chunk.entries() {
            let entry = entry.expect("an entry");
            of.clear();
            keys_of(&chunk.header, &entry, &mut of);
            if of.iter().any(|key| keys.contains(key)) {
                rows.push((chunk.place, entry.ts));
            }
        }
    }
    rows
}

#[derive(Clone, Copy)]
enum Search {
    ByKey,
    ByReading,
}

/// Every key that an entry can have here, alone and two together.
fn searches() -> Vec<Vec<Key>> {
    let subjects = (0..LAYOUT.partitions)
        .flat_map(|p| (1..THINGS).map(move |subject| Key::subject(PartitionId(p), subject)));
    let mut searches: Vec<Vec<Key>> = subjects.map(|key| vec![key]).collect();
    searches.extend((0..THINGS).map(|n| vec![Key::decision(decision(n))]));
    searches.push(vec![Key::decision(decision(1)), Key::subject(PartitionId(1), 2)]);
    searches.push(vec![Key::person("nobody")]);
    searches
}

pub(crate) fn agrees(journal: &dyn Journal) {
    for keys in searches() {
        let all = |search| found(journal, &keys, ScanFrom::default(), search);
        assert_eq!(all(Search::ByKey), all(Search::ByReading), "{keys:?}");
    }
}

fn indexes(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.path().join("index")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Twelve chunks a partition over many segments, and everything indexed that can be.
fn indexed() -> (tempfile::TempDir, FileJournal) {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(SEGMENT_BYTES)).expect("made");
    let chunk = |n: u64| ((n % 3) as u16, (0..n % 5).map(|i| (i + n % 2, n % THINGS)).collect());
    write(&journal, &(0..36).map(chunk).collect());
    let built = journal.build_missing(&|| false).expect("built");
    assert_eq!((built.built + 1, built.sound), (journal.segments(), 0));
    assert!(built.built > 3);
    (dir, journal)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn journal_14_a_search_finds_what_reading_everything_finds(log in drawn(), kept in any::<u64>()) {
        let memory = MemoryJournal::new(LAYOUT);
        write(&memory, &log);
        agrees(&memory);
        let dir = tempfile::tempdir().expect("a directory");
        let journal = FileJournal::create(dir.path(), LAYOUT, settings(SEGMENT_BYTES)).expect("made");
        let half = log.len() / 2;
        write(&journal, &log[..half].to_vec());
        agrees(&journal);
        journal.build_missing(&|| false).expect("built");
        for (number, path) in indexes(&dir).iter().enumerate() {
            if kept >> (number % 64) & 1 == 0 {
                fs::remove_file(path).expect("removed");
            }
        }
        write(&journal, &log[half..].to_vec());
        agrees(&journal);
        let (reader, _) = open(dir.path(), Mode::Read).expect("open");
        agrees(&reader);
    }
}

#[test]
fn journal_14_a_search_goes_on_with_what_is_appended_and_sealed_meanwhile() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(SEGMENT_BYTES)).expect("made");
    let keys = [Key::subject(PartitionId(0), 3)];
    let mut scan = journal.find(&keys, ScanFrom::default()).expect("a scan");
    // A search may yield chunks without the key, too; the others of this test are even.
    let mut next = || {
        while let Some(chunk) = scan.next_chunk().expect("read") {
            if chunk.header.partition == PartitionId(0) && chunk.header.number % 2 == 1 {
                return Some(chunk.header.number);
            }
        }
        None
    };
    for n in 0..40 {
        assert_eq!(next(), None);
        write(&journal, &vec![(0, vec![(2, 1)]), (0, vec![(3, n)]), (1, vec![(3, 1)])]);
        if n % 7 == 0 {
            journal.build_missing(&|| false).expect("built");
        }
        assert_eq!(next(), Some(2 * n + 1));
    }
    assert!(journal.segments() > 4);
}

#[test]
fn journal_14_a_missing_cut_flipped_or_foreign_index_changes_no_answer_and_is_built_again() {
    let (dir, journal) = indexed();
    let (paths, searches) = (indexes(&dir), searches());
    let whole = |keys: &[Key], search| found(&journal, keys, ScanFrom::default(), search);
    let expected: Vec<_> = searches.iter().map(|keys| whole(keys, Search::ByReading)).collect();
    let same = |what: &str| {
        for (keys, expected) in searches.iter().zip(&expected) {
            assert_eq!(whole(keys, Search::ByKey), *expected, "{what}, {keys:?}");
        }
    };
    same("all there");
    let path = &paths[1];
    let good = fs::read(path).expect("an index");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(path, &bad).expect("written");
        same(&format!("byte {at} flipped"));
        let built = journal.build_missing(&|| false).expect("built");
        assert_eq!((built.built, built.sound + 1), (1, paths.len() as u32), "byte {at}");
        assert_eq!(fs::read(path).expect("an index"), good);
    }
    for length in (0..good.len()).step_by(7) {
        fs::write(path, &good[..length]).expect("written");
        same(&format!("cut to {length} bytes"));
    }
    fs::write(path, fs::read(&paths[2]).expect("an index")).expect("written");
    same("another segment's");
    assert_eq!(journal.build_missing(&|| false).expect("built").built, 1);
    assert_eq!(fs::read(path).expect("an index"), good);
}

#[test]
fn journal_14_an_index_of_another_history_of_the_same_log_is_not_used() {
    let (dir, journal) = indexed();
    let other = tempfile::tempdir().expect("a directory");
    let fork = FileJournal::create(other.path(), LAYOUT, settings(SEGMENT_BYTES)).expect("made");
    let chunk = |n: u64| ((n % 3) as u16, (0..n % 5).map(|i| (5 - i, n % THINGS)).collect());
    write(&fork, &(0..36).map(chunk).collect());
    fork.build_missing(&|| false).expect("built");
    for (own, foreign) in indexes(&dir).iter().zip(indexes(&other)) {
        fs::copy(foreign, own).expect("copied");
    }
    agrees(&journal);
}

#[test]
fn the_index_is_small_and_nothing_builds_it_where_building_is_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = FileJournal::create(dir.path(), LAYOUT, settings(40_000)).expect("made");
    let entries = |n: u64| (0..200).map(move |i| (1 + i % 40, (n + i) % THINGS)).collect();
    write(&journal, &(0..20).map(|n| ((n % 3) as u16, entries(n))).collect());
    assert_eq!(journal.build_missing(&|| true).expect("stopped").built, 0);
    assert!(indexes(&dir).is_empty());
    let built = journal.build_missing(&|| false).expect("built");
    let sealed = u64::from(journal.segments() - 1) * 40_000;
    assert!(built.bytes * 20 < sealed, "{} of about {sealed} bytes", built.bytes);
    let (reader, _) = open(dir.path(), Mode::Read).expect("open");
    agrees(&reader);
}

/// Position and place of every event, in log order.
fn positions(journal: &dyn Journal) -> Vec<(PartitionId, u64, Place)> {
    let mut scan = journal.scan(ScanFrom::default()).expect("a scan");
    let mut rows = Vec::new();
    while let Some(chunk) = scan.next_chunk().expect("read") {
        let (first, partition) = (chunk.header.first_position, chunk.header.partition);
        let events = first..first + u64::from(chunk.header.events);
        rows.extend(events.map(|n| (partition, n, chunk.place)));
    }
    rows
}

pub(crate) fn resumes_everywhere(journal: &dyn Journal) {
    let all = positions(journal);
    assert!(all.len() > 30);
    for (index, (partition, n, at)) in all.iter().enumerate() {
        let place = journal.place_of(*partition, *n).expect("it is there");
        assert_eq!(place, *at);
        let from = ScanFrom::places(place..Place::END);
        let mut scan = journal.scan(from).expect("a scan");
        let mut rest = Vec::new();
        while let Some(chunk) = scan.next_chunk().expect("read") {
            let (first, of) = (chunk.header.first_position, chunk.header.partition);
            let events = first..first + u64::from(chunk.header.events);
            rest.extend(events.filter(|m| of != *partition || m > n).map(|m| (of, m)));
        }
        let after = all[index + 1..].iter().map(|(partition, n, _)| (*partition, *n));
        assert_eq!(rest, after.collect::<Vec<_>>(), "{partition}:{n}");
    }
    let next = journal.tail(PartitionId(1)).next_position;
    let beyond = journal.place_of(PartitionId(1), next);
    assert!(matches!(beyond, Err(SeekError::BeyondEnd { n, .. }) if n == next), "{beyond:?}");
    let unknown = journal.place_of(PartitionId(LAYOUT.partitions), 0);
    assert!(matches!(unknown, Err(SeekError::UnknownPartition { .. })), "{unknown:?}");
}

#[test]
fn a_place_of_every_position_leads_to_exactly_the_rest_of_the_log() {
    let memory = MemoryJournal::new(LAYOUT);
    let mut hands: Vec<Hand> = (0..3).map(Hand::new).collect();
    for n in 0..36_u64 {
        append(&memory, hands[(n * n % 3) as usize].next(n % 4)).result.expect("appended");
    }
    resumes_everywhere(&memory);
    let (dir, journal) = indexed();
    resumes_everywhere(&journal);
    journal.close().expect("closed");
    let (reader, _) = open(dir.path(), Mode::Read).expect("open");
    resumes_everywhere(&reader);
}

#[test]
fn a_search_within_places_finds_what_stands_there() {
    let (_dir, journal) = indexed();
    let places: BTreeSet<Place> = positions(&journal).iter().map(|row| row.2).collect();
    let keys = [Key::subject(PartitionId(1), 2), Key::decision(decision(3))];
    for start in &places {
        for end in places.iter().rev().step_by(5) {
            let within = |search| found(&journal, &keys, ScanFrom::places(*start..*end), search);
            assert_eq!(within(Search::ByKey), within(Search::ByReading), "{start} to {end}");
        }
    }
}
