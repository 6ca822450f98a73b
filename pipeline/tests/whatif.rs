//! What-if and fidelity over made-up logs in memory: what turns, what is refused, what is told.

use std::sync::atomic::{AtomicU64, Ordering};

use zeitgeber::{
    bench::decisions::{DecisionsPlan, with_all_arms, write},
    config::Config,
    fidelity::fidelity,
    journal::{Journal, Layout, MemoryJournal},
    plot,
    query::{QueryError, Range},
    whatif::{Question, Report, WhatIfError, events_of, html, pictures, what_if},
};
use zeitgeber_processors::{
    evaluation::{Answer, Settings, Verdict, diagnostics::Check, estimators::Estimator},
    fidelity::{Level, What},
    whatif::Cause,
};
use zeitgeber_schemas::ConfigurationBody;

const PLAN: DecisionsPlan = DecisionsPlan { people: 60, decisions: 3_000 };

fn incumbent() -> ConfigurationBody {
    let config = Config::layered(None, [], &[]).expect("the defaults are sound");
    let mut configuration = with_all_arms(config.configuration());
    configuration.policy.epsilon = 0.3;
    configuration
}

fn log(partitions: u16) -> MemoryJournal {
    let journal = MemoryJournal::new(Layout { log_id: [1; 16], partitions });
    write(&journal, &incumbent(), PLAN).expect("memory takes everything");
    journal
}

fn question(candidate: ConfigurationBody) -> Question {
    let settings = Settings { replicates: 200, ..Settings::default() };
    Question { candidate, range: Range::default(), person: None, settings, missing: None }
}

fn ask(journal: &dyn Journal, question: &Question) -> Report {
    what_if(journal, question, &|_| true).expect("the log can be read")
}

/// Doing nothing is the best of what the log offers, or the worst.
fn only(arms: &[&str]) -> ConfigurationBody {
    let mut candidate = incumbent();
    candidate.arms.retain(|arm| arms.contains(&arm.name.as_str()));
    candidate
}

#[test]
fn what_was_in_force_all_along_turns_nothing_and_differs_by_nothing() {
    for partitions in [1, 5] {
        let report = ask(&log(partitions), &question(incumbent()));
        let flips = &report.flips;
        assert_eq!((flips.decisions, flips.not_remade), (PLAN.decisions, 0));
        assert_eq!((flips.flips, flips.preferred, flips.changed), (0, 0, 0));
        assert_eq!((flips.eligibility, flips.moved), (0, 0.0));
        assert!(flips.turns.is_empty() && report.candidate.changes.is_empty());
        let Answer::Told(told) = &report.value.answer else { panic!("{:?}", report.value) };
        for one in &told.estimates {
            let interval = one.difference.interval();
            let all = [one.difference.value, interval.low, interval.high];
            assert_eq!(all, [0.0; 3], "{:?}", one.estimator);
        }
        assert_eq!(report.value.verdict, Verdict::Hold);
    }
}

#[test]
fn another_policy_turns_decisions_that_are_told_by_arm_hour_person_and_cause() {
    let mut candidate = incumbent();
    candidate.policy.alpha = 0.0;
    candidate.policy.epsilon = 0.2;
    let report = ask(&log(4), &question(candidate));
    let flips = &report.flips;
    assert!(flips.flips > 100, "{flips:?}");
    assert_eq!(flips.turns.iter().map(|turn| turn.count).sum::<u64>(), flips.flips);
    assert_eq!(flips.causes.iter().map(|(_, count)| count).sum::<u64>(), flips.flips);
    assert_eq!(flips.hours.iter().map(|hour| hour.flips).sum::<u64>(), flips.flips);
    assert_eq!(flips.hours.iter().map(|hour| hour.decisions).sum::<u64>(), PLAN.decisions);
    let causes: Vec<Cause> = flips.causes.iter().map(|(cause, _)| *cause).collect();
    assert_eq!(causes, [Cause::Preferred, Cause::Drawn]);
    assert!(flips.turns.iter().all(|turn| !turn.examples.is_empty() && turn.from != turn.to));
    let keys: Vec<&str> = report.candidate.changes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["policy.alpha", "policy.epsilon"]);
    assert!(matches!(report.value.answer, Answer::Told(_)), "{:?}", report.value.findings);
}

#[test]
fn an_arm_that_is_taken_away_is_masked_and_what_earned_less_is_rejected() {
    let journal = log(2);
    let report = ask(&journal, &question(only(&[])));
    let flips = &report.flips;
    assert!(flips.turns.iter().all(|turn| turn.to == "no_intervention"), "{:?}", flips.turns);
    assert_eq!(flips.causes.iter().map(|(cause, _)| *cause).collect::<Vec<_>>(), [Cause::Masked]);
    assert_eq!(flips.eligibility, PLAN.decisions);
    let Answer::Told(told) = &report.value.answer else { panic!("{:?}", report.value.findings) };
    // The made-up people like doing nothing 0.35.
    let dr = told.estimates.iter().find(|one| one.estimator == Estimator::Dr).expect("it is told");
    assert!(dr.normal.contains(0.35), "{dr:?}");
    assert_eq!(report.value.verdict, Verdict::Reject, "{told:?}");
}

#[test]
fn an_arm_that_the_log_never_offered_has_no_value() {
    let mut candidate = incumbent();
    candidate.arms[0].name = "dance".into();
    let report = ask(&log(2), &question(candidate));
    let Answer::Refused { reasons, .. } = &report.value.answer else { panic!("it is told") };
    assert!(reasons.iter().any(|one| one.check == Check::Support), "{reasons:?}");
    assert_eq!(report.value.verdict, Verdict::Hold);
    assert!(report.flips.causes.iter().any(|(cause, _)| *cause == Cause::Offered));
}

#[test]
fn the_candidate_learns_from_what_came_before_and_from_nothing_else() {
    let journal = log(2);
    let mut candidate = incumbent();
    candidate.policy.alpha = 0.0;
    let whole = ask(&journal, &question(candidate.clone()));
    let middle = i64::midpoint(whole.log.first_ms, whole.log.last_ms);
    let part = |range| ask(&journal, &Question { range, ..question(candidate.clone()) });
    let first = part(Range { to_ms: middle, ..Range::default() });
    let second = part(Range { from_ms: middle, ..Range::default() });
    let sum = first.flips.decisions + second.flips.decisions;
    assert_eq!((sum, first.flips.flips + second.flips.flips), (PLAN.decisions, whole.flips.flips));
    // A log that ends earlier decides its beginning alike.
    let short = MemoryJournal::new(Layout { log_id: [1; 16], partitions: 2 });
    let plan = DecisionsPlan { decisions: PLAN.decisions / 2, ..PLAN };
    write(&short, &incumbent(), plan).expect("memory takes everything");
    let short = ask(&short, &question(candidate.clone()));
    let range = Range { to_ms: short.log.last_ms + 1, ..Range::default() };
    let until = part(range);
    let turns = |report: &Report| report.flips.turns.clone();
    assert!(until.flips.decisions >= short.flips.decisions);
    let told = |report: &Report, hour: usize| report.flips.hours[hour].flips;
    assert_eq!(told(&short, 9), told(&until, 9), "{:?} {:?}", turns(&short), turns(&until));
}

#[test]
fn one_person_is_compared_alone_and_is_too_few_to_be_valued() {
    let question = Question { person: Some("p1-3".into()), ..question(incumbent()) };
    let report = ask(&log(2), &question);
    assert_eq!((report.flips.decisions, report.flips.persons), (50, 1));
    assert!(matches!(report.value.answer, Answer::Refused { .. }));
    let nobody = Question { person: Some("nobody".into()), ..question };
    let found = what_if(&log(2), &nobody, &|_| true);
    assert!(matches!(found, Err(WhatIfError::Nothing)), "{found:?}");
}

#[test]
fn a_question_that_is_stopped_tells_nothing() {
    let journal = log(3);
    let (read, all) = (AtomicU64::new(0), events_of(&journal));
    let watch = |events| read.fetch_add(events, Ordering::Relaxed) + events < all / 2;
    let found = what_if(&journal, &question(incumbent()), &watch);
    assert!(matches!(found, Err(WhatIfError::Query(QueryError::Stopped))), "{found:?}");
    let found = fidelity(&journal, &|_| false);
    assert!(matches!(found, Err(QueryError::Stopped)), "{found:?}");
    let read = AtomicU64::new(0);
    let watch = |events| {
        read.fetch_add(events, Ordering::Relaxed);
        true
    };
    what_if(&journal, &question(incumbent()), &watch).expect("nobody stops it");
    assert_eq!(read.into_inner(), all);
}

#[test]
fn the_report_is_one_file_without_anything_from_elsewhere() {
    let mut candidate = incumbent();
    candidate.policy.alpha = 0.0;
    candidate.version = "<b>bold & new</b>".into();
    let report = ask(&log(2), &question(candidate));
    let page = html(&report).expect("it can be drawn");
    assert_eq!(page.matches("<svg").count(), 1);
    let drawn = plot::png(&pictures(&report)).expect("it can be drawn");
    assert_eq!(drawn.get(1..4), Some(&b"PNG"[..]));
    assert!(!page.contains("<b>bold") && page.contains("&lt;b&gt;bold &amp; new"));
    let foreign = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!foreign.contains("http") && !foreign.contains("<link") && !foreign.contains("src="));
    let (_, json) = page.split_once("id=\"report\">").expect("the report is inside");
    let (json, _) = json.split_once("</script>").expect("it ends");
    let told: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    assert_eq!(told, serde_json::to_value(&report).expect("it is written"));
}

#[test]
fn decisions_as_designed_are_green_whatever_the_partitions() {
    let one = fidelity(&log(1), &|_| true).expect("the log can be read");
    let version = &one.versions[0];
    assert_eq!((one.versions.len(), version.decisions), (1, PLAN.decisions));
    let sign = |what| version.signs.iter().find(|sign| sign.what == what).expect("it is told");
    for what in [What::Shares, What::Mass, What::Exploration, What::Fallback, What::Age] {
        assert_eq!(sign(what).level, Level::Green, "{:?}", sign(what));
    }
    let delay = version.delay_min.expect("there was feedback");
    assert_eq!((delay.p50, delay.p95, delay.p99), (20, 20, 20));
    let chosen: u64 = version.arms.iter().map(|arm| arm.chosen).sum();
    let expected: f64 = version.arms.iter().map(|arm| arm.expected).sum();
    assert_eq!(chosen, PLAN.decisions);
    assert!((expected - PLAN.decisions as f64).abs() < 1e-6, "{expected}");
    // No week lies behind the first five days.
    assert_eq!(one.drift, None);
}
