//! The file of outcomes: one JSON object for each line of a source, each line once.
//!
//! An outcome is written only when its input is durable. In a run that nothing interrupts they
//! come in the order of the lines. After an interruption the file may lack outcomes of durable
//! inputs and may end in half a line: opening cuts the half line and tells which lines are there,
//! so that the rerun can add what is missing from the log.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    cycle::{LineOutcome, Source},
    query,
};

/// Greatest line number that an outcome file may name: it bounds the memory of lines.
const LINES_MAX: u64 = 1 << 36;

/// An outcome file open for appending.
#[derive(Debug)]
pub struct OutcomeLog {
    path: PathBuf,
    out: BufWriter<File>,
    /// By source, in hexadecimal.
    present: BTreeMap<String, Lines>,
    file: String,
    source: String,
    in_order: bool,
    next: u64,
    held: BTreeMap<u64, LineOutcome>,
}

/// A set of line numbers, a bit each.
#[derive(Debug, Default)]
struct Lines(Vec<u64>);

impl Lines {
    fn insert(&mut self, line: u64) {
        let word = (line / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (line % 64);
    }

    fn contains(&self, line: u64) -> bool {
        self.0.get((line / 64) as usize).is_some_and(|word| word >> (line % 64) & 1 == 1)
    }
}

/// The outcome file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the outcome file {}: {source}", path.display())]
pub struct OutcomeLogError {
    path: PathBuf,
    source: io::Error,
}

#[derive(Serialize)]
struct Written<'a> {
    file: &'a str,
    source: &'a str,
    #[serde(flatten)]
    outcome: &'a LineOutcome,
}

#[derive(Deserialize)]
struct Present {
    source: String,
    line: u64,
}

impl OutcomeLog {
    /// Opens or makes the file and learns which lines it holds.
    pub fn open(path: &Path) -> Result<Self, OutcomeLogError> {
        let fault = |source| OutcomeLogError { path: path.into(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(fault)?;
        let mut present: BTreeMap<String, Lines> = BTreeMap::new();
        let mut whole = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(fault)? > 0 {
            if line.last() != Some(&b'\n') {
                break;
            }
            let known = serde_json::from_slice::<Present>(&line).ok();
            let Some(known) = known.filter(|known| known.line <= LINES_MAX) else {
                let message = format!("byte {whole} does not start an outcome; name another file");
                return Err(fault(io::Error::new(io::ErrorKind::InvalidData, message)));
            };
            whole += line.len() as u64;
            present.entry(known.source).or_default().insert(known.line);
            line.clear();
        }
        file.set_len(whole).map_err(fault)?;
        file.seek(SeekFrom::End(0)).map_err(fault)?;
        Ok(Self {
            path: path.into(),
            out: BufWriter::with_capacity(1 << 20, file),
            present,
            file: String::new(),
            source: String::new(),
            in_order: true,
            next: 1,
            held: BTreeMap::new(),
        })
    }

    /// The outcomes that follow belong to this source. `in_order` holds them back until the lines
    /// before them are there; it suits a source of which nothing is skipped.
    pub fn begin(&mut self, source: &Source, in_order: bool) -> Result<(), OutcomeLogError> {
        self.release()?;
        self.file.clone_from(&source.name);
        self.source = query::hex(&source.id);
        if !source.is_resumable() {
            // Another stream begins with line 1 again.
            self.present.remove(&self.source);
        }
        self.in_order = in_order && !self.present.contains_key(&self.source);
        self.next = 1;
        Ok(())
    }

    /// Whether the file holds the outcome of this line of the current source.
    pub fn contains(&self, line: u64) -> bool {
        self.present.get(&self.source).is_some_and(|lines| lines.contains(line))
    }

    /// Adds outcomes; one that the file holds already is left out.
    pub fn add(
        &mut self,
        outcomes: impl IntoIterator<Item = LineOutcome>,
    ) -> Result<(), OutcomeLogError> {
        for outcome in outcomes {
            if self.contains(outcome.line) {
                continue;
            }
            if self.in_order {
                self.held.insert(outcome.line, outcome);
                while let Some(entry) = self.held.first_entry()
                    && *entry.key() == self.next
                {
                    let outcome = entry.remove();
                    self.write(&outcome)?;
                    self.next += 1;
                }
            } else {
                self.write(&outcome)?;
            }
        }
        Ok(())
    }

    /// Writes what is still held back and hands everything to the system.
    pub fn release(&mut self) -> Result<(), OutcomeLogError> {
        for outcome in std::mem::take(&mut self.held).into_values() {
            self.write(&outcome)?;
        }
        self.out.flush().map_err(|source| self.fault(source))
    }

    fn write(&mut self, outcome: &LineOutcome) -> Result<(), OutcomeLogError> {
        let line = Written { file: &self.file, source: &self.source, outcome };
        let written = serde_json::to_writer(&mut self.out, &line)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|source| self.fault(source))?;
        self.present.entry(self.source.clone()).or_default().insert(outcome.line);
        Ok(())
    }

    fn fault(&self, source: io::Error) -> OutcomeLogError {
        OutcomeLogError { path: self.path.clone(), source }
    }
}
