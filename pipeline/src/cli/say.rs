//! The three ways a writing command speaks: its answer as text, as JSON, and remarks beside it.

use std::io::{self, Write};

use serde::Serialize;

use super::{Failure, output};

/// Writes text to standard output.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut out = output::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Writes one JSON document to standard output.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = output::stdout();
    output::document(&mut out, value)?;
    Ok(out.flush()?)
}

/// Writes a remark to standard error; a closed standard error is nobody's loss.
pub(super) fn note(remark: &str) {
    drop(writeln!(io::stderr(), "{remark}"));
}
