//! Records that cannot be used: dead letters of their partition, which goes on.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zeitgeber_schemas::murmur2_partition;
use zeitgeber_tests::{command, dir, json_lines, sample_dir, sample_lines, verify};

use super::kit::{Bus, PARTITIONS, Sent, header, inputs, metric, wait};

const POISON: usize = 10_000;

/// A line of the sample that is accepted, with its person's partition.
fn good() -> (&'static [u8], u16) {
    let line = sample_lines().iter().find_map(|line| {
        let reading: Value = serde_json::from_slice(line).ok()?;
        let user = reading["user_id"].as_str()?.to_owned();
        (reading["kind"] == "imu").then_some((line.as_slice(), user))
    });
    let (line, user) = line.expect("the sample has readings of movement");
    (line, murmur2_partition(user.as_bytes(), PARTITIONS).0)
}

#[test]
fn ten_thousand_poison_records_are_dead_letters_and_stop_nothing() {
    let bus = Bus::new("poison", &[]);
    let dir = dir();
    let log = dir.path().join("log");
    let service = bus.serve(&log);
    let before = inputs(&service);
    let users = sample_dir().join("users.json").display().to_string();
    let profiles = bus.ingest(&["--as", "profiles", &users])["sent"].as_u64().expect("a count");
    wait("profiles", &service, || inputs(&service) == before + profiles);

    let (line, partition) = good();
    let (json, avro) = (Some("application/json"), Some("application/vnd.confluent.avro"));
    let huge = vec![b'x'; 1_020 << 10];
    let sorts = |n: usize| -> (Vec<u8>, Option<&'static str>) {
        let unknown = [&[0][..], &(500_000 + n as u32).to_be_bytes(), b"datum"].concat();
        match n % 6 {
            0 => (format!("{{\"id\":\"{n}\"").into_bytes(), json),
            1 => (format!("\u{1}rubbish {n}").into_bytes(), None),
            2 => (unknown, avro),
            3 => ([&[0, 0, 0, 0x03, 0xe9][..], &n.to_be_bytes()].concat(), avro),
            4 => (format!("no frame {n}").into_bytes(), avro),
            _ => (format!("{{\"n\":{n}}}").into_bytes(), Some("text/plain")),
        }
    };
    let poison: Vec<_> = (0..POISON - 1).map(sorts).collect();
    let mut records: Vec<Sent<'_>> =
        poison.iter().map(|(value, kind)| (partition, Some(value.as_slice()), *kind)).collect();
    records.insert(5_000, (partition, None, None));
    bus.produce("sensor.readings", &records);
    bus.produce("sensor.readings", &[(partition, Some(line), json)]);
    bus.produce("feedback.events", &[(partition, Some(&huge[..900]), json)]);
    let all = before + profiles + POISON as u64 + 2;
    wait("poison", &service, || inputs(&service) == all);
    let topic = "topic=\"sensor.readings\"";
    let refused = || metric(&service, "zeitgeber_kafka_refused_records_total", topic);
    wait("the count", &service, || refused() == POISON as u64);
    service.stop();

    verify(&log);
    let letters = json_lines(command("deadletters", &log).arg("--json"));
    assert_eq!(letters.len(), POISON + 1);
    let published = bus.read("dead.letters");
    assert_eq!(published.len(), POISON + 1);
    // Each tells where it was found: the tombstone by its offset.
    let sources: Vec<String> =
        published.iter().map(|record| header(record, "zeitgeber-source")).collect();
    let place = format!("{}/{partition}:5001", bus.topic("sensor.readings"));
    assert_eq!(sources.iter().filter(|source| **source == place).count(), 1, "{place}");
    let accepted = bus.read("readings.validated");
    assert_eq!(accepted.len(), 1, "the good one behind them counts");
}

#[test]
fn a_record_longer_than_allowed_is_a_dead_letter_that_keeps_its_head() {
    let bus = Bus::new("long", &["limits.max_line_kib=16"]);
    let dir = dir();
    let log = dir.path().join("log");
    let service = bus.serve(&log);
    let before = inputs(&service);
    let long = vec![b'7'; 200 << 10];
    bus.produce("sensor.readings", &[(1, Some(&long), None), (1, Some(b"{}"), None)]);
    wait("both", &service, || inputs(&service) == before + 2);
    service.stop();
    let letters = json_lines(command("deadletters", &log).arg("--json"));
    let reasons: Vec<&str> = letters.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, ["oversized", "missing_field"]);
}

#[test]
fn a_misplaced_record_is_refused_where_it_is_or_forwarded_to_where_it_belongs() {
    let (line, belongs) = good();
    let elsewhere = (belongs + 1) % PARTITIONS;
    let mut accepted = BTreeMap::new();
    for mode in ["refuse", "forward"] {
        let bus = Bus::new(mode, &[&format!("kafka.misplaced={mode}")]);
        let dir = dir();
        let log = dir.path().join("log");
        let service = bus.serve(&log);
        let before = inputs(&service);
        let users = sample_dir().join("users.json").display().to_string();
        let profiles = bus.ingest(&["--as", "profiles", &users])["sent"].as_u64().expect("a count");
        wait("profiles", &service, || inputs(&service) == before + profiles);
        bus.produce("sensor.readings", &[(elsewhere, Some(line), None)]);
        wait("the reading", &service, || inputs(&service) == before + profiles + 1);
        let misplaced = || metric(&service, "zeitgeber_kafka_misplaced_records_total", "");
        wait("the count", &service, || misplaced() == 1);
        let forwarded = metric(&service, "zeitgeber_kafka_forwarded_records_total", "");
        assert_eq!(forwarded, u64::from(mode == "forward"));
        service.stop();
        let rows =
            json_lines(command("events", &log).args(["--json", "--topic", "readings.validated"]));
        accepted.insert(mode, rows.len());
        let letters = json_lines(command("deadletters", &log).arg("--json"));
        if mode == "refuse" {
            assert_eq!(letters.len(), 1);
            assert_eq!(letters[0]["reason"], json!("conflict"));
            let detail = letters[0]["detail"].as_str().expect("it says why");
            assert!(detail.contains(&format!("belongs to partition {belongs}")), "{detail}");
        } else {
            assert_eq!(letters.len(), 0);
            assert_eq!(rows[0]["position"]["partition"], belongs);
        }
    }
    assert_eq!(accepted, BTreeMap::from([("refuse", 0), ("forward", 1)]));
}
