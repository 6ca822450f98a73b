//! Pours what became durable into the metrics, once per batch of acknowledgements.

use std::sync::Arc;

use metrics::Counter;
use zeitgeber_schemas::{Reason, SchemaId, Span, Suppression};

use super::{Bounded, Registry, catalogue};
use crate::{
    cycle::{
        Ack,
        tally::{self, Tally},
    },
    engine::Listener,
    measure::{Buckets, Histogram},
};

/// Listens to an engine and keeps the metrics of what flows through it.
pub struct Recording {
    registry: Arc<Registry>,
    arms: Arc<Bounded>,
    enabled: bool,
    total: Tally,
    inputs: Vec<Counter>,
    refusals: Vec<Counter>,
    /// By schema; those of inputs count nothing.
    events: Vec<Counter>,
    suppressions: Vec<Counter>,
    analyses: Vec<Counter>,
    /// In the order of [`buckets`].
    histograms: [Arc<Histogram>; 5],
    commit: Arc<Histogram>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

const fn buckets(tally: &Tally) -> [&Buckets; 5] {
    [
        &tally.reading_delay,
        &tally.coverage,
        &tally.vitality,
        &tally.sleepiness,
        &tally.analysis_delay,
    ]
}

impl Recording {
    pub(super) fn new(registry: Arc<Registry>, arms: Arc<Bounded>) -> Self {
        let counter = |metric, labels: &[&str]| registry.counter(metric, labels);
        let inputs = tally::KINDS.iter().flat_map(|kind| {
            tally::OUTCOMES.iter().map(|outcome| counter(&catalogue::INPUTS, &[kind, outcome]))
        });
        let refusals = Reason::ALL.iter().map(|r| counter(&catalogue::REFUSALS, &[r.as_str()]));
        let events = SchemaId::ALL.iter().map(|schema| match tally::stage_of(*schema) {
            Some(stage) => counter(&catalogue::EVENTS, &[stage, schema.as_str()]),
            None => Counter::noop(),
        });
        let suppressions =
            Suppression::ALL.iter().map(|r| counter(&catalogue::SUPPRESSIONS, &[r.as_str()]));
        let analyses = Span::ALL.iter().flat_map(|span| {
            tally::REVISIONS
                .iter()
                .map(|revision| counter(&catalogue::ANALYSES, &[span.as_str(), revision]))
        });
        let histogram = |metric| registry.histogram(metric, &[]);
        Self {
            inputs: inputs.collect(),
            refusals: refusals.collect(),
            events: events.collect(),
            suppressions: suppressions.collect(),
            analyses: analyses.collect(),
            histograms: [
                histogram(&catalogue::READING_DELAY),
                histogram(&catalogue::ANALYSIS_COVERAGE),
                histogram(&catalogue::ANALYSIS_VITALITY),
                histogram(&catalogue::ANALYSIS_SLEEPINESS),
                histogram(&catalogue::ANALYSIS_DELAY),
            ],
            commit: histogram(&catalogue::COMMIT),
            enabled: true,
            total: Tally::default(),
            registry,
            arms,
        }
    }

    /// Whether it wants to know what flows; where not, it counts nothing.
    #[must_use]
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    fn flush(&mut self) {
        let total = std::mem::take(&mut self.total);
        add(&self.inputs, total.inputs.as_flattened());
        add(&self.refusals, &total.refusals);
        add(&self.events, &total.events);
        add(&self.suppressions, &total.suppressions);
        add(&self.analyses, total.analyses.as_flattened());
        for (histogram, buckets) in self.histograms.iter().zip(buckets(&total)) {
            histogram.pour(buckets);
        }
        for tally in &total.arms {
            let arm = [self.arms.label(&tally.arm)];
            self.registry.counter(&catalogue::DECISIONS, &arm).increment(tally.decisions);
            self.registry.counter(&catalogue::INTERVENTIONS, &arm).increment(tally.interventions);
            self.registry.counter(&catalogue::REWARDS, &arm).increment(tally.rewards);
        }
    }
}

fn add(counters: &[Counter], counts: &[u64]) {
    for (counter, count) in counters.iter().zip(counts).filter(|(_, count)| **count > 0) {
        counter.increment(*count);
    }
}

impl Listener for Recording {
    fn durable(&mut self, acks: &[Ack]) {
        if !self.enabled {
            return;
        }
        for ack in acks {
            if let Some(tally) = &ack.tally {
                self.total.merge(tally);
            }
            if let Some(commit) = ack.commit {
                self.commit.record_duration(commit);
            }
        }
        self.flush();
    }

    fn wants_tally(&self) -> bool {
        self.enabled
    }
}
