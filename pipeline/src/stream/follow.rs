//! The followers: threads that read what became durable and serve all who are up to date. One is
//! woken by what is written here; where other processes write, too, another one looks for that.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    Ended, Shared,
    course::Course,
    dispatch::dispatch,
    frame::Spot,
    outbox::{Lane, Outbox},
    registry::Registry,
};
use crate::{
    journal::{Journal, Place, Scan, ScanFrom},
    query::QueryError,
};

/// Pause between two looks at what other processes append.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the follower stands in a course, and whom it serves.
pub(super) struct Live {
    scan: Box<dyn Scan + Send>,
    pub(super) registry: Registry,
    /// Everything before was offered.
    pub(super) done: Spot,
    /// Position of the event behind that, where the course is a partition.
    pub(super) next: u64,
}

impl Live {
    /// Stands at the end of what is durable now.
    pub(super) fn at_the_end(journal: &dyn Journal, course: &Course) -> Result<Self, QueryError> {
        let Some(partition) = course.partition else { return Self::at_the_end_of_all(journal) };
        let tail = journal.tail(partition);
        let first = course.places().start;
        let done = match tail.next_chunk.checked_sub(1) {
            Some(last) => Spot::behind_chunk(Place { offset: last, ..first }),
            None => Spot { place: first, n: 0 },
        };
        let from = Place { offset: tail.next_chunk, ..first };
        let scan = journal.scan(ScanFrom::places(from..course.places().end))?;
        Ok(Self::of(scan, done, tail.next_position))
    }

    fn at_the_end_of_all(journal: &dyn Journal) -> Result<Self, QueryError> {
        let last = Place::of_segment(journal.segments().saturating_sub(1));
        let mut scan = journal.scan(ScanFrom::places(last..Place::END))?;
        let mut done = Spot { place: last, n: 0 };
        while let Some(chunk) = scan.next_chunk()? {
            done = Spot::behind_chunk(chunk.place);
        }
        Ok(Self::of(scan, done, 0))
    }

    /// Goes on with a scan that has read everything before a spot.
    pub(super) fn of(scan: Box<dyn Scan + Send>, done: Spot, next: u64) -> Self {
        Self { scan, registry: Registry::new(Lane::Live, done), done, next }
    }

    /// Offers what became durable since, which was told at this moment.
    fn advance(&mut self, shared: &Shared, told: Option<Instant>) -> Result<(), QueryError> {
        self.registry.told = told;
        while let Some(chunk) = self.scan.next_chunk()? {
            let reached = dispatch(&chunk, &shared.names, &mut self.registry)?;
            shared.tally.delivered(reached);
            self.done = Spot::behind_chunk(chunk.place);
            self.next = chunk.header.first_position + u64::from(chunk.header.events);
        }
        Ok(())
    }

    /// Reads on behind what was offered, after a read that failed.
    fn begin_again(&mut self, shared: &Shared, course: &Course) -> Result<(), QueryError> {
        // Of the last chunk everybody has everything: it is passed over.
        let places = self.done.place..course.places().end;
        self.scan = shared.journal.scan(ScanFrom::places(places))?;
        Ok(())
    }

    /// Takes a subscriber in that got everything before `done`.
    pub(super) fn add(&mut self, outbox: Arc<Outbox>) {
        self.registry.add(outbox);
    }
}

/// Follows what is written here until the hub stops.
pub(super) fn run(shared: &Shared) {
    shared.bell.listen();
    loop {
        let told = shared.bell.wait();
        if let Err(error) = serve(shared, true, Some(told)) {
            return shared.fail(&error);
        }
        if shared.is_stopping() {
            return shared.end_all(Ended::Stopping);
        }
    }
}

/// Follows what other processes write until the hub stops.
pub(super) fn look(shared: &Shared) {
    while !shared.is_stopping() {
        if let Err(error) = serve(shared, false, None) {
            return shared.fail(&error);
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Serves those who follow courses that are written here, or elsewhere. A log in a database may be
/// away for a while.
fn serve(shared: &Shared, here: bool, told: Option<Instant>) -> Result<(), QueryError> {
    for course in shared.courses.iter().filter(|course| !course.is_idle()) {
        if course.is_here(&*shared.journal) != here {
            continue;
        }
        match step(shared, course, told) {
            Err(error) if course.partition.is_none() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "streams wait for the log; trying again");
                if shared.is_stopping() {
                    break;
                }
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Serves those who follow a course. One that nobody wants any more is forgotten, where it is a
/// partition among others.
fn step(shared: &Shared, course: &Course, told: Option<Instant>) -> Result<(), QueryError> {
    let mut live = course.live();
    for gone in std::mem::take(&mut *course.leaving()) {
        if let Some(live) = live.as_mut() {
            live.registry.remove(&gone);
        }
    }
    let joining = std::mem::take(&mut *course.joining());
    let joined = join(shared, course, &mut live, &joining, told);
    if joined.is_err() {
        course.joining().extend(joining);
    }
    if course.partition.is_some() && live.as_ref().is_some_and(|live| live.registry.is_empty()) {
        *live = None;
    }
    joined
}

/// Brings a course up to date, and takes in whoever joins there.
fn join(
    shared: &Shared,
    course: &Course,
    live: &mut Option<Live>,
    joining: &[Arc<Outbox>],
    told: Option<Instant>,
) -> Result<(), QueryError> {
    if live.is_none() && !joining.is_empty() {
        // The end first: whoever is met behind it brings their name.
        *live = Some(Live::at_the_end(&*shared.journal, course)?);
        shared.learn_names(course)?;
    }
    let Some(live) = live else { return Ok(()) };
    // Those who join get what becomes durable after this, so nothing from before they came.
    if let Err(error) = live.advance(shared, told) {
        if course.partition.is_some() {
            live.begin_again(shared, course)?;
        }
        return Err(error);
    }
    for outbox in joining {
        if outbox.join(live.done, live.next) {
            live.add(Arc::clone(outbox));
        }
    }
    Ok(())
}
