//! A recording: rows of a table of text, below notes, with the layout told by the file itself.
//!
//! Lines that start with `#` are notes (`# epoch_s: 30`). The delimiter is the one of comma,
//! semicolon, tab and bar that the first row has most of; the first row is a header where none of
//! its fields is a number or a time. An empty field is missing.

use std::{collections::BTreeMap, path::Path};

use super::fields::{Scale, Splitter, delimiter_of, is_missing, time_ms};
use crate::door::{
    files::{self, Content, FileLines, OpenError, ReadError, Source},
    lines::Line,
};

/// Longest line, bytes.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 10;
/// Notes that are kept.
const NOTES_MAX: usize = 1_000;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading it stopped before its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row that cannot be right.
    #[error("{name}, line {line}: {what}")]
    Row {
        /// The file.
        name: String,
        /// Which, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The file as a whole cannot be right.
    #[error("{name}: {what}")]
    Whole {
        /// The file.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// What is said of a file's layout beforehand.
#[derive(Debug, Clone, Default)]
pub struct LayoutHints {
    /// The delimiter.
    pub delimiter: Option<u8>,
    /// The first row is data: columns are called `1`, `2` and so on.
    pub no_header: bool,
}

/// A recording that is open.
pub struct Recording {
    name: String,
    notes: BTreeMap<String, String>,
    columns: Vec<String>,
    /// Whether numbers in it that are times are ms, whatever their size.
    in_ms: Vec<bool>,
    lines: FileLines,
    splitter: Splitter,
    /// The first row, where it is no header, comes again.
    again: bool,
    line: u64,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its line in the file, from 1.
    pub line: u64,
    name: &'a str,
    columns: &'a [String],
    in_ms: &'a [bool],
    splitter: &'a Splitter,
}

impl Recording {
    /// Opens a file, or standard input for `-`; packed ones are unpacked.
    ///
    /// # Errors
    ///
    /// It cannot be opened or read, or holds no rows.
    pub fn open(path: &Path, hints: &LayoutHints) -> Result<Self, RecordingError> {
        Self::of(name_of(path), files::open(path, LINE_BYTES_MAX)?, hints)
    }

    fn of(name: String, source: Source, hints: &LayoutHints) -> Result<Self, RecordingError> {
        let whole = |what: &str| RecordingError::Whole { name: name.clone(), what: what.into() };
        let Content::Lines(mut lines) = source.content else {
            return Err(whole("an Avro container holds readings: give it to `zeitgeber ingest`"));
        };
        let mut notes = BTreeMap::new();
        let (line, first) = loop {
            let Some((line, text)) = text_line(&name, &mut lines)? else {
                return Err(whole(
                    "there are no rows in it: a recording is a table of text with a row for each \
                     epoch, beat or sample",
                ));
            };
            match text.strip_prefix('#') {
                Some(note) if notes.len() < NOTES_MAX => {
                    let (key, value) = note.split_once(':').unwrap_or((note, ""));
                    notes.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                Some(_) => {}
                None if text.trim().is_empty() => {}
                None => break (line, text.to_owned()),
            }
        };
        let mut splitter = Splitter::new(hints.delimiter.unwrap_or_else(|| delimiter_of(&first)));
        splitter.split(&first).map_err(|what| row_error(&name, line, what))?;
        let fields = || (0..splitter.count()).map(|n| splitter.field(n));
        let is_value =
            |field: &str| field.parse::<f64>().is_ok() || time_ms(field, Scale::Told).is_some();
        let again = hints.no_header || fields().any(is_value);
        let columns: Vec<String> = if again {
            (1..=splitter.count()).map(|n| n.to_string()).collect()
        } else {
            fields().map(ToOwned::to_owned).collect()
        };
        let in_ms = columns.iter().map(|column| column.ends_with("_ms")).collect();
        Ok(Self { name, notes, columns, in_ms, lines, splitter, again, line })
    }

    /// The file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a note says.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes.get(key).map(String::as_str)
    }

    /// The place of a column that is called as said: one that holds a time called `_ms` counts ms.
    ///
    /// # Errors
    ///
    /// There is no such column.
    pub fn column(&mut self, holds: &str, name: &str) -> Result<usize, RecordingError> {
        let at = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let Some(at) = at else {
            let known = self.columns.join(", ");
            return Err(self.fault(format!("there is no column {name:?}; it has {known}")));
        };
        self.in_ms[at] |= holds.ends_with("_ms");
        Ok(at)
    }

    /// The columns in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    ///
    /// The file breaks, or a row has more or fewer fields than the first.
    #[expect(clippy::should_implement_trait, reason = "the row is lent, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, RecordingError> {
        let Self { name, columns, in_ms, lines, splitter, again, line, .. } = self;
        while !std::mem::take(again) {
            let Some((number, text)) = text_line(name, lines)? else { return Ok(None) };
            if text.starts_with('#') || text.trim().is_empty() {
                continue;
            }
            *line = number;
            splitter.split(text).map_err(|what| row_error(name, number, what))?;
            break;
        }
        if splitter.count() != columns.len() {
            let what = format!(
                "it has {} of the {} fields that the first row has",
                splitter.count(),
                columns.len()
            );
            return Err(row_error(name, *line, what));
        }
        Ok(Some(Row { line: *line, name, columns, in_ms, splitter }))
    }

    /// An error of the file as a whole.
    pub fn fault(&self, what: impl Into<String>) -> RecordingError {
        RecordingError::Whole { name: self.name.clone(), what: what.into() }
    }
}

impl Row<'_> {
    /// A number; none where the field is empty.
    ///
    /// # Errors
    ///
    /// The field holds something else, or a number that is not finite.
    pub fn number(&self, column: usize) -> Result<Option<f64>, RecordingError> {
        let field = self.field(column);
        if is_missing(field) {
            return Ok(None);
        }
        match field.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.fault(format!("{field:?} is no number")).of(&self.columns[column])),
        }
    }

    /// A time by the local wall clock, ms since 1970 as if it were UTC; none where the field is
    /// empty.
    ///
    /// # Errors
    ///
    /// The field holds something else.
    pub fn time_ms(&self, column: usize) -> Result<Option<f64>, RecordingError> {
        let field = self.field(column);
        if is_missing(field) {
            return Ok(None);
        }
        let scale = if self.in_ms[column] { Scale::Ms } else { Scale::Told };
        time_ms(field, scale).map(Some).ok_or_else(|| {
            let what = format!(
                "{field:?} is no time: write ms or s since 1970, or 2024-05-01 06:30:00 by the \
                 local clock"
            );
            self.fault(what).of(&self.columns[column])
        })
    }

    /// The text of a field.
    pub fn field(&self, column: usize) -> &str {
        self.splitter.field(column)
    }

    /// An error of this row.
    pub fn fault(&self, what: impl Into<String>) -> RecordingError {
        row_error(self.name, self.line, what)
    }
}

impl RecordingError {
    fn of(mut self, column: &str) -> Self {
        if let Self::Row { what, .. } = &mut self {
            *what = format!("{column}: {what}");
        }
        self
    }
}

fn name_of(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}

fn row_error(name: &str, line: u64, what: impl Into<String>) -> RecordingError {
    RecordingError::Row { name: name.into(), line, what: what.into() }
}

/// The next line and its number; none at the end. A mark of the byte order is left out.
fn text_line<'a>(
    name: &str,
    lines: &'a mut FileLines,
) -> Result<Option<(u64, &'a str)>, RecordingError> {
    let (number, line) = match lines.next()? {
        None => return Ok(None),
        Some((number, Line::Whole(bytes))) => (number, std::str::from_utf8(bytes)),
        Some((number, Line::Oversized(_))) => {
            let what = format!("it is longer than {LINE_BYTES_MAX} bytes");
            return Err(row_error(name, number, what));
        }
    };
    let text =
        line.map_err(|_| row_error(name, number, "it is no text in UTF-8: save the file as such"))?;
    Ok(Some((number, text.strip_prefix('\u{feff}').unwrap_or(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<Recording, RecordingError> {
        let bytes = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
        let source = files::from_reader("r.csv", None, None, bytes, LINE_BYTES_MAX)?;
        Recording::of("r.csv".into(), source, &LayoutHints::default())
    }

    fn rows(text: &str) -> Vec<(u64, Vec<Option<f64>>)> {
        let mut recording = open(text).expect("it opens");
        let count = recording.columns().len();
        let mut rows = Vec::new();
        while let Some(row) = recording.next().expect("it is sound") {
            let numbers = (0..count).map(|column| row.number(column).expect("a number"));
            rows.push((row.line, numbers.collect()));
        }
        rows
    }

    #[test]
    fn delimiter_header_and_notes_are_told_by_the_file() {
        for (delimiter, text) in [",", ";", "\t", "|"]
            .map(|d| (d, format!("# epoch_s: 30\n#x\na{d}b\r\n1{d}2\r\n# no row\n\n3{d}\n")))
        {
            assert_eq!(open(&text).expect(delimiter).note("epoch_s"), Some("30"));
            assert_eq!(open(&text).expect(delimiter).columns(), ["a", "b"]);
            let expected = vec![(4, vec![Some(1.0), Some(2.0)]), (7, vec![Some(3.0), None])];
            assert_eq!(rows(&text), expected, "{delimiter:?}");
        }
        assert_eq!(rows("800\n810"), vec![(1, vec![Some(800.0)]), (2, vec![Some(810.0)])]);
        assert_eq!(open("\u{feff}rr_ms\n800\n").expect("a mark is no text").columns(), ["rr_ms"]);
    }

    #[test]
    fn what_cannot_be_right_is_told_with_its_line() {
        let told = |text: &str| {
            let mut recording = match open(text) {
                Ok(recording) => recording,
                Err(error) => return error.to_string(),
            };
            loop {
                match recording.next().and_then(|row| row.map(|row| row.number(1)).transpose()) {
                    Ok(Some(_)) => {}
                    Ok(None) => return "sound".into(),
                    Err(error) => return error.to_string(),
                }
            }
        };
        assert_eq!(
            told("a,b\n1,2\n3\n"),
            "r.csv, line 3: it has 1 of the 2 fields that the first row has"
        );
        assert_eq!(told("a,b\n1,x\n"), "r.csv, line 2: b: \"x\" is no number");
        assert_eq!(told("a,b\n1,inf\n"), "r.csv, line 2: b: \"inf\" is no number");
        assert!(told("# only notes\n").starts_with("r.csv: there are no rows"), "{}", told(""));
    }
}
