//! Inputs over HTTP at a node that hands them on.

use zeitgeber_tests::{
    http::{get, post, request},
    sample_lines,
};

use super::kit::Cluster;

#[test]
fn what_a_door_takes_over_http_is_kept_by_the_brokers_and_decided_on_by_a_worker() {
    let cluster = Cluster::made("door", &[]);
    let door = cluster.worker(&["--roles", "door,query"]);
    let profile = br#"{"tz_offset_min":60,"device_scale":"actigraph"}"#;
    let json = [("content-type", "application/json")];
    let put = request(door.address(), "PUT", "/v1/users/u01/profile", &json, profile);
    assert_eq!((put.status, &put.json()["outcome"]), (200, &"queued".into()), "nobody writes yet");
    let worker = cluster.worker(&["--roles", "worker"]);
    cluster.until_read();
    let body = sample_lines()[..500].join(&b'\n');
    let told = post(door.address(), "/v1/readings", "application/x-ndjson", &body);
    let answer = told.json();
    assert_eq!(told.status, 202, "{answer}");
    assert_eq!(answer["queued"], 500);
    assert_eq!(answer["acknowledged_by"], "brokers");
    cluster.until_read();
    // The door asks the log for people whom the worker writes.
    let status = get(door.address(), "/v1/users/u01/status");
    assert_eq!(status.status, 200, "{}", status.json());
    worker.stop();
    door.stop();
}
