//! What flows through the stages: inputs, events, analyses, decisions.

use zeitgeber_schemas::{Reason, Span, Suppression};

use super::{
    Kind::{Counter, Gauge, Histogram},
    Label, bounded, metrics, of,
};
use crate::{cycle::tally, measure};

const ARM: Label = bounded("arm", "names of arms; at most 64, the rest is `other`");

metrics! { INPUT_METRICS:
    INPUTS = Counter, "zeitgeber_inputs_total",
        [of("kind", || tally::KINDS.to_vec()), of("outcome", || tally::OUTCOMES.to_vec())],
        "Inputs that became durable, or were counted as repeats", by "cycle, per chunk";
    REFUSALS = Counter, "zeitgeber_refusals_total",
        [of("reason", || Reason::ALL.iter().map(|reason| reason.as_str()).collect())],
        "Inputs refused and kept as dead letters, by reason", by "cycle, per chunk";
    EVENTS = Counter, "zeitgeber_events_total",
        [of("stage", || tally::STAGES.to_vec()),
         of("event", || tally::events().map(|(_, event)| event).collect())],
        "Events that became durable, by the stage that decided them", by "cycle, per chunk";
    SUPPRESSIONS = Counter, "zeitgeber_suppressions_total",
        [of("reason", || Suppression::ALL.iter().map(|reason| reason.as_str()).collect())],
        "Decisions that reach nobody, by reason", by "cycle, per chunk";
    READING_DELAY = Histogram(measure::DELAY_S), "zeitgeber_reading_delay_seconds", [],
        "Time from the measurement of an accepted reading to its arrival",
        by "cycle, per chunk";
}

metrics! { RHYTHM_METRICS:
    ANALYSES = Counter, "zeitgeber_analyses_total",
        [of("span", || Span::ALL.iter().map(|span| span.as_str()).collect()),
         of("revision", || tally::REVISIONS.to_vec())],
        "Analyses of sealed windows; `later` counts revisions after late data",
        by "cycle, per chunk";
    ANALYSIS_COVERAGE = Histogram(measure::RATIO), "zeitgeber_analysis_coverage_ratio", [],
        "Share of an analysed window that holds a worn value", by "cycle, per chunk";
    ANALYSIS_VITALITY = Histogram(measure::RATIO), "zeitgeber_analysis_vitality_ratio", [],
        "Vitality of an analysis, where its data carry one, 0 to 1", by "cycle, per chunk";
    ANALYSIS_SLEEPINESS = Histogram(measure::SLEEPINESS), "zeitgeber_analysis_sleepiness_points",
        [], "Predicted sleepiness of an analysis, Karolinska scale, 1 to 9",
        by "cycle, per chunk";
    ANALYSIS_DELAY = Histogram(measure::DELAY_S), "zeitgeber_analysis_delay_seconds", [],
        "Time from the end of an analysed window to the arrival of the reading that sealed it",
        by "cycle, per chunk";
}

metrics! { LEARNING_METRICS:
    DECISIONS = Counter, "zeitgeber_decisions_total", [ARM],
        "Decisions, by the arm chosen", by "cycle, per chunk";
    INTERVENTIONS = Counter, "zeitgeber_interventions_total", [ARM],
        "Interventions issued, by arm", by "cycle, per chunk";
    REWARDS = Counter, "zeitgeber_rewards_total", [ARM],
        "Rewards learnt or corrected, by arm", by "cycle, per chunk";
    REWARD = Gauge, "zeitgeber_reward_points", [ARM],
        "Mean of all rewards that an arm learnt", by "sampler, from the states";
    LEARNER_ARMS = Gauge, "zeitgeber_learner_arms_count",
        [of("status", || vec!["active", "suspended", "removed"])],
        "Arms of the partition that knows most of them, by status", by "sampler, from the states";
    OPEN_DECISIONS = Gauge, "zeitgeber_open_decisions_count", [],
        "Decisions that wait for their outcome", by "sampler, from the states";
    STOPS = Gauge, "zeitgeber_stops_count",
        [of("scope", || vec!["all", "version", "arm", "person"])],
        "Stops of decisions in force, by what they stop", by "sampler, from the states";
}
