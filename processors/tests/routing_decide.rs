//! Routing's decider: given a past, when an hour is sealed, then this decision or none.

use zeitgeber_processors::{
    ledger::LocalTime,
    routing::{self, Context, Decided, Person, Shared, features},
};
use zeitgeber_schemas::{
    Arm, Composite, ConfigurationBody, Daypart, DecisionId, DecisionMade, FeedbackPolicy,
    FeedbackRecorded, FeedbackStatus, InterventionIssued, LearnerModel, Limits, MaskReason,
    Missing, OutcomeExpired, PartitionId, Policy, PolicyRule, ProfileBody, RhythmAnalysed, Rollout,
    Scale, Span,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

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

fn configuration(arms: Vec<Arm>) -> ConfigurationBody {
    ConfigurationBody {
        version: "v1".into(),
        policy: Policy { alpha: 0.5, lambda: 1.0, epsilon: 0.1, seed: 7 },
        limits: Limits { cooldown_min: 60, daily_budget: 3 },
        feedback: FeedbackPolicy { window_ms: DAY_MS, missing: Missing::Drop },
        rule: PolicyRule::linucb(),
        model: LearnerModel::plain(),
        rollout: Rollout::active(),
        arms,
    }
}

fn analysis(span: Span, window_end_ms: i64) -> RhythmAnalysed {
    RhythmAnalysed {
        span,
        window_start_ms: window_end_ms - 7 * DAY_MS,
        window_end_ms,
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

struct Given {
    shared: Shared,
    person: Person,
    profile: ProfileBody,
    backfill: bool,
}

impl Given {
    fn arms(arms: Vec<Arm>) -> Self {
        let mut shared = Shared::initial();
        routing::apply_configuration(&mut shared, &configuration(arms));
        Self { shared, person: Person::initial(), profile: profile(), backfill: false }
    }

    fn issued(mut self, arm: &str, at_ms: i64) -> Self {
        let event = InterventionIssued {
            decision_id: DecisionId(0),
            arm: arm.into(),
            channel: "app".into(),
            message: String::new(),
            at_ms,
            valid_until_ms: at_ms,
        };
        routing::apply_issued(&mut self.person, &self.profile, &event);
        self
    }

    fn when(&self, clock_ms: i64, analysed: &[RhythmAnalysed]) -> Option<DecisionMade> {
        let context = Context {
            partition: PartitionId(3),
            key: "ada",
            profile: &self.profile,
            clock_ms,
            backfill: self.backfill,
        };
        match routing::decide(&self.shared, &self.person, &context, analysed)? {
            Decided::Made(made, None) => Some(*made),
            other => panic!("nothing is stopped or in the shadow: {other:?}"),
        }
    }

    /// What is masked at an hour of the second day.
    fn masks_at(&self, hour: i64) -> Vec<(String, MaskReason)> {
        let end = DAY_MS + hour * HOUR_MS;
        let decision = self.when(end, &[analysis(Span::Hour, end)]).expect("a decision");
        decision.masked.into_iter().map(|masked| (masked.arm, masked.reason)).collect()
    }
}

fn two_arms() -> Given {
    Given::arms(vec![arm("walk"), arm("no_intervention")])
}

#[test]
fn the_newest_sealed_hour_leads_to_a_decision_that_carries_everything() {
    let end = DAY_MS + 10 * HOUR_MS;
    let older = analysis(Span::Hour, end - HOUR_MS);
    let made = two_arms()
        .when(end + 5 * MINUTE_MS, &[analysis(Span::Hour, end), older])
        .expect("a decision");
    assert_eq!((made.at_ms, made.analysis_end_ms), (end + 5 * MINUTE_MS, end));
    assert_eq!(made.decision_id.partition(), PartitionId(3));
    assert_eq!((made.feature_version, made.model_version), (features::FEATURE_VERSION, 0));
    assert_eq!((made.configuration.as_str(), made.seed), ("v1", 7));
    assert_eq!(made.features.len(), features::DIMENSION);
    let arms: Vec<_> = made.eligible.iter().map(|eligible| eligible.arm.as_str()).collect();
    assert_eq!(arms, ["walk", "no_intervention"]);
    assert_eq!(made.greedy, "walk", "cold arms tie, and the first registered wins");
    assert_eq!(made.eligible[0].propensity, 0.05 + 0.9);
}

#[test]
fn revisions_midnights_old_hours_and_backfills_decide_nothing() {
    let (mut given, end) = (two_arms(), DAY_MS + 10 * HOUR_MS);
    let hour = analysis(Span::Hour, end);
    let revised = RhythmAnalysed { revision: 1, ..hour.clone() };
    assert_eq!(given.when(end, &[revised]), None);
    assert_eq!(given.when(end, &[analysis(Span::Midnight, end)]), None);
    assert_eq!(given.when(end + routing::FRESH_MS + 1, std::slice::from_ref(&hour)), None);
    assert!(given.when(end + routing::FRESH_MS, std::slice::from_ref(&hour)).is_some());
    routing::apply_analysed(&mut given.person, &hour);
    assert!(given.when(end, std::slice::from_ref(&hour)).is_some(), "folded already, still new");
    assert_eq!(given.when(end, &[analysis(Span::Hour, end - HOUR_MS)]), None);
    given.backfill = true;
    assert_eq!(given.when(end, &[hour]), None);
}

#[test]
fn without_a_configuration_nothing_is_decided() {
    let given = Given { shared: Shared::initial(), ..two_arms() };
    assert_eq!(given.when(DAY_MS, &[analysis(Span::Hour, DAY_MS)]), None);
}

#[test]
fn each_decision_of_a_person_has_its_own_id() {
    let mut given = two_arms();
    let hour = [analysis(Span::Hour, DAY_MS)];
    let first = given.when(DAY_MS, &hour).expect("a decision");
    assert_eq!(first.decision_id, given.when(DAY_MS, &hour).expect("a decision").decision_id);
    routing::apply_decision(&mut given.shared, &mut given.person, &first);
    assert_ne!(first.decision_id, given.when(DAY_MS, &hour).expect("a decision").decision_id);
}

#[test]
fn doing_nothing_is_eligible_even_unnamed_suspended_or_asleep() {
    let unnamed = Given::arms(vec![arm("walk")]);
    let end = DAY_MS + 3 * HOUR_MS;
    let made = unnamed.when(end, &[analysis(Span::Hour, end)]).expect("a decision");
    assert_eq!((made.chosen.as_str(), made.propensity), ("no_intervention", 1.0));
    assert_eq!(made.masked[0].reason, MaskReason::Asleep);
    let suspended = Arm { suspended: true, ..arm("no_intervention") };
    let made =
        Given::arms(vec![suspended]).when(end, &[analysis(Span::Hour, end)]).expect("a decision");
    assert_eq!(made.chosen, "no_intervention");
}

#[test]
fn every_mask_names_its_first_reason() {
    let masked = |given: &Given, hour| {
        let masks = given.masks_at(hour);
        masks.first().map(|(_, reason)| *reason)
    };
    let one = |arm: Arm| Given::arms(vec![arm]);
    assert_eq!(masked(&one(arm("walk")), 10), None);
    assert_eq!(
        masked(&one(Arm { suspended: true, ..arm("walk") }), 3),
        Some(MaskReason::Suspended)
    );
    assert_eq!(masked(&one(arm("walk")), 23), Some(MaskReason::Asleep));
    let mut mute = one(arm("walk"));
    mute.profile.channel = None;
    assert_eq!(masked(&mute, 3), Some(MaskReason::NoChannel));
    let mut quiet = one(arm("walk"));
    (quiet.profile.quiet_start_min, quiet.profile.quiet_end_min) = (Some(22 * 60), Some(8 * 60));
    assert_eq!(masked(&quiet, 7), Some(MaskReason::QuietHours));
    assert_eq!(masked(&quiet, 8), None);
    let at = DAY_MS + 10 * HOUR_MS;
    let recent = one(arm("walk")).issued("other", at - 59 * MINUTE_MS);
    assert_eq!(masked(&recent, 10), Some(MaskReason::Cooldown));
    let spent = (0..3).fold(one(arm("walk")), |given, _| given.issued("other", at - 2 * HOUR_MS));
    assert_eq!(masked(&spent, 10), Some(MaskReason::Budget));
    let alert = Arm { min_kss: Some(5.5), ..arm("walk") };
    assert_eq!(masked(&one(alert), 10), Some(MaskReason::Alert));
    let capped = one(Arm { dose_cap: 1, ..arm("walk") }).issued("walk", at - 2 * HOUR_MS);
    assert_eq!(masked(&capped, 10), Some(MaskReason::DoseCap));
}

#[test]
fn windows_count_from_waking_and_towards_sleep() {
    let window = |daypart, from_min, to_min| {
        Given::arms(vec![Arm { daypart, from_min, to_min, ..arm("walk") }])
    };
    let open = |given: &Given, hour| given.masks_at(hour).is_empty();
    let morning = window(Daypart::AfterWake, 60, 180);
    assert_eq!([7, 8, 9, 10].map(|hour| open(&morning, hour)), [false, true, true, false]);
    for (from_min, to_min) in [(120, 0), (0, 120)] {
        let evening = window(Daypart::BeforeSleep, from_min, to_min);
        assert_eq!([20, 21, 22].map(|hour| open(&evening, hour)), [false, true, true]);
    }
    let mut late = window(Daypart::BeforeSleep, 180, 60);
    late.profile.sleep_start_min = 60;
    late.profile.sleep_end_min = 9 * 60;
    assert_eq!([21, 22, 23].map(|hour| open(&late, hour)), [false, true, true]);
    assert!(!open(&late, 0));
}

#[test]
fn outcomes_reach_the_learner_once_each() {
    let mut shared = two_arms().shared;
    let features = vec![4096; features::DIMENSION];
    let feedback = |status, reward, replaces| FeedbackRecorded {
        decision_id: DecisionId(1),
        feedback_id: "f".into(),
        status,
        arm: "walk".into(),
        incarnation: 0,
        features: features.clone(),
        reward,
        replaces,
        decided_ms: None,
        corrects: None,
        given_ms: None,
        shows: false,
    };
    for status in [FeedbackStatus::Duplicate, FeedbackStatus::Expired, FeedbackStatus::Retired] {
        routing::apply_feedback(&mut shared, &feedback(status, 4096, None));
    }
    assert_eq!(shared.rewards_taken, 0);
    routing::apply_feedback(&mut shared, &feedback(FeedbackStatus::Applied, 4096, None));
    routing::apply_feedback(&mut shared, &feedback(FeedbackStatus::Corrected, 0, Some(4096)));
    let sums = shared.learner().expect("configured").current("walk").expect("registered").sums();
    assert_eq!((sums.n, sums.reward_sum, shared.rewards_taken), (1, 0, 2));
    let expired = |imputed| OutcomeExpired {
        decision_id: DecisionId(2),
        arm: "walk".into(),
        incarnation: 0,
        features: features.clone(),
        imputed,
        decided_ms: None,
        unshown: false,
    };
    routing::apply_expired(&mut shared, &expired(None));
    routing::apply_expired(&mut shared, &expired(Some(0)));
    assert_eq!(
        shared.learner().expect("configured").current("walk").expect("registered").sums().n,
        2
    );
    assert_eq!(shared.rewards_taken, 3);
}

#[test]
fn features_are_centred_and_missing_ones_are_zero() {
    let saturday_six = LocalTime { day: 2, minute: 360 };
    let bare = analysis(Span::Hour, DAY_MS);
    let x = features::features(&bare, saturday_six, Some(12 * HOUR_MS));
    assert_eq!(x, [4096, 4096, 0, 0, 0, 0, 0, 0, 0, 4096]);
    let mut full = RhythmAnalysed {
        recent_light: Some(3.0),
        recent_activity: Some(7.0),
        kss: 9.0,
        ..analysis(Span::Hour, DAY_MS)
    };
    full.composite.vitality = Some(1.0);
    full.hourly = Some(zeitgeber_schemas::HourlyRhythm {
        n_hours: 48,
        is: Some(0.75),
        iv: None,
        mesor: Some(1.0),
        amplitude: None,
        acrophase_rad: None,
    });
    let monday_midnight = LocalTime { day: 4, minute: 0 };
    let x = features::features(&full, monday_midnight, None);
    assert_eq!(x, [4096, 0, 4096, 8192, 8192, 4096, 4096, 4096, 4096, 0]);
}
