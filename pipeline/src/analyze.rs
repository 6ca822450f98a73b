//! One recording, analysed by the code that analyses live.
//!
//! A [`recording`] is a table of text; its [`kind`] is told by its columns. Rows go to the rhythm
//! stage's own machines one after the other, so that a recording of any length takes little memory
//! besides what is told of it. Times are the device's local wall clock, as recordings have them.

mod document;
pub(crate) mod fields;
mod heart;
pub mod kind;
mod movement;
mod raw;
pub mod readings;
pub mod recording;
mod samples;
mod surroundings;
mod trace;

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
pub use zeitgeber_processors::rhythm::sleep::Sleep;
use zeitgeber_processors::rhythm::{cycles::HourlyCycles, timing::SleepTiming};
use zeitgeber_schemas::Scale;

pub use document::document;
pub use heart::{Beats, Heart, Times};
pub use movement::{Bout, Movement, hourly_movements, told as movement_of};
pub use raw::{Acceleration, AxisCounts, Timed};
pub use surroundings::{Light, LightOfDay, Sound};
pub use trace::{Beat, Minimum, Movements, Trace, minima};

use crate::door::profile::plain_profile;
use kind::{Kind, Quantity, Shape};
use recording::{LayoutHints, Recording, RecordingError};
use samples::{Samples, check_unit, spacing_s};

const HOUR_S: f64 = 3_600.0;

/// What is said of a recording beforehand.
#[derive(Debug, Clone)]
pub struct Hints {
    /// The layout of the file.
    pub layout: LayoutHints,
    /// The kind.
    pub kind: Option<Kind>,
    /// Columns that hold a quantity: one of its names, and the column's own.
    pub columns: Vec<(String, String)>,
    /// Time from one row to the next, s.
    pub epoch_s: Option<f64>,
    /// How the device scales counts, which decides how sleep is scored.
    pub scale: Scale,
}

/// What a recording tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// The file.
    pub file: String,
    /// What it holds.
    pub kind: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Rows at the time of the one before, which were left out.
    pub repeats: u64,
    /// Time of the first row, ms by the local clock; beats without times count from 0.
    pub first_ms: Option<f64>,
    /// Time of the last row.
    pub last_ms: Option<f64>,
    /// Time from one row to the next, s.
    pub epoch_s: Option<f64>,
    /// The features.
    pub features: Features,
}

/// The features of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Features {
    /// Of movement by the epoch.
    Movement(Box<Movement>),
    /// Of movement by the hour, by person.
    Hourly(BTreeMap<String, HourlyCycles>),
    /// Of heart beats.
    Heart(Box<Heart>),
    /// Of raw acceleration.
    Acceleration(Box<Acceleration>),
    /// Of light.
    Light(Box<Light>),
    /// Of sound.
    Sound(Sound),
    /// Of a diary; none without a whole night.
    Sleep(Option<SleepTiming>),
}

/// Analyses a file, or standard input for `-`.
///
/// # Errors
///
/// It cannot be read, its columns tell no kind, or a row, a unit or the epoch cannot be right.
pub fn analyze(path: &Path, hints: &Hints) -> Result<Analysis, RecordingError> {
    analysis(path, hints, None)
}

/// The same, with what is to be drawn of it.
///
/// # Errors
///
/// As for [`analyze`].
pub fn trace(path: &Path, hints: &Hints) -> Result<(Analysis, Trace), RecordingError> {
    let mut trace = Trace::default();
    let analysis = analysis(path, hints, Some(&mut trace))?;
    Ok((analysis, trace))
}

/// The light of a recording that is of something else, read in a pass of its own; none where no
/// column holds any, and for standard input, which cannot be read twice.
///
/// # Errors
///
/// As for [`analyze`].
pub fn light_beside(
    path: &Path,
    hints: &Hints,
) -> Result<Option<(Analysis, Trace)>, RecordingError> {
    if path.as_os_str() == "-" {
        return Ok(None);
    }
    let hints = Hints { kind: Some(Kind::Light), ..hints.clone() };
    let mut recording = Recording::open(path, &hints.layout)?;
    let said = said(&mut recording, &hints)?;
    if Shape::of(recording.columns(), &said, hints.kind, None).is_err() {
        return Ok(None);
    }
    trace(path, &hints).map(Some)
}

/// Columns that are said to hold something.
fn said(
    recording: &mut Recording,
    hints: &Hints,
) -> Result<Vec<(Quantity, usize)>, RecordingError> {
    let mut said = Vec::new();
    for (holds, name) in &hints.columns {
        let at = recording.column(holds, name)?;
        said.extend(Quantity::of(holds).map(|quantity| (quantity, at)));
    }
    Ok(said)
}

fn analysis(
    path: &Path,
    hints: &Hints,
    trace: Option<&mut Trace>,
) -> Result<Analysis, RecordingError> {
    read(path, hints, |samples, quantity, epoch_s| {
        let features = features(samples, quantity, epoch_s, hints.scale, trace)?;
        let (first_ms, last_ms) = samples.extent_ms.unzip();
        Ok(Analysis {
            file: samples.name().to_owned(),
            kind: samples.shape.kind.as_str(),
            rows: samples.rows,
            repeats: samples.repeats,
            first_ms,
            last_ms,
            epoch_s,
            features,
        })
    })
}

/// Opens a recording and hands its rows on, with what they hold first and how far they are apart.
fn read<T>(
    path: &Path,
    hints: &Hints,
    then: impl FnOnce(&mut Samples<'_>, Quantity, Option<f64>) -> Result<T, RecordingError>,
) -> Result<T, RecordingError> {
    let mut recording = Recording::open(path, &hints.layout)?;
    let said = said(&mut recording, hints)?;
    let noted = recording.note("epoch_s").and_then(|text| text.parse().ok());
    let rate = recording.note("sampling_hz").and_then(|text| text.parse::<f64>().ok());
    let known_s = hints.epoch_s.or(noted).or(rate.map(|hz| 1.0 / hz));
    let shape = Shape::of(recording.columns(), &said, hints.kind, known_s);
    let shape = shape.map_err(|what| recording.fault(what))?;
    let mut samples = Samples::new(&mut recording, shape);
    let is_told = hints.kind.is_some() || samples.shape.kind != Kind::Actigraphy;
    if !is_told && samples.shape.person.is_some() {
        // Only hours are of several people; the spacing of their rows will tell.
        samples.shape.kind = Kind::Hourly;
    }
    let epoch_s = match known_s {
        _ if matches!(samples.shape.kind, Kind::Rr | Kind::SleepDiary) => None,
        None => spacing_s(samples.look()?),
        Some(known) => Some(agreed(&mut samples, known)?),
    };
    if !is_told {
        let is_hourly = epoch_s == Some(HOUR_S);
        samples.shape.kind = if is_hourly { Kind::Hourly } else { Kind::Actigraphy };
        if !is_hourly && samples.people() > 1 {
            return Err(samples.whole("it is of several people: give a file for each of them"));
        }
    }
    let (quantity, _) = samples.shape.values[0];
    check_unit(&mut samples, quantity)?;
    then(&mut samples, quantity, epoch_s)
}

/// The epoch that is said or noted, where the rows are that far apart.
fn agreed(samples: &mut Samples<'_>, known_s: f64) -> Result<f64, RecordingError> {
    match spacing_s(samples.look()?) {
        Some(told_s) if !(0.75..=1.25).contains(&(told_s / known_s)) => Err(samples.whole(
            format!("its rows are {told_s} s apart, and --epoch or its notes say {known_s} s"),
        )),
        _ => Ok(known_s),
    }
}

fn features(
    samples: &mut Samples<'_>,
    quantity: Quantity,
    epoch_s: Option<f64>,
    scale: Scale,
    trace: Option<&mut Trace>,
) -> Result<Features, RecordingError> {
    let profile = plain_profile(scale);
    let epoch_s = checked_epoch(samples, epoch_s)?.unwrap_or(0.0);
    Ok(match samples.shape.kind {
        Kind::Rr => Features::Heart(Box::new(heart::beats(samples, trace)?)),
        Kind::SleepDiary => Features::Sleep(raw::diary(samples, trace)?),
        Kind::Noise => Features::Sound(surroundings::sound(samples)?),
        Kind::Actigraphy => {
            let movement = movement::epochs(samples, quantity, epoch_s, &profile, trace)?;
            Features::Movement(Box::new(movement))
        }
        Kind::Hourly => Features::Hourly(movement::hours(samples, quantity, &profile, trace)?),
        Kind::Light => {
            Features::Light(Box::new(surroundings::light(samples, quantity, epoch_s, trace)?))
        }
        Kind::Imu => {
            let rate_hz = (1.0 / epoch_s * 100.0).round() / 100.0;
            Features::Acceleration(Box::new(raw::acceleration(samples, rate_hz)?))
        }
    })
}

/// The epoch of the kinds that have one, where it can be right.
fn checked_epoch(
    samples: &mut Samples<'_>,
    epoch_s: Option<f64>,
) -> Result<Option<f64>, RecordingError> {
    let checked = match samples.shape.kind {
        Kind::Rr | Kind::SleepDiary | Kind::Noise => return Ok(None),
        Kind::Actigraphy => {
            checked(samples, epoch_s, "a whole part of a minute or whole minutes", |s| {
                s.fract() == 0.0
                    && (1.0..HOUR_S).contains(&s)
                    && (60.0 % s == 0.0 || s % 60.0 == 0.0)
            })
        }
        Kind::Hourly => checked(samples, epoch_s, "3600 s", |s| s == HOUR_S),
        Kind::Light => {
            checked(samples, epoch_s, "0.01 to 3600 s", |s| (0.01..=HOUR_S).contains(&s))
        }
        Kind::Imu => {
            checked(samples, epoch_s, "5 to 2000 samples a second", |s| (0.0005..=0.2).contains(&s))
        }
    };
    checked.map(Some)
}

/// The epoch, where it can be right.
fn checked(
    samples: &mut Samples<'_>,
    epoch_s: Option<f64>,
    may_be: &str,
    can_be: impl Fn(f64) -> bool,
) -> Result<f64, RecordingError> {
    let kind = samples.shape.kind;
    match epoch_s {
        Some(epoch_s) if can_be(epoch_s) => {
            if kind != Kind::Imu {
                samples.expect_epoch(epoch_s);
            }
            Ok(epoch_s)
        }
        found => {
            let what = match found {
                Some(s) => format!(
                    "rows of kind {kind} are not {s} s apart but {may_be}; is it of another --kind?"
                ),
                None => format!(
                    "how far rows of kind {kind} are apart cannot be told from fewer than two: say \
                     it with --epoch"
                ),
            };
            // The second row is the first that tells a distance.
            let row = samples.look()?.iter().take(2).next_back().cloned();
            Err(row.map_or_else(|| samples.whole(what.clone()), |row| samples.fault(&row, &what)))
        }
    }
}
