//! A log in a database, with a directory of this process for what is derived from it.

use std::{path::Path, sync::Arc};

use super::{Store, StoreError, cache::Cache, desks::Desks, new_log_id};
use crate::{
    journal::{
        Journal, Layout,
        cql::{Access, Connect, CqlJournal, Fault},
    },
    state::{self, HandOn, Home},
};

/// What a store keeps of its database.
#[derive(Debug)]
pub(super) struct Shelf {
    journal: Arc<CqlJournal>,
    cache: Cache,
}

impl Shelf {
    /// Puts a copy of each snapshot into the database, beside the one on this machine.
    pub(super) fn hand_on(&self) -> HandOn {
        let journal = Arc::clone(&self.journal);
        HandOn(Arc::new(move |partition, chunk, files| {
            if let Err(fault) = journal.put_snapshot(partition.0, chunk, files) {
                tracing::warn!(%partition, chunk, %fault, "a snapshot stays on this machine only");
            }
        }))
    }

    /// Fetches the newest snapshot that somebody left, where it is newer than the one here.
    pub(super) fn fetch(&self, home: &Home) -> Result<(), String> {
        if !self.cache.is_ours() {
            return Ok(());
        }
        let partition = home.partition;
        let told = |fault: Fault| format!("partition {partition}: the stored snapshot: {fault}");
        let next = self.journal.tail(partition).next_chunk;
        let stored = self.journal.newest_snapshot(partition.0, next).map_err(told)?;
        let here = state::saved_before(home);
        match stored {
            Some(stored) if here.is_none_or(|here| here < stored.chunk) => {
                let dir = home.dir.join("snapshots");
                self.journal.fetch_snapshot(&stored, &dir).map_err(told)
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn read(connect: &Connect, cache: &Path) -> Result<Store, StoreError> {
    let journal = CqlJournal::open(connect.clone(), Access::Read)?;
    // Who cannot have a directory of its own folds more of the log, and answers the same.
    let cache = Cache::take(cache).unwrap_or_else(|_| Cache::look(cache));
    Ok(of(journal, cache, false))
}

pub(super) fn write(connect: &Connect, cache: &Path, partitions: u16) -> Result<Store, StoreError> {
    let layout = Layout { log_id: new_log_id()?, partitions };
    let schemas = zeitgeber_schemas::catalogue::table_json();
    let journal = CqlJournal::open(connect.clone(), Access::Write { layout, schemas })?;
    let taken = Cache::take(cache);
    let cache = taken.map_err(|source| StoreError::Cache { dir: cache.into(), source })?;
    Ok(of(journal, cache, true))
}

fn of(journal: CqlJournal, cache: Cache, writable: bool) -> Store {
    let journal = Arc::new(journal);
    let desks = Desks::new(journal.layout().partitions);
    Store {
        dir: cache.dir.clone(),
        journal: Arc::clone(&journal) as _,
        meter: journal.meter(),
        files: None,
        disk: crate::disk::system(),
        database: Some(Shelf { journal, cache }),
        cut: None,
        writable,
        desks,
    }
}
