//! `zeitgeber cluster`: the workers of one log, as the brokers and the log tell of them.

use std::{io::Write, process::ExitCode};

use clap::Subcommand;
use zeitgeber::{cluster, store::Store};

use super::{
    DataDir, Failure, Layers,
    output::{self, right},
    session,
};

/// Show which worker owns which partition, and how far each is
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber cluster status --data-dir DIR --set kafka.brokers=127.0.0.1:9092
  zeitgeber cluster status --config zeitgeber.toml --json")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Status(Status),
}

/// Owners, positions in the log, and records that are not in it yet
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber cluster status --data-dir DIR --set kafka.brokers=127.0.0.1:9092 --json")]
struct Status {
    #[command(flatten)]
    data: DataDir,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let What::Status(args) = &args.what;
    let config = session::config(layers)?;
    if !config.kafka.is_set() {
        return Err("no Kafka is configured: set kafka.brokers=HOST:PORT".into());
    }
    let store = Store::read(&args.data.dir)?;
    let status = cluster::status(&config.kafka, &*store.journal())?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &status)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["partition", "owner", "chunks", "events", "behind"]);
    for partition in &status.partitions {
        let behind: u64 = partition.lag.values().sum();
        table.add_row(vec![
            right(partition.partition),
            partition.owner.as_deref().unwrap_or("nobody").into(),
            right(partition.chunks),
            right(partition.position),
            right(behind),
        ]);
    }
    writeln!(out, "group {}, {} workers", status.group, status.workers)?;
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}
