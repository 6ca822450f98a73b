//! Wakes the follower when something became durable.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use zeitgeber_schemas::PartitionId;

use crate::{cycle::Ack, engine::Listener};

/// Rung by whoever has news, answered by one thread. Ringing never waits.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    made: Instant,
    rung: AtomicBool,
    /// When the first ring that is not answered yet was heard, µs after the bell was made; 0: none.
    since_us: AtomicU64,
    listener: OnceLock<Thread>,
}

impl Default for Inner {
    fn default() -> Self {
        let (rung, since_us) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { made: Instant::now(), rung, since_us, listener: OnceLock::new() }
    }
}

impl Bell {
    /// A bell that nobody listens to yet; a ring is kept until somebody does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that there is news.
    pub fn ring(&self) {
        if !self.0.rung.load(Ordering::Acquire) {
            // Of two who ring at the same moment either's time will do.
            let now_us = self.0.made.elapsed().as_micros() as u64;
            self.0.since_us.store(now_us.max(1), Ordering::Release);
        }
        if !self.0.rung.swap(true, Ordering::AcqRel)
            && let Some(listener) = self.0.listener.get()
        {
            listener.unpark();
        }
    }

    /// Makes the calling thread the one that is woken.
    pub(super) fn listen(&self) {
        // A bell has one listener for life: the hub that it was given to.
        drop(self.0.listener.set(thread::current()));
    }

    /// Waits for a ring since the last one was answered; when it was heard.
    pub(super) fn wait(&self) -> Instant {
        while !self.0.rung.swap(false, Ordering::AcqRel) {
            thread::park();
        }
        match self.0.since_us.swap(0, Ordering::AcqRel) {
            // Two rings at once: the other one's time was taken with the ring before.
            0 => Instant::now(),
            since_us => self.0.made + Duration::from_micros(since_us),
        }
    }
}

impl Listener for Bell {
    fn durable(&mut self, _acks: &[Ack]) {
        self.ring();
    }

    fn lost(&mut self, _: PartitionId) {}
}
