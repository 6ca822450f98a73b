//! Retractions, words on whether the intervention was shown, and reports that overtake each other.

use zeitgeber_processors::feedback;
use zeitgeber_schemas::{
    Event, FeedbackClaim, FeedbackStatus, InterventionSuppressed, Missing, Response, Suppression,
};

use super::kit::{Given, Report, WINDOW_MS, decision};

const NOTHING: (Option<i32>, Option<i32>) = (None, None);

#[test]
fn a_retraction_takes_back_what_was_learnt_and_the_decision_waits_again() {
    let mut given = Given::one();
    assert_eq!(given.status("f1", 1), FeedbackStatus::Applied);
    assert_eq!(given.noted(&Report::retraction("r", 2, "f1")), (Some(4096), None));
    assert_eq!(given.noted(&Report::retraction("r2", 3, "f1")), NOTHING, "it was taken back");
    assert!(given.learnt.0.is_empty() && given.shared.waiting_decisions() == 1);
    assert_eq!(given.status("f2", 4), FeedbackStatus::Applied, "another outcome may come");
}

#[test]
fn a_retracted_outcome_is_missing_when_the_window_closes() {
    for (missing, imputed) in [(Missing::ImputeZero, Some(0)), (Missing::Drop, None)] {
        let mut given = Given::decisions(missing, &[decision(1, "walk", 0)]);
        assert_eq!(given.status("f1", 1), FeedbackStatus::Applied);
        assert_eq!(given.noted(&Report::retraction("r", 2, "f1")), (Some(4096), None));
        assert_eq!(given.expire(WINDOW_MS + 1), [(1, imputed)]);
    }
}

#[test]
fn a_retraction_that_overtakes_its_outcome_bars_it() {
    let mut given = Given::one();
    assert_eq!(given.noted(&Report::retraction("r", 2, "f1")), NOTHING);
    assert_eq!(given.noted(&Report::outcome("f1", 1, None)), NOTHING);
    assert!(given.learnt.0.is_empty());
}

#[test]
fn with_the_first_outcome_taken_back_the_second_stands() {
    let mut given = Given::one();
    assert_eq!(given.status("f1", 1), FeedbackStatus::Applied);
    let second = given.when("f2", 2, Response::Dismissed, None).expect("joined to its decision");
    assert_eq!(second.status, FeedbackStatus::Duplicate);
    assert_eq!(given.noted(&Report::retraction("r", 3, "f1")), (Some(4096), Some(0)));
}

#[test]
fn corrections_and_retractions_count_after_the_window_too() {
    let mut given = Given::decisions(Missing::Drop, &[decision(1, "walk", 0)]);
    assert_eq!(given.status("f1", 1), FeedbackStatus::Applied);
    assert_eq!(given.expire(WINDOW_MS + 1), []);
    let late = Report::reward("c", WINDOW_MS + 2, 0.5).correcting("f1");
    let Ok(Event::FeedbackRecorded(corrected)) = given.take(&late) else { panic!("recorded") };
    assert_eq!((corrected.status, corrected.replaces), (FeedbackStatus::Corrected, Some(4096)));
    let back = Report::retraction("r", WINDOW_MS + 3, "c");
    assert_eq!(given.noted(&back), (Some(2048), None));
}

#[test]
fn an_outcome_given_earlier_stands_though_it_comes_later() {
    let mut given = Given::one();
    let late = given.when("late", 20, Response::Dismissed, None).expect("joined to its decision");
    assert_eq!(late.status, FeedbackStatus::Applied);
    let first = given.when("first", 10, Response::Accepted, None).expect("joined to its decision");
    assert_eq!((first.status, first.replaces), (FeedbackStatus::Corrected, Some(0)));
}

#[test]
fn an_intervention_that_was_never_shown_does_not_teach() {
    let mut given = Given::one();
    let measured = Report::reward("m", 5, 1.0);
    assert_eq!(given.noted(&Report::claim("n", 1, FeedbackClaim::NotShown)), NOTHING);
    assert_eq!(given.noted(&measured), NOTHING, "what is measured tells nothing of it");
    let mut out = Vec::new();
    feedback::decide_expiry(&given.shared, &given.person, WINDOW_MS + 1, &mut out);
    assert_eq!(
        out.iter().map(|event| (event.imputed, event.unshown)).collect::<Vec<_>>(),
        [(None, true)]
    );
}

#[test]
fn what_was_learnt_is_taken_back_when_it_was_never_shown_and_learnt_again_when_it_was() {
    let mut given = Given::one();
    given.take(&Report::reward("m", 1, 0.5)).expect("joined to its decision");
    let not_shown = Report::claim("n", 2, FeedbackClaim::NotShown);
    assert_eq!(given.noted(&not_shown), (Some(2048), None));
    assert_eq!(given.noted(&Report::claim("s", 3, FeedbackClaim::Shown)), (None, Some(2048)));
}

#[test]
fn whoever_answers_has_seen_it() {
    let mut given = Given::one();
    assert_eq!(given.noted(&Report::claim("n", 1, FeedbackClaim::NotShown)), NOTHING);
    assert_eq!(given.status("f1", 2), FeedbackStatus::Applied);
}

#[test]
fn what_did_not_go_out_imputes_nothing_but_doing_nothing_does() {
    for (reason, wanted) in [
        (Suppression::Cooldown, (None, true)),
        (Suppression::NoChannel, (None, true)),
        (Suppression::NoIntervention, (Some(0), false)),
    ] {
        let mut given = Given::one();
        let event = InterventionSuppressed {
            decision_id: decision(1, "walk", 0).decision_id,
            arm: "walk".into(),
            reason,
        };
        feedback::apply_suppressed(&mut given.shared, &event);
        let mut out = Vec::new();
        feedback::decide_expiry(&given.shared, &given.person, WINDOW_MS + 1, &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!((out[0].imputed, out[0].unshown), wanted, "{reason}");
    }
}

#[test]
fn an_imputed_reward_is_taken_back_when_word_comes_that_it_was_never_shown() {
    let mut given = Given::one();
    assert_eq!(given.expire(WINDOW_MS + 1), [(1, Some(0))]);
    let word = Report::claim("n", WINDOW_MS + 5, FeedbackClaim::NotShown);
    assert_eq!(given.noted(&word), (Some(0), None));
    assert!(given.learnt.0.is_empty());
}
