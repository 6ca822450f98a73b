//! One subscriber's stream: the events of its outboxes, one for each course that it wants.

use std::{
    future,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use super::{
    Ended, Frame, Outboxes, Shared, Token,
    outbox::{Lane, Outbox},
};

/// A stream of events for one subscriber. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) outboxes: Outboxes,
    /// The outbox that is taken from first the next time.
    pub(super) turn: AtomicUsize,
    /// What it began behind, where that was said.
    pub(super) begun: Option<Token>,
}

/// Tells how a subscription stands to whoever takes nothing of it, and does not keep it.
#[derive(Debug, Clone)]
pub struct Watch(Weak<[Arc<Outbox>]>);

impl Watch {
    /// Why it ended, where it has.
    pub fn ended(&self) -> Option<Ended> {
        self.0.upgrade().map_or(Some(Ended::Dropped), |outboxes| ended(&outboxes))
    }
}

/// Why a subscription ended, where it has.
fn ended(outboxes: &[Arc<Outbox>]) -> Option<Ended> {
    outboxes.iter().find_map(|outbox| outbox.ended())
}

impl Subscription {
    /// Puts its outboxes where they are served.
    pub(super) fn begin(&self) {
        let shared = &self.shared;
        let (mut line, mut joins) = (super::catch_up::Line::new(), false);
        for outbox in self.outboxes.iter() {
            if outbox.lane() == Lane::Joining {
                shared.courses[outbox.course].joining().push(Arc::clone(outbox));
                joins = true;
            } else {
                line.push_back(Arc::clone(outbox));
            }
        }
        if joins {
            shared.bell.ring();
        }
        shared.wait_again(line);
        // Whoever stopped in between may not have seen it.
        if shared.failure.get().is_some() {
            self.end(Ended::Failed);
        } else if shared.is_stopping() {
            self.end(Ended::Stopping);
        }
    }

    fn end(&self, ended: Ended) {
        self.outboxes.iter().for_each(|outbox| outbox.end(ended));
    }

    /// Waits until nothing that becomes durable from now on can be missed.
    pub async fn joined(&self) {
        for outbox in self.outboxes.iter() {
            future::poll_fn(|context| outbox.poll_joined(context)).await;
        }
    }

    /// What resumes it before its first event, once it has joined; none where the id of an event is
    /// what resumes it.
    pub fn token(&self) -> Option<Token> {
        if self.outboxes.len() < 2 {
            return None;
        }
        let next = || self.outboxes.iter().map(|outbox| outbox.began().unwrap_or(0)).collect();
        let layout = self.shared.journal.layout();
        Some(self.begun.clone().unwrap_or_else(|| Token::new(&layout.log_id, next())))
    }

    /// Why the hub ended it, where it has; frames may still wait to be taken.
    pub fn ended(&self) -> Option<Ended> {
        ended(&self.outboxes)
    }

    /// Tells how it stands, from outside.
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.outboxes))
    }

    /// For how long frames have waited of which none was taken; none where none waits.
    pub fn stalled(&self) -> Option<Duration> {
        self.outboxes.iter().filter_map(|outbox| outbox.stalled()).max()
    }

    /// Takes the next frames, about `bytes` bytes of them and at least one.
    ///
    /// # Errors
    ///
    /// It ended, and everything queued was taken.
    pub async fn take(&self, bytes: usize) -> Result<Vec<Arc<Frame>>, Ended> {
        let mut frames = Vec::new();
        future::poll_fn(|context| self.poll_take(context, bytes, &mut frames)).await?;
        Ok(frames)
    }

    /// As [`Self::take`], for those who poll.
    pub fn poll_take(
        &self,
        context: &Context<'_>,
        bytes: usize,
        frames: &mut Vec<Arc<Frame>>,
    ) -> Poll<Result<(), Ended>> {
        let (count, before) = (self.outboxes.len(), frames.len());
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (mut taken, mut over) = (0, None);
        for outbox in (turn..turn + count).map(|at| &self.outboxes[at % count]) {
            let first = frames.len();
            match outbox.poll_take(context, bytes.saturating_sub(taken), frames) {
                Poll::Pending => {}
                Poll::Ready(Err(ended)) => over = Some(ended),
                Poll::Ready(Ok(waits)) => {
                    if waits {
                        self.shared.tally.fell_behind();
                        self.shared.wait_again([Arc::clone(outbox)].into());
                    }
                    taken += frames[first..].iter().map(|frame| frame.bytes()).sum::<usize>();
                    if taken >= bytes {
                        break;
                    }
                }
            }
        }
        if frames.len() > before {
            self.outboxes.iter().for_each(|outbox| outbox.touch());
            return Poll::Ready(Ok(()));
        }
        over.map_or(Poll::Pending, |ended| Poll::Ready(Err(ended)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
        self.shared.waiting.leave(self.number);
        for outbox in self.outboxes.iter() {
            self.shared.courses[outbox.course].leaving().push(Arc::clone(outbox));
        }
        self.shared.tally.closed();
    }
}
