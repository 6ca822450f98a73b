//! The same inputs give the same digest: in one batch, in slices, one by one, on any number of
//! threads, from JSON or Avro, with and without what is derived from the log.

use std::{collections::BTreeSet, fs, path::Path};

use apache_avro::{Schema, Writer, reader::datum::GenericDatumReader};
use serde_json::Value;
use zeitgeber::{
    config::Config,
    cycle::OutcomeDetail,
    demo::sample_profiles,
    door::{Options, json::Scratch, json::reading},
    ingest::{Configure, Session, SessionSettings},
};
use zeitgeber_schemas::catalogue;
use zeitgeber_tests::{
    command, dir, files, gunzip, json, json_lines, repository, run, sample_dir, sample_lines,
    verify, write_lines,
};

/// Lines that are taken one by one, each made durable before the next.
const ONE_BY_ONE: usize = 3_000;
/// Lines that are cut into slices, a process each.
const SLICED: usize = 12_000;
const SLICES: usize = 24;
/// How many partitions must hold readings for threads to have something to share.
const PARTITIONS_FILLED: usize = 8;

const OPTIONS: Options = Options { backfill: false, door_now_ms: i64::MAX, stamp_ms: None };

/// Ingests files with the sample's profiles; the summary.
fn ingest(log: &Path, inputs: &[&Path], threads: u16) -> Value {
    let mut ingest = command("ingest", log);
    ingest.args(inputs).arg("--profiles").arg(sample_dir().join("users.json"));
    json(ingest.arg("--threads").arg(threads.to_string()).arg("--json"))
}

#[test]
fn one_two_and_four_threads_give_the_same_digest() {
    let dir = dir();
    let input = sample_dir().join("readings.jsonl.zst");
    let mut digests = BTreeSet::new();
    for threads in [1, 2, 4] {
        let log = dir.path().join(threads.to_string());
        let summary = ingest(&log, &[&input], threads);
        assert_eq!(summary["threads"], threads, "the threads asked for have run");
        let filled = filled_partitions(&log);
        assert!(filled.len() >= PARTITIONS_FILLED, "{filled:?}");
        digests.insert(verify(&log).digest);
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

/// Partitions that hold accepted readings, and so analyses.
fn filled_partitions(log: &Path) -> BTreeSet<u64> {
    let mut events = command("events", log);
    events.args(["--type", "rhythm_analysed", "--json"]);
    json_lines(&mut events)
        .iter()
        .map(|row| row["position"]["partition"].as_u64().expect("a row has its position"))
        .collect()
}

#[test]
fn slices_taken_by_a_process_each_give_the_digest_of_one_batch() {
    let lines = &sample_lines()[..SLICED];
    let dir = dir();
    let whole = dir.path().join("whole.jsonl");
    write_lines(&whole, lines);
    ingest(&dir.path().join("one"), &[&whole], 2);
    let many = dir.path().join("many");
    for (slice, number) in lines.chunks(SLICED / SLICES).zip(0..) {
        let input = dir.path().join(format!("{number}.jsonl"));
        write_lines(&input, slice);
        ingest(&many, &[&input], 1);
    }
    assert_eq!(verify(&many).digest, verify(&dir.path().join("one")).digest);
}

#[test]
fn lines_taken_one_by_one_give_the_digest_of_one_batch() {
    let lines = &sample_lines()[..ONE_BY_ONE];
    let dir = dir();
    let (one, single) = (dir.path().join("one"), dir.path().join("single"));
    let whole = dir.path().join("whole.jsonl");
    write_lines(&whole, lines);
    ingest(&one, &[&whole], 2);

    let config = Config::layered(None, [], &[]).expect("the defaults are sound");
    let settings = SessionSettings {
        partitions: config.log.partitions,
        segment_bytes: 1 << 20,
        threads: 1,
        chunk_bytes: 16 << 10,
        outcomes: OutcomeDetail::Counts,
        announce: false,
        memory: zeitgeber::state::Memory::UNBOUNDED,
    };
    let mut session = Session::open(&single, &settings, &config.configuration(), Configure::Keep)
        .expect("a new log opens");
    for (profile, number) in sample_profiles().expect("the sample is sound").iter().zip(1..) {
        session.take(|intake| intake.take_profile(number, profile)).expect("a profile is taken");
    }
    for (line, number) in lines.iter().zip(1..) {
        session
            .take(|intake| intake.reading_line(number, line, &OPTIONS))
            .expect("a line is taken");
        session.settle().expect("it becomes durable");
    }
    let summary = session.finish().expect("the log stops cleanly");
    // An exact repeat causes nothing, so it makes no chunk.
    let stored = summary.counts.accepted + summary.counts.refused;
    assert!(summary.counts.chunks > stored, "each input has its own chunk");
    assert_eq!(verify(&single).digest, verify(&one).digest);
}

#[test]
fn an_avro_container_gives_the_digest_of_the_same_readings_in_json() {
    let labels = gunzip(&repository("tests/fixtures/day/dirt.csv.gz"));
    let dirty: BTreeSet<usize> = labels
        .lines()
        .skip(1)
        .map(|row| row.split(',').next().and_then(|n| n.parse().ok()).expect("a line number"))
        .collect();
    let clean = (1..).zip(&sample_lines()[..SLICED]).filter(|(number, _)| !dirty.contains(number));
    let clean: Vec<&Vec<u8>> = clean.map(|(_, line)| line).collect();
    let dir = dir();
    let (plain, avro) = (dir.path().join("day.jsonl"), dir.path().join("day.avro"));
    write_lines(&plain, &clean);
    fs::write(&avro, container(&clean)).expect("the file can be written");

    let (from_json, from_avro) = (dir.path().join("json"), dir.path().join("of-avro"));
    let counts = |summary: Value| (summary["accepted"].clone(), summary["decisions"].clone());
    let taken = counts(ingest(&from_json, &[&plain], 2));
    assert!(taken.0.as_u64().is_some_and(|accepted| accepted > 11_000), "{taken:?}");
    assert_eq!(counts(ingest(&from_avro, &[&avro], 2)), taken);
    assert_eq!(verify(&from_avro).digest, verify(&from_json).digest);
}

/// An Avro container that `apache-avro` writes, of the readings of JSON lines.
fn container(lines: &[&Vec<u8>]) -> Vec<u8> {
    let text = catalogue::ALL.iter().find(|text| text.name == "reading").expect("it is there");
    let schema = Schema::parse_str(text.json).expect("our schemas are sound");
    let reader = GenericDatumReader::builder(&schema).build().expect("the schema resolves");
    let mut writer = Writer::new(&schema, Vec::new()).expect("the schema resolves");
    let (mut scratch, mut bytes) = (Scratch::default(), Vec::new());
    for line in lines {
        bytes.clear();
        if reading(line, &OPTIONS, &mut scratch, &mut bytes).is_err() {
            panic!("a clean line is readable: {}", String::from_utf8_lossy(line));
        }
        let value = reader.read_value(&mut bytes.as_slice()).expect("our bytes follow our schema");
        writer.append_value(value).expect("it is a reading");
    }
    writer.into_inner().expect("the container is written")
}

#[test]
fn replay_rebuilds_the_same_digest_and_any_earlier_moment_of_it() {
    let (first, second) = sample_lines()[..SLICED].split_at(SLICED / 2);
    let dir = dir();
    let (a, b) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
    write_lines(&a, first);
    write_lines(&b, second);
    let (half, both) = (dir.path().join("half"), dir.path().join("both"));
    ingest(&half, &[&a], 2);
    ingest(&both, &[&a, &b], 2);
    let replay = |log: &Path, at: Option<&str>| {
        let mut replay = command("replay", log);
        replay.arg("--json").args(at.map(|at| format!("--at={at}")));
        json(&mut replay)
    };
    let whole = replay(&both, None);
    assert_eq!(whole["digest"], verify(&both).digest);

    let before = replay(&half, None);
    let positions = before["next"].as_array().expect("a list of positions");
    let last = positions.iter().map(|next| {
        let (partition, next) = next.as_str().and_then(|p| p.split_once(':')).expect("P:N");
        format!("{partition}:{}", next.parse::<u64>().expect("a number") - 1)
    });
    let at = last.collect::<Vec<_>>().join(",");
    let prefix = replay(&both, Some(&at));
    assert_eq!(prefix, before, "the log up to there is the log that ended there");
    assert!(prefix["events"].as_u64() < whole["events"].as_u64(), "it is less than the whole");

    let rows = json_lines(command("events", &both).arg("--json"));
    let received = |row: &Value| row["recv_ts"].as_i64().or(row["ts"].as_i64()).expect("a time");
    let moment = received(&rows[rows.len() / 2]);
    let mut stopped = BTreeSet::new();
    let mut events = 0;
    for row in &rows {
        let partition = row["position"]["partition"].as_u64().expect("a partition");
        if received(row) > moment {
            stopped.insert(partition);
        }
        events += u64::from(!stopped.contains(&partition));
    }
    let prefix = replay(&both, Some(&moment.to_string()));
    assert_eq!(prefix["events"], events, "up to that time");
    assert!(events > 0 && events < rows.len() as u64, "it is less than the whole");
}

#[test]
fn what_is_derived_can_be_deleted_and_a_second_ingest_changes_nothing() {
    let dir = dir();
    let log = dir.path().join("log");
    let input = dir.path().join("day.jsonl");
    write_lines(&input, &sample_lines()[..SLICED]);
    ingest(&log, &[&input], 2);
    let status = || run(command("status", &log).args(["u11", "--json"])).stdout;
    let replay = || json(command("replay", &log).arg("--json"));
    let (before, told, rebuilt) = (verify(&log), status(), replay());
    let derived = || {
        let entries = fs::read_dir(&log).expect("the directory can be listed");
        entries
            .map(|entry| entry.expect("the directory can be listed").path())
            .filter(|path| !path.ends_with("journal"))
            .collect::<Vec<_>>()
    };
    assert!(derived().iter().any(|path| path.ends_with("snapshots")), "there is something");
    for path in derived() {
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.expect("it can be deleted");
    }
    assert_eq!((verify(&log), status(), replay()), (before.clone(), told.clone(), rebuilt));

    let bytes = files(&log.join("journal"));
    let summary = ingest(&log, &[&input], 2);
    assert_eq!(summary["skipped"], SLICED, "{summary}");
    assert_eq!(summary["accepted"], 0, "{summary}");
    assert!(files(&log.join("journal")) == bytes, "not a byte of the journal changed");
    assert_eq!((verify(&log), status()), (before, told));
}
