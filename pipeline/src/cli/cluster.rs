//! `zeitgeber cluster`: the workers of one log, as the brokers and the log tell of them.

use std::{io::Write, process::ExitCode};

use clap::Subcommand;
use zeitgeber::{
    cluster::{self, StandbyStatus},
    store::Store,
};

use super::{
    Failure, Layers,
    database::log_at,
    output::{self, right},
    session,
};

/// Show which worker owns which partition, and how far each is
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber cluster status --journal scylla://127.0.0.1:9042/zeitgeber --config cluster.toml
  zeitgeber cluster status --config zeitgeber.toml --json")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Status(Status),
}

/// Owners, positions in the log, records that are not in it yet, and standbys with how many events
/// of the log each has still to fold
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber cluster status --journal scylla://127.0.0.1:9042/zeitgeber --config cluster.toml --json")]
struct Status {
    /// The log that the workers share, `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE`
    #[arg(long, value_name = "URL")]
    journal: String,
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
    let store = Store::read_at(&log_at(&args.journal)?)?;
    let status = cluster::status(&config.kafka, &*store.journal())?;
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &status)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table =
        output::table(&["partition", "owner", "chunks", "events", "behind", "standbys"]);
    for partition in &status.partitions {
        let behind: u64 = partition.lag.values().sum();
        table.add_row(vec![
            right(partition.partition),
            partition.owner.as_deref().unwrap_or("nobody").into(),
            right(partition.chunks),
            right(partition.position),
            right(behind),
            standbys(&partition.standbys).into(),
        ]);
    }
    writeln!(out, "group {}, {} workers", status.group, status.workers)?;
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}

/// Each with what it has still to fold.
fn standbys(standbys: &[StandbyStatus]) -> String {
    let tell = |standby: &StandbyStatus| match standby.behind {
        Some(behind) => format!("{} ({behind})", standby.worker),
        None => format!("{} (not told yet)", standby.worker),
    };
    standbys.iter().map(tell).collect::<Vec<_>>().join(", ")
}
