//! What this process and the servers spend.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::super::cpu_seconds_of;

/// Processor time, s, by name.
pub(super) type Seconds = BTreeMap<String, f64>;

/// Processor time so far of the servers on this machine that listen where clients are sent, by
/// what they are. `servers` has a name and the addresses of each, `HOST:PORT[,HOST:PORT…]`.
pub(super) fn servers(servers: &[(&str, String)]) -> Seconds {
    let sockets = listening();
    let inodes = |addresses: &str| -> BTreeSet<u64> {
        let ports = addresses.split(',').filter_map(|one| one.rsplit(':').next()?.parse().ok());
        let ports: Vec<u16> = ports.collect();
        sockets.iter().filter(|(port, _)| ports.contains(port)).map(|(_, inode)| *inode).collect()
    };
    let wanted: Vec<_> = servers.iter().map(|(name, at)| (*name, inodes(at))).collect();
    let mut found = Seconds::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.file_name().to_string_lossy().into_owned();
        let held = fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        let held: BTreeSet<u64> = held
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .filter_map(|link| {
                link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
            })
            .collect();
        if let Some((name, _)) = wanted.iter().find(|(_, inodes)| !inodes.is_disjoint(&held)) {
            *found.entry((*name).to_owned()).or_default() += cpu_seconds_of(&process);
        }
    }
    found
}

/// Ports that are listened to on this machine, with their sockets.
fn listening() -> Vec<(u16, u64)> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 0A: listening.
        let port = fields.get(1)?.rsplit(':').next().filter(|_| fields.get(3) == Some(&"0A"))?;
        Some((u16::from_str_radix(port, 16).ok()?, fields.get(9)?.parse().ok()?))
    };
    tables.iter().flatten().flat_map(|text| text.lines().skip(1).filter_map(parse)).collect()
}

/// Processor time so far of this process's threads, by their names without numbers.
pub(super) fn threads() -> Seconds {
    let mut found = Seconds::new();
    for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let name = name.trim_end().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        let thread = format!("self/task/{}", entry.file_name().to_string_lossy());
        *found.entry(name.to_owned()).or_default() += cpu_seconds_of(&thread);
    }
    found
}

/// What was spent between two looks on each of so many readings, us.
pub(super) fn us_each(before: &Seconds, after: Seconds, readings: usize) -> Seconds {
    let spent = |(name, now): (String, f64)| {
        let seconds = now - before.get(&name).copied().unwrap_or(0.0);
        (name, seconds * 1e6 / readings as f64)
    };
    after.into_iter().map(spent).collect()
}
