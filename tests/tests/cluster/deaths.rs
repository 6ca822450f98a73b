//! Workers killed and frozen, coming and going, brokers and database restarted, all under load.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use rdkafka::Message;
use zeitgeber_test_services::{Servers, Size};
use zeitgeber_tests::dir;

use super::{
    account::Sent,
    bus::{LIMIT, OUTPUTS, header},
    faults::{Crew, Plan},
    kit::{Cluster, digest_of_files},
    load::{Load, profiles},
};

/// Pause between two looks at what is published.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Faults for which a lap of the sample is about new people.
const FAULTS_A_LAP: usize = 12;

/// How often each output stands on its topic, by id; each repeat says the same.
fn published(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for topic in OUTPUTS {
        for record in cluster.bus.read(topic) {
            let id = header(&record, "zeitgeber-id");
            let mut said = DefaultHasher::new();
            (topic, record.payload()).hash(&mut said);
            let known = found.entry(id.clone()).or_insert((0, said.finish()));
            known.0 += 1;
            assert_eq!(known.1, said.finish(), "{id}: a repeat says the same");
        }
    }
    found.into_iter().map(|(id, (count, _))| (id, count)).collect()
}

/// Events of the log, each of which is an output.
fn events(cluster: &Cluster) -> usize {
    cluster.store().tails().iter().map(|tail| tail.next_position as usize).sum()
}

/// Waits until every event is on its topic.
fn until_published(cluster: &Cluster) {
    let since = Instant::now();
    loop {
        let events = events(cluster);
        // Repeats may stand for what is not there yet.
        let records: usize = OUTPUTS.iter().map(|topic| cluster.bus.records(topic)).sum();
        if records >= events && published(cluster).len() == events {
            return;
        }
        assert!(since.elapsed() < LIMIT, "{records} records of {events} outputs");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lets everything happen in one mode of publishing, and holds what came of it against what was
/// sent, and against a run that nothing disturbed.
fn through_faults(servers: &Servers, publish: &str) {
    let mut plan = Plan::asked();
    println!("{publish}: {plan}");
    let (dir, laps) = (dir(), plan.faults.len() / FAULTS_A_LAP + 1);
    let (users, readings) = (dir.path().join("users.json"), dir.path().join("readings.jsonl"));
    profiles(laps, &users);
    let setting = format!("kafka.publish={publish}");
    let cluster = Cluster::on((servers.kafka(), servers.cql()), publish, &[&setting]);
    let mut crew = Crew::start(&cluster, servers);
    cluster.send_profiles(&users);
    let began = Instant::now();
    let load = Load::start(&cluster, laps);
    crew.suffer(&mut plan);
    let lines = load.stop();
    cluster.until_read();
    let seconds = began.elapsed().as_secs();
    until_published(&cluster);
    crew.stop();

    let sent = Sent::of(&cluster);
    let account = sent.account(&cluster);
    println!("{publish}: {lines} lines in {seconds} s; {} inputs = {account:?}", sent.count());
    sent.write(&users, &readings);
    assert_eq!(cluster.digest(), digest_of_files(&users, &readings), "{plan}");
    let published = published(&cluster);
    let repeats: usize = published.values().map(|count| count - 1).sum();
    println!("{publish}: {} outputs, {repeats} repeated; the digest is equal", published.len());
    assert_eq!(published.len(), events(&cluster), "every output is there");
    assert!(publish == "plain" || repeats == 0, "who reads committed sees each once");
}

#[test]
fn whatever_befalls_workers_and_servers_nothing_is_lost_and_nothing_doubled() {
    let servers = Servers::start(Size { brokers: 1, cassandras: 1 });
    for publish in ["plain", "transactional"] {
        through_faults(&servers, publish);
    }
}
