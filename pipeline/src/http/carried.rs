//! A subscription that a response carries, with what is counted of it.
//!
//! Counting stands beside the subscription so that a stream is counted as open for as long as its
//! place is taken, however it ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::Counter;
use tokio::time::sleep;

use super::event_ids::EventIds;
use crate::{
    config::Service,
    measure::Histogram,
    stream::{Ended, Frame, Subscription, Watch},
    telemetry::{Counted, Serving, Transport, metrics},
};

/// How often it is looked whether a client was cut off that takes nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A subscription on its way to a client.
pub(super) struct Carried {
    subscription: Subscription,
    ids: EventIds,
    serving: &'static Serving,
    events: Counter,
    lag: Arc<Histogram>,
    /// Whoever has taken nothing for this long was too slow, whether the hub or the connection was
    /// the first to give up.
    slow: Duration,
    _open: Counted,
}

impl Carried {
    pub(super) fn new(subscription: Subscription, transport: Transport, service: &Service) -> Self {
        let serving = metrics().serving();
        let (events, lag) = (serving.stream_events(transport), serving.stream_lag());
        // Their two times do not begin together, so half of the shorter one.
        let slow = Service::seconds(service.slow_client_s.min(service.write_s)) / 2;
        let ids = EventIds::new(subscription.token());
        Self { subscription, ids, serving, events, lag, slow, _open: serving.subscriber(transport) }
    }

    /// As [`Subscription::take`].
    pub(super) async fn take(&self, bytes: usize) -> Result<Vec<Arc<Frame>>, Ended> {
        self.subscription.take(bytes).await
    }

    /// Under which ids its events go out.
    pub(super) const fn ids(&mut self) -> &mut EventIds {
        &mut self.ids
    }

    /// As [`Subscription::watch`].
    pub(super) fn watch(&self) -> Watch {
        self.subscription.watch()
    }

    /// Comes back once the hub has cut the client off, whatever the client does not take.
    pub(super) async fn cut_off(&self) {
        while self.subscription.ended() != Some(Ended::Slow) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// These are on their way to the client.
    pub(super) fn written(&self, frames: &[Arc<Frame>]) {
        self.events.increment(frames.len() as u64);
        let now = Instant::now();
        for told in frames.iter().filter_map(|frame| frame.told()) {
            self.lag.record_duration(now.saturating_duration_since(told));
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        // Whoever takes nothing does not hear that it is over: it is known here.
        let reason = match self.subscription.ended() {
            Some(Ended::Slow) => "slow",
            Some(Ended::Stopping) => "stopping",
            Some(Ended::Failed) => "log_failed",
            None if self.subscription.stalled().is_some_and(|stalled| stalled >= self.slow) => {
                "slow"
            }
            // The client went away.
            Some(Ended::Dropped) | None => return,
        };
        self.serving.cut_off(reason);
    }
}
