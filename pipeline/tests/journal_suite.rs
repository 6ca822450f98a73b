//! The journal's contract, each invariant named by a test, on the file, the memory and the CQL
//! journal.

#[path = "journal_suite/chunks.rs"]
mod chunks;
#[path = "journal_suite/conformance.rs"]
mod conformance;
#[cfg(feature = "cluster")]
#[path = "journal_suite/cql.rs"]
mod cql;
#[cfg(feature = "cluster")]
#[path = "journal_suite/cql_outage.rs"]
mod cql_outage;
#[cfg(feature = "cluster")]
#[path = "journal_suite/cql_owners.rs"]
mod cql_owners;
#[cfg(feature = "cluster")]
#[path = "journal_suite/cql_reading.rs"]
mod cql_reading;
#[cfg(feature = "cluster")]
#[path = "journal_suite/cql_schema.rs"]
mod cql_schema;
#[path = "journal_suite/damage.rs"]
mod damage;
#[path = "journal_suite/golden.rs"]
mod golden;
#[path = "journal_suite/kit.rs"]
mod kit;
#[path = "journal_suite/life.rs"]
mod life;
#[path = "journal_suite/mounts.rs"]
mod mounts;
#[path = "journal_suite/opening.rs"]
mod opening;
#[path = "journal_suite/search.rs"]
mod search;
