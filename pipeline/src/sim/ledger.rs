//! What a simulation met and did.

use std::collections::BTreeMap;

use serde::Serialize;

use super::disk::{Fault, Site};

/// Faults that were met, by what the process was doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Met {
    counts: BTreeMap<(Fault, Site), u64>,
    /// How long slow operations took, s.
    pub(super) slow_s: u64,
}

impl Met {
    pub(super) fn count(&mut self, fault: Fault, site: Site) {
        *self.counts.entry((fault, site)).or_default() += 1;
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
    /// Faults by kind, then by what the process was doing.
    pub faults: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Ledger {
    pub(super) fn take(&mut self, met: &Met) {
        self.slow_s += met.slow_s;
        for ((fault, site), count) in &met.counts {
            let sites = self.faults.entry(fault.name().into()).or_default();
            *sites.entry(site.name().into()).or_default() += count;
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
        for (fault, sites) in &other.faults {
            for (site, count) in sites {
                let known = self.faults.entry(fault.clone()).or_default();
                *known.entry(site.clone()).or_default() += count;
            }
        }
    }

    /// The columns of the table of faults: what the process can be doing.
    pub fn sites() -> impl Iterator<Item = &'static str> {
        Site::ALL.into_iter().map(Site::name)
    }

    /// The rows of the table of faults.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Fault::ALL.into_iter().map(Fault::name)
    }
}
