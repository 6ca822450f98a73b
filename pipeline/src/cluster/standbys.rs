//! Partitions of other workers that this one would be given next: their state is kept up here, so
//! that taking them over folds what came in the last moments and nothing else.
//!
//! Which ones is not agreed on: every worker sees the group, and the group's assignor is known
//! ([`Group::heirs`]). Who is wrong about it keeps a state in vain, or opens a partition as if
//! nobody had kept it. Followed and written partitions have the same share of the memory each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use zeitgeber_schemas::PartitionId;

use super::{figures::Figures, group::Group, notes::Notes};
use crate::{
    bus::kafka::{BusError, own_name},
    config::Kafka,
    engine::Handle,
    journal::Scan,
    state::Memory,
    store::{Followed, StoreError},
};

/// Pause between two looks at the log.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the group is asked who is in it.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is noted how far each partition is.
const NOTE_EVERY: Duration = Duration::from_secs(2);
/// How long a partition is left alone that could not be followed.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The states that are kept, between the thread that keeps them up and those that take them over.
#[derive(Debug)]
pub(super) struct Standbys {
    /// Whether anything is kept.
    wanted: bool,
    kept: Mutex<Kept>,
    begun: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    /// Partitions that this worker writes, or is about to.
    here: BTreeSet<PartitionId>,
    followed: BTreeMap<PartitionId, Followed>,
    /// The one whose snapshot is being loaded.
    beginning: Option<PartitionId>,
    /// Grows whenever a partition comes or goes.
    changes: u64,
}

impl Standbys {
    /// So many standbys for each partition.
    pub(super) fn of(standbys: u16) -> Self {
        Self { wanted: standbys > 0, kept: Mutex::default(), begun: Condvar::new() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nothing panics while the states are held")
    }

    /// The partition is to be written here from now on: what was kept of it.
    pub(super) fn take(&self, partition: PartitionId) -> Option<Followed> {
        let mut kept = self.kept();
        kept.here.insert(partition);
        let is_beginning = |kept: &mut Kept| kept.beginning == Some(partition);
        kept = self.begun.wait_while(kept, is_beginning).expect("nothing panics while held");
        kept.changes += 1;
        kept.followed.remove(&partition)
    }

    /// The partition is written here no longer; its state can be kept up where it is that of the
    /// log.
    pub(super) fn leave(&self, partition: PartitionId, state: Option<Followed>) {
        let mut kept = self.kept();
        kept.here.remove(&partition);
        kept.changes += 1;
        let state = state.filter(|_| self.wanted);
        kept.followed.extend(state.map(|state| (partition, state)));
    }
}

/// The thread that keeps states up. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Follows what this worker is to stand by for.
    pub(super) fn start(
        settings: &Kafka,
        handle: &Handle,
        memory: Memory,
        standbys: &Arc<Standbys>,
        figures: &Arc<Figures>,
    ) -> Result<Self, BusError> {
        let ranks = (0..usize::from(settings.standbys)).map(|rank| Notes::of(settings, rank));
        let keeping = Keeping {
            settings: settings.clone(),
            name: own_name(),
            handle: handle.clone(),
            memory,
            standbys: Arc::clone(standbys),
            figures: Arc::clone(figures),
            ranks: ranks.collect::<Result<_, _>>()?,
            wanted: BTreeMap::new(),
            given: BTreeSet::new(),
            not_before: BTreeMap::new(),
            scan: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || keeping.run(&stopped);
        let thread = Builder::new().name("standbys".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

struct Keeping {
    settings: Kafka,
    name: String,
    handle: Handle,
    memory: Memory,
    standbys: Arc<Standbys>,
    figures: Arc<Figures>,
    /// Where the heirs of each rank note how far they are.
    ranks: Vec<Notes>,
    /// What this worker stands by for, and as which heir.
    wanted: BTreeMap<PartitionId, usize>,
    /// What the group gave to this worker: what was followed of it is about to be taken.
    given: BTreeSet<PartitionId>,
    /// Not before these moments are partitions followed again.
    not_before: BTreeMap<PartitionId, Instant>,
    /// Reads on where the states stand, as long as none came or went.
    scan: Option<(u64, Box<dyn Scan + Send>)>,
}

impl Keeping {
    fn run(mut self, stop: &AtomicBool) {
        let (mut asked, mut noted) = (None, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            if asked.is_none_or(|asked: Instant| asked.elapsed() >= ASK_EVERY) {
                self.ask();
                asked = Some(Instant::now());
            }
            self.arrange(stop);
            self.tell();
            match self.read(stop) {
                Ok(()) => self.figures.count(|counts| counts.followed_at = Some(Instant::now())),
                Err(error) => {
                    tracing::warn!(%error, "could not read on for standbys; trying again");
                    self.scan = None;
                }
            }
            self.tell();
            if noted.elapsed() >= NOTE_EVERY {
                self.note();
                noted = Instant::now();
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Asks the group what this worker stands by for. While it rebalances, what was so before
    /// stays.
    fn ask(&mut self) {
        let Some(first) = self.ranks.first() else { return };
        let partitions = self.handle.layout().partitions;
        match Group::ask(&self.settings, first.consumer(), partitions) {
            Ok(group) if group.is_settled() => {
                let rank = |number| {
                    let heirs = group.heirs(number, self.ranks.len());
                    let rank = heirs.iter().position(|heir| heir.name == self.name)?;
                    Some((PartitionId(number), rank))
                };
                self.wanted = (0..partitions).filter_map(rank).collect();
                let is_own = |number: &u16| {
                    group.owner(*number).is_some_and(|owner| owner.name == self.name)
                };
                self.given = (0..partitions).filter(is_own).map(PartitionId).collect();
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "could not ask for standbys"),
        }
    }

    /// Drops what is not wanted any more, and begins with what is missing.
    fn arrange(&mut self, stop: &AtomicBool) {
        let mut kept = self.standbys.kept();
        let before = kept.followed.len();
        let is_wanted = |partition: &PartitionId| {
            self.wanted.contains_key(partition) || self.given.contains(partition)
        };
        kept.followed.retain(|partition, _| is_wanted(partition));
        kept.changes += u64::from(kept.followed.len() != before);
        drop(kept);
        let now = Instant::now();
        self.not_before.retain(|_, until| *until > now);
        for &partition in self.wanted.keys() {
            if self.not_before.contains_key(&partition) || stop.load(Ordering::Relaxed) {
                continue;
            }
            let mut kept = self.standbys.kept();
            if kept.here.contains(&partition) || kept.followed.contains_key(&partition) {
                continue;
            }
            kept.beginning = Some(partition);
            drop(kept);
            let followed = self.handle.store().follow(partition, self.memory);
            let mut kept = self.standbys.kept();
            kept.followed.insert(partition, followed);
            kept.beginning = None;
            kept.changes += 1;
            drop(kept);
            self.standbys.begun.notify_all();
        }
    }

    /// Folds what the log vouches for and was not folded yet.
    fn read(&mut self, stop: &AtomicBool) -> Result<(), StoreError> {
        let kept = self.standbys.kept();
        let changes = kept.changes;
        if self.scan.as_ref().is_none_or(|(at, _)| *at != changes) {
            let stands = kept.followed.iter();
            let stands: Vec<_> =
                stands.map(|(partition, state)| (*partition, state.tail().next_chunk)).collect();
            drop(kept);
            self.scan = Some((changes, self.handle.store().scan_on(stands)?));
        } else {
            drop(kept);
        }
        let Some((_, scan)) = &mut self.scan else { return Ok(()) };
        while let Some(chunk) = scan.next_chunk()? {
            let partition = chunk.header.partition;
            let mut kept = self.standbys.kept();
            let Some(state) = kept.followed.get_mut(&partition) else { continue };
            if let Err(error) = state.take(&chunk) {
                tracing::warn!(%partition, %error, "a standby is given up; trying again later");
                kept.followed.remove(&partition);
                kept.changes += 1;
                self.not_before.insert(partition, Instant::now() + AGAIN_AFTER);
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn tell(&self) {
        let kept = self.standbys.kept();
        let followed = kept.followed.len() as u64;
        let bytes = kept.followed.values().map(|state| state.held().people_bytes() as u64).sum();
        drop(kept);
        self.figures.count(|counts| {
            (counts.followed, counts.followed_people_bytes) = (followed, bytes);
            counts.followed_at.get_or_insert_with(Instant::now);
        });
    }

    fn note(&self) {
        let kept = self.standbys.kept();
        let mut positions: Vec<Vec<(PartitionId, u64)>> = vec![Vec::new(); self.ranks.len()];
        for (partition, state) in &kept.followed {
            if let Some(&rank) = self.wanted.get(partition) {
                positions[rank].push((*partition, state.tail().next_position));
            }
        }
        drop(kept);
        for (notes, positions) in self.ranks.iter().zip(&positions) {
            notes.write(&self.name, positions);
        }
    }
}
