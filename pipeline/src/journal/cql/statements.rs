//! Every statement that the journal makes, prepared once for each session.

use futures_util::TryStreamExt;
use scylla::{
    client::session::Session,
    deserialize::row::DeserializeRow,
    serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
    value::{CqlValue, Row},
};

use super::connection::{Fault, Ready, Settled};

/// Rows a page; bodies are at most [`super::wire::PART_BYTES`] each, and mostly far below.
const BODY_PAGE: i32 = 16;
const PAGE: i32 = 2_000;

macro_rules! statements {
    ($($(#[$($doc:tt)*])* $name:ident: $page:expr, $text:expr;)*) => {
        pub(super) struct Statements {
            $($(#[$($doc)*])* pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, Fault> {
                Ok(Self {
                    $($name: prepare(session, keyspace, $page, $text).await?,)*
                })
            }
        }
    };
}

statements! {
    claim: PAGE,
        "INSERT INTO {k}.epochs (partition, epoch, nonce, owner) VALUES (?, ?, ?, ?) IF NOT \
         EXISTS";
    end: PAGE,
        "UPDATE {k}.epochs SET end_chunk = ? WHERE partition = ? AND epoch = ? IF end_chunk = \
         null";
    latest: PAGE, "SELECT epoch FROM {k}.epochs WHERE partition = ? LIMIT 1";
    epochs: PAGE, "SELECT epoch, end_chunk FROM {k}.epochs WHERE partition = ? AND epoch >= ?";
    put_mark: PAGE, "INSERT INTO {k}.marks (partition, epoch, acknowledged) VALUES (?, ?, ?)";
    mark: PAGE, "SELECT acknowledged FROM {k}.marks WHERE partition = ? AND epoch = ?";
    put_chunk: PAGE,
        "INSERT INTO {k}.chunks (partition, bucket, epoch, chunk, part, parts, acknowledged, \
         header, hash, codec, length, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    chunks: BODY_PAGE,
        "SELECT chunk, part, parts, acknowledged, header, hash, codec, length, body FROM \
         {k}.chunks WHERE partition = ? AND bucket = ? AND epoch = ? AND chunk >= ? AND chunk < \
         ?";
    heads: PAGE,
        "SELECT chunk, part, parts, acknowledged, header, hash FROM {k}.chunks WHERE partition \
         = ? AND bucket = ? AND epoch = ? AND chunk >= ? AND chunk < ?";
    put_tail: PAGE, "INSERT INTO {k}.tails (partition, chunk, position, tail) VALUES (?, ?, ?, ?)";
    tails: PAGE, "SELECT chunk, tail FROM {k}.tails WHERE partition = ? AND chunk <= ? LIMIT 4";
    positions: PAGE, "SELECT chunk, position FROM {k}.tails WHERE partition = ?";
    put_index: PAGE,
        "INSERT INTO {k}.stream_index (partition, bucket, shard, keys_version, postings) VALUES \
         (?, ?, ?, ?, ?)";
    index: PAGE,
        "SELECT keys_version, postings FROM {k}.stream_index WHERE partition = ? AND bucket = ? \
         AND shard = ?";
    put_snapshot: PAGE,
        "INSERT INTO {k}.snapshots (partition, chunk, id, manifest) VALUES (?, ?, ?, ?)";
    snapshots: PAGE,
        "SELECT chunk, id, manifest FROM {k}.snapshots WHERE partition = ? AND chunk <= ? LIMIT \
         4";
    put_piece: PAGE, "INSERT INTO {k}.snapshot_pieces (hash, body) VALUES (?, ?)";
    piece: PAGE, "SELECT body FROM {k}.snapshot_pieces WHERE hash = ?";
}

async fn prepare(
    session: &Session,
    keyspace: &str,
    page: i32,
    text: &str,
) -> Result<PreparedStatement, Fault> {
    let mut statement = session.prepare(text.replace("{k}", keyspace)).await?;
    statement.set_page_size(page);
    // The answer to a conditional statement has other columns when it was not applied.
    statement.set_use_cached_result_metadata(!text.contains(" IF "));
    Ok(statement)
}

/// The answer to a conditional statement.
pub(super) enum Conditional {
    Applied,
    /// What stands there instead, by the column asked for.
    Stands(Option<CqlValue>),
}

impl Ready {
    /// Makes a write that may be made again.
    pub(super) async fn write(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), Fault> {
        self.session.execute_unpaged(statement, values).await?;
        Ok(())
    }

    /// All rows of a read.
    pub(super) async fn rows<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, Fault>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm> + 'static + Send,
    {
        let pager = self.session.execute_iter(statement.clone(), values).await?;
        Ok(pager.rows_stream::<R>()?.try_collect().await?)
    }

    /// The first row of a read.
    pub(super) async fn row<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, Fault>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let result = self.session.execute_unpaged(statement, values).await?.into_rows_result()?;
        Ok(result.maybe_first_row::<R>()?)
    }

    /// Makes a conditional write.
    pub(super) async fn conditional(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        column: &str,
    ) -> Result<Conditional, Fault> {
        let result = self.session.execute_unpaged(statement, values).await?.into_rows_result()?;
        let at = |name: &str| result.column_specs().iter().position(|c| c.name() == name);
        let unlike = || Settled("the database answered a conditional write unlike one".into());
        let applied = at("[applied]").ok_or_else(unlike)?;
        let wanted = at(column);
        let mut row = result.first_row::<Row>()?;
        match row.columns.get(applied) {
            Some(Some(CqlValue::Boolean(true))) => Ok(Conditional::Applied),
            Some(Some(CqlValue::Boolean(false))) => {
                let stands = wanted.and_then(|at| row.columns.get_mut(at)).and_then(Option::take);
                Ok(Conditional::Stands(stands))
            }
            _ => Err(unlike().into()),
        }
    }
}
