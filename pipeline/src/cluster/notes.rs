//! How far standbys are, where others can read it: as offsets of the empty topic `partitions`.
//!
//! The first heirs of all partitions note their positions under one consumer group, the second ones
//! under another. Nobody is ever a member of these groups and nothing rests on what they hold; it
//! is for people who ask.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use zeitgeber_schemas::PartitionId;

use super::group::TIME_OUT;
use crate::{
    bus::kafka::{BusError, PARTITIONS, tell_again},
    config::Kafka,
};

/// What the standbys of one rank note: 0 for the first heirs.
pub(super) struct Notes {
    topic: String,
    consumer: BaseConsumer,
}

impl Notes {
    pub(super) fn of(settings: &Kafka, rank: usize) -> Result<Self, BusError> {
        let mut config = settings.client();
        config
            .set("group.id", format!("{}.standby-{}", settings.group, rank + 1))
            .set("enable.auto.commit", "false")
            // Nobody asks this client often enough to take them.
            .set("statistics.interval.ms", "0");
        let consumer = config.create().map_err(settings.fault("note how far standbys are"))?;
        Ok(Self { topic: settings.topic(PARTITIONS), consumer })
    }

    /// The way to the brokers.
    pub(super) const fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }

    /// Notes the positions of the events that come next, in the name of a worker.
    pub(super) fn write(&self, name: &str, positions: &[(PartitionId, u64)]) {
        let mut list = TopicPartitionList::new();
        for (partition, position) in positions {
            let mut one = list.add_partition(&self.topic, i32::from(partition.0));
            let offset = Offset::Offset(i64::try_from(*position).unwrap_or(i64::MAX));
            if one.set_offset(offset).is_ok() {
                one.set_metadata(name);
            }
        }
        if !positions.is_empty()
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "could not note how far standbys are");
        }
        // What brokers said of the notes before is taken, and of no further use.
        while self.consumer.poll(Duration::ZERO).is_some() {}
    }

    /// What is noted: by partition the position and the name of whoever noted it.
    pub(super) fn read(
        &self,
        settings: &Kafka,
        partitions: u16,
    ) -> Result<BTreeMap<u16, (u64, String)>, BusError> {
        let mut list = TopicPartitionList::new();
        (0..partitions).for_each(|number| {
            list.add_partition(&self.topic, i32::from(number));
        });
        let noted = self.consumer.committed_offsets(list, TIME_OUT);
        if noted.is_err() {
            // It has no statistics that would tell whether it forgot its brokers.
            tell_again(self.consumer.client(), &settings.brokers);
        }
        let noted = noted.map_err(settings.fault("read how far standbys are"))?;
        let of = |one: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let Offset::Offset(position) = one.offset() else { return None };
            let number = u16::try_from(one.partition()).ok()?;
            Some((number, (u64::try_from(position).ok()?, one.metadata().to_owned())))
        };
        Ok(noted.elements().into_iter().filter_map(of).collect())
    }
}
