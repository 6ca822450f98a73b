//! Data directories that cannot be used: in use, of a later format, or none at all.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use zeitgeber_tests::{command, dir, files, json, refused, run, verify, write_lines};

use super::kit::{PERSON, Running, SOON, ingest, minute, says, until};

#[test]
fn a_second_writer_is_told_who_writes_and_readers_work_beside() {
    let scratch = dir();
    let (data, file) = (scratch.path().join("data"), scratch.path().join("a.jsonl"));
    write_lines(&file, &[minute(1)]);
    let mut first = Running::start(ingest(scratch.path(), "-".as_ref()).stdin(Stdio::piped()));
    let mut stdin = first.stdin();
    let profile_is_there = || {
        let mut status = command("status", &data);
        let output = status.arg(PERSON).arg("--json").output().expect("the command starts");
        output.status.success()
    };
    until("the first writer takes the profile", SOON, profile_is_there);
    let holder = first.id().to_string();
    for second in writers(scratch.path(), &data, &file) {
        let mut second = second;
        says(&refused(&mut second), &["in use by process", &holder, &data.display().to_string()]);
    }
    verify(&data);
    json(command("report", &data).arg("--json"));
    run(&mut command("deadletters", &data));
    run(&mut command("events", &data));
    assert!(!first.has_ended(), "readers do not disturb the writer");
    writeln!(stdin, "{}", minute(2)).expect("the first writer reads on");
    drop(stdin);
    let (status, said) = first.end(SOON);
    assert!(status.success(), "{said}");
    run(&mut ingest(scratch.path(), &file));
    let report = json(command("report", &data).arg("--json"));
    assert_eq!(report[PERSON]["imu_accepted"], 2, "{report}");
}

#[test]
fn a_later_format_is_told_from_damage_and_left_as_it_is() {
    let (scratch, file) = (dir(), PathBuf::from("a.jsonl"));
    let (data, file) = (scratch.path().join("data"), scratch.path().join(file));
    write_lines(&file, &[minute(1)]);
    run(&mut ingest(scratch.path(), &file));
    for name in ["MARK", "00000000.zj"] {
        let path = data.join("journal").join(name);
        let good = fs::read(&path).expect("the file is there");
        let mut later = good.clone();
        later[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let checksum = crc32c(&later[..12]).to_le_bytes();
        let damaged = later.clone();
        later[12..16].copy_from_slice(&checksum);
        for (bytes, parts) in [
            (later, &[name, "has format 2", "reads up to 1", "use a newer version"][..]),
            (damaged, &[name, "is damaged at byte 0"][..]),
        ] {
            fs::write(&path, &bytes).expect("the file can be written");
            let journal = files(&data.join("journal"));
            says(&refused(&mut ingest(scratch.path(), &file)), parts);
            says(&refused(&mut command("verify", &data)), parts);
            says(&refused(command("report", &data).arg("--json")), parts);
            assert!(files(&data.join("journal")) == journal, "{name} was changed");
        }
        fs::write(&path, &good).expect("the file can be written");
    }
    verify(&data);
}

#[test]
fn what_is_no_data_directory_is_named() {
    let scratch = dir();
    let (file, data) = (scratch.path().join("a.jsonl"), scratch.path().join("data"));
    write_lines(&file, &[minute(1)]);
    fs::write(&data, "a file").expect("the file can be written");
    let name = data.display().to_string();
    says(&refused(&mut ingest(scratch.path(), &file)), &[&name, "Not a directory"]);
    assert_eq!(fs::read(&data).expect("the file is there"), b"a file");
    let nowhere = scratch.path().join("nowhere");
    for data in [&data, &nowhere] {
        let name = data.display().to_string();
        says(&refused(&mut command("verify", data)), &[&name, "holds no log", "zeitgeber ingest"]);
        says(&refused(command("status", data).arg(PERSON)), &[&name, "holds no log"]);
    }
    assert!(!nowhere.exists(), "reading makes nothing");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let scratch = dir();
    let missing = scratch.path().join("missing.jsonl");
    says(&refused(&mut ingest(scratch.path(), &missing)), &["missing.jsonl", "no such file"]);
    says(&refused(&mut ingest(scratch.path(), scratch.path())), &["is a directory"]);
}

/// Every sort of writer.
fn writers(scratch: &Path, data: &Path, file: &Path) -> Vec<Command> {
    let mut profile = command("profile", data);
    profile.args(["bob", "--offset-min", "60"]);
    vec![ingest(scratch, file), profile]
}

/// CRC-32C (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
