//! The day stream through two workers.

use zeitgeber_tests::{day, http::get, json, sample_dir, sample_lines};

use super::{
    account::Sent,
    bus::PARTITIONS,
    kit::{Cluster, digest_of_files, owners},
};

#[test]
fn two_workers_share_the_day_and_leave_the_log_of_one_machine() {
    let cluster = Cluster::made("shared", &[]);
    let workers = [cluster.worker(&[]), cluster.worker(&[])];
    let all = (2, usize::from(PARTITIONS));
    cluster.until("both own partitions", |status| owners(status) == all);
    let users = sample_dir().join("users.json");
    cluster.send_profiles(&users);
    let readings = sample_dir().join("readings.jsonl.zst");
    cluster.bus.ingest(&[&readings.display().to_string()]);
    cluster.until_read();

    // Whoever owns the person, either node answers, and says the same.
    let status = |node: usize| {
        let answer = get(workers[node].address(), "/v1/users/u09/status");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON")
    };
    assert_eq!(status(0)["clock_ms"], status(1)["clock_ms"]);

    for worker in workers {
        let said = worker.stop();
        assert!(said.contains("took the partition over"), "{said}");
    }
    assert_eq!(cluster.digest(), digest_of_files(&users, &readings));
    let sent = Sent::of(&cluster);
    sent.account(&cluster);
    let outcomes = sent.outcomes(&cluster, sample_lines());
    day::check(&outcomes, &json(&mut cluster.command(&["report", "--json"])));
}

#[test]
fn a_worker_that_stops_hands_its_partitions_to_the_other_and_one_that_comes_gets_its_share() {
    let cluster = Cluster::made("handed", &[]);
    let first = cluster.worker(&[]);
    let all = usize::from(PARTITIONS);
    cluster.until("one owns all", |status| owners(status) == (1, all));
    let second = cluster.worker(&[]);
    cluster.until("both own partitions", |status| owners(status) == (2, all));
    first.stop();
    cluster.until("the other owns all", |status| owners(status) == (1, all));
    cluster.send_profiles(&sample_dir().join("users.json"));
    second.stop();
    let status = cluster.status();
    assert_eq!((owners(&status), &status["workers"]), ((0, 0), &0.into()), "{status:#}");
}
