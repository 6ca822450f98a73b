//! The recording and alert rules as they are committed.

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use zeitgeber_tests::repository;

/// A rule that records a series under a new name.
#[derive(Debug)]
pub(crate) struct Record {
    /// The new name.
    pub(crate) name: String,
    /// What it is made from.
    pub(crate) expression: String,
}

/// A rule that says when somebody should look.
#[derive(Debug)]
pub(crate) struct Alert {
    /// Its name.
    pub(crate) name: String,
    /// When it fires.
    pub(crate) expression: String,
    /// What goes with it.
    pub(crate) labels: BTreeMap<String, String>,
    /// What it says.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A YAML file of the repository.
pub(crate) fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(repository(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every recording rule and every alert.
pub(crate) fn rules() -> (Vec<Record>, Vec<Alert>) {
    let (mut records, mut alerts) = (Vec::new(), Vec::new());
    for file in ["limits", "records", "alerts"] {
        let file = yaml(&format!("infra/prometheus/rules/{file}.yml"));
        let groups = file["groups"].as_array().expect("rules stand in groups");
        for rule in groups.iter().flat_map(|g| g["rules"].as_array().expect("a group has rules")) {
            let expression = text(&rule["expr"]).expect("a rule has an expression");
            if let Some(name) = text(&rule["record"]) {
                records.push(Record { name, expression });
            } else {
                let name = text(&rule["alert"]).expect("a rule records or alerts");
                let (labels, annotations) = (texts(&rule["labels"]), texts(&rule["annotations"]));
                alerts.push(Alert { name, expression, labels, annotations });
            }
        }
    }
    (records, alerts)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}
