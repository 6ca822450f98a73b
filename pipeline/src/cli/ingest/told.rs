//! What a run of `ingest` tells at its end.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Serialize, Serializer};
use zeitgeber::{cycle::Counts, ingest::FileReport};

use super::Args;
use crate::cli::{Failure, say};

#[derive(Serialize)]
pub(super) struct Summary<'a> {
    pub(super) files: &'a [FileReport],
    pub(super) profiles: u64,
    /// What a service handed on to a bus.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) queued: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) threads: Option<usize>,
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) counts: Counted,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How many of what, as far as whoever prints it knows it.
pub(super) enum Counted {
    /// By the log's own writer.
    Here(Counts),
    /// By a service, as its answers told it.
    #[cfg(feature = "service")]
    There(Counts),
}

/// What a service's writer keeps to itself: a chunk is shared by many requests.
#[cfg(feature = "service")]
const OF_THE_WRITER: [&str; 2] = ["chunks", "bytes"];

impl Counted {
    const fn counts(&self) -> &Counts {
        match self {
            Self::Here(counts) => counts,
            #[cfg(feature = "service")]
            Self::There(counts) => counts,
        }
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(counts) => counts.serialize(serializer),
            #[cfg(feature = "service")]
            Self::There(counts) => {
                let told = counts.named().filter(|(name, _)| !OF_THE_WRITER.contains(name));
                serializer.collect_map(told)
            }
        }
    }
}

/// Prints the summary; the exit status is that of a command which a signal may have stopped.
pub(super) fn conclude(
    args: &Args,
    summary: &Summary<'_>,
    place: &str,
    stop: &AtomicBool,
) -> Result<ExitCode, Failure> {
    if args.json {
        say::json(summary)?;
    } else {
        print_summary(summary, place)?;
    }
    let interrupted = stop.load(Ordering::Relaxed);
    if interrupted {
        say::note("stopped by a signal: run the same command again to go on");
    }
    Ok(if interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print_summary(summary: &Summary<'_>, place: &str) -> Result<(), Failure> {
    let counts = summary.counts.counts();
    let read: u64 = summary.files.iter().map(|file| file.inputs).sum();
    let mut text = format!(
        "{read} inputs from {} file(s) in {:.1} s ({:.0}/s){}\n",
        summary.files.len(),
        summary.seconds,
        read as f64 / summary.seconds,
        summary.threads.map_or_else(String::new, |threads| format!(", {threads} core thread(s)")),
    );
    for (count, what) in [
        (summary.queued, "queued: the brokers have them, and the log tells what becomes of each"),
        (counts.accepted, "readings accepted"),
        (counts.refused, "refused, kept as dead letters"),
        (counts.repeats, "exact repeats, counted"),
        (counts.skipped, "skipped: an earlier run covered them"),
        (counts.others, "profiles, feedback and configurations"),
        (counts.commands, "inputs of pools of agents"),
        (counts.assignments, "tasks assigned"),
        (counts.completions, "tasks completed"),
        (counts.analyses, "analyses"),
        (counts.decisions, "decisions"),
        (counts.interventions, "interventions issued"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count:>10}  {what}\n"));
        }
    }
    if counts.refused > 0 {
        text.push_str(&format!("why: zeitgeber deadletters {place}\n"));
    }
    say::text(&text)
}
