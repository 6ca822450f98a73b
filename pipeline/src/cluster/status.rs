//! Who owns what, and how far each partition is: as the group, the brokers and the log tell it.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Serialize;
use zeitgeber_schemas::PartitionId;

use crate::{
    bus::kafka::{BusError, Input, PARTITIONS},
    config::Kafka,
    journal::Journal,
};

/// How long brokers may take to answer.
const TIME_OUT: Duration = Duration::from_secs(10);

/// The cluster as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// The state of the group as the brokers name it: `Stable`, `PreparingRebalance`, `Empty`, …
    pub group: String,
    /// How many workers there are.
    pub workers: usize,
    /// Each partition, in order.
    pub partitions: Vec<PartitionStatus>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: u16,
    /// The worker to whom the group gave it; none while it rebalances, or without workers.
    pub owner: Option<String>,
    /// Where the log stands: chunks.
    pub chunks: u64,
    /// Where the log stands: events.
    pub position: u64,
    /// Records of each input topic that are in the topic and not in the log.
    pub lag: BTreeMap<String, u64>,
}

/// Asks the brokers and the log.
///
/// # Errors
///
/// The brokers do not answer, or a topic is missing.
pub fn status(settings: &Kafka, journal: &dyn Journal) -> Result<ClusterStatus, BusError> {
    let consumer: BaseConsumer = settings
        .client()
        .set("group.id", &settings.group)
        .create()
        .map_err(settings.fault("ask for the group"))?;
    let (group, owners) = owners(settings, &consumer)?;
    let workers = owners.values().collect::<std::collections::BTreeSet<_>>().len();
    let partitions = (0..journal.layout().partitions)
        .map(|number| {
            let tail = journal.tail(PartitionId(number));
            Ok(PartitionStatus {
                partition: number,
                owner: owners.get(&number).cloned(),
                chunks: tail.next_chunk,
                position: tail.next_position,
                lag: lag(settings, &consumer, PartitionId(number), &tail.cursors)?,
            })
        })
        .collect::<Result<_, BusError>>()?;
    Ok(ClusterStatus { group, workers, partitions })
}

/// Records that the log does not cover yet.
fn lag(
    settings: &Kafka,
    consumer: &BaseConsumer,
    partition: PartitionId,
    cursors: &BTreeMap<[u8; 16], u64>,
) -> Result<BTreeMap<String, u64>, BusError> {
    let mut lags = BTreeMap::new();
    for input in Input::ALL {
        let topic = settings.topic(input.as_str());
        let asked = consumer.fetch_watermarks(&topic, i32::from(partition.0), TIME_OUT);
        let (low, high) = asked.map_err(settings.fault(format!("ask where {topic} ends")))?;
        let source = crate::bus::kafka::source(settings, input, partition);
        let covered = cursors.get(&source.id).copied().unwrap_or(0).max(low.max(0) as u64);
        lags.insert(input.as_str().to_owned(), (high.max(0) as u64).saturating_sub(covered));
    }
    Ok(lags)
}

/// The group's state, and who has which partition.
fn owners(
    settings: &Kafka,
    consumer: &BaseConsumer,
) -> Result<(String, BTreeMap<u16, String>), BusError> {
    let name = settings.members();
    let list = consumer.client().fetch_group_list(Some(&name), TIME_OUT);
    let list = list.map_err(settings.fault(format!("ask for the group {name}")))?;
    let Some(group) = list.groups().iter().find(|group| group.name() == name) else {
        return Ok(("Empty".into(), BTreeMap::new()));
    };
    let topic = settings.topic(PARTITIONS);
    let mut owners = BTreeMap::new();
    for member in group.members() {
        let who = format!("{} {}", member.client_id(), member.client_host());
        let given = member.assignment().and_then(|bytes| assigned(bytes, &topic));
        owners.extend(given.unwrap_or_default().into_iter().map(|n| (n, who.clone())));
    }
    Ok((group.state().to_owned(), owners))
}

/// The partitions of a topic in an assignment as consumers write it: a version, then for each topic
/// its name and its partitions, integers big-endian.
fn assigned(bytes: &[u8], wanted: &str) -> Option<Vec<u16>> {
    let (mut rest, mut found) = (bytes, Vec::new());
    take::<2>(&mut rest)?;
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let name = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (topic, after) = rest.split_at_checked(name)?;
        rest = after;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            let number = i32::from_be_bytes(take(&mut rest)?);
            if topic == wanted.as_bytes() {
                found.push(u16::try_from(number).ok()?);
            }
        }
    }
    Some(found)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn an_assignment_tells_the_partitions_of_the_topic_and_damage_tells_nothing() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (topic, partitions) in [("other", vec![9]), ("zg.partitions", vec![0, 3, 258])] {
            bytes.extend((topic.len() as u16).to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            partitions.iter().for_each(|n: &i32| bytes.extend(n.to_be_bytes()));
        }
        bytes.extend([0, 0, 0, 0]);
        assert_eq!(assigned(&bytes, "zg.partitions"), Some(vec![0, 3, 258]));
        assert_eq!(assigned(&bytes, "absent"), Some(Vec::new()));
        assert_eq!(assigned(&bytes[..bytes.len() - 8], "zg.partitions"), None);
    }
}
