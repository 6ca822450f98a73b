//! A recording as readings of one person: what `analyze` reads, in the form in which doors take it.
//!
//! A reading arrives when it was made, by its own time, so that the past is lived through again.
//! Its id is made of the file's name and the row, so that the same recording given twice is told
//! from another one.

use std::{
    fs::File,
    io::{self, BufWriter, PipeReader, Read, Write},
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Hints, checked_epoch,
    heart::CLOCK_FROM_MS,
    kind::{Kind, Quantity},
    read,
    recording::RecordingError,
    samples::{Sample, Samples},
    surroundings::Levels,
};
use crate::{
    door::files::{self, OpenError, Source},
    record::raw_hash,
};

/// Longest stretch of beats in one reading, ms: a window of heart rate variability.
const BEATS_MS: f64 = 300_000.0;
/// Time beyond an interval after which a beat is missing, ms.
const GAP_MS: f64 = 1_000.0;
/// Seconds of raw samples in one reading: an epoch.
const SAMPLES_S: f64 = 5.0;

/// Whose recording it is, and when and where it was made.
#[derive(Debug, Clone)]
pub struct Whose {
    /// The person's id.
    pub user_id: String,
    /// The zone of the device's clock.
    pub zone: TimeZone,
    /// The zone by the name that it was given by.
    pub zone_name: String,
    /// The instant at which beats without a clock began, ms UTC.
    pub start_ms: Option<i64>,
}

/// Opens a recording as lines of readings.
///
/// # Errors
///
/// It cannot be opened or read, or its first rows cannot be right. Later rows that cannot be are an
/// error of reading on.
pub fn open(path: &Path, hints: &Hints, whose: &Whose, limit: usize) -> Result<Source, OpenError> {
    files::check(path)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let hash = content_hash(path, whose);
    let failed = |source| OpenError::Io { name: name.clone(), source };
    let (pipe, sink) = io::pipe().map_err(failed)?;
    let (path, hints, whose) = (PathBuf::from(path), hints.clone(), whose.clone());
    let write = move || write(&path, &hints, &whose, &mut BufWriter::new(sink));
    let worker = std::thread::Builder::new().name("recording".into()).spawn(write);
    let lines = Lines { pipe, worker: Some(worker.map_err(failed)?) };
    files::from_reader(&name, hash, None, Box::new(lines), limit)
}

/// Names the same bytes, taken for the same person by the same clock.
fn content_hash(path: &Path, whose: &Whose) -> Option<[u8; 16]> {
    let is_file = File::open(path).and_then(|file| file.metadata()).is_ok_and(|at| at.is_file());
    let file = is_file.then(|| files::open(path, 0).ok()?.hash).flatten()?;
    let start = whose.start_ms.unwrap_or(i64::MIN).to_le_bytes();
    let parts = [&file[..], whose.user_id.as_bytes(), whose.zone_name.as_bytes(), &start];
    Some(raw_hash(&parts.concat()))
}

/// The lines as they are made; what ended them early is an error at their end.
struct Lines {
    pipe: PipeReader,
    worker: Option<JoinHandle<Result<(), RecordingError>>>,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.pipe.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        match self.worker.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(0),
            Some(Ok(Err(error))) => Err(io::Error::other(error)),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

/// Writes a recording's readings, a line each.
fn write(
    path: &Path,
    hints: &Hints,
    whose: &Whose,
    out: &mut impl Write,
) -> Result<(), RecordingError> {
    read(path, hints, |samples, quantity, epoch_s| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut lines = Writer { out, whose, stem, open: true };
        let epoch_s = checked_epoch(samples, epoch_s)?;
        match (samples.shape.kind, epoch_s) {
            (Kind::SleepDiary, _) => Err(samples.whole(
                "a sleep diary holds nights, not readings of a sensor: `zeitgeber analyze` reads it",
            )),
            (Kind::Rr, _) => lines.beats(samples),
            (Kind::Imu, Some(epoch_s)) => lines.raw(samples, epoch_s),
            (Kind::Actigraphy | Kind::Hourly, Some(epoch_s)) => {
                lines.epochs(samples, quantity, epoch_s)
            }
            (Kind::Light, _) => lines.light(samples, quantity),
            _ => lines.noise(samples),
        }
    })
}

struct Writer<'a, W> {
    out: &'a mut W,
    whose: &'a Whose,
    stem: String,
    /// Whoever reads the lines still does.
    open: bool,
}

impl<W: Write> Writer<'_, W> {
    /// Writes what a row, or the rows from it on, say at an instant of the device's clock.
    fn put(
        &mut self,
        samples: &Samples<'_>,
        row: &Sample,
        at_ms: f64,
        kind: &str,
        values: Value,
    ) -> Result<(), RecordingError> {
        let ts = self.instant(at_ms).ok_or_else(|| {
            samples.fault(row, format!("{at_ms} ms is no time that a calendar has"))
        })?;
        let line = json!({
            "id": format!("{}-{}", self.stem, row.line), "user_id": self.whose.user_id,
            "device_id": self.stem, "kind": kind, "ts": ts, "recv_ts": ts, "values": values,
        });
        // Who reads no more wants no more: the reason is theirs to tell.
        self.open &= writeln!(self.out, "{line}").is_ok();
        Ok(())
    }

    /// An instant of the device's clock, ms UTC.
    fn instant(&self, at_ms: f64) -> Option<i64> {
        let wall = Timestamp::from_millisecond(at_ms.round() as i64).ok()?;
        let wall = wall.to_zoned(TimeZone::UTC).datetime();
        Some(wall.to_zoned(self.whose.zone.clone()).ok()?.timestamp().as_millisecond())
    }

    fn epochs(
        &mut self,
        samples: &mut Samples<'_>,
        quantity: Quantity,
        epoch_s: f64,
    ) -> Result<(), RecordingError> {
        let name = match quantity {
            Quantity::Enmo => "enmo_mg",
            Quantity::Intensity => "intensity",
            _ => "activity_counts",
        };
        while let Some(row) = samples.next()?.filter(|_| self.open) {
            if samples.people() > 1 {
                return Err(samples.fault(&row, "it is of another person than the row before"));
            }
            let Some(value) = row.values[0] else { continue };
            let end_ms = row.at_ms + 1000.0 * epoch_s;
            self.put(samples, &row, end_ms, "imu", json!({name: value, "epoch_s": epoch_s}))?;
        }
        Ok(())
    }

    fn light(
        &mut self,
        samples: &mut Samples<'_>,
        quantity: Quantity,
    ) -> Result<(), RecordingError> {
        let name = if quantity == Quantity::MediLux { "medi_lux" } else { "lux" };
        while let Some(row) = samples.next()?.filter(|_| self.open) {
            let Some(lux) = row.values[0] else { continue };
            self.put(samples, &row, row.at_ms, "environment", json!({name: lux}))?;
        }
        Ok(())
    }

    fn noise(&mut self, samples: &mut Samples<'_>) -> Result<(), RecordingError> {
        let levels = Levels::of(&samples.shape);
        while let Some(row) = samples.next()?.filter(|_| self.open) {
            let Some(level) = levels.level(samples, &row)? else { continue };
            self.put(samples, &row, row.at_ms, "environment", json!({"noise_db": level}))?;
        }
        Ok(())
    }

    /// Beats, in readings of at most 5 minutes without a gap.
    fn beats(&mut self, samples: &mut Samples<'_>) -> Result<(), RecordingError> {
        let first = samples.look()?.first().cloned();
        let by_clock = first.as_ref().is_none_or(|row| row.at_ms >= CLOCK_FROM_MS);
        let from_ms = match (by_clock, self.whose.start_ms, &first) {
            (true, _, _) => 0.0,
            (false, Some(start_ms), _) => start_ms as f64,
            (false, None, Some(row)) => {
                return Err(samples.fault(
                    row,
                    "its beats have no date: say when the recording began with --start",
                ));
            }
            (false, None, None) => return Ok(()),
        };
        let mut stretch: Option<(Sample, f64, Vec<f64>)> = None;
        while let Some(row) = samples.next()?.filter(|_| self.open) {
            let rr_ms = row.values[0];
            let ended = stretch.take_if(|(begun, last_ms, _)| {
                let gap = rr_ms.is_none_or(|rr_ms| row.at_ms - *last_ms > rr_ms + GAP_MS);
                gap || row.at_ms - begun.at_ms > BEATS_MS
            });
            self.put_beats(samples, from_ms, ended)?;
            let Some(rr_ms) = rr_ms else { continue };
            let (_, last_ms, list) =
                stretch.get_or_insert_with(|| (row.clone(), row.at_ms, Vec::new()));
            *last_ms = row.at_ms;
            list.push(rr_ms);
        }
        self.put_beats(samples, from_ms, stretch)
    }

    fn put_beats(
        &mut self,
        samples: &Samples<'_>,
        from_ms: f64,
        stretch: Option<(Sample, f64, Vec<f64>)>,
    ) -> Result<(), RecordingError> {
        let Some((begun, last_ms, rr_ms)) = stretch else { return Ok(()) };
        self.put(samples, &begun, from_ms + last_ms, "hrv", json!({"rr_ms": rr_ms}))
    }

    /// Raw samples, in readings of 5 s without a gap; what is left over at a gap is left out.
    fn raw(&mut self, samples: &mut Samples<'_>, epoch_s: f64) -> Result<(), RecordingError> {
        let rate_hz = (1.0 / epoch_s * 100.0).round() / 100.0;
        let whole = (SAMPLES_S * rate_hz).round() as usize;
        let mut stretch: Option<(Sample, f64, Vec<[f64; 3]>)> = None;
        while let Some(row) = samples.next()?.filter(|_| self.open) {
            let gap = |last_ms: f64| row.at_ms - last_ms > 1500.0 * epoch_s;
            stretch.take_if(|(_, last_ms, _)| gap(*last_ms));
            let [Some(x), Some(y), Some(z)] = row.values else {
                stretch = None;
                continue;
            };
            let (_, last_ms, list) =
                stretch.get_or_insert_with(|| (row.clone(), row.at_ms, Vec::new()));
            *last_ms = row.at_ms;
            list.push([x, y, z]);
            if let Some((begun, last_ms, list)) =
                stretch.take_if(|(_, _, list)| list.len() >= whole)
            {
                let values = json!({"fs_hz": rate_hz, "acc_g": list});
                self.put(samples, &begun, last_ms, "imu", values)?;
            }
        }
        Ok(())
    }
}
