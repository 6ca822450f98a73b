//! The rhythm stage: what a person's readings say about their body clock.
//!
//! A reading is kept by the minute or added to its hour; whenever it moves the person's clock past
//! the end of a local hour or day, the 7 days before that end are analysed anew from those sums
//! ([`RhythmAnalysed`]). State is bounded: 10 days of hours and the revisions of two days. The last
//! revision of an analysis has the same bits for every order in which the readings arrive, as long
//! as each takes part (not older than 48 hours by the person's clock) and none contradicts another.

pub mod acceleration;
pub mod alertness;
pub mod cycles;
mod days;
pub mod feature;
pub mod hrv;
pub mod light_day;
pub mod minutes;
pub mod noise;
pub mod nonwear;
pub mod phase;
pub mod report;
pub mod sleep;
pub mod timing;
pub mod vitality;

mod cosinor;
mod heart;
mod light;
mod local;
mod movement;
mod nonparametric;
mod sealing;
mod series;
mod slots;
mod window;

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{
    DayAnalysed, Envelope, ProfileBody, ReadingAccepted, ReadingBody, RhythmAnalysed, Span,
};

pub use cosinor::{Component, Estimate, Fit, Tables};
pub use light::value as light_value;
pub use nonparametric::Extremes;
pub use slots::{Retention, Source};

use self::{
    days::{DaySeries, Days},
    sealing::{Pass, Revisions, Sealed},
    series::Series,
    slots::RETAINED_HOURS,
};

/// Version of the algorithms, written in every analysis.
pub const ALGORITHM: u32 = 2;

/// How long by the person's clock a reading takes part, ms.
pub const TAKES_PART_MS: i64 = 48 * 3_600_000;

/// A reading that validation accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// Whose it is, and when.
    pub envelope: Envelope<'a>,
    /// What was measured.
    pub body: ReadingBody<'a>,
    /// What validation left out of it.
    pub accepted: &'a ReadingAccepted,
}

/// What the stage keeps of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    clock_ms: Option<i64>,
    /// First minute that any reading covered.
    first_minute: Option<i64>,
    /// Local hours with a reading of any kind, by their first minute.
    present: VecDeque<i64>,
    sealed: Option<Sealed>,
    /// Start of the earliest local hour that changed after a part of it was sealed. What is kept by
    /// the hour reaches beyond an end that lies within an hour, as where an offset changes by half of one.
    dirty: Option<i64>,
    /// When the clock next seals something that holds data, ms UTC.
    due_ms: Option<i64>,
    hours: Revisions,
    midnights: Revisions,
    day_revisions: Revisions,
    series: Series,
    kept: DaySeries,
    days: Days,
}

/// What the clock's moving on brought about, each in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analyses {
    /// Of hours, and of the weeks that end at midnight.
    pub windows: Vec<RhythmAnalysed>,
    /// Of days.
    pub days: Vec<DayAnalysed>,
}

impl Analyses {
    /// Whether nothing was analysed.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.days.is_empty()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.windows.clear();
        self.days.clear();
    }
}

impl Person {
    /// Somebody of whom nothing is known.
    pub fn initial() -> Self {
        Self {
            clock_ms: None,
            first_minute: None,
            present: VecDeque::new(),
            sealed: None,
            dirty: None,
            due_ms: None,
            hours: Revisions::default(),
            midnights: Revisions::default(),
            day_revisions: Revisions::default(),
            series: Series::new(Retention::Live),
            kept: DaySeries::default(),
            days: Days::default(),
        }
    }

    /// The person's clock: the greatest arrival time of an accepted reading, ms UTC; none before
    /// the first.
    pub const fn clock_ms(&self) -> Option<i64> {
        self.clock_ms
    }

    /// When the clock next seals something that holds data, ms UTC: a tick before then would cause
    /// nothing.
    pub const fn due_ms(&self) -> Option<i64> {
        self.due_ms
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.series.heap_bytes()
            + self.present.capacity() * size_of::<i64>()
            + self.hours.heap_bytes()
            + self.midnights.heap_bytes()
            + self.day_revisions.heap_bytes()
            + self.kept.heap_bytes()
            + self.days.heap_bytes()
    }

    fn clock_after(&self, input: &Accepted<'_>) -> i64 {
        let received = input.envelope.received();
        self.clock_ms.map_or(received, |clock| clock.max(received))
    }

    const fn revisions(&self, span: Span) -> &Revisions {
        match span {
            Span::Hour => &self.hours,
            Span::Midnight => &self.midnights,
        }
    }

    /// Moves the clock on, and tells whether that sealed anything.
    fn advance(&mut self, profile: &ProfileBody, clock_ms: i64) -> bool {
        let mut sealed = Sealed::at(profile, clock_ms);
        if let Some(before) = self.sealed {
            sealed = before.or_later(sealed);
            if before.hour_passes(&sealed) {
                self.dirty = None;
            }
        }
        let moved = self.sealed != Some(sealed);
        self.clock_ms = Some(clock_ms);
        self.sealed = Some(sealed);
        moved
    }

    /// Notes that an hour holds data, and tells whether that is new.
    fn mark_present(&mut self, hour: i64) -> bool {
        if self.present.back() == Some(&hour) {
            return false;
        }
        let at = self.present.partition_point(|known| *known < hour);
        if self.present.get(at) == Some(&hour) {
            return false;
        }
        self.present.insert(at, hour);
        while self.present.len() > RETAINED_HOURS as usize {
            self.present.pop_front();
        }
        true
    }
}

/// Analyses what a reading's arrival seals, from the state before it: days before hours, of each the
/// revisions first. Most readings seal nothing.
pub fn decide(
    tables: &Tables,
    person: &Person,
    profile: &ProfileBody,
    input: &Accepted<'_>,
    out: &mut Analyses,
) {
    decide_tick(tables, person, profile, person.clock_after(input), out);
}

/// Analyses what the person's clock seals when it reaches `clock_ms`, in the order of [`decide`].
pub fn decide_tick(
    tables: &Tables,
    person: &Person,
    profile: &ProfileBody,
    clock_ms: i64,
    out: &mut Analyses,
) {
    let Some(before) = person.sealed else { return };
    let now = before.or_later(Sealed::at(profile, clock_ms));
    if now == before {
        return;
    }
    if let Some(pass) = Pass::new(tables, person, profile) {
        pass.seal(before, now, out);
    }
}

/// Moves the person's clock and takes the reading in.
///
/// It commutes with [`apply_analysed`] for the analyses that the same reading caused.
pub fn apply_reading(person: &mut Person, profile: &ProfileBody, input: &Accepted<'_>) {
    let clock_ms = person.clock_after(input);
    let mut changed = person.advance(profile, clock_ms);
    if input.envelope.ts < clock_ms.saturating_sub(TAKES_PART_MS) {
        if changed {
            person.due_ms = sealing::due_ms(person, profile);
        }
        return;
    }
    let (first, last) = series::covered(input);
    person.series.add(profile, input);
    person.kept.add(profile, input);
    changed |= person.mark_present(local::hour_start(profile, first));
    changed |= person.mark_present(local::hour_start(profile, last));
    person.first_minute = Some(person.first_minute.map_or(first, |known| known.min(first)));
    if person.sealed.is_some_and(|sealed| sealed.holds(first)) {
        let hour = local::hour_start(profile, first);
        person.dirty = Some(person.dirty.map_or(hour, |known| known.min(hour)));
    }
    if changed {
        person.due_ms = sealing::due_ms(person, profile);
    }
}

/// Moves the person's clock on without a reading. One that would go back stays.
pub fn apply_tick(person: &mut Person, profile: &ProfileBody, at_ms: i64) {
    let clock_ms = person.clock_ms.map_or(at_ms, |clock| clock.max(at_ms));
    if person.advance(profile, clock_ms) {
        person.due_ms = sealing::due_ms(person, profile);
    }
}

/// Remembers the revision of an analysis.
pub fn apply_analysed(person: &mut Person, event: &RhythmAnalysed) {
    match event.span {
        Span::Hour => person.hours.record(event),
        Span::Midnight => person.midnights.record(event),
    }
}

/// Remembers the revision of a day's analysis, and what the next day goes on from.
pub fn apply_day(person: &mut Person, event: &DayAnalysed) {
    person.day_revisions.record_day(event);
    person.days.record(event);
}
