//! Catching up: bounded passes over what subscribers missed, many subscribers a pass.
//!
//! Whoever resumes behind an event, or whose queue was full, waits in line. A pass begins where
//! the first in line goes on and takes along everybody in line who goes on there or later, so ten
//! thousand clients that come back together cost a few reads of the log and not ten thousand. It
//! ends after [`PASS_BYTES`], when those it served go to the end of the line; or at the end of
//! the log, where they move over to the follower while it stands still. A pass is of one course.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use zeitgeber_schemas::ChunkHeader;

use super::{
    Ended, Shared,
    course::Course,
    dispatch::dispatch,
    follow::Live,
    frame::Spot,
    outbox::{Lane, Next, Outbox},
    registry::Registry,
};
use crate::{
    journal::{Place, Scan, ScanFrom, SeekError},
    query::{Position, QueryError},
};

/// Bytes of chunks that one pass reads.
const PASS_BYTES: usize = 64 << 20;

/// How long an event is waited for that was delivered elsewhere: whoever takes over from a writer
/// that died vouches for it.
const VOUCHED_WITHIN: Duration = Duration::from_secs(60);
/// Pause before the log is asked again that could not be read on, or has not enough yet.
const PAUSE: Duration = Duration::from_millis(100);

/// Those who wait for a pass, first come first served.
pub(super) type Line = VecDeque<Arc<Outbox>>;

/// One read of a stretch of the log.
struct Pass<'a> {
    course: &'a Course,
    number: usize,
    scan: Box<dyn Scan + Send>,
    registry: Registry,
    /// Those who go on behind an event that has not been met yet.
    ahead: BTreeMap<Position, Vec<Arc<Outbox>>>,
    /// Everything before was offered.
    done: Spot,
    /// Position of the event behind that, where the course is a partition and a chunk was read.
    next: u64,
    read_bytes: usize,
}

/// Serves whoever waits, until the hub stops.
pub(super) fn run(shared: &Shared) {
    while let Some((first, line)) = shared.next_in_line() {
        let began = Instant::now();
        if let Err(error) = serve(shared, first, line) {
            return shared.fail(&error);
        }
        shared.tally.passed(began.elapsed());
    }
}

fn serve(shared: &Shared, first: Arc<Outbox>, line: Line) -> Result<(), QueryError> {
    let course = &shared.courses[first.course];
    let start = match find(shared, course, &first) {
        Ok(Some(start)) => start,
        Ok(None) => {
            shared.wait_again(line);
            return Ok(());
        }
        Err(error) => return pause(shared, course, error, [vec![first].into(), line]),
    };
    let mut pass = match Pass::begin(shared, (first.course, course), start) {
        Ok(pass) => pass,
        Err(error) => return pause(shared, course, error, [vec![first].into(), line]),
    };
    let lane = pass.registry.lane();
    if first.change(Lane::Waiting, lane, Some(start)) {
        pass.registry.add(first);
    }
    shared.wait_again(pass.take_along(line));
    while pass.read_bytes < PASS_BYTES && !shared.is_stopping() {
        match pass.step(shared) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return pass.arrive(shared),
            Err(error) => return pause(shared, course, error, [pass.interrupt(), Line::new()]),
        }
        if pass.registry.is_empty() && pass.ahead.is_empty() {
            return Ok(());
        }
    }
    shared.wait_again(pass.interrupt());
    Ok(())
}

/// Where the first in line goes on; none where that is not known now.
fn find(shared: &Shared, course: &Course, first: &Arc<Outbox>) -> Result<Option<Spot>, QueryError> {
    let position = match first.from() {
        Next::Spot(spot) => return Ok(Some(spot)),
        Next::After(position) => position,
    };
    match shared.journal.place_of(position.partition, position.n) {
        Ok(place) => Ok(Some(Spot { place, n: position.n }.behind())),
        Err(SeekError::Read(error)) => Err(error.into()),
        // Another process told of it, and this one will be told of it soon.
        Err(SeekError::BeyondEnd { .. })
            if course.partition.is_some() && first.age() < VOUCHED_WITHIN =>
        {
            thread::sleep(PAUSE);
            shared.wait_again([Arc::clone(first)].into());
            Ok(None)
        }
        // Such a place was checked for when it subscribed, where that could be.
        Err(SeekError::UnknownPartition { .. } | SeekError::BeyondEnd { .. }) => {
            first.end(Ended::Failed);
            Ok(None)
        }
    }
}

/// A log of files that cannot be read is the end. One in a database may be away for a while:
/// whoever was to be served waits.
fn pause(
    shared: &Shared,
    course: &Course,
    error: QueryError,
    lines: [Line; 2],
) -> Result<(), QueryError> {
    if course.partition.is_none() {
        return Err(error);
    }
    tracing::warn!(%error, "streams wait for the log; trying again");
    thread::sleep(PAUSE);
    lines.into_iter().for_each(|line| shared.wait_again(line));
    Ok(())
}

impl<'a> Pass<'a> {
    fn begin(
        shared: &Shared,
        (number, course): (usize, &'a Course),
        start: Spot,
    ) -> Result<Self, QueryError> {
        let lane = Lane::Pass(shared.number());
        shared.learn_names(course)?;
        let places = start.place..course.places().end;
        Ok(Self {
            course,
            number,
            scan: shared.journal.scan(ScanFrom::places(places))?,
            registry: Registry::new(lane, start),
            ahead: BTreeMap::new(),
            done: start,
            next: 0,
            read_bytes: 0,
        })
    }

    /// Takes along who goes on where the pass begins or later, and who may; the rest of the line.
    fn take_along(&mut self, line: Line) -> Line {
        let mut rest = Line::new();
        let lane = self.registry.lane();
        for outbox in line {
            if outbox.course != self.number {
                rest.push_back(outbox);
                continue;
            }
            match outbox.from() {
                Next::Spot(from) if from < self.done => rest.push_back(outbox),
                Next::Spot(_) => {
                    if outbox.change(Lane::Waiting, lane, None) {
                        self.registry.add(outbox);
                    }
                }
                Next::After(position) => {
                    self.ahead.entry(position).or_default().push(outbox);
                }
            }
        }
        rest
    }

    /// Reads a chunk; breaks where there is none (yet).
    fn step(&mut self, shared: &Shared) -> Result<ControlFlow<()>, QueryError> {
        let Some(chunk) = self.scan.next_chunk()? else {
            return Ok(ControlFlow::Break(()));
        };
        meet(&mut self.ahead, &mut self.registry, &chunk.header, chunk.place);
        let reached = dispatch(&chunk, &shared.names, &mut self.registry)?;
        shared.tally.delivered(reached);
        self.read_bytes += chunk.bytes.len();
        self.done = Spot::behind_chunk(chunk.place);
        self.next = chunk.header.first_position + u64::from(chunk.header.events);
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the last bit while the follower stands still, and leaves everybody to it.
    fn arrive(mut self, shared: &Shared) -> Result<(), QueryError> {
        let course = self.course;
        let mut live = course.live();
        loop {
            match self.step(shared) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => {
                    drop(live);
                    return pause(shared, course, error, [self.interrupt(), Line::new()]);
                }
            }
        }
        let stands = live.as_ref().map_or(self.done, |live| live.done);
        if course.partition.is_some() && self.done < stands {
            // The follower was told of more than this pass was.
            drop(live);
            shared.wait_again(self.interrupt());
            return Ok(());
        }
        let done = self.done.max(stands);
        let arrived = self.registry.move_to(Lane::Live, done);
        if !arrived.is_empty() {
            let (scan, next) = (self.scan, self.next);
            let live = live.get_or_insert_with(|| Live::of(scan, done, next));
            arrived.into_iter().for_each(|outbox| live.add(outbox));
        }
        drop(live);
        // Who goes on behind an event that stands before where this pass began.
        shared.wait_again(self.ahead.into_values().flatten().collect());
        Ok(())
    }

    /// Everybody goes on later from where the pass is now.
    fn interrupt(mut self) -> Line {
        let mut line: Line = self.registry.move_to(Lane::Waiting, self.done).into();
        line.extend(self.ahead.into_values().flatten());
        line
    }
}

/// Lets those in who go on behind an event of this chunk.
fn meet(
    ahead: &mut BTreeMap<Position, Vec<Arc<Outbox>>>,
    registry: &mut Registry,
    header: &ChunkHeader,
    place: Place,
) {
    if ahead.is_empty() {
        return;
    }
    let at = |n| Position { partition: header.partition, n };
    let first = header.first_position;
    let mut here = ahead.split_off(&at(first));
    ahead.append(&mut here.split_off(&at(first + u64::from(header.events))));
    let lane = registry.lane();
    for (position, outboxes) in here {
        let from = Spot { place, n: position.n }.behind();
        for outbox in outboxes {
            if outbox.change(Lane::Waiting, lane, Some(from)) {
                registry.add_from(from, outbox);
            }
        }
    }
}
