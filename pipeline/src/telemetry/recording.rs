//! Pours what became durable into the metrics, once per batch of acknowledgements.

use std::sync::Arc;

use metrics::Counter;
use zeitgeber_schemas::{PartitionId, Priority, Reason, SchemaId, Span, Suppression};

use super::{Bounded, Registry, catalogue, sampled_people::Growth};
use crate::{
    cycle::{
        Ack, Wants,
        tally::{self, Tally, TaskTally},
    },
    engine::Listener,
    measure::{Buckets, Histogram},
};

/// Listens to an engine and keeps the metrics of what flows through it.
pub struct Recording {
    registry: Arc<Registry>,
    arms: Arc<Bounded>,
    pools: Arc<Bounded>,
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
    /// By priority.
    task_wait: Vec<Arc<Histogram>>,
    growth: Arc<Growth>,
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
    pub(super) fn new(
        registry: Arc<Registry>,
        arms: Arc<Bounded>,
        pools: Arc<Bounded>,
        growth: Arc<Growth>,
    ) -> Self {
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
        let wait = |p: &Priority| registry.histogram(&catalogue::TASK_WAIT, &[p.as_str()]);
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
            task_wait: Priority::ALL.iter().map(wait).collect(),
            enabled: true,
            total: Tally::default(),
            registry,
            arms,
            pools,
            growth,
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
        self.flush_tasks(&total.tasks);
        for tally in &total.arms {
            let arm = [self.arms.label(&tally.arm)];
            self.registry.counter(&catalogue::DECISIONS, &arm).increment(tally.decisions);
            self.registry.counter(&catalogue::INTERVENTIONS, &arm).increment(tally.interventions);
            self.registry.counter(&catalogue::REWARDS, &arm).increment(tally.rewards);
        }
    }
}

impl Recording {
    fn flush_tasks(&self, total: &TaskTally) {
        for (histogram, buckets) in self.task_wait.iter().zip(&total.wait) {
            histogram.pour(buckets);
        }
        for tally in &total.pools {
            let pool = self.pools.label(&tally.pool);
            for (schema, event) in tally::pool_events() {
                let counter = self.registry.counter(&catalogue::TASK_EVENTS, &[pool, event]);
                counter.increment(tally.events[schema as usize]);
            }
            self.registry.histogram(&catalogue::TASK_RUN, &[pool]).pour(&tally.run);
        }
    }
}

fn add(counters: &[Counter], counts: &[u64]) {
    for (counter, count) in counters.iter().zip(counts).filter(|(_, count)| **count > 0) {
        counter.increment(*count);
    }
}

impl Listener for Recording {
    fn lost(&mut self, _: PartitionId) {}

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
        let grown = acks.iter().filter_map(|ack| Some((ack.partition?, ack.counts.bytes)));
        self.growth.add(grown);
        self.flush();
    }

    fn wants(&self) -> Wants {
        Wants { tally: self.enabled, ..Wants::default() }
    }
}
