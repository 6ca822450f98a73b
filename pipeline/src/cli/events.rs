//! `zeitgeber events`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::builder::PossibleValuesParser;
use zeitgeber::query::{self, EventFilter, EventRow, Moment, Topic, time_text};
use zeitgeber_schemas::SchemaId;

use super::{
    Failure,
    output::{self, Tone, tone},
    target::Target,
};

/// List stored events in log order
///
/// Each event stands at a position PARTITION:NUMBER. The log keeps partitions in order, each for
/// itself; between partitions the order is that of writing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber events --data-dir DIR --limit 50
  zeitgeber events --data-dir DIR --user u09 --type decision_made
  zeitgeber events --data-dir DIR --from 2024-05-01 --json | head
  zeitgeber events --data-dir DIR --topic interventions
  zeitgeber events --data-dir DIR --from 3:1000")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Only this person's (`tenant/user` outside the tenant `default`)
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = types())]
    schema: Option<String>,
    /// Only events of this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<Topic>,
    /// From this position on (P:N, several with commas), or of inputs received from this time on
    #[arg(long, value_name = "P:N|TIME")]
    from: Option<Moment>,
    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// The names of the event types.
pub(super) fn types() -> PossibleValuesParser {
    PossibleValuesParser::new(query::event_types().map(SchemaId::as_str))
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = args.target.source()?;
    let filter = EventFilter {
        user: args.user.clone(),
        schema: args.schema.as_deref().and_then(SchemaId::from_symbol),
        from: args.from.clone(),
        topic: args.topic,
        ..EventFilter::default()
    };
    let mut out = output::stdout();
    let limit = args.limit.unwrap_or(u64::MAX);
    source.events(&filter, limit, |row| print(&mut out, &row, args.json))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints one event on one line.
pub(super) fn print(out: &mut impl Write, row: &EventRow, json: bool) -> io::Result<()> {
    if json {
        return output::line(out, row);
    }
    let user = output::cell(row.user_id.as_deref().unwrap_or("-"));
    let kind = format!("{:<23}", row.schema.as_str());
    writeln!(
        out,
        "{:>10}  {:<24}  {user:<10}  {}  {}",
        row.position.to_string(),
        time_text(row.ts),
        tone(Tone::Bold, &kind),
        output::cell(&row.summary)
    )
}
