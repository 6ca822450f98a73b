//! Intervention's decider: given a past, when a decision is made, then it is issued or not.

use zeitgeber_processors::intervention::{self, Outcome, Person, Shared};
use zeitgeber_schemas::{
    Arm, ConfigurationBody, Daypart, DecisionId, DecisionMade, FeedbackPolicy, InterventionIssued,
    LearnerModel, Limits, Missing, Policy, PolicyRule, ProfileBody, Rollout, Scale, Stage,
    Suppression,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const NOON_MS: i64 = 36 * HOUR_MS;

fn profile() -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 0,
        offsets: Vec::new(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: Some(20 * 60),
        quiet_end_min: Some(8 * 60),
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: Some("app".into()),
    }
}

fn configured() -> Shared {
    let arm = |name: &str, dose_cap| Arm {
        name: name.into(),
        message: format!("try {name}"),
        daypart: Daypart::Any,
        from_min: 0,
        to_min: 0,
        min_kss: None,
        dose_cap,
        valid_for_min: 45,
        suspended: false,
    };
    let configuration = ConfigurationBody {
        version: "v1".into(),
        policy: Policy { alpha: 0.5, lambda: 1.0, epsilon: 0.1, seed: 7 },
        limits: Limits { cooldown_min: 60, daily_budget: 2 },
        feedback: FeedbackPolicy { window_ms: HOUR_MS, missing: Missing::Drop },
        rule: PolicyRule::linucb(),
        model: LearnerModel::plain(),
        rollout: Rollout::active(),
        arms: vec![arm("walk", 1), arm("nap", 9), arm("no_intervention", 9)],
    };
    let mut shared = Shared::initial();
    intervention::apply_configuration(&mut shared, &configuration);
    shared
}

fn decision(chosen: &str, at_ms: i64) -> DecisionMade {
    DecisionMade {
        decision_id: DecisionId(9),
        at_ms,
        analysis_end_ms: at_ms,
        feature_version: 1,
        configuration: "v1".into(),
        model_version: 0,
        features: Vec::new(),
        eligible: Vec::new(),
        masked: Vec::new(),
        greedy: chosen.into(),
        chosen: chosen.into(),
        incarnation: 0,
        propensity: 1.0,
        explore: false,
        seed: 7,
        stage: Stage::Active,
        stopped: Vec::new(),
    }
}

fn issued(outcome: Outcome) -> InterventionIssued {
    match outcome {
        Outcome::Issued(issued) => issued,
        Outcome::Suppressed(suppressed) => panic!("suppressed: {}", suppressed.reason),
    }
}

fn reason(shared: &Shared, person: &Person, chosen: &str, at_ms: i64) -> Option<Suppression> {
    match intervention::decide(shared, person, &profile(), &decision(chosen, at_ms)) {
        Outcome::Issued(_) => None,
        Outcome::Suppressed(suppressed) => Some(suppressed.reason),
    }
}

#[test]
fn a_decision_within_the_limits_is_issued_with_its_validity() {
    let decided = decision("walk", NOON_MS);
    let outcome = intervention::decide(&configured(), &Person::initial(), &profile(), &decided);
    let wanted = InterventionIssued {
        decision_id: DecisionId(9),
        arm: "walk".into(),
        channel: "app".into(),
        message: "try walk".into(),
        at_ms: NOON_MS,
        valid_until_ms: NOON_MS + 45 * MINUTE_MS,
    };
    assert_eq!(issued(outcome), wanted);
}

#[test]
fn validity_ends_where_quiet_hours_begin() {
    let at_ms = NOON_MS + 8 * HOUR_MS - 10 * MINUTE_MS + 500;
    let decided = decision("walk", at_ms);
    let outcome = intervention::decide(&configured(), &Person::initial(), &profile(), &decided);
    assert_eq!(issued(outcome).valid_until_ms, NOON_MS + 8 * HOUR_MS);
}

#[test]
fn each_limit_suppresses_with_its_reason() {
    let (shared, nobody) = (configured(), Person::initial());
    let check = |person: &Person, chosen, at_ms| reason(&shared, person, chosen, at_ms);
    let night = NOON_MS + 11 * HOUR_MS;
    assert_eq!(check(&nobody, "no_intervention", night), Some(Suppression::NoIntervention));
    assert_eq!(check(&nobody, "tea", NOON_MS), Some(Suppression::UnknownArm));
    assert_eq!(reason(&Shared::initial(), &nobody, "walk", NOON_MS), Some(Suppression::UnknownArm));
    assert_eq!(check(&nobody, "walk", night), Some(Suppression::QuietHours));
    let mut person = Person::initial();
    let first = intervention::decide(&shared, &person, &profile(), &decision("walk", NOON_MS));
    intervention::apply_issued(&mut person, &profile(), &issued(first));
    assert_eq!(check(&person, "nap", NOON_MS + HOUR_MS - 1), Some(Suppression::Cooldown));
    assert_eq!(check(&person, "walk", NOON_MS + HOUR_MS), Some(Suppression::DoseCap));
    assert_eq!(check(&person, "nap", NOON_MS + HOUR_MS), None);
    let nap = decision("nap", NOON_MS + HOUR_MS);
    let second = intervention::decide(&shared, &person, &profile(), &nap);
    intervention::apply_issued(&mut person, &profile(), &issued(second));
    assert_eq!(check(&person, "nap", NOON_MS + 3 * HOUR_MS), Some(Suppression::Budget));
    assert_eq!(check(&person, "walk", NOON_MS + 24 * HOUR_MS), None, "a new day");
    let mute = ProfileBody { channel: None, ..profile() };
    let outcome = intervention::decide(&shared, &nobody, &mute, &decision("walk", NOON_MS));
    assert!(matches!(outcome, Outcome::Suppressed(s) if s.reason == Suppression::NoChannel));
}
