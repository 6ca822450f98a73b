//! What the servers on this machine spend.

use std::{collections::BTreeMap, fs};

use super::super::cpu_seconds_of;

/// Processor time so far of the servers on this machine, s, by what they are.
pub(super) fn server_seconds() -> BTreeMap<String, f64> {
    let servers =
        [("kafka", "kafka.Kafka"), ("cassandra", "CassandraDaemon"), ("scylla", "scylla")];
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.file_name().to_string_lossy().into_owned();
        let Ok(line) = fs::read_to_string(entry.path().join("cmdline")) else { continue };
        let line = line.replace('\0', " ");
        let is = |named: &&(&str, &str)| match named.1 {
            "scylla" => line.split(' ').next().is_some_and(|program| program.ends_with("/scylla")),
            class => line.split(' ').any(|word| word.ends_with(class)),
        };
        if let Some((name, _)) = servers.iter().find(is) {
            *found.entry((*name).to_owned()).or_default() += cpu_seconds_of(&process);
        }
    }
    found
}

pub(super) fn since(before: &BTreeMap<String, f64>, readings: usize) -> BTreeMap<String, f64> {
    let spent = |(name, now): (String, f64)| {
        let seconds = now - before.get(&name).copied().unwrap_or(0.0);
        (name, seconds * 1e6 / readings as f64)
    };
    server_seconds().into_iter().map(spent).collect()
}
