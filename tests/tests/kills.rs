//! `kill -9` at random instants: nothing is lost, nothing is doubled, nothing refuses to open.
//!
//! An `ingest` of the sample is killed, and the same command is started again, over and over in
//! fresh directories, until enough kills have left a log that holds a part of the stream.
//! `ZEITGEBER_SEED` repeats a run's choice of instants; the machine decides what they hit.
//! `ZEITGEBER_KILLS` sets how many kills must leave a partly written log.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use zeitgeber_tests::{command, dir, json, run, sample_dir, sample_lines, write_lines};

/// Kills that must leave a partly written log, unless `ZEITGEBER_KILLS` says how many.
const KILLS: u32 = 50;
/// Most kills before a directory gets its undisturbed run.
const KILLS_IN_A_ROW: u64 = 6;
/// Longest time for each of them: fifty take about a minute where nothing else runs.
const LIMIT: Duration = Duration::from_secs(12);

#[test]
fn kills_at_random_instants_lose_nothing_and_double_nothing() {
    let (seed, kills) = (seed(), number("ZEITGEBER_KILLS").map_or(KILLS, |kills| kills as u32));
    say(&format!("ZEITGEBER_SEED={seed} repeats these instants"));
    let started = Instant::now();
    let mut random = Random(seed);
    let calm = Calm::run();
    let mut tally = Tally::default();
    while tally.partly < kills {
        let limit = LIMIT * kills;
        assert!(started.elapsed() < limit, "seed {seed}: only {tally:?} in {limit:?}");
        campaign(&calm, &mut random, &mut tally, kills, seed);
    }
    let Tally { before, partly, complete, .. } = tally;
    say(&format!("{partly} kills left a partly written log"));
    say(&format!("{before} more left none of the stream in it, {complete} all of it"));
}

#[test]
fn whatever_a_kill_leaves_of_a_new_log_is_no_obstacle() {
    let scratch = dir();
    let stream = scratch.path().join("stream.jsonl");
    write_lines(&stream, &sample_lines()[..500]);
    let ingest = |data: &Path| {
        run(command("ingest", data).arg(&stream).arg("--profiles").arg(users()));
        json(command("verify", data).arg("--json"))["digest"].clone()
    };
    let calm = scratch.path().join("calm");
    let digest = ingest(&calm);
    let segment = fs::read(calm.join("journal/00000000.zj")).expect("a log has a first segment");
    let head = &segment[..head_bytes(&segment)];
    let mark = fs::read(calm.join("journal/MARK")).expect("a clean stop leaves a mark");
    let leftovers: [(&str, Files<'_>); 5] = [
        ("an empty folder", &[]),
        ("half a segment", &[("00000000.tmp", &head[..100])]),
        ("a segment without a mark", &[("00000000.zj", head)]),
        ("half a mark", &[("00000000.zj", head), ("MARK.tmp", &mark[..20])]),
        ("nothing but a lock", &[("../lock", b"1\n")]),
    ];
    let mut refused = Vec::new();
    for ((what, files), number) in leftovers.into_iter().zip(0..) {
        let data = scratch.path().join(format!("left-{number}"));
        fs::create_dir_all(data.join("journal")).expect("the directory can be made");
        for (name, bytes) in files {
            fs::write(data.join("journal").join(name), bytes).expect("the file can be written");
        }
        let mut again = command("ingest", &data);
        let output = again.arg(&stream).arg("--profiles").arg(users()).output();
        let output = output.expect("the command starts");
        if output.status.success() {
            assert_eq!(ingest(&data), digest, "{what}");
        } else {
            refused.push(format!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Names and bytes.
type Files<'a> = &'a [(&'a str, &'a [u8])];

/// What an ingest comes to that nobody disturbs.
struct Calm {
    took: Duration,
    /// Inputs of a log that holds the profiles and nothing of the stream.
    without_stream: u64,
    verified: Value,
    /// The lines of the outcome file, sorted as text.
    outcomes: Vec<String>,
}

/// How many kills left what.
#[derive(Debug, Default)]
struct Tally {
    before: u32,
    partly: u32,
    complete: u32,
    campaigns: u32,
}

impl Calm {
    fn run() -> Self {
        let scratch = dir();
        let empty = scratch.path().join("empty.jsonl");
        fs::write(&empty, "").expect("the file can be written");
        let only_people = scratch.path().join("people");
        run(command("ingest", &only_people).arg(&empty).arg("--profiles").arg(users()));
        let without_stream = inputs(&json(command("verify", &only_people).arg("--json")));

        let data = scratch.path().join("data");
        let started = Instant::now();
        run(&mut ingest(&data));
        let took = started.elapsed();
        let outcomes = outcomes(&data);
        assert_eq!(outcomes.len(), sample_lines().len(), "each line has one outcome");
        let verified = json(command("verify", &data).arg("--json"));
        Self { took, without_stream, verified, outcomes }
    }

    fn stream_inputs(&self) -> u64 {
        inputs(&self.verified) - self.without_stream
    }
}

/// One directory: some kills, each followed by the same command, the last of which may finish.
fn campaign(calm: &Calm, random: &mut Random, tally: &mut Tally, kills: u32, seed: u64) {
    let scratch = dir();
    let data = scratch.path().join("data");
    let mut left = 1.0;
    for _ in 0..=random.below(KILLS_IN_A_ROW) {
        if tally.partly == kills {
            break;
        }
        // A run that resumes has less to do, but must open, hash and skip first. The beginning (a
        // log is made, people come in) and the end (mark, snapshots) are short: some kills aim there.
        let longest = calm.took.mul_f64(0.2 + left);
        let share = match random.below(8) {
            0 => 0.04 * random.unit(),
            1 => 0.75 + 0.25 * random.unit(),
            _ => random.unit(),
        };
        let instant = longest.mul_f64(share);
        if !kill_after(&mut ingest(&data), instant) {
            break;
        }
        let stored = stored(calm, &data, seed);
        left = 1.0 - stored as f64 / calm.stream_inputs() as f64;
        match stored {
            0 => tally.before += 1,
            some if some < calm.stream_inputs() => tally.partly += 1,
            _ => tally.complete += 1,
        }
    }
    run(&mut ingest(&data));
    same_as(calm, &data, seed);
    tally.campaigns += 1;
    if tally.campaigns % 4 == 1 {
        forget_what_is_derived(&data);
        same_as(calm, &data, seed);
        run(&mut ingest(&data));
        same_as(calm, &data, seed);
    }
}

/// How much of the stream a log holds; 0 where the kill came before there was a log.
fn stored(calm: &Calm, data: &Path, seed: u64) -> u64 {
    let output = command("verify", data).arg("--json").output().expect("the command starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() {
        assert!(said.contains("holds no log"), "seed {seed}: after a kill: {said}");
        return 0;
    }
    let verified: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(verified["ok"], true, "seed {seed}: after a kill: {said}");
    inputs(&verified).saturating_sub(calm.without_stream)
}

/// Every input once, every outcome once, the same events: as if nothing had happened.
fn same_as(calm: &Calm, data: &Path, seed: u64) {
    let verified = json(command("verify", data).arg("--json"));
    for key in ["ok", "inputs", "events", "digest"] {
        assert_eq!(verified[key], calm.verified[key], "seed {seed}: {key} in {verified}");
    }
    let outcomes = outcomes(data);
    let differs = outcomes.iter().zip(&calm.outcomes).find(|(got, want)| got != want);
    assert_eq!(differs, None, "seed {seed}: the outcomes differ");
    assert_eq!(outcomes.len(), calm.outcomes.len(), "seed {seed}: the number of outcomes");
    let journal = fs::read_dir(data.join("journal")).expect("the journal is there");
    for entry in journal {
        let name = entry.expect("the journal can be listed").file_name();
        let name = name.to_string_lossy();
        assert!(name.ends_with(".zj") || name == "MARK", "seed {seed}: {name} was left behind");
    }
}

fn forget_what_is_derived(data: &Path) {
    for entry in fs::read_dir(data).expect("the data directory is there") {
        let path = entry.expect("the data directory can be listed").path();
        if path.is_dir() && !path.ends_with("journal") {
            fs::remove_dir_all(&path).expect("snapshots can be deleted");
        } else if path.is_file() {
            fs::remove_file(&path).expect("files can be deleted");
        }
    }
}

fn ingest(data: &Path) -> Command {
    let mut ingest = command("ingest", data);
    ingest.arg(sample_dir().join("readings.jsonl.zst")).arg("--profiles").arg(users());
    ingest.arg("--outcomes").arg(data.with_extension("outcomes.jsonl"));
    // Small chunks: many instants between them, many frames.
    ingest.args(["--threads", "1", "--set", "log.chunk_kib=16", "--set", "log.segment_mib=2"]);
    ingest
}

fn users() -> PathBuf {
    sample_dir().join("users.json")
}

fn outcomes(data: &Path) -> Vec<String> {
    let text = fs::read_to_string(data.with_extension("outcomes.jsonl"));
    let text = text.expect("the outcome file is there");
    assert!(text.ends_with('\n'), "the last outcome is whole");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn inputs(verified: &Value) -> u64 {
    verified["inputs"].as_u64().unwrap_or_else(|| panic!("no inputs in {verified}"))
}

/// Kills a command after a while; `false` where it ended by itself before.
fn kill_after(command: &mut Command, instant: Duration) -> bool {
    let started = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut running = Running(child.expect("the command starts"));
    std::thread::sleep(instant.saturating_sub(started.elapsed()));
    if let Some(status) = running.0.try_wait().expect("a child can be asked") {
        let mut said = String::new();
        if let Some(mut stderr) = running.0.stderr.take() {
            io::Read::read_to_string(&mut stderr, &mut said).expect("what it said is text");
        }
        assert!(status.success(), "after a kill the same command failed: {said}");
        return false;
    }
    running.0.kill().expect("a running child can be killed");
    running.0.wait().expect("a child can be waited for");
    true
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test panics.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The length of a segment's head: 44 bytes, the schema table, a checksum.
fn head_bytes(segment: &[u8]) -> usize {
    let length = segment[40..44].try_into().expect("four bytes");
    44 + u32::from_le_bytes(length) as usize + 4
}

/// Prints past the test harness, which keeps what passing tests print to itself.
fn say(text: &str) {
    writeln!(io::stdout(), "{text}").expect("standard output is there");
}

fn seed() -> u64 {
    let by_clock =
        || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    number("ZEITGEBER_SEED").unwrap_or_else(by_clock)
}

/// The number in a variable of the environment, where it is set.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text}: no number")))
}

/// Splitmix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From 0 to 1, 1 excluded.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
