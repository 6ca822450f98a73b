//! Workers killed and frozen at random under load.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::Message;
use zeitgeber_tests::{Service, dir, sample_lines, write_lines};

use super::{
    bus::header,
    kit::{Cluster, SESSION_MS, digest_of_files},
};

/// Kills and freezes where `ZEITGEBER_CLUSTER_DEATHS` does not say otherwise.
const DEATHS: usize = 6;
/// Lines sent between two of them.
const LINES: usize = 2_000;

/// How many workers die.
fn deaths() -> usize {
    let said = std::env::var("ZEITGEBER_CLUSTER_DEATHS").ok();
    said.map_or(DEATHS, |said| said.parse().expect("a number of deaths"))
}

/// Numbers that are the same in every run.
struct Draws(u64);

impl Draws {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn through_deaths(cluster: &Cluster, log: &std::path::Path) {
    let lines = sample_lines();
    let mut draws = Draws(41);
    let mut workers: Vec<Service> = (0..2).map(|_| cluster.worker(&[])).collect();
    cluster.send_profiles();
    let mut sent = Vec::new();
    for death in 0..deaths() {
        let from = death * LINES % (lines.len() - LINES);
        let part = &lines[from..from + LINES];
        write_lines(log, part);
        sent.extend_from_slice(part);
        cluster.bus.ingest(&[&log.display().to_string()]);
        std::thread::sleep(Duration::from_millis(draws.next(1_500)));
        let whom = draws.next(2) as usize;
        if draws.next(3) == 0 {
            // Long enough that the group gives its partitions away; then it wakes up as a zombie.
            workers[whom].freeze();
            std::thread::sleep(Duration::from_millis(u64::from(SESSION_MS) + 1_500));
            workers[whom].thaw();
        } else {
            let worker = workers.swap_remove(whom);
            workers.push(worker.kill_and_restart());
        }
    }
    cluster.until_read();
    for worker in workers {
        worker.stop();
    }
    write_lines(log, &sent);
}

/// How often each output stands on its topic, by id; each repeat says the same.
fn published(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut values: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for record in cluster.bus.outputs().into_values().flatten() {
        let id = header(&record, "zeitgeber-id");
        let value = record.payload().unwrap_or_default().to_vec();
        let known = values.entry(id.clone()).or_insert_with(|| value.clone());
        assert_eq!(*known, value, "{id}: a repeat says the same");
        *counts.entry(id).or_default() += 1;
    }
    counts
}

fn outputs_of_the_log(cluster: &Cluster) -> usize {
    let mut events = cluster.command(&["events", "--json"]);
    zeitgeber_tests::json_lines(&mut events).len()
}

#[test]
fn deaths_and_zombies_lose_nothing_and_double_nothing() {
    let cluster = Cluster::made("deaths", &[]);
    let dir = dir();
    let log = dir.path().join("sent.jsonl");
    through_deaths(&cluster, &log);
    assert_eq!(cluster.digest(), digest_of_files(&log));
    let published = published(&cluster);
    let repeats: usize = published.values().map(|count| count - 1).sum();
    println!("{} deaths, {} outputs, {repeats} repeats", deaths(), published.len());
    assert_eq!(published.len(), outputs_of_the_log(&cluster), "every output is there");
}

#[test]
fn who_reads_committed_outputs_sees_each_once_whoever_dies() {
    let cluster = Cluster::made("committed", &["kafka.publish=transactional"]);
    let dir = dir();
    let log = dir.path().join("sent.jsonl");
    through_deaths(&cluster, &log);
    assert_eq!(cluster.digest(), digest_of_files(&log));
    let published = published(&cluster);
    assert!(published.values().all(|count| *count == 1), "an output was seen twice");
    assert_eq!(published.len(), outputs_of_the_log(&cluster), "every output is there");
}
