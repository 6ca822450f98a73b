//! The queries over one small log: a person with two days of readings, another tenant's, and dirt.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "query_answers/kit.rs"]
mod kit;
#[path = "query_answers/pages.rs"]
mod pages;

use std::ops::ControlFlow;

use zeitgeber::query::{
    self, AvroExport, DeadLetterFilter, EventFilter, Explanation, Moment, QueryError, Range, Until,
    Walk,
};
use zeitgeber_schemas::{PartitionId, Reason, SchemaId, murmur2_partition};

use kit::*;

#[test]
fn verification_decides_every_input_again_and_agrees_with_the_replay() {
    let log = log();
    let store = log.store();
    let verified = query::verify(&*store.journal()).unwrap();
    assert_eq!(verified.error, None);
    assert_eq!((verified.not_rerun, verified.rerun), (0, verified.inputs));
    assert_eq!(verified.head, query::hex(&store.head()));
    let replayed = query::replay(&*store.journal(), &Until::End).unwrap();
    assert_eq!(Some(&replayed.digest), verified.digest.as_ref());
    assert_eq!((replayed.inputs, replayed.events), (verified.inputs, verified.events));
    assert_eq!(replayed.people, 2);
}

#[test]
fn a_replay_stops_at_a_position_or_a_time() {
    let log = log();
    let store = log.store();
    let half = START_MS + MINUTES / 2 * MINUTE_MS;
    let at = |text: &str| {
        let until = Until::Moment(text.parse::<Moment>().unwrap());
        query::replay(&*store.journal(), &until).unwrap()
    };
    let whole = query::replay(&*store.journal(), &Until::End).unwrap();
    let by_time = at(&half.to_string());
    assert!(by_time.inputs > MINUTES as u64 / 2 - 5 && by_time.inputs < whole.inputs);
    assert_eq!(at(&i64::MAX.to_string()), whole);
    let partition = murmur2_partition(b"u1", 4);
    let first = at(&format!("{partition}:0"));
    assert_eq!(whole.people, 2);
    assert!(first.events < whole.events && first.state != whole.state);
    assert_eq!(at(&format!("{partition}:{}", u64::MAX)), whole);
}

#[test]
fn outcomes_told_by_the_log_are_those_told_live() {
    let log = log();
    let mut told = query::outcomes(&log.store(), &SOURCE, &|_| true).unwrap();
    told.sort_by_key(|outcome| outcome.line);
    assert_eq!(told.len(), lines().len());
    assert_eq!(told, log.lines);
    let last = lines().len() as u64;
    let some = query::outcomes(&log.store(), &SOURCE, &|line| line == last).unwrap();
    assert_eq!(some.len(), 1);
    assert!(query::outcomes(&log.store(), &[8; 16], &|_| true).unwrap().is_empty());
}

#[test]
fn events_come_in_log_order_and_the_last_ones_are_the_end_of_all() {
    let log = log();
    let all = log.rows(&EventFilter::default());
    for partition in (0..4).map(PartitionId) {
        let places = all.iter().filter(|row| row.position.partition == partition);
        assert!(places.zip(0..).all(|(row, n)| row.position.n == n));
    }
    let store = log.store();
    let mut walk = Walk::start(&*store.journal()).unwrap();
    let last = query::last_events(&mut walk, &store.tails(), 20).unwrap();
    assert!(last.iter().eq(&all[all.len() - 20..]));
    let accepted = EventFilter {
        user: Some("acme/u2".into()),
        schema: Some(SchemaId::ReadingAccepted),
        ..EventFilter::default()
    };
    let rows = log.rows(&accepted);
    assert_eq!(rows.len(), 1);
    let row = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(row["type"], "reading_accepted");
    assert_eq!(row["user_id"], "u2");
    assert_eq!(row["event"]["dropped_intervals"], 1);
    assert_eq!(row["event"]["reading"]["values"]["rr_ms"][2], 2500.0);
    assert!(row["position"]["partition"].is_u64() && row["position"]["n"].is_u64());
    let from = EventFilter {
        from: Some(Moment::Time(START_MS + MINUTES * MINUTE_MS)),
        schema: Some(SchemaId::FeedbackRecorded),
        ..EventFilter::default()
    };
    assert_eq!(log.rows(&from).len(), 1);
}

#[test]
fn dead_letters_name_source_line_person_and_bytes() {
    let log = log();
    let mut letters = Vec::new();
    let counts =
        query::dead_letters(&*log.store().journal(), &DeadLetterFilter::default(), |letter| {
            letters.push(letter);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    let of = |reason| letters.iter().find(|letter| letter.reason == reason).unwrap();
    let rubbish = of(Reason::NotJson);
    assert_eq!(rubbish.source.as_deref(), Some("stream.jsonl"));
    assert_eq!((rubbish.raw.as_deref(), rubbish.length), (Some("rubbish"), 7));
    assert_eq!((rubbish.line, rubbish.user_id.as_deref()), (Some(MINUTES as u64 + 3), None));
    assert_eq!(of(Reason::UnknownUser).user_id.as_deref(), Some("stranger"));
    assert_eq!(of(Reason::WrongType).user_id.as_deref(), Some("u1"));
    assert_eq!(counts.stored.values().sum::<u64>(), letters.len() as u64);
    assert_eq!(counts.repeats.get(&Reason::NotJson), Some(&1));
}

#[test]
fn a_decision_is_explained_from_its_readings_to_its_reward() {
    let log = log();
    let store = log.store();
    let id = log.answered.to_string();
    let Explanation::Person(told) = query::explain(&*store.journal(), &id[..12]).unwrap() else {
        panic!("it is about a person");
    };
    assert_eq!(told.decision.decision_id, log.answered);
    assert_eq!(told.user_id.as_deref(), Some("u1"));
    let analysis = told.analysis.as_ref().unwrap();
    assert_eq!(analysis.window_end_ms, told.decision.analysis_end_ms);
    let used: u64 = told.readings.counts.values().sum();
    assert!(used > 1_000 && told.readings.last.len() == 5);
    assert!(told.readings.last_ts.unwrap() <= analysis.window_end_ms);
    assert_eq!(told.features.len(), told.decision.features.len());
    assert_eq!(told.features[0].value, 1.0);
    assert!(told.policy.is_some() && (told.issued.is_some() != told.suppressed.is_some()));
    assert_eq!((told.feedback.len(), told.learnt), (1, Some(0.75)));
    assert!(matches!(
        query::explain(&*store.journal(), "00"),
        Err(QueryError::NotADecisionId { .. })
    ));
    let unknown = query::explain(&*store.journal(), "ffff0");
    assert!(matches!(unknown, Err(QueryError::UnknownDecision { .. })));
    let several = query::explain(&*store.journal(), &id[..4]);
    assert!(matches!(several, Err(QueryError::AmbiguousDecision { .. })));
}

#[test]
fn a_report_covers_its_range_and_names_people_by_key() {
    let log = log();
    let journal = log.store().journal();
    let all = query::report(&*journal, Range::default(), None).unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["acme/u2", "u1"]);
    let report = serde_json::to_value(&all["u1"]).unwrap();
    assert_eq!(report["imu_accepted"], MINUTES);
    assert_eq!(report["signal"], "activity_counts");
    assert!(report["wear_only"]["IS"].as_f64().unwrap() > 0.5);
    assert_eq!(all["acme/u2"].hrv.as_ref().unwrap().intervals_300_2000, 3);
    let range = Range { from_ms: START_MS, to_ms: START_MS + 61 * MINUTE_MS };
    let hour = query::report(&*journal, range, Some("u1")).unwrap();
    assert_eq!((hour.len(), hour["u1"].imu_accepted), (1, 60));
    let unknown = query::report(&*journal, range, Some("u11")).unwrap_err();
    assert!(unknown.to_string().contains("did you mean u1?"), "{unknown}");
}

#[test]
fn a_status_tells_vitality_decisions_and_what_is_open() {
    let log = log();
    let store = log.store();
    let status = query::status(&store, "default", "u1").unwrap();
    assert_eq!(status.clock_ms, Some(START_MS + MINUTES * MINUTE_MS + 1_000));
    assert_eq!(status.as_of.partition, murmur2_partition(b"u1", 4));
    assert_eq!(status.analysis.as_ref().unwrap().kss_forecast.len(), 24);
    assert_eq!(status.decisions[0].decision_id, log.answered);
    assert_eq!((status.decisions[0].reward, status.decisions[0].open), (Some(0.75), false));
    assert!(status.decisions.iter().all(|made| !made.outcome.is_empty()));
    assert!(status.next_possible_ms.is_some());
    assert!(matches!(query::status(&store, "acme", "u1"), Err(QueryError::UnknownUser { .. })));
}

#[test]
fn an_avro_export_reads_back_with_its_own_schema() {
    let log = log();
    let journal = log.store().journal();
    for schema in [SchemaId::DecisionMade, SchemaId::ReadingAccepted, SchemaId::ProfileSet] {
        let mut bytes = Vec::new();
        let export = AvroExport::new(schema).unwrap();
        let mut walk = Walk::start(&*journal).unwrap();
        let rows = query::export_avro(&mut walk, &export, None, &mut bytes).unwrap();
        let read = apache_avro::Reader::new(&bytes[..]).unwrap().map(Result::unwrap).count();
        let filter = EventFilter { schema: Some(schema), ..EventFilter::default() };
        assert_eq!((read as u64, rows), (rows, log.rows(&filter).len() as u64), "{schema}");
        assert!(rows > 0);
    }
    let mut bytes = Vec::new();
    let export = AvroExport::new(SchemaId::Reading).unwrap();
    let mut walk = Walk::start(&*journal).unwrap();
    let rows = query::export_avro(&mut walk, &export, Some("u1"), &mut bytes).unwrap();
    assert_eq!(rows, MINUTES as u64);
}
