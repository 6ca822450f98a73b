//! Slips in configuration and profiles: named with their place, before anything is written.

use std::fs;

use zeitgeber_tests::{dir, refused, write_lines};

use super::kit::{ingest, minute, says};

#[test]
fn a_slip_in_a_configuration_file_names_key_file_line_and_the_nearest_key() {
    let slips: [(&str, &[&str]); 4] = [
        (
            "[decisions.policy]\nalpha = 1.0\nepsilom = 0.1\n",
            &["slip.toml:3", "`decisions.policy.epsilom`", "`decisions.policy.epsilon`"],
        ),
        ("[log]\npartitons = 4\n", &["slip.toml:2", "`log.partitons`", "`log.partitions`"]),
        (
            "[log]\npartitions = \"four\"\n",
            &["slip.toml:2", "`log.partitions`", "an integer", "four"],
        ),
        ("[log\n", &["slip.toml:1", "not TOML"]),
    ];
    for (text, parts) in slips {
        let scratch = dir();
        let (file, config) = (scratch.path().join("a.jsonl"), scratch.path().join("slip.toml"));
        write_lines(&file, &[minute(1)]);
        fs::write(&config, text).expect("the file can be written");
        says(&refused(ingest(scratch.path(), &file).arg("--config").arg(&config)), parts);
        assert!(!scratch.path().join("data").exists(), "nothing was made");
    }
}

#[test]
fn a_slip_in_a_flag_or_a_variable_names_it_and_what_it_must_be() {
    let scratch = dir();
    let file = scratch.path().join("a.jsonl");
    write_lines(&file, &[minute(1)]);
    let flags: [(&str, &[&str]); 4] = [
        ("log.partitions=many", &["--set", "`log.partitions`", "an integer from 1", "many"]),
        ("log.partitions=0", &["--set", "`log.partitions`", "an integer from 1", "0"]),
        ("log.partitons=4", &["--set", "`log.partitons`", "`log.partitions`"]),
        ("log.partitions", &["log.partitions", "key=value"]),
    ];
    for (flag, parts) in flags {
        says(&refused(ingest(scratch.path(), &file).args(["--set", flag])), parts);
    }
    let variables: [(&str, &str, &[&str]); 2] = [
        ("ZEITGEBER_LOG_PARTITONS", "4", &["ZEITGEBER_LOG_PARTITONS", "ZEITGEBER_LOG_PARTITIONS"]),
        ("ZEITGEBER_LOG_PARTITIONS", "x", &["ZEITGEBER_LOG_PARTITIONS", "an integer from 1"]),
    ];
    for (name, value, parts) in variables {
        says(&refused(ingest(scratch.path(), &file).env(name, value)), parts);
    }
    assert!(!scratch.path().join("data").exists(), "nothing was made");
}

#[test]
fn profiles_that_cannot_be_used_are_named_and_no_reading_is_lost_to_them() {
    let scratch = dir();
    let (file, users) = (scratch.path().join("a.jsonl"), scratch.path().join("people.json"));
    write_lines(&file, &[minute(1)]);
    let ingest = || {
        let data = scratch.path().join("data");
        let mut ingest = zeitgeber_tests::command("ingest", &data);
        ingest.arg(&file).arg("--profiles").arg(&users);
        ingest
    };
    says(&refused(&mut ingest()), &["people.json", "no such file"]);
    let faults: [(&[u8], &[&str]); 5] = [
        (b"{\"users\": [{\"user_id\": \"ada\"", &["people.json", "not_json"]),
        (b"\xff\x00\x01 rubbish", &["people.json", "not_json"]),
        (b"{\"users\": 3}", &["people.json", "users", "wrong_type"]),
        (
            b"[{\"user_id\": \"bob\", \"tz_offset_min\": 0}, {\"user_id\": \"ada\"}]",
            &["people.json", "profile 2", "`ada`", "tz_offset_min", "missing_field"],
        ),
        (
            b"[{\"user_id\": \"ada\", \"zone\": \"Europe/Atlantis\"}]",
            &["people.json", "profile 1", "`ada`", "Europe/Atlantis"],
        ),
    ];
    for (text, parts) in faults {
        fs::write(&users, text).expect("the file can be written");
        says(&refused(&mut ingest()), parts);
    }
    fs::write(&users, "[{\"user_id\": \"ada\", \"zone\": \"Europe/Berlin\"}]")
        .expect("the file can be written");
    let out = scratch.path().join("outcomes");
    zeitgeber_tests::run(ingest().arg("--outcomes").arg(&out));
    assert_eq!(super::kit::outcomes(&out)[0]["outcome"], "accepted");
}
