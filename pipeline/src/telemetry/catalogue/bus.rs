//! The bus on Kafka.

use super::{
    Kind::{Counter, Gauge},
    Label, SECONDS, bounded, metrics, of,
};

const INPUT: Label = bounded("topic", "the four input topics, without the prefix");
const PARTITION: Label = bounded("partition", "0 to 1023, as many as the log has");

metrics! { CLUSTER_METRICS:
    CLUSTER_OWNED = Gauge, "zeitgeber_cluster_partitions_owned_count", [],
        "Partitions that this worker writes", by "worker, as they come and go";
    CLUSTER_TAKEOVERS = SECONDS, "zeitgeber_cluster_takeover_seconds",
        [of("from", || vec!["standby", "snapshot", "log"])],
        "From the group's word until a partition's inputs are read: claim, state, rest of the log",
        by "worker, per partition";
    CLUSTER_CONFLICTS = Counter, "zeitgeber_cluster_conflicts_total", [],
        "Partitions that another writer took from this one", by "worker, per partition";
    CLUSTER_FOLLOWED = Gauge, "zeitgeber_cluster_partitions_followed_count", [],
        "Partitions of other workers whose state is kept up here", by "standby, as they come and go";
    CLUSTER_FOLLOWED_PEOPLE = Gauge, "zeitgeber_cluster_standby_people_memory_bytes", [],
        "People's states in memory in those, as measured last", by "standby, after each look";
    CLUSTER_BEHIND = Gauge, "zeitgeber_cluster_standby_behind_seconds", [],
        "How long the log of those has not been read to its end", by "standby, after each look";
    CLUSTER_FAILURES = Counter, "zeitgeber_cluster_failed_takeovers_total", [],
        "Takeovers that failed and were tried again", by "worker, per attempt";
}

metrics! { BUS_METRICS:
    KAFKA_RECORDS = Counter, "zeitgeber_kafka_records_total", [INPUT],
        "Records taken from the input topics", by "bus, per record";
    KAFKA_BYTES = Counter, "zeitgeber_kafka_received_bytes_total", [INPUT],
        "Bytes of their values", by "bus, per record";
    KAFKA_REFUSED = Counter, "zeitgeber_kafka_refused_records_total", [INPUT],
        "Records that no door could read: dead letters", by "bus, per record";
    KAFKA_MISPLACED = Counter, "zeitgeber_kafka_misplaced_records_total", [INPUT],
        "Records on a partition where their key does not belong", by "bus, per record";
    KAFKA_FORWARDED = Counter, "zeitgeber_kafka_forwarded_records_total", [INPUT],
        "Misplaced records that were produced again to their partition", by "bus, per record";
    KAFKA_LOST = Counter, "zeitgeber_kafka_lost_records_total", [],
        "Records that a topic's retention took before they were read", by "bus, where it is found";
    KAFKA_LAG = Gauge, "zeitgeber_kafka_lag_records", [INPUT, PARTITION],
        "Records between what was read of a partition and its end",
        by "sampler, from librdkafka's statistics";
    KAFKA_BROKERS = Gauge, "zeitgeber_kafka_brokers_count",
        [bounded("state", "`up` and `known`")],
        "Connections of clients to brokers: those that stand, and all",
        by "sampler, from librdkafka's statistics";
    KAFKA_FAILURES = Counter, "zeitgeber_kafka_failures_total", [],
        "Failures that clients reported: brokers away, refused passwords",
        by "bus, per report of librdkafka";
    KAFKA_PUBLISHED = Counter, "zeitgeber_kafka_published_records_total", [],
        "Outputs handed to the producers, repeats included", by "bus, per record";
    KAFKA_UNDELIVERED = Counter, "zeitgeber_kafka_undelivered_records_total", [],
        "Outputs that the brokers did not take; they are published again",
        by "bus, per report of librdkafka";
    KAFKA_TRANSACTIONS = Counter, "zeitgeber_kafka_transactions_total", [],
        "Transactions of outputs committed", by "bus, per transaction";
    KAFKA_QUEUED = Gauge, "zeitgeber_kafka_queued_records", [],
        "Outputs that wait for a broker", by "sampler, from librdkafka's statistics";
}
