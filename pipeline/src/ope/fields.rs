//! A log's rows, from a table of text or from JSON lines.
//!
//! In a table a list is written with bars: `walk|light|rest`, and probabilities likewise in the order
//! of the eligible arms (`0.8|0.1|0.1`) or by arm (`walk=0.8|light=0.1|rest=0.1`). In JSON they are
//! arrays and objects.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{
    analyze::{
        fields::{Scale, is_missing, time_ms},
        recording::{LINE_BYTES_MAX, LayoutHints, Recording, RecordingError, Row},
    },
    door::{
        files::{self, Content, FileLines},
        lines::Line,
    },
};

/// What rows hold, and other names that are known.
pub const FIELDS: [(&str, &[&str]); 9] = [
    ("decision_id", &["decision_id", "id"]),
    ("user_id", &["user_id", "user", "person"]),
    ("t_ms", &["t_ms", "at_ms", "timestamp", "time"]),
    ("segment", &["segment", "context", "position"]),
    ("eligible", &["eligible", "arms", "actions"]),
    ("action", &["action", "chosen", "arm"]),
    ("propensity", &["propensity", "pscore", "action_prob"]),
    ("propensities", &["propensities", "pmf", "probabilities"]),
    ("reward", &["reward", "outcome"]),
];

/// A log that can be read again and again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) path: &'a Path,
    /// Fields and the names that they have in this log.
    pub(super) columns: &'a [(String, String)],
    /// The field that holds what the candidate would do.
    pub(super) candidate: Option<&'a str>,
}

/// A row as it stands.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) person: String,
    pub(super) at_ms: i64,
    pub(super) segment: String,
    pub(super) eligible: Option<Vec<String>>,
    pub(super) action: String,
    pub(super) propensity: Option<f64>,
    pub(super) propensities: Option<Shares>,
    pub(super) reward: Option<f64>,
    pub(super) candidate: Option<Choice>,
}

/// Probabilities.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shares {
    /// In the order of the eligible arms.
    InOrder(Vec<f64>),
    /// By arm; arms that are left out have none.
    ByArm(Vec<(String, f64)>),
}

/// What a candidate's own field says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    /// Probabilities.
    Shares(Shares),
    /// Text: an arm's name, or probabilities as a table writes them.
    Text(String),
}

/// The rows of a log, one after the other.
pub(super) struct LogRows {
    name: String,
    hash: Option<[u8; 16]>,
    has_persons: bool,
    form: Form,
}

enum Form {
    Table {
        recording: Box<Recording>,
        places: [Option<usize>; FIELDS.len()],
        candidate: Option<usize>,
    },
    Json {
        lines: FileLines,
        names: Box<[Option<String>; FIELDS.len()]>,
        candidate: Option<String>,
    },
}

impl Open<'_> {
    /// Opens it at its beginning.
    pub(super) fn rows(&self) -> Result<LogRows, RecordingError> {
        let name = self.path.display().to_string();
        if name == "-" {
            let what = "a log is read several times: save it in a file";
            return Err(RecordingError::Whole { name, what: what.into() });
        }
        let source = files::open(self.path, LINE_BYTES_MAX)?;
        let hash = source.hash;
        let is_json = match source.content {
            Content::Lines(mut lines) => match lines.next()? {
                Some((_, Line::Whole(bytes))) => bytes.trim_ascii_start().starts_with(b"{"),
                _ => false,
            },
            Content::Records(_) => false,
        };
        if is_json { self.json(name, hash) } else { self.table(name, hash) }
    }

    fn table(&self, name: String, hash: Option<[u8; 16]>) -> Result<LogRows, RecordingError> {
        let mut recording = Recording::open(self.path, &LayoutHints::default())?;
        let mut places = [None; FIELDS.len()];
        for ((field, known), place) in FIELDS.iter().zip(&mut places) {
            let columns = recording.columns();
            *place = known.iter().find_map(|known| {
                columns.iter().position(|column| column.eq_ignore_ascii_case(known))
            });
            if let Some((_, own)) = self.columns.iter().find(|(holds, _)| holds == field) {
                *place = Some(recording.column(field, own)?);
            }
        }
        let candidate = self.candidate.map(|own| recording.column("candidate", own)).transpose()?;
        let [_, persons, .., action, propensity, propensities, _] = places;
        if action.is_none() || propensity.or(propensities).is_none() {
            return Err(recording.fault(format!(
                "it needs the columns action and propensity (or propensities); it has {}: name them \
                 with --column action=NAME",
                recording.columns().join(", ")
            )));
        }
        let has_persons = persons.is_some();
        Ok(LogRows {
            name,
            hash,
            has_persons,
            form: Form::Table { recording: Box::new(recording), places, candidate },
        })
    }

    fn json(&self, name: String, hash: Option<[u8; 16]>) -> Result<LogRows, RecordingError> {
        let Content::Lines(mut lines) = files::open(self.path, LINE_BYTES_MAX)?.content else {
            return Err(RecordingError::Whole {
                name,
                what: "it changed while it was read".into(),
            });
        };
        // Every line has its own keys; the first tells which of the known names are used.
        let first = match lines.next()? {
            Some((line, Line::Whole(bytes))) => object(&name, line, bytes)?,
            _ => Map::new(),
        };
        let own = |field: &str, known: &[&str]| {
            let said = self.columns.iter().find(|(holds, _)| holds == field);
            let found = known.iter().find(|known| first.contains_key(**known));
            said.map(|(_, own)| own.clone())
                .or_else(|| found.map(|known| (*known).to_owned()))
                .or_else(|| known.first().map(|known| (*known).to_owned()))
        };
        let names = Box::new(FIELDS.map(|(field, known)| own(field, known)));
        let persons = names[1].as_deref().unwrap_or_default();
        let has_persons = first.contains_key(persons);
        let candidate = self.candidate.map(ToOwned::to_owned);
        let Content::Lines(lines) = files::open(self.path, LINE_BYTES_MAX)?.content else {
            return Err(RecordingError::Whole {
                name,
                what: "it changed while it was read".into(),
            });
        };
        Ok(LogRows { name, hash, has_persons, form: Form::Json { lines, names, candidate } })
    }
}

impl LogRows {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn hash(&self) -> Option<[u8; 16]> {
        self.hash
    }

    pub(super) const fn has_persons(&self) -> bool {
        self.has_persons
    }

    /// The next row; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Logged>, RecordingError> {
        match &mut self.form {
            Form::Table { recording, places, candidate } => match recording.next()? {
                Some(row) => of_table(&row, places, *candidate).map(Some),
                None => Ok(None),
            },
            Form::Json { lines, names, candidate } => {
                while let Some((number, line)) = lines.next()? {
                    let Line::Whole(bytes) = line else {
                        let what = format!("it is longer than {LINE_BYTES_MAX} bytes");
                        return Err(row_error(&self.name, number, what));
                    };
                    if bytes.trim_ascii().is_empty() {
                        continue;
                    }
                    let values = object(&self.name, number, bytes)?;
                    let row = of_json(&values, number, names, candidate.as_deref());
                    return row.map(Some).map_err(|what| row_error(&self.name, number, what));
                }
                Ok(None)
            }
        }
    }
}

/// An error of a row.
pub(super) fn row_error(name: &str, line: u64, what: String) -> RecordingError {
    RecordingError::Row { name: name.to_owned(), line, what }
}

fn of_table(
    row: &Row<'_>,
    places: &[Option<usize>; FIELDS.len()],
    candidate: Option<usize>,
) -> Result<Logged, RecordingError> {
    let [id, person, time, segment, eligible, action, propensity, propensities, reward] = *places;
    let text = |place: Option<usize>| {
        place.map(|at| row.field(at)).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    };
    let number = |place: Option<usize>| place.map_or(Ok(None), |at| row.number(at));
    let shares = |place: Option<usize>| {
        let Some(text) = text(place).filter(|text| !is_missing(text)) else { return Ok(None) };
        let wrong = |what| row.fault(format!("propensities: {what}"));
        shares_of(&text).map(Some).map_err(wrong)
    };
    let at_ms = time.map_or(Ok(None), |at| row.time_ms(at))?;
    let id = text(id).unwrap_or_else(|| format!("line {}", row.line));
    Ok(Logged {
        line: row.line,
        person: text(person).unwrap_or_else(|| id.clone()),
        at_ms: at_ms.map_or_else(|| line_time(row.line), |ms| ms as i64),
        segment: text(segment).unwrap_or_default(),
        eligible: text(eligible).map(|text| text.split('|').map(trimmed).collect()),
        action: text(action).ok_or_else(|| row.fault("action: it is empty"))?,
        propensity: number(propensity)?,
        propensities: shares(propensities)?,
        reward: number(reward)?,
        candidate: text(candidate).map(Choice::Text),
        id,
    })
}

/// Without times the log's own order counts.
fn line_time(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

/// Probabilities as a table writes them.
pub(super) fn shares_of(text: &str) -> Result<Shares, String> {
    let number = |part: &str| {
        part.trim().parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| {
            format!(
                "{:?} is no probability: write 0.8|0.1|0.1 in the order of the eligible arms, or \
                 arm=0.8|other=0.2",
                part.trim()
            )
        })
    };
    if !text.contains('=') {
        return Ok(Shares::InOrder(text.split('|').map(number).collect::<Result<_, _>>()?));
    }
    let pair = |part: &str| {
        let (arm, share) = part.rsplit_once('=').ok_or_else(|| format!("{part:?} has no `=`"))?;
        Ok((trimmed(arm), number(share)?))
    };
    Ok(Shares::ByArm(text.split('|').map(pair).collect::<Result<_, String>>()?))
}

fn object(name: &str, line: u64, bytes: &[u8]) -> Result<Map<String, Value>, RecordingError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(row_error(name, line, "it is no JSON object".into())),
        Err(error) => {
            let what = format!("column {}: it is no JSON object: {error}", error.column());
            Err(row_error(name, line, what))
        }
    }
}

fn of_json(
    values: &Map<String, Value>,
    line: u64,
    names: &[Option<String>; FIELDS.len()],
    candidate: Option<&str>,
) -> Result<Logged, String> {
    let key = |at: usize| names[at].as_deref().unwrap_or_default();
    let get = |key: &str| values.get(key).filter(|value| !value.is_null());
    let text = |at: usize| get(key(at)).map(|value| name_of(value, key(at))).transpose();
    let number = |at: usize| match get(key(at)) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(f64::from(u8::from(*value)))),
        Some(value) => {
            value.as_f64().map(Some).ok_or_else(|| format!("{}: {value} is no number", key(at)))
        }
    };
    let shares = |key: &str| {
        let wrong = |what: String| format!("{key}: {what}");
        get(key).map(json_shares).transpose().map_err(wrong)
    };
    let id = text(0)?.unwrap_or_else(|| format!("line {line}"));
    let at_ms = match text(2)? {
        None => line_time(line),
        Some(time) => {
            let scale = if key(2).ends_with("_ms") { Scale::Ms } else { Scale::Told };
            let wrong = || format!("{}: {time:?} is no time: write ms since 1970", key(2));
            time_ms(&time, scale).ok_or_else(wrong)? as i64
        }
    };
    let eligible = match get(key(4)) {
        None => None,
        Some(Value::Array(arms)) => {
            Some(arms.iter().map(|arm| name_of(arm, key(4))).collect::<Result<_, _>>()?)
        }
        Some(other) => return Err(format!("{}: {other} is no array of arms", key(4))),
    };
    let choice = match candidate.and_then(get) {
        None => None,
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            Some(Choice::Shares(json_shares(value)?))
        }
        Some(value) => Some(Choice::Text(name_of(value, candidate.unwrap_or_default())?)),
    };
    Ok(Logged {
        line,
        person: text(1)?.unwrap_or_else(|| id.clone()),
        at_ms,
        segment: text(3)?.unwrap_or_default(),
        eligible,
        action: text(5)?.ok_or_else(|| format!("{}: it is missing", key(5)))?,
        propensity: number(6)?,
        propensities: shares(key(7))?,
        reward: number(8)?,
        candidate: choice,
        id,
    })
}

/// The name of something: text, or a number as it is written.
fn name_of(value: &Value, key: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("{key}: {other} is no name: write text or a number")),
    }
}

fn json_shares(value: &Value) -> Result<Shares, String> {
    let number = |value: &Value| value.as_f64().ok_or_else(|| format!("{value} is no number"));
    match value {
        Value::Array(all) => Ok(Shares::InOrder(all.iter().map(number).collect::<Result<_, _>>()?)),
        Value::Object(all) => {
            let pair = |(arm, share): (&String, &Value)| Ok((arm.clone(), number(share)?));
            Ok(Shares::ByArm(all.iter().map(pair).collect::<Result<_, String>>()?))
        }
        other => Err(format!("{other} is no array or object of probabilities")),
    }
}
