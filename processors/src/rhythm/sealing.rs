//! Which analyses exist: ends that the clock has passed, and ends that late data changed.
//!
//! A local hour is sealed 5 minutes after its end. Of a local day the 130 minutes after it take part,
//! when every non-wear flag of the day is final; it is sealed 5 minutes after these. What is sealed is computed from the data alone, cut off at
//! the hour's end or at the day's grace; so it does not matter when the clock got there. Late data
//! leaves a mark at its earliest minute, and the next hour seal goes through every sealed end
//! whose window holds it.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;
use zeitgeber_schemas::{
    Composite, DayAnalysed, ProfileBody, RhythmAnalysed, Span,
    wire::{Wire, to_bytes},
};

use super::{
    ALGORITHM, Analyses, Person,
    alertness::UsualDay,
    cosinor::Tables,
    days::{DayAnalysis, Days, Known},
    local::{self, DAY_MIN},
    series::Features,
    vitality::{self, Inputs},
    window::Window,
};

/// How long after its end an hour is sealed, minutes.
const HOUR_GRACE_MIN: i64 = 5;
/// How long after its end minutes take part in the analysis of a day: Choi non-wear is final by then.
const DAY_GRACE_MIN: i64 = 130;
/// How long after its end a day is sealed, minutes. Were it when the grace is over, the very reading
/// whose arrival tells so would belong to the grace, and the day be analysed again.
const DAY_SEALED_MIN: i64 = DAY_GRACE_MIN + HOUR_GRACE_MIN;
/// Whole local days before the first analysis of a week; a day is analysed from the first on.
const FIRST_DAYS: i64 = 3;
/// Days of a window.
const WINDOW_DAYS: i64 = 7;
/// Values that the rhythm of a window needs. A report, which is read whole, has no such bound.
const WINDOW_VALUES: u32 = DAY_MIN as u32;
/// Hours remembered as analysed: those that data 48 hours old in an hourly epoch can change.
const HOURS_KEPT: usize = 52;
/// Midnights remembered as analysed.
const MIDNIGHTS_KEPT: usize = 5;

/// The last ends that the clock has passed, minutes since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    hour: i64,
    midnight: i64,
}

impl Sealed {
    /// What a clock has sealed.
    pub(crate) fn at(profile: &ProfileBody, clock_ms: i64) -> Self {
        let now = local::minute_of(clock_ms);
        Self {
            hour: local::hour_start(profile, now - HOUR_GRACE_MIN),
            midnight: local::last_midnight(profile, now - DAY_SEALED_MIN),
        }
    }

    /// Whether an analysis that this sealed sees a minute.
    pub(crate) const fn holds(&self, minute: i64) -> bool {
        minute < self.hour || minute < self.midnight + DAY_GRACE_MIN
    }

    /// Whether `later` seals an hour that this did not.
    pub(crate) const fn hour_passes(&self, later: &Self) -> bool {
        later.hour > self.hour
    }

    /// Both, each at its later end: a changed offset must not open an end again.
    pub(crate) fn or_later(self, other: Self) -> Self {
        Self { hour: self.hour.max(other.hour), midnight: self.midnight.max(other.midnight) }
    }
}

/// The last revision of each recently analysed end, in order of their ends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Revisions(VecDeque<Revision>);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Revision {
    end: i64,
    revision: u32,
    content: u64,
}

impl Revisions {
    /// Remembers an analysis of a window.
    pub(crate) fn record(&mut self, event: &RhythmAnalysed) {
        let mut plain = event.clone();
        plain.revision = 0;
        let kept = if event.span == Span::Hour { HOURS_KEPT } else { MIDNIGHTS_KEPT };
        self.remember(event.window_end_ms, event.revision, content(&plain), kept);
    }

    /// Remembers an analysis of a day.
    pub(crate) fn record_day(&mut self, event: &DayAnalysed) {
        let mut plain = event.clone();
        plain.revision = 0;
        self.remember(event.day_end_ms, event.revision, content(&plain), MIDNIGHTS_KEPT);
    }

    fn remember(&mut self, end_ms: i64, revision: u32, content: u64, kept: usize) {
        let end = local::minute_of(end_ms);
        let new = Revision { end, revision, content };
        let at = self.0.partition_point(|known| known.end < end);
        match self.0.get_mut(at).filter(|known| known.end == end) {
            Some(known) => *known = new,
            None => self.0.insert(at, new),
        }
        while self.0.len() > kept {
            self.0.pop_front();
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Revision>()
    }

    /// The number that a content of an end gets; none where it says nothing new.
    fn next(&self, end: i64, content: u64) -> Option<u32> {
        match self.0.iter().find(|known| known.end == end) {
            None => Some(0),
            Some(known) if known.content == content => None,
            Some(known) => Some(known.revision + 1),
        }
    }
}

fn content(event: &impl Wire) -> u64 {
    xxh3_64(&to_bytes(event))
}

/// When the clock next seals an hour or a day that holds data, ms UTC.
pub(crate) fn due_ms(person: &Person, profile: &ProfileBody) -> Option<i64> {
    let (sealed, first, newest) = (person.sealed?, person.first_minute?, *person.present.back()?);
    let at = person.present.partition_point(|start| start + 60 <= sealed.hour);
    let hour = person.present.get(at).map(|start| start + 60 + HOUR_GRACE_MIN);
    let first_day = local::day(profile, first - 1) + 1;
    let from = (local::day(profile, sealed.midnight) + 1).max(first_day + 1);
    let until = local::day(profile, newest + (WINDOW_DAYS + 1) * DAY_MIN);
    let holds_data = |day: &i64| {
        let end = local::midnight(profile, *day);
        let start = local::midnight(profile, first_day.max(day - WINDOW_DAYS));
        let at = person.present.partition_point(|hour| *hour < start);
        end <= newest + (WINDOW_DAYS + 1) * DAY_MIN
            && person.present.get(at).is_some_and(|hour| *hour < end)
    };
    let midnight =
        (from..=until).find(holds_data).map(|day| local::midnight(profile, day) + DAY_SEALED_MIN);
    let due = hour.into_iter().chain(midnight).min()?;
    Some(local::ms(due))
}

/// A pass over a person's ends.
pub(crate) struct Pass<'a> {
    tables: &'a Tables,
    person: &'a Person,
    profile: &'a ProfileBody,
    usual: UsualDay,
    first_minute: i64,
    newest_hour: i64,
    /// The days as the analyses of this pass leave them; none: as they were.
    days: Option<Days>,
}

impl<'a> Pass<'a> {
    /// None where the person has no data yet.
    pub(crate) fn new(
        tables: &'a Tables,
        person: &'a Person,
        profile: &'a ProfileBody,
    ) -> Option<Self> {
        Some(Self {
            tables,
            person,
            profile,
            usual: UsualDay::new(profile),
            first_minute: person.first_minute?,
            newest_hour: *person.present.back()?,
            days: None,
        })
    }

    /// Revises what late data changed, then analyses what was sealed since: days before hours, which
    /// look at the days sealed before their end.
    pub(crate) fn seal(mut self, before: Sealed, now: Sealed, out: &mut Analyses) {
        let dirty = self.person.dirty.filter(|_| before.hour_passes(&now));
        if let Some(dirty) = dirty {
            self.midnights(dirty - DAY_GRACE_MIN, before.midnight, out);
        }
        self.midnights(before.midnight, now.midnight, out);
        if let Some(dirty) = dirty {
            self.hours(dirty, before.hour, out);
        }
        self.hours(before.hour, now.hour, out);
    }

    /// The days that ended before a minute.
    fn known(&self, minute: i64) -> Known<'_> {
        self.days.as_ref().unwrap_or(&self.person.days).before(minute)
    }

    /// Analyses the hours that hold data and end in `(after, until]`.
    fn hours(&self, after: i64, until: i64, out: &mut Analyses) {
        let present = &self.person.present;
        let low = present.partition_point(|start| start + 60 <= after);
        let high = present.partition_point(|start| start + 60 <= until).max(low);
        for end in present.range(low..high).map(|start| start + 60) {
            let start = (end - WINDOW_DAYS * DAY_MIN).max(self.first_minute);
            self.analyse(Span::Hour, Window { start, end }, end, out);
        }
    }

    /// Analyses the midnights in `(after, until]` whose window holds data.
    fn midnights(&mut self, after: i64, until: i64, out: &mut Analyses) {
        let first_day = local::day(self.profile, self.first_minute - 1) + 1;
        let last = until.min(self.newest_hour + (WINDOW_DAYS + 1) * DAY_MIN);
        let from = (local::day(self.profile, after)).max(first_day + 1);
        for day in from..=local::day(self.profile, last) {
            let end = local::midnight(self.profile, day);
            let start = local::midnight(self.profile, first_day.max(day - WINDOW_DAYS));
            let present = &self.person.present;
            let at = present.partition_point(|hour| *hour < start);
            let holds_data = present.get(at).is_some_and(|hour| *hour < end);
            if end > after && end <= until && holds_data {
                let of_day = Window { start: local::midnight(self.profile, day - 1), end };
                self.day(of_day, Window { start, end }, out);
                if day >= first_day + FIRST_DAYS {
                    self.analyse(Span::Midnight, Window { start, end }, end + DAY_GRACE_MIN, out);
                }
            }
        }
    }

    /// Analyses a day, and lets later analyses of this pass see it.
    fn day(&mut self, day: Window, week: Window, out: &mut Analyses) {
        let person = self.person;
        let analysis = DayAnalysis {
            tables: self.tables,
            profile: self.profile,
            series: &person.series,
            kept: &person.kept,
            known: self.known(day.end),
            day,
            week,
            horizon: day.end + DAY_GRACE_MIN,
        };
        let mut event = analysis.event();
        if let Some(revision) = person.day_revisions.next(day.end, content(&event)) {
            event.revision = revision;
            self.days.get_or_insert_with(|| person.days.clone()).record(&event);
            out.days.push(event);
        }
    }

    fn analyse(&self, span: Span, window: Window, horizon: i64, out: &mut Analyses) {
        let mut features = self.person.series.features(window, horizon, self.profile, self.tables);
        features.all_minutes.take_if(|minutes| minutes.valid_minutes < WINDOW_VALUES);
        features.wear_minutes.take_if(|minutes| minutes.valid_minutes < WINDOW_VALUES);
        let mut event = self.event(span, window, features);
        let revisions = self.person.revisions(span);
        if let Some(revision) = revisions.next(window.end, content(&event)) {
            event.revision = revision;
            out.windows.push(event);
        }
    }

    fn event(&self, span: Span, window: Window, features: Features) -> RhythmAnalysed {
        let clock_h = local::clock_minute(self.profile, window.end) as f64 / 60.0;
        let kss = self.usual.kss(clock_h);
        let kss_forecast: Vec<f64> = self.usual.forecast(clock_h).collect();
        let sealed_days = match span {
            Span::Hour => self.known(window.end - DAY_GRACE_MIN + 1),
            Span::Midnight => self.known(window.end + 1),
        };
        let composite = composite(&features, window, sealed_days, kss, &kss_forecast);
        RhythmAnalysed {
            span,
            window_start_ms: local::ms(window.start),
            window_end_ms: local::ms(window.end),
            offset_min: self.profile.offset_at(local::ms(window.end)),
            revision: 0,
            algorithm: ALGORITHM,
            signal: features.signal,
            all_minutes: features.all_minutes,
            wear_minutes: features.wear_minutes,
            nonwear_minutes: features.nonwear_minutes,
            hourly: features.hourly,
            heart: features.heart,
            light: features.light,
            coverage: features.coverage,
            recent_activity: features.recent_activity,
            recent_light: features.recent_light,
            kss,
            kss_forecast,
            composite,
        }
    }
}

/// Vitality from what the live stage knows. Sleepiness repeats from day to day here, so the last
/// 23 hours, which energy's hysteresis runs through, are the next 23: no earlier analysis is
/// needed, and arrival order cannot matter.
fn composite(
    features: &Features,
    window: Window,
    days: Known<'_>,
    kss: f64,
    forecast: &[f64],
) -> Composite {
    let days = days.summary();
    let (minutes, hourly) = (features.wear_minutes.as_ref(), features.hourly.as_ref());
    let light = features.light.as_ref();
    let inputs = Inputs {
        kss: Some(kss),
        is: minutes.map_or_else(|| hourly.and_then(|hours| hours.is), |minutes| minutes.is),
        ra: minutes.and_then(|minutes| minutes.ra),
        rhythm_days: ((window.end - window.start) / DAY_MIN) as u32,
        light: [
            light.and_then(|light| light.day_frac_ge250),
            light.and_then(|light| light.evening_frac_le10),
            light.and_then(|light| light.night_frac_le1),
        ],
        coverage: features.coverage,
        sri: days.sri,
        sleep_h: &days.sleep_h,
        heart: days.heart,
        low_heart_days: days.low_heart_days,
        resting_rise_bpm: days.resting_rise_bpm,
        ..Inputs::default()
    };
    let past = &forecast[..forecast.len().saturating_sub(1)];
    let before = past.iter().fold(None, |before, kss| Some(vitality::energy(*kss, before)));
    vitality::composite(&inputs, before)
}
