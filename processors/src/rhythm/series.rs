//! Everything measured of a person that analyses are made of, and the analysis of a window of it.
//!
//! The live stage and the report both go through here, so that they cannot disagree.

use alloc::{boxed::Box, vec, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{
    HeartSummary, HourlyRhythm, Imu, LightSummary, MinuteRhythm, ProfileBody, Signal, Values,
};

use super::{
    Accepted,
    cosinor::{Moments, Tables},
    heart::Beats,
    light::{self, Light},
    local,
    minutes::Minutes,
    movement::{self, HourValues, MINUTE_SIGNALS},
    nonparametric::{extremes, hour_means, minute_variability, variability},
    nonwear,
    slots::{Retention, Slots, Source},
    window::{Hour, Totals, Window},
};

/// Least time from first to last value for a rhythm, minutes.
pub(crate) const RHYTHM_MIN: i64 = 2 * local::DAY_MIN;

/// Data before a window that can decide which of its minutes are worn. Whatever zero run is
/// longer than this is non-wear without its beginning.
const CONTEXT_MIN: i64 = 12 * 60;

/// The series of a person; each is opened by its first value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    retention: Retention,
    minutes: [Option<Box<Minutes>>; MINUTE_SIGNALS.len()],
    hourly: [Option<Box<Slots<HourValues>>>; Signal::ALL.len()],
    heart: Option<Box<Slots<Beats>>>,
    light: Option<Box<Slots<Light>>>,
}

/// What a window holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Features {
    pub(crate) signal: Option<Signal>,
    pub(crate) all_minutes: Option<MinuteRhythm>,
    pub(crate) wear_minutes: Option<MinuteRhythm>,
    pub(crate) nonwear_minutes: u32,
    pub(crate) hourly: Option<HourlyRhythm>,
    pub(crate) heart: Option<HeartSummary>,
    pub(crate) light: Option<LightSummary>,
    pub(crate) coverage: f64,
    pub(crate) recent_activity: Option<f64>,
    pub(crate) recent_light: Option<f64>,
}

/// A minute series of a window.
#[derive(Debug)]
pub(crate) struct Worn<'a> {
    pub(crate) minutes: &'a Minutes,
    pub(crate) signal: Signal,
    /// Minutes from the first value to the last.
    pub(crate) span: i64,
    pub(crate) all: Totals,
    /// Those not within `periods`.
    pub(crate) worn: Totals,
    /// Non-wear, `(start, end)` in minutes since 1970.
    pub(crate) periods: Vec<(i64, i64)>,
}

/// The minutes that a reading covers, the last one included.
pub(crate) fn covered(input: &Accepted<'_>) -> (i64, i64) {
    let ts = input.envelope.ts;
    let last = local::minute_of(ts.saturating_sub(1));
    match &input.body.values {
        Values::Environment(_) => (local::minute_of(ts), local::minute_of(ts)),
        Values::Hrv(_) => (last, last),
        Values::Imu(imu) if imu.epoch_s.is_none() && !imu.acc_g.is_empty() => (last, last),
        Values::Imu(imu) => {
            let epoch_ms = 1000 * movement::epoch_s(imu).unwrap_or(0);
            let first = local::minute_of(ts.saturating_sub(epoch_ms));
            (first.min(last), last)
        }
    }
}

impl Series {
    pub(crate) const fn new(retention: Retention) -> Self {
        Self {
            retention,
            minutes: [const { None }; MINUTE_SIGNALS.len()],
            hourly: [const { None }; Signal::ALL.len()],
            heart: None,
            light: None,
        }
    }

    /// Takes in a reading.
    pub(crate) fn add(&mut self, profile: &ProfileBody, input: &Accepted<'_>) {
        let source = Source::of(profile, input.body.device_id);
        let (first, last) = covered(input);
        match &input.body.values {
            Values::Imu(imu) => self.add_movement(profile, input, imu, source),
            Values::Hrv(rr_ms) => {
                open(&mut self.heart, self.retention).add(
                    profile,
                    last,
                    source,
                    &Beats::of(*rr_ms),
                );
            }
            Values::Environment(surroundings) => {
                if let Some(lux) = light::value(surroundings, input.accepted.dropped_fields) {
                    let new = Light::of(lux, first, profile);
                    open(&mut self.light, self.retention).add(profile, first, source, &new);
                }
            }
        }
    }

    fn add_movement(
        &mut self,
        profile: &ProfileBody,
        input: &Accepted<'_>,
        imu: &Imu<'_>,
        source: Source,
    ) {
        let Some(epoch_s) = movement::epoch_s(imu) else {
            return;
        };
        let start_ms = input.envelope.ts.saturating_sub(1000 * epoch_s);
        if epoch_s == 3600 {
            for (slots, signal) in self.hourly.iter_mut().zip(Signal::ALL) {
                if let Some(value) = movement::signal_value(imu, *signal) {
                    let (minute, new) = (local::minute_of(start_ms), HourValues::of(value));
                    open(slots, self.retention).add(profile, minute, source, &new);
                }
            }
            return;
        }
        let retention = self.retention;
        for (minutes, (signal, combine)) in self.minutes.iter_mut().zip(MINUTE_SIGNALS) {
            if let Some(value) = movement::signal_value(imu, signal) {
                let minutes = minutes.get_or_insert_with(|| Box::new(Minutes::new(retention)));
                let device = input.body.device_id;
                minutes.insert(start_ms, epoch_s, value, combine, source, device);
            }
        }
    }

    /// Analyses a window; `horizon` is where the recording counts as ended for non-wear.
    pub(crate) fn features(
        &self,
        window: Window,
        horizon: i64,
        profile: &ProfileBody,
        tables: &Tables,
    ) -> Features {
        let mut features = Features::default();
        self.add_hourly(window, profile, tables, &mut features);
        self.add_minutes(window, horizon, profile, tables, &mut features);
        let from = window.start - 59;
        features.heart =
            self.heart.as_ref().and_then(|heart| heart.total(from, window.end).summary());
        if let Some(light) = &self.light {
            features.light = light.total(from, window.end).summary();
            features.recent_light = light.total(window.end - 60, window.end).mean_log();
        }
        features
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let minutes = self.minutes.iter().flatten();
        let hourly = self.hourly.iter().flatten();
        minutes.map(|m| size_of::<Minutes>() + m.heap_bytes()).sum::<usize>()
            + hourly.map(|h| size_of::<Slots<HourValues>>() + h.heap_bytes()).sum::<usize>()
            + self.heart.as_ref().map_or(0, |h| size_of::<Slots<Beats>>() + h.heap_bytes())
            + self.light.as_ref().map_or(0, |l| size_of::<Slots<Light>>() + l.heap_bytes())
    }

    fn add_minutes(
        &self,
        window: Window,
        horizon: i64,
        profile: &ProfileBody,
        tables: &Tables,
        features: &mut Features,
    ) {
        let Some(found) = self.worn(window, horizon, profile) else { return };
        let worn = found.worn.count;
        features.signal = Some(found.signal);
        features.nonwear_minutes = found.all.count - worn;
        features.coverage = f64::from(worn) / (window.end - window.start) as f64;
        features.recent_activity = recent(found.minutes, window.end);
        if found.span >= RHYTHM_MIN {
            let all = minute_rhythm(&found.all, tables);
            let same = found.periods.is_empty();
            features.wear_minutes =
                Some(if same { all.clone() } else { minute_rhythm(&found.worn, tables) });
            features.all_minutes = Some(all);
        }
    }

    /// The preferred minute series of a window, all of it and as it was worn.
    pub(crate) fn worn(
        &self,
        window: Window,
        horizon: i64,
        profile: &ProfileBody,
    ) -> Option<Worn<'_>> {
        let (minutes, signal, (first, last)) = self.minutes_in(window)?;
        let all = Totals::new(minutes, window, profile);
        let periods = if signal == Signal::ActivityCounts {
            clipped(nonwear::periods(minutes, window.start - CONTEXT_MIN, horizon), window)
        } else {
            Vec::new()
        };
        let worn = all.without(&periods, minutes, profile);
        Some(Worn { minutes, signal, span: last - first + 1, all, worn, periods })
    }

    /// Heart beats by the hour.
    pub(crate) fn heart(&self) -> Option<&Slots<Beats>> {
        self.heart.as_deref()
    }

    /// Light by the hour.
    pub(crate) fn light(&self) -> Option<&Slots<Light>> {
        self.light.as_deref()
    }

    /// The preferred minute series of a window, with its first and last minute there.
    pub(crate) fn minutes_in(&self, window: Window) -> Option<(&Minutes, Signal, (i64, i64))> {
        self.minutes.iter().zip(MINUTE_SIGNALS).find_map(|(minutes, (signal, _))| {
            let minutes = minutes.as_deref()?;
            Some((minutes, signal, minutes.extent(window.start, window.end)?))
        })
    }

    /// The minute series of a signal.
    pub(crate) fn minutes_of(&self, signal: Signal) -> Option<&Minutes> {
        let of_signal = |(_, (known, _)): &(_, (Signal, _))| *known == signal;
        self.minutes.iter().zip(MINUTE_SIGNALS).find(of_signal)?.0.as_deref()
    }

    fn add_hourly(
        &self,
        window: Window,
        profile: &ProfileBody,
        tables: &Tables,
        features: &mut Features,
    ) {
        let Some((slots, signal, first)) = self.hourly_in(window) else {
            return;
        };
        let (hours, last) = hours(slots, first, window.end, profile, HourValues::get);
        let means = hour_means(&hours, 1);
        let variability = variability(&means);
        let span = (window.end - window.start) as f64;
        features.signal = Some(signal);
        features.coverage = (f64::from(variability.n_hours) * 60.0 / span).min(1.0);
        features.recent_activity = means.last().and_then(|hour| hour.0);
        if last - first + 60 >= RHYTHM_MIN {
            let fit = Moments::<2>::of_hours(&hours, tables).and_then(|moments| moments.one());
            features.hourly = Some(HourlyRhythm {
                n_hours: variability.n_hours,
                is: variability.is,
                iv: variability.iv,
                mesor: fit.map(|fit| fit.mesor),
                amplitude: fit.map(|fit| fit.amplitude),
                acrophase_rad: fit.map(|fit| fit.acrophase_rad),
            });
        }
    }

    /// The preferred hourly series of a window, with the start of its first hour there.
    pub(crate) fn hourly_in(&self, window: Window) -> Option<(&Slots<HourValues>, Signal, i64)> {
        self.hourly.iter().zip(Signal::ALL).find_map(|(slots, signal)| {
            let slots = slots.as_deref()?;
            let first = slots.range(window.start - 59, window.end).next()?.0;
            Some((slots, *signal, first))
        })
    }
}

/// The hours from the one that starts at `first` to `end`, each with the sum on the signal grid and
/// the number that `of` makes of its slot, and the start of the last with a value.
pub(crate) fn hours<T: super::slots::Sums>(
    slots: &Slots<T>,
    first: i64,
    end: i64,
    profile: &ProfileBody,
    of: impl Fn(&T) -> (i64, u32),
) -> (Vec<Hour>, i64) {
    let before_end = |start: i64| (end - start + 59).div_euclid(60);
    let n_hours = before_end(first);
    let mut hours = vec![Hour { sum: 0, count: 0, of_day: 0 }; n_hours as usize];
    let mut last = first;
    for (start, values) in slots.range(first, end) {
        let of_day = (local::clock_minute(profile, start) / 60) as u8;
        let (sum, count) = of(values);
        hours[(n_hours - before_end(start)) as usize] = Hour { sum, count, of_day };
        last = start;
    }
    (hours, last)
}

fn open<T: super::slots::Sums>(
    slots: &mut Option<Box<Slots<T>>>,
    retention: Retention,
) -> &mut Slots<T> {
    slots.get_or_insert_with(|| Box::new(Slots::new(retention)))
}

fn clipped(mut periods: Vec<(i64, i64)>, window: Window) -> Vec<(i64, i64)> {
    for period in &mut periods {
        *period = (period.0.max(window.start), period.1.min(window.end));
    }
    periods.retain(|(from, until)| from < until);
    periods
}

fn recent(minutes: &Minutes, end: i64) -> Option<f64> {
    let (mut sum, mut count) = (0, 0);
    for (block, mask) in minutes.range(end - 60, end) {
        sum += block.sum_of(mask);
        count += mask.count_ones();
    }
    (count > 0).then(|| crate::exact::signal_value(sum) / f64::from(count))
}

fn minute_rhythm(totals: &Totals, tables: &Tables) -> MinuteRhythm {
    let variability = minute_variability(totals);
    let extremes = extremes(totals);
    let moments = Moments::<2>::of_minutes(totals, tables);
    let one = moments.and_then(|moments| moments.one());
    let two = moments.and_then(|moments| moments.two(tables));
    MinuteRhythm {
        valid_minutes: totals.count,
        n_hours: variability.n_hours,
        is: variability.is,
        iv: variability.iv,
        l5: extremes.map(|found| found.l5),
        l5_onset_min: extremes.map(|found| found.l5_onset_min),
        m10: extremes.map(|found| found.m10),
        m10_onset_min: extremes.map(|found| found.m10_onset_min),
        ra: extremes.and_then(|found| found.ra),
        mesor: one.map(|fit| fit.mesor),
        amplitude: one.map(|fit| fit.amplitude),
        acrophase_rad: one.map(|fit| fit.acrophase_rad),
        peak_h: one.map(|fit| fit.peak_h),
        r2: one.map(|fit| fit.r2),
        r2_two: two.map(|fit| fit.r2),
        orthophase_h: two.map(|fit| fit.orthophase_h),
    }
}
