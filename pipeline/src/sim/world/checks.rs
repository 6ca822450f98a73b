//! What is looked at after every step, after every start and at the end.

use std::path::Path;

use zeitgeber_processors::flow::State;

use super::{
    super::{
        disk::{End, Odds},
        forge::forge,
        mutation::Mutation,
        violation::{Invariant, Violation, hold},
    },
    DIR, PARTITIONS, World,
};
use crate::{
    fold::state_digest,
    journal::{Ground, OpenError, Pace, ScanFrom},
    runtime::Report,
    store::{Store, StoreError},
};

impl World {
    /// After every step: what settled, what was answered, whether the process has ended.
    pub(super) fn look(&mut self) -> Result<(), Violation> {
        self.look_at_settled()?;
        let Some(up) = &self.up else { return Ok(()) };
        if self.disk.is_dead() {
            let end = self.how_to_end().unwrap_or(End::Kill);
            return self.end(end);
        }
        if up.cores.has_stopped() {
            self.note("failed", 0);
            return self.end(End::Kill);
        }
        Ok(())
    }

    pub(super) fn look_at_settled(&mut self) -> Result<(), Violation> {
        self.look_at_reports()?;
        self.look_at_answers()?;
        let settled = std::mem::take(&mut *self.settled());
        for (number, told) in settled {
            let Ok(told) = told else { continue };
            let Some(flight) = self.flights.remove(&number) else {
                return Err(Violation::new(
                    Invariant::DurableBeforeTold,
                    format!("parcel {number} is acknowledged twice"),
                ));
            };
            self.ledger.acknowledged += flight.parcel.len() as u64;
            self.note("acknowledged", number);
            let is_whole = told.counts.inputs() == flight.parcel.len() as u64;
            self.count(is_whole || flight.parcel.source.is_some(), || {
                format!("parcel {number} of {} inputs: {:?}", flight.parcel.len(), told.counts)
            })?;
            if let Some(up) = &self.up {
                for (partition, reached) in &told.reached {
                    let durable = up.store.journal().tail(*partition).next_position;
                    hold(Invariant::DurableBeforeTold, durable >= *reached, || {
                        format!("parcel {number} reaches {reached}; durable is {durable}")
                    })?;
                }
            }
            self.due.extend(flight.last);
        }
        if !self.due.is_empty() && self.up.is_some() && !self.disk.is_dead() {
            self.look_up()?;
        }
        Ok(())
    }

    /// Compares what the journal holds with what was acknowledged (SIM-1), and now and then what it
    /// would hold if the power failed now (SIM-6).
    fn look_up(&mut self) -> Result<(), Violation> {
        if self.rng.chance(30_000) {
            self.cut_power_of_an_image()?;
        }
        let Some(up) = self.up.take() else { return Ok(()) };
        let result = self.read_on(&up.store);
        self.up = Some(up);
        result?;
        self.settle_due()
    }

    fn settle_due(&mut self) -> Result<(), Violation> {
        for (partition, serial) in std::mem::take(&mut self.due) {
            self.oracles[usize::from(partition.0)].acknowledged(serial)?;
        }
        Ok(())
    }

    /// Has the oracles take the chunks that became durable.
    fn read_on(&mut self, store: &Store) -> Result<(), Violation> {
        let chunks = self.oracles.iter().map(|oracle| oracle.next_chunk()).collect();
        let from = ScanFrom { chunks, check_hashes: true, ..ScanFrom::default() };
        let met = self.calmly(|world| {
            let damaged = |error: &dyn std::fmt::Display| {
                Violation::new(Invariant::TornIsNotDamage, format!("reading: {error}"))
            };
            let mut scan = store.scan(from).map_err(|error| damaged(&error))?;
            let mut found = Vec::new();
            while let Some(chunk) = scan.next_chunk().map_err(|error| damaged(&error))? {
                let oracle = &mut world.oracles[usize::from(chunk.header.partition.0)];
                oracle.take(&chunk)?;
                found.push(chunk.header.events);
            }
            Ok(found)
        })?;
        self.ledger.chunks += met.len() as u64;
        self.ledger.events += met.into_iter().map(u64::from).sum::<u64>();
        Ok(())
    }

    /// After opening: nothing acknowledged is missing, the chains are those of before, and now and
    /// then the states, too.
    pub(super) fn after_opening(&mut self, store: &Store) -> Result<(), Violation> {
        for (oracle, tail) in self.oracles.iter().zip(store.tails()) {
            hold(Invariant::DurableBeforeTold, tail.next_chunk >= oracle.next_chunk(), || {
                format!(
                    "chunk {} was durable; the next is {}",
                    oracle.next_chunk(),
                    tail.next_chunk
                )
            })?;
        }
        self.read_on(store)?;
        self.settle_due()?;
        for (oracle, tail) in self.oracles.iter_mut().zip(store.tails()) {
            oracle.forget();
            let own = (oracle.next_chunk(), oracle.next_position(), oracle.head());
            let same = own == (tail.next_chunk, tail.next_position, tail.head);
            hold(Invariant::Chain, same, || format!("the tail is {tail:?}, not {own:?}"))?;
        }
        if self.rng.chance(300_000) { self.same_states(store) } else { Ok(()) }
    }

    /// States by snapshots and the log's tail are those of the oracles (SIM-3), and the learners
    /// learnt what the events tell (SIM-4).
    fn same_states(&mut self, store: &Store) -> Result<(), Violation> {
        let odds = |error: &dyn std::fmt::Display| {
            Violation::new(Invariant::StateIsFold, format!("folding: {error}"))
        };
        let states = self.calmly(|_| store.states()).map_err(|error| odds(&error))?;
        for (state, oracle) in states.iter().zip(&self.oracles) {
            let (found, own) = (state_digest(state), state_digest(oracle.state()));
            let same = matches!((&found, &own), (Ok(found), Ok(own)) if found == own);
            hold(Invariant::StateIsFold, same, || {
                format!("the state of partition {} is not the fold of its log", state.partition())
            })?;
            oracle.learnt.check(state)?;
        }
        Ok(())
    }

    /// The end: nothing is left, everything is where it should be, and reads back from the start.
    pub(super) fn last_look(&mut self) -> Result<(), Violation> {
        let Some(up) = self.up.take() else { return Ok(()) };
        self.read_on(&up.store)?;
        self.same_states(&up.store)?;
        for oracle in &self.oracles {
            let tally = oracle.tally;
            let told = tally.stored + tally.refused + tally.repeats + tally.idle + tally.skipped;
            self.count(told == tally.taken, || format!("{tally:?} does not add up"))?;
        }
        self.ledger.decisions = self.oracles.iter().map(|oracle| oracle.tally.decisions).sum();
        self.up = Some(up);
        self.read_beside()
    }

    /// A second process is kept from writing (SIM-2).
    pub(super) fn write_beside(&mut self) -> Result<(), Violation> {
        if self.disk.is_dead() || self.up.is_none() {
            return Ok(());
        }
        self.note("second writer", 0);
        let (ground, sizes) = (self.ground(), self.sizes);
        let opened =
            self.calmly(|_| Store::write_on(&ground, Self::dir(), PARTITIONS, sizes.segment_bytes));
        let is_locked = matches!(opened, Err(StoreError::Open(OpenError::Locked { .. })));
        hold(Invariant::Chain, is_locked, || "a second process may write to the log".into())
    }

    /// A reader beside the writer sees a whole log.
    pub(super) fn read_beside(&mut self) -> Result<(), Violation> {
        if self.disk.is_dead() {
            return Ok(());
        }
        self.note("reader", 0);
        let ground = self.ground();
        let read = self.calmly(|_| read_all(&ground, Hashes::Checked));
        read.map(drop).map_err(|error| {
            Violation::new(
                Invariant::TornIsNotDamage,
                format!("reading beside the writer: {error}"),
            )
        })
    }

    /// Whether something waits for the time to be told, now that everything else is done.
    pub(super) fn waits_for_a_tick(&mut self) -> Result<bool, Violation> {
        let Some(up) = self.up.take() else { return Ok(false) };
        let read = self.read_on(&up.store);
        self.up = Some(up);
        read?;
        let now_ms = self.producer.now_ms;
        // A person whose hour seals nothing new stays due until something of theirs comes; a pool in
        // which something is due changes by the next tick.
        let is_due = |state: &State| state.pools_due(now_ms).next().is_some();
        let due = self.oracles.iter().any(|oracle| is_due(oracle.state()));
        Ok(due && !self.leaves_out("ticks"))
    }

    fn look_at_reports(&mut self) -> Result<(), Violation> {
        let Some(up) = &self.up else { return Ok(()) };
        let reports: Vec<Report> = up.cores.reports().try_iter().collect();
        for report in reports {
            match report {
                Report::Durable(ack) => {
                    ack.decisions.into_iter().for_each(|decision| self.producer.hear(decision));
                }
                Report::Lost(partition) => {
                    return Err(Violation::new(
                        Invariant::Chain,
                        format!("partition {partition} met a conflict, and nobody else writes it"),
                    ));
                }
                Report::Failed(_) => {}
            }
        }
        Ok(())
    }

    fn look_at_answers(&mut self) -> Result<(), Violation> {
        let answers =
            std::mem::take(&mut *self.answers.lock().expect("nothing panics while it is held"));
        for (partition, position, durable) in answers {
            hold(Invariant::DurableBeforeTold, position <= durable, || {
                format!(
                    "an answer told of {position} of partition {partition}; {durable} is durable"
                )
            })?;
        }
        Ok(())
    }

    /// The power fails on a copy of the machine: all that is durable here is there (SIM-6).
    fn cut_power_of_an_image(&mut self) -> Result<(), Violation> {
        self.ledger.images += 1;
        let image = self.disk.image().restart(End::PowerCut);
        let ground = Ground { disk: std::sync::Arc::new(image), pace: Pace::Steps };
        let tails = match Store::read_on(&ground, Self::dir()) {
            Ok(store) => store.tails(),
            Err(error) => {
                return Err(Violation::new(
                    Invariant::TornIsNotDamage,
                    format!("opening what a loss of power would leave: {error}"),
                ));
            }
        };
        let Some(up) = &self.up else { return Ok(()) };
        for (there, here) in tails.iter().zip(up.store.tails()) {
            hold(Invariant::DurableBeforeTold, there.next_chunk >= here.next_chunk, || {
                format!(
                    "{} chunks are durable; a loss of power left {}",
                    here.next_chunk, there.next_chunk
                )
            })?;
        }
        Ok(())
    }

    /// One bit of a log that was stopped cleanly changes on a copy of the disk: reading it says so
    /// (SIM-8).
    pub(super) fn flip_a_bit(&mut self) -> Result<(), Violation> {
        if self.leaves_out("rot") {
            return Ok(());
        }
        let dir = Path::new(DIR).join("journal");
        for _ in 0..4 {
            self.ledger.images += 1;
            let image = self.disk.image().restart(End::Kill);
            let files = image.files_in(&dir);
            let Some((name, length)) = self.rng.pick(&files).cloned() else { return Ok(()) };
            let at = self.rng.below(length.max(1) as u64) as usize;
            image.rot(&dir.join(&name), at, self.rng.below(8) as u8);
            let ground = Ground { disk: std::sync::Arc::new(image), pace: Pace::Steps };
            hold(Invariant::DamageIsNotTorn, read_all(&ground, Hashes::Checked).is_err(), || {
                format!("a bit of {name} changed at byte {at}, and nobody noticed")
            })?;
        }
        self.forge_a_chunk(&dir)
    }

    /// Somebody changes a chunk of a copy of the disk, and makes its frame's checksum right again:
    /// the hashes tell (SIM-8).
    fn forge_a_chunk(&mut self, dir: &Path) -> Result<(), Violation> {
        self.ledger.images += 1;
        let image = self.disk.image().restart(End::Kill);
        let mut segments = image.files_in(dir);
        segments.retain(|(name, _)| name.ends_with(".zj"));
        let Some((name, _)) = self.rng.pick(&segments).cloned() else { return Ok(()) };
        let path = dir.join(&name);
        let mut content = image.content(&path);
        let Some(at) = forge(&mut content, &mut self.rng) else { return Ok(()) };
        image.rewrite(&path, &content);
        let ground = Ground { disk: std::sync::Arc::new(image), pace: Pace::Steps };
        let hashes = match self.mutation {
            Some(Mutation::HashesNotChecked) => Hashes::PassedOver,
            _ => Hashes::Checked,
        };
        hold(Invariant::DamageIsNotTorn, read_all(&ground, hashes).is_err(), || {
            format!("a chunk of {name} was forged at byte {at}, and nobody noticed")
        })
    }

    /// Snapshots, people and indexes rot or are lost: that must change no answer.
    pub(super) fn spoil_what_is_derived(&mut self) {
        if self.leaves_out("rot") || !self.rng.chance(500_000) {
            return;
        }
        let dir = Path::new(DIR).join(["snapshots", "index"][self.rng.below(2) as usize]);
        let files = self.disk.files_in(&dir);
        let Some((name, length)) = self.rng.pick(&files).cloned() else { return };
        let path = dir.join(name);
        if self.rng.chance(500_000) {
            self.disk.lose(&path);
        } else {
            let at = self.rng.below(length.max(1) as u64) as usize;
            self.disk.rot(&path, at, self.rng.below(8) as u8);
        }
        self.note("derived", length as u64);
    }

    /// Does something while the disk fails nothing; what it reads is for looking only.
    pub(super) fn calmly<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.disk.set_odds(Odds::NONE);
        let seen = look(self);
        self.disk.set_odds(before);
        seen
    }
}

/// Whether reading compares the chunks' hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hashes {
    Checked,
    /// A deliberate bug.
    PassedOver,
}

/// Reads a whole log; how many chunks it has.
fn read_all(ground: &Ground, hashes: Hashes) -> Result<u64, StoreError> {
    let store = Store::read_on(ground, Path::new(DIR))?;
    let check_hashes = hashes == Hashes::Checked;
    let mut scan = store.scan(ScanFrom { check_hashes, ..ScanFrom::default() })?;
    let mut chunks = 0;
    while scan.next_chunk()?.is_some() {
        chunks += 1;
    }
    debug_assert_eq!(store.layout().partitions, PARTITIONS);
    Ok(chunks)
}
