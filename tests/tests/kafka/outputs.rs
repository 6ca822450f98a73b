//! Outputs: all of them, through kills; decoded by what the registry's API says.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
};

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value};
use rdkafka::Message;
use zeitgeber_tests::{
    command, dir, http::get, json_lines, sample_dir, sample_lines, verify, write_lines,
};

use super::kit::{Bus, OUTPUTS, PARTITIONS, header, inputs, metric, metrics, wait};

/// Lines between two kills.
const SLICE: usize = 3_000;
/// Kills at least; more where none of them came in the middle of a slice, up to all of the sample.
const KILLS: usize = 4;

/// Sends people and lines while the service is killed now and then; the log stands at the end.
fn through_kills(bus: &Bus, log: &Path) {
    let mut service = bus.serve(log);
    let before = inputs(&service);
    let users = sample_dir().join("users.json").display().to_string();
    let profiles = bus.ingest(&["--as", "profiles", &users])["sent"].as_u64().expect("a count");
    wait("profiles", &service, || inputs(&service) == before + profiles);
    let (mut partly, mut lines) = (0, 0);
    for (number, slice) in sample_lines().chunks_exact(SLICE).enumerate() {
        if number >= KILLS && partly > 0 {
            break;
        }
        let file = log.with_extension(format!("{number}.jsonl"));
        write_lines(&file, slice);
        let before = inputs(&service);
        // Killed while lines are still being sent: a fast machine has taken them all soon after.
        let (restarted, sent) = thread::scope(|scope| {
            let sending = scope.spawn(|| bus.ingest(&[&file.display().to_string()]));
            wait("a part", &service, || inputs(&service) > before);
            partly += u32::from(inputs(&service) < before + SLICE as u64);
            let restarted = service.kill_and_restart();
            (restarted, sending.join().expect("it sends"))
        });
        service = restarted;
        assert_eq!(sent["sent"], SLICE);
        lines += SLICE;
    }
    assert!(partly > 0, "no kill came in the middle of a slice");
    write_lines(&log.with_extension("jsonl"), &sample_lines()[..lines]);
    let at_end = |topic: &str| {
        let lags = metrics(&service, "zeitgeber_kafka_lag_records", topic);
        lags.len() == usize::from(PARTITIONS) && lags.iter().all(|lag| *lag == 0)
    };
    wait("the rest", &service, || at_end("sensor.readings"));
    service.stop();
}

/// The ids that the events of a log should have been published under, by topic.
fn wanted(log: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in json_lines(command("events", log).arg("--json")) {
        let topic = row["topic"].as_str().expect("an event has a topic").to_owned();
        let (partition, n) = (&row["position"]["partition"], &row["position"]["n"]);
        wanted.entry(topic).or_default().insert(format!("{partition}:{n}"));
    }
    wanted
}

fn check(bus: &Bus, log: &Path, each_once: bool) {
    let plain = log.with_file_name("plain");
    let mut ingest = command("ingest", &plain);
    let users = sample_dir().join("users.json");
    ingest.arg(log.with_extension("jsonl")).arg("--profiles").arg(users);
    ingest.args(["--set", "log.partitions=4"]);
    zeitgeber_tests::run(&mut ingest);
    // Inputs exactly once, in the order of each partition.
    assert_eq!(verify(log).digest, verify(&plain).digest);
    let wanted = wanted(log);
    let mut repeats = 0;
    for (topic, records) in bus.outputs() {
        let ids: BTreeSet<String> =
            records.iter().map(|record| header(record, "zeitgeber-position")).collect();
        let none = BTreeSet::new();
        assert_eq!(&ids, wanted.get(topic).unwrap_or(&none), "{topic}: no output is lost");
        repeats += records.len() - ids.len();
    }
    println!("{repeats} outputs were repeated");
    assert!(!each_once || repeats == 0, "{repeats} repeats are seen by who reads committed");
}

#[test]
fn kills_in_mid_stream_lose_no_input_and_no_output() {
    let bus = Bus::new("kills", &[]);
    let dir = dir();
    let log = dir.path().join("log");
    through_kills(&bus, &log);
    check(&bus, &log, false);
}

#[test]
fn who_reads_committed_records_sees_each_output_once_through_kills() {
    let bus = Bus::new("transactions", &["kafka.publish=transactional"]);
    let dir = dir();
    let log = dir.path().join("log");
    through_kills(&bus, &log);
    check(&bus, &log, true);
}

#[test]
fn the_registrys_answers_decode_every_output() {
    let bus = Bus::new("registry", &[]);
    let dir = dir();
    let log = dir.path().join("log");
    let lines = dir.path().join("lines.jsonl");
    write_lines(&lines, &sample_lines()[..3_000]);
    let service = bus.serve(&log);
    let users = sample_dir().join("users.json").display().to_string();
    let before = inputs(&service);
    let profiles = bus.ingest(&["--as", "profiles", &users])["sent"].as_u64().expect("a count");
    wait("profiles", &service, || inputs(&service) == before + profiles);
    bus.ingest(&[&lines.display().to_string()]);
    wait("readings", &service, || inputs(&service) == before + profiles + 3_000);
    let published = || metric(&service, "zeitgeber_kafka_published_records_total", "");
    wait("outputs", &service, || published() > 2_000);

    let mut schemas: BTreeMap<u32, Schema> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for topic in OUTPUTS {
        for record in bus.read(topic) {
            let value = record.payload().expect("an output has a value");
            let (frame, mut datum) = value.split_at(5);
            assert_eq!(frame[0], 0, "Confluent's frame");
            let id = u32::from_be_bytes(frame[1..].try_into().expect("four bytes"));
            let schema = schemas.entry(id).or_insert_with(|| {
                let told = get(service.address(), &format!("/schemas/ids/{id}?fetchMaxId=false"));
                let text = told.json()["schema"].as_str().expect("a schema").to_owned();
                Schema::parse_str(&text).expect("it parses")
            });
            let reader = GenericDatumReader::builder(schema).build().expect("it resolves");
            let decoded = reader.read_value(&mut datum).expect("the value follows it");
            assert!(datum.is_empty(), "all of it is read");
            let Value::Record(fields) = decoded else { panic!("an output is a record") };
            let field = |name: &str| &fields.iter().find(|(known, _)| known == name).expect(name).1;
            let (Value::Int(partition), Value::Long(n)) = (field("partition"), field("position"))
            else {
                panic!("{fields:?}")
            };
            assert_eq!(header(&record, "zeitgeber-position"), format!("{partition}:{n}"));
            assert_eq!(*partition, record.partition());
            if topic == "readings.validated" {
                assert!(matches!(field("input"), Value::Union(1, _)), "the reading is in it");
                let Value::Union(1, user) = field("user_id") else { panic!("{fields:?}") };
                assert_eq!(**user, Value::String(key(&record)));
            }
            seen.insert(header(&record, "zeitgeber-schema"));
        }
    }
    for schema in ["reading_accepted", "dead_lettered", "rhythm_analysed", "profile_set"] {
        assert!(seen.contains(schema), "{seen:?}");
    }
    let subjects = get(service.address(), "/subjects").json();
    assert!(subjects.as_array().is_some_and(|all| all.contains(&"zeitgeber.Reading".into())));
    let path = "/subjects/zeitgeber.output.DecisionMade/versions";
    let versions = get(service.address(), path).json();
    let newest = versions.as_array().and_then(|all| all.last()).expect("a version").clone();
    let told = get(service.address(), &format!("{path}/latest")).json();
    assert_eq!(
        (&told["version"], &told["subject"]),
        (&newest, &"zeitgeber.output.DecisionMade".into())
    );
    let absent = get(service.address(), "/schemas/ids/999999");
    assert_eq!((absent.status, &absent.json()["error_code"]), (404, &40_403.into()));
    service.stop();
}

fn key(record: &rdkafka::message::OwnedMessage) -> String {
    String::from_utf8(record.key().expect("it has a key").to_vec()).expect("a key is text")
}
