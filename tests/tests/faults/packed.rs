//! Packed files that end too soon: what stands before the cut counts, and the whole file completes
//! it, since readings are known by their ids.

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use zeitgeber_schemas::{Envelope, Imu, ReadingBody, Values, catalogue, wire::put_long};
use zeitgeber_tests::{command, dir, json, refused, run, verify};

use super::kit::{MINUTE_MS, PERSON, START_MS, ingest, minute, outcomes, says};

/// Readings of a file: exact copies of so many are recognised as such.
const READINGS: i64 = 400;
const RECORDS_PER_BLOCK: i64 = 20;

#[test]
fn a_gzip_file_that_ends_too_soon_keeps_what_stands_before_the_cut() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    // A block for each line, so that there is something before any cut.
    for number in 0..READINGS {
        writeln!(encoder, "{}", minute(number)).expect("packing in memory works");
        encoder.flush().expect("packing in memory works");
    }
    let packed = encoder.finish().expect("packing in memory works");
    a_cut_file_keeps_what_stands_before("day.jsonl.gz", &packed, &["gzip", "after line"]);
}

#[test]
fn a_zstd_file_that_ends_too_soon_keeps_what_stands_before_the_cut() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("packing in memory works");
    for number in 0..READINGS {
        writeln!(encoder, "{}", minute(number)).expect("packing in memory works");
        encoder.flush().expect("packing in memory works");
    }
    let packed = encoder.finish().expect("packing in memory works");
    a_cut_file_keeps_what_stands_before("day.jsonl.zst", &packed, &["zstd", "after line"]);
}

#[test]
fn an_avro_file_that_ends_too_soon_keeps_what_stands_before_the_cut() {
    a_cut_file_keeps_what_stands_before("day.avro", &container(), &["after record"]);
}

#[test]
fn a_stump_of_a_packed_file_is_refused_by_name() {
    let gzip = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(minute(1).as_bytes()).expect("packing in memory works");
        encoder.finish().expect("packing in memory works")
    };
    let zstd = zstd::encode_all(minute(1).as_bytes(), 1).expect("packing in memory works");
    for (name, bytes) in [("stump.gz", gzip), ("stump.zst", zstd), ("stump.avro", container())] {
        let scratch = dir();
        let file = scratch.path().join(name);
        fs::write(&file, &bytes[..7]).expect("the file can be written");
        says(&refused(&mut ingest(scratch.path(), &file)), &[name]);
        fs::write(&file, &bytes).expect("the file can be written");
        run(&mut ingest(scratch.path(), &file));
        verify(&scratch.path().join("data"));
    }
}

fn a_cut_file_keeps_what_stands_before(name: &str, packed: &[u8], words: &[&str]) {
    let scratch = dir();
    let (file, out) = (scratch.path().join(name), scratch.path().join("outcomes"));
    let cut = packed.len() * 3 / 5;
    fs::write(&file, &packed[..cut]).expect("the file can be written");
    let said = refused(ingest(scratch.path(), &file).arg("--outcomes").arg(&out));
    says(&said, words);
    says(&said, &[name, &format!("byte {cut}"), "run the same command again"]);
    let before = outcomes(&out).len();
    let unit = words.last().expect("a test names its unit");
    says(&said, &[&format!("{unit} {before}:")]);
    let half = READINGS as usize / 2;
    assert!((half..half + half / 2).contains(&before), "{before} readings before the cut");
    assert_eq!(accepted(scratch.path()), before as u64);
    verify(&scratch.path().join("data"));

    let whole = scratch.path().join("whole").join(name);
    fs::create_dir(whole.with_file_name("")).expect("the directory can be made");
    fs::write(&whole, packed).expect("the file can be written");
    let out = scratch.path().join("outcomes of the whole");
    run(ingest(scratch.path(), &whole).arg("--outcomes").arg(&out));
    let outcomes = outcomes(&out);
    assert_eq!(outcomes.len(), READINGS as usize);
    for (outcome, index) in outcomes.iter().zip(0..) {
        let want = if index < before { "duplicate" } else { "accepted" };
        assert_eq!(outcome["outcome"], want, "{outcome}");
    }
    let undisturbed = dir();
    run(&mut ingest(undisturbed.path(), &whole));
    let digest = |scratch: &Path| verify(&scratch.join("data")).digest;
    assert_eq!(digest(scratch.path()), digest(undisturbed.path()));
}

fn accepted(scratch: &Path) -> u64 {
    let report = json(command("report", &scratch.join("data")).arg("--json"));
    let accepted = report[PERSON]["imu_accepted"].as_u64();
    accepted.unwrap_or_else(|| panic!("no imu_accepted in {report}"))
}

/// The same readings as an Avro object container (Avro 1.12, "Object Container Files").
fn container() -> Vec<u8> {
    let sync = *b"sixteen bytes...";
    let schema = catalogue::ALL.iter().find(|text| text.name == "reading");
    let schema = schema.expect("the catalogue has readings").json;
    let mut out = b"Obj\x01".to_vec();
    put_long(1, &mut out);
    for text in ["avro.schema", schema] {
        put_long(text.len() as i64, &mut out);
        out.extend_from_slice(text.as_bytes());
    }
    put_long(0, &mut out);
    out.extend_from_slice(&sync);
    for first in (0..READINGS).step_by(RECORDS_PER_BLOCK as usize) {
        let mut block = Vec::new();
        (first..first + RECORDS_PER_BLOCK).for_each(|number| record(number, &mut block));
        put_long(RECORDS_PER_BLOCK, &mut out);
        put_long(block.len() as i64, &mut out);
        out.extend_from_slice(&block);
        out.extend_from_slice(&sync);
    }
    out
}

fn record(number: i64, out: &mut Vec<u8>) {
    let ts = START_MS + number * MINUTE_MS;
    let id = format!("ada-imu-{number:06}");
    let recv_ts = Some(ts + 5_000);
    Envelope { tenant: "default", user_id: PERSON, id: &id, ts, recv_ts }.put(out);
    let counts = Some((number % 97) as f64);
    let imu = Imu { activity_counts: counts, epoch_s: Some(60.0), ..Imu::default() };
    let values = Values::Imu(imu);
    ReadingBody { device_id: "w1", backfill: false, unknown_fields: false, values }.put(out);
}
