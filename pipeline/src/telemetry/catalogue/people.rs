//! People in bounded memory, and snapshots.

use super::{
    Kind::{Counter, Gauge},
    SECONDS, metrics, of,
};

/// Where people's states are: in memory, or in files only.
pub const MEMORIES: [&str; 2] = ["hot", "cold"];
/// How writing a snapshot ended.
pub const SNAPSHOT_RESULTS: [&str; 2] = ["written", "failed"];

metrics! { PEOPLE_METRICS:
    PEOPLE = Gauge, "zeitgeber_people_count", [of("memory", || MEMORIES.to_vec())],
        "People known, by whether their state is in memory", by "sampler, from the states";
    PEOPLE_MEMORY = Gauge, "zeitgeber_people_memory_bytes", [],
        "Bytes of people's states in memory, as measured last", by "sampler, from the states";
    PEOPLE_LOADS = Counter, "zeitgeber_people_loads_total", [],
        "Records of people read back from files", by "sampler, from the states";
    PEOPLE_EVICTIONS = Counter, "zeitgeber_people_evictions_total", [],
        "People who left memory to make room", by "sampler, from the states";
    PEOPLE_REFUSED_WRITES = Counter, "zeitgeber_people_refused_writes_total", [],
        "People who stayed in memory because they could not be written down",
        by "sampler, from the states";
    SNAPSHOT_AGE = Gauge, "zeitgeber_snapshot_age_seconds", [],
        "Age of the oldest snapshot whose partition's log grew in this run by more than makes a new \
         one due; from the start where there is none yet, 0 where no snapshot is due",
        by "sampler, from the states and their files";
    SNAPSHOTS = Counter, "zeitgeber_snapshots_total",
        [of("result", || SNAPSHOT_RESULTS.to_vec())],
        "Snapshots written during the run, and those that failed", by "telemetry, per snapshot";
    SNAPSHOT_WRITE = SECONDS, "zeitgeber_snapshot_write_seconds", [],
        "Time to write a partition's snapshot, its people's records included",
        by "telemetry, per snapshot";
}
