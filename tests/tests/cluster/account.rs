//! What stands in the log of each record that was sent.

use std::{collections::BTreeMap, path::Path};

use rdkafka::{Message, message::OwnedMessage};
use zeitgeber::{journal::ScanFrom, query, record::raw_hash, store::Store};
use zeitgeber_schemas::SchemaId;
use zeitgeber_tests::write_lines;

use super::{bus::PARTITIONS, kit::Cluster};

/// Faults that are told one by one.
const TOLD: usize = 20;

/// The records of the input topics, each partition's in order.
pub(crate) struct Sent {
    profiles: Vec<OwnedMessage>,
    readings: Vec<OwnedMessage>,
}

/// How often a record stands in the log as what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// Counted in the headers of chunks.
    pub(crate) repeats: u64,
}

impl Account {
    const fn times(&self) -> u64 {
        self.accepted + self.refused + self.repeats
    }
}

impl Sent {
    /// What the topics hold.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let read = |topic| cluster.bus.read(topic);
        Self { profiles: read("control.events"), readings: read("sensor.readings") }
    }

    /// The same as files.
    pub(crate) fn write(&self, users: &Path, readings: &Path) {
        for (records, file) in [(&self.profiles, users), (&self.readings, readings)] {
            let mut records: Vec<_> = records.iter().collect();
            // Whatever the order of partitions, that within each is kept.
            records.sort_by_key(|record| (record.partition(), record.offset()));
            let lines: Vec<&[u8]> =
                records.iter().map(|record| record.payload().unwrap_or_default()).collect();
            write_lines(file, &lines);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        (self.profiles.len() + self.readings.len()) as u64
    }

    /// Holds the log against what was sent: each record stands there exactly once, as an input, as a
    /// dead letter, or as a counted repeat.
    pub(crate) fn account(&self, cluster: &Cluster) -> Account {
        let mut found = standing(&cluster.store());
        let (mut sum, mut faults) = (Account::default(), Vec::new());
        for record in self.profiles.iter().chain(&self.readings) {
            let place = (source(record.topic(), record.partition()), record.offset() as u64 + 1);
            let stands = found.remove(&place).unwrap_or_default();
            if stands.times() != 1 {
                faults.push(format!("{}:{} stands as {stands:?}", place.0, place.1));
            }
            sum.accepted += stands.accepted;
            sum.refused += stands.refused;
            sum.repeats += stands.repeats;
        }
        let unsent = found.iter().map(|((source, line), stands)| {
            format!("{source}:{line} was never sent and stands as {stands:?}")
        });
        faults.extend(unsent);
        let told = &faults[..faults.len().min(TOLD)];
        assert!(faults.is_empty(), "{} records are wrong:\n{}", faults.len(), told.join("\n"));
        assert_eq!(sum.times(), self.count(), "{sum:?}");
        sum
    }

    /// What became of each line of a file that was sent in its order, as `ingest --outcomes` tells
    /// it.
    pub(crate) fn outcomes(&self, cluster: &Cluster, lines: &[Vec<u8>]) -> String {
        let store = cluster.store();
        let mut places: BTreeMap<(i32, u64), usize> = BTreeMap::new();
        let mut next: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (index, line) in lines.iter().enumerate().rev() {
            next.entry(line).or_default().push(index + 1);
        }
        let mut readings: Vec<_> = self.readings.iter().collect();
        readings.sort_by_key(|record| (record.partition(), record.offset()));
        for record in readings {
            let same = next.get_mut(record.payload().unwrap_or_default());
            let number = same.and_then(Vec::pop).expect("each record is a line of the file");
            places.insert((record.partition(), record.offset() as u64 + 1), number);
        }
        let mut text = String::new();
        for partition in 0..i32::from(PARTITIONS) {
            let name = source(&cluster.bus.topic("sensor.readings"), partition);
            let id = raw_hash(format!("kafka:{name}").as_bytes());
            let told = query::outcomes(&store, &id, &|_| true).expect("the log can be read");
            for mut outcome in told {
                outcome.line = places[&(partition, outcome.line)] as u64;
                text.push_str(&serde_json::to_string(&outcome).expect("an outcome is JSON"));
                text.push('\n');
            }
        }
        text
    }
}

/// The name of a source as the log has it.
fn source(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}

/// What stands in the log, by source and line.
fn standing(store: &Store) -> BTreeMap<(String, u64), Account> {
    let mut found: BTreeMap<(String, u64), Account> = BTreeMap::new();
    let mut scan = store.scan(ScanFrom::default()).expect("the log can be read");
    while let Some(chunk) = scan.next_chunk().expect("the log can be read") {
        let cursors = &chunk.header.cursors;
        for cursor in cursors {
            for repeat in &cursor.repeats {
                found.entry((cursor.name.clone(), repeat.line)).or_default().repeats += 1;
            }
        }
        for entry in chunk.entries() {
            let entry = entry.expect("the log is sound");
            let cursor = (entry.source as usize).checked_sub(1).map(|index| &cursors[index]);
            // Whoever took the partition over put its configuration there.
            let Some(cursor) = cursor else { continue };
            let stands = found.entry((cursor.name.clone(), entry.line)).or_default();
            let first = entry.events.clone().next().map(|event| event.schema);
            if first == Some(SchemaId::DeadLettered) {
                stands.refused += 1;
            } else {
                stands.accepted += 1;
            }
        }
    }
    found
}
