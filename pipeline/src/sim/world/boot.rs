//! Starting the process, through the production recovery, and stopping it cleanly.

use std::{collections::VecDeque, sync::Arc};

use super::{
    super::{
        disk::{Doing, End, Odds},
        misfold::misfold,
        relay::Relay,
        violation::{Invariant, Violation, hold},
    },
    CORES, PARTITIONS, Up, World,
    actors::QUEUE,
};
use crate::{
    cycle::{OutcomeDetail, Wants},
    fold::FoldError,
    journal::{Journal, OpenError, ReadError},
    runtime::{Sizing, Stepped},
    state::Partition,
    store::{Recovered, Store, StoreError},
};

/// Starts that may fail in a row before nothing fails any more.
const FAILED_STARTS: u32 = 6;
/// Rounds within which a clean stop settles what waits.
const STOP_ROUNDS: u32 = 2_000;

impl World {
    /// Starts the process: opens the log as a service does, compares it with what should be there,
    /// and puts the cores to work.
    pub(super) fn boot(&mut self) -> Result<(), Violation> {
        let (store, mut held, recovered) = self.open()?;
        self.disk.set_doing(Doing::Idle);
        self.ledger.starts += 1;
        self.ledger.cuts += u64::from(recovered.cut.is_some());
        self.ledger.from_snapshot += recovered.from_snapshot as u64;
        self.note("start", recovered.folded_chunks);
        self.after_opening(&store)?;
        if let Some(bug) = self.mutation
            && let Ok(Some(misfolded)) = self.calmly(|_| misfold(&store, bug))
        {
            held = misfolded;
        }
        let journal: Arc<dyn Journal> = store.journal();
        let relay = Arc::new(Relay::new(journal, self.rng.split(), self.mutation));
        let as_journal: Arc<dyn Journal> = Arc::clone(&relay) as _;
        let wants = Wants { decisions: true, ..Wants::default() };
        let snapshot_every_bytes = if self.leaves_out("snapshots") {
            u64::MAX
        } else {
            self.sizes.memory.snapshot_every_bytes
        };
        let sizing = Sizing {
            threads: CORES,
            chunk_bytes: self.sizes.chunk_bytes,
            outcomes: OutcomeDetail::Counts,
            snapshot_every_bytes,
            queue_shares: QUEUE,
            wants,
        };
        let cores = Stepped::new(&as_journal, held, sizing);
        self.up = Some(Up { store, cores, relay, cuts: VecDeque::new() });
        Ok(())
    }

    /// Opens the log, as often as it takes: what fails because the disk does is tried again.
    fn open(&mut self) -> Result<(Store, Vec<Partition>, Recovered), Violation> {
        for attempt in 0.. {
            if attempt == FAILED_STARTS {
                self.disk.set_odds(Odds::NONE);
            } else if attempt < FAILED_STARTS && self.rng.chance(150_000) {
                self.disk.burn(self.rng.below(12));
            }
            let error = match self.try_open() {
                Ok(opened) if !self.disk.is_dead() => return Ok(opened),
                Ok(_) => None,
                Err(error) => Some(error),
            };
            let end = if self.disk.is_dead() {
                self.how_to_end().unwrap_or(End::Kill)
            } else {
                End::Kill
            };
            if let Some(error) = error.filter(is_damage) {
                // A machine that went off in between reads nothing, which is no damage.
                hold(Invariant::TornIsNotDamage, self.disk.is_dead(), || {
                    format!("opening after a crash: {error}")
                })?;
            }
            hold(Invariant::Drains, attempt < FAILED_STARTS * 4, || {
                "the log cannot be opened, though nothing fails".into()
            })?;
            self.note("failed start", u64::from(attempt));
            self.disk = self.disk.restart(end);
        }
        unreachable!("the loop ends by an answer or a violation")
    }

    fn try_open(&self) -> Result<(Store, Vec<Partition>, Recovered), StoreError> {
        let ground = self.ground();
        let store = Store::write_on(&ground, Self::dir(), PARTITIONS, self.sizes.segment_bytes)?;
        let (held, recovered) = store.hold(self.sizes.memory)?;
        Ok((store, held, recovered))
    }

    /// Stops cleanly, damages a copy of what is left and sees that this is noticed, and starts again.
    pub(super) fn stop(&mut self) -> Result<(), Violation> {
        self.note("stop", 0);
        self.disk.set_doing(Doing::Stopping);
        for _ in 0..STOP_ROUNDS {
            self.push_on();
            self.look()?;
            if self.is_idle() {
                break;
            }
        }
        let Some(up) = self.up.take() else { return Ok(()) };
        let mut closed = !up.cores.has_stopped();
        if closed {
            let indexer = up.store.indexer();
            drop(indexer.build_missing(&|| false));
            let mut ended = up.cores.finish();
            up.cuts.into_iter().for_each(|cut| drop(cut.write()));
            closed = up.store.close(&mut ended).is_ok();
        }
        let is_clean = closed && !self.disk.is_dead();
        self.note("stopped", u64::from(is_clean));
        if is_clean {
            self.ledger.stops += 1;
            self.flip_a_bit()?;
        }
        self.spoil_what_is_derived();
        let end = self.how_to_end().unwrap_or(End::Kill);
        self.end(end)
    }
}

/// Whether an error says that the log is not what was written.
pub(super) fn is_damage(error: &StoreError) -> bool {
    let of = |error: &ReadError| !matches!(error, ReadError::Io { .. });
    match error {
        StoreError::Open(OpenError::Read(error)) | StoreError::Read(error) => of(error),
        StoreError::Open(OpenError::Write(_) | OpenError::ReadOnly { .. })
        | StoreError::NoId(_)
        // A record of somebody who left memory a moment ago could not be read back.
        | StoreError::Fold { source: FoldError::Damaged(_), .. }
        | StoreError::Close(_)
        | StoreError::Snapshot(_) => false,
        _ => true,
    }
}
