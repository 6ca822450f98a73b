//! Opening a log in a database, and making one.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    CqlJournal,
    connection::{Connect, Database, Fault, Patience, Ready},
    schema::SchemaError,
    shared::Shared,
    snapshots::Pieces,
};
use crate::journal::{FORMAT, Layout};

/// What a log is opened for.
#[derive(Debug, Clone)]
pub enum Access {
    /// To append and read.
    Write {
        /// What a log that is not there yet gets.
        layout: Layout,
        /// JSON text of the schemas that chunks follow.
        schemas: String,
    },
    /// To read.
    Read,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its tables cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The database cannot be reached, or refuses.
    #[error("could not open {log}")]
    Database {
        /// The log's address.
        log: String,
        /// What the driver said.
        source: Fault,
    },
    /// There is none yet.
    #[error(
        "{log} has its tables, but no log yet: `zeitgeber ingest FILE --journal {log}` makes one"
    )]
    NoLog {
        /// The log's address.
        log: String,
    },
    /// A later program wrote it.
    #[error("{log} has format {found}, this program reads up to {FORMAT}: use a newer version")]
    TooNew {
        /// The log's address.
        log: String,
        /// Its format.
        found: i32,
    },
    /// A log needs partitions.
    #[error("a log needs at least one partition")]
    NoPartitions,
}

impl CqlJournal {
    /// Opens a log; for writing, makes one where there is none. Nothing is claimed yet.
    ///
    /// # Errors
    ///
    /// The tables are missing, the database cannot be reached, there is no log.
    pub fn open(connect: Connect, access: Access) -> Result<Self, OpenError> {
        let log = connect.address();
        let fault = |fault: Fault| match fault.downcast::<SchemaError>() {
            Ok(schema) => OpenError::Schema(*schema),
            Err(source) => OpenError::Database { log: log.clone(), source },
        };
        let database = Arc::new(Database::open(connect).map_err(fault)?);
        let writable = matches!(access, Access::Write { .. });
        let read = {
            let database = Arc::clone(&database);
            async move {
                if let Access::Write { layout, schemas } = access {
                    create(&database, layout, &schemas).await?;
                }
                layout(&database).await
            }
        };
        let (layout, format) = database
            .wait(read)
            .map_err(fault)?
            .ok_or_else(|| OpenError::NoLog { log: log.clone() })?;
        if format > FORMAT as i32 {
            return Err(OpenError::TooNew { log, found: format });
        }
        if layout.partitions == 0 {
            return Err(OpenError::NoPartitions);
        }
        let name = format!("{} process {}", host(), std::process::id());
        let shared = Arc::new(Shared::new(database, layout, name, writable));
        Ok(Self { shared, pieces: Pieces::default() })
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Makes the log unless there is one, and leaves the schemas.
async fn create(database: &Database, layout: Layout, schemas: &str) -> Result<(), Fault> {
    let keyspace = &database.connect.keyspace;
    let put_schemas = format!("INSERT INTO {keyspace}.schemas (digest, document) VALUES (?, ?)");
    let digest = blake3::hash(schemas.as_bytes()).as_bytes().to_vec();
    let put = format!(
        "INSERT INTO {keyspace}.log (id, log_id, partitions, format, created_ms) \
         VALUES (0, ?, ?, ?, ?) IF NOT EXISTS"
    );
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = since.map_or(0, |since| since.as_millis() as i64);
    let (put_schemas, put, digest) = (&put_schemas, &put, &digest);
    database
        .repeat(Patience::asked(), |ready: Arc<Ready>| async move {
            ready.session.query_unpaged(put_schemas.as_str(), (digest, schemas)).await?;
            let (log_id, partitions) = (layout.log_id.to_vec(), i32::from(layout.partitions));
            let values = (log_id, partitions, FORMAT as i32, now_ms);
            ready.session.query_unpaged(put.as_str(), values).await?;
            Ok(())
        })
        .await
}

/// What was fixed when the log was made, and its format.
async fn layout(database: &Database) -> Result<Option<(Layout, i32)>, Fault> {
    let keyspace = &database.connect.keyspace;
    let ask = format!("SELECT log_id, partitions, format FROM {keyspace}.log WHERE id = 0");
    let ask = &ask;
    let row = database
        .repeat(Patience::asked(), |ready: Arc<Ready>| async move {
            let rows = ready.session.query_unpaged(ask.as_str(), ()).await?.into_rows_result()?;
            Ok(rows.maybe_first_row::<(Vec<u8>, i32, i32)>()?)
        })
        .await?;
    let Some((log_id, partitions, format)) = row else { return Ok(None) };
    let damaged = || super::connection::Settled("the log's row is damaged".into());
    let log_id = log_id.try_into().map_err(|_| damaged())?;
    let partitions = u16::try_from(partitions).map_err(|_| damaged())?;
    Ok(Some((Layout { log_id, partitions }, format)))
}
