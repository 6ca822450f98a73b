//! The order of reports, and how often they come, change no bit of what is learnt.

use proptest::{collection::vec, prelude::*, sample::Index};
use zeitgeber_processors::feedback;
use zeitgeber_schemas::{Event, FeedbackClaim, Missing, Response};

use super::kit::{Given, Learnt, Report, WINDOW_MS, decision};

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Debug, Clone)]
struct Drawn {
    /// What it says: outcomes of two kinds, a retraction, shown, not shown.
    kind: usize,
    stars: i32,
    corrects: Option<Index>,
    /// It arrives after the window.
    is_late: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let corrects = proptest::option::of(any::<Index>());
    (0..5_usize, 1..=5, corrects, proptest::bool::weighted(0.1))
        .prop_map(|(kind, stars, corrects, is_late)| Drawn { kind, stars, corrects, is_late })
}

/// The report of a place: given at an instant of its own.
fn report(place: usize, drawn: &Drawn) -> Report<'static> {
    let corrects = drawn.corrects.map(|index| *index.get(&IDS));
    let outcome = Report::outcome(IDS[place], 10 + place as i64, corrects);
    let recv_ts = Some(if drawn.is_late { WINDOW_MS + 1 } else { 100 });
    let stars = f64::from(drawn.stars);
    let (claim, response) = match drawn.kind {
        0 => (FeedbackClaim::Outcome, Response::Rating(stars)),
        1 => (FeedbackClaim::Outcome, Response::Reward(stars)),
        2 => (FeedbackClaim::Retracted, Response::Reward(0.0)),
        3 => (FeedbackClaim::Shown, Response::Reward(0.0)),
        _ => (FeedbackClaim::NotShown, Response::Reward(0.0)),
    };
    Report { claim, response, recv_ts, ..outcome }
}

/// What the learner holds after reports in an order, each at first not seen.
fn learnt(all: &[Drawn], order: &[usize]) -> Learnt {
    let mut given = Given::decisions(Missing::Drop, &[decision(1, "walk", 0)]);
    for &place in order {
        let report = report(place, &all[place]);
        if !given.shared.has_seen(report.body().decision_id, report.id) {
            given.take(&report).expect("joined to its decision");
        }
    }
    given.learnt
}

/// The same, where some came before the decision.
fn learnt_parked(all: &[Drawn], order: &[usize], before: usize) -> Learnt {
    let mut given = Given::decisions(Missing::Drop, &[]);
    let made = decision(1, "walk", 0);
    for (at, &place) in order.iter().enumerate() {
        if at == before {
            decide(&mut given);
        }
        let report = report(place, &all[place]);
        if !given.shared.has_seen(made.decision_id, report.id) {
            given.take(&report).expect("joined or parked");
        }
    }
    if before >= order.len() {
        decide(&mut given);
    }
    assert_eq!(given.shared.parked(), 0);
    given.learnt
}

fn decide(given: &mut Given) {
    let made = decision(1, "walk", 0);
    let mut out: Vec<Event> = Vec::new();
    feedback::decide_arrivals(&given.shared, ("default", "ada"), &made, None, &mut out);
    feedback::apply_decision(&mut given.shared, &mut given.person, 5, &made);
    let unused = Report::outcome("unused", 0, None);
    out.iter().for_each(|event| given.fold(&unused, event));
}

proptest! {
    #[test]
    fn any_order_and_any_repeats_leave_the_same_reward(
        all in vec(drawn(), 1..=IDS.len()),
        keys in vec(any::<u32>(), IDS.len()),
        repeats in vec(any::<Index>(), 0..4),
    ) {
        let straight: Vec<usize> = (0..all.len()).collect();
        let mut other = straight.clone();
        other.sort_by_key(|place| keys[*place]);
        let again: Vec<usize> = repeats.iter().map(|index| *index.get(&other)).collect();
        other.extend(again);
        prop_assert_eq!(learnt(&all, &straight), learnt(&all, &other));
    }

    #[test]
    fn what_came_before_the_decision_leaves_the_same_reward(
        all in vec(drawn(), 1..=IDS.len()),
        before in 0..=IDS.len(),
    ) {
        let order: Vec<usize> = (0..all.len()).collect();
        prop_assert_eq!(learnt(&all, &order), learnt_parked(&all, &order, before));
    }

    #[test]
    fn a_state_that_was_stored_goes_on_alike(
        all in vec(drawn(), 1..=IDS.len()),
        cut in any::<Index>(),
    ) {
        let mut given = Given::decisions(Missing::ImputeZero, &[decision(1, "walk", 0)]);
        let cut = cut.index(all.len());
        for (place, drawn) in all.iter().enumerate() {
            if place == cut {
                let bytes = postcard::to_allocvec(&given.shared).expect("a state can be stored");
                given.shared = postcard::from_bytes(&bytes).expect("and read");
            }
            given.take(&report(place, drawn)).expect("joined to its decision");
        }
        let order: Vec<usize> = (0..all.len()).collect();
        prop_assert_eq!(given.learnt, learnt(&all, &order));
    }
}
