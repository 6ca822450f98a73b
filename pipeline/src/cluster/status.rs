//! Who owns what, and how far each partition is: as the group, the brokers and the log tell it.

use std::collections::BTreeMap;

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Serialize;
use zeitgeber_schemas::PartitionId;

use super::{
    group::{Group, Member, TIME_OUT},
    notes::Notes,
};
use crate::{
    bus::kafka::{BusError, Input},
    config::Kafka,
    journal::Journal,
};

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
    /// The workers to whom it goes when its owner goes, in that order.
    pub standbys: Vec<StandbyStatus>,
}

/// A worker that keeps the state of a partition which another one writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandbyStatus {
    /// The worker.
    pub worker: String,
    /// Events of the log that it had not folded when it last said how far it was, some seconds ago;
    /// none where it has not said.
    pub behind: Option<u64>,
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
    let count = journal.layout().partitions;
    let group = Group::ask(settings, &consumer, count)?;
    let workers = group.owners();
    let noted: Vec<_> =
        (0..usize::from(settings.standbys)).map(|rank| noted(settings, rank, count)).collect();
    let partitions = (0..count)
        .map(|number| {
            let tail = journal.tail(PartitionId(number));
            Ok(PartitionStatus {
                partition: number,
                owner: group.owner(number).map(Member::title),
                chunks: tail.next_chunk,
                position: tail.next_position,
                lag: lag(settings, &consumer, PartitionId(number), &tail.cursors)?,
                standbys: standbys(&group, number, &noted, tail.next_position),
            })
        })
        .collect::<Result<_, BusError>>()?;
    Ok(ClusterStatus { group: group.state, workers, partitions })
}

/// What the standbys of a rank noted; nothing where brokers do not tell, since all else is worth
/// telling.
fn noted(settings: &Kafka, rank: usize, partitions: u16) -> BTreeMap<u16, (u64, String)> {
    let noted = Notes::of(settings, rank).and_then(|notes| notes.read(settings, partitions));
    noted.unwrap_or_else(|error| {
        tracing::debug!(%error, "it is not known how far standbys are");
        BTreeMap::new()
    })
}

/// Who stands by for a partition, by what they noted.
fn standbys(
    group: &Group,
    partition: u16,
    noted: &[BTreeMap<u16, (u64, String)>],
    position: u64,
) -> Vec<StandbyStatus> {
    let heirs = group.heirs(partition, noted.len()).into_iter().zip(noted);
    let status = heirs.map(|(heir, noted)| {
        let own = noted.get(&partition).filter(|(_, name)| *name == heir.name);
        let behind = own.map(|(at, _)| position.saturating_sub(*at));
        StandbyStatus { worker: heir.title(), behind }
    });
    status.collect()
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
