//! One simulated machine: its disk, the process on it, those who send, and what should have happened.

mod actors;
mod boot;
mod checks;

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
};

use zeitgeber_schemas::PartitionId;

use super::{
    Outcome, Settings,
    disk::{End, Odds, SimDisk},
    image::Image,
    ledger::Ledger,
    mutation::Mutation,
    oracle::Oracle,
    producer::{Parcel, Producer},
    relay::Relay,
    rng::Rng,
    violation::{Invariant, Violation, hold},
};
use crate::{
    config::Config,
    cycle::{Told, Unsettled},
    journal::{Ground, Pace},
    runtime::Stepped,
    state::{Cut, Memory},
    store::Store,
};

/// The data directory.
const DIR: &str = "/data";
const PARTITIONS: u16 = 3;
const CORES: usize = 2;
/// Steps within which everything drains once nothing fails.
const DRAIN_STEPS: u64 = 20_000;
/// Steps that are told of a failure.
const SCRIPT_STEPS: usize = 40;

/// What settled since it was last looked.
type Settled = Arc<Mutex<Vec<(u64, Result<Told, Unsettled>)>>>;
/// Answers: where each said the partition was, and how far the journal was durable then.
type Answers = Arc<Mutex<Vec<(PartitionId, u64, u64)>>>;

pub(super) struct World {
    rng: Rng,
    mutation: Option<Mutation>,
    without: Vec<String>,
    disk: SimDisk,
    up: Option<Up>,
    sizes: Sizes,
    producer: Producer,
    oracles: Vec<Oracle>,
    /// What is to be sent, first what was sent before and not acknowledged.
    outbox: VecDeque<Parcel>,
    flights: BTreeMap<u64, Flight>,
    /// Acknowledged and still to be looked up in the journal: partition and last serial.
    due: Vec<(PartitionId, u64)>,
    settled: Settled,
    answers: Answers,
    serial: u64,
    step: u64,
    ledger: Ledger,
    trace: blake3::Hasher,
    script: VecDeque<String>,
    images: Option<Vec<Image>>,
}

/// The running process.
struct Up {
    store: Store,
    cores: Stepped,
    relay: Arc<Relay>,
    cuts: VecDeque<Box<Cut>>,
}

/// A parcel on its way.
struct Flight {
    parcel: Parcel,
    /// The last serial number in each partition.
    last: Vec<(PartitionId, u64)>,
}

/// How big things are in one simulation.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    segment_bytes: u64,
    chunk_bytes: usize,
    memory: Memory,
}

impl Sizes {
    fn of(rng: &mut Rng) -> Self {
        let people_bytes = if rng.chance(600_000) { 0 } else { u64::MAX };
        let snapshot_every_bytes = [2, 2_000, 20_000, u64::MAX][rng.weighted(&[1, 4, 4, 1])];
        Self {
            segment_bytes: 1 << rng.within(10, 18),
            chunk_bytes: 1 << rng.within(6, 13),
            memory: Memory { people_bytes, snapshot_every_bytes },
        }
    }
}

impl World {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut rng = Rng::new(settings.seed);
        let configuration = Config::layered(None, [], &[])
            .expect("the defaults that are compiled in can be read")
            .configuration();
        Self {
            mutation: settings.mutation,
            without: settings.without.clone(),
            disk: SimDisk::new(rng.split(), settings.mutation),
            up: None,
            sizes: Sizes::of(&mut rng),
            producer: Producer::new(rng.split(), PARTITIONS, configuration),
            oracles: (0..PARTITIONS).map(|n| Oracle::new(PartitionId(n))).collect(),
            outbox: VecDeque::new(),
            flights: BTreeMap::new(),
            due: Vec::new(),
            settled: Arc::default(),
            answers: Arc::default(),
            serial: 0,
            step: 0,
            ledger: Ledger { seeds: 1, ..Ledger::default() },
            trace: blake3::Hasher::new(),
            script: VecDeque::new(),
            images: settings.keeps_images.then(Vec::new),
            rng,
        }
    }

    pub(super) fn run(mut self, steps: u64) -> Outcome {
        let result = self.play(steps);
        self.ledger.steps = self.step;
        self.ledger.busy_ms = self.producer.busy_ms;
        self.ledger.changes = self.disk.changes();
        self.ledger.take(&self.disk.met());
        self.trace.update(&self.disk.trace());
        Outcome {
            trace: *self.trace.finalize().as_bytes(),
            violation: result.err().map(|violation| (self.step, violation)),
            ledger: self.ledger,
            script: self.script.into(),
            images: self.images.unwrap_or_default(),
        }
    }

    fn play(&mut self, steps: u64) -> Result<(), Violation> {
        let opening = self.producer.opening();
        self.outbox.push_back(opening);
        self.storm();
        self.boot()?;
        for _ in 0..steps {
            self.step += 1;
            self.act()?;
            self.look()?;
        }
        self.drain()
    }

    /// Nothing fails any more: all that was sent is acknowledged within a bounded number of steps
    /// (SIM-9), and everything is where it should be.
    fn drain(&mut self) -> Result<(), Violation> {
        self.note("drain", 0);
        self.disk.set_odds(Odds::NONE);
        if self.up.as_ref().is_some_and(|up| up.cores.has_stopped()) {
            self.end(End::Kill)?;
        }
        self.disk.burn(u64::MAX);
        for _ in 0..DRAIN_STEPS {
            self.step += 1;
            if self.outbox.is_empty() && self.flights.is_empty() && self.is_idle() {
                if !self.waits_for_a_tick()? {
                    return self.last_look();
                }
                self.tick();
            }
            if !self.outbox.is_empty() {
                self.send();
            }
            self.push_on();
            self.look()?;
        }
        Err(Violation::new(
            Invariant::Drains,
            format!(
                "{} parcels are still not acknowledged, {} not taken, or something is still due",
                self.flights.len(),
                self.outbox.len()
            ),
        ))
    }

    /// Every actor of the process does a step.
    fn push_on(&mut self) {
        let Some(up) = &mut self.up else { return };
        (0..up.cores.cores()).for_each(|core| up.cores.step(core));
        up.store.step();
        while up.relay.deliver().is_some() {}
        self.write_cut();
    }

    fn is_idle(&self) -> bool {
        self.up.as_ref().is_none_or(|up| {
            up.cores.is_idle()
                && !up.relay.has_completions()
                && up.cores.doors().loads().all(|load| load.queued == 0)
        })
    }

    fn ground(&self) -> Ground {
        Ground { disk: Arc::new(self.disk.clone()), pace: Pace::Steps }
    }

    fn dir() -> &'static Path {
        Path::new(DIR)
    }

    fn leaves_out(&self, part: &str) -> bool {
        self.without.iter().any(|without| without == part)
    }

    /// Notes what is done: it belongs to the trace, and to the script of a failure.
    fn note(&mut self, what: &str, with: u64) {
        self.trace.update(what.as_bytes());
        self.trace.update(&with.to_le_bytes());
        if self.script.len() == SCRIPT_STEPS {
            self.script.pop_front();
        }
        self.script.push_back(format!("{:>7} {what} {with}", self.step));
    }

    /// Ends the process, and starts it again.
    fn end(&mut self, end: End) -> Result<(), Violation> {
        self.look_at_settled()?;
        self.note(if end == End::Kill { "kill" } else { "power cut" }, 0);
        self.up = None;
        self.settled().clear();
        self.disk = self.disk.restart(end);
        self.keep_image()?;
        let flights = std::mem::take(&mut self.flights);
        for Flight { mut parcel, .. } in flights.into_values().rev() {
            parcel.attempts += 1;
            self.outbox.push_front(parcel);
        }
        self.boot()
    }

    /// Keeps what the crash left, where that was asked for; a log that does not open is damage.
    fn keep_image(&mut self) -> Result<(), Violation> {
        let Some(images) = &mut self.images else { return Ok(()) };
        let durable = self.oracles.iter().map(Oracle::next_position).sum();
        let image = Image::of(&self.disk, Self::dir(), durable).map_err(|error| {
            Violation::new(Invariant::TornIsNotDamage, format!("reading a crash's disk: {error}"))
        })?;
        images.push(image);
        Ok(())
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Result<Told, Unsettled>)>> {
        self.settled.lock().expect("nothing panics while it is held")
    }

    /// A bound on what is sent and not acknowledged.
    fn has_room(&self) -> bool {
        self.flights.len() < 8
    }

    fn count(&self, holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
        hold(Invariant::Counts, holds, what)
    }
}
