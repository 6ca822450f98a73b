//! The bus: how inputs reach the partitions' writers, and outputs whoever waits for them.
//!
//! Embedded there is none: HTTP and files fill an [`Intake`](crate::ingest::Intake) and hand it to
//! the engine, and outputs are read from the journal. Past one machine it is Kafka ([`kafka`]). In
//! both forms the journal is the commit point, and what it covers tells where a source goes on.

pub mod kafka;
