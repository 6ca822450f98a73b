//! Schema `linucb-events/1`: arms come and go, decisions are made, feedback arrives.

use std::collections::BTreeMap;

use serde_json::Value;
use zeitgeber_processors::{
    feedback,
    routing::{
        choice::{Candidate, Choice, Occasion, Scored, choose},
        configured,
        learner::{ArmStatus, Learner},
    },
};
use zeitgeber_schemas::{
    Arm, ConfigurationBody, Daypart, DecisionId, DecisionMade, Envelope, Event, FeedbackBody,
    FeedbackClaim, FeedbackPolicy, FeedbackStatus, LearnerModel, Limits, Missing, Policy,
    PolicyRule, Response, Rollout, Stage,
};

use crate::{
    Verdict,
    json::{GRID, array, float, integer, integers, near, near_all, same, text},
};

/// What a run counts.
struct Counts {
    explored: u32,
    feedback: BTreeMap<&'static str, u32>,
    ties: u32,
    least_gap: f64,
}

/// A run of recorded events.
struct Events {
    counts: Counts,
    config: ConfigurationBody,
    learner: Learner,
    registered: Vec<String>,
    shared: feedback::Shared,
    person: feedback::Person,
    ids: BTreeMap<String, DecisionId>,
}

/// Takes every event of a fixture and compares what it expects.
pub(crate) fn run(fixture: &Value) -> Verdict {
    Events::run(fixture)
}

impl Events {
    fn run(fixture: &Value) -> Verdict {
        let config = &fixture["config"];
        if config["grid"].as_i64().is_some_and(|grid| grid != GRID) {
            return Err("another grid than 4096".into());
        }
        let policy = Policy {
            alpha: float(&config["alpha"])?,
            lambda: float(&config["lambda"])?,
            epsilon: float(&config["epsilon"])?,
            seed: config["seed"]
                .as_u64()
                .map(|seed| seed as i64)
                .map_or_else(|| integer(&config["seed"]), Ok)?,
        };
        let window_ms = config["attribution_window"].as_i64().unwrap_or(i64::MAX);
        let mut events = Self {
            counts: Counts {
                explored: 0,
                feedback: BTreeMap::new(),
                ties: 0,
                least_gap: f64::INFINITY,
            },
            learner: Learner::new(integer(&config["d"])? as usize, policy.lambda),
            config: ConfigurationBody {
                version: "fixture".into(),
                policy,
                limits: Limits { cooldown_min: 0, daily_budget: u32::MAX },
                feedback: FeedbackPolicy { window_ms, missing: Missing::Drop },
                arms: Vec::new(),
                rule: PolicyRule::linucb(),
                model: LearnerModel::plain(),
                rollout: Rollout::active(),
            },
            registered: Vec::new(),
            shared: feedback::Shared::initial(),
            person: feedback::Person::initial(),
            ids: BTreeMap::new(),
        };
        let mut counts = BTreeMap::new();
        for (index, event) in array(&fixture["events"])?.iter().enumerate() {
            let kind = text(&event["t"])?;
            *counts.entry(kind).or_insert(0u32) += 1;
            let at = |difference| format!("event {index} ({kind}): {difference}");
            events.take(index, kind, event).map_err(at)?;
        }
        events.check_sums(&fixture["final"])?;
        let decisions = counts.get("decide").copied().unwrap_or(0);
        events
            .check_stats(decisions, &fixture["stats"])
            .map_err(|error| format!("stats: {error}"))?;
        let counted: Vec<_> = counts.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        Ok(counted.join(", "))
    }

    fn take(&mut self, index: usize, kind: &str, event: &Value) -> Result<(), String> {
        match kind {
            "decide" => self.decide(event),
            "feedback" => self.feedback(index, event),
            _ => self.configure(kind, text(&event["arm"])?),
        }
    }

    fn configure(&mut self, kind: &str, name: &str) -> Result<(), String> {
        let arms = &mut self.config.arms;
        match (kind, arms.iter().position(|arm| arm.name == name)) {
            ("arm_add", None) => {
                arms.push(arm(name));
                self.registered.push(name.into());
            }
            ("arm_remove", Some(at)) => drop(arms.remove(at)),
            ("arm_suspend", Some(at)) => arms[at].suspended = true,
            ("arm_resume", Some(at)) => arms[at].suspended = false,
            _ => return Err(format!("no such change of arm {name}")),
        }
        let named = self.config.arms.iter().map(|arm| (arm.name.as_str(), arm.suspended));
        self.learner.configure(self.config.policy.lambda, named);
        feedback::apply_configuration(&mut self.shared, &self.config);
        Ok(())
    }

    fn decide(&mut self, event: &Value) -> Result<(), String> {
        let (id, expect) = (text(&event["id"])?, &event["expect"]);
        let names: Vec<&str> =
            array(&event["eligible"])?.iter().map(text).collect::<Result<_, _>>()?;
        let contexts: Vec<Vec<i32>> = names
            .iter()
            .enumerate()
            .map(|(place, name)| self.context(&event["x"], place, name, names.len()))
            .collect::<Result<_, _>>()?;
        let mut candidates = Vec::new();
        for (name, x) in names.iter().zip(&contexts) {
            let arm = self.learner.current(name).filter(|arm| arm.status() == ArmStatus::Active);
            let arm = arm.ok_or(format!("eligible arm {name} is not active"))?;
            candidates.push(Candidate::new(arm, x));
        }
        let Some(choice) =
            choose(&candidates, &configured::policy(&self.config), &Occasion::new(id.as_bytes()))
        else {
            return same("chosen", &Value::Null, &expect["chosen"]);
        };
        check_choice(&choice, &names, expect)?;
        self.counts.note(&choice);
        let incarnation = candidates[choice.chosen].arm.incarnation();
        let decision_id = DecisionId(self.ids.len() as u128 + 1);
        self.ids.insert(id.into(), decision_id);
        let at_ms = integer(&event["ts"])?;
        let made = DecisionMade {
            decision_id,
            at_ms,
            analysis_end_ms: at_ms,
            feature_version: 0,
            configuration: self.config.version.clone(),
            model_version: 0,
            features: contexts[choice.chosen].clone(),
            eligible: Vec::new(),
            masked: Vec::new(),
            greedy: names[choice.greedy].into(),
            chosen: names[choice.chosen].into(),
            incarnation,
            propensity: choice.propensity,
            explore: choice.explore,
            seed: self.config.policy.seed,
            stage: Stage::Active,
            stopped: Vec::new(),
        };
        feedback::apply_decision(&mut self.shared, &mut self.person, 1, &made);
        Ok(())
    }

    /// An arm's features: shared by all, or the arm's own by name, by its place among the eligible,
    /// or by its place among all arms ever registered.
    fn context(
        &self,
        x: &Value,
        place: usize,
        name: &str,
        eligible: usize,
    ) -> Result<Vec<i32>, String> {
        if let Some(by_name) = x.as_object() {
            return integers(by_name.get(name).ok_or(format!("no features for {name}"))?);
        }
        let list = array(x)?;
        if list.first().is_none_or(|first| first.is_number()) {
            return integers(x);
        }
        let registered = self.registered.iter().rposition(|arm| arm == name);
        let own = if list.len() == eligible { Some(place) } else { registered };
        let own = own.and_then(|own| list.get(own));
        integers(own.ok_or(format!("no features for {name}"))?)
    }

    fn feedback(&mut self, index: usize, event: &Value) -> Result<(), String> {
        let decision_id = self.ids.get(text(&event["decision"])?).copied();
        let ts = integer(&event["ts"])?;
        let id = format!("feedback-{index}");
        let envelope =
            Envelope { tenant: "default", user_id: "fixture", id: &id, ts, recv_ts: None };
        let reward = integer(&event["reward"])?;
        let body = FeedbackBody {
            decision_id: decision_id.unwrap_or(DecisionId(0)),
            response: Response::Reward(reward as f64 / GRID as f64),
            corrects: None,
            simulated: false,
            user_id: None,
            claim: FeedbackClaim::Outcome,
        };
        let status = match feedback::decide(&self.shared, &envelope, &body, None) {
            Err(dead) => return Err(dead.detail),
            Ok(Event::FeedbackRecorded(recorded)) => {
                same("reward", &recorded.reward.into(), &event["reward"])?;
                feedback::apply_recorded(&mut self.shared, &recorded);
                if recorded.status == FeedbackStatus::Applied {
                    let (arm, x) = (&recorded.arm, &recorded.features);
                    self.learner.learn(arm, recorded.incarnation, x, recorded.reward);
                }
                recorded.status.as_str()
            }
            // It waits for a window and is a dead letter then.
            Ok(Event::FeedbackParked(_)) => "orphan",
            Ok(other) => return Err(format!("feedback led to {}", other.schema())),
        };
        *self.counts.feedback.entry(status).or_insert(0) += 1;
        same("status", &status.into(), &event["expect"])
    }

    /// Compares what a fixture counts, where it does.
    fn check_stats(&self, decisions: u32, wanted: &Value) -> Result<(), String> {
        if wanted.is_null() {
            return Ok(());
        }
        let Counts { explored, ref feedback, ties, least_gap } = self.counts;
        same("decisions", &decisions.into(), &wanted["decisions"])?;
        same("explored", &explored.into(), &wanted["explored"])?;
        same("exact_ties", &ties.into(), &wanted["exact_ties"])?;
        near("min_nonzero_gap", least_gap, &wanted["min_nonzero_gap"], 1e-9, 0.0)?;
        let none_too: BTreeMap<&str, u32> =
            wanted["feedback"].as_object().into_iter().flatten().map(|(k, _)| (&**k, 0)).collect();
        let counted: BTreeMap<&str, u32> = none_too.into_iter().chain(feedback.clone()).collect();
        same("feedback", &serde_json::json!(counted), &wanted["feedback"])
    }

    fn check_sums(&self, wanted: &Value) -> Result<(), String> {
        let wanted = wanted.as_object().ok_or("no final sums")?;
        for (name, wanted) in wanted {
            let arm = self.learner.arms().iter().rfind(|arm| arm.name() == name);
            let sums = arm.ok_or(format!("final arm {name} is unknown"))?.sums();
            let at = |difference| format!("final {name}: {difference}");
            same("n", &sums.n.into(), &wanted["n"]).map_err(at)?;
            same("b_int", &sums.b.clone().into(), &wanted["b_int"]).map_err(at)?;
            // Rows are whole, or the lower triangle's.
            let entry = |i: usize, j: usize| sums.a[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
            let wanted_rows = array(&wanted["A_int"])?;
            same("rows of A_int", &sums.b.len().into(), &wanted_rows.len().into()).map_err(at)?;
            let mut rows: Vec<Value> = Vec::new();
            for (i, row) in wanted_rows.iter().enumerate() {
                let len = array(row)?.len().clamp(i + 1, sums.b.len());
                rows.push((0..len).map(|j| entry(i, j)).collect());
            }
            same("A_int", &rows.into(), &wanted["A_int"]).map_err(at)?;
        }
        Ok(())
    }
}

impl Counts {
    fn note(&mut self, choice: &Choice) {
        self.explored += u32::from(choice.explore);
        let mut values: Vec<f64> = choice.scored.iter().map(|scored| scored.value).collect();
        values.sort_by(f64::total_cmp);
        if let [.., second, first] = values[..] {
            self.ties += u32::from(first == second);
            if first > second {
                self.least_gap = self.least_gap.min(first - second);
            }
        }
    }
}

fn check_choice(choice: &Choice, names: &[&str], expect: &Value) -> Result<(), String> {
    same("greedy", &names[choice.greedy].into(), &expect["greedy"])?;
    same("chosen", &names[choice.chosen].into(), &expect["chosen"])?;
    same("explore", &choice.explore.into(), &expect["explore"])?;
    near("propensity", choice.propensity, &expect["propensity"], 1e-12, 0.0)?;
    let scored = &choice.scored;
    let all = |value: fn(&Scored) -> f64| scored.iter().map(value).collect::<Vec<f64>>();
    for (field, values, absolute, relative) in [
        ("mean", all(|one| one.mean), 1e-9, 1e-9),
        ("width", all(|one| one.width), 1e-9, 1e-9),
        ("ucb", all(|one| one.value), 1e-9, 1e-9),
        ("propensity_all", all(|one| one.propensity), 1e-12, 0.0),
    ] {
        near_all(field, &values, &expect[field], absolute, relative)?;
    }
    Ok(())
}

fn arm(name: &str) -> Arm {
    Arm {
        name: name.into(),
        message: String::new(),
        daypart: Daypart::Any,
        from_min: 0,
        to_min: 0,
        min_kss: None,
        dose_cap: u32::MAX,
        valid_for_min: 0,
        suspended: false,
    }
}
