//! Wakes the follower when something became durable.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
};

use crate::{cycle::Ack, engine::Listener};

/// Rung by whoever has news, answered by one thread. Ringing never waits.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: AtomicBool,
    listener: OnceLock<Thread>,
}

impl Bell {
    /// A bell that nobody listens to yet; a ring is kept until somebody does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that there is news.
    pub fn ring(&self) {
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

    /// Waits for a ring since the last one was answered.
    pub(super) fn wait(&self) {
        while !self.0.rung.swap(false, Ordering::AcqRel) {
            thread::park();
        }
    }
}

impl Listener for Bell {
    fn durable(&mut self, _acks: &[Ack]) {
        self.ring();
    }
}
