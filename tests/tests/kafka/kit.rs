//! A bus of a test's own: a prefix on the shared brokers, a service, producers and consumers.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Headers, OwnedHeaders, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer},
};
use zeitgeber_test_services::{kafka, unique};
use zeitgeber_tests::{Service, http::get, json, run, zeitgeber};

/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Partitions of the tests' logs.
pub(crate) const PARTITIONS: u16 = 4;
/// The output topics.
pub(crate) const OUTPUTS: [&str; 9] = [
    "readings.validated",
    "rhythm.analysis",
    "routing.decisions",
    "interventions",
    "feedback.rewards",
    "dead.letters",
    "task.assignments",
    "task.agents",
    "inputs.configured",
];

/// Topics of one test.
pub(crate) struct Bus {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    settings: Vec<String>,
}

impl Bus {
    /// Topics with a prefix of their own, made by the program; `more` are settings besides.
    pub(crate) fn new(stem: &str, more: &[&str]) -> Self {
        Self::at(kafka(), stem, more)
    }

    /// The same on brokers of the test's own.
    pub(crate) fn at(brokers: String, stem: &str, more: &[&str]) -> Self {
        let prefix = format!("{}.", unique(stem));
        let mut settings = vec![
            format!("kafka.brokers={brokers}"),
            format!("kafka.prefix={prefix}"),
            format!("kafka.group={prefix}group"),
            format!("log.partitions={PARTITIONS}"),
            "clock.mode=inputs".into(),
        ];
        settings.extend(more.iter().map(ToString::to_string));
        let bus = Self { brokers, prefix, settings };
        run(bus.command(&["topics", "apply"]));
        bus
    }

    /// The settings of the topics.
    pub(crate) fn settings(&self) -> &[String] {
        &self.settings
    }

    /// The same topics under further settings.
    pub(crate) fn with(&self, more: &[&str]) -> Self {
        let more = more.iter().map(ToString::to_string);
        let settings = self.settings.iter().cloned().chain(more).collect();
        Self { brokers: self.brokers.clone(), prefix: self.prefix.clone(), settings }
    }

    /// A command under this bus's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> &'static mut std::process::Command {
        let mut command = zeitgeber();
        command.args(arguments);
        self.settings.iter().for_each(|setting| {
            command.arg("--set").arg(setting);
        });
        Box::leak(Box::new(command))
    }

    /// A service on these topics.
    pub(crate) fn serve(&self, dir: &Path) -> Service {
        let arguments: Vec<&str> =
            self.settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect();
        Service::start_with(dir, &arguments)
    }

    /// Sends files to the topics, as the program does.
    pub(crate) fn ingest(&self, arguments: &[&str]) -> serde_json::Value {
        json(self.command(&["ingest", "--json", "--kafka", &self.brokers]).args(arguments))
    }

    /// The full name of a topic.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Sends records as they are: partition, key, value, content type.
    pub(crate) fn produce(&self, name: &str, records: &[Sent<'_>]) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("queue.buffering.max.messages", "1000000")
            .set("message.max.bytes", "4000000")
            .create()
            .expect("a producer can be made");
        let topic = self.topic(name);
        for (partition, value, content_type) in records {
            let mut record = BaseRecord::<str, [u8]>::to(&topic).partition(i32::from(*partition));
            if let Some(value) = value {
                record = record.payload(value);
            }
            if let Some(value) = content_type {
                let header = rdkafka::message::Header { key: "content-type", value: Some(*value) };
                record = record.headers(OwnedHeaders::new().insert(header));
            }
            if let Err((error, _)) = producer.send(record) {
                panic!("{error}");
            }
        }
        producer.flush(LIMIT).expect("the brokers take them");
    }

    /// Every record of the output topics that a consumer of committed records sees.
    pub(crate) fn outputs(&self) -> BTreeMap<&'static str, Vec<OwnedMessage>> {
        OUTPUTS.into_iter().map(|topic| (topic, self.read(topic))).collect()
    }

    /// How many records a topic has, repeats and marks of transactions included.
    pub(crate) fn records(&self, name: &str) -> usize {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .expect("a consumer can be made");
        let count = |partition: u16| {
            let asked = consumer.fetch_watermarks(&self.topic(name), partition.into(), LIMIT);
            let (low, high) = asked.expect("the brokers tell");
            (high - low) as usize
        };
        (0..PARTITIONS).map(count).sum()
    }

    /// Every record of a topic, as a consumer of committed records sees it.
    pub(crate) fn read(&self, name: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", unique("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer can be made");
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&self.topic(name), partition.into(), Offset::Offset(0))
                .expect("an offset");
        }
        consumer.assign(&list).expect("it is assigned");
        let (mut ends, mut records) = (0, Vec::new());
        let since = Instant::now();
        while ends < PARTITIONS {
            assert!(since.elapsed() < LIMIT, "{name} cannot be read to its end");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => records.push(record.detach()),
                Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
                Some(Err(error)) => panic!("{name}: {error}"),
                None => {}
            }
        }
        records
    }
}

/// Partition, value and content type of a record.
pub(crate) type Sent<'a> = (u16, Option<&'a [u8]>, Option<&'a str>);

/// A header of a record.
pub(crate) fn header(record: &OwnedMessage, name: &str) -> String {
    let headers = record.headers().expect("an output has headers");
    let found = headers.iter().find(|header| header.key == name);
    let value = found.and_then(|header| header.value).unwrap_or_default();
    String::from_utf8(value.to_vec()).expect("a header is text")
}

/// Waits until something holds.
pub(crate) fn wait(what: &str, service: &Service, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LIMIT, "{what}: not in time\n{}", service.said());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The sum of a metric over all labels, or those with a text among them. States are told as they
/// were up to a second before.
pub(crate) fn metric(service: &Service, name: &str, label: &str) -> u64 {
    metrics(service, name, label).iter().sum()
}

/// The values of a metric with a text among their labels.
pub(crate) fn metrics(service: &Service, name: &str, label: &str) -> Vec<u64> {
    let text = get(service.address(), "/metrics").body;
    let text = String::from_utf8(text).expect("metrics are text");
    let lines = text
        .lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(name) && line.contains(label));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .map(|n| n as u64)
        .collect()
}

/// Inputs that became durable, repeats counted.
pub(crate) fn inputs(service: &Service) -> u64 {
    metric(service, "zeitgeber_inputs_total", "")
}
