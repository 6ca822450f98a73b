//! The thread that writes snapshots, so that no core waits for a disk or packs a person for one.

use std::{
    io,
    thread::{Builder, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::state::{Cut, SnapshotError, Written};

/// Reports that wait to be read.
const REPORTS: usize = 64;

#[derive(Debug)]
pub(super) struct Snapshots {
    thread: JoinHandle<()>,
    reports: Receiver<Result<Written, SnapshotError>>,
}

impl Snapshots {
    /// Starts the thread; it ends when every sender of cuts is gone.
    pub(super) fn start() -> io::Result<(Self, Sender<Box<Cut>>)> {
        let (cuts, queue) = unbounded::<Box<Cut>>();
        let (told, reports) = bounded(REPORTS);
        let write = move || {
            for cut in queue {
                // Nobody need read what is told.
                drop(told.try_send(cut.write()));
            }
        };
        let thread = Builder::new().name("snapshots".into()).spawn(write)?;
        Ok((Self { thread, reports }, cuts))
    }

    pub(super) const fn reports(&self) -> &Receiver<Result<Written, SnapshotError>> {
        &self.reports
    }

    /// Waits until every cut is written. All senders must be gone.
    pub(super) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
