//! What commands print with: one document or one object a line, tables, colour on a terminal.

use std::{
    env,
    io::{self, BufWriter, IsTerminal, StdoutLock, Write},
};

use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use serde::Serialize;

/// Longest text in a table's cell, characters; the rest is cut.
const CELL_CHARS: usize = 100;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Standard output, buffered.
pub(super) type Out = BufWriter<StdoutLock<'static>>;

/// Standard output, locked for the whole command.
pub(super) fn stdout() -> Out {
    BufWriter::new(io::stdout().lock())
}

/// Prints one JSON document.
pub(super) fn document(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    out.flush()
}

/// Prints one JSON object on a line of its own.
pub(super) fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// An empty table with its headings.
pub(super) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(headings);
    for between_rows in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(between_rows);
    }
    table
}

/// A number's cell.
pub(super) fn right(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// A number that may be missing, with `decimals` places.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.decimals$}"))
}

/// Text for one line of a table: cut, and without control characters, which logs of foreign bytes
/// may hold.
pub(super) fn cell(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(CELL_CHARS).map(clean).collect();
    if text.chars().nth(CELL_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// How text is to stand out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Bold,
    Dim,
    Good,
    Bad,
}

/// Text in a tone, where standard output is a terminal and `NO_COLOR` is not set.
pub(super) fn tone(tone: Tone, text: &str) -> String {
    if !io::stdout().is_terminal() || env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()) {
        return text.into();
    }
    let code = match tone {
        Tone::Bold => 1,
        Tone::Dim => 2,
        Tone::Good => 32,
        Tone::Bad => 31,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A row of bars, one a value, between `low` and `high`.
pub(super) fn sparkline(values: &[f64], low: f64, high: f64) -> String {
    let top = (BARS.len() - 1) as f64;
    let bar = |value: &f64| BARS[(((value - low) / (high - low)).clamp(0.0, 1.0) * top) as usize];
    values.iter().map(bar).collect()
}
