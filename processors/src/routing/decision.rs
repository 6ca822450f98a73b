//! One decision for a person: which version decides, whether it may, and what it chooses.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};

use xxhash_rust::xxh3::xxh3_128;
use zeitgeber_schemas::{
    ControlScope, DecisionId, DecisionMade, DecisionWithheld, Eligible, Masked, RhythmAnalysed,
    ShadowDecided, Span, Stage,
};

use super::{
    Context, FRESH_MS, Person, Shared,
    choice::{Candidate, Choice, Occasion, choose},
    configured,
    features::{DIMENSION, FEATURE_VERSION, features},
    learner::{ArmStatus, Learner, LearnerArm},
    mask::Moment,
};
use crate::{
    ledger::{LocalTime, NO_INTERVENTION},
    versions::Version,
};

/// What a sealed hour leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// A decision, and what a candidate in the shadow would have decided.
    Made(Box<DecisionMade>, Option<Box<ShadowDecided>>),
    /// None, because of a stop.
    Withheld(DecisionWithheld),
}

/// Decides for a person, if one of the analyses just made calls for it. `person` may have folded
/// `analysed` already or not: the first revision of an hour comes once.
pub fn decide(
    shared: &Shared,
    person: &Person,
    context: &Context<'_>,
    analysed: &[RhythmAnalysed],
) -> Option<Decided> {
    let (version, stage) =
        shared.versions.deciding_for(context.key).filter(|_| !context.backfill)?;
    let hours = analysed.iter().filter(|analysis| matches!(analysis.span, Span::Hour));
    let newest = hours.max_by_key(|analysis| analysis.window_end_ms)?;
    let behind_ms = context.clock_ms.saturating_sub(newest.window_end_ms);
    let is_new = newest.revision == 0 && newest.window_end_ms >= person.last_hour_end_ms;
    if !is_new || behind_ms > FRESH_MS {
        return None;
    }
    if let Some(scope) = stopped(shared, context.key, version) {
        return Some(Decided::Withheld(DecisionWithheld {
            at_ms: context.clock_ms,
            analysis_end_ms: newest.window_end_ms,
            configuration: version.configuration.version.clone(),
            scope,
        }));
    }
    let occasion = Hour::new(shared, person, context, newest);
    let made = occasion.made(version, stage)?;
    let beside = shared.versions.shadow().filter(|_| stage == Stage::Active);
    let shadow = beside.filter(|shadow| stopped(shared, context.key, shadow).is_none());
    Some(Decided::Made(Box::new(made), shadow.and_then(|shadow| occasion.shadow(shadow))))
}

impl Shared {
    /// What an operator's stop is about that stands against any decision for a person; `key` is
    /// the person's.
    pub fn stopped_for(&self, key: &str) -> Option<ControlScope> {
        let (version, _) = self.versions.deciding_for(key)?;
        stopped(self, key, version)
    }
}

/// What stands against any decision of a version for a person: everything is stopped, the person
/// is, or the version.
fn stopped(shared: &Shared, key: &str, version: &Version<Learner>) -> Option<ControlScope> {
    if shared.stops.all() {
        Some(ControlScope::All)
    } else if shared.stops.people().contains(key) {
        Some(ControlScope::Person)
    } else {
        let stopped = shared.stops.versions().contains(&version.configuration.version);
        stopped.then_some(ControlScope::Version)
    }
}

/// A sealed hour of a person that calls for a decision.
struct Hour<'a> {
    shared: &'a Shared,
    person: &'a Person,
    context: &'a Context<'a>,
    analysis: &'a RhythmAnalysed,
    local: LocalTime,
    x: [i32; DIMENSION],
    decision_id: DecisionId,
}

/// What a version chooses.
struct Chosen<'a> {
    candidates: Vec<Candidate<'a>>,
    masked: Vec<Masked>,
    stopped: Vec<String>,
    choice: Choice,
}

impl<'a> Hour<'a> {
    fn new(
        shared: &'a Shared,
        person: &'a Person,
        context: &'a Context<'a>,
        analysis: &'a RhythmAnalysed,
    ) -> Self {
        let local = LocalTime::of(context.profile, context.clock_ms);
        let last_ms = person.ledger.last_issued_ms();
        let since_last_ms = last_ms.map(|last| context.clock_ms.saturating_sub(last));
        let x = features(analysis, local, since_last_ms);
        let decision_id = decision_id(context, person.decisions);
        Self { shared, person, context, analysis, local, x, decision_id }
    }

    fn made(&self, version: &Version<Learner>, stage: Stage) -> Option<DecisionMade> {
        let chosen = self.choose(version)?;
        let (choice, arm) = (&chosen.choice, chosen.arm());
        Some(DecisionMade {
            decision_id: self.decision_id,
            at_ms: self.context.clock_ms,
            analysis_end_ms: self.analysis.window_end_ms,
            feature_version: FEATURE_VERSION,
            configuration: version.configuration.version.clone(),
            model_version: self.shared.rewards_taken,
            features: self.x.to_vec(),
            eligible: chosen.eligible(),
            greedy: chosen.greedy(),
            chosen: arm.name().to_owned(),
            incarnation: arm.incarnation(),
            propensity: choice.propensity,
            explore: choice.explore,
            seed: version.configuration.policy.seed,
            stage,
            masked: chosen.masked,
            stopped: chosen.stopped,
        })
    }

    fn shadow(&self, version: &Version<Learner>) -> Option<Box<ShadowDecided>> {
        let chosen = self.choose(version)?;
        let (choice, arm) = (&chosen.choice, chosen.arm());
        Some(Box::new(ShadowDecided {
            decision_id: self.decision_id,
            configuration: version.configuration.version.clone(),
            eligible: chosen.eligible(),
            greedy: chosen.greedy(),
            chosen: arm.name().to_owned(),
            incarnation: arm.incarnation(),
            propensity: choice.propensity,
            explore: choice.explore,
            seed: version.configuration.policy.seed,
            masked: chosen.masked,
            stopped: chosen.stopped,
        }))
    }

    fn choose<'b>(&'b self, version: &'b Version<Learner>) -> Option<Chosen<'b>> {
        let Version { configuration, kept: learner } = version;
        let (profile, at_ms) = (self.context.profile, self.context.clock_ms);
        let ledger = &self.person.ledger;
        let moment = Moment {
            local: self.local,
            kss: self.analysis.kss,
            hindrance: ledger.hindrance(profile, &configuration.limits, at_ms),
            profile,
            ledger,
        };
        let (mut candidates, mut masked, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
        // In order of registration, which a later configuration cannot change: ties go to the first.
        let in_force = learner.arms().iter().zip(0..);
        for (known, place) in in_force.filter(|(arm, _)| arm.status() != ArmStatus::Removed) {
            let name = known.name();
            let configured = configuration.arms.iter().find(|arm| arm.name == name);
            let reason = match configured {
                Some(arm) if name != NO_INTERVENTION => moment.mask(arm),
                _ => None,
            };
            match reason {
                Some(reason) => masked.push(Masked { arm: name.to_owned(), reason }),
                None if self.is_stopped(name) => stopped.push(name.to_owned()),
                None => candidates.push(Candidate { place, ..Candidate::new(known, &self.x) }),
            }
        }
        let id = self.decision_id.to_string();
        let last = self.person.last.as_deref().and_then(|name| place(learner, name));
        let occasion = Occasion { last, ..Occasion::new(id.as_bytes()) };
        let choice = choose(&candidates, &configured::policy(configuration), &occasion)?;
        Some(Chosen { candidates, masked, stopped, choice })
    }

    /// Doing nothing cannot be stopped: it is what a stop leaves.
    fn is_stopped(&self, arm: &str) -> bool {
        arm != NO_INTERVENTION && self.shared.stops.arms().contains(arm)
    }
}

impl Chosen<'_> {
    fn arm(&self) -> &LearnerArm {
        self.candidates[self.choice.chosen].arm
    }

    fn greedy(&self) -> String {
        self.candidates[self.choice.greedy].arm.name().to_owned()
    }

    fn eligible(&self) -> Vec<Eligible> {
        let arms = self.candidates.iter().map(|candidate| candidate.arm);
        let scored = arms.zip(&self.choice.scored);
        scored
            .map(|(arm, scored)| Eligible {
                arm: arm.name().to_owned(),
                incarnation: arm.incarnation(),
                mean: scored.mean,
                width: scored.width,
                ucb: scored.value,
                propensity: scored.propensity,
            })
            .collect()
    }
}

/// Place of a name's arm in order of registration.
fn place(learner: &Learner, name: &str) -> Option<u32> {
    let is_it =
        |(arm, _): &(&LearnerArm, u32)| arm.status() != ArmStatus::Removed && arm.name() == name;
    learner.arms().iter().zip(0..).find(is_it).map(|(_, place)| place)
}

/// Partition and hash of key, kind and counter: the same decision has the same id in every run.
fn decision_id(context: &Context<'_>, counter: u64) -> DecisionId {
    let parts = [context.key.as_bytes(), b"\0decision", &counter.to_le_bytes()];
    DecisionId::new(context.partition, xxh3_128(&parts.concat()))
}
