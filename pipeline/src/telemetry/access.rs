//! A request in the logs: its span, where its inputs ended up, and one line about its answer.
//!
//! What is written of a request is its id, method, route template, status, duration and journal
//! positions: never a path, a body or a person's id. Lines are bounded: beyond
//! [`LINES_PER_SECOND`] of a second they are written at the level `debug`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tracing::{Instrument, Span, field::Empty};
use zeitgeber_schemas::PartitionId;

use super::{
    UNMATCHED,
    catalogue::{METHODS, OTHER},
};
use crate::cycle::Told;

/// Requests that get a line of their own within a second.
pub const LINES_PER_SECOND: u64 = 100;
/// Partitions whose positions a line shows.
const POSITIONS_SHOWN: usize = 8;

/// The span of a request; everything that is logged within it carries its fields.
pub fn request(request_id: &str, method: &str, route: Option<&str>) -> Span {
    let method = METHODS.iter().copied().find(|known| *known == method).unwrap_or(OTHER);
    let route = route.unwrap_or(UNMATCHED);
    tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        request_id,
        method,
        route,
        status = Empty,
        positions = Empty,
    )
}

/// Waits for what was handed to the writer in a span of its own, `commit`, and notes the positions
/// that the inputs reached with the request. To be called in the request's span.
pub async fn settle<E>(wait: impl Future<Output = Result<Told, E>>) -> Result<Told, E> {
    let request = Span::current();
    let told = wait.instrument(tracing::info_span!("commit")).await?;
    request.record("positions", positions(&told.reached));
    Ok(told)
}

/// Writes the request's line.
pub fn answered(request: &Span, status: u16, took: Duration) {
    static BOUND: Bound = Bound(AtomicU64::new(0));
    request.record("status", status);
    let duration_ms = took.as_micros() as f64 / 1_000.0;
    let _within = request.enter();
    let shown = BOUND.admits(coarse_now_s());
    match status {
        500.. if shown => tracing::warn!(duration_ms, "answered"),
        _ if shown => tracing::info!(duration_ms, "answered"),
        _ => tracing::debug!(duration_ms, "answered"),
    }
}

fn coarse_now_s() -> u64 {
    rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse).tv_sec.unsigned_abs()
}

/// How many lines a second had: the second in the upper half, the lines in the lower.
struct Bound(AtomicU64);

impl Bound {
    fn admits(&self, second: u64) -> bool {
        let next = |held: u64| {
            let same = held >> 32 == second & 0xffff_ffff;
            let lines = if same { held & 0xffff_ffff } else { 0 };
            (lines < LINES_PER_SECOND).then_some(second << 32 | (lines + 1))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

/// Partition and next position of each partition that inputs reached.
fn positions(reached: &[(PartitionId, u64)]) -> String {
    let mut text = String::new();
    for (partition, position) in reached.iter().take(POSITIONS_SHOWN) {
        let comma = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{comma}{}:{position}", partition.0));
    }
    if let Some(more) = reached.len().checked_sub(POSITIONS_SHOWN + 1) {
        text.push_str(&format!(" and {} more", more + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_second_are_bounded_and_the_next_second_begins_anew() {
        let bound = Bound(AtomicU64::new(0));
        let admitted = (0..500).filter(|_| bound.admits(7)).count() as u64;
        assert_eq!(admitted, LINES_PER_SECOND);
        assert!(bound.admits(8));
    }

    #[test]
    fn positions_of_many_partitions_are_cut_and_counted() {
        let reached: Vec<_> = (0..10).map(|n| (PartitionId(n), u64::from(n) + 5)).collect();
        assert_eq!(positions(&reached[..2]), "0:5 1:6");
        assert_eq!(positions(&reached), "0:5 1:6 2:7 3:8 4:9 5:10 6:11 7:12 and 2 more");
    }
}
