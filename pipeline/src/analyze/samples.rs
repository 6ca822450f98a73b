//! A recording's rows as numbers at times, in order.

use std::collections::{BTreeMap, VecDeque};

use super::{
    kind::{Kind, Quantity, Shape},
    recording::{Recording, RecordingError, Row},
};

const MINUTE_MS: f64 = 60_000.0;
/// Most people of a recording.
const PEOPLE_MAX: usize = 10_000;
/// What stands for an interval that is missing among beats without times: longer than any, ms.
const MISSING_MS: f64 = 3_000.0;
/// Rows nearer than this share of an epoch are of another epoch.
const NEAREST: f64 = 0.75;
/// Rows that are looked at before the first is analysed: they tell epoch and unit.
pub(super) const LOOK: usize = 1_000;

/// A row: when, whose, and its values in the order of the shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) line: u64,
    /// ms by the local clock; for beats without a clock, since the recording's beginning.
    pub(super) at_ms: f64,
    pub(super) person: Option<String>,
    pub(super) values: [Option<f64>; 3],
}

/// The rows of a recording. One at the time of the row before it is a repeat, which is left out.
pub(super) struct Samples<'a> {
    recording: &'a mut Recording,
    pub(super) shape: Shape,
    ahead: VecDeque<Sample>,
    /// Time of the last row, by person.
    last_ms: BTreeMap<Option<String>, f64>,
    /// Time of the last row that was given out, by person, and how long rows are.
    given_ms: BTreeMap<Option<String>, f64>,
    epoch_ms: Option<f64>,
    pub(super) rows: u64,
    pub(super) repeats: u64,
    pub(super) extent_ms: Option<(f64, f64)>,
}

impl<'a> Samples<'a> {
    pub(super) const fn new(recording: &'a mut Recording, shape: Shape) -> Self {
        Self {
            recording,
            shape,
            ahead: VecDeque::new(),
            last_ms: BTreeMap::new(),
            given_ms: BTreeMap::new(),
            epoch_ms: None,
            rows: 0,
            repeats: 0,
            extent_ms: None,
        }
    }

    /// The first rows, which come again.
    pub(super) fn look(&mut self) -> Result<&[Sample], RecordingError> {
        while self.ahead.len() < LOOK {
            let Some(sample) = self.read()? else { break };
            self.ahead.push_back(sample);
        }
        Ok(self.ahead.make_contiguous())
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is nearer to the one before it than an epoch.
    pub(super) fn next(&mut self) -> Result<Option<Sample>, RecordingError> {
        let next = match self.ahead.pop_front() {
            Some(sample) => Some(sample),
            None => self.read()?,
        };
        if let (Some(sample), Some(epoch_ms)) = (&next, self.epoch_ms)
            && let Some(before_ms) = self.given_ms.insert(sample.person.clone(), sample.at_ms)
            && sample.at_ms - before_ms < NEAREST * epoch_ms
        {
            let (apart, epoch) = ((sample.at_ms - before_ms) / 1000.0, epoch_ms / 1000.0);
            return Err(self.fault(
                sample,
                format!(
                    "it begins {apart} s after the row before it, where rows are {epoch} s long: \
                         give parts with different epochs as files of their own"
                ),
            ));
        }
        Ok(next)
    }

    /// The file's name.
    pub(super) fn name(&self) -> &str {
        self.recording.name()
    }

    /// People of the rows read so far.
    pub(super) fn people(&self) -> usize {
        self.last_ms.len()
    }

    /// From here on rows are this long.
    pub(super) fn expect_epoch(&mut self, epoch_s: f64) {
        self.epoch_ms = Some(1000.0 * epoch_s);
    }

    /// An error of one row.
    pub(super) fn fault(&self, sample: &Sample, what: impl Into<String>) -> RecordingError {
        RecordingError::Row {
            name: self.recording.name().into(),
            line: sample.line,
            what: what.into(),
        }
    }

    /// An error of the whole.
    pub(super) fn whole(&self, what: impl Into<String>) -> RecordingError {
        self.recording.fault(what)
    }

    fn read(&mut self) -> Result<Option<Sample>, RecordingError> {
        loop {
            let Some(row) = self.recording.next()? else { return Ok(None) };
            let sample = sample_of(&row, &self.shape, &self.last_ms)?;
            self.rows += 1;
            let kind = self.shape.kind;
            if kind == Kind::SleepDiary && sample.values[..2].contains(&None) {
                continue;
            }
            if !self.last_ms.contains_key(&sample.person) {
                check_person(&row, kind, self.last_ms.len())?;
            }
            if let Some(&last_ms) = self.last_ms.get(&sample.person) {
                if sample.at_ms < last_ms && !may_step_back(kind, last_ms, sample.at_ms) {
                    return Err(row.fault(
                        "it is earlier than the row before it: sort the rows by time, and where a \
                         clock was put back, give times that go on",
                    ));
                }
                let may_be_equal = matches!(kind, Kind::Rr | Kind::SleepDiary);
                if sample.at_ms == last_ms && !may_be_equal {
                    self.repeats += 1;
                    continue;
                }
            }
            // A row without a value says nothing that another one at its time could repeat.
            let says_something = sample.values.iter().any(Option::is_some);
            if says_something || self.shape.time.is_none() {
                self.last_ms.insert(sample.person.clone(), sample.at_ms);
            }
            let (first, _) = self.extent_ms.unwrap_or((sample.at_ms, 0.0));
            self.extent_ms = Some((first.min(sample.at_ms), sample.at_ms));
            return Ok(Some(sample));
        }
    }
}

/// Recordings are of one person each; hours may be of many.
fn check_person(row: &Row<'_>, kind: Kind, known: usize) -> Result<(), RecordingError> {
    match known {
        0 => Ok(()),
        _ if kind != Kind::Hourly => {
            Err(row.fault("it is of another person: give a file for each of them"))
        }
        PEOPLE_MAX.. => {
            Err(row.fault(format!("more than {PEOPLE_MAX} people: give some at a time")))
        }
        _ => Ok(()),
    }
}

/// Levels of one minute are told together, so a clock that is set right within it does no harm.
fn may_step_back(kind: Kind, from_ms: f64, to_ms: f64) -> bool {
    kind == Kind::Noise && (from_ms / MINUTE_MS).floor() == (to_ms / MINUTE_MS).floor()
}

fn sample_of(
    row: &Row<'_>,
    shape: &Shape,
    last_ms: &BTreeMap<Option<String>, f64>,
) -> Result<Sample, RecordingError> {
    let person = shape.person.map(|column| row.field(column).to_owned());
    let mut values = [None; 3];
    let is_time = shape.kind == Kind::SleepDiary;
    for (value, (_, column)) in values.iter_mut().zip(&shape.values) {
        *value = if is_time { row.time_ms(*column)? } else { row.number(*column)? };
    }
    let at_ms = match shape.time {
        Some(column) => row.time_ms(column)?.ok_or_else(|| row.fault("it has no time"))?,
        None if shape.kind == Kind::SleepDiary => values[0].unwrap_or(0.0),
        // Beats that follow each other: an interval's end is the sum of those up to it.
        None => last_ms.get(&person).copied().unwrap_or(0.0) + values[0].unwrap_or(MISSING_MS),
    };
    Ok(Sample { line: row.line, at_ms, person, values })
}

/// How far the rows of one person are apart, s, gaps left out: their mean, as a clock has it, since
/// times are rounded and jitter; none below two rows.
pub(super) fn spacing_s(samples: &[Sample]) -> Option<f64> {
    let (mut last, mut apart) = (BTreeMap::new(), Vec::new());
    for sample in samples {
        if let Some(before) = last.insert(&sample.person, sample.at_ms) {
            apart.push((sample.at_ms - before) / 1000.0);
        }
    }
    apart.sort_by(f64::total_cmp);
    let median = *apart.get(apart.len() / 2)?;
    let usual: Vec<f64> =
        apart.into_iter().filter(|s| (0.5 * median..=1.5 * median).contains(s)).collect();
    let mean = usual.iter().sum::<f64>() / usual.len() as f64;
    let (whole, rate) = (mean.round(), (10.0 / mean).round() / 10.0);
    Some(if whole >= 1.0 && (mean - whole).abs() < 0.02 * whole {
        whole
    } else if rate > 0.0 && (mean * rate - 1.0).abs() < 0.005 {
        1.0 / rate
    } else {
        mean
    })
}

/// What the times of the first rows are rounded to, ms: beats may seem this much apart from what
/// their intervals say.
pub(super) fn resolution_ms(samples: &[Sample]) -> f64 {
    let all = |step: f64| samples.iter().all(|sample| sample.at_ms % step == 0.0);
    [1_000.0, 100.0, 10.0].into_iter().find(|step| all(*step)).unwrap_or(0.0)
}

/// Refuses a first row whose unit cannot be that of its quantity.
pub(super) fn check_unit(
    samples: &mut Samples<'_>,
    quantity: Quantity,
) -> Result<(), RecordingError> {
    let first = samples.look()?;
    let mut sizes: Vec<f64> = first.iter().filter_map(|row| size(row, quantity)).collect();
    if sizes.is_empty() {
        return Ok(());
    }
    sizes.sort_by(f64::total_cmp);
    let (median, least) = (sizes[sizes.len() / 2], sizes[0]);
    let what = match quantity {
        Quantity::RrMs => match median {
            m if (0.2..=3.0).contains(&m) => "intervals look like seconds: give them in ms",
            m if (30.0..200.0).contains(&m) => {
                "intervals look like heart rates in beats a minute: give intervals in ms"
            }
            m if !(200.0..=3_000.0).contains(&m) => "intervals are no heart beats in ms",
            _ => return Ok(()),
        },
        Quantity::X => match median {
            m if (5.0..=20.0).contains(&m) => {
                "acceleration looks like m/s2: divide by 9.80665 to give it in g"
            }
            m if (500.0..=2_000.0).contains(&m) => "acceleration looks like mg: give it in g",
            m if !(0.2..=5.0).contains(&m) => {
                "acceleration is nowhere near 1 g: give it in g, gravity included"
            }
            _ => return Ok(()),
        },
        Quantity::Level if !(-20.0..=160.0).contains(&median) => "levels are no sound levels in dB",
        Quantity::Counts
        | Quantity::Enmo
        | Quantity::Intensity
        | Quantity::Lux
        | Quantity::MediLux
            if least < 0.0 =>
        {
            "it is negative, which no such value can be"
        }
        _ => return Ok(()),
    };
    let wrong = first.iter().find(|row| {
        size(row, quantity).is_some_and(|size| if least < 0.0 { size < 0.0 } else { true })
    });
    let Some(row) = wrong.cloned() else { return Ok(()) };
    Err(samples.fault(&row, format!("{what} (median of the first rows: {median})")))
}

/// The value, or the length of the vector, that a unit is told by.
fn size(row: &Sample, quantity: Quantity) -> Option<f64> {
    if quantity != Quantity::X {
        return row.values[0];
    }
    let [x, y, z] = row.values;
    Some((x?.powi(2) + y?.powi(2) + z?.powi(2)).sqrt())
}
