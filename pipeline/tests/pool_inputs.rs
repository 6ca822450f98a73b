//! Pools of agents from JSON to the log and back: the door, files, the engine, queries.

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    sync::{atomic::AtomicBool, mpsc::channel},
};

use tempfile::TempDir;
use zeitgeber::{
    config::Config,
    cycle::{Ack, Assigned, Counts, Wants},
    door::{files, tasks},
    engine::{Handle, Listener},
    ingest::{Configure, InputKind, Session},
    query::{self, EventFilter, Explanation, Walk},
    store::Store,
};
use zeitgeber_processors::tasks::TaskState;
use zeitgeber_schemas::{PartitionId, Priority, Reason, SchemaId, TaskInput};

#[path = "kit/engine.rs"]
mod kit;

use kit::{AMPLE, SETTINGS, open};

const ARRIVAL: tasks::Arrival = tasks::Arrival { stamp_ms: None, door_now_ms: i64::MAX };
const START_MS: i64 = 1_740_971_940_000;
const LINE_LIMIT: usize = 1 << 20;

/// Two pools, one that learns: agents come and go, tasks succeed, fail, time out and are cancelled.
fn stream() -> Vec<String> {
    let mut lines = Vec::new();
    for (pool, policy) in [("learns", "linucb"), ("turns", "round_robin")] {
        let mut at_ms = START_MS;
        let mut put = |kind: &str, rest: &str| {
            at_ms += 250;
            lines.push(format!(
                r#"{{"type":"{kind}","pool":"{pool}","ts":{at_ms},"recv_ts":{at_ms}{rest}}}"#
            ));
            at_ms
        };
        put("pool", &format!(r#","policy":"{policy}","heartbeat_ttl_ms":5000,"timeout_ms":2000"#));
        for agent in ["a", "b", "c"] {
            put("register", &format!(r#","agent":"{agent}","capacity":2"#));
        }
        for n in 0..40 {
            let features = format!("[{},{}]", n % 2, n % 3);
            put("submit", &format!(r#","task":"t{n}","features":{features}"#));
            // Leases grow one by one, so a guess is right or stale; both have their answer.
            let agent = ["a", "b", "c"][n % 3];
            put("start", &format!(r#","task":"t{n}","agent":"{agent}","lease":{}"#, n + 1));
            let success = n % 4 != 0;
            put(
                "result",
                &format!(
                    r#","task":"t{n}","agent":"{agent}","lease":{},"success":{success}"#,
                    n + 1
                ),
            );
            if n % 5 == 0 {
                put("cancel", &format!(r#","task":"t{}""#, n / 2));
                put("heartbeat", r#","agent":"a""#);
                let now_ms = put("heartbeat", r#","agent":"b""#);
                put("tick", &format!(r#","at_ms":{}"#, now_ms + 250));
            }
        }
        put("drain", r#","agent":"b""#);
        put("leave", r#","agent":"a""#);
    }
    lines
}

fn by_file(dir: &Path, lines: &[String]) -> Counts {
    let file = dir.join("tasks.jsonl");
    fs::write(&file, lines.join("\n")).expect("there is room");
    let configuration = Config::layered(None, [], &[]).expect("the defaults fit").configuration();
    let mut session = Session::open(&dir.join("log"), &SETTINGS, &configuration, Configure::Keep)
        .expect("an empty directory opens");
    let source = files::open(&file, LINE_LIMIT).expect("it is there");
    let stop = AtomicBool::new(false);
    let report = session.lines_file(source, InputKind::Tasks, LINE_LIMIT, &stop);
    assert_eq!(report.expect("it is read").inputs, lines.len() as u64);
    session.finish().expect("the session ends").counts
}

struct Ears(std::sync::mpsc::Sender<Assigned>);

impl Listener for Ears {
    fn lost(&mut self, _: PartitionId) {}

    fn wants(&self) -> Wants {
        Wants { assignments: true, ..Wants::default() }
    }

    fn durable(&mut self, acks: &[Ack]) {
        for assigned in acks.iter().flat_map(|ack| &ack.assigned) {
            // The test may have heard enough.
            drop(self.0.send(assigned.clone()));
        }
    }
}

fn send(handle: &Handle, lines: &[String]) -> Vec<(&'static str, Option<Reason>)> {
    let mut intake = handle.intake();
    for (line, number) in lines.iter().zip(1..) {
        let command = tasks::command(line.as_bytes(), ARRIVAL).expect("the line is right");
        intake.take_command(number, &command, line.as_bytes());
    }
    let mut told = handle.settle(intake).expect("it is durable");
    told.lines.sort_by_key(|line| line.line);
    told.lines.iter().map(|line| (line.outcome, line.reason)).collect()
}

fn verified(dir: &Path) -> String {
    let store = Store::read(dir).expect("the log is there");
    let verified = query::verify(&*store.journal()).expect("it can be scanned");
    assert!(verified.ok, "{:?}", verified.error);
    assert_eq!(verified.not_rerun, 0);
    verified.digest.expect("it holds")
}

#[test]
fn the_same_stream_by_file_and_one_request_a_line_gives_the_same_digest() {
    let (whole, single) = (TempDir::new().expect("a directory"), TempDir::new().expect("another"));
    let lines = stream();
    let counts = by_file(whole.path(), &lines);
    assert!(counts.completions > 5 && counts.refused > 5 && counts.rewards > 10, "{counts:?}");
    let (sender, heard) = channel();
    let engine = open(&single.path().join("log"), &SETTINGS, AMPLE, Ears(sender));
    let handle = engine.handle();
    for line in &lines {
        send(&handle, std::slice::from_ref(line));
    }
    let told = engine.close().expect("it stops cleanly");
    assert_eq!((told.commands, told.refused), (counts.commands, counts.refused));
    assert_eq!(heard.try_iter().count() as u64, counts.assignments);
    assert_eq!(verified(&whole.path().join("log")), verified(&single.path().join("log")));
}

#[test]
fn the_log_of_a_pool_lists_explains_exports_and_is_taken_up_again() {
    let dir = TempDir::new().expect("a directory");
    let lines = stream();
    by_file(dir.path(), &lines);
    let log = dir.path().join("log");
    let store = Store::read(&log).expect("the log is there");
    let journal = store.journal();
    let (mut rows, mut decision) = (0, None);
    let filter = EventFilter::default();
    let mut walk = Walk::start(&*journal).expect("it can be walked");
    query::events(&mut walk, &filter, |row| {
        if row.user_id.as_deref() != Some("learns") {
            return Ok(ControlFlow::Continue(()));
        }
        rows += 1;
        assert!(!row.summary.is_empty());
        if row.schema == SchemaId::DecisionMade {
            let event = row.event.expect("it is in clear");
            decision = event["decision_id"].as_str().map(str::to_owned);
        }
        Ok(ControlFlow::Continue(()))
    })
    .expect("the events are read");
    assert!(rows > 100, "{rows} rows");
    assert_eq!(walk.names().pools().count(), 2);
    let explained = query::explain(&*journal, &decision.expect("linucb decides"));
    let Explanation::Task(explained) = explained.expect("it is explained") else {
        panic!("it is about a task");
    };
    assert_eq!((explained.pool.as_deref(), &*explained.tenant), (Some("learns"), "default"));
    let assigned = explained.assignment.as_ref().expect("it stands behind the decision");
    assert_eq!(assigned.agent, explained.decision.chosen);
    let submitted = explained.submitted.as_ref().expect("it was submitted before");
    assert!(submitted.position.n < explained.position.n);
    assert_eq!(explained.features.len(), explained.decision.features.len());
    assert_eq!((&*explained.features[0].name, explained.features[0].value), ("constant", 1.0));
    assert_eq!(explained.policy.kind.as_str(), "linucb");
    let states = store.states().expect("it folds");
    drop((walk, journal, store));
    // The snapshots of a clean end, and a fold of everything, are the same state.
    fs::remove_dir_all(log.join("snapshots")).expect("the snapshots are there");
    let folded = Store::read(&log).expect("the log is there").states().expect("it folds");
    assert_eq!(states, folded);
    let again = by_file(dir.path(), &lines);
    assert_eq!((again.skipped, again.commands), (lines.len() as u64, 0));
}

#[test]
fn an_idle_heartbeat_is_answered_and_leaves_nothing_in_the_log() {
    let dir = TempDir::new().expect("a directory");
    let (sender, _heard) = channel();
    let engine = open(dir.path(), &SETTINGS, AMPLE, Ears(sender));
    let handle = engine.handle();
    let line = |kind: &str, at_ms: i64| {
        format!(r#"{{"type":"{kind}","pool":"p","agent":"a","recv_ts":{at_ms}}}"#)
    };
    let lines = [line("register", START_MS), line("heartbeat", START_MS + 10)];
    assert_eq!(send(&handle, &lines), [("accepted", None), ("accepted", None)]);
    let refused = [line("heartbeat", START_MS).replace("\"a\"", "\"b\"")];
    assert_eq!(send(&handle, &refused), [("rejected", Some(Reason::UnknownAgent))]);
    let counts = engine.close().expect("it stops cleanly");
    assert_eq!((counts.commands, counts.idle, counts.refused), (1, 1, 1));
}

#[test]
fn a_service_finds_the_task_and_what_an_agent_has() {
    let dir = TempDir::new().expect("a directory");
    let line = |text: &str| format!(r#"{{"pool":"p","recv_ts":{START_MS},{text}}}"#);
    let lines = [
        line(r#""type":"register","agent":"a""#),
        line(r#""type":"submit","task":"t","priority":"high","payload":{"inline":{"x":1}}"#),
    ];
    by_file(dir.path(), &lines);
    let store = Store::read(&dir.path().join("log")).expect("the log is there");
    let states = store.states().expect("it folds");
    let pool = states.iter().find_map(|state| state.pool("default", "p")).expect("it is known");
    let held: Vec<_> = pool.assignments("a").collect();
    assert_eq!((held.len(), held[0].attempt.lease), (1, 1));
    let told = serde_json::to_value(pool.task_view(held[0].task)).expect("it has a JSON form");
    assert_eq!(told["state"], "assigned");
    assert_eq!(told["task"]["payload"]["inline"], r#"{"x":1}"#);
    assert_eq!(told["assignment"]["agent"], "a");
    assert_eq!(pool.task("t").expect("it is known").state, TaskState::Assigned);
    let agent = pool.agent_view(pool.agent("a").expect("it is known"));
    let told = serde_json::to_value(agent).expect("it has a JSON form");
    assert_eq!((&told["health"], &told["holds"]), (&"healthy".into(), &1.into()));
}

#[test]
fn a_line_that_is_no_input_is_refused_with_its_reason_and_keyed_by_its_pool() {
    let refused = |line: &str| *tasks::command(line.as_bytes(), ARRIVAL).expect_err(line);
    let cases = [
        ("nonsense", Reason::NotJson),
        (r#"{"pool":"p"}"#, Reason::MissingField),
        (r#"{"type":"submit","pool":"p","ts":1}"#, Reason::MissingField),
        (r#"{"type":"dance","pool":"p","ts":1}"#, Reason::UnknownKind),
        (r#"{"type":"submit","pool":"p","task":"t","ts":1,"priority":"mild"}"#, Reason::WrongType),
        (
            r#"{"type":"start","pool":"p","task":"t","agent":"a","lease":-1,"ts":1}"#,
            Reason::WrongType,
        ),
        (r#"{"type":"submit","pool":"","task":"t","ts":1}"#, Reason::WrongType),
        (r#"{"type":"heartbeat","pool":"p","agent":"a"}"#, Reason::MissingField),
    ];
    for (line, reason) in cases {
        assert_eq!(refused(line).reason, reason, "{line}");
    }
    let told = refused(r#"{"type":"result","pool":"p","task":"t","ts":1}"#);
    assert_eq!((told.user_id.as_deref(), told.id.as_deref()), (Some("p"), Some("t")));
    assert_eq!(told.kind.as_deref(), Some("result"));
    let ahead = tasks::Arrival { stamp_ms: Some(9), door_now_ms: 10 };
    let line = r#"{"type":"tick","pool":"p","at_ms":400000}"#;
    assert_eq!(tasks::command(line.as_bytes(), ahead).expect_err(line).reason, Reason::ClockAhead);
}

#[test]
fn what_a_line_leaves_out_is_as_documented() {
    let line = r#"{"type":"submit","pool":"p","task":"t","retry":{"max_attempts":9}}"#;
    let stamped = tasks::Arrival { stamp_ms: Some(77), door_now_ms: i64::MAX };
    let read = tasks::command(line.as_bytes(), stamped).expect("it is an input");
    assert_eq!((read.ts, read.recv_ts, read.tenant.as_str()), (77, Some(77), "default"));
    let TaskInput::Task(body) = read.body else { panic!("{:?}", read.body) };
    assert_eq!((body.priority, body.deadline_ms), (Priority::Normal, None));
    let retry = body.retry.expect("it was given");
    assert_eq!((retry.max_attempts, retry.backoff_ms), (9, 1_000));
}

#[test]
fn a_whole_number_is_taken_however_it_is_written_and_a_fraction_is_not() {
    let read = |line: &str| tasks::command(line.as_bytes(), ARRIVAL);
    let line = r#"{"type":"submit","pool":"p","task":"t","ts":1.74e12,"timeout_ms":5.0,
                   "needs":{"gpu":2.0},"retry":{"max_attempts":3e0}}"#;
    let TaskInput::Task(body) = read(line).expect("it is a task").body else {
        panic!("it is a task")
    };
    assert_eq!((body.timeout_ms, body.needs.gpu), (Some(5), 2));
    assert_eq!(body.retry.map(|retry| retry.max_attempts), Some(3));
    assert_eq!(read(line).expect("it is a task").ts, 1_740_000_000_000);
    let start = r#"{"type":"start","pool":"p","task":"t","agent":"a","ts":1,"lease":LEASE}"#;
    let TaskInput::TaskStart(body) =
        read(&start.replace("LEASE", "7.0")).expect("it is a start").body
    else {
        panic!("it is a start")
    };
    assert_eq!(body.lease, 7);
    // The last ones are whole, but not exactly what was written.
    for wrong in ["7.5", "-7.0", "1e300", "9007199254740993.0"] {
        let refused = read(&start.replace("LEASE", wrong)).expect_err(wrong);
        assert_eq!(refused.reason, Reason::WrongType, "{wrong}");
    }
}
