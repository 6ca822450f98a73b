//! A recording: lines of a CSV file, packed or not, below notes that start with `#`.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use flate2::read::MultiGzDecoder;

/// The columns of a recording.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// What the notes say: `epoch_s` and the like.
    pub(crate) notes: BTreeMap<String, String>,
    columns: BTreeMap<String, Vec<String>>,
}

impl Recording {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = File::open(path).map_err(fault)?;
        let mut text = String::new();
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let read = if packed {
            MultiGzDecoder::new(file).read_to_string(&mut text)
        } else {
            file.read_to_string(&mut text)
        };
        read.map_err(fault)?;
        let mut recording = Self::default();
        let mut rows = Vec::new();
        for line in text.lines() {
            match line.strip_prefix('#') {
                Some(note) => {
                    let (key, value) = note.split_once(':').unwrap_or((note, ""));
                    recording.notes.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                None => rows.push(line.split(',')),
            }
        }
        let mut rows = rows.into_iter();
        let header: Vec<&str> = rows.next().ok_or("it has no header")?.collect();
        let mut columns = vec![Vec::new(); header.len()];
        for row in rows {
            for (column, field) in columns.iter_mut().zip(row) {
                column.push(field.to_owned());
            }
        }
        recording.columns = header.iter().map(ToString::to_string).zip(columns).collect();
        Ok(recording)
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub(crate) fn text(&self, column: &str) -> &[String] {
        self.columns.get(column).unwrap_or_else(|| panic!("no column {column}"))
    }

    /// A column of numbers; an empty field is missing.
    pub(crate) fn numbers(&self, column: &str) -> Vec<Option<f64>> {
        let number = |field: &String| {
            (!field.is_empty()).then(|| {
                field.parse().unwrap_or_else(|_| panic!("{column}: {field:?} is no number"))
            })
        };
        self.text(column).iter().map(number).collect()
    }
}
