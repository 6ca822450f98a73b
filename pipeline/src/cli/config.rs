//! `zeitgeber config`.

use std::{io::Write, process::ExitCode};

use zeitgeber::config::{Config, DEFAULTS};

use super::{Failure, Layers, output};

/// Show the effective configuration and where each value comes from
///
/// Layers, each over the one before: the defaults, a file, ZEITGEBER_… variables, --set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber config
  zeitgeber config --defaults > ~/.config/zeitgeber/config.toml
  zeitgeber --set decisions.policy.epsilon=0.05 config --json")]
pub(super) struct Args {
    /// Print the documented defaults, as a file to begin with
    #[arg(long, conflicts_with = "json")]
    defaults: bool,
    /// Print one JSON list
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, layers: &Layers) -> Result<ExitCode, Failure> {
    let mut out = output::stdout();
    if args.defaults {
        out.write_all(DEFAULTS.as_bytes())?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(layers.config.as_deref(), &layers.set)?;
    if args.json {
        output::document(&mut out, &config.effective())?;
    } else {
        let mut table = output::table(&["key", "value", "from"]);
        for setting in config.effective() {
            let value = output::cell(&setting.value);
            table.add_row([setting.key.to_owned(), value, setting.origin.to_string()]);
        }
        writeln!(out, "{table}")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
