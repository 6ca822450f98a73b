//! A stream of several people with answers to their decisions, and what a log comes to.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use zeitgeber::{
    config::Config,
    cycle::{Batch, Item, OutcomeDetail, Raw},
    door::{Options, feedback::Feedback, json, profile::profile},
    fold::state_digest,
    ingest::{Configure, Session, SessionSettings},
    query::{self, Until},
    state::Memory,
    store::Store,
};
use zeitgeber_schemas::{FeedbackBody, FeedbackClaim, Response, SchemaId};

pub(crate) const OPTIONS: Options =
    Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };
const MINUTE_MS: i64 = 60_000;
/// 2024-05-01T00:00:00Z.
const START_MS: i64 = 1_714_521_600_000;

/// As few people in memory as a batch lets be.
pub(crate) const TINY: Memory = Memory { people_bytes: 0, snapshot_every_bytes: u64::MAX };
/// The same, with a snapshot whenever a chunk is sealed and the one before is written.
pub(crate) const TINY_OFTEN: Memory = Memory { people_bytes: 0, snapshot_every_bytes: 2 };

pub(crate) fn open(dir: &Path, partitions: u16, memory: Memory) -> Session {
    let config = Config::layered(None, [], &[]).unwrap();
    let settings = SessionSettings {
        partitions,
        segment_bytes: 1 << 20,
        threads: 2,
        chunk_bytes: 8 << 10,
        outcomes: OutcomeDetail::Counts,
        announce: true,
        memory,
    };
    Session::open(dir, &settings, &config.configuration(), Configure::Keep).unwrap()
}

pub(crate) fn introduce(session: &mut Session, people: usize) {
    for person in 0..people {
        let text = format!(
            r#"{{"user_id":"u{person}","tz_offset_min":{},"device_scale":"actigraph"}}"#,
            60 * (person % 5)
        );
        let given = profile(text.as_bytes()).unwrap();
        session.take(|intake| intake.take_profile(0, &given)).unwrap();
    }
}

/// Movement of one person in one minute.
pub(crate) fn reading(person: usize, minute: i64) -> String {
    let ts = START_MS + minute * MINUTE_MS;
    let awake = (7 * 60..23 * 60).contains(&(minute % 1_440));
    let counts = if awake { 100 + (minute * 7 + person as i64) % 37 } else { minute % 3 };
    format!(
        r#"{{"id":"u{person}-{minute}","user_id":"u{person}","device_id":"d","kind":"imu","ts":{ts},"recv_ts":{},"values":{{"activity_counts":{counts},"epoch_s":60}}}}"#,
        ts + 1_000
    )
}

/// Takes lines, and after each handful waits and answers every other decision that came of it.
pub(crate) fn play(session: &mut Session, lines: &[String], handful: usize) {
    for lines in lines.chunks(handful) {
        for line in lines {
            session.take(|intake| intake.reading_line(0, line.as_bytes(), &OPTIONS)).unwrap();
        }
        session.settle().unwrap();
        let mut announced = session.take_announced();
        announced.sort_by_key(|made| made.decision.decision_id);
        for made in announced.iter().filter(|made| made.decision.decision_id.0 % 2 == 0) {
            let at = made.decision.at_ms;
            let answer = Feedback {
                tenant: made.tenant.clone(),
                user_id: Some(made.user_id.clone()),
                id: format!("f-{}", made.decision.decision_id),
                ts: at,
                recv_ts: Some(at),
                body: FeedbackBody {
                    decision_id: made.decision.decision_id,
                    response: Response::Rating((made.decision.decision_id.0 % 5 + 1) as f64),
                    corrects: None,
                    simulated: true,
                    user_id: None,
                    claim: FeedbackClaim::Outcome,
                },
            };
            session.take(|intake| intake.take_feedback(0, &answer, b"by hand")).unwrap();
        }
        session.settle().unwrap();
    }
}

/// Digests of each partition's state by snapshots, people files and the log's tail.
pub(crate) fn states(store: &Store) -> Vec<[u8; 32]> {
    store.states().unwrap().iter().map(|state| state_digest(state).unwrap()).collect()
}

/// The same by the log alone.
pub(crate) fn states_by_log(store: &Store) -> Vec<[u8; 32]> {
    let by_log = store.partitions().map(|partition| store.from_log(partition).unwrap().0);
    by_log.map(|state| state_digest(&state).unwrap()).collect()
}

/// The log's digest and that of the states that a replay rebuilds.
pub(crate) fn digests(store: &Store) -> (String, String) {
    let rebuilt = query::replay(&*store.journal(), &Until::End).unwrap();
    (rebuilt.digest, rebuilt.state)
}

/// Every person's status, as JSON.
pub(crate) fn told(store: &Store, people: usize) -> Vec<String> {
    let user = |person| format!("u{person}");
    let status = |person| query::status(store, "default", &user(person)).unwrap();
    (0..people).map(|person| serde_json::to_string(&status(person)).unwrap()).collect()
}

/// The directory's files as a crash at this moment leaves them.
pub(crate) fn crash_image(dir: &Path, to: &Path) {
    for folder in ["journal", "snapshots"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        // A file that a snapshot's writer takes away meanwhile is one that a crash leaves out.
        for (path, bytes) in files(&dir.join(folder)) {
            fs::write(to.join(folder).join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

pub(crate) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter_map(|path| Some((path.clone(), fs::read(&path).ok()?))).collect()
}

/// Bytes of people files.
pub(crate) fn people_bytes(dir: &Path) -> u64 {
    let all = files(&dir.join("snapshots"));
    let people = all.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "people"));
    people.map(|(_, bytes)| bytes.len() as u64).sum()
}

/// One reading, as a door hands it over.
pub(crate) fn batch(line: &str) -> Batch {
    let mut bytes = Vec::new();
    json::reading(line.as_bytes(), &OPTIONS, &mut json::Scratch::default(), &mut bytes).unwrap();
    let (input, raw) = (0..bytes.len(), Raw::Slice(bytes.len()..bytes.len()));
    let item = Item { line: 0, schema: SchemaId::Reading, input, raw };
    Batch { bytes, items: vec![item], ..Batch::default() }
}
