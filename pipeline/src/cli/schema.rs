//! `zeitgeber schema`: the tables of a log in a database.

use std::process::ExitCode;

use serde_json::json;
use zeitgeber::{
    config::Config,
    journal::cql::{MigrationState, TableOptions, apply, check, doubts},
};

use super::{Failure, Layers, database, say, session};

/// Make or check the tables of a log in ScyllaDB or Cassandra
///
/// The tables come in numbered migrations, which are part of this program; what was applied is
/// recorded beside them. Applying again changes nothing. One at a time applies.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber schema apply --journal scylla://127.0.0.1:9042/zeitgeber --set cql.replication=1
  zeitgeber schema check --journal scylla://127.0.0.1:9042/zeitgeber")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make what is missing
    Apply(At),
    /// Say what is there; exit 1 where something is missing
    Check(At),
}

#[derive(Debug, clap::Args)]
struct At {
    /// The log, `scylla://HOST:PORT[,HOST:PORT…]/KEYSPACE`
    #[arg(long, value_name = "URL", env = "ZEITGEBER_JOURNAL")]
    journal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let config = session::config(layers)?;
    let (at, applies) = match &args.what {
        What::Apply(at) => (at, true),
        What::Check(at) => (at, false),
    };
    let connect = database::connect(&at.journal, &config.cql)?;
    let migrations = if applies { apply(&connect, &options(&config))? } else { check(&connect)? };
    for doubt in doubts(&connect)? {
        say::note(&format!("warning: {doubt}"));
    }
    print(at, &migrations)?;
    let all = migrations.iter().all(|migration| migration.is_applied);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What tables are made with.
pub(super) fn options(config: &Config) -> TableOptions {
    TableOptions {
        replication: config.cql.replication,
        keyspace: config.cql.keyspace_options.clone(),
        table: config.cql.table_options.clone(),
    }
}

fn print(at: &At, migrations: &[MigrationState]) -> Result<(), Failure> {
    if at.json {
        let of = |m: &MigrationState| json!({ "version": m.version, "name": m.name, "applied": m.is_applied });
        say::json(&json!({ "migrations": migrations.iter().map(of).collect::<Vec<_>>() }))?;
        return Ok(());
    }
    for migration in migrations {
        let state = if migration.is_applied { "applied" } else { "missing" };
        say::text(&format!("{:04} {}: {state}\n", migration.version, migration.name))?;
    }
    Ok(())
}
