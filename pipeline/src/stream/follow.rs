//! The follower: one thread that reads what became durable and serves all who are up to date.

use std::{sync::Arc, time::Instant};

use super::{
    Ended, Shared,
    dispatch::dispatch,
    frame::Spot,
    outbox::{Lane, Outbox},
    registry::Registry,
};
use crate::{
    journal::{Journal, Place, Scan, ScanFrom},
    query::QueryError,
};

/// Where the follower stands, and whom it serves.
pub(super) struct Live {
    scan: Box<dyn Scan + Send>,
    pub(super) registry: Registry,
    /// Everything before was offered.
    pub(super) done: Spot,
}

impl Live {
    /// Stands at the end of what is durable now.
    pub(super) fn at_the_end(journal: &dyn Journal) -> Result<Self, QueryError> {
        let last = Place::of_segment(journal.segments().saturating_sub(1));
        let mut scan = journal.scan(ScanFrom::places(last..Place::END))?;
        let mut done = Spot { place: last, n: 0 };
        while let Some(chunk) = scan.next_chunk()? {
            done = Spot::behind_chunk(chunk.place);
        }
        Ok(Self { scan, registry: Registry::new(Lane::Live, done), done })
    }

    /// Offers what became durable since, which was told at this moment.
    fn advance(&mut self, shared: &Shared, told: Instant) -> Result<(), QueryError> {
        self.registry.told = Some(told);
        while let Some(chunk) = self.scan.next_chunk()? {
            let reached = dispatch(&chunk, &shared.names, &mut self.registry)?;
            shared.tally.delivered(reached);
            self.done = Spot::behind_chunk(chunk.place);
        }
        Ok(())
    }

    /// Takes a subscriber in that got everything before `done`.
    pub(super) fn add(&mut self, outbox: Arc<Outbox>) {
        self.registry.add(outbox);
    }
}

/// Follows the log until the hub stops.
pub(super) fn run(shared: &Shared) {
    shared.bell.listen();
    loop {
        let told = shared.bell.wait();
        let joining = std::mem::take(&mut *shared.joining());
        let mut live = shared.live();
        for gone in std::mem::take(&mut *shared.leaving()) {
            live.registry.remove(&gone);
        }
        // Those who join get what becomes durable after this, so nothing from before they came.
        if let Err(error) = live.advance(shared, told) {
            drop(live);
            return shared.fail(&error);
        }
        for outbox in joining {
            if outbox.change(Lane::Joining, Lane::Live, Some(live.done)) {
                live.add(outbox);
            }
        }
        drop(live);
        if shared.is_stopping() {
            return shared.end_all(Ended::Stopping);
        }
    }
}
