//! `zeitgeber bench --kafka`: every stage between topics, beside a plain copy of the same records.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use zeitgeber::{
    bench::{
        Load, Plan,
        bus::{self, BusFigures, WorkerFigures},
    },
    config::{Config, Logs},
    cycle::OutcomeDetail,
    journal::cql,
    store::{LogPlace, Store},
    telemetry::logs,
};

use super::super::{Failure, database, say, schema, session};

pub(super) fn measure(
    plan: Plan,
    config: &Config,
    dir: &Path,
    journal: Option<&str>,
) -> Result<BusFigures, Failure> {
    if !config.kafka.is_set() {
        return Err("no Kafka is configured: set kafka.brokers=HOST:PORT".into());
    }
    let load = Load::new(plan)?;
    // The stages run in this process: what they warn of says why a figure is what it is.
    let warnings = Logs { filter: "warn".into(), ..config.logs.clone() };
    let _traces = logs::init(&warnings, &config.traces)?;
    let settings = session::settings(config, OutcomeDetail::Counts);
    let log = |name: &str| -> Result<Store, Failure> {
        let place = place(journal, config, &dir.join("bus").join(name), name)?;
        Ok(Store::write_at(&place, settings.partitions, settings.segment_bytes)?)
    };
    let made = bus::Logs {
        journal: journal.unwrap_or("files").into(),
        database: journal.and_then(|url| url.split('/').nth(2)).map(str::to_owned),
        plain: log("plain")?,
        transactional: log("transactional")?,
    };
    Ok(bus::run(made, &load, config, &settings, say::note)?)
}

/// A place for a log of this run's own: a directory, or a keyspace beside the one that is named.
fn place(
    journal: Option<&str>,
    config: &Config,
    dir: &Path,
    name: &str,
) -> Result<LogPlace, Failure> {
    let Some(url) = journal else { return Ok(dir.into()) };
    let mut connect = database::connect(url, &config.cql)?;
    connect.keyspace = format!("{}_bench_{}_{name}", connect.keyspace, std::process::id());
    cql::apply(&connect, &schema::options(config))?;
    Ok(LogPlace::Database { connect, cache: dir.into() })
}

/// Partitions of the log that workers share out.
const SHARED_PARTITIONS: u16 = 64;

pub(super) fn measure_workers(
    plan: Plan,
    config: &Config,
    dir: &Path,
    journal: &str,
) -> Result<WorkerFigures, Failure> {
    let load = Load::new(plan)?;
    let mut config = config.clone();
    config.log.partitions = SHARED_PARTITIONS;
    config.cql.cache_dir = dir.join("workers").display().to_string();
    let LogPlace::Database { connect, cache } = place(Some(journal), &config, dir, "workers")?
    else {
        return Err("workers share a log in a database".into());
    };
    let address = connect.address();
    let place = LogPlace::Database { connect, cache };
    // Made, and left to the workers.
    drop(Store::write_at(&place, SHARED_PARTITIONS, 0)?);
    let log = Store::read_at(&place)?;
    Ok(bus::run_workers((&log, &address), dir, &load, &config, say::note)?)
}

pub(super) fn show_workers(figures: &WorkerFigures, json: bool) -> Result<ExitCode, Failure> {
    if json {
        say::json(figures)?;
        return Ok(ExitCode::SUCCESS);
    }
    let killed = format!("one of two killed, session {} ms", figures.session_ms);
    say::text(&format!(
        "{} partitions, each with a reading every 20 ms; workers and servers on the same processors\n\n\
         {}{}{}{}{}",
        figures.partitions,
        super::head("longest time without an output, ms"),
        super::row("nothing changes", &figures.undisturbed),
        super::row("a second worker comes", &figures.joined),
        super::row("one of two stops", &figures.left),
        super::row(&killed, &figures.killed),
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(figures: &BusFigures, json: bool) -> Result<ExitCode, Failure> {
    if json {
        say::json(figures)?;
        return Ok(ExitCode::SUCCESS);
    }
    let spent = |of: &BTreeMap<String, f64>, what: &str| -> String {
        let shown = of.iter().filter(|(_, us)| **us >= 0.005);
        shown.map(|(name, us)| format!("{us:>12.2} us/reading  {what}{name}\n")).collect()
    };
    say::text(&format!(
        "{} readings, {} partitions, journal: {}; clients and servers on the same processors\n\n\
         {:>12.0} readings/s  produced\n\
         {:>12.0} readings/s  copied by librdkafka alone\n\
         {:>12.0} readings/s  through every stage, journaled and published ({:.2} of the copy)\n\
         {:>12.0} readings/s  the same with outputs in transactions ({:.2} of it)\n\
         {:>12.0} MB/s        of chunks, the journal read\n\n\
         {:>12.2} us/reading  processor of this program, every stage and its clients; of it\n\
         {}{}\n\
         {}{}{}",
        figures.readings,
        figures.partitions,
        figures.journal,
        figures.produced_per_s,
        figures.copied_per_s,
        figures.piped_per_s,
        figures.ratio,
        figures.transactional_per_s,
        figures.transactional_per_s / figures.piped_per_s,
        figures.scanned_mb_per_s,
        figures.client_us_per_reading,
        spent(&figures.threads_us_per_reading, "  threads "),
        spent(&figures.servers_us_per_reading, "processor of "),
        super::head("ms"),
        super::row("a partition claimed and opened", &figures.claim),
        super::row("reading to intervention on its topic, 10,000/s", &figures.visible),
    ))?;
    Ok(ExitCode::SUCCESS)
}
