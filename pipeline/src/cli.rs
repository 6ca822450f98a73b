//! The command line's commands and what they share: layers of configuration, output, errors.
//!
//! Standard output carries the answer and nothing else (with `--json` one document, or one object
//! a line where a stream is asked for); progress and errors go to standard error. Exit status: 0
//! done, 1 the answer is no or the work failed, 2 the command line was wrong.

mod agents;
mod analyze;
mod bench;
#[cfg(feature = "cluster")]
mod cluster;
mod completions;
mod config;
mod database;
mod deadletters;
mod demo;
mod events;
mod explain;
mod export;
mod feedback;
mod fidelity;
mod fleet;
mod ingest;
mod ope;
mod output;
mod plot;
mod policy;
mod pools;
mod profile;
mod recording;
mod replay;
mod report;
mod say;
#[cfg(feature = "cluster")]
mod schema;
#[cfg(feature = "service")]
mod serve;
mod session;
mod sim;
mod status;
mod tail;
mod target;
mod tasks;
#[cfg(feature = "service")]
mod token;
#[cfg(feature = "cluster")]
mod topics;
mod verify;
mod watched;
mod whatif;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::OnceLock,
};

use clap::{Args, Parser, Subcommand};

/// Turns wearable readings and feedback into decisions that can be replayed and explained.
///
/// Start with `zeitgeber demo`. Everything is kept in one append-only log in a data directory;
/// every other answer is a fold over it.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    layers: Layers,
    #[command(subcommand)]
    command: Command,
}

/// The layers of this command line, for what is opened far below it.
static LAYERS: OnceLock<Layers> = OnceLock::new();

#[cfg(feature = "cluster")]
fn layers() -> &'static Layers {
    LAYERS.get().expect("they are set before a command runs")
}

/// Where configuration comes from, besides the defaults and the environment.
#[derive(Debug, Clone, Args)]
struct Layers {
    /// Read configuration from this file instead of the user's own
    #[arg(long, global = true, value_name = "FILE", env = "ZEITGEBER_CONFIG")]
    config: Option<PathBuf>,
    /// Set one configuration key, for example `decisions.policy.epsilon=0.05` (repeatable)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Ingest(ingest::Args),
    Analyze(analyze::Args),
    Plot(plot::Args),
    Report(report::Args),
    Status(status::Args),
    Events(events::Args),
    Tail(tail::Args),
    Deadletters(deadletters::Args),
    Explain(explain::Args),
    Feedback(feedback::Args),
    Profile(profile::Args),
    Tasks(tasks::Args),
    Agents(agents::Args),
    Pools(pools::Args),
    Policy(policy::Args),
    Replay(replay::Args),
    Verify(verify::Args),
    Config(config::Args),
    #[cfg(feature = "cluster")]
    Schema(schema::Args),
    Export(export::Args),
    #[cfg(feature = "service")]
    Serve(serve::Args),
    #[cfg(feature = "service")]
    Token(token::Args),
    #[cfg(feature = "cluster")]
    Cluster(cluster::Args),
    #[cfg(feature = "cluster")]
    Topics(topics::Args),
    Ope(ope::Args),
    Whatif(whatif::Args),
    Fidelity(fidelity::Args),
    Bench(bench::Args),
    Sim(sim::Args),
    Completions(completions::Args),
}

/// What went wrong, for people: what happened, where, and what to do next.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = format!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !message.contains(&cause_text) {
                    message.push_str(&format!("\n  because {cause_text}"));
                }
                source = cause.source();
            }
            drop(writeln!(io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let layers = LAYERS.get_or_init(|| cli.layers.clone());
    match cli.command {
        Command::Demo(args) => demo::run(&args, layers),
        Command::Ingest(args) => ingest::run(&args, layers),
        Command::Analyze(args) => analyze::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Deadletters(args) => deadletters::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Feedback(args) => feedback::run(&args, layers),
        Command::Profile(args) => profile::run(&args, layers),
        Command::Tasks(args) => tasks::run(&args, layers),
        Command::Agents(args) => agents::run(&args, layers),
        Command::Pools(args) => pools::run(&args, layers),
        Command::Policy(args) => policy::run(&args, layers),
        Command::Replay(args) => replay::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Config(args) => config::run(&args, layers),
        #[cfg(feature = "cluster")]
        Command::Schema(args) => schema::run(&args, layers),
        Command::Export(args) => export::run(&args),
        #[cfg(feature = "service")]
        Command::Serve(args) => serve::run(&args, layers),
        #[cfg(feature = "service")]
        Command::Token(args) => token::run(&args),
        #[cfg(feature = "cluster")]
        Command::Cluster(args) => cluster::run(&args, layers),
        #[cfg(feature = "cluster")]
        Command::Topics(args) => topics::run(&args, layers),
        Command::Ope(args) => ope::run(&args),
        Command::Whatif(args) => whatif::run(&args, layers),
        Command::Fidelity(args) => fidelity::run(&args),
        Command::Bench(args) => bench::run(&args, layers),
        Command::Sim(args) => sim::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Whoever read our output has seen enough.
fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::BrokenPipe
        {
            return true;
        }
        cause = error.source();
    }
    false
}
