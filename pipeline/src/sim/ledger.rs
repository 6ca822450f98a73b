//! What a simulation met and did.

use std::collections::BTreeMap;

use serde::Serialize;

use super::disk::{Doing, Fault};

/// Faults that were met, by what the log's writer was doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Met {
    counts: BTreeMap<(Fault, Doing), u64>,
    /// How long slow operations took, s.
    pub(super) slow_s: u64,
}

impl Met {
    pub(super) fn count(&mut self, fault: Fault, doing: Doing) {
        *self.counts.entry((fault, doing)).or_default() += 1;
    }
}

/// What simulations met and did, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of actors.
    pub steps: u64,
    /// Time of the inputs that passed while inputs came, ms; jumps of the clock do not count.
    pub busy_ms: u64,
    /// Inputs that were handed over, those sent again included.
    pub inputs: u64,
    /// Inputs that were acknowledged.
    pub acknowledged: u64,
    /// Chunks that became durable.
    pub chunks: u64,
    /// Events that became durable.
    pub events: u64,
    /// Decisions made.
    pub decisions: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Times that the process was started.
    pub starts: u64,
    /// Clean stops.
    pub stops: u64,
    /// Torn tails that opening cut.
    pub cuts: u64,
    /// Times that a partition began at a snapshot.
    pub from_snapshot: u64,
    /// Changes of the disk.
    pub changes: u64,
    /// How long slow operations took, s.
    pub slow_s: u64,
    /// Images of the disk on which something was damaged or lost on purpose and then read.
    pub images: u64,
    /// Faults by kind, then by what the log's writer was doing.
    pub faults: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Ledger {
    pub(super) fn take(&mut self, met: &Met) {
        self.slow_s += met.slow_s;
        for ((fault, doing), count) in &met.counts {
            let states = self.faults.entry(fault.name().into()).or_default();
            *states.entry(doing.name().into()).or_default() += count;
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        let Self { seeds, steps, busy_ms, inputs, acknowledged, chunks, events, decisions, .. } =
            other;
        let Self { snapshots, starts, stops, cuts, from_snapshot, changes, slow_s, images, .. } =
            other;
        for (to, from) in [
            (&mut self.seeds, seeds),
            (&mut self.steps, steps),
            (&mut self.busy_ms, busy_ms),
            (&mut self.inputs, inputs),
            (&mut self.acknowledged, acknowledged),
            (&mut self.chunks, chunks),
            (&mut self.events, events),
            (&mut self.decisions, decisions),
            (&mut self.snapshots, snapshots),
            (&mut self.starts, starts),
            (&mut self.stops, stops),
            (&mut self.cuts, cuts),
            (&mut self.from_snapshot, from_snapshot),
            (&mut self.changes, changes),
            (&mut self.slow_s, slow_s),
            (&mut self.images, images),
        ] {
            *to += from;
        }
        for (fault, states) in &other.faults {
            for (state, count) in states {
                let known = self.faults.entry(fault.clone()).or_default();
                *known.entry(state.clone()).or_default() += count;
            }
        }
    }

    /// The columns of the table of faults: what the log's writer can be doing.
    pub fn states() -> impl Iterator<Item = &'static str> {
        Doing::ALL.into_iter().map(Doing::name)
    }

    /// How often a kind of fault was met in a state of the writer; none where it cannot be.
    pub fn met(&self, kind: &str, state: &str) -> Option<u64> {
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == kind)?;
        let doing = Doing::ALL.into_iter().find(|doing| doing.name() == state)?;
        let count = || self.faults.get(kind)?.get(state).copied();
        doing.can_meet(fault).then(|| count().unwrap_or(0))
    }

    /// The kind of fault and the state of the writer that were met together least often.
    pub fn least_met(&self) -> Option<(&'static str, &'static str, u64)> {
        let cells = Self::kinds().flat_map(|kind| Self::states().map(move |state| (kind, state)));
        let met = cells.filter_map(|(kind, state)| Some((kind, state, self.met(kind, state)?)));
        met.min_by_key(|(.., count)| *count)
    }

    /// The rows of the table of faults.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Fault::ALL.into_iter().map(Fault::name)
    }
}
