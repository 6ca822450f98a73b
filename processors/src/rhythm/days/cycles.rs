//! Rest and activity over the week, and the daily rhythm of whatever else is measured.

use alloc::{format, vec::Vec};

use zeitgeber_schemas::{Family, FamilyAnalysed, Signal};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
};
use crate::rhythm::{
    Fit,
    cycles::Rhythm,
    heart::Beats,
    light::Light,
    local,
    movement::HourValues,
    series::{RHYTHM_MIN, hours},
    slots::{Slots, Sums},
};

/// Days that interdaily stability should stand on.
const STABLE_DAYS: f64 = 5.0;

impl DayAnalysis<'_> {
    pub(super) fn cycles(&self) -> Vec<FamilyAnalysed> {
        let series = self.series;
        let rate = self.hourly("heart_rate", "1/min", series.heart(), Beats::rate);
        let light = self.hourly("light", "log10 lux", series.light(), Light::log);
        let temperature = self.kept.temperature.as_deref();
        let temperature = self.hourly("temperature", "degC", temperature, HourValues::get);
        self.movement().into_iter().chain(rate).chain(light).chain(temperature).collect()
    }

    /// Of worn minutes.
    fn movement(&self) -> Option<FamilyAnalysed> {
        let found = self.series.worn(self.week, self.horizon, self.profile)?;
        if found.span < RHYTHM_MIN || found.worn.count < local::DAY_MIN as u32 {
            return None;
        }
        let length = (self.week.end - self.week.start) as f64;
        let (all, worn) = (f64::from(found.all.count), f64::from(found.worn.count));
        let mut draft =
            self.weekly(found.signal.as_str(), "nonparametric and cosinor", all / length);
        draft.wear(worn / all);
        draft.flag(worn < STABLE_DAYS * local::DAY_MIN as f64, "fewer than 5 days of worn minutes");
        if found.signal == Signal::ActivityCounts {
            let nonwear = found.all.count - found.worn.count;
            draft.put("nonwear", "min", f64::from(nonwear));
        }
        put_rhythm(&mut draft, unit(found.signal), &Rhythm::of(&found.worn, self.tables));
        Some(draft.done())
    }

    /// Of hours.
    fn hourly<T: Sums>(
        &self,
        signal: &str,
        unit: &str,
        slots: Option<&Slots<T>>,
        of: impl Fn(&T) -> (i64, u32),
    ) -> Option<FamilyAnalysed> {
        let slots = slots?;
        let first = slots.range(self.week.start - 59, self.week.end).next()?.0;
        let (hours, last) = hours(slots, first, self.week.end, self.profile, of);
        if last + 60 - first < RHYTHM_MIN {
            return None;
        }
        let rhythm = Rhythm::of_hours(&hours, self.tables);
        let known = f64::from(rhythm.n_hours);
        let length = (self.week.end - self.week.start) as f64 / 60.0;
        let mut draft = self.weekly(signal, "nonparametric and cosinor of hours", known / length);
        draft.flag(known < STABLE_DAYS * 24.0, "fewer than 5 days of hours");
        put_rhythm(&mut draft, unit, &rhythm);
        Some(draft.done())
    }

    fn weekly(&self, signal: &str, algorithm: &str, coverage: f64) -> Draft {
        let (family, window) = (Family::Cycles, self.week);
        Draft::new(&Head { family, signal, algorithm, version: 1, window, coverage })
    }
}

const fn unit(signal: Signal) -> &'static str {
    match signal {
        Signal::ActivityCounts => "counts/min",
        Signal::EnmoMg => "mg",
        Signal::Steps => "steps/min",
        Signal::Intensity => "intensity",
    }
}

fn put_rhythm(draft: &mut Draft, unit: &str, rhythm: &Rhythm) {
    draft.put("is", "1", rhythm.is);
    draft.put("iv", "1", rhythm.iv);
    if let Some(found) = &rhythm.extremes {
        draft.put("ra", "1", found.ra);
        draft.put("ra.l5", unit, found.l5);
        draft.put("ra.l5_onset", "min", f64::from(found.l5_onset_min));
        draft.put("ra.m10", unit, found.m10);
        draft.put("ra.m10_onset", "min", f64::from(found.m10_onset_min));
    }
    for (fit, k) in rhythm.cosinor.iter().zip(1..) {
        if let Some(fit) = fit {
            put_fit(draft, unit, k, fit);
        }
    }
}

fn put_fit(draft: &mut Draft, unit: &str, k: u32, fit: &Fit) {
    draft.put_estimate(&format!("cosinor{k}.mesor"), unit, &fit.mesor);
    draft.put(&format!("cosinor{k}.r2"), "1", fit.r2);
    draft.put(&format!("cosinor{k}.log10_p"), "1", fit.log10_p);
    for part in &fit.components {
        let of = format!("cosinor{k}.h{}", part.harmonic);
        draft.put_estimate(&format!("{of}.amplitude"), unit, &part.amplitude);
        draft.put_estimate(&format!("{of}.acrophase_rad"), "rad", &part.acrophase_rad);
    }
    draft.put(&format!("cosinor{k}.orthophase_h"), "h", fit.orthophase_h);
    draft.put(&format!("cosinor{k}.bathyphase_h"), "h", fit.bathyphase_h);
}
