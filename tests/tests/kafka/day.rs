//! The labelled day stream through Kafka and the file journal.

use zeitgeber_tests::{command, dir, json, run, sample_dir, sample_lines, verify};

use super::kit::{Bus, PARTITIONS, inputs, wait};

#[test]
fn the_day_stream_through_kafka_gives_the_digest_of_the_file() {
    let dir = dir();
    let (by_file, by_kafka) = (dir.path().join("file"), dir.path().join("kafka"));
    let readings = sample_dir().join("readings.jsonl.zst");
    let users = sample_dir().join("users.json");
    let partitions = format!("log.partitions={PARTITIONS}");
    let mut ingest = command("ingest", &by_file);
    ingest.arg(&readings).arg("--profiles").arg(&users).args(["--json", "--set", &partitions]);
    let counts = json(&mut ingest);

    let bus = Bus::new("day", &[]);
    let service = bus.serve(&by_kafka);
    let configurations = inputs(&service);
    let sent = bus.ingest(&["--as", "profiles", &users.display().to_string()]);
    let profiles = sent["sent"].as_u64().expect("it counts");
    assert_eq!(profiles, 20, "{sent}");
    wait("profiles", &service, || inputs(&service) == configurations + profiles);
    let sent = bus.ingest(&[&readings.display().to_string()]);
    let lines = sample_lines().len() as u64;
    assert_eq!(sent["sent"], lines, "{sent}");
    wait("readings", &service, || inputs(&service) == configurations + profiles + lines);
    service.stop();

    assert_eq!(verify(&by_kafka).digest, verify(&by_file).digest);
    let accepted = counts["accepted"].as_u64().expect("it counts") as usize;
    assert_eq!(bus.read("readings.validated").len(), accepted);
    assert_eq!(bus.read("dead.letters").len() as u64, counts["refused"].as_u64().expect("a count"));
    // What the journal covers is not read again, and nothing is published twice.
    let again = bus.serve(&by_kafka);
    wait("the bus", &again, || again.said().contains("publishing"));
    again.stop();
    assert_eq!(verify(&by_kafka).digest, verify(&by_file).digest);
    assert_eq!(bus.read("readings.validated").len(), accepted);
    run(bus.command(&["topics", "check"]));
}
