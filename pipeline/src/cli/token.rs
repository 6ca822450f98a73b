//! `zeitgeber token`.

use std::process::ExitCode;

use zeitgeber::http::{Fresh, ParseScopeError, Scope};

use super::{Failure, say};

/// Make a bearer token for `serve`
///
/// Prints the token, once, and the line that goes into the tokens file (`service.tokens_file`),
/// which holds its hash only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber token wearables --scope ingest
  zeitgeber token grafana --scope read --json | jq -r .line >> tokens.txt")]
pub(super) struct Args {
    /// Its name: letters, digits, `-`, `_` and `.`
    #[arg(value_parser = name)]
    name: String,
    /// What it allows: `ingest`, `read`, `operate` (repeatable) [default: all]
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', value_parser = scope)]
    scopes: Vec<Scope>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        return Ok(text.into());
    }
    Err("a name has 1 to 64 letters, digits, `-`, `_` or `.`".into())
}

fn scope(text: &str) -> Result<Scope, ParseScopeError> {
    text.parse()
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let scopes = if args.scopes.is_empty() { &Scope::ALL[..] } else { &args.scopes };
    let Fresh { token, line } = Fresh::draw(&args.name, scopes)?;
    if args.json {
        say::json(&serde_json::json!({ "token": token, "line": line }))?;
    } else {
        say::note("the token, shown only now; then its line for the tokens file:");
        say::text(&format!("{token}\n{line}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
