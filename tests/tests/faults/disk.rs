//! A full disk and a read-only directory, on real file systems of their own.
//!
//! A mount namespace holds a small tmpfs or a read-only bind mount for one command. Where the
//! system allows no such namespace these tests fail and say so: nothing else would prove it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use zeitgeber_tests::{command, dir, json, run, sample_dir, verify, zeitgeber};

use super::kit::{ingest, minute, says};

/// Mounts a tmpfs of `$1` at `$2`, runs the rest, copies what is there to `$2.kept`.
const ON_A_SMALL_DISK: &str = r#"
    mount -t tmpfs -o "size=$1" tmpfs "$2" || exit 99
    kept=$2
    shift 2
    "$@"
    status=$?
    cp -a "$kept/." "$kept.kept" || exit 98
    exit $status
"#;

/// Makes `$1` read-only, then runs the rest.
const READ_ONLY: &str = r#"
    mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99
    shift
    exec "$@"
"#;

#[test]
fn a_full_disk_is_named_with_what_to_do_and_the_same_command_completes_on_a_larger_one() {
    let undisturbed = dir();
    let calm = undisturbed.path().join("data");
    run(&mut sample(&calm, &["--set", "log.segment_mib=1"]));
    let digest = verify(&calm).digest;
    // Too small for a log, for its first segment, and for some of the others.
    let log_kib = kib_of(&calm.join("journal"));
    let sizes = [32, 600, 3_000, 5_000, 8_000, 11_000, log_kib - 900];
    let mut partly = 0;
    for kib in sizes {
        let scratch = dir();
        let disk = scratch.path().join("disk");
        fs::create_dir(&disk).expect("the directory can be made");
        let ingest = sample(&disk.join("data"), &["--set", "log.segment_mib=1"]);
        let size = format!("{kib}k");
        let output = in_namespace(ON_A_SMALL_DISK, &[size.as_ref(), disk.as_ref()], &ingest);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{kib} KiB: {said}");
        says(&said, &["No space left on device", "free some space"]);

        let data = scratch.path().join("disk.kept").join("data");
        if data.join("journal/MARK").exists() {
            let inputs = json(command("verify", &data).arg("--json"))["inputs"].as_u64();
            partly += u32::from(inputs.is_some_and(|inputs| inputs > 1_000));
        }
        run(&mut sample(&data, &["--set", "log.segment_mib=1"]));
        assert_eq!(verify(&data).digest, digest, "{kib} KiB");
    }
    assert!(partly >= 3, "only {partly} disks were full in the middle of the stream");
}

#[test]
fn a_full_disk_under_the_outcome_file_is_named_and_the_same_command_completes() {
    let scratch = dir();
    let (disk, data) = (scratch.path().join("disk"), scratch.path().join("data"));
    fs::create_dir(&disk).expect("the directory can be made");
    let out = disk.join("outcomes.jsonl");
    let outcomes = |out: &Path| {
        let mut ingest = sample(&data, &[]);
        ingest.arg("--outcomes").arg(out);
        ingest
    };
    let output = in_namespace(ON_A_SMALL_DISK, &["2m".as_ref(), disk.as_ref()], &outcomes(&out));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &["outcomes.jsonl", "No space left on device"]);
    verify(&data);
    let kept = scratch.path().join("disk.kept/outcomes.jsonl");
    run(&mut outcomes(&kept));
    let lines: Vec<u64> = super::kit::outcomes(&kept)
        .iter()
        .map(|outcome| outcome["line"].as_u64().expect("an outcome has a line"))
        .collect();
    assert_eq!(lines, (1..=zeitgeber_tests::sample_lines().len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_under_the_snapshots_is_named_and_the_log_is_complete() {
    let scratch = dir();
    let data = scratch.path().join("data");
    let snapshots = data.join("snapshots");
    fs::create_dir_all(&snapshots).expect("the directory can be made");
    let output =
        in_namespace(ON_A_SMALL_DISK, &["64k".as_ref(), snapshots.as_ref()], &sample(&data, &[]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &[&snapshots.display().to_string(), "No space left on device"]);
    let after = json(command("verify", &data).arg("--json"));
    run(&mut sample(&data, &[]));
    let complete = json(command("verify", &data).arg("--json"));
    assert_eq!(after, complete, "nothing of the stream was missing from the log");
}

#[test]
fn a_read_only_directory_is_named_stays_readable_and_stays_as_it_was() {
    let scratch = dir();
    let file = scratch.path().join("a.jsonl");
    zeitgeber_tests::write_lines(&file, &[minute(1)]);
    run(&mut ingest(scratch.path(), &file));
    let data = scratch.path().join("data");
    let before = zeitgeber_tests::files(&data);
    let calm = verify(&data);
    zeitgeber_tests::write_lines(&file, &[minute(2)]);

    let output = in_namespace(READ_ONLY, &[data.as_ref()], &ingest(scratch.path(), &file));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &[&data.display().to_string(), "Read-only file system", "permissions and mount"]);

    let mut new = command("ingest", &data.join("new"));
    new.arg(&file);
    let output = in_namespace(READ_ONLY, &[data.as_ref()], &new);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    says(&said, &["Read-only file system", "permissions and mount"]);

    let output = in_namespace(READ_ONLY, &[data.as_ref()], &command("verify", &data));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    says(&String::from_utf8_lossy(&output.stdout), &[&calm.digest]);
    assert_eq!(zeitgeber_tests::files(&data), before);
    run(&mut ingest(scratch.path(), &file));
}

fn sample(data: &Path, more: &[&str]) -> Command {
    let mut ingest = command("ingest", data);
    ingest.arg(sample_dir().join("readings.jsonl.zst"));
    ingest.arg("--profiles").arg(sample_dir().join("users.json")).args(more);
    ingest
}

fn kib_of(dir: &Path) -> u64 {
    let bytes: usize = zeitgeber_tests::files(dir).iter().map(|(_, bytes)| bytes.len()).sum();
    bytes as u64 / 1_024
}

/// Runs a command of ours under a script, in a user and mount namespace of its own.
fn in_namespace(script: &str, arguments: &[&Path], command: &Command) -> Output {
    let mut outer = Command::new("unshare");
    outer.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    outer.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    let output = outer.output().unwrap_or_else(|error| {
        panic!("`unshare` (util-linux) is needed to mount a small disk: {error}")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    let mounted = output.status.code() != Some(99) && !said.starts_with("unshare:");
    assert!(
        mounted,
        "this test mounts a file system of its own and needs user and mount namespaces \
         (`unshare --user --map-root-user --mount`), or root with CAP_SYS_ADMIN: {said}"
    );
    output
}

#[test]
fn the_program_of_these_tests_is_the_one_that_was_built() {
    // `in_namespace` takes program and arguments out of a command; this holds it to account.
    let scratch = dir();
    let disk: PathBuf = scratch.path().join("disk");
    fs::create_dir(&disk).expect("the directory can be made");
    let mut version = zeitgeber();
    version.arg("--version");
    let output = in_namespace(ON_A_SMALL_DISK, &["64k".as_ref(), disk.as_ref()], &version);
    assert_eq!(output.stdout, run(&mut version).stdout);
}
