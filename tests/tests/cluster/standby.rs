//! Whoever gets a dead worker's partitions has kept their state up.

use serde_json::Value;
use zeitgeber_tests::{dir, http::get, sample_dir, sample_lines, write_lines};

use super::{
    bus::PARTITIONS,
    kit::{Cluster, behind, digest_of_files, owners},
};

/// Lines before the death, and after it.
const LINES: usize = 6_000;

/// Whether every partition has a standby that has folded all of the log.
fn is_stood_by(status: &Value) -> bool {
    let partitions = status["partitions"].as_array().expect("partitions");
    partitions.iter().all(|partition| partition["standbys"][0]["behind"] == 0)
}

/// The fields of the lines that tell of takeovers.
fn takeovers(said: &str) -> Vec<(u64, bool)> {
    let field = |line: &str, name: &str| {
        let at = line.find(&format!("{name}="))? + name.len() + 1;
        let end = line[at..].find(' ').map_or(line.len(), |end| at + end);
        Some(line[at..end].to_owned())
    };
    let lines = said.lines().filter(|line| line.contains("took the partition over"));
    let tell = |line: &str| {
        let folded = field(line, "folded_events").and_then(|text| text.parse().ok());
        let from = field(line, "from_standby").and_then(|text| text.parse().ok());
        folded.zip(from).unwrap_or_else(|| panic!("it tells what it took: {line}"))
    };
    lines.map(tell).collect()
}

#[test]
fn the_partitions_of_a_killed_worker_are_taken_over_by_whoever_followed_them() {
    // So little that people of partitions that are only followed leave memory, too.
    let settings = ["kafka.standbys=1", "memory.people_mib=1", "logs.format=human"];
    let cluster = Cluster::made("standby", &settings);
    let (dir, lines) = (dir(), sample_lines());
    let log = dir.path().join("sent.jsonl");
    let heir = cluster.worker(&[]);
    let mut owner = cluster.worker(&[]);
    let all = usize::from(PARTITIONS);
    cluster.until("both own partitions", |status| owners(status) == (2, all));
    cluster.send_profiles(&sample_dir().join("users.json"));
    let send = |part: &[Vec<u8>]| {
        write_lines(&log, part);
        cluster.bus.ingest(&[&log.display().to_string()]);
    };
    send(&lines[..LINES]);
    let followed = |status: &Value| behind(status) == 0 && is_stood_by(status);
    cluster.until("standbys have folded everything", followed);
    let before = takeovers(&heir.said()).len();

    owner.kill();
    cluster.until("the other owns all", |status| owners(status) == (1, all));
    send(&lines[LINES..2 * LINES]);
    cluster.until_read();

    let said = heir.said();
    let mut taken = takeovers(&said);
    let from_standby = taken.iter().filter(|(_, from_standby)| *from_standby).count();
    let taken = taken.split_off(before);
    assert!(!taken.is_empty(), "the dead one's were taken over: {said}");
    for (folded, from_standby) in &taken {
        assert!(*from_standby && *folded < 100, "{folded} events folded: {said}");
    }
    let metrics = String::from_utf8(get(heir.address(), "/metrics").body).expect("text");
    let counted =
        format!("zeitgeber_cluster_takeover_seconds_count{{from=\"standby\"}} {from_standby}");
    assert!(metrics.contains(&counted), "{counted}: {metrics}");
    heir.stop();
    write_lines(&log, &lines[..2 * LINES]);
    assert_eq!(cluster.digest(), digest_of_files(&sample_dir().join("users.json"), &log));
}
