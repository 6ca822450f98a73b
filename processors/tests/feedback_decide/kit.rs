//! Given: open decisions of one person. When: a report on the first of them.

use std::collections::BTreeMap;

use zeitgeber_processors::{
    feedback::{self, Person, Shared},
    routing::sums::{ArmSums, Change},
};
use zeitgeber_schemas::{
    Arm, ConfigurationBody, Daypart, DeadLettered, DecisionId, DecisionMade, Envelope, Event,
    FeedbackBody, FeedbackClaim, FeedbackPolicy, FeedbackRecorded, FeedbackStatus, LearnerModel,
    Limits, Missing, Policy, PolicyRule, Response, Rollout, Stage,
};

pub(crate) const WINDOW_MS: i64 = 1000;
const FEATURES: [i32; 2] = [4096, 7];

pub(crate) fn configuration(missing: Missing, arms: &[&str]) -> ConfigurationBody {
    let arm = |name: &&str| Arm {
        name: (*name).into(),
        message: String::new(),
        daypart: Daypart::Any,
        from_min: 0,
        to_min: 0,
        min_kss: None,
        dose_cap: 1,
        valid_for_min: 1,
        suspended: false,
    };
    ConfigurationBody {
        version: "v1".into(),
        policy: Policy { alpha: 0.5, lambda: 1.0, epsilon: 0.1, seed: 7 },
        limits: Limits { cooldown_min: 0, daily_budget: 9 },
        feedback: FeedbackPolicy { window_ms: WINDOW_MS, missing },
        rule: PolicyRule::linucb(),
        model: LearnerModel::plain(),
        rollout: Rollout::active(),
        arms: arms.iter().map(arm).collect(),
    }
}

pub(crate) fn decision(id: u128, chosen: &str, at_ms: i64) -> DecisionMade {
    DecisionMade {
        decision_id: DecisionId(id),
        at_ms,
        analysis_end_ms: at_ms,
        feature_version: 1,
        configuration: "v1".into(),
        model_version: 0,
        features: FEATURES.into(),
        eligible: Vec::new(),
        masked: Vec::new(),
        greedy: chosen.into(),
        chosen: chosen.into(),
        incarnation: 2,
        propensity: 1.0,
        explore: false,
        seed: 7,
        stage: Stage::Active,
        stopped: Vec::new(),
    }
}

pub(crate) struct Given {
    pub(crate) shared: Shared,
    pub(crate) person: Person,
    pub(crate) learnt: Learnt,
}

/// What a learner holds: the rewards that stand, by decision, and the sums that it keeps of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learnt(pub(crate) BTreeMap<u128, i32>, pub(crate) ArmSums);

impl Default for Learnt {
    fn default() -> Self {
        Self(BTreeMap::new(), ArmSums::new(FEATURES.len()))
    }
}

impl Learnt {
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::FeedbackRecorded(event) => match event.status {
                FeedbackStatus::Applied | FeedbackStatus::Corrected => {
                    self.change(event.decision_id, event.replaces, Some(event.reward));
                }
                _ => {}
            },
            Event::FeedbackNoted(event) => {
                self.change(event.decision_id, event.replaces, event.stands);
            }
            _ => {}
        }
    }

    fn change(&mut self, id: DecisionId, replaces: Option<i32>, stands: Option<i32>) {
        let change = match (replaces, stands) {
            (None, None) => return,
            (None, Some(new)) => Change::Learn(new),
            (Some(old), Some(new)) => Change::Correct { old, new },
            (Some(old), None) => Change::Retract(old),
        };
        self.1.change(&FEATURES, change);
        assert_eq!(self.0.remove(&id.0), replaces, "what is taken back is what was learnt");
        self.0.extend(stands.map(|reward| (id.0, reward)));
    }
}

/// A report on decision 1.
#[derive(Debug, Clone)]
pub(crate) struct Report<'a> {
    pub(crate) id: &'a str,
    pub(crate) ts: i64,
    pub(crate) recv_ts: Option<i64>,
    pub(crate) response: Response,
    pub(crate) corrects: Option<&'a str>,
    pub(crate) claim: FeedbackClaim,
    pub(crate) user_id: Option<&'a str>,
}

impl<'a> Report<'a> {
    pub(crate) const fn outcome(id: &'a str, ts: i64, corrects: Option<&'a str>) -> Self {
        let (response, claim) = (Response::Accepted, FeedbackClaim::Outcome);
        Self { id, ts, recv_ts: None, response, corrects, claim, user_id: None }
    }

    pub(crate) const fn claim(id: &'a str, ts: i64, claim: FeedbackClaim) -> Self {
        Self { claim, response: Response::Reward(0.0), ..Self::outcome(id, ts, None) }
    }

    pub(crate) const fn retraction(id: &'a str, ts: i64, of: &'a str) -> Self {
        Self { corrects: Some(of), ..Self::claim(id, ts, FeedbackClaim::Retracted) }
    }

    pub(crate) const fn reward(id: &'a str, ts: i64, reward: f64) -> Self {
        Self { response: Response::Reward(reward), ..Self::outcome(id, ts, None) }
    }

    pub(crate) const fn correcting(self, of: &'a str) -> Self {
        Self { corrects: Some(of), ..self }
    }

    pub(crate) const fn envelope(&self) -> Envelope<'a> {
        let Self { id, ts, recv_ts, .. } = *self;
        Envelope { tenant: "default", user_id: "ada", id, ts, recv_ts }
    }

    pub(crate) fn body(&self) -> FeedbackBody {
        FeedbackBody {
            decision_id: DecisionId(1),
            response: self.response.clone(),
            corrects: self.corrects.map(Into::into),
            simulated: false,
            user_id: self.user_id.map(Into::into),
            claim: self.claim,
        }
    }
}

impl Given {
    pub(crate) fn decisions(missing: Missing, decisions: &[DecisionMade]) -> Self {
        let (mut shared, mut person) = (Shared::initial(), Person::initial());
        feedback::apply_configuration(&mut shared, &configuration(missing, &["walk"]));
        for event in decisions {
            feedback::apply_decision(&mut shared, &mut person, 5, event);
        }
        Self { shared, person, learnt: Learnt::default() }
    }

    pub(crate) fn one() -> Self {
        Self::decisions(Missing::ImputeZero, &[decision(1, "walk", 0)])
    }

    /// An outcome of decision 1 that is joined to it.
    pub(crate) fn when(
        &mut self,
        id: &str,
        ts: i64,
        response: Response,
        corrects: Option<&str>,
    ) -> Result<FeedbackRecorded, DeadLettered> {
        match self.take(&Report { response, ..Report::outcome(id, ts, corrects) })? {
            Event::FeedbackRecorded(recorded) => Ok(recorded),
            other => panic!("feedback led to {other:?}"),
        }
    }

    /// What a report on decision 1 leads to, folded.
    pub(crate) fn take(&mut self, report: &Report<'_>) -> Result<Event, DeadLettered> {
        let (envelope, body) = (report.envelope(), report.body());
        let event = feedback::decide(&self.shared, &envelope, &body, None)?;
        self.fold(report, &event);
        Ok(event)
    }

    /// Learns and folds, as the flow does.
    pub(crate) fn fold(&mut self, report: &Report<'_>, event: &Event) {
        match event {
            Event::FeedbackRecorded(event) => feedback::apply_recorded(&mut self.shared, event),
            Event::FeedbackNoted(event) => feedback::apply_noted(&mut self.shared, event),
            Event::FeedbackParked(event) => {
                let (envelope, body) = (report.envelope(), report.body());
                feedback::apply_parked(&mut self.shared, &envelope, &body, event);
            }
            Event::FeedbackOrphaned(event) => feedback::apply_orphaned(&mut self.shared, event),
            other => panic!("feedback led to {other:?}"),
        }
        self.learnt.take(event);
    }

    /// What a report does to the reward that stands: what is taken back, what is learnt.
    pub(crate) fn noted(&mut self, report: &Report<'_>) -> (Option<i32>, Option<i32>) {
        match self.take(report).expect("joined to its decision") {
            Event::FeedbackNoted(noted) => (noted.replaces, noted.stands),
            other => panic!("feedback led to {other:?}"),
        }
    }

    pub(crate) fn status(&mut self, id: &str, ts: i64) -> FeedbackStatus {
        self.when(id, ts, Response::Accepted, None).expect("joined to its decision").status
    }

    /// (decision, imputed) of what expires at an instant, folded like the caller does.
    pub(crate) fn expire(&mut self, clock_ms: i64) -> Vec<(u128, Option<i32>)> {
        let mut out = Vec::new();
        feedback::decide_expiry(&self.shared, &self.person, clock_ms, &mut out);
        out.iter().for_each(|event| feedback::apply_expired(&mut self.shared, event));
        feedback::apply_clock(&mut self.shared, &mut self.person, clock_ms);
        for event in &out {
            self.learnt.change(event.decision_id, None, event.imputed);
        }
        out.iter().map(|event| (event.decision_id.0, event.imputed)).collect()
    }
}
