//! Versions and stops: given what stands, when an order or an hour comes, then this stands or this
//! is decided.

use proptest::prelude::*;
use zeitgeber_processors::{
    flow::{Body, Desk, Input, Outcome, State},
    routing::{self, Context, Decided, Person, Shared, features::DIMENSION},
};
use zeitgeber_schemas::{
    Arm, Composite, ConfigurationBody, ControlBody, ControlScope, ControlStep, Daypart, DecisionId,
    Envelope, Event, FeedbackPolicy, FeedbackRecorded, FeedbackStatus, ForgettingKind,
    LearnerModel, Limits, Missing, PartitionId, Policy, PolicyRule, ProfileBody, Reason,
    RhythmAnalysed, Rollout, RuleKind, Scale, Span, Stage,
};

const HOUR_MS: i64 = 3_600_000;
/// Ten in the morning of the second day.
const NOW_MS: i64 = 34 * HOUR_MS;

fn arm(name: &str) -> Arm {
    Arm {
        name: name.into(),
        message: format!("try {name}"),
        daypart: Daypart::Any,
        from_min: 0,
        to_min: 0,
        min_kss: None,
        dose_cap: 9,
        valid_for_min: 30,
        suspended: false,
    }
}

fn version(name: &str, rollout: Rollout) -> ConfigurationBody {
    ConfigurationBody {
        version: name.into(),
        policy: Policy { alpha: 0.5, lambda: 1.0, epsilon: 0.1, seed: 7 },
        limits: Limits { cooldown_min: 60, daily_budget: 3 },
        feedback: FeedbackPolicy { window_ms: 24 * HOUR_MS, missing: Missing::Drop },
        arms: ["walk", "nap", "no_intervention"].map(arm).into(),
        rule: PolicyRule::linucb(),
        model: LearnerModel::plain(),
        rollout,
    }
}

fn active(name: &str) -> ConfigurationBody {
    version(name, Rollout::active())
}

fn shadow(name: &str) -> ConfigurationBody {
    version(name, Rollout { stage: Stage::Shadow, percent: 0 })
}

fn canary(name: &str, percent: u32) -> ConfigurationBody {
    version(name, Rollout { stage: Stage::Canary, percent })
}

fn order(step: ControlStep, scope: ControlScope, name: &str) -> ControlBody {
    ControlBody { step, scope, name: name.into() }
}

fn move_to(step: ControlStep, name: &str) -> ControlBody {
    order(step, ControlScope::Version, name)
}

fn profile() -> ProfileBody {
    ProfileBody {
        zone: None,
        tzdb: None,
        offset_min: 0,
        offsets: Vec::new(),
        sleep_start_min: 23 * 60,
        sleep_end_min: 7 * 60,
        quiet_start_min: None,
        quiet_end_min: None,
        device_scale: Scale::Unknown,
        primary_device: None,
        channel: Some("app".into()),
    }
}

fn hour() -> RhythmAnalysed {
    RhythmAnalysed {
        span: Span::Hour,
        window_start_ms: 0,
        window_end_ms: NOW_MS,
        offset_min: 0,
        revision: 0,
        algorithm: 1,
        signal: None,
        all_minutes: None,
        wear_minutes: None,
        nonwear_minutes: 0,
        hourly: None,
        heart: None,
        light: None,
        coverage: 1.0,
        recent_activity: None,
        recent_light: None,
        kss: 5.0,
        kss_forecast: Vec::new(),
        composite: Composite {
            vitality: None,
            confidence: 0.0,
            parts: Vec::new(),
            energy: None,
            risks: Vec::new(),
        },
    }
}

/// A partition's whole state, and what it said last.
struct Log(State);

impl Log {
    fn of(bodies: &[Body<'_>]) -> Self {
        let mut log = Self(State::initial(PartitionId(0)));
        for body in bodies {
            assert_eq!(log.take(*body).0, Outcome::Stored);
        }
        log
    }

    fn take(&mut self, body: Body<'_>) -> (Outcome, Vec<Event>) {
        let user_id = match body {
            Body::Profile(_) => "ada",
            Body::Control(order) if order.scope == ControlScope::Person => "ada",
            _ => "",
        };
        let envelope =
            Envelope { tenant: "default", user_id, id: "one", ts: 0, recv_ts: Some(NOW_MS) };
        let input = Input { envelope, body, content: 0 };
        let (mut out, subject) = (Vec::new(), self.0.subject_of(&input));
        let text = format!("{body:?}");
        let sum = text.bytes().fold(7u128, |sum, byte| sum.wrapping_mul(31) + u128::from(byte));
        let hash = || sum.to_le_bytes();
        let outcome = self.0.decide(&mut Desk::new(), subject, &input, hash, &mut out);
        let subject = if matches!(out[..], [Event::SubjectOpened(_), ..]) { 1 } else { subject };
        out.iter().for_each(|event| self.0.apply(subject, &input, event, hash));
        (outcome, out)
    }

    /// The reason of a refusal.
    fn refused(&mut self, body: Body<'_>) -> String {
        match &self.take(body).1[..] {
            [Event::DeadLettered(refusal)] if refusal.reason == Reason::Conflict => {
                refusal.detail.clone()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Names of the active version, the one before and the candidate.
    fn stands(&self) -> [Option<&str>; 3] {
        let versions = &self.0.routing.versions;
        [versions.active(), versions.previous(), versions.candidate()]
            .map(|one| one.map(|one| one.configuration.version.as_str()))
    }

    fn decides(&self, person: &Person, key: &str) -> Decided {
        let profile = profile();
        let context = Context {
            partition: PartitionId(0),
            key,
            profile: &profile,
            clock_ms: NOW_MS,
            backfill: false,
        };
        routing::decide(&self.0.routing, person, &context, &[hour()]).expect("it is due")
    }
}

fn feedback(n: i32) -> FeedbackRecorded {
    FeedbackRecorded {
        decision_id: DecisionId(n as u128),
        feedback_id: "f".into(),
        status: FeedbackStatus::Applied,
        arm: if n % 3 == 0 { "walk".into() } else { "nap".into() },
        incarnation: 0,
        features: (0..DIMENSION as i32).map(|at| (at * 911 + n * 577) % 8192).collect(),
        reward: (n * 613) % 4096,
        replaces: None,
        decided_ms: Some(i64::from(n % 90) * HOUR_MS),
        corrects: None,
        given_ms: None,
        shows: false,
    }
}

#[test]
fn without_a_version_to_go_to_an_order_is_refused_and_says_why() {
    let mut log = Log::of(&[Body::Configuration(&active("1"))]);
    let promote = move_to(ControlStep::Promote, "2");
    assert_eq!(log.refused(Body::Control(&promote)), "there is no candidate");
    let drop = move_to(ControlStep::Drop, "2");
    assert_eq!(log.refused(Body::Control(&drop)), "there is no candidate");
    let back = move_to(ControlStep::Rollback, "0");
    assert_eq!(log.refused(Body::Control(&back)), "there is no version before the active one");
    log.take(Body::Configuration(&shadow("3")));
    let wanted = "the candidate is \"3\", not \"2\"";
    let again = Body::Control(&promote);
    assert_eq!(log.take(again).0, Outcome::Repeated(Some(Reason::Conflict)), "known bytes");
    let other = move_to(ControlStep::Promote, "2 ");
    assert_eq!(log.refused(Body::Control(&other)), wanted.replace("\"2\"", "\"2 \""));
    assert_eq!(
        log.refused(Body::Configuration(&shadow("1"))),
        "the active version is named \"1\", too"
    );
    let early = Log(State::initial(PartitionId(0))).refused(Body::Configuration(&shadow("1")));
    assert!(early.contains("no version is active"), "{early}");
}

#[test]
fn a_promotion_outlasts_a_restart_with_the_same_file_and_a_new_file_takes_over() {
    let (first, second) = (active("1"), canary("2", 10));
    let mut log = Log::of(&[Body::Configuration(&first), Body::Configuration(&second)]);
    let promote = move_to(ControlStep::Promote, "2");
    assert_eq!(log.take(Body::Control(&promote)).1, [Event::ControlSet]);
    assert_eq!(log.stands(), [Some("2"), Some("1"), None]);
    assert_eq!(log.take(Body::Control(&promote)).0, Outcome::Repeated(None), "told again");
    assert_eq!(log.0.routing.versions.entered(), Some(&first));
    assert_eq!(log.take(Body::Configuration(&first)).0, Outcome::Repeated(None));
    assert_eq!(log.stands(), [Some("2"), Some("1"), None]);
    // The file says now what was promoted: it enters, and nothing moves.
    assert_eq!(log.take(Body::Configuration(&active("2"))).0, Outcome::Stored);
    assert_eq!(log.stands(), [Some("2"), Some("1"), None]);
    assert_eq!(log.take(Body::Configuration(&active("3"))).0, Outcome::Stored);
    assert_eq!(log.stands(), [Some("3"), Some("2"), None]);
}

#[test]
fn a_rollback_leads_to_the_version_before_and_back() {
    let mut log = Log::of(&[Body::Configuration(&active("1")), Body::Configuration(&active("2"))]);
    let back = move_to(ControlStep::Rollback, "1");
    assert_eq!(log.take(Body::Control(&back)).0, Outcome::Stored);
    assert_eq!(log.stands(), [Some("1"), Some("2"), None]);
    assert_eq!(log.take(Body::Control(&back)).0, Outcome::Repeated(None));
    let forth = move_to(ControlStep::Rollback, "2");
    assert_eq!(log.take(Body::Control(&forth)).0, Outcome::Stored);
    assert_eq!(log.stands(), [Some("2"), Some("1"), None]);
}

#[test]
fn a_candidate_is_given_up_alone() {
    let mut log = Log::of(&[Body::Configuration(&active("1")), Body::Configuration(&shadow("2"))]);
    log.take(Body::Control(&move_to(ControlStep::Drop, "2")));
    assert_eq!(log.stands(), [Some("1"), None, None]);
}

#[test]
fn a_shadow_decides_beside_the_active_version_and_nothing_of_it_goes_out() {
    let nap =
        PolicyRule { kind: RuleKind::Fixed, order: vec!["nap".into()], ..PolicyRule::linucb() };
    let beside = ConfigurationBody { rule: nap, ..shadow("2") };
    let log = Log::of(&[Body::Configuration(&active("1")), Body::Configuration(&beside)]);
    let Decided::Made(made, Some(shadow)) = log.decides(&Person::initial(), "ada") else {
        panic!("a decision and its shadow");
    };
    assert_eq!((made.configuration.as_str(), made.stage), ("1", Stage::Active));
    assert_eq!((made.greedy.as_str(), shadow.greedy.as_str()), ("walk", "nap"));
    assert_eq!((shadow.decision_id, shadow.configuration.as_str()), (made.decision_id, "2"));
    // What goes out is the active version's word alone.
    let alone = Log::of(&[Body::Configuration(&active("1"))]);
    let Decided::Made(without, None) = alone.decides(&Person::initial(), "ada") else {
        panic!("a decision alone");
    };
    assert_eq!(made, without);
}

#[test]
fn a_canary_takes_its_share_of_the_people_and_keeps_them_while_it_grows() {
    let taken = |name: &str, percent| {
        let log = Log::of(&[
            Body::Configuration(&active("1")),
            Body::Configuration(&canary(name, percent)),
        ]);
        let is_taken = |n: &u32| match log.decides(&Person::initial(), &format!("person {n}")) {
            Decided::Made(made, None) => {
                let is_canary = made.stage == Stage::Canary;
                assert_eq!(made.configuration == name, is_canary);
                is_canary
            }
            other => panic!("{other:?}"),
        };
        (0..1000).filter(is_taken).collect::<Vec<u32>>()
    };
    let (few, more) = (taken("2", 10), taken("2", 30));
    assert!((70..130).contains(&few.len()) && (250..350).contains(&more.len()));
    assert!(few.iter().all(|n| more.contains(n)));
    assert_ne!(few, taken("3", 10), "each version draws its own share");
}

#[test]
fn a_growing_canary_keeps_what_it_learnt() {
    let mut log =
        Log::of(&[Body::Configuration(&active("1")), Body::Configuration(&canary("2", 10))]);
    (0..9).for_each(|n| routing::apply_feedback(&mut log.0.routing, &feedback(n)));
    log.take(Body::Configuration(&canary("2", 50)));
    let candidate = log.0.routing.versions.candidate().expect("it stands");
    assert_eq!(candidate.kept.arms().iter().map(|arm| arm.sums().n).sum::<u64>(), 9);
}

#[test]
fn a_stopped_arm_is_not_eligible_and_doing_nothing_remains() {
    let mut log = Log::of(&[Body::Configuration(&active("1"))]);
    let typo = order(ControlStep::Stop, ControlScope::Arm, "nab");
    assert_eq!(log.refused(Body::Control(&typo)), "no arm is named \"nab\"");
    for name in ["walk", "nap", "no_intervention"] {
        log.take(Body::Control(&order(ControlStep::Stop, ControlScope::Arm, name)));
    }
    let Decided::Made(made, None) = log.decides(&Person::initial(), "ada") else { panic!("made") };
    assert_eq!(
        (made.stopped, made.chosen.as_str()),
        (vec!["walk".into(), "nap".into()], "no_intervention")
    );
    log.take(Body::Control(&order(ControlStep::Resume, ControlScope::Arm, "nap")));
    let Decided::Made(made, None) = log.decides(&Person::initial(), "ada") else { panic!("made") };
    assert_eq!((made.stopped, made.eligible.len()), (vec!["walk".into()], 2));
}

#[test]
fn what_is_stopped_decides_nothing_until_it_is_resumed() {
    let ada = profile();
    let mut log = Log::of(&[Body::Configuration(&active("1")), Body::Profile(&ada)]);
    let scopes =
        [(ControlScope::All, ""), (ControlScope::Person, ""), (ControlScope::Version, "1")];
    for (scope, name) in scopes {
        let stop = order(ControlStep::Stop, scope, name);
        assert_eq!(log.take(Body::Control(&stop)).1, [Event::ControlSet], "{scope}");
        assert_eq!(log.take(Body::Control(&stop)).0, Outcome::Repeated(None), "{scope}");
        match log.decides(&Person::initial(), "ada") {
            Decided::Withheld(withheld) => {
                assert_eq!((withheld.scope, withheld.configuration.as_str()), (scope, "1"));
                assert_eq!((withheld.at_ms, withheld.analysis_end_ms), (NOW_MS, NOW_MS));
            }
            made => panic!("{made:?}"),
        }
        let others = matches!(log.decides(&Person::initial(), "bob"), Decided::Made(..));
        assert_eq!(others, scope == ControlScope::Person);
        assert_eq!(
            log.take(Body::Control(&order(ControlStep::Resume, scope, name))).0,
            Outcome::Stored
        );
        assert!(matches!(log.decides(&Person::initial(), "ada"), Decided::Made(..)), "{scope}");
    }
}

proptest! {
    #[test]
    fn every_version_learns_every_outcome_in_whatever_order(
        order in Just((0..40).collect::<Vec<i32>>()).prop_shuffle(), at in 0usize..40,
    ) {
        let model = LearnerModel { forgetting: ForgettingKind::Discount, bucket_h: 6, half_life_h: 24, ..LearnerModel::plain() };
        let forgets = ConfigurationBody { model, ..canary("2", 10) };
        let learnt = |ns: &[i32]| {
            let log = Log::of(&[
                Body::Configuration(&active("0")),
                Body::Configuration(&active("1")),
                Body::Configuration(&forgets),
            ]);
            let mut shared: Shared = log.0.routing;
            ns.iter().for_each(|n| routing::apply_feedback(&mut shared, &feedback(*n)));
            shared
        };
        let straight: Vec<i32> = (0..40).collect();
        let (one, other) = (learnt(&straight), learnt(&order));
        prop_assert_eq!(&one.versions, &other.versions);
        let counts = |shared: &Shared| -> Vec<u64> {
            let of = |arms: &[routing::learner::LearnerArm]| arms.iter().map(|arm| arm.sums().n).sum();
            shared.versions.iter().map(|version| of(version.kept.arms())).collect()
        };
        prop_assert_eq!(counts(&one), vec![40, 40, 40]);
        // A state written down and read back goes on with the same bits.
        let mut restored = learnt(&order[..at]);
        let text = serde_json::to_string(&restored.versions).expect("plain data");
        restored.versions = serde_json::from_str(&text).expect("its own text");
        order[at..].iter().for_each(|n| routing::apply_feedback(&mut restored, &feedback(*n)));
        prop_assert_eq!(&restored.versions, &other.versions);
    }
}
