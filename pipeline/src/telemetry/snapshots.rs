//! Counts the snapshots of a run, and logs those that failed.

use std::{io, sync::Arc, thread::Builder};

use crossbeam_channel::Receiver;
use metrics::Counter;

use super::{Registry, catalogue};
use crate::{
    measure::Histogram,
    state::{SnapshotError, Written},
};

/// Handles of the snapshots' metrics.
#[derive(Clone)]
pub(super) struct Snapshots {
    written: Counter,
    failed: Counter,
    write: Arc<Histogram>,
}

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").finish_non_exhaustive()
    }
}

impl Snapshots {
    pub(super) fn new(registry: &Registry) -> Self {
        let [written, failed] =
            catalogue::SNAPSHOT_RESULTS.map(|r| registry.counter(&catalogue::SNAPSHOTS, &[r]));
        Self { written, failed, write: registry.histogram(&catalogue::SNAPSHOT_WRITE, &[]) }
    }

    /// Reads reports on a thread of its own, which ends with the engine.
    pub(super) fn follow(
        &self,
        reports: &Receiver<Result<Written, SnapshotError>>,
    ) -> io::Result<()> {
        let (this, reports) = (self.clone(), reports.clone());
        let read = move || reports.iter().for_each(|report| this.take(&report));
        Builder::new().name("snapshot-reports".into()).spawn(read).map(drop)
    }

    fn take(&self, report: &Result<Written, SnapshotError>) {
        match report {
            Ok(written) => {
                self.written.increment(1);
                self.write.record_duration(written.took);
                let (partition, bytes) = (written.partition.0, written.bytes);
                tracing::debug!(partition, bytes, "snapshot written");
            }
            Err(error) => {
                self.failed.increment(1);
                tracing::error!(%error, "no snapshot written: the next start folds more");
            }
        }
    }
}
