//! The tables: migrations that travel in the binary, applied in order, each once.
//!
//! `infra/cql/` holds them. What was applied is recorded beside the tables, with the text's hash,
//! so that a program neither works on tables it does not know nor silently on other ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scylla::client::session::Session;

use super::connection::{Connect, Fault};

/// Longest time that a change of tables may take.
const CHANGE: Duration = Duration::from_secs(60);

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "log", text: include_str!("../../../../infra/cql/0001_log.cql") },
    Migration {
        version: 2,
        name: "derived",
        text: include_str!("../../../../infra/cql/0002_derived.cql"),
    },
];

/// What is added to the definitions, in the database's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// Copies of everything in each data centre.
    pub replication: u16,
    /// Behind `CREATE KEYSPACE … WITH replication = …`, for example
    /// `AND tablets = {'enabled': false}`.
    pub keyspace: String,
    /// Behind `WITH` of every table, for example `compression = {…} AND gc_grace_seconds = 0`.
    pub table: String,
}

struct Migration {
    version: i32,
    name: &'static str,
    text: &'static str,
}

/// A migration and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its number, from 1.
    pub version: i32,
    /// What it is about.
    pub name: String,
    /// Whether the keyspace has it.
    pub is_applied: bool,
}

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database cannot be reached, or refuses.
    #[error("could not {action} {log}")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The log's address.
        log: String,
        /// What the driver said.
        source: Fault,
    },
    /// Some migrations are missing.
    #[error("{log} lacks its tables: `zeitgeber schema apply --journal {log}` makes them")]
    Missing {
        /// The log's address.
        log: String,
    },
    /// A later program made the tables.
    #[error("{log} has schema version {found}, this program knows up to {known}: use a newer one")]
    TooNew {
        /// The log's address.
        log: String,
        /// The version there.
        found: i32,
        /// The greatest known.
        known: i32,
    },
    /// A migration was applied with another text.
    #[error("schema version {version} of {log} was made by another text than this program's")]
    Other {
        /// The log's address.
        log: String,
        /// The migration.
        version: i32,
    },
    /// The name cannot be a keyspace's.
    #[error("`{name}` cannot be a keyspace: 1 to 48 of a-z, 0-9 and _, a letter first")]
    Name {
        /// The name.
        name: String,
    },
}

/// The migrations, and which of them the keyspace has.
///
/// # Errors
///
/// The database cannot be asked, or has what this program does not know.
pub fn check(connect: &Connect) -> Result<Vec<MigrationState>, SchemaError> {
    alone(connect, async |session| state(connect, session).await)
}

/// Makes what is missing, in order. Applying again changes nothing.
///
/// # Errors
///
/// The database cannot be asked, refuses, or has what this program does not know.
pub fn apply(
    connect: &Connect,
    options: &TableOptions,
) -> Result<Vec<MigrationState>, SchemaError> {
    check_name(&connect.keyspace)?;
    alone(connect, async |session| migrate(connect, session, options).await)
}

async fn migrate(
    connect: &Connect,
    session: &Session,
    options: &TableOptions,
) -> Result<Vec<MigrationState>, SchemaError> {
    let (keyspace, log) = (&connect.keyspace, connect.address());
    let fault = |source: Fault| SchemaError::Database {
        action: "make the tables of",
        log: log.clone(),
        source,
    };
    let run = async |text: String| {
        session.query_unpaged(text, ()).await.map(drop).map_err(|error| fault(error.into()))
    };
    let TableOptions { replication, keyspace: keyspace_options, .. } = options;
    run(format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = \
         {{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication}}} \
         {keyspace_options}"
    ))
    .await?;
    run(format!(
        "CREATE TABLE IF NOT EXISTS {keyspace}.migrations \
         (version int PRIMARY KEY, name text, hash blob, applied_ms bigint)"
    ))
    .await?;
    let before = state(connect, session).await?;
    for (migration, before) in MIGRATIONS.iter().zip(&before) {
        if before.is_applied {
            continue;
        }
        for statement in migration.statements(keyspace, &options.table) {
            run(statement).await?;
        }
        let put = format!(
            "INSERT INTO {keyspace}.migrations (version, name, hash, applied_ms) VALUES (?, ?, ?, ?)"
        );
        let values = (migration.version, migration.name, migration.hash().to_vec(), now_ms());
        session.query_unpaged(put, values).await.map_err(|error| fault(error.into()))?;
    }
    state(connect, session).await
}

/// Refuses tables that are missing or unknown.
pub(super) async fn require(connect: &Connect, session: &Session) -> Result<(), SchemaError> {
    check_name(&connect.keyspace)?;
    let states = state(connect, session).await?;
    if states.iter().all(|state| state.is_applied) {
        return Ok(());
    }
    Err(SchemaError::Missing { log: connect.address() })
}

/// What of the database's settings endangers what it acknowledges.
///
/// # Errors
///
/// The database cannot be reached.
pub fn doubts(connect: &Connect) -> Result<Vec<String>, SchemaError> {
    alone(connect, async |session| Ok(commit_log_doubt(session).await.into_iter().collect()))
}

/// Does something over a session of its own.
fn alone<T>(
    connect: &Connect,
    work: impl AsyncFnOnce(&Session) -> Result<T, SchemaError>,
) -> Result<T, SchemaError> {
    let fault = |source: Fault| SchemaError::Database {
        action: "connect to",
        log: connect.address(),
        source,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| fault(error.into()))?;
    runtime.block_on(async { work(&connect.session(CHANGE).await.map_err(fault)?).await })
}

/// Cassandra answers before it syncs unless told otherwise. Other databases have no such view.
async fn commit_log_doubt(session: &Session) -> Option<String> {
    const ASK: &str = "SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'";
    let answer = session.query_unpaged(ASK, ()).await.ok()?.into_rows_result().ok()?;
    let (mode,) = answer.maybe_first_row::<(Option<String>,)>().ok()??;
    let mode = mode?;
    (mode == "periodic").then(|| {
        "commitlog_sync is `periodic`: the database acknowledges up to some seconds before it is \
         safe on disk; set it to `group` or `batch`"
            .into()
    })
}

async fn state(connect: &Connect, session: &Session) -> Result<Vec<MigrationState>, SchemaError> {
    let (keyspace, log) = (&connect.keyspace, connect.address());
    let applied = applied(session, keyspace).await.map_err(|source| SchemaError::Database {
        action: "read the schema version of",
        log: log.clone(),
        source,
    })?;
    let known = MIGRATIONS.len() as i32;
    if let Some((found, _)) = applied.iter().find(|(version, _)| *version > known) {
        return Err(SchemaError::TooNew { log, found: *found, known });
    }
    let state = |migration: &Migration| {
        let found = applied.iter().find(|(version, _)| *version == migration.version);
        match found {
            Some((version, hash)) if *hash != migration.hash() => {
                Err(SchemaError::Other { log: log.clone(), version: *version })
            }
            found => Ok(MigrationState {
                version: migration.version,
                name: migration.name.into(),
                is_applied: found.is_some(),
            }),
        }
    };
    MIGRATIONS.iter().map(state).collect()
}

/// Version and hash of what was applied; nothing where there is no keyspace yet.
async fn applied(session: &Session, keyspace: &str) -> Result<Vec<(i32, Vec<u8>)>, Fault> {
    const ASK: &str = "SELECT table_name FROM system_schema.tables \
                       WHERE keyspace_name = ? AND table_name = 'migrations'";
    let table = session.query_unpaged(ASK, (keyspace,)).await?.into_rows_result()?;
    if table.rows_num() == 0 {
        return Ok(Vec::new());
    }
    let ask = format!("SELECT version, hash FROM {keyspace}.migrations");
    let rows = session.query_unpaged(ask, ()).await?.into_rows_result()?;
    let rows = rows.rows::<(i32, Option<Vec<u8>>)>()?;
    let of = |(version, hash): (i32, Option<Vec<u8>>)| (version, hash.unwrap_or_default());
    Ok(rows.map(|row| row.map(of)).collect::<Result<_, _>>()?)
}

impl Migration {
    fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.text.as_bytes()).as_bytes()
    }

    fn statements(&self, keyspace: &str, table: &str) -> Vec<String> {
        let (with, and) = match table.trim() {
            "" => (String::new(), String::new()),
            options => (format!(" WITH {options}"), format!(" AND {options}")),
        };
        let text: String =
            self.text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        let text = text
            .replace("{keyspace}", keyspace)
            .replace("{table_options}", &with)
            .replace("{and_table_options}", &and);
        let statements = text.split(";\n").map(str::trim).filter(|text| !text.is_empty());
        statements.map(|text| text.trim_end_matches(';').to_owned()).collect()
    }
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = (1..=48).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(letters);
    if fits { Ok(()) } else { Err(SchemaError::Name { name: name.into() }) }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
