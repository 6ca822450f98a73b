//! Feedback that comes before its decision: it waits, is joined, or is given up.

use zeitgeber_processors::feedback::{self, MOST_ORPHANED_AT_ONCE, MOST_PARKED, MOST_SEEN};
use zeitgeber_schemas::{
    DecisionId, Envelope, Event, FeedbackBody, FeedbackStatus, InterventionSuppressed, Missing,
    Reason, Suppression,
};

use super::kit::{Given, Report, WINDOW_MS, decision};

fn nobody() -> Given {
    Given::decisions(Missing::ImputeZero, &[])
}

/// Makes decision 1 for ada, with what waits for it; the events after the decision's own.
fn decide(given: &mut Given, at_ms: i64, suppressed: Option<Suppression>) -> Vec<Event> {
    let made = decision(1, "walk", at_ms);
    let (decision_id, arm) = (made.decision_id, made.chosen.clone());
    let suppressed = suppressed.map(|reason| InterventionSuppressed { decision_id, arm, reason });
    let (mut out, whose) = (Vec::new(), ("default", "ada"));
    feedback::decide_arrivals(&given.shared, whose, &made, suppressed.as_ref(), &mut out);
    feedback::apply_decision(&mut given.shared, &mut given.person, 5, &made);
    if let Some(event) = &suppressed {
        feedback::apply_suppressed(&mut given.shared, event);
    }
    let unused = Report::outcome("unused", 0, None);
    out.iter().for_each(|event| given.fold(&unused, event));
    out
}

fn statuses(events: &[Event]) -> Vec<(&str, FeedbackStatus)> {
    let recorded = events.iter().map(|event| match event {
        Event::FeedbackRecorded(event) => (&*event.feedback_id, event.status),
        other => panic!("feedback led to {other:?}"),
    });
    recorded.collect()
}

fn park(given: &mut Given, report: &Report<'_>) -> i64 {
    match given.take(report).expect("it waits") {
        Event::FeedbackParked(parked) => parked.until_ms,
        other => panic!("feedback led to {other:?}"),
    }
}

#[test]
fn feedback_on_an_unknown_decision_waits_and_is_joined_when_it_is_made() {
    let mut given = nobody();
    assert_eq!(park(&mut given, &Report::outcome("f1", 50, None)), 50 + WINDOW_MS);
    assert!(given.shared.has_seen(DecisionId(1), "f1"), "the same again causes nothing");
    assert_eq!(given.shared.parked(), 1);
    let events = decide(&mut given, 40, None);
    assert_eq!(statuses(&events), [("f1", FeedbackStatus::Applied)]);
    assert_eq!((given.shared.parked(), given.learnt.0[&1]), (0, 4096));
    assert!(given.shared.has_seen(DecisionId(1), "f1"));
}

#[test]
fn what_waits_is_joined_in_its_order_by_the_rules_for_what_comes_in_time() {
    let mut given = nobody();
    for report in [
        Report::outcome("late", WINDOW_MS + 41, None),
        Report::reward("c", 60, 0.5).correcting("f1"),
        Report::outcome("f1", 50, None),
    ] {
        park(&mut given, &report);
    }
    let events = decide(&mut given, 40, None);
    assert_eq!(
        statuses(&events[..2]),
        [("late", FeedbackStatus::Expired), ("c", FeedbackStatus::Applied)]
    );
    assert_eq!(statuses(&events[2..]), [("f1", FeedbackStatus::Duplicate)]);
    assert_eq!(given.learnt.0[&1], 2048);
}

#[test]
fn what_waits_for_an_intervention_that_does_not_go_out_teaches_nothing() {
    let mut given = nobody();
    park(&mut given, &Report::reward("m", 50, 1.0));
    let events = decide(&mut given, 40, Some(Suppression::Cooldown));
    assert!(matches!(&events[..], [Event::FeedbackNoted(_)]), "{events:?}");
    assert!(given.learnt.0.is_empty());
}

#[test]
fn feedback_of_somebody_else_is_given_up_when_the_decision_is_made() {
    let mut given = nobody();
    park(&mut given, &Report { user_id: Some("bob"), ..Report::outcome("f1", 50, None) });
    park(&mut given, &Report { user_id: Some("ada"), ..Report::outcome("f2", 51, None) });
    let events = decide(&mut given, 40, None);
    let Event::FeedbackOrphaned(orphan) = &events[0] else { panic!("{events:?}") };
    assert_eq!((&*orphan.feedback_id, orphan.user_id.as_deref()), ("f1", Some("bob")));
    assert_eq!(statuses(&events[1..]), [("f2", FeedbackStatus::Applied)]);
    assert_eq!(given.shared.parked(), 0);
}

#[test]
fn what_has_waited_for_a_window_is_given_up() {
    let mut given = nobody();
    let until_ms = park(&mut given, &Report::outcome("f1", 50, None));
    let mut out = Vec::new();
    feedback::decide_orphans(&given.shared, until_ms, None, &mut out);
    assert_eq!(out, []);
    feedback::decide_orphans(&given.shared, until_ms + 1, Some(DecisionId(1)), &mut out);
    assert_eq!(out, [], "its decision is made by the same input");
    feedback::decide_orphans(&given.shared, until_ms + 1, None, &mut out);
    let Event::FeedbackOrphaned(orphan) = &out[0] else { panic!("{out:?}") };
    assert_eq!((&*orphan.feedback_id, orphan.given_ms, &*orphan.tenant), ("f1", 50, "default"));
    feedback::apply_orphaned(&mut given.shared, orphan);
    assert_eq!(given.shared.parked(), 0);
}

#[test]
fn old_feedback_waits_from_the_partitions_newest_arrival_on() {
    let given = nobody();
    let report = Report::outcome("f1", 50, None);
    let event = feedback::decide(&given.shared, &report.envelope(), &report.body(), Some(70_000));
    let Ok(Event::FeedbackParked(parked)) = event else { panic!("{event:?}") };
    assert_eq!(parked.until_ms, 70_000 + WINDOW_MS);
}

#[test]
fn what_waits_is_bounded_in_number_and_given_up_in_portions() {
    let mut given = nobody();
    let body = |id: usize| FeedbackBody {
        decision_id: DecisionId(id as u128 + 1),
        ..Report::outcome("f", 0, None).body()
    };
    let envelope = Envelope { tenant: "default", user_id: "ada", id: "f", ts: 0, recv_ts: None };
    for id in 0..MOST_PARKED {
        let event = feedback::decide(&given.shared, &envelope, &body(id), None);
        let Ok(Event::FeedbackParked(event)) = event else { panic!("{event:?}") };
        feedback::apply_parked(&mut given.shared, &envelope, &body(id), &event);
    }
    let more = feedback::decide(&given.shared, &envelope, &body(MOST_PARKED), None);
    assert_eq!(more.expect_err("too many wait").reason, Reason::Orphan);
    let mut out = Vec::new();
    feedback::decide_orphans(&given.shared, WINDOW_MS + 1, None, &mut out);
    assert_eq!(out.len(), MOST_ORPHANED_AT_ONCE);
}

#[test]
fn what_waits_for_one_decision_is_bounded_too() {
    let mut given = nobody();
    for id in 0..MOST_SEEN {
        park(&mut given, &Report::outcome(&format!("f{id}"), 50, None));
    }
    let more = given.take(&Report::outcome("more", 50, None));
    assert_eq!(more.expect_err("too many wait").reason, Reason::Orphan);
}
