//! Bad days of the topics: records taken by retention, a topic made anew.

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use zeitgeber_tests::{dir, run};

use super::kit::{Bus, inputs, metric, wait};

fn admin(bus: &Bus) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let client = ClientConfig::new().set("bootstrap.servers", &bus.brokers).create();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    (client.expect("a client can be made"), runtime.expect("a runtime starts"))
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
    let before = inputs(&service);
    wait("the rest", &service, || inputs(&service) >= before + 60);
    wait("the count", &service, || {
        metric(&service, "zeitgeber_kafka_lost_records_total", "") == 40
    });
    let said = service.said();
    assert!(said.contains("retention took records") && said.contains("\"lost\":40"), "{said}");
    poison(&bus, 1, 100..110);
    wait("what comes after", &service, || inputs(&service) == before + 70);
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
    let before = inputs(&service);
    wait("the new ones", &service, || inputs(&service) == before + 10);
    service.stop();
}
