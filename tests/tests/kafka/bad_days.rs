//! Bad days of the topics and of who sends: records taken by retention, a topic made anew or given
//! more partitions, a clock that is off.

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer},
};
use zeitgeber::ingest::now_ms;
use zeitgeber_schemas::murmur2_partition;
use zeitgeber_tests::{Service, command, dir, json_lines, refused, run, sample_dir};

use super::kit::{Bus, LIMIT, PARTITIONS, inputs, metric, wait};

const HOUR_MS: i64 = 3_600_000;

fn admin(bus: &Bus) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let client = ClientConfig::new().set("bootstrap.servers", &bus.brokers).create();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    (client.expect("a client can be made"), runtime.expect("a runtime starts"))
}

/// Records that this process took from the topic: some may be in the log before it answers.
fn readings(service: &Service) -> u64 {
    metric(service, "zeitgeber_kafka_records_total", "topic=\"sensor.readings\"")
}

/// Records that no door can read, each other than the rest.
fn poison(bus: &Bus, partition: u16, range: std::ops::Range<u32>) {
    let values: Vec<String> = range.map(|n| format!("{{\"poison\":{n}}}")).collect();
    let records: Vec<_> =
        values.iter().map(|value| (partition, Some(value.as_bytes()), None)).collect();
    bus.produce("sensor.readings", &records);
}

#[test]
fn records_that_retention_took_are_told_and_the_rest_is_read() {
    let bus = Bus::new("retention", &[]);
    poison(&bus, 1, 0..100);
    let (admin, runtime) = admin(&bus);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&bus.topic("sensor.readings"), 1, Offset::Offset(40))
        .expect("an offset");
    let options = AdminOptions::new();
    runtime.block_on(admin.delete_records(&list, &options)).expect("they are deleted");
    let dir = dir();
    let service = bus.serve(&dir.path().join("log"));
    wait("the rest", &service, || readings(&service) == 60);
    wait("the count", &service, || {
        metric(&service, "zeitgeber_kafka_lost_records_total", "") == 40
    });
    let said = service.said();
    assert!(said.contains("retention took records") && said.contains("\"lost\":40"), "{said}");
    poison(&bus, 1, 100..110);
    wait("what comes after", &service, || readings(&service) == 70);
    service.stop();
}

#[test]
fn a_topic_made_anew_is_told_and_read_from_its_beginning_once_that_is_said() {
    let bus = Bus::new("anew", &[]);
    let dir = dir();
    let log = dir.path().join("log");
    let service = bus.serve(&log);
    let before = inputs(&service);
    poison(&bus, 2, 0..50);
    wait("the first", &service, || inputs(&service) == before + 50);
    service.stop();
    let (admin, runtime) = admin(&bus);
    let topic = bus.topic("sensor.readings");
    let options = AdminOptions::new();
    runtime.block_on(admin.delete_topics(&[&topic], &options)).expect("it is deleted");
    std::thread::sleep(std::time::Duration::from_secs(2));
    run(bus.command(&["topics", "apply"]));
    poison(&bus, 2, 100..110);
    let service = bus.serve(&log);
    wait("words", &service, || service.said().contains("ends before what the log covers"));
    assert!(service.said().contains("kafka.incarnation"));
    service.stop();
    let again = bus.with(&["kafka.incarnation=1"]);
    let service = again.serve(&log);
    wait("the new ones", &service, || readings(&service) == 10);
    service.stop();
}

#[test]
fn partitions_added_to_a_topic_are_told_and_refused_at_the_next_start() {
    let often = "kafka.settings={\"topic.metadata.refresh.interval.ms\"=\"1000\"}";
    let bus = Bus::new("added", &[often]);
    let dir = dir();
    let log = dir.path().join("log");
    let service = bus.serve(&log);
    // It listens before it looks at the topics, and would refuse to start.
    wait("the bus", &service, || service.said().contains("\"on Kafka\""));
    let (admin, runtime) = admin(&bus);
    let topic = bus.topic("sensor.readings");
    let more = NewPartitions::new(&topic, usize::from(PARTITIONS) + 2);
    let options = AdminOptions::new();
    runtime.block_on(admin.create_partitions(&[more], &options)).expect("they are added");
    wait("words", &service, || service.said().contains("more partitions than the log"));
    let before = inputs(&service);
    poison(&bus, 2, 0..10);
    wait("the rest", &service, || inputs(&service) == before + 10);
    service.stop();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &log.display().to_string()];
    let said = refused(bus.command(&serve));
    assert!(said.contains(&format!("{topic} has 6 partitions, the log 4")), "{said}");
}

/// A reading of movement with these times, ms from now.
fn reading(id: &str, ts: i64, recv_ts: Option<i64>) -> String {
    let mut reading = serde_json::json!({
        "id": id, "user_id": "u09", "kind": "imu", "ts": now_ms() + ts,
        "values": {"activity_counts": 11, "epoch_s": 60},
    });
    if let Some(recv_ts) = recv_ts {
        reading["recv_ts"] = (now_ms() + recv_ts).into();
    }
    reading.to_string()
}

#[test]
fn a_producer_whose_clock_is_off_is_refused_by_its_readings_alone() {
    let bus = Bus::new("clock", &["clock.mode=service"]);
    let dir = dir();
    let log = dir.path().join("log");
    let service = bus.serve(&log);
    let before = inputs(&service);
    let users = sample_dir().join("users.json").display().to_string();
    bus.ingest(&["--as", "profiles", &users]);
    wait("profiles", &service, || inputs(&service) >= before + 20);
    let partition = murmur2_partition(b"u09", PARTITIONS).0;
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &bus.brokers).create().expect("a producer");
    let topic = bus.topic("sensor.readings");
    for line in [
        reading("ahead", HOUR_MS, None),
        reading("both ahead", HOUR_MS, Some(HOUR_MS)),
        reading("right", -60_000, None),
    ] {
        // The producer's own stamp is a day behind: the broker's counts.
        let record = BaseRecord::<str, [u8]>::to(&topic).partition(partition.into());
        let record = record.payload(line.as_bytes()).timestamp(now_ms() - 24 * HOUR_MS);
        producer.send(record).map_err(|(error, _)| error).expect("it is taken");
    }
    producer.flush(LIMIT).expect("the brokers take them");
    let topic = "topic=\"sensor.readings\"";
    wait("readings", &service, || metric(&service, "zeitgeber_kafka_records_total", topic) == 3);
    let event = "event=\"reading_accepted\"";
    wait("the right one", &service, || metric(&service, "zeitgeber_events_total", event) == 1);
    service.stop();
    let accepted = ["--json", "--topic", "readings.validated"];
    let taken = json_lines(command("events", &log).args(accepted));
    assert_eq!(taken[0]["input_id"], "right");
    let letters = json_lines(command("deadletters", &log).arg("--json"));
    let reasons: Vec<&str> = letters.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, ["clock_ahead", "clock_ahead"]);
}
