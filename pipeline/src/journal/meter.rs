//! What a journal measures about its writing, for whoever watches the service.
//!
//! One clock reading before and one after a frame, which waits for the disk: it costs nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::measure::{CHUNKS, Histogram, LATENCY_S};

/// Frames written since the journal was opened.
#[derive(Debug)]
pub struct Meter {
    /// Time to write a frame and sync it, s.
    pub syncs: Arc<Histogram>,
    /// Chunks of a frame.
    pub frame_chunks: Arc<Histogram>,
    chunks: AtomicU64,
    bytes: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            syncs: Arc::new(Histogram::new(LATENCY_S)),
            frame_chunks: Arc::new(Histogram::new(CHUNKS)),
            chunks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// A frame became durable.
    pub fn frame(&self, chunks: usize, bytes: u64, sync: Duration) {
        self.syncs.record_duration(sync);
        self.frame_chunks.record(chunks as f64);
        self.chunks.fetch_add(chunks as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Chunks and bytes made durable.
    pub fn written(&self) -> (u64, u64) {
        (self.chunks.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}
