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

use super::{
    Failure, events, output,
    target::{Source, Target},
};

/// How many events are shown to begin with.
const LAST_EVENTS: usize = 20;
/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Show the last events, and with --follow those that a writer appends
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber tail --data-dir DIR
  zeitgeber tail --data-dir DIR --follow --json | jq .event
  zeitgeber tail --to http://127.0.0.1:8787 --follow")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Go on with what is appended, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = args.target.source()?;
    let stop = Arc::new(AtomicBool::new(false));
    if args.follow {
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop))?;
        }
    }
    match &source {
        Source::Log(store) => directory(args, store, &stop)?,
        #[cfg(feature = "service")]
        Source::Service(client) => service::tail(args, client, &stop)?,
        #[cfg(not(feature = "service"))]
        Source::Service(none) => match *none {},
    }
    Ok(ExitCode::SUCCESS)
}

fn directory(args: &Args, store: &Store, stop: &AtomicBool) -> Result<(), Failure> {
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
    Ok(())
}

#[cfg(feature = "service")]
mod service {
    //! The same from a running service, whose stream is read on a thread of its own, so that a
    //! signal need not wait for the next event.

    use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
    use zeitgeber::{
        client::{Client, ClientError, Event, Patience},
        query::EventRow,
    };

    use super::*;

    /// Events that wait to be printed.
    const WAITING: usize = 1_024;

    pub(super) fn tail(args: &Args, client: &Client, stop: &AtomicBool) -> Result<(), Failure> {
        let mut out = output::stdout();
        let last = client.last_events(LAST_EVENTS)?;
        for row in &last {
            events::print(&mut out, row, args.json)?;
        }
        out.flush()?;
        if !args.follow {
            return Ok(());
        }
        let events = follow(client, last.last().map(|row| row.position.to_string()))?;
        while !stop.load(Ordering::Relaxed) {
            let first = match events.recv_timeout(LOOK_EVERY) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            for event in std::iter::once(first).chain(events.try_iter()) {
                let row: EventRow = serde_json::from_str(&event?.data)?;
                events::print(&mut out, &row, args.json)?;
            }
            out.flush()?;
        }
        Ok(())
    }

    fn follow(
        client: &Client,
        after: Option<String>,
    ) -> Result<Receiver<Result<Event, ClientError>>, Failure> {
        let (sender, receiver) = bounded(WAITING);
        let mut stream = client.clone().with_patience(Patience::LONG).follow(Vec::new(), after);
        thread::Builder::new().name("follow".into()).spawn(move || {
            loop {
                let event = stream.next();
                let failed = event.is_err();
                if sender.send(event).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(receiver)
    }
}
