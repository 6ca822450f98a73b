//! Who does something: at each step the seed picks one.

use zeitgeber_schemas::{Envelope, PartitionId, SchemaId};

use super::{
    super::{
        disk::{Doing, End, Odds},
        mutation::Mutation,
        oracle::Given,
        producer::Parcel,
        violation::Violation,
    },
    CORES, Flight, PARTITIONS, World,
};
use crate::{
    cycle::{About, Answer, Ask, Batch, Raw, Reply, Source},
    ingest::Intake,
    record::raw_hash,
};

/// Work that may wait for a core.
pub(super) const QUEUE: usize = 24;
/// How often a deliberate bug on the way in strikes, of a million.
const NOW_AND_THEN: u32 = 30_000;

const SEND: usize = 0;
const CORE: usize = 1;
const WRITER: usize = 2;
const DELIVER: usize = 3;
const CUT: usize = 4;
const TICK: usize = 5;
const ASK: usize = 6;
const INDEX: usize = 7;
const FUSE: usize = 8;
const CRASH: usize = 9;
const STOP: usize = 10;
const STORM: usize = 11;
const JUMP: usize = 12;
const READER: usize = 13;
const SECOND: usize = 14;
/// How often each of them acts.
const WEIGHTS: [u32; 15] = [200, 260, 220, 260, 24, 20, 20, 3, 12, 4, 3, 6, 2, 4, 2];

impl World {
    pub(super) fn act(&mut self) -> Result<(), Violation> {
        self.disk.set_doing(self.doing());
        match self.rng.weighted(&WEIGHTS) {
            SEND => self.send(),
            CORE => self.core(),
            WRITER => self.writer(),
            DELIVER => self.deliver(),
            CUT => self.write_cut(),
            TICK if !self.leaves_out("ticks") => self.tick(),
            ASK if !self.leaves_out("questions") => self.ask(),
            INDEX => self.build_index(),
            FUSE => self.light_fuse(),
            CRASH => return self.crash(),
            STOP if !self.leaves_out("stops") => return self.stop(),
            STORM => self.storm(),
            JUMP if !self.leaves_out("jumps") => self.jump(),
            READER => return self.read_beside(),
            SECOND => return self.write_beside(),
            _ => {}
        }
        Ok(())
    }

    /// What the log's writer is doing between two steps.
    fn doing(&self) -> Doing {
        match &self.up {
            None => Doing::Opening,
            Some(up) if up.relay.has_completions() => Doing::Untold,
            Some(up) if up.cores.is_idle() => Doing::Idle,
            Some(_) => Doing::Waiting,
        }
    }

    fn core(&mut self) {
        let Some(up) = &mut self.up else { return };
        let core = self.rng.below(up.cores.cores() as u64);
        up.cores.step(core as usize);
        up.cuts.extend(up.cores.cuts().try_iter());
        self.note("core", core);
    }

    fn writer(&mut self) {
        let Some(up) = &self.up else { return };
        self.disk.set_doing(Doing::Frame);
        let did = up.store.step();
        self.note("writer", u64::from(did));
    }

    fn deliver(&mut self) {
        let Some(up) = &self.up else { return };
        let delivered = up.relay.deliver();
        self.note("completion", delivered.map_or(u64::MAX, |of| u64::from(of.0)));
    }

    /// Writes the oldest snapshot that is due.
    pub(super) fn write_cut(&mut self) {
        let Some(up) = &mut self.up else { return };
        up.cuts.extend(up.cores.cuts().try_iter());
        let Some(mut cut) = up.cuts.pop_front() else { return };
        if self.mutation == Some(Mutation::SnapshotNamedForLater) {
            cut.tail = up.store.journal().tail(cut.partition());
        }
        let written = cut.write().is_ok();
        self.ledger.snapshots += u64::from(written);
        self.note("snapshot", u64::from(written));
    }

    pub(super) fn tick(&mut self) {
        let now_ms = self.producer.now_ms;
        let Some(up) = &self.up else { return };
        match self.mutation {
            Some(Mutation::TickLost) => {}
            Some(Mutation::TickAhead) => up.cores.doors().tick(now_ms + 60_000),
            _ => up.cores.doors().tick(now_ms),
        }
        self.oracles.iter_mut().for_each(|oracle| oracle.tell_time(now_ms));
        self.note("tick", now_ms as u64);
    }

    /// Asks about a partition; the answer says where the journal was when it came.
    fn ask(&mut self) {
        let partition = PartitionId(self.rng.below(u64::from(PARTITIONS)) as u16);
        let Some(up) = &self.up else { return };
        let (journal, answers) = (up.store.journal(), std::sync::Arc::clone(&self.answers));
        let question = Box::new(move |_: &mut crate::state::Partition, position: u64| {
            Box::new(move || {
                let durable = journal.tail(partition).next_position;
                let mut answers = answers.lock().expect("nothing panics while it is held");
                answers.push((partition, position, durable));
            }) as Answer
        });
        let asked = up.cores.doors().ask(partition, Ask { about: About::Everything, question });
        self.note("question", u64::from(asked.is_ok()));
    }

    fn build_index(&mut self) {
        let Some(up) = &self.up else { return };
        let built = up
            .store
            .indexer()
            .build_missing(&|| false)
            .map_or(u64::MAX, |built| u64::from(built.built));
        self.note("index", built);
    }

    /// The process is going to end in the midst of something, often of a commit.
    fn light_fuse(&mut self) {
        let is_commit = self.rng.chance(700_000);
        let changes = if is_commit { self.rng.below(8) } else { self.rng.below(30) };
        self.disk.burn(changes);
        self.note("fuse", changes);
        if is_commit {
            (0..CORES as u64).for_each(|_| self.core());
            self.writer();
        }
    }

    fn crash(&mut self) -> Result<(), Violation> {
        match self.how_to_end() {
            Some(end) => self.end(end),
            None => Ok(()),
        }
    }

    /// How the process ends, where it may.
    pub(super) fn how_to_end(&mut self) -> Option<End> {
        let end = if self.rng.chance(700_000) { End::PowerCut } else { End::Kill };
        let part = if end == End::PowerCut { "power-cuts" } else { "kills" };
        (!self.leaves_out(part)).then_some(end)
    }

    /// Changes how often the disk fails: mostly not at all.
    pub(super) fn storm(&mut self) {
        let is_storm = self.rng.chance(350_000) && !self.leaves_out("io-errors");
        let least = if is_storm { 1 + self.rng.below(40_000) as u32 } else { 0 };
        let mut odds = || least * (self.rng.below(3) as u32);
        let odds = Odds {
            short_write: odds() * 3,
            write_error: odds(),
            full: odds(),
            sync_error: odds(),
            read_error: odds() / 4,
            slow: odds(),
            decay: 0,
            derived: 0,
        };
        let decay = if self.leaves_out("rot") { 0 } else { odds.sync_error };
        // Most of what fails beside the log stops nobody, so it may fail often.
        let is_beside = self.rng.chance(250_000) && !self.leaves_out("io-errors");
        let derived = if is_beside { self.rng.below(200_000) as u32 } else { 0 };
        let odds = Odds { decay, derived, ..odds };
        self.disk.set_odds(odds);
        self.note("odds", u64::from(least));
    }

    fn jump(&mut self) {
        let by_min = if self.rng.chance(300_000) {
            -(self.rng.below(10) as i64)
        } else {
            self.rng.below(600) as i64
        };
        self.producer.now_ms += by_min * 60_000;
        self.note("clock", by_min as u64);
    }

    /// Hands a parcel over.
    pub(super) fn send(&mut self) {
        let Some(up) = &self.up else { return };
        let is_full = up.cores.doors().loads().any(|load| load.queued >= QUEUE - 1);
        if is_full || !self.has_room() || up.cores.has_stopped() {
            return;
        }
        let parcel = self.outbox.pop_front().unwrap_or_else(|| self.producer.next());
        self.ledger.inputs += parcel.len() as u64;
        self.note("send", parcel.number);
        let mut intake = Intake::new(PARTITIONS);
        parcel.fill(&mut intake);
        let mut batches = intake.take_batches(Batch::default);
        let (number, settled) = (parcel.number, std::sync::Arc::clone(&self.settled));
        let by_first = self.mutation == Some(Mutation::AcknowledgedByFirstPartition);
        let waits_for = if by_first { 1 } else { batches.len() };
        let reply = Reply::new(
            waits_for,
            Box::new(move |told| {
                settled.lock().expect("nothing panics while it is held").push((number, told));
            }),
        );
        let mut last = Vec::new();
        for (partition, batch) in &mut batches {
            batch.reply = (last.len() < waits_for).then(|| reply.clone());
            last.push((*partition, self.submit_to_oracle(*partition, batch)));
            self.spoil(batch, &parcel);
        }
        drop(reply);
        if let ([(first, _), (second, _), ..], Some(Mutation::InputInAnotherPartition)) =
            (&mut batches[..], self.mutation)
            && self.rng.chance(NOW_AND_THEN)
        {
            std::mem::swap(first, second);
        }
        self.flights.insert(number, Flight { parcel, last });
        let Some(up) = &self.up else { return };
        up.cores.doors().submit(batches).expect("the cores are there as long as their doors");
    }

    fn submit_to_oracle(&mut self, partition: PartitionId, batch: &Batch) -> u64 {
        let source = batch.source.as_deref().filter(|source| source.is_resumable());
        for item in &batch.items {
            self.serial += 1;
            let hash = match &item.raw {
                Raw::Slice(range) => raw_hash(&batch.bytes[range.clone()]),
                Raw::Kept(raw) => raw.hash,
            };
            self.oracles[usize::from(partition.0)].submit(Given {
                serial: self.serial,
                source: source.map(|Source { id, .. }| (*id, item.line)),
                schema: item.schema,
                input: batch.bytes[item.input.clone()].to_vec(),
                raw_hash: hash,
            });
        }
        self.serial
    }

    /// Plants the deliberate bugs of the way in.
    fn spoil(&mut self, batch: &mut Batch, parcel: &Parcel) {
        let Some(mutation) = self.mutation else { return };
        let last = batch.items.len() - 1;
        match mutation {
            Mutation::RepeatNotKnown if parcel.attempts > 0 => {
                (0..=last).for_each(|at| alter(batch, at, "again", 0));
            }
            Mutation::InputAltered if self.rng.chance(NOW_AND_THEN) => alter(batch, last, "", 1),
            Mutation::InputsSwapped if self.rng.chance(NOW_AND_THEN) => batch.items.swap(0, last),
            Mutation::LastInputDropped if self.rng.chance(NOW_AND_THEN) => {
                batch.items.pop();
            }
            Mutation::DeadLetterLost if self.rng.chance(NOW_AND_THEN) => {
                batch.items.retain(|item| item.schema != SchemaId::Unreadable);
            }
            _ => {}
        }
    }
}

/// Changes a reading's id and time.
fn alter(batch: &mut Batch, at: usize, suffix: &str, by_ms: i64) {
    let Some(item) = batch.items.get_mut(at).filter(|item| item.schema == SchemaId::Reading) else {
        return;
    };
    let bytes = batch.bytes[item.input.clone()].to_vec();
    let mut body = &bytes[..];
    let Ok(envelope) = Envelope::get(&mut body) else { return };
    let id = format!("{}{suffix}", envelope.id);
    let altered = Envelope { id: &id, ts: envelope.ts + by_ms, ..envelope };
    let start = batch.bytes.len();
    altered.put(&mut batch.bytes);
    batch.bytes.extend_from_slice(body);
    item.input = start..batch.bytes.len();
}
