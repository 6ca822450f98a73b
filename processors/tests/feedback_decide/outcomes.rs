//! Outcomes of one decision: the first, repeats, corrections, late ones, and none.

use zeitgeber_processors::feedback::{self, MOST_SEEN};
use zeitgeber_schemas::{
    DecisionId, Event, FeedbackRecorded, FeedbackStatus, Missing, Reason, Response,
};

use super::kit::{Given, Report, WINDOW_MS, configuration, decision};

#[test]
fn an_outcome_is_joined_to_the_logged_features() {
    let mut given = Given::one();
    assert_eq!(given.shared.subject_of(DecisionId(1)), Some(5));
    let recorded = given.when("f1", 10, Response::Accepted, None).expect("joined to its decision");
    let wanted = FeedbackRecorded {
        decision_id: DecisionId(1),
        feedback_id: "f1".into(),
        status: FeedbackStatus::Applied,
        arm: "walk".into(),
        incarnation: 2,
        features: vec![4096, 7],
        reward: 4096,
        replaces: None,
        decided_ms: Some(0),
        corrects: None,
        given_ms: Some(10),
        shows: true,
    };
    assert_eq!(recorded, wanted);
}

#[test]
fn responses_map_to_rewards_on_the_grid() {
    for (response, reward) in [
        (Response::Accepted, 4096),
        (Response::Dismissed, 0),
        (Response::Rating(1.0), 0),
        (Response::Rating(4.0), 3072),
        (Response::MeasuredChange(0.0), 2048),
        (Response::MeasuredChange(-9.0), 0),
        (Response::MeasuredChange(1.5), 3072),
        (Response::Reward(-0.5), -2048),
        (Response::Reward(99.0), 32_768),
    ] {
        let recorded =
            Given::one().when("f", 0, response.clone(), None).expect("joined to its decision");
        assert_eq!(recorded.reward, reward, "{response:?}");
    }
}

#[test]
fn responses_out_of_range_are_dead_letters() {
    for response in [
        Response::Rating(0.9),
        Response::Rating(5.1),
        Response::Rating(f64::NAN),
        Response::MeasuredChange(f64::INFINITY),
        Response::Reward(f64::NAN),
    ] {
        let dead = Given::one().when("f", 0, response.clone(), None).expect_err("a dead letter");
        assert_eq!(dead.reason, Reason::OutOfRange, "{response:?}");
        assert!(dead.detail.starts_with(response.name()), "{}", dead.detail);
    }
}

#[test]
fn the_first_outcome_wins_and_the_window_ends() {
    let mut given = Given::one();
    assert_eq!(given.status("late", WINDOW_MS + 1), FeedbackStatus::Expired);
    assert_eq!(given.status("f1", WINDOW_MS), FeedbackStatus::Applied);
    assert_eq!(given.status("f1", WINDOW_MS), FeedbackStatus::Duplicate);
    assert_eq!(given.status("f2", WINDOW_MS), FeedbackStatus::Duplicate);
    assert_eq!(given.status("f1", WINDOW_MS + 1), FeedbackStatus::Duplicate);
}

#[test]
fn a_correction_replaces_the_reward_that_stands_and_counts_once() {
    let mut given = Given::one();
    let early =
        given.when("f0", 1, Response::Rating(5.0), Some("lost")).expect("joined to its decision");
    assert_eq!((early.status, early.replaces), (FeedbackStatus::Applied, None));
    let second =
        given.when("f1", 2, Response::Dismissed, Some("f0")).expect("joined to its decision");
    assert_eq!((second.status, second.replaces), (FeedbackStatus::Corrected, Some(4096)));
    let third =
        given.when("f2", 3, Response::Rating(3.0), Some("f1")).expect("joined to its decision");
    assert_eq!((third.status, third.replaces), (FeedbackStatus::Corrected, Some(0)));
    let again =
        given.when("f1", 4, Response::Dismissed, Some("f0")).expect("joined to its decision");
    assert_eq!(again.status, FeedbackStatus::Duplicate);
}

#[test]
fn the_memory_of_feedback_ids_is_bounded_and_forgets_none() {
    let mut given = Given::one();
    for i in 0..MOST_SEEN {
        let id = format!("f{i}");
        let recorded =
            given.when(&id, 0, Response::Accepted, Some("f")).expect("joined to its decision");
        assert_ne!(recorded.status, FeedbackStatus::Duplicate);
    }
    let more =
        given.when("one more", 0, Response::Accepted, Some("f")).expect("joined to its decision");
    assert_eq!(more.status, FeedbackStatus::Duplicate);
}

#[test]
fn an_arm_removed_since_learns_nothing_even_if_its_name_comes_back() {
    let mut given = Given::one();
    feedback::apply_configuration(&mut given.shared, &configuration(Missing::ImputeZero, &[]));
    let back = configuration(Missing::ImputeZero, &["walk"]);
    feedback::apply_configuration(&mut given.shared, &back);
    assert_eq!(given.status("f1", 1), FeedbackStatus::Retired);
    assert_eq!(given.status("f2", 1), FeedbackStatus::Retired);
    assert_eq!(given.status("f1", 1), FeedbackStatus::Duplicate);
    assert_eq!(given.expire(WINDOW_MS + 1), [], "its outcome came");
}

#[test]
fn doing_nothing_is_never_retired_and_waits_for_its_outcome() {
    let nothing = decision(1, "no_intervention", 0);
    let mut given = Given::decisions(Missing::ImputeZero, &[nothing]);
    feedback::apply_configuration(&mut given.shared, &configuration(Missing::ImputeZero, &[]));
    assert_eq!(given.status("f", 1), FeedbackStatus::Applied);
}

#[test]
fn windows_close_at_the_clock_with_and_without_an_outcome() {
    let decisions = [0, 10, 20].map(|at| decision(1 + at as u128, "walk", at));
    let mut given = Given::decisions(Missing::ImputeZero, &decisions);
    assert_eq!(given.status("f", 5), FeedbackStatus::Applied);
    assert_eq!(given.expire(WINDOW_MS), []);
    assert_eq!(given.expire(WINDOW_MS + 15), [(11, Some(0))], "the first had its outcome");
    assert_eq!(given.expire(WINDOW_MS + 15), [], "each expires once");
    assert_eq!(given.shared.open_decisions(), 3, "remembered for another window");
    assert_eq!(given.status("f2", WINDOW_MS + 15), FeedbackStatus::Expired);
    assert_eq!(given.expire(2 * WINDOW_MS + 15), [(21, Some(0))]);
    assert_eq!(given.shared.open_decisions(), 1);
    let event =
        given.take(&Report::outcome("f3", 30, None)).expect("it is forgotten, so waited for");
    assert!(matches!(event, Event::FeedbackParked(_)), "{event:?}");
}

#[test]
fn a_late_outcome_corrects_the_imputed_one() {
    let mut given = Given::decisions(Missing::ImputeZero, &[decision(1, "walk", 0)]);
    assert_eq!(given.expire(WINDOW_MS + 1), [(1, Some(0))]);
    assert_eq!(given.status("f", WINDOW_MS + 2), FeedbackStatus::Corrected);
    assert_eq!(given.status("f", WINDOW_MS + 3), FeedbackStatus::Duplicate);
}

#[test]
fn policy_says_what_becomes_of_a_missing_outcome() {
    let open = [decision(1, "walk", 0)];
    assert_eq!(Given::decisions(Missing::Drop, &open).expire(WINDOW_MS + 1), [(1, None)]);
    let mut retired = Given::decisions(Missing::ImputeZero, &open);
    feedback::apply_configuration(&mut retired.shared, &configuration(Missing::ImputeZero, &[]));
    assert_eq!(retired.expire(WINDOW_MS + 1), [(1, None)]);
}

#[test]
fn clock_before_expiry_event_folds_to_the_same_state() {
    let mut live = Given::one();
    let mut replayed = Given::one();
    let mut events = Vec::new();
    feedback::decide_expiry(&live.shared, &live.person, WINDOW_MS + 1, &mut events);
    live.expire(WINDOW_MS + 1);
    feedback::apply_clock(&mut replayed.shared, &mut replayed.person, WINDOW_MS + 1);
    events.iter().for_each(|event| feedback::apply_expired(&mut replayed.shared, event));
    assert_eq!((live.shared, live.person), (replayed.shared, replayed.person));
}
