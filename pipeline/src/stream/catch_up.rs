//! Catching up: bounded passes over what subscribers missed, many subscribers a pass.
//!
//! Whoever resumes behind an event, or whose queue was full, waits in line. A pass begins where
//! the first in line goes on and takes along everybody in line who goes on there or later, so ten
//! thousand clients that come back together cost a few reads of the log and not ten thousand. It
//! ends after [`PASS_BYTES`], when those it served go to the end of the line; or at the end of
//! the log, where they move over to the follower while it stands still.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use zeitgeber_schemas::ChunkHeader;

use super::{
    Ended, Shared,
    dispatch::dispatch,
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

/// Those who wait for a pass, first come first served.
pub(super) type Line = VecDeque<Arc<Outbox>>;

/// One read of a stretch of the log.
struct Pass {
    scan: Box<dyn Scan + Send>,
    registry: Registry,
    /// Those who go on behind an event that has not been met yet.
    ahead: BTreeMap<Position, Vec<Arc<Outbox>>>,
    /// Everything before was offered.
    done: Spot,
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
    let start = match first.from() {
        Next::Spot(spot) => spot,
        Next::After(position) => match spot_after(shared, position) {
            Ok(spot) => spot,
            // Such a place was checked for when it subscribed.
            Err(SeekError::UnknownPartition { .. } | SeekError::BeyondEnd { .. }) => {
                first.end(Ended::Failed);
                shared.wait_again(line);
                return Ok(());
            }
            Err(SeekError::Read(error)) => return Err(error.into()),
        },
    };
    let mut pass = Pass::begin(shared, start)?;
    let lane = pass.registry.lane();
    if first.change(Lane::Waiting, lane, Some(start)) {
        pass.registry.add(first);
    }
    shared.wait_again(pass.take_along(line));
    while pass.read_bytes < PASS_BYTES && !shared.is_stopping() {
        if !pass.step(shared)? {
            return pass.arrive(shared);
        }
        if pass.registry.is_empty() && pass.ahead.is_empty() {
            return Ok(());
        }
    }
    shared.wait_again(pass.interrupt());
    Ok(())
}

fn spot_after(shared: &Shared, position: Position) -> Result<Spot, SeekError> {
    let place = shared.journal.place_of(position.partition, position.n)?;
    Ok(Spot { place, n: position.n }.behind())
}

impl Pass {
    fn begin(shared: &Shared, start: Spot) -> Result<Self, QueryError> {
        let lane = Lane::Pass(shared.number());
        Ok(Self {
            scan: shared.journal.scan(ScanFrom::places(start.place..Place::END))?,
            registry: Registry::new(lane, start),
            ahead: BTreeMap::new(),
            done: start,
            read_bytes: 0,
        })
    }

    /// Takes along who goes on where the pass begins or later, and who may; the rest of the line.
    fn take_along(&mut self, line: Line) -> Line {
        let mut rest = Line::new();
        let lane = self.registry.lane();
        for outbox in line {
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

    /// Reads a chunk; no where there is none (yet).
    fn step(&mut self, shared: &Shared) -> Result<bool, QueryError> {
        let Some(chunk) = self.scan.next_chunk()? else {
            return Ok(false);
        };
        meet(&mut self.ahead, &mut self.registry, &chunk.header, chunk.place);
        let reached = dispatch(&chunk, &shared.names, &mut self.registry)?;
        shared.tally.delivered(reached);
        self.read_bytes += chunk.bytes.len();
        self.done = Spot::behind_chunk(chunk.place);
        Ok(true)
    }

    /// Reads the last bit while the follower stands still, and leaves everybody to it.
    fn arrive(mut self, shared: &Shared) -> Result<(), QueryError> {
        let mut live = shared.live();
        while self.step(shared)? {}
        let done = self.done.max(live.done);
        for outbox in self.registry.move_to(Lane::Live, done) {
            live.add(outbox);
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
