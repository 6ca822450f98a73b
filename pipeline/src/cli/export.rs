//! `zeitgeber export`.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ValueEnum, builder::PossibleValuesParser};
use zeitgeber::query::{self, AvroExport, EventFilter, Walk};
use zeitgeber_schemas::SchemaId;

use super::{
    Failure, output,
    target::{Source, Target},
};

/// Write the log's events in a standard format
///
/// NDJSON lines are those of `events --json`. An Avro object container holds payloads of one type,
/// as they are stored, each with position, person and times around it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber export --data-dir DIR --format ndjson --out events.jsonl
  zeitgeber export --data-dir DIR --format ndjson --type rhythm_analysed
  zeitgeber export --data-dir DIR --format avro --type decision_made --out decisions.avro
  zeitgeber export --data-dir DIR --format avro --type reading --user u09 > readings.avro")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// The format
    #[arg(long)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only this type: of event, or of input (for its body); Avro needs it
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = types(),
        required_if_eq("format", "avro")
    )]
    schema: Option<String>,
    /// Only this person's (`tenant/user` outside the tenant `default`)
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// NDJSON: besides the events their inputs
    #[arg(long)]
    inputs: bool,
}

/// A standard format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An Avro object container
    Avro,
    /// One JSON object a line
    Ndjson,
}

fn types() -> PossibleValuesParser {
    PossibleValuesParser::new(SchemaId::ALL.iter().map(|schema| schema.as_str()))
}

fn is_event(schema: SchemaId) -> bool {
    query::event_types().any(|event| event == schema)
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let source = args.target.source()?;
    let mut out: Box<dyn Write> = match &args.out {
        Some(file) => {
            let made = File::create(file)
                .map_err(|error| format!("could not make {}: {error}", file.display()))?;
            Box::new(BufWriter::new(made))
        }
        None => Box::new(output::stdout()),
    };
    let schema = args.schema.as_deref().and_then(SchemaId::from_symbol);
    let (user, inputs) = (args.user.clone(), args.inputs);
    let filter = EventFilter { user, schema, inputs, ..EventFilter::default() };
    let mut rows = 0u64;
    match (args.format, schema, &source) {
        (Format::Avro, Some(schema), Source::Log(store)) => {
            let mut walk = Walk::start(&*store.journal())?;
            let export = AvroExport::new(schema)?;
            rows = query::export_avro(&mut walk, &export, filter.user.as_deref(), &mut out)?;
        }
        (Format::Avro, None, _) => return Err("--format avro needs --type".into()),
        (Format::Ndjson, _, Source::Log(_)) => {}
        (Format::Ndjson, schema, Source::Service(_))
            if !args.inputs && schema.is_none_or(is_event) => {}
        (_, _, Source::Service(_)) => {
            return Err("a service exports events as NDJSON; Avro, and inputs, need the data \
                        directory: --data-dir"
                .into());
        }
    }
    if args.format == Format::Ndjson {
        source.events(&filter, u64::MAX, |row| {
            rows += 1;
            output::line(&mut out, &row)
        })?;
    }
    out.flush()?;
    if let Some(file) = &args.out {
        writeln!(io::stderr(), "{rows} rows in {}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
