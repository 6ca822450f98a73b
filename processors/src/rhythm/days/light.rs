//! The day's light, and where it has brought the models of circadian phase.

use alloc::{format, vec::Vec};

use zeitgeber_schemas::{Family, FamilyAnalysed};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
    sums::LightHour,
};
use crate::rhythm::{
    light_day::LightDay,
    local::{self, DAY_MIN},
    phase::{Model, PhaseTracker},
    slots::Slots,
    window::Window,
};

/// How long a reading's light holds where none follows, minutes.
const HELD_MIN: i64 = 5;
/// How far back the models may go on from, minutes; after a longer silence they begin anew.
const RESUME_MIN: i64 = 3 * DAY_MIN;

/// What light says of phase.
#[derive(Debug, Default)]
pub(super) struct Phase {
    pub(super) family: Option<FamilyAnalysed>,
    /// The last minimum of core body temperature, ms UTC.
    pub(super) cbtmin_ms: Option<i64>,
}

impl DayAnalysis<'_> {
    pub(super) fn light(&self) -> Option<FamilyAnalysed> {
        let minutes = held(self.kept.light.as_deref()?, self.day);
        let mut day = LightDay::default();
        for (minute, lux) in &minutes {
            day.feed(60_000 * local::clock_minute(self.profile, *minute), *lux);
        }
        let found = day.value(60.0)?;
        let length = (self.day.end - self.day.start) as f64;
        let coverage = f64::from(found.n) / length;
        let mut draft = self.draft_light(Family::Light, "minutes, each held for up to 5", coverage);
        draft.flag(coverage < 0.8, "less than 80 % of the day was seen");
        draft.put("mean_lux", "lux", found.mean_lux);
        draft.put("log10_mean_plus1", "log10 lux", found.log10_mean_plus1);
        draft.put("dose_lux_h", "lux h", found.dose_lux_h);
        for above in &found.above {
            let of = format!("above{}", above.threshold_lux);
            draft.put(&format!("{of}.tat_min"), "min", above.tat_min);
            draft.put(&format!("{of}.mlit_h"), "h", above.mlit_h);
            draft.put(&format!("{of}.flit_h"), "h", above.flit_h);
            draft.put(&format!("{of}.llit_h"), "h", above.llit_h);
        }
        Some(draft.done())
    }

    /// Goes on from where an earlier day came to, through the day's light.
    pub(super) fn phase(&self) -> Phase {
        let Some(light) = self.kept.light.as_deref() else { return Phase::default() };
        let resumed = self.known.phase(self.day.end - RESUME_MIN).and_then(PhaseTracker::resume);
        let mut tracker = resumed.unwrap_or_default();
        let minutes = held(light, self.day);
        for (minute, lux) in &minutes {
            tracker.feed(*minute, local::offset(self.profile, *minute), *lux);
        }
        if tracker.start_minute().is_none() {
            return Phase::default();
        }
        let coverage = minutes.len() as f64 / (self.day.end - self.day.start) as f64;
        let mut draft =
            self.draft_light(Family::Phase, "Hannay 2019 with Forger 1999 as check", coverage);
        for (pacemaker, model) in tracker.pacemakers().iter().zip(MODELS) {
            draft.put(&format!("{model}.phase_rad"), "rad", pacemaker.phase_rad());
            draft.put(&format!("{model}.amplitude"), "1", pacemaker.amplitude());
        }
        let found = tracker.value();
        draft.flag(found.is_none(), "fewer than 5 days of light in a row: no time of phase");
        let between = |at_h: f64, half_h: f64| Some((at_h, Some([at_h - half_h, at_h + half_h])));
        if let Some(found) = found {
            let half_h = found.half_width_h;
            draft.put_between("cbtmin_clock_h", "h", between(found.cbtmin_clock_h, half_h));
            draft.put_between("dlmo_clock_h", "h", between(found.dlmo_clock_h, half_h));
        }
        draft.put("esri", "1", tracker.esri().values().next_back().and_then(|esri| esri.value));
        draft.carry(tracker.checkpoint());
        let cbtmin_ms = found.map(|found| {
            let of_day = libm::rint(found.cbtmin_clock_h * 60.0) as i64;
            let end = self.day.end + local::offset(self.profile, self.day.end);
            let midnight = end - end.rem_euclid(DAY_MIN);
            local::ms(local::instant(self.profile, midnight - DAY_MIN + of_day))
        });
        Phase { family: Some(draft.done()), cbtmin_ms }
    }

    fn draft_light(&self, family: Family, algorithm: &str, coverage: f64) -> Draft {
        let (signal, window) = ("light", self.day);
        let version = if family == Family::Phase { 2 } else { 1 };
        Draft::new(&Head { family, signal, algorithm, version, window, coverage })
    }
}

/// The models as they are named in values.
const MODELS: [&str; Model::ALL.len()] = ["forger99", "jewett99", "hannay19", "hannay19tp"];

/// The light of a window's minutes: that of a minute without light is the last one's, for as long
/// as that holds.
fn held(light: &Slots<LightHour>, window: Window) -> Vec<(i64, f64)> {
    let known = light
        .range(window.start - 119, window.end)
        .flat_map(|(start, hour)| hour.minutes(start))
        .filter(|(minute, _)| *minute < window.end);
    let mut minutes: Vec<(i64, f64)> = Vec::new();
    let mut last: Option<(i64, f64)> = None;
    let hold = |minutes: &mut Vec<_>, last: Option<(i64, f64)>, until: i64| {
        let Some((from, lux)) = last else { return };
        let held = from.max(window.start)..until.min(from + HELD_MIN).min(window.end);
        minutes.extend(held.map(|minute| (minute, lux)));
    };
    for (minute, lux) in known {
        hold(&mut minutes, last, minute);
        last = Some((minute, lux));
    }
    hold(&mut minutes, last, window.end);
    minutes
}
