//! The bus on real Kafka: the same log as from files, whatever stands in the topics, through kills.

#[path = "kafka/bad_days.rs"]
mod bad_days;
#[path = "kafka/day.rs"]
mod day;
#[path = "kafka/kit.rs"]
#[expect(dead_code, reason = "it is the kit of the cluster, too")]
mod kit;
#[path = "kafka/members.rs"]
mod members;
#[path = "kafka/outputs.rs"]
mod outputs;
#[path = "kafka/poison.rs"]
mod poison;
#[path = "kafka/topics.rs"]
mod topics;
