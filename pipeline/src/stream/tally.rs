//! What a hub counts, for whoever watches it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// What a hub did since it was started, and how it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Subscriptions that are open.
    pub open: usize,
    /// Those of them that the follower does not serve: they catch up, or their queue is full.
    pub behind: usize,
    /// Bytes of frames that wait to be taken, each counted in every queue that holds it.
    pub queued_bytes: usize,
    /// Subscriptions that were opened.
    pub opened: u64,
    /// Subscriptions that were closed, for whatever reason.
    pub closed: u64,
    /// Subscriptions that were cut off because nothing was taken of them for too long.
    pub cut_off: u64,
    /// How often a subscriber's queue was full and it had to catch up from the log.
    pub fell_behind: u64,
    /// Frames that went into queues.
    pub delivered: u64,
    /// Passes over the log to let subscribers catch up.
    pub passes: u64,
    /// How long these took together, µs.
    pub passes_us: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    opened: AtomicU64,
    closed: AtomicU64,
    cut_off: AtomicU64,
    fell_behind: AtomicU64,
    delivered: AtomicU64,
    passes: AtomicU64,
    passes_us: AtomicU64,
}

impl Tally {
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn cut_off(&self) {
        self.cut_off.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fell_behind(&self) {
        self.fell_behind.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, frames: u64) {
        if frames > 0 {
            self.delivered.fetch_add(frames, Ordering::Relaxed);
        }
    }

    pub(super) fn passed(&self, took: Duration) {
        self.passes.fetch_add(1, Ordering::Relaxed);
        self.passes_us.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    pub(super) fn counts(&self, open: usize, behind: usize, queued_bytes: usize) -> StreamCounts {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StreamCounts {
            open,
            behind,
            queued_bytes,
            opened: load(&self.opened),
            closed: load(&self.closed),
            cut_off: load(&self.cut_off),
            fell_behind: load(&self.fell_behind),
            delivered: load(&self.delivered),
            passes: load(&self.passes),
            passes_us: load(&self.passes_us),
        }
    }
}
