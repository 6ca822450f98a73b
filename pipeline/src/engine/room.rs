//! The bounds of what waits.

use std::sync::{Arc, atomic::Ordering};

use super::{NotTaken, Shared};

/// Room in the engine's bounds, given back when it is dropped.
pub(super) struct Room {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Room {
    pub(super) fn take(shared: &Arc<Shared>, bytes: usize) -> Result<Self, NotTaken> {
        let requests = shared.pending_requests.fetch_add(1, Ordering::Relaxed);
        let before = shared.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = Self { shared: Arc::clone(shared), bytes };
        let bounds = shared.settings;
        // One request alone always fits, however large the door lets it be.
        let fits = before == 0 || before + bytes <= bounds.pending_bytes;
        if fits && requests < bounds.pending_requests { Ok(room) } else { Err(NotTaken::Busy) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.pending_requests.fetch_sub(1, Ordering::Relaxed);
        self.shared.pending_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
