//! `zeitgeber bench --kafka`: every stage between topics, beside a plain copy of the same records.

use std::{path::Path, process::ExitCode};

use zeitgeber::{
    bench::{
        Load, Plan,
        bus::{self, BusFigures},
    },
    config::Config,
    cycle::OutcomeDetail,
    store::Store,
};

use super::super::{Failure, say, session};

pub(super) fn measure(plan: Plan, config: &Config, dir: &Path) -> Result<BusFigures, Failure> {
    if !config.kafka.is_set() {
        return Err("no Kafka is configured: set kafka.brokers=HOST:PORT".into());
    }
    let load = Load::new(plan)?;
    let settings = session::settings(config, OutcomeDetail::Counts);
    let store = Store::write(&dir.join("bus"), settings.partitions, settings.segment_bytes)?;
    Ok(bus::run(store, "files".into(), &load, config, &settings, say::note)?)
}

pub(super) fn show(figures: &BusFigures, json: bool) -> Result<ExitCode, Failure> {
    if json {
        say::json(figures)?;
        return Ok(ExitCode::SUCCESS);
    }
    let servers: String = figures
        .servers_us_per_reading
        .iter()
        .map(|(name, us)| format!("{us:>12.2} us/reading  processor of {name}\n"))
        .collect();
    say::text(&format!(
        "{} readings, {} partitions, journal: {}; clients and servers on the same processors\n\n\
         {:>12.0} readings/s  produced\n\
         {:>12.0} readings/s  copied by librdkafka alone\n\
         {:>12.0} readings/s  through every stage, journaled and published ({:.2} of the copy)\n\
         {:>12.2} us/reading  processor of this program, every stage and its clients\n\
         {}\n\
         {:<48} {:>8} {:>8} {:>8} {:>9}\n{}",
        figures.readings,
        figures.partitions,
        figures.journal,
        figures.produced_per_s,
        figures.copied_per_s,
        figures.piped_per_s,
        figures.ratio,
        figures.client_us_per_reading,
        servers,
        "  ms",
        "p50",
        "p99",
        "max",
        "count",
        super::row("reading to intervention on its topic, 10,000/s", &figures.visible),
    ))?;
    Ok(ExitCode::SUCCESS)
}
