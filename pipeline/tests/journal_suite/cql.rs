//! Logs in a real database, each in a keyspace of its own.

use std::time::Duration;

use scylla::client::{
    execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
};
use zeitgeber::journal::{
    Journal,
    cql::{Access, Connect, CqlJournal, OpenError, TableOptions, apply},
};
use zeitgeber_schemas::PartitionId;
use zeitgeber_test_services::unique;

use crate::kit::LAYOUT;

/// Longest time for a statement past the journal.
const TIME_OUT: Duration = Duration::from_secs(60);

pub(crate) const OPTIONS: TableOptions =
    TableOptions { replication: 1, keyspace: String::new(), table: String::new() };

/// A keyspace of one test, dropped after it: a small database bears few tables.
pub(crate) struct Keyspace(Connect);

impl std::ops::Deref for Keyspace {
    type Target = Connect;

    fn deref(&self) -> &Connect {
        &self.0
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        run(self, "DROP KEYSPACE IF EXISTS {k}");
    }
}

/// A keyspace that is not there yet.
pub(crate) fn connect(nodes: &str) -> Keyspace {
    Keyspace(at(nodes))
}

/// The way to a new keyspace.
pub(crate) fn at(nodes: &str) -> Connect {
    Connect {
        nodes: nodes.split(',').map(str::to_owned).collect(),
        keyspace: unique("journal"),
        login: None,
        tls: false,
        ca_file: None,
        datacenter: None,
        global: false,
    }
}

/// A keyspace with all tables and no log.
pub(crate) fn made(nodes: &str) -> Keyspace {
    let connect = connect(nodes);
    apply(&connect, &OPTIONS).expect("tables");
    connect
}

pub(crate) fn open(connect: &Connect) -> CqlJournal {
    let access = Access::Write { layout: LAYOUT, schemas: r#"{"reading":{}}"#.into() };
    CqlJournal::open(connect.clone(), access).expect("opened")
}

pub(crate) fn reader(connect: &Connect) -> Result<CqlJournal, OpenError> {
    CqlJournal::open(connect.clone(), Access::Read)
}

/// A log of which every partition is ours.
pub(crate) fn claimed(connect: &Connect) -> CqlJournal {
    let journal = open(connect);
    for partition in 0..LAYOUT.partitions {
        journal.claim(PartitionId(partition)).expect("claimed");
    }
    journal
}

/// Runs a statement past the journal; `{k}` is the keyspace.
pub(crate) fn run(connect: &Connect, statement: &str) {
    let statement = statement.replace("{k}", &connect.keyspace);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let profile = ExecutionProfile::builder().request_timeout(Some(TIME_OUT)).build();
        let builder = SessionBuilder::new()
            .known_nodes(&connect.nodes)
            .default_execution_profile_handle(profile.into_handle());
        let session: Session = builder.build().await.expect("a session");
        session.query_unpaged(statement, ()).await.expect("done");
    });
}
