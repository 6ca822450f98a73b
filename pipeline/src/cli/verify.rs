//! `zeitgeber verify`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use zeitgeber::query::Verified;

use super::{
    Failure,
    output::{self, Tone, tone},
    target::Target,
};

/// Check frames and hash chain, then decide again on every stored input and compare every event
///
/// Exits with 1 and names the first event that differs, or the file and byte that are damaged.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  zeitgeber verify --data-dir DIR
  zeitgeber verify --data-dir DIR --json")]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let verified = match args.target.source().and_then(|source| source.verify()) {
        Ok(verified) => verified,
        Err(error) if args.json => {
            let mut out = output::stdout();
            let error = error.to_string();
            output::document(&mut out, &serde_json::json!({ "ok": false, "error": error }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error),
    };
    let mut out = output::stdout();
    if args.json {
        output::document(&mut out, &verified)?;
    } else {
        readable(&mut out, &verified)?;
        out.flush()?;
    }
    Ok(if verified.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn readable(out: &mut impl Write, verified: &Verified) -> Result<(), Failure> {
    let Verified { chunks, inputs, events, rerun, not_rerun, .. } = verified;
    writeln!(out, "{chunks} chunks, {inputs} inputs, {events} events")?;
    writeln!(out, "{rerun} inputs decided again, {not_rerun} not (another version, or sealed)")?;
    if let Some(error) = &verified.error {
        writeln!(io::stderr(), "error: {error}")?;
        writeln!(out, "{}", tone(Tone::Bad, "not verified"))?;
        return Ok(());
    }
    writeln!(out, "head {}", verified.head)?;
    if let Some(digest) = &verified.digest {
        writeln!(out, "digest {digest}")?;
    }
    writeln!(out, "{}", tone(Tone::Good, "verified"))?;
    Ok(())
}
