//! People in memory, snapshots and readiness: what a watched engine with little memory tells.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use zeitgeber::{ingest::SessionSettings, state::Memory, telemetry::Metrics};

use super::{
    Heard, fill,
    kit::{self, AMPLE, SETTINGS},
    scrape,
};

/// Nobody stays longer than a batch, and some chunks make a snapshot.
const LITTLE: Memory = Memory { people_bytes: 1, snapshot_every_bytes: 256 << 10 };
/// Longest wait for a snapshot, which is written beside the work.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn people_who_leave_memory_and_snapshots_are_told_and_so_is_who_takes_inputs() {
    let dir = TempDir::new().expect("there is room for a directory");
    let (metrics, heard) = (Metrics::new(), Heard::default());
    let settings = SessionSettings { memory: LITTLE, ..SETTINGS };
    let now = |series: &str| scrape(&metrics.registry().render())[series];
    assert_eq!(now("zeitgeber_ready_ratio"), 0.0, "nothing is open yet");
    let engine = kit::open(dir.path(), &settings, AMPLE, (metrics.recording(), heard.clone()));
    metrics.watch(engine.handle(), LITTLE);
    metrics.watch_snapshots(engine.snapshots()).expect("there is room for a thread");
    fill(&engine.handle(), &heard);
    let written = "zeitgeber_snapshots_total{result=\"written\"}";
    let begun = Instant::now();
    while now(written) < 1.0 {
        assert!(begun.elapsed() < WRITTEN_WITHIN, "a snapshot is written");
        std::thread::sleep(Duration::from_millis(10));
    }
    let text = metrics.render();
    metrics.unwatch();
    assert_eq!(now("zeitgeber_ready_ratio"), 0.0, "it is let go");
    engine.close().expect("it stops cleanly");
    let values = scrape(&text);
    let people =
        ["hot", "cold"].map(|memory| format!("zeitgeber_people_count{{memory=\"{memory}\"}}"));
    let [hot, cold] = people.map(|series| values[series.as_str()]);
    assert_eq!(hot + cold, 4.0, "{hot} in memory, {cold} not");
    assert!(cold > 0.0, "somebody has left");
    let evictions = values["zeitgeber_people_evictions_total"];
    assert!(evictions >= cold, "{evictions} left, {cold} of them are not back");
    let loads = values["zeitgeber_people_loads_total"];
    assert!(loads >= evictions - cold && loads > 0.0, "{evictions} left, {loads} came back");
    assert_eq!(hot > 0.0, values["zeitgeber_people_memory_bytes"] > 0.0);
    assert_eq!(values["zeitgeber_people_refused_writes_total"], 0.0);
    assert_eq!(values["zeitgeber_ready_ratio"], 1.0);
    let (count, failed) = (
        values["zeitgeber_snapshot_write_seconds_count"],
        values["zeitgeber_snapshots_total{result=\"failed\"}"],
    );
    assert!(count >= 1.0 && failed == 0.0, "{count} snapshots, {failed} failed");
    // One that is due may not be written yet.
    let age_s = values["zeitgeber_snapshot_age_seconds"];
    assert!((0.0..600.0).contains(&age_s), "the oldest is {age_s} s old");
}
