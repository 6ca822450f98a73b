//! The committed dashboards as tests read them: panels, and the queries that they ask.

use std::fs;

use serde_json::Value;

use crate::repository;

/// A panel that asks something.
#[derive(Debug)]
pub struct Panel {
    /// Which dashboard and panel, for messages.
    pub name: String,
    /// What it asks, in PromQL with Grafana's variables, and the names that series get.
    pub queries: Vec<(String, String)>,
    /// All of it.
    pub json: Value,
}

/// Every committed dashboard with its file name.
///
/// # Panics
///
/// If there is none, or one is not JSON.
pub fn dashboards() -> Vec<(String, Value)> {
    let folder = fs::read_dir(repository("infra/grafana/dashboards")).expect("it can be listed");
    let mut found: Vec<(String, Value)> = folder
        .map(|entry| {
            let path = entry.expect("it can be listed").path();
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let text = fs::read(&path).expect("a dashboard can be read");
            let json = serde_json::from_slice(&text);
            (name, json.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(!found.is_empty(), "there are dashboards");
    found
}

/// Every panel of every dashboard that asks something; rows are only headings.
///
/// # Panics
///
/// If a dashboard is not made as Grafana wants it.
pub fn panels() -> Vec<Panel> {
    let mut found = Vec::new();
    for (file, dashboard) in dashboards() {
        let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
        for json in panels.iter().filter(|panel| panel["type"] != "row") {
            let name = format!("{file}: {}", json["title"].as_str().unwrap_or_default());
            let targets = json["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
            let text = |target: &Value, key: &str| {
                let text = target[key].as_str();
                text.unwrap_or_else(|| panic!("{name}: a query without {key}")).to_owned()
            };
            let queries = targets.iter().map(|t| (text(t, "expr"), text(t, "legendFormat")));
            let queries = queries.collect();
            found.push(Panel { name, queries, json: json.clone() });
        }
    }
    found
}
