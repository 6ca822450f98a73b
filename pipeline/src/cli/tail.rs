//! `zeitgeber tail`.

use std::{
    io::Write,
    ops::ControlFlow,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use zeitgeber::{
    query::{self, EventFilter, Walk},
    store::Store,
};

use super::{DataDir, Failure, events, output};

/// How many events are shown to begin with.
const LAST_EVENTS: usize = 20;
/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Show the last events, and with --follow those that a writer appends
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber tail --data-dir DIR
  zeitgeber tail --data-dir DIR --follow --json | jq .event")]
pub(super) struct Args {
    #[command(flatten)]
    data: DataDir,
    /// Go on with what is appended, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let store = Store::read(&args.data.dir)?;
    let stop = Arc::new(AtomicBool::new(false));
    if args.follow {
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop))?;
        }
    }
    let mut walk = Walk::start(&*store.journal())?;
    let mut out = output::stdout();
    for row in query::last_events(&mut walk, &store.tails(), LAST_EVENTS)? {
        events::print(&mut out, &row, args.json)?;
    }
    out.flush()?;
    while args.follow && !stop.load(Ordering::Relaxed) {
        query::events(&mut walk, &EventFilter::default(), |row| {
            events::print(&mut out, &row, args.json)?;
            let stop = stop.load(Ordering::Relaxed);
            Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        out.flush()?;
        thread::sleep(LOOK_EVERY);
    }
    Ok(ExitCode::SUCCESS)
}
