//! The small log that the queries are asked of.

use std::ops::ControlFlow;

use tempfile::TempDir;
use zeitgeber::{
    config::Config,
    cycle::{LineOutcome, OutcomeDetail, Source},
    door::{Options, feedback::Feedback, profile::profile},
    ingest::{Configure, Session, SessionSettings},
    query::{self, EventFilter, EventRow, Walk},
    store::Store,
};
use zeitgeber_schemas::{DecisionId, FeedbackBody, FeedbackClaim, Response};

pub(crate) const SOURCE: [u8; 16] = [7; 16];
pub(crate) const MINUTE_MS: i64 = 60_000;
/// 2024-05-01T00:00:00Z, a Wednesday.
pub(crate) const START_MS: i64 = 1_714_521_600_000;
pub(crate) const MINUTES: i64 = 2 * 1_440;

pub(crate) struct Log {
    pub(crate) dir: TempDir,
    pub(crate) lines: Vec<LineOutcome>,
    pub(crate) answered: DecisionId,
}

impl Log {
    pub(crate) fn store(&self) -> Store {
        Store::read(self.dir.path()).unwrap()
    }

    pub(crate) fn rows(&self, filter: &EventFilter) -> Vec<EventRow> {
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

pub(crate) fn session(dir: &TempDir, segment_bytes: u64) -> Session {
    let config = Config::layered(None, [], &[]).unwrap();
    let settings = SessionSettings {
        partitions: 4,
        segment_bytes,
        threads: 2,
        chunk_bytes: 16 << 10,
        outcomes: OutcomeDetail::PerLine,
        announce: true,
        memory: zeitgeber::state::Memory::UNBOUNDED,
    };
    Session::open(dir.path(), &settings, &config.configuration(), Configure::Keep).unwrap()
}

pub(crate) fn reading(user: &str, minute: i64) -> String {
    let ts = START_MS + minute * MINUTE_MS;
    let awake = (7 * 60..23 * 60).contains(&(minute % 1_440));
    let counts = if awake { 100 + minute % 37 } else { minute % 3 };
    format!(
        r#"{{"id":"{user}-{minute}","user_id":"{user}","device_id":"d","kind":"imu","ts":{ts},"recv_ts":{},"values":{{"activity_counts":{counts},"epoch_s":60}}}}"#,
        ts + 1_000
    )
}

/// Every input line of the log, with the dirt at its end.
pub(crate) fn lines() -> Vec<String> {
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

pub(crate) fn log() -> Log {
    log_of_segments(16 << 20)
}

pub(crate) fn log_of_segments(segment_bytes: u64) -> Log {
    let dir = TempDir::new().unwrap();
    let mut session = session(&dir, segment_bytes);
    let people = [
        r#"{"user_id":"u1","tz_offset_min":0,"device_scale":"actigraph"}"#,
        r#"{"user_id":"u2","tenant":"acme","tz_offset_min":60}"#,
    ];
    for text in people {
        let person = profile(text.as_bytes()).unwrap();
        session.take(|intake| intake.take_profile(0, &person)).unwrap();
    }
    session.set_source(Some(Source { id: SOURCE, name: "stream.jsonl".into() })).unwrap();
    let options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
    for (line, number) in lines().iter().zip(1..) {
        session.take(|intake| intake.reading_line(number, line.as_bytes(), &options)).unwrap();
        // Without it a slow machine gathers the whole stream in a chunk or two, however small
        // its segments are to be.
        if number % 256 == 0 {
            session.settle().unwrap();
        }
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
        claim: FeedbackClaim::Outcome,
    };
    let feedback = Feedback {
        tenant: "default".into(),
        user_id: Some("u1".into()),
        id: "f1".into(),
        ts: at,
        recv_ts: Some(at),
        body,
    };
    session.take(|intake| intake.take_feedback(0, &feedback, b"by hand")).unwrap();
    let mut lines = session.take_lines();
    lines.extend(session.finish().unwrap().lines);
    lines.sort_by_key(|outcome| outcome.line);
    Log { dir, lines, answered }
}
