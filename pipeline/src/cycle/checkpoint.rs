//! When a cycle takes a snapshot of its partition, and when that may be written.
//!
//! A cut is taken where a chunk was just sealed, so that it is exactly the fold of the chunks up to
//! it, and held until the last of them is durable: no snapshot ever runs ahead of the log.

use std::{io, sync::Arc};

use super::{Action, Cycle};
use crate::{
    journal::{AppendError, WriteFailure},
    state::Cut,
    store::StoreError,
};

/// A snapshot is due when the log has grown by this many times the memory of the partition's
/// people, where that is more than what was asked for: writing them all is a small part of the work
/// then, and folding that much again a few seconds.
const GROWTH_OVER_PEOPLE: u64 = 2;

/// The snapshots of one cycle.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// Bytes of the partition's log after which one is due; 0: only where asked for.
    every_bytes: u64,
    grown_bytes: u64,
    is_requested: bool,
    /// What waits for this many completions.
    held: Option<(usize, Box<Cut>)>,
}

impl Checkpoints {
    pub(super) const fn grew(&mut self, bytes: u64) {
        self.grown_bytes += bytes;
    }

    fn is_due(&self, people_bytes: u64) -> bool {
        let enough = self.every_bytes.max(people_bytes.saturating_mul(GROWTH_OVER_PEOPLE));
        self.is_requested || (self.every_bytes > 0 && self.grown_bytes >= enough)
    }
}

impl Cycle {
    /// Takes a snapshot whenever the partition's log has grown by so many bytes, the first time
    /// `ahead` bytes earlier, so that partitions do not all write at once.
    pub const fn checkpoint_every(&mut self, bytes: u64, ahead: u64) {
        self.checkpoints.every_bytes = bytes;
        self.checkpoints.grown_bytes = ahead;
    }

    /// Takes a snapshot as soon as a chunk is sealed, or at once where nothing is open.
    pub const fn request_checkpoint(&mut self) {
        self.checkpoints.is_requested = true;
    }

    /// Takes the cut where one is due and everything folded is in a chunk.
    pub(super) fn cut_if_due(&mut self, actions: &mut Vec<Action>) {
        let is_due = self.checkpoints.is_due(self.held.people_bytes() as u64);
        if !is_due || !self.builder.is_empty() || self.checkpoints.held.is_some() {
            return;
        }
        let Some(cut) = self.held.cut(&self.tail) else {
            // Nothing new; or the one before is still being written, and this one comes after it.
            return;
        };
        self.checkpoints.is_requested = false;
        self.checkpoints.grown_bytes = 0;
        match self.waiting.len() {
            0 => actions.push(Action::Checkpoint(Box::new(cut))),
            waiting => self.checkpoints.held = Some((waiting, Box::new(cut))),
        }
    }

    /// Takes in that the oldest chunk in flight, sealed during `batch`, is durable.
    pub(super) fn settle(&mut self, batch: u64, actions: &mut Vec<Action>) {
        let is_all = self.waiting.is_empty() && self.builder.is_empty();
        self.held.settle(if is_all { self.held.batch() + 1 } else { batch });
        match self.checkpoints.held.take() {
            Some((1, cut)) => actions.push(Action::Checkpoint(cut)),
            Some((waiting, cut)) => self.checkpoints.held = Some((waiting - 1, cut)),
            None => {}
        }
        self.held.end_batch();
    }
}

/// The end of a partition whose person could not be had back.
pub(super) fn cannot_go_on(error: StoreError) -> AppendError {
    let action = "rebuild a person from the log beside";
    let source = io::Error::other(error);
    AppendError::Failed(Arc::new(WriteFailure { action, path: "snapshots".into(), source }))
}
