//! The topics: which there should be, which there are, and how the two differ.
//!
//! What is missing is made. What is otherwise than it should be is explained, with the command that
//! would change it, and never changed: more partitions move keys, a shorter retention deletes.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};
use serde::Serialize;

use super::{BusError, Input, PARTITIONS};
use crate::{config::Kafka, query::Topic};

/// How long the brokers may take.
const TIME_OUT: Duration = Duration::from_secs(20);
const HOUR_MS: u64 = 3_600_000;

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its full name.
    pub topic: String,
    /// How many partitions.
    pub partitions: u16,
    /// How many copies.
    pub replication: u16,
    /// Its settings.
    pub settings: BTreeMap<&'static str, String>,
}

/// Something about a topic that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The topic.
    pub topic: String,
    /// What of it.
    pub what: String,
    /// What it is; none: it is not there.
    pub is: Option<String>,
    /// What it should be.
    pub should_be: String,
    /// The command that would change it.
    pub command: String,
    /// What to know before that.
    pub remark: &'static str,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topic, what, is, should_be, command, remark } = self;
        match is {
            None => write!(f, "{topic} is not there\n  {command}"),
            Some(is) => {
                write!(f, "{topic}: {what} is {is}, should be {should_be}\n  {command}")?;
                if remark.is_empty() { Ok(()) } else { write!(f, "\n  {remark}") }
            }
        }
    }
}

/// The topics that a log of so many partitions needs.
pub fn plan(settings: &Kafka, partitions: u16) -> Vec<Plan> {
    let topic = |name: &str, own: &[(&'static str, &str)]| {
        let set = settings.topics.get(name).copied().unwrap_or_default();
        let retention = match set.retention_h.unwrap_or(settings.retention_h) {
            0 => "-1".into(),
            hours => (u64::from(hours) * HOUR_MS).to_string(),
        };
        let min_insync = set.min_insync.unwrap_or(settings.min_insync).to_string();
        let mut all = BTreeMap::from([
            ("cleanup.policy", "delete".into()),
            ("retention.ms", retention),
            ("min.insync.replicas", min_insync),
        ]);
        all.extend(own.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Plan {
            topic: settings.topic(name),
            partitions,
            replication: set.replication.unwrap_or(settings.replication),
            settings: all,
        }
    };
    // The broker's clock says when an input arrived.
    let inputs = Input::ALL
        .into_iter()
        .map(|input| topic(input.as_str(), &[("message.timestamp.type", "LogAppendTime")]));
    let outputs = Topic::ALL.into_iter().map(|output| topic(output.as_str(), &[]));
    let shared = topic(PARTITIONS, &[("cleanup.policy", "compact")]);
    inputs.chain(outputs).chain([shared]).collect()
}

/// How the topics differ from what they should be.
///
/// # Errors
///
/// The brokers do not answer, or refuse.
pub fn check(settings: &Kafka, plan: &[Plan]) -> Result<Vec<Fault>, BusError> {
    Admin::new(settings)?.faults(plan)
}

/// Whether every topic is there with as many partitions as the log.
///
/// # Errors
///
/// One is not, or the brokers do not answer.
pub fn counts(settings: &Kafka, partitions: u16) -> Result<(), BusError> {
    let there = Admin::new(settings)?.there()?;
    for Plan { topic, .. } in plan(settings, partitions) {
        match there.get(&topic) {
            None => return Err(BusError::NoTopic { topic }),
            Some((found, _)) if *found != usize::from(partitions) => {
                return Err(BusError::Partitions { topic, found: *found, wanted: partitions });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Makes the topics that are missing, and tells which; then how the rest differs.
///
/// # Errors
///
/// The brokers do not answer, or refuse.
pub fn apply(settings: &Kafka, plan: &[Plan]) -> Result<(Vec<String>, Vec<Fault>), BusError> {
    let admin = Admin::new(settings)?;
    let there = admin.there()?;
    let missing: Vec<&Plan> = plan.iter().filter(|one| !there.contains_key(&one.topic)).collect();
    let made = admin.make(&missing)?;
    Ok((made, admin.faults(plan)?))
}

/// By topic, the partitions and the copies of each.
type There = BTreeMap<String, (usize, Vec<usize>)>;

struct Admin<'a> {
    settings: &'a Kafka,
    client: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Admin<'a> {
    fn new(settings: &'a Kafka) -> Result<Self, BusError> {
        let client =
            settings.client().create().map_err(settings.fault("make an administrator's client"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { settings, client, runtime })
    }

    fn there(&self) -> Result<There, BusError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, TIME_OUT)
            .map_err(self.settings.fault("list the topics"))?;
        let topics = metadata.topics().iter().map(|topic| {
            let copies = topic.partitions().iter().map(|one| one.replicas().len()).collect();
            (topic.name().to_owned(), (topic.partitions().len(), copies))
        });
        Ok(topics.collect())
    }

    fn make(&self, missing: &[&Plan]) -> Result<Vec<String>, BusError> {
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let new = missing.iter().map(|plan| {
            let copies = TopicReplication::Fixed(plan.replication.into());
            let topic = NewTopic::new(&plan.topic, plan.partitions.into(), copies);
            plan.settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
        });
        let new: Vec<_> = new.collect();
        let options = AdminOptions::new().operation_timeout(Some(TIME_OUT));
        let told = self.runtime.block_on(self.client.create_topics(&new, &options));
        let mut made = Vec::new();
        for outcome in told.map_err(self.settings.fault("make topics"))? {
            match outcome {
                Ok(topic) => made.push(topic),
                // Somebody else made it meanwhile; what it is like is looked at next.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    let error = rdkafka::error::KafkaError::AdminOp(code);
                    return Err(self.settings.fault(format!("make {topic}"))(error));
                }
            }
        }
        // Brokers tell of a new topic a moment after it was made.
        let until = std::time::Instant::now() + TIME_OUT;
        while std::time::Instant::now() < until {
            let there = self.there()?;
            if made.iter().all(|topic| there.get(topic).is_some_and(|(n, _)| *n > 0)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(made)
    }

    fn faults(&self, plan: &[Plan]) -> Result<Vec<Fault>, BusError> {
        let there = self.there()?;
        let mut faults = Vec::new();
        for one in plan {
            match there.get(&one.topic) {
                None => faults.push(self.missing(one)),
                Some((partitions, copies)) => {
                    faults.extend(self.shape(one, *partitions, copies));
                    faults.extend(self.values(one)?);
                }
            }
        }
        Ok(faults)
    }

    fn missing(&self, plan: &Plan) -> Fault {
        Fault {
            topic: plan.topic.clone(),
            what: "the topic".into(),
            is: None,
            should_be: format!("{} partitions", plan.partitions),
            command: "zeitgeber topics apply".into(),
            remark: "",
        }
    }

    fn shape(&self, plan: &Plan, partitions: usize, copies: &[usize]) -> Vec<Fault> {
        let (topic, brokers) = (&plan.topic, &self.settings.brokers);
        let mut faults = Vec::new();
        if partitions != usize::from(plan.partitions) {
            let remark = if partitions < plan.partitions.into() {
                "keys move with it: only while the topic is empty, or after its records were read"
            } else {
                "Kafka never takes partitions away: make the topic anew, or a log of as many"
            };
            faults.push(Fault {
                topic: topic.clone(),
                what: "the number of partitions".into(),
                is: Some(partitions.to_string()),
                should_be: plan.partitions.to_string(),
                command: format!(
                    "kafka-topics.sh --bootstrap-server {brokers} --alter --topic {topic} \
                     --partitions {}",
                    plan.partitions
                ),
                remark,
            });
        }
        let wanted = usize::from(plan.replication);
        if let Some(found) = copies.iter().find(|found| **found != wanted) {
            faults.push(Fault {
                topic: topic.clone(),
                what: "the number of copies".into(),
                is: Some(found.to_string()),
                should_be: wanted.to_string(),
                command: format!(
                    "kafka-reassign-partitions.sh --bootstrap-server {brokers} --execute \
                     --reassignment-json-file FILE"
                ),
                remark: "the file names the brokers of each partition",
            });
        }
        faults
    }

    fn values(&self, plan: &Plan) -> Result<Vec<Fault>, BusError> {
        let (topic, brokers) = (&plan.topic, &self.settings.brokers);
        let asked = [ResourceSpecifier::Topic(topic)];
        let options = AdminOptions::new().request_timeout(Some(TIME_OUT));
        let told = self.runtime.block_on(self.client.describe_configs(&asked, &options));
        let what = || format!("read the settings of {topic}");
        let mut faults = Vec::new();
        for resource in told.map_err(self.settings.fault(what()))? {
            let resource = resource.map_err(|code| {
                self.settings.fault(what())(rdkafka::error::KafkaError::AdminOp(code))
            })?;
            for (name, wanted) in &plan.settings {
                let found = resource.get(name).and_then(|entry| entry.value.clone());
                if found.as_ref() != Some(wanted) {
                    faults.push(Fault {
                        topic: topic.clone(),
                        what: (*name).into(),
                        is: Some(found.unwrap_or_else(|| "not set".into())),
                        should_be: wanted.clone(),
                        command: format!(
                            "kafka-configs.sh --bootstrap-server {brokers} --alter \
                             --entity-type topics --entity-name {topic} --add-config \
                             {name}={wanted}"
                        ),
                        remark: "",
                    });
                }
            }
        }
        Ok(faults)
    }
}
