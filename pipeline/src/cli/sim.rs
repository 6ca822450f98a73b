//! `zeitgeber sim`.

use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
};

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use zeitgeber::{
    query::hex,
    sim::{self, Ledger, Outcome, PARTS, Settings},
};

use super::{
    Failure,
    output::{self, Tone, tone},
};

/// Simulate the embedded form on a disk that breaks, and check that nothing is lost or doubled
///
/// A seed decides everything: which of the writers, readers and senders does the next step, where
/// the power fails, which write is torn. The same seed is the same run. Exits with 1, and prints the
/// smaller run that shows it, where an invariant does not hold.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber sim --seed 7
  zeitgeber sim --seed 1 --seeds 1000 --steps 5000 --json
  zeitgeber sim --seed 7 --steps 812 --without kills --without rot")]
pub(super) struct Args {
    /// The first seed
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Steps of each seed, before everything is let drain
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    steps: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: u64,
    /// Leave something out (repeatable)
    #[arg(long, value_name = "PART", value_parser = PossibleValuesParser::new(PARTS))]
    without: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    ok: bool,
    /// Of the last seed.
    trace: String,
    #[serde(flatten)]
    ledger: Ledger,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed>,
}

/// The smallest run that was found to fail.
#[derive(Debug, Serialize)]
struct Failed {
    invariant: &'static str,
    what: String,
    step: u64,
    again: String,
    script: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut ledger = Ledger::default();
    let mut trace = [0; 32];
    let mut failure = None;
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let last = args.seed.saturating_add(args.seeds);
    let mut next = args.seed;
    while next < last && failure.is_none() {
        let together: Vec<u64> = (next..last.min(next + threads)).collect();
        next += together.len() as u64;
        for (seed, outcome) in at_once(&together, args)? {
            ledger.add(&outcome.ledger);
            trace = outcome.trace;
            if outcome.violation.is_some() && failure.is_none() {
                failure = failed(&settings(seed, args));
            }
        }
    }
    let document = Document { ok: failure.is_none(), trace: hex(&trace), ledger, failure };
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &document)?;
    } else {
        readable(&mut out, &document)?;
    }
    Ok(if document.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn settings(seed: u64, args: &Args) -> Settings {
    Settings { without: args.without.clone(), ..Settings::new(seed, args.steps) }
}

/// Each seed on a thread of its own; the outcomes in order of the seeds.
fn at_once(seeds: &[u64], args: &Args) -> Result<Vec<(u64, Outcome)>, Failure> {
    thread::scope(|scope| {
        let run = |seed: &u64| {
            let settings = settings(*seed, args);
            (*seed, scope.spawn(move || sim::run(&settings)))
        };
        let running: Vec<_> = seeds.iter().map(run).collect();
        let ended = running.into_iter().map(|(seed, thread)| match thread.join() {
            Ok(outcome) => Ok((seed, outcome)),
            Err(_) => Err(format!("seed {seed} panicked: run it alone to see where").into()),
        });
        ended.collect()
    })
}

fn failed(settings: &Settings) -> Option<Failed> {
    let (least, outcome) = sim::shrink(settings);
    let (step, violation) = outcome.violation?;
    let without: String = least.without.iter().map(|part| format!(" --without {part}")).collect();
    let Settings { seed, steps, .. } = least;
    Some(Failed {
        invariant: violation.invariant.id(),
        what: violation.what,
        step,
        again: format!("zeitgeber sim --seed {seed} --steps {steps}{without}"),
        script: outcome.script,
    })
}

/// How often each fault was met in each state of the log's writer.
fn coverage(out: &mut impl Write, ledger: &Ledger) -> io::Result<()> {
    let states: Vec<&str> = Ledger::states().collect();
    let mut table = output::table(&[&["fault while"], &states[..]].concat());
    for kind in Ledger::kinds() {
        let met = |state: &&str| {
            let count = ledger.met(kind, state);
            output::right(count.map_or_else(|| "-".into(), |count| count.to_string()))
        };
        let counts = states.iter().map(met);
        table.add_row(std::iter::once(comfy_table::Cell::new(kind)).chain(counts));
    }
    writeln!(out, "{table}")?;
    if let Some((kind, state, count)) = ledger.least_met() {
        writeln!(out, "each of them at least {count} times (least: {kind} while {state})")?;
    }
    Ok(())
}

fn readable(out: &mut impl Write, document: &Document) -> Result<(), Failure> {
    let Ledger { seeds, steps, busy_ms, inputs, acknowledged, chunks, events, .. } =
        &document.ledger;
    let Ledger { snapshots, starts, stops, cuts, from_snapshot, changes, images, .. } =
        &document.ledger;
    let hours = *busy_ms as f64 / 3_600_000.0;
    writeln!(out, "{seeds} seeds, {steps} steps, {hours:.1} simulated hours with inputs")?;
    writeln!(out, "{inputs} inputs sent, {acknowledged} acknowledged")?;
    writeln!(out, "{chunks} chunks and {events} events durable, {snapshots} snapshots")?;
    writeln!(
        out,
        "{starts} starts ({from_snapshot} partitions from a snapshot), {stops} clean stops, \
         {cuts} torn tails cut"
    )?;
    let per_hour = |count: &u64| *count as f64 / hours.max(1.0);
    writeln!(
        out,
        "{:.0} inputs acknowledged and {:.0} chunks committed a simulated hour",
        per_hour(acknowledged),
        per_hour(chunks)
    )?;
    writeln!(out, "{changes} changes of the disk, {images} copies of it damaged and read")?;
    coverage(out, &document.ledger)?;
    writeln!(out, "trace of the last seed {}", document.trace)?;
    out.flush()?;
    if let Some(Failed { invariant, what, step, again, script }) = &document.failure {
        let mut told = io::stderr().lock();
        writeln!(told, "error: {invariant} does not hold: {what}\n  at step {step}, after")?;
        script.iter().try_for_each(|line| writeln!(told, "  {line}"))?;
        writeln!(told, "  again: {again}")?;
        return Ok(());
    }
    writeln!(out, "{}", tone(Tone::Good, "every invariant held"))?;
    out.flush()?;
    Ok(())
}
