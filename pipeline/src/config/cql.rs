//! The settings of a log in a database.

use serde::{Deserialize, Serialize};

/// A log in ScyllaDB or Cassandra; its address is given where it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cql {
    /// Who logs in; empty: nobody.
    pub user: String,
    /// File of the password.
    pub password_file: String,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Authorities that are trusted, PEM; empty: the system's.
    pub ca_file: String,
    /// The data centre whose nodes are asked; empty: any.
    pub datacenter: String,
    /// Whose quorum and whose consensus.
    pub reach: Reach,
    /// Where states and snapshots are kept on this machine; empty: the user's cache.
    pub cache_dir: String,
    /// Copies in each data centre of what `schema apply` makes.
    pub replication: u16,
    /// Added to the keyspace that `schema apply` makes.
    pub keyspace_options: String,
    /// Added to the tables that `schema apply` makes.
    pub table_options: String,
}

/// Over how many data centres a quorum and a consensus reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// That of the nodes that are asked.
    Local,
    /// All.
    Global,
}
