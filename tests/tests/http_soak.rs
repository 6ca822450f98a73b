//! Many streams and many posting connections at once, with `kill -9` in the middle.
//!
//! Every subscriber follows one person, every poster sends readings of its share of the people.
//! Half-way the service is killed and started again. In the end every acknowledged reading is in
//! the log once, every stream has brought its person's events once and in log order, and the
//! service's memory stayed within its bound.
//!
//! `ZEITGEBER_SOAK=SUBSCRIBERS,POSTERS,SECONDS` sets the size; `10000,1000,60` is the full form,
//! for a release build: `cargo test --release -p zeitgeber-tests --test http_soak -- --nocapture`.

#[path = "http_soak/load.rs"]
mod load;
#[path = "http_soak/wire.rs"]
mod wire;

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use load::{Load, READINGS_PER_S};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use zeitgeber_tests::{Service, command, dir, json_lines, run, verify, write_lines};

/// What the service may take, whatever the number of streams, MiB.
const RSS_MIB: u64 = 256;
/// What it may take besides for each stream, KiB.
const RSS_STREAM_KIB: u64 = 64;
/// Longest wait for the streams to bring what is in the log.
const ARRIVE: Duration = Duration::from_secs(120);

#[test]
fn streams_and_posts_survive_a_kill_without_loss_gap_or_repeat() {
    let size = size();
    raise_open_files();
    let scratch = dir();
    let after = open_people(scratch.path(), size.subscribers);
    let mut service = Service::start(scratch.path());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let load = Load::new(service.address(), size.subscribers, size.posters, &after);
    let subscribed = Instant::now();
    runtime.block_on(load.subscribe());
    say(&format!(
        "{} streams open after {:.1} s; the service takes {}",
        size.subscribers,
        subscribed.elapsed().as_secs_f64(),
        Memory::of(service.pid())
    ));
    let posting = runtime.spawn(Arc::clone(&load).post(size.length));
    std::thread::sleep(size.length / 2);
    let before_kill = Memory::of(service.pid());
    let killed = Instant::now();
    service = service.kill_and_restart();
    say(&format!("killed ({before_kill}), back after {:.2} s", killed.elapsed().as_secs_f64()));
    let posted = runtime.block_on(posting).expect("the posters report failures");
    let log = Log::read(scratch.path());
    let waited = Instant::now();
    while !load.has_all(&log.events) {
        assert!(waited.elapsed() < ARRIVE, "streams miss events: {}", load.missing(&log.events));
        std::thread::sleep(Duration::from_millis(100));
    }
    let after_all = Memory::of(service.pid());
    say(&format!(
        "{} readings acknowledged ({READINGS_PER_S}/s wanted), {} posts repeated, {} refused for \
         now; {} events came, {} streams resumed; all there {:.1} s after the last post; {after_all}",
        posted.acknowledged,
        posted.repeated,
        posted.refused,
        log.count,
        load.resumed(),
        waited.elapsed().as_secs_f64()
    ));
    load.check(&log.events);
    let sent = load.sent();
    let lost: Vec<_> = sent.iter().filter(|id| !log.readings.contains(*id)).collect();
    assert!(lost.is_empty(), "{} acknowledged readings are lost: {:?}", lost.len(), lost.first());
    assert!(posted.acknowledged > 0 && load.resumed() > 0, "the load did something");
    let bound = (RSS_MIB << 10) + size.subscribers as u64 * RSS_STREAM_KIB;
    for memory in [before_kill, after_all] {
        assert!(memory.peak_kib < bound, "{memory}; the bound is {bound} KiB");
    }
    drop(runtime);
    let said = service.stop();
    assert!(!said.contains("panicked"), "{said}");
    verify(scratch.path());
}

struct Size {
    subscribers: usize,
    posters: usize,
    length: Duration,
}

fn size() -> Size {
    let text = env::var("ZEITGEBER_SOAK").unwrap_or_else(|_| "300,40,6".into());
    let numbers: Vec<u64> = text.split(',').filter_map(|number| number.parse().ok()).collect();
    let [subscribers, posters, seconds] = numbers[..] else {
        panic!("ZEITGEBER_SOAK={text}: write SUBSCRIBERS,POSTERS,SECONDS");
    };
    let (subscribers, posters) = (subscribers as usize, posters as usize);
    assert!(posters > 0 && subscribers >= posters, "every poster has somebody to post for");
    Size { subscribers, posters, length: Duration::from_secs(seconds) }
}

/// Gives everybody a profile; the position of the last event of it.
fn open_people(dir: &Path, people: usize) -> String {
    let users: Vec<_> =
        (0..people).map(|n| json!({ "user_id": load::person(n), "tz_offset_min": 0 })).collect();
    let (profiles, nothing) = (dir.join("users.json"), dir.join("nothing.jsonl"));
    fs::write(&profiles, json!(users).to_string()).expect("the file can be written");
    write_lines::<&str>(&nothing, &[]);
    run(command("ingest", dir).arg(&nothing).arg("--profiles").arg(&profiles));
    let last = json_lines(command("tail", dir).arg("--json")).pop().expect("the log has events");
    position(&last)
}

fn position(row: &serde_json::Value) -> String {
    format!("{}:{}", row["position"]["partition"], row["position"]["n"])
}

/// What is in the log.
struct Log {
    /// The ids of accepted readings.
    readings: HashSet<String>,
    /// The positions of each person's events behind their profiles, in log order.
    events: HashMap<String, Vec<String>>,
    count: usize,
}

impl Log {
    fn read(dir: &Path) -> Self {
        let mut child = command("events", dir)
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut log = Self { readings: HashSet::new(), events: HashMap::new(), count: 0 };
        for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
            let line = line.expect("it prints text");
            let row: load::Row = serde_json::from_str(&line).expect("it prints JSON");
            if row.schema == "reading_accepted" {
                assert!(log.readings.insert(row.input_id.clone()), "{} twice", row.input_id);
            }
            if !["subject_opened", "profile_set", "configuration_set"].contains(&&*row.schema) {
                let own = log.events.entry(row.user_id.unwrap_or_default()).or_default();
                own.push(row.position.text());
                log.count += 1;
            }
        }
        assert!(child.wait().expect("it ends").success(), "the log can be read");
        log
    }
}

/// What a process takes.
#[derive(Debug, Clone, Copy)]
struct Memory {
    now_kib: u64,
    peak_kib: u64,
}

impl Memory {
    fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.unwrap_or_else(|| panic!("{name} is missing: {status}"))
        };
        Self { now_kib: field("VmRSS:"), peak_kib: field("VmHWM:") }
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MiB now, {} MiB at most", self.now_kib >> 10, self.peak_kib >> 10)
    }
}

fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("it may be raised");
}

fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
