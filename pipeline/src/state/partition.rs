//! A partition's state with its people in bounded memory.
//!
//! Live cycles and folds of the log go through the same holder: it warms an input's person before
//! deciding, notes who changed, and lets those go who were not met for long.

mod batches;
mod figures;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use zeitgeber_processors::flow::{Body, Input, Person, State};
use zeitgeber_schemas::{Event, PartitionId};

use super::{
    DamagedRecord, SnapshotError,
    file::{self, Packer, PeopleFile, Place},
    residents::Residents,
    snapshot::{Cut, Done},
};
use crate::{
    disk::SharedDisk,
    journal::Tail,
    store::{Desk, StoreError},
};

/// Bytes of people files below which nothing is moved to a new one.
const COMPACT_FROM_BYTES: u64 = 1 << 20;

/// How much of a log is kept in memory, and how much is folded again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of people's states in memory, over all partitions.
    pub people_bytes: u64,
    /// Bytes of log, over all partitions, after which each has written a snapshot.
    pub snapshot_every_bytes: u64,
}

impl Memory {
    /// Nobody leaves memory, and snapshots are written at a clean stop only.
    pub const UNBOUNDED: Self = Self { people_bytes: u64::MAX, snapshot_every_bytes: u64::MAX };
}

/// Folds one partition's whole log, for when a record cannot be read back.
#[derive(Clone)]
pub(crate) struct Rebuild(pub(crate) Arc<RebuildFn>);

pub(crate) type RebuildFn = dyn Fn(PartitionId) -> Result<State, StoreError> + Send + Sync;

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").finish_non_exhaustive()
    }
}

/// Hands on a copy of a snapshot that was written: its partition, the chunk it stands before, and
/// its files with how much of each belongs to it, in the order in which they are to be put back.
#[derive(Clone)]
pub(crate) struct HandOn(pub(crate) Arc<HandOnFn>);

pub(crate) type HandOnFn = dyn Fn(PartitionId, u64, &[(PathBuf, u64)]) + Send + Sync;

impl std::fmt::Debug for HandOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandOn").finish_non_exhaustive()
    }
}

/// Where a partition's people are kept.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) disk: SharedDisk,
    pub(crate) dir: PathBuf,
    pub(crate) log_id: [u8; 16],
    pub(crate) partition: PartitionId,
    pub(crate) writable: bool,
    /// Bytes of states in memory.
    pub(crate) budget: u64,
    pub(crate) rebuild: Rebuild,
    /// Who gets a copy of each snapshot.
    pub(crate) hand_on: Option<HandOn>,
    /// A writer's, held as long as it is at work.
    #[cfg_attr(
        not(feature = "cluster"),
        expect(
            dead_code,
            reason = "only beside a log in a database is it asked whether it is held"
        )
    )]
    pub(crate) desk: Option<Desk>,
}

/// A partition's state: what the people share, who is in memory, and where the others are.
#[derive(Debug)]
pub struct Partition {
    state: State,
    kept: Option<Box<Kept>>,
    /// Of whom what clock is told, while a question about the durable position is answered.
    told_clock: Option<(u64, Option<i64>)>,
}

#[derive(Debug)]
struct Kept {
    home: Home,
    residents: Residents,
    /// The last one is appended to.
    files: Vec<Arc<PeopleFile>>,
    next_file: u32,
    packer: Packer,
    mailbox: Arc<Mutex<Option<Done>>>,
    is_cutting: bool,
    /// The chunk that the newest snapshot stands before.
    saved: Option<u64>,
    reads: AtomicU64,
    refused: u64,
}

impl From<State> for Partition {
    /// With everybody in memory for good.
    fn from(state: State) -> Self {
        Self { state, kept: None, told_clock: None }
    }
}

impl Partition {
    /// Nothing folded yet. What people files there are belong to nothing any more.
    pub(crate) fn fresh(home: Home) -> Self {
        let state = State::initial(home.partition);
        Self::of(home, state, Residents::default(), Vec::new(), None)
    }

    pub(super) fn of(
        home: Home,
        state: State,
        residents: Residents,
        files: Vec<Arc<PeopleFile>>,
        saved: Option<u64>,
    ) -> Self {
        let clear = || file::clear(&*home.disk, &home.dir, home.partition, &files);
        let next_file = if home.writable { clear() } else { 0 };
        let kept = Kept {
            home,
            residents,
            files,
            next_file,
            packer: Packer::new(),
            mailbox: Arc::default(),
            is_cutting: false,
            saved,
            reads: AtomicU64::new(0),
            refused: 0,
        };
        Self { state, kept: Some(Box::new(kept)), told_clock: None }
    }

    /// A person's clock at the position that a question was given: it may be earlier than that of
    /// the state, which runs ahead of the disk.
    pub fn clock_ms(&self, subject: u64, person: &Person) -> Option<i64> {
        match self.told_clock {
            Some((told, clock_ms)) if told == subject => clock_ms,
            _ => person.rhythm.clock_ms(),
        }
    }

    pub(crate) const fn set_told_clock(&mut self, told: Option<(u64, Option<i64>)>) {
        self.told_clock = told;
    }

    /// The state, with whoever is in memory.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Everybody's state, read back where need be.
    ///
    /// # Errors
    ///
    /// Where a record is damaged.
    pub fn into_whole(mut self) -> Result<State, DamagedRecord> {
        for subject in 1..=self.state.known() as u64 {
            self.warm(subject)?;
        }
        Ok(self.state)
    }

    /// A person's state, read back where it is not in memory, where it stays as it was.
    ///
    /// # Errors
    ///
    /// Where the record is damaged.
    pub fn person(&self, subject: u64) -> Result<Option<Arc<Person>>, DamagedRecord> {
        match &self.kept {
            Some(kept) if self.state.is_cold(subject) => kept.read(subject).map(Some),
            _ => Ok(self.state.share(subject)),
        }
    }

    /// As [`Self::person`], but folds the log again where the record is damaged.
    ///
    /// # Errors
    ///
    /// Where the log cannot be folded.
    pub fn person_or_rebuild(&mut self, subject: u64) -> Result<Option<Arc<Person>>, StoreError> {
        if let Ok(person) = self.person(subject) {
            return Ok(person);
        }
        self.warm_or_rebuild(subject)?;
        Ok(self.state.share(subject))
    }

    /// Puts an input's person into memory, to be decided on and folded.
    ///
    /// # Errors
    ///
    /// Where the record is damaged.
    pub fn warm(&mut self, subject: u64) -> Result<(), DamagedRecord> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        if self.state.is_cold(subject) {
            self.state.warm(subject, kept.read(subject)?);
            kept.residents.warmed(subject, &self.state);
        }
        kept.residents.touch(subject);
        Ok(())
    }

    /// As [`Self::warm`], but folds the log again where a record is damaged. Everything that cold
    /// people's states hold must be in the log (PEOPLE-2).
    ///
    /// # Errors
    ///
    /// Where the log cannot be folded.
    pub fn warm_or_rebuild(&mut self, subject: u64) -> Result<(), StoreError> {
        if self.warm(subject).is_ok() {
            return Ok(());
        }
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let whole = (kept.home.rebuild.0)(kept.home.partition)?;
        kept.saved = None;
        for subject in 1..=self.state.known() as u64 {
            if !self.state.is_cold(subject) {
                continue;
            }
            let person = whole.share(subject).ok_or(StoreError::Lost { subject })?;
            match kept.append(subject, &person) {
                Ok(place) => kept.residents.set_place(subject, place),
                Err(_) => {
                    kept.refused += 1;
                    kept.residents.set_place(subject, Place::NOWHERE);
                    self.state.warm(subject, person);
                    kept.residents.warmed(subject, &self.state);
                }
            }
        }
        // The record was just written; or the person was left in memory, where nothing is read.
        self.warm(subject).map_err(|_| StoreError::Lost { subject })
    }

    /// Folds the events of one input of `subject`, who is in memory.
    pub fn apply(
        &mut self,
        subject: u64,
        input: &Input<'_>,
        events: &[Event],
        raw_hash: impl Fn() -> [u8; 16],
    ) {
        for event in events {
            self.state.apply(subject, input, event, &raw_hash);
        }
        if let Some(kept) = &mut self.kept {
            kept.residents.open(&self.state);
            // Pools are numbered apart from people, and always in memory.
            match input.body {
                Body::Task(_) | Body::Configuration(_) => {}
                _ => kept.residents.changed(subject),
            }
        }
    }

    /// What a snapshot of this moment takes, shared with the partition; none where the newest one
    /// is of this moment or still being written. Everything folded must be durable before it is
    /// written.
    pub fn cut(&mut self, tail: &Tail) -> Option<Cut> {
        let kept = self.kept.as_mut()?;
        kept.take_done();
        let is_new = tail.next_chunk > 0 && kept.saved != Some(tail.next_chunk);
        (is_new && kept.home.writable && !kept.is_cutting).then(|| kept.cut(tail, &self.state))
    }

    /// Writes the last snapshot. No cut of before is being written any more.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub fn save(&mut self, tail: &Tail) -> Result<(), SnapshotError> {
        if let Some(kept) = &mut self.kept {
            kept.take_done();
            kept.is_cutting = false;
        }
        let Some(cut) = self.cut(tail) else { return Ok(()) };
        cut.write().map(drop)
    }
}

impl Kept {
    fn read(&self, subject: u64) -> Result<Arc<Person>, DamagedRecord> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let damaged = DamagedRecord { partition: self.home.partition, subject };
        let person = file::read(&self.files, self.residents.place(subject), subject);
        person.map(Arc::new).ok_or(damaged)
    }

    fn write_down(&mut self, subject: u64, state: &State) -> Result<(), SnapshotError> {
        if !self.residents.place(subject).is_somewhere()
            && let Some(person) = state.share(subject)
        {
            let place = self.append(subject, &person)?;
            self.residents.set_place(subject, place);
        }
        Ok(())
    }

    fn append(&mut self, subject: u64, person: &Person) -> Result<Place, SnapshotError> {
        let target = self.target()?;
        target.append(self.packer.pack(subject, person)?)
    }

    fn target(&mut self) -> Result<Arc<PeopleFile>, SnapshotError> {
        match self.files.last() {
            Some(file) => Ok(Arc::clone(file)),
            None => self.begin_file(),
        }
    }

    fn begin_file(&mut self) -> Result<Arc<PeopleFile>, SnapshotError> {
        let number = self.next_file;
        let Home { disk, dir, partition, .. } = &self.home;
        let file = Arc::new(PeopleFile::create(disk, dir, *partition, number)?);
        self.next_file += 1;
        self.files.push(Arc::clone(&file));
        Ok(file)
    }

    fn cut(&mut self, tail: &Tail, state: &State) -> Cut {
        let total: u64 = self.files.iter().map(|file| file.end()).sum();
        let dead = total.saturating_sub(self.residents.live_bytes());
        let is_wasteful = total >= COMPACT_FROM_BYTES && dead > total / 2;
        let unwritten = self.residents.unwritten();
        let people = unwritten.filter_map(|subject| Some((subject, state.share(subject)?)));
        let people: Vec<_> = people.collect();
        let target = match (is_wasteful, people.is_empty()) {
            (true, _) => self.begin_file().map(Some),
            (false, false) => self.target().map(Some),
            (false, true) => Ok(self.files.last().cloned()),
        };
        self.is_cutting = true;
        Cut {
            people,
            places: self.residents.places(),
            number: self.residents.next_cut(),
            disk: Arc::clone(&self.home.disk),
            dir: self.home.dir.clone(),
            log_id: self.home.log_id,
            tail: tail.clone(),
            state: state.without_people(),
            files: self.files.clone(),
            target,
            mailbox: Arc::clone(&self.mailbox),
            hand_on: self.home.hand_on.clone(),
        }
    }

    /// Takes over what the writer of a cut reported.
    fn take_done(&mut self) {
        if !self.is_cutting {
            return;
        }
        let done = self.mailbox.lock().expect("nothing panics while it is held").take();
        let Some(done) = done else { return };
        self.is_cutting = false;
        for (subject, place) in done.written {
            self.residents.written(subject, place, done.cut);
        }
        for (subject, from, to) in done.moved {
            self.residents.moved(subject, from, to);
        }
        self.files.retain(|file| !done.emptied.contains(&file.number()));
        self.saved = done.saved.or(self.saved);
    }
}
