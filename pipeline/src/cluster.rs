//! One worker of several: partitions come by the group's word, and go by the group's or the
//! journal's.
//!
//! The group says what a worker should have, the journal what it has. Between the two stands one
//! thread that knows where each partition is on its way, and a few that wait for other machines
//! in its stead. Nothing here must be right, or in time, for nothing to be doubled: a worker that
//! believes too long that a partition is its own meets the journal's conflict (CLUSTER-1).

mod figures;
mod group;
mod notes;
mod openings;
mod standbys;
mod status;

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, select, tick, unbounded};
use zeitgeber_schemas::PartitionId;

use crate::{
    bus::kafka::{BusError, InputEvent, Inputs, Members, Membership, Publisher, PublisherEvent},
    config::Kafka,
    cycle::Ack,
    engine::{Handle, Listener},
};
pub use figures::{Basis, Counts, Figures};
use openings::{Done, Job, Openings};
pub use openings::{OpenError, Opener};
use standbys::{Keeper, Standbys};
pub use status::{ClusterStatus, PartitionStatus, StandbyStatus, status};

/// How often it is looked whether a partition is to be tried again.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a partition that could not be opened, or was lost, is left alone. Where two workers
/// believe that it is theirs, this is how often they take it from each other.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Tells the worker which partitions another one took.
#[derive(Debug, Clone)]
pub struct Losses(Sender<PartitionId>);

impl Losses {
    /// What the engine tells, and where it arrives.
    pub fn new() -> (Self, Receiver<PartitionId>) {
        let (sender, receiver) = unbounded();
        (Self(sender), receiver)
    }
}

impl Listener for Losses {
    fn durable(&mut self, _: &[Ack]) {}

    fn lost(&mut self, partition: PartitionId) {
        // A worker that ended owns nothing any more.
        let _ = self.0.send(partition);
    }
}

/// What a worker is made of.
#[derive(Debug)]
pub struct Parts {
    /// The cores.
    pub handle: Handle,
    /// What opens partitions.
    pub opener: Opener,
    /// The settings of the group.
    pub settings: Kafka,
    /// The group.
    pub members: Members,
    /// Records in.
    pub inputs: Inputs,
    /// Records out; whoever made it stops it.
    pub publisher: Arc<Publisher>,
    /// What [`Losses`] tells.
    pub lost: Receiver<PartitionId>,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    stop: Sender<Duration>,
    thread: JoinHandle<()>,
    figures: Arc<Figures>,
}

impl Worker {
    /// Takes what the group gives, from here on.
    ///
    /// # Errors
    ///
    /// A thread cannot be started.
    pub fn start(parts: Parts) -> Result<Self, BusError> {
        let (stop, stopping) = bounded(1);
        let figures = Figures::new();
        let partitions = usize::from(parts.handle.layout().partitions);
        let standbys = Arc::new(Standbys::of(parts.settings.standbys));
        let memory = parts.opener.memory;
        let keeper = match parts.settings.standbys {
            0 => None,
            _ => {
                let keeper =
                    Keeper::start(&parts.settings, &parts.handle, memory, &standbys, &figures);
                Some(keeper?)
            }
        };
        let shared = Arc::new(Shared {
            standbys,
            handle: parts.handle,
            opener: parts.opener,
            inputs: parts.inputs,
            publisher: parts.publisher,
        });
        let coordinator = Coordinator {
            seats: vec![Seat::default(); partitions],
            openings: Openings::start(&shared)?,
            shared,
            keeper,
            figures: Arc::clone(&figures),
        };
        let (members, lost) = (parts.members, parts.lost);
        let run = move || coordinator.run(members, &lost, &stopping);
        let thread = Builder::new().name("worker".into()).spawn(run)?;
        Ok(Self { stop, thread, figures })
    }

    /// What it counts.
    pub fn figures(&self) -> Arc<Figures> {
        Arc::clone(&self.figures)
    }

    /// Lets go of every partition, as far as that is done in time, and leaves the group.
    pub fn stop(self, within: Duration) {
        // It ends by itself only with a panic, which the join below brings back.
        let _ = self.stop.send(within);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// What the threads of a worker share.
#[derive(Debug)]
struct Shared {
    standbys: Arc<Standbys>,
    handle: Handle,
    opener: Opener,
    inputs: Inputs,
    publisher: Arc<Publisher>,
}

/// A partition, as far as this worker is concerned.
#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    /// Whether the group gave it to this worker.
    is_given: bool,
    standing: Standing,
    /// Since when it is opened.
    opening: Option<Instant>,
    /// Not before this is it tried again.
    not_before: Option<Instant>,
    /// It was lost, or could not be published, before it was open.
    is_stale: bool,
}

/// Where a partition is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Away,
    Opening,
    Here,
    Closing,
}

struct Coordinator {
    seats: Vec<Seat>,
    openings: Openings,
    shared: Arc<Shared>,
    /// Keeps the states of partitions that may come here next.
    keeper: Option<Keeper>,
    figures: Arc<Figures>,
}

impl Coordinator {
    fn run(
        mut self,
        members: Members,
        lost: &Receiver<PartitionId>,
        stopping: &Receiver<Duration>,
    ) {
        let looks = tick(LOOK_EVERY);
        let (inputs, published) =
            (self.shared.inputs.events().clone(), self.shared.publisher.events().clone());
        let within = loop {
            select! {
                recv(members.events()) -> told => match told {
                    Ok(Membership::Owned(partitions)) => self.given(&partitions),
                    Ok(Membership::Lost(partitions)) => self.taken(&partitions),
                    // The group's thread ended, which only a panic does.
                    Err(_) => break Duration::ZERO,
                },
                recv(lost) -> lost => lost.into_iter().for_each(|partition| self.lost(partition)),
                recv(inputs) -> told => if let Ok(InputEvent::Closed(partition)) = told {
                    self.reopen_inputs(partition);
                },
                recv(published) -> told => told.into_iter().for_each(|told| self.unpublished(told)),
                recv(self.openings.done()) -> done => {
                    done.into_iter().for_each(|done| self.done(done));
                }
                recv(looks) -> _ => self.look(),
                recv(stopping) -> within => break within.unwrap_or_default(),
            }
        };
        self.close_all(within);
        self.shared.inputs.stop();
        // Whoever takes the partitions over finds their writers gone already.
        drop(members);
        // It may wait for a database that is away, and nobody waits for it.
        drop(self.keeper.take());
    }

    fn seat(&mut self, partition: PartitionId) -> Option<&mut Seat> {
        self.seats.get_mut(usize::from(partition.0))
    }

    fn given(&mut self, partitions: &[PartitionId]) {
        for &partition in partitions {
            if let Some(seat) = self.seat(partition) {
                seat.is_given = true;
                self.settle(partition);
            }
        }
    }

    fn taken(&mut self, partitions: &[PartitionId]) {
        for &partition in partitions {
            if let Some(seat) = self.seat(partition) {
                seat.is_given = false;
                self.settle(partition);
            }
        }
    }

    /// Does what the difference between what should be and what is asks for.
    fn settle(&mut self, partition: PartitionId) {
        let Some(seat) = self.seat(partition) else { return };
        let job = match (seat.standing, seat.is_given) {
            (Standing::Away, true) if seat.not_before.is_none() => {
                seat.standing = Standing::Opening;
                seat.opening = Some(Instant::now());
                Job::Open(partition)
            }
            (Standing::Here, false) => {
                seat.standing = Standing::Closing;
                Job::Close(partition)
            }
            _ => return,
        };
        self.openings.order(job);
    }

    /// Another writer took it, or its outputs: what is here of it is stale.
    fn lost(&mut self, partition: PartitionId) {
        self.figures.count(|counts| counts.conflicts += 1);
        tracing::warn!(%partition, "another worker took the partition over");
        self.drop_stale(partition);
    }

    fn drop_stale(&mut self, partition: PartitionId) {
        let Some(seat) = self.seat(partition) else { return };
        match seat.standing {
            Standing::Here => {
                seat.standing = Standing::Closing;
                seat.not_before = Some(Instant::now() + AGAIN_AFTER);
                self.openings.order(Job::Drop(partition));
            }
            // It is dropped once it is open.
            Standing::Opening => seat.is_stale = true,
            Standing::Away | Standing::Closing => {}
        }
    }

    fn unpublished(&mut self, told: PublisherEvent) {
        match told {
            PublisherEvent::Fenced(partition) => self.lost(partition),
            PublisherEvent::Failed(partition, why) => {
                tracing::error!(%partition, why, "could not publish; trying again");
                self.drop_stale(partition);
            }
        }
    }

    /// Records of a partition came back unsettled. Where it is still here, they are read again.
    fn reopen_inputs(&mut self, partition: PartitionId) {
        let is_here = self.seat(partition).is_some_and(|seat| seat.standing == Standing::Here);
        if is_here && self.shared.handle.owns(partition) {
            let tail = self.shared.handle.journal().tail(partition);
            self.shared.inputs.open(partition, &tail);
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Opened(partition, Ok(opened)) => {
                let Some(seat) = self.seat(partition) else { return };
                seat.standing = Standing::Here;
                let (since, is_stale) = (seat.opening.take(), std::mem::take(&mut seat.is_stale));
                if let Some(since) = since {
                    self.figures.takeovers(opened.basis).record_duration(since.elapsed());
                }
                self.figures.count(|counts| counts.owned += 1);
                tracing::info!(
                    %partition,
                    position = opened.position,
                    folded_events = opened.folded_events,
                    from = opened.basis.as_str(),
                    from_standby = opened.basis == Basis::Standby,
                    took_s = since.map(|since| since.elapsed().as_secs_f64()),
                    "took the partition over"
                );
                // It may have been lost, or taken away, while it was opened.
                if self.shared.handle.owns(partition) && !is_stale {
                    self.settle(partition);
                } else {
                    self.drop_stale(partition);
                }
            }
            Done::Opened(partition, Err(error)) => {
                self.figures.count(|counts| counts.failures += 1);
                tracing::warn!(%partition, %error, "could not take the partition over; trying again");
                if let Some(seat) = self.seat(partition) {
                    seat.standing = Standing::Away;
                    seat.is_stale = false;
                    seat.not_before = Some(Instant::now() + AGAIN_AFTER);
                }
            }
            Done::Closed(partition) => {
                self.figures.count(|counts| counts.owned = counts.owned.saturating_sub(1));
                if let Some(seat) = self.seat(partition) {
                    seat.standing = Standing::Away;
                    self.settle(partition);
                }
            }
        }
    }

    /// Tries again what was to be left alone until now.
    fn look(&mut self) {
        let now = Instant::now();
        for number in 0..self.seats.len() {
            let seat = &mut self.seats[number];
            if seat.not_before.is_some_and(|until| until <= now) {
                seat.not_before = None;
                self.settle(PartitionId(number as u16));
            }
        }
    }

    fn close_all(&mut self, within: Duration) {
        let until = Instant::now() + within;
        for number in 0..self.seats.len() {
            self.taken(&[PartitionId(number as u16)]);
        }
        while self.seats.iter().any(|seat| seat.standing != Standing::Away) {
            match self.openings.done().recv_deadline(until) {
                Ok(done) => self.done(done),
                Err(_) => {
                    let left = self.seats.iter().filter(|seat| seat.standing != Standing::Away);
                    tracing::warn!(
                        partitions = left.count(),
                        "not let go in time: whoever takes them over settles what is in flight"
                    );
                    return;
                }
            }
        }
    }
}
