//! The topics: made, made again, and explained where they are otherwise.

use serde_json::Value;
use zeitgeber_tests::{json, refused, run};

use super::kit::Bus;

#[test]
fn topics_are_made_once_and_a_mismatch_is_explained_and_left_alone() {
    let bus = Bus::new("topics", &[]);
    let again = json(bus.command(&["topics", "apply", "--json"]));
    assert_eq!((&again["made"], &again["faults"]), (&Value::from([(); 0]), &Value::from([(); 0])));
    assert_eq!(again["topics"].as_array().map(Vec::len), Some(14));

    let wrong = ["--partitions", "6", "--set", "kafka.retention_h=1"];
    let output = bus.command(&["topics", "check", "--json"]).args(wrong).output();
    let output = output.expect("the command starts");
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let faults = told["faults"].as_array().expect("a list");
    let of = |what: &str| {
        let topic = bus.topic("sensor.readings");
        let found = faults.iter().find(|fault| fault["topic"] == topic && fault["what"] == what);
        found.unwrap_or_else(|| panic!("{what}: {told}")).clone()
    };
    let partitions = of("the number of partitions");
    assert_eq!((&partitions["is"], &partitions["should_be"]), (&"4".into(), &"6".into()));
    let command = partitions["command"].as_str().expect("a command");
    assert!(command.contains("kafka-topics.sh") && command.contains("--partitions 6"), "{command}");
    assert!(partitions["remark"].as_str().is_some_and(|remark| remark.contains("keys move")));
    let retention = of("retention.ms");
    assert_eq!(
        (&retention["is"], &retention["should_be"]),
        (&"604800000".into(), &"3600000".into())
    );
    // Nothing was changed by being explained, nor by `apply`.
    let output = bus.command(&["topics", "apply"]).args(wrong).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    run(bus.command(&["topics", "check"]));
}

#[test]
fn a_service_without_its_topics_says_which_and_what_to_do() {
    let bus = Bus::new("absent", &[]);
    let dir = zeitgeber_tests::dir();
    let data = dir.path().join("data").display().to_string();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let said = refused(bus.command(&serve).args(["--set", "kafka.prefix=nobody.made.these."]));
    assert!(said.contains("nobody.made.these."), "{said}");
    assert!(said.contains("`zeitgeber topics apply` makes it"), "{said}");
    let data = dir.path().join("other").display().to_string();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let said = refused(bus.command(&serve).args(["--set", "log.partitions=8"]));
    assert!(said.contains("has 4 partitions, the log 8"), "{said}");
}
