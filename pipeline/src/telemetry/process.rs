//! What the system says about this process.

use std::fs;

use super::{Registry, catalogue};

/// Fills in the metrics of the process. What the system does not tell is left out.
pub(super) fn sample(registry: &Registry) {
    registry.seconds(&catalogue::PROCESS_CPU, &[]).set(cpu_seconds());
    if let Some(bytes) = resident_bytes() {
        registry.gauge(&catalogue::PROCESS_RESIDENT, &[]).set(bytes);
    }
    if let Some(files) = open_files() {
        registry.gauge(&catalogue::PROCESS_FILES, &[]).set(files);
    }
    if let Some(start) = start_seconds() {
        registry.gauge(&catalogue::PROCESS_START, &[]).set(start);
    }
}

fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn resident_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}

fn open_files() -> Option<f64> {
    // One of them is the listing's own.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// When the process started: ticks since the system did, and when that was.
fn start_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything; the start is
    // the 20th after it.
    let ticks: f64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted = system.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(
        booted.trim().parse::<f64>().ok()? + ticks / rustix::param::clock_ticks_per_second() as f64,
    )
}
