//! What there is to draw of a recording or of a person: features and the values behind them, from
//! the code that analyses and reports.

mod person;

use std::path::Path;

use zeitgeber_processors::rhythm::{
    alertness::{Forecast, ThreeProcess, clock_hours},
    cycles::{HourlyCycles, Rhythm},
    phase::PhaseEstimate,
};
use zeitgeber_schemas::{ProfileBody, Signal};

use super::scale::{HOUR_MS, MINUTE_MS, date};
use crate::{
    analyze::{
        self, Analysis, Bout, Features, Heart, Hints, Movement, Trace, recording::RecordingError,
    },
    door::profile::plain_profile,
};

/// Times before it are no dates but begin with the recording, ms: March 1973.
const CLOCK_FROM_MS: f64 = 1e11;

/// What there is to draw.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The file, or the person.
    pub name: String,
    /// What must be known to read the pictures.
    pub notes: Vec<String>,
    /// Local time, usual sleep, device; of a recording that of somebody unknown in UTC.
    pub profile: ProfileBody,
    /// Values in order of time.
    pub trace: Trace,
    /// Movement by the minute.
    pub movement: Option<Movement>,
    /// Movement by the hour.
    pub hourly: Option<HourlyCycles>,
    /// Heart beats.
    pub heart: Option<Heart>,
    /// Whether beats have a clock.
    pub has_clock: bool,
    /// Where the body night is.
    pub phase: Option<PhaseEstimate>,
    /// Sleepiness.
    pub alertness: Option<Alertness>,
    /// Vitality by the analysed hour.
    pub vitality: Vec<Vitality>,
    /// Interventions that reached the person: when, ms UTC, and which.
    pub interventions: Vec<(i64, String)>,
}

/// Sleepiness, KSS.
#[derive(Debug, Clone, PartialEq)]
pub struct Alertness {
    /// Until now: at which instants, ms UTC; none while asleep.
    pub past: Vec<(i64, Option<f64>)>,
    /// From now on.
    pub ahead: Vec<(i64, Option<f64>)>,
    /// Where it comes from.
    pub source: String,
}

/// Vitality at the end of an analysed hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vitality {
    /// The end, ms UTC.
    pub at_ms: i64,
    /// Vitality, 0 to 1.
    pub vitality: Option<f64>,
    /// Its confidence, 0 to 1.
    pub confidence: f64,
}

/// A signal's rhythm, as a picture tells it.
pub(super) struct Told<'a> {
    /// The rhythm.
    pub rhythm: &'a Rhythm,
    /// What it is of.
    pub of: &'static str,
    /// The unit of its values.
    pub unit: &'static str,
}

impl Subject {
    /// A recording. One of movement that has light beside it is read for that as well.
    ///
    /// # Errors
    ///
    /// As for [`analyze::analyze`].
    pub fn recording(path: &Path, hints: &Hints) -> Result<Self, RecordingError> {
        let (analysis, trace) = analyze::trace(path, hints)?;
        let profile = plain_profile(hints.scale);
        let mut subject = Self::of(&analysis, trace, profile);
        if matches!(analysis.features, Features::Movement(_))
            && let Some((light, trace)) = analyze::light_beside(path, hints)?
        {
            subject.take_light(&light.features);
            subject.trace.light = trace.light;
            subject.trace.minima = trace.minima;
        }
        Ok(subject)
    }

    fn of(analysis: &Analysis, trace: Trace, profile: ProfileBody) -> Self {
        let mut subject = Self {
            name: Path::new(&analysis.file)
                .file_name()
                .map_or_else(|| analysis.file.clone(), |name| name.to_string_lossy().into_owned()),
            notes: vec![span_note(analysis)],
            profile,
            trace,
            movement: None,
            hourly: None,
            heart: None,
            has_clock: analysis.first_ms.is_some_and(|first| first >= CLOCK_FROM_MS),
            phase: None,
            alertness: None,
            vitality: Vec::new(),
            interventions: Vec::new(),
        };
        match &analysis.features {
            Features::Movement(movement) => {
                subject.alertness = sleepiness(&subject.profile, movement);
                subject.movement = Some(*movement.clone());
            }
            Features::Hourly(people) if people.len() == 1 => {
                subject.hourly = people.values().next().cloned();
            }
            Features::Hourly(people) => subject.notes.push(format!(
                "hours of {} people: give a file for each of them to see their days",
                people.len()
            )),
            Features::Heart(heart) => subject.heart = Some(*heart.clone()),
            features => subject.take_light(features),
        }
        subject
    }

    fn take_light(&mut self, features: &Features) {
        let Features::Light(light) = features else { return };
        self.phase = light.phase;
        if !light.melanopic {
            self.notes.push(
                "Light is photopic, which is only near what the body clock sees (melanopic EDI)."
                    .into(),
            );
        }
    }

    /// Local time of an instant, ms.
    pub fn local(&self, at_ms: i64) -> i64 {
        at_ms + i64::from(self.profile.offset_at(at_ms)) * MINUTE_MS
    }

    /// Stretches of sleep: rest bouts of movement, or a diary's nights.
    pub(super) fn sleeps(&self) -> impl Iterator<Item = (i64, i64)> {
        let bouts = self.movement.iter().flat_map(|movement| &movement.rest_bouts);
        let bouts = bouts.map(|Bout { onset_ms, offset_ms }| (*onset_ms, *offset_ms));
        bouts.chain(self.trace.nights.iter().copied())
    }

    /// The rhythm of movement, where there is one.
    pub(super) fn rhythm(&self) -> Option<Told<'_>> {
        if let Some(movement) = &self.movement {
            let cycles = &movement.cycles;
            let (rhythm, worn) = cycles.told()?;
            let of = if worn { "worn minutes" } else { "all minutes" };
            return Some(Told { rhythm, of, unit: unit(cycles.signal, false) });
        }
        let HourlyCycles { signal, rhythm } = self.hourly.as_ref()?;
        Some(Told { rhythm, of: "hours", unit: unit(*signal, true) })
    }

    /// The unit of movement.
    pub(super) fn movement_unit(&self) -> &'static str {
        let minutes = self.movement.as_ref().map(|movement| unit(movement.cycles.signal, false));
        let hours = || self.hourly.as_ref().map(|hourly| unit(hourly.signal, true));
        minutes.or_else(hours).unwrap_or_default()
    }
}

const fn unit(signal: Signal, by_hour: bool) -> &'static str {
    match (signal, by_hour) {
        (Signal::ActivityCounts, false) => "counts/min",
        (Signal::ActivityCounts, true) => "counts/h",
        (Signal::Steps, false) => "steps/min",
        (Signal::Steps, true) => "steps/h",
        (Signal::EnmoMg, _) => "mg",
        (Signal::Intensity, _) => "intensity",
    }
}

fn span_note(analysis: &Analysis) -> String {
    let mut note = format!("{}, {} rows", analysis.kind, analysis.rows);
    if let (Some(first), Some(last)) = (analysis.first_ms, analysis.last_ms)
        && first >= CLOCK_FROM_MS
    {
        let text = |ms: f64| date(ms as i64, "%Y-%m-%d %H:%M");
        note.push_str(&format!(", {} to {}, local clock", text(first), text(last)));
    }
    note
}

/// Sleepiness from the rest that movement tells, by the three-process model, and 24 hours ahead for
/// somebody who then keeps to the profile's usual sleep.
fn sleepiness(profile: &ProfileBody, movement: &Movement) -> Option<Alertness> {
    let cycles = &movement.cycles;
    let first_ms = cycles.first_minute * MINUTE_MS;
    let now_ms = first_ms + i64::from(cycles.n_minutes) * MINUTE_MS;
    if now_ms - first_ms < 24 * HOUR_MS || movement.rest_bouts.is_empty() {
        return None;
    }
    let mut person = ThreeProcess::usual(profile, first_ms);
    let turns = |bout: &Bout| [(bout.onset_ms, true), (bout.offset_ms, false)];
    let mut turns = movement.rest_bouts.iter().flat_map(turns).peekable();
    let mut past = Vec::new();
    let from = (now_ms - PAST_H * HOUR_MS).max(first_ms);
    for at_ms in (0..).map(|step| from + step * STEP_MS).take_while(|at_ms| *at_ms <= now_ms) {
        while let Some((turn_ms, asleep)) = turns.next_if(|turn| turn.0 <= at_ms) {
            person.feed(turn_ms, asleep);
        }
        let state = person.value(at_ms, clock_hours(profile, at_ms));
        past.push((at_ms, state.filter(|state| !state.asleep).map(|state| state.kss)));
    }
    let forecast = Forecast::usual(profile, &person, now_ms);
    let ahead = forecast.hours.iter().map(|hour| (hour.at_ms, (!hour.asleep).then_some(hour.kss)));
    let clock = |min: u32| format!("{:02}:{:02}", min / 60, min % 60);
    let (start, end) = (clock(profile.sleep_start_min), clock(profile.sleep_end_min));
    Some(Alertness {
        past,
        ahead: ahead.collect(),
        source: format!(
            "Three-process model on the rest bouts; ahead, sleep is assumed from {start} to {end}."
        ),
    })
}

/// How closely sleepiness is followed where it is not told by the analysed hour, ms.
const STEP_MS: i64 = 10 * MINUTE_MS;
/// How far back sleepiness is shown, h.
pub(super) const PAST_H: i64 = 72;
