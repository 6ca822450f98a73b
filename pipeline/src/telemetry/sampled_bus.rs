//! The bus on Kafka and the partitions of a worker, as far as their meters tell.

use super::{Registry, catalogue};
use crate::{
    bus::kafka::{Input, Meter},
    cluster::Figures,
};

/// Fills in what is known of partitions that come and go.
pub(super) fn show_cluster(registry: &Registry, figures: &Figures) {
    let counts = figures.counts();
    registry.gauge(&catalogue::CLUSTER_OWNED, &[]).set(counts.owned as f64);
    registry.gauge(&catalogue::CLUSTER_FOLLOWED, &[]).set(counts.followed as f64);
    let people = registry.gauge(&catalogue::CLUSTER_FOLLOWED_PEOPLE, &[]);
    people.set(counts.followed_people_bytes as f64);
    registry.gauge(&catalogue::CLUSTER_BEHIND, &[]).set(counts.behind().as_secs_f64());
    registry.counter(&catalogue::CLUSTER_CONFLICTS, &[]).absolute(counts.conflicts);
    registry.counter(&catalogue::CLUSTER_FAILURES, &[]).absolute(counts.failures);
}

/// Fills in everything about the bus.
pub(super) fn show(registry: &Registry, meter: &Meter) {
    for topic in meter.topics() {
        let label = [topic.input.as_str()];
        registry.counter(&catalogue::KAFKA_RECORDS, &label).absolute(topic.taken);
        registry.counter(&catalogue::KAFKA_BYTES, &label).absolute(topic.bytes);
        registry.counter(&catalogue::KAFKA_REFUSED, &label).absolute(topic.dead);
        registry.counter(&catalogue::KAFKA_MISPLACED, &label).absolute(topic.misplaced);
        registry.counter(&catalogue::KAFKA_FORWARDED, &label).absolute(topic.forwarded);
    }
    registry.counter(&catalogue::KAFKA_LOST, &[]).absolute(meter.lost_records());
    registry.counter(&catalogue::KAFKA_FAILURES, &[]).absolute(meter.client_failures());
    registry.counter(&catalogue::KAFKA_PUBLISHED, &[]).absolute(meter.outputs());
    registry.counter(&catalogue::KAFKA_UNDELIVERED, &[]).absolute(meter.undelivered());
    registry.counter(&catalogue::KAFKA_TRANSACTIONS, &[]).absolute(meter.transactions());
    registry.gauge(&catalogue::KAFKA_QUEUED, &[]).set(meter.queued() as f64);
    let (up, known) = meter.brokers();
    registry.gauge(&catalogue::KAFKA_BROKERS, &["up"]).set(up as f64);
    registry.gauge(&catalogue::KAFKA_BROKERS, &["known"]).set(known as f64);
    for (name, partition, lag) in meter.lag() {
        let input = Input::ALL.into_iter().find(|input| name.ends_with(input.as_str()));
        if let Some(input) = input {
            let labels = [input.as_str(), &partition.to_string()];
            registry.gauge(&catalogue::KAFKA_LAG, &labels).set(lag as f64);
        }
    }
}
