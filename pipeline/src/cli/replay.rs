//! `zeitgeber replay`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Instant,
};

use zeitgeber::query::Moment;

use super::{Failure, output, target::Target};

/// Rebuild the state from the log alone, and print its digest
///
/// Snapshots are left aside. `state` covers what the log folds to, `digest` the inputs and events
/// themselves; neither depends on chunks, files or threads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber replay --data-dir DIR
  zeitgeber replay --data-dir DIR --at 2024-05-03T08:00:00Z
  zeitgeber replay --data-dir DIR --at 3:1000,7:250")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Only up to here. P:N (several with commas; other partitions whole): the input that caused
    /// that event is the last one. TIME: each partition stops before its first input received later
    #[arg(long, value_name = "POSITION|TIME", allow_hyphen_values = true)]
    at: Option<Moment>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = args.target.source()?;
    let start = Instant::now();
    let rebuilt = source.replay(args.at.as_ref())?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        io::stderr(),
        "{} events in {seconds:.2} s, {:.0} events/s",
        rebuilt.events,
        rebuilt.events as f64 / seconds.max(f64::EPSILON)
    )?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &rebuilt)?;
    } else {
        writeln!(
            out,
            "{} inputs, {} events, {} people",
            rebuilt.inputs, rebuilt.events, rebuilt.people
        )?;
        writeln!(out, "state {}", rebuilt.state)?;
        writeln!(out, "digest {}", rebuilt.digest)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
