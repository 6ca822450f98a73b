//! `zeitgeber bench`: how fast this machine runs the whole pipeline.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[cfg(feature = "service")]
use zeitgeber::bench::{
    Load,
    http::{self, HttpFigures},
};
use zeitgeber::{
    bench::{
        self, Figures, Latency, Plan, RunCounts,
        decisions::{self, DecisionsPlan},
        rhythm, routing,
    },
    cycle::OutcomeDetail,
    query,
    store::Store,
};

use super::{Failure, Layers, say, session};

#[cfg(feature = "cluster")]
mod bus;
mod tasks;

/// Measure ingest, replay, commit latency and memory on this machine
///
/// The load is the compiled-in sample's mix of readings, dirt included, spread over many people;
/// every stage runs and every log is durable. Figures of one run can be compared with each other;
/// other programs on the machine show in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    zeitgeber bench\n  \
    zeitgeber bench --people 20000 --readings 4000000 --json\n  \
    zeitgeber bench --http\n  \
    zeitgeber bench --kafka --people 2000 --readings 800000 --set kafka.brokers=127.0.0.1:9092\n  \
    zeitgeber bench --kafka --journal scylla://127.0.0.1:9042/zeitgeber\n  \
    zeitgeber bench --kafka --journal scylla://127.0.0.1:9042/zeitgeber --workers\n  \
    zeitgeber bench --tasks --agents 1000\n  \
    zeitgeber bench --rhythm\n  \
    zeitgeber bench --routing\n  \
    zeitgeber bench --whatif --decisions 1000000")]
pub(super) struct Args {
    /// People
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    /// Readings, dirt included
    #[arg(long, default_value_t = 1_500_000)]
    readings: usize,
    /// Work here and keep the logs [default: a directory that is removed]
    #[arg(long = "data-dir", value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Measure a running service over loopback instead; the loader shares the machine with it
    #[cfg(feature = "service")]
    #[arg(long, conflicts_with_all = ["threads", "tasks", "rhythm"])]
    http: bool,
    /// Measure the bus instead: every stage between Kafka's topics, beside a plain copy
    #[cfg(feature = "cluster")]
    #[arg(long, conflicts_with_all = ["http", "tasks", "rhythm"])]
    kafka: bool,
    /// With --kafka: the log in ScyllaDB or Cassandra, in keyspaces beside this one,
    /// `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE`
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "URL", requires = "kafka")]
    journal: Option<String>,
    /// With --kafka and --journal: how long 64 partitions pause when a worker comes, stops or dies
    #[cfg(feature = "cluster")]
    #[arg(long, requires = "journal")]
    workers: bool,
    /// Measure tasks and agents instead, in process: submitted, assigned, completed, durable
    #[arg(long, conflicts_with_all = ["people", "readings"])]
    tasks: bool,
    #[command(flatten)]
    fleet: tasks::Fleet,
    /// Measure the rhythm stage instead, in memory: each family of features, and all of them live
    #[arg(long, conflicts_with_all = ["people", "readings", "tasks", "threads", "dir"])]
    rhythm: bool,
    /// Measure the learner instead, in memory and on one core: decisions, feedback, refactoring
    #[arg(long, conflicts_with_all = ["people", "readings", "tasks", "rhythm", "threads", "dir"])]
    routing: bool,
    /// Measure what-if instead, on a made-up log of as many people's decisions
    #[arg(long, conflicts_with_all = ["readings", "tasks", "rhythm", "routing", "threads"])]
    whatif: bool,
    /// With --whatif: decisions
    #[arg(long, default_value_t = 1_000_000, requires = "whatif")]
    decisions: u64,
    /// Core threads [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    if args.rhythm {
        let figures = rhythm::run(say::note);
        return show(args, &figures, &figures.table());
    }
    if args.routing {
        let figures = routing::run(say::note);
        let shown = show(args, &figures, &figures.table())?;
        return Ok(if figures.ok() { shown } else { ExitCode::FAILURE });
    }
    let mut config = session::config(layers)?;
    if let Some(threads) = args.threads {
        config.runtime.threads = threads;
    }
    let temporary = std::env::temp_dir().join(format!("zeitgeber-bench-{}", std::process::id()));
    let dir = args.dir.clone().unwrap_or_else(|| temporary.clone());
    if dir.join("avro").exists() || dir.join("tasks").exists() {
        return Err(
            format!("{} holds a bench already; name another directory", dir.display()).into()
        );
    }
    if args.tasks {
        let figures = tasks::measure(&args.fleet, &config, &dir.join("tasks"));
        remove_unless_kept(args, &temporary)?;
        return tasks::show(&figures?, args.json);
    }
    if args.whatif {
        let plan = DecisionsPlan { people: args.people as u64, decisions: args.decisions };
        let dir = dir.join("whatif");
        let figures = decisions::run(&dir, plan, &config.configuration(), say::note);
        remove_unless_kept(args, &temporary)?;
        let figures = figures?;
        return show(args, &figures, &figures.table());
    }
    let plan = Plan { people: args.people, readings: args.readings };
    #[cfg(feature = "service")]
    if args.http {
        let figures = Load::new(plan)
            .map_err(Failure::from)
            .and_then(|load| Ok(http::run(&dir.join("http"), &load, say::note)?));
        remove_unless_kept(args, &temporary)?;
        return service(args, &figures?);
    }
    #[cfg(feature = "cluster")]
    if let (true, Some(journal)) = (args.workers, &args.journal) {
        let figures = bus::measure_workers(plan, &config, &dir, journal);
        remove_unless_kept(args, &temporary)?;
        return bus::show_workers(&figures?, args.json);
    }
    #[cfg(feature = "cluster")]
    if args.kafka {
        let figures = bus::measure(plan, &config, &dir, args.journal.as_deref());
        remove_unless_kept(args, &temporary)?;
        return bus::show(&figures?, args.json);
    }
    let settings = session::settings(&config, OutcomeDetail::Counts);
    let configuration = config.configuration();
    let figures = bench::run(&dir, plan, &settings, &configuration, passes, say::note);
    remove_unless_kept(args, &temporary)?;
    let figures = figures?;
    if args.json {
        say::json(&figures)?;
    } else {
        print(args, &figures)?;
    }
    Ok(if figures.verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(args: &Args, figures: &impl serde::Serialize, table: &str) -> Result<ExitCode, Failure> {
    if args.json {
        say::json(figures)?;
    } else {
        say::text(table)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `verify` passes on a directory.
fn passes(dir: &Path) -> bool {
    let store = Store::read(dir);
    store.is_ok_and(|s| query::verify(&*s.journal()).is_ok_and(|verified| verified.ok))
}

fn remove_unless_kept(args: &Args, temporary: &Path) -> Result<(), Failure> {
    if args.dir.is_none() && temporary.exists() {
        std::fs::remove_dir_all(temporary)?;
    }
    Ok(())
}

#[cfg(feature = "service")]
fn service(args: &Args, figures: &HttpFigures) -> Result<ExitCode, Failure> {
    if args.json {
        say::json(figures)?;
        return Ok(ExitCode::SUCCESS);
    }
    say::text(&format!(
        "{} readings of {} people over loopback, loader and server on the same cores\n\n\
         {:>12.0} readings/s  batches of 1,000 from 4 clients ({:.2} us of the server's processor each)\n\
         {:>12.0} readings/s  single readings from 64 clients\n\
         {:>12.0} MiB         resident memory of the server at the end\n\n\
         {}{}{}{}{}",
        args.readings,
        args.people,
        figures.batch_readings_per_s,
        figures.batch_server_us_per_reading,
        figures.single_readings_per_s,
        figures.server_rss_mib,
        head("ms"),
        row("batch of 1,000, until durable", &figures.batch),
        row("status, batches at half that rate", &figures.status_at_half_rate),
        row("single reading, until durable", &figures.single),
        row("reading to intervention seen, 10,000/s", &figures.visible),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The head of a table of distributions of times.
fn head(what: &str) -> String {
    format!("  {what:<46} {:>8} {:>8} {:>8} {:>9}\n", "p50", "p99", "max", "count")
}

/// A distribution of times as a row of a table.
fn row(name: &str, times: &Latency) -> String {
    let [p50, p99, max] = [times.p50_ms, times.p99_ms, times.max_ms].map(|ms| {
        // Where nothing was measured there is no time.
        if ms.is_nan() { "-".to_owned() } else { format!("{ms:.2}") }
    });
    format!("  {name:<46} {p50:>8} {p99:>8} {max:>8} {:>9}\n", times.count)
}

fn print(args: &Args, figures: &Figures) -> Result<(), Failure> {
    let run = |name: &str, run: &RunCounts| {
        let counts = &run.counts;
        format!(
            "  {name:<7} {:.2} s ({:.2} us of processor a reading): {} accepted, {} refused, {} repeats, {} analyses ({} midnights), \
             {} decisions, {:.1} MB synced\n",
            run.seconds,
            run.cpu_seconds * 1e6 / counts.inputs() as f64,
            counts.accepted,
            counts.refused,
            counts.repeats,
            counts.analyses,
            counts.midnights,
            counts.decisions,
            counts.bytes as f64 / 1e6,
        )
    };
    let text = format!(
        "{} readings of {} people, {} core thread(s)\n{}{}\n\
         {:>12.0} readings/s  Avro in process, durable\n\
         {:>12.0} readings/s  NDJSON file, durable\n\
         {:>12.0} events/s    replay, one core\n\
         {:>12.0} us          100 readings through every stage, until acknowledged, p50\n\
         {:>12.0} us          a chunk of 100 readings appended, until durable, p50\n\
         {:>12.0} us          raw write + fdatasync of as many bytes, p50 (ratio {:.2})\n\
         {:>12} bytes       state of the largest person of the sample\n\
         {:>12.0} MiB         peak resident memory, the load included\n\
         verify: {}\n",
        args.readings,
        figures.people,
        figures.threads,
        run("avro", &figures.avro),
        run("ndjson", &figures.ndjson),
        figures.ingest_avro_readings_per_s,
        figures.ingest_ndjson_readings_per_s,
        figures.replay_events_per_s_per_core,
        figures.acknowledge_p50_us,
        figures.commit_p50_us,
        figures.raw_fdatasync_p50_us,
        figures.commit_ratio,
        figures.state_bytes_per_user,
        figures.rss_mib,
        if figures.verified { "passed" } else { "FAILED" },
    );
    say::text(&text)
}
