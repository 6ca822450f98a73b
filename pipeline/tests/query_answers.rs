//! The queries over one small log: a person with two days of readings, another tenant's, and dirt.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;

use tempfile::TempDir;
use zeitgeber::{
    config::Config,
    cycle::{LineOutcome, OutcomeDetail, Source},
    door::{Options, feedback::Feedback, profile::profile},
    ingest::{Configure, Session, SessionSettings},
    query::{
        self, AvroExport, DeadLetterFilter, EventFilter, EventRow, Moment, QueryError, Range,
        Until, Walk,
    },
    store::Store,
};
use zeitgeber_schemas::{
    DecisionId, FeedbackBody, PartitionId, Reason, Response, SchemaId, murmur2_partition,
};

const SOURCE: [u8; 16] = [7; 16];
const MINUTE_MS: i64 = 60_000;
/// 2024-05-01T00:00:00Z, a Wednesday.
const START_MS: i64 = 1_714_521_600_000;
const MINUTES: i64 = 2 * 1_440;

struct Log {
    dir: TempDir,
    lines: Vec<LineOutcome>,
    answered: DecisionId,
}

impl Log {
    fn store(&self) -> Store {
        Store::read(self.dir.path()).unwrap()
    }

    fn rows(&self, filter: &EventFilter) -> Vec<EventRow> {
        let mut rows = Vec::new();
        let mut walk = Walk::start(&*self.store().journal()).unwrap();
        query::events(&mut walk, filter, |row| {
            rows.push(row);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        rows
    }
}

fn session(dir: &TempDir) -> Session {
    let config = Config::layered(None, [], &[]).unwrap();
    let settings = SessionSettings {
        partitions: 4,
        segment_bytes: 16 << 20,
        threads: 2,
        chunk_bytes: 16 << 10,
        outcomes: OutcomeDetail::PerLine,
        announce: true,
    };
    Session::open(dir.path(), &settings, &config.configuration(), Configure::Keep).unwrap()
}

fn reading(user: &str, minute: i64) -> String {
    let ts = START_MS + minute * MINUTE_MS;
    let awake = (7 * 60..23 * 60).contains(&(minute % 1_440));
    let counts = if awake { 100 + minute % 37 } else { minute % 3 };
    format!(
        r#"{{"id":"{user}-{minute}","user_id":"{user}","device_id":"d","kind":"imu","ts":{ts},"recv_ts":{},"values":{{"activity_counts":{counts},"epoch_s":60}}}}"#,
        ts + 1_000
    )
}

/// Every input line of the log, with the dirt at its end.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = (1..=MINUTES).map(|minute| reading("u1", minute)).collect();
    let after = START_MS + MINUTES * MINUTE_MS;
    lines.push(format!(
        r#"{{"id":"h1","user_id":"u2","tenant":"acme","kind":"hrv","ts":{after},"recv_ts":{after},"values":{{"rr_ms":[800,810,2500,790]}}}}"#
    ));
    lines.push(reading("u1", MINUTES));
    lines.push("rubbish".into());
    lines.push("rubbish".into());
    lines.push(reading("stranger", 5));
    lines.push(r#"{"id":"x","user_id":"u1","kind":"imu","ts":1,"values":{"steps":"many"}}"#.into());
    lines
}

fn log() -> Log {
    let dir = TempDir::new().unwrap();
    let mut session = session(&dir);
    let people = [
        r#"{"user_id":"u1","tz_offset_min":0,"device_scale":"actigraph"}"#,
        r#"{"user_id":"u2","tenant":"acme","tz_offset_min":60}"#,
    ];
    for text in people {
        let person = profile(text.as_bytes()).unwrap();
        session.take_profile(0, &person).unwrap();
    }
    session.set_source(Some(Source { id: SOURCE, name: "stream.jsonl".into() })).unwrap();
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    for (line, number) in lines().iter().zip(1..) {
        session.reading_line(number, line.as_bytes(), &options).unwrap();
    }
    session.set_source(None).unwrap();
    session.settle().unwrap();
    let announced = session.take_announced();
    let answered = announced.last().expect("two days lead to decisions").decision.decision_id;
    let at = START_MS + MINUTES * MINUTE_MS;
    let body = FeedbackBody {
        decision_id: answered,
        response: Response::Rating(4.0),
        corrects: None,
        simulated: true,
        user_id: None,
    };
    let feedback = Feedback {
        tenant: "default".into(),
        user_id: Some("u1".into()),
        id: "f1".into(),
        ts: at,
        recv_ts: Some(at),
        body,
    };
    session.take_feedback(0, &feedback, b"by hand").unwrap();
    let mut lines = session.take_lines();
    lines.extend(session.finish().unwrap().lines);
    lines.sort_by_key(|outcome| outcome.line);
    Log { dir, lines, answered }
}

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
    let told = query::explain(&*store.journal(), &id[..12]).unwrap();
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
