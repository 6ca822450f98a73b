//! `zeitgeber topics`: the topics of the bus on Kafka, made and checked.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;
use zeitgeber::{
    bus::kafka::{self, Fault},
    config::Config,
};

use super::{Failure, Layers, say, session};

/// Make the topics of the bus on Kafka, or check them
///
/// There is a topic for each sort of input and output, all with as many partitions as the log, and
/// an empty one over which a consumer group shares out partitions. What is missing is made; what is
/// otherwise than configured is explained and never changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber topics apply --set kafka.brokers=127.0.0.1:9092
  zeitgeber topics check --config zeitgeber.toml --json")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the topics that are missing, and explain what else is not as configured
    Apply(How),
    /// Explain what is not as configured; exit status 1 where anything is
    Check(How),
}

#[derive(Debug, clap::Args)]
struct How {
    /// Partitions of each topic, as many as the log has [default: log.partitions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    partitions: Option<u16>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let config: Config = session::config(layers)?;
    if !config.kafka.is_set() {
        return Err("no Kafka is configured: set kafka.brokers=HOST:PORT".into());
    }
    let (Action::Apply(how) | Action::Check(how)) = &args.action;
    let plan = kafka::plan(&config.kafka, how.partitions.unwrap_or(config.log.partitions));
    let (made, faults) = match &args.action {
        Action::Apply(_) => kafka::apply(&config.kafka, &plan)?,
        Action::Check(_) => (Vec::new(), kafka::check(&config.kafka, &plan)?),
    };
    if how.json {
        say::json(&json!({ "topics": plan, "made": made, "faults": faults }))?;
    } else {
        say::text(&text(plan.len(), &made, &faults))?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(topics: usize, made: &[String], faults: &[Fault]) -> String {
    let mut text: String = made.iter().map(|topic| format!("made {topic}\n")).collect();
    for fault in faults {
        text.push_str(&format!("{fault}\n"));
    }
    if faults.is_empty() {
        text.push_str(&format!("{topics} topics are as configured\n"));
    }
    text
}
