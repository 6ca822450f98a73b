//! Alertness at the end of the day from the sleep that the person had, and what follows for the next
//! 24 hours.

use alloc::{format, vec::Vec};

use zeitgeber_schemas::{Family, FamilyAnalysed};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
};
use crate::rhythm::{
    alertness::{
        Forecast, Interval, Occasion, Plan, RISES_AFTER_H, ThreeProcess, TwoProcess, clock_hours,
        daily, process_c,
    },
    local,
    timing::Night,
    window::Window,
};

/// Days of sleep that the model is run through.
const DAYS: i64 = 7;

impl DayAnalysis<'_> {
    pub(super) fn alertness(
        &self,
        night: Option<Night>,
        cbtmin_ms: Option<i64>,
    ) -> Option<FamilyAnalysed> {
        let now_ms = local::ms(self.day.end);
        let nights: Vec<Night> = self.known.nights().chain(night).collect();
        let (sleeps, seen) = self.sleeps(&nights);
        let first = sleeps.first()?;
        if seen == 0 {
            return None;
        }
        let mut person = ThreeProcess::usual(self.profile, first.from_ms);
        let mut pressure = TwoProcess::usual(self.profile, first.from_ms);
        for sleep in &sleeps {
            for (at_ms, asleep) in [(sleep.from_ms, true), (sleep.until_ms, false)] {
                person.feed(at_ms, asleep);
                pressure.feed(at_ms, asleep);
            }
        }
        let state = person.value(now_ms, clock_hours(self.profile, now_ms))?;
        let start = local::minute_of(first.from_ms);
        let mut draft = Draft::new(&Head {
            family: Family::Alertness,
            signal: "nights",
            algorithm: "three processes, and two, from the nights that were seen",
            version: 2,
            window: Window { start, end: self.day.end },
            coverage: seen as f64 / sleeps.len() as f64,
        });
        draft.flag(seen < sleeps.len(), "usual sleep stands for nights that were not seen");
        draft.put("s", "1", state.s);
        draft.put("c", "1", state.c);
        draft.put("u", "1", state.u);
        draft.put("w", "1", state.w);
        draft.put("kss", "KSS", state.kss.clamp(1.0, 9.0));
        draft.put("two_process.h", "1", pressure.value(now_ms));
        let skewed = cbtmin_ms.map(|cbtmin_ms| {
            let rises_h = clock_hours(self.profile, cbtmin_ms) + RISES_AFTER_H;
            process_c(clock_hours(self.profile, now_ms), rises_h)
        });
        draft.put("two_process.process_c", "1", skewed);
        self.put_forecast(&mut draft, &person, now_ms, cbtmin_ms);
        Some(draft.done())
    }

    fn put_forecast(
        &self,
        draft: &mut Draft,
        person: &ThreeProcess,
        now_ms: i64,
        cbtmin_ms: Option<i64>,
    ) {
        let profile = self.profile;
        let forecast = Forecast::usual(profile, person, now_ms);
        for (hour, predicted) in forecast.hours.iter().enumerate() {
            draft.put(&format!("in{}h.kss", hour + 1), "KSS", predicted.kss);
        }
        let sleeps = daily(profile, profile.sleep_start_min, profile.sleep_end_min, now_ms);
        let quiet = profile.quiet_start_min.zip(profile.quiet_end_min);
        let quiet = quiet.map(|(start, end)| daily(profile, start, end, now_ms));
        let plan = Plan {
            sleeps: &sleeps,
            quiet: quiet.as_deref().unwrap_or_default(),
            temperature_minimum_ms: cbtmin_ms,
            ..Plan::default()
        };
        if let Some(time) = forecast.next_intervention(&plan) {
            let why = match time.occasion {
                Occasion::Sleepiness => "sleepiness",
                Occasion::Light => "light",
                Occasion::WindDown => "wind_down",
            };
            draft.put(&format!("{why}.next_intervention"), "ms UTC", time.at_ms as f64);
        }
    }

    /// The sleeps of the last days, in order and apart: the night that was seen to end in each, else
    /// the usual one; and how many were seen.
    fn sleeps(&self, nights: &[Night]) -> (Vec<Interval>, usize) {
        let profile = self.profile;
        let (mut sleeps, mut seen): (Vec<Interval>, usize) = (Vec::new(), 0);
        let last = local::day(profile, self.day.end - 1);
        let began = local::day(profile, self.week.start);
        for day in (last - DAYS + 1).max(began)..=last {
            let from_ms = local::ms(local::midnight(profile, day));
            let until_ms = local::ms(local::midnight(profile, day + 1));
            let ends_today = |end_ms: i64| from_ms < end_ms && end_ms <= until_ms;
            let night = nights.iter().rev().find(|night| ends_today(night.wake_ms));
            let usual = || {
                let (start, end) = (profile.sleep_start_min, profile.sleep_end_min);
                let spans = daily(profile, start, end, from_ms);
                spans.into_iter().find(|span| ends_today(span.until_ms))
            };
            seen += usize::from(night.is_some());
            let sleep = night
                .map(|night| Interval { from_ms: night.onset_ms, until_ms: night.wake_ms })
                .or_else(usual);
            let after = |sleep: &Interval| {
                sleeps.last().is_none_or(|before| before.until_ms <= sleep.from_ms)
            };
            if let Some(sleep) = sleep.filter(after) {
                sleeps.push(sleep);
            }
        }
        (sleeps, seen)
    }
}
