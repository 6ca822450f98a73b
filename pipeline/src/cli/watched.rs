//! A question that reads a whole log: progress on a terminal, and an end on SIGINT or SIGTERM.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use zeitgeber::{
    journal::Journal,
    whatif::{Watch, events_of},
};

use super::{Failure, session};

/// Asks a question. Where it was interrupted, says so in place of whatever it answered.
pub(super) fn over<T, E>(
    journal: &dyn Journal,
    ask: impl FnOnce(Watch<'_>) -> Result<T, E>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let (stop, all) = (session::stop_flag()?, events_of(journal));
    let (bar, read) = (progress_bar(all), AtomicU64::new(0));
    let watch = |events: u64| {
        if events > 0 {
            bar.set_position(read.fetch_add(events, Ordering::Relaxed) + events);
        }
        !stop.load(Ordering::Relaxed)
    };
    let answer = ask(&watch);
    bar.finish_and_clear();
    if answer.is_err() && stop.load(Ordering::Relaxed) {
        let read = read.into_inner();
        return Err(format!(
            "interrupted after {read} of {all} events: nothing is told of a part of the log; run it \
             again to the end"
        )
        .into());
    }
    Ok(answer?)
}

fn progress_bar(events: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} events {wide_bar} {elapsed}");
    let bar = ProgressBar::with_draw_target(Some(events), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
