//! Heart rate variability of the day and of the night that ended in it.

use alloc::format;

use zeitgeber_schemas::{Family, FamilyAnalysed};

use super::{
    analysis::DayAnalysis,
    bursts::Bursts,
    cut::Usables,
    draft::{Draft, Head},
};
use crate::rhythm::{local, slots::Slots, timing::Night};

/// Intervals that a night's value needs.
const NIGHT_INTERVALS: i64 = 300;
/// Share of intervals that may be dropped.
const DROPPED: f64 = 0.05;
/// Windows that a long-term value should stand on.
const WINDOWS: i64 = 12;
/// Minutes of a day.
const DAY: f64 = local::DAY_MIN as f64;

impl DayAnalysis<'_> {
    pub(super) fn heart(&self, night: Option<Night>) -> Option<FamilyAnalysed> {
        let bursts = self.kept.bursts.as_deref()?;
        let day = bursts.total(self.day.start, self.day.end);
        let mean_ms = day.intervals.mean()?;
        let seen_min = day.intervals.n as f64 * mean_ms / 60_000.0;
        let mut draft = Draft::new(&Head {
            family: Family::Heart,
            signal: "rr",
            algorithm: "records by themselves, rule R1; repaired: Lipponen-Tarvainen",
            version: 2,
            window: self.day,
            coverage: seen_min / DAY,
        });
        let dropped = 1.0 - day.intervals.n as f64 / day.raw as f64;
        draft.flag(dropped > DROPPED, "more than 5 % of the intervals were dropped");
        draft.put("artefact_fraction", "1", dropped);
        put_time(&mut draft, &day);
        put_windows(&mut draft, &day);
        if let Some([ln_rmssd, rate]) = night.and_then(|night| of_night(bursts, night)) {
            draft.put("night.ln_rmssd", "ln ms", ln_rmssd);
            draft.put("night.hr_of_mean_nn", "1/min", rate);
            draft.carry([ln_rmssd, rate]);
        }
        Some(draft.done())
    }
}

/// ln RMSSD and rate over the whole hours of a night, of few enough dropped intervals.
fn of_night(bursts: &Slots<Bursts>, night: Night) -> Option<[f64; 2]> {
    let (onset, wake) = (local::minute_of(night.onset_ms), local::minute_of(night.wake_ms));
    let total = bursts.total(onset, wake - 59);
    let kept = total.intervals.n as f64 / total.raw as f64;
    let usable = total.intervals.n >= NIGHT_INTERVALS && kept >= 1.0 - DROPPED;
    let rmssd = total.differences.root_mean_square().filter(|ms| usable && *ms > 0.0)?;
    Some([libm::log(rmssd), 60_000.0 / total.intervals.mean()?])
}

fn put_time(draft: &mut Draft, day: &Bursts) {
    let share = |n: i64| 100.0 * n as f64 / day.differences.n as f64;
    draft.put("mean_nn_ms", "ms", day.intervals.mean());
    draft.put("sdnn_ms", "ms", day.intervals.deviation());
    draft.put("rmssd_ms", "ms", day.differences.root_mean_square());
    draft.put("sdsd_ms", "ms", day.differences.deviation());
    draft.put("pnn50", "%", share(day.over[0]));
    draft.put("pnn20", "%", share(day.over[1]));
    draft.put("mean_hr", "1/min", day.rate.value());
    let (sdnn, sdsd) = (day.intervals.deviation(), day.differences.deviation());
    let sd1 = sdsd.map(|sdsd| sdsd / core::f64::consts::SQRT_2);
    draft.put("sd1_ms", "ms", sd1);
    let sd2 = sdnn.zip(sd1).map(|(sdnn, sd1)| libm::sqrt((2.0 * sdnn * sdnn - sd1 * sd1).max(0.0)));
    draft.put("sd2_ms", "ms", sd2);
}

/// What windows of 5 minutes within long records tell.
fn put_windows(draft: &mut Draft, day: &Bursts) {
    let Some(cut) = day.cut.as_deref().filter(|cut| cut.beats > 0) else {
        return draft.flag(true, "no record covers 5 minutes: no spectrum");
    };
    for (name, n) in ["ectopic", "missed", "extra", "long_short"].iter().zip(cut.artefacts) {
        draft.put(name, "beats", n as f64);
    }
    let [windows, repaired] = [&cut.cleaned, &cut.repaired].map(|found| found.means.n);
    if windows == 0 && repaired == 0 {
        return draft.flag(true, "no window of 5 minutes is usable: no spectrum");
    }
    draft.flag(windows < WINDOWS, "fewer than 12 windows of 5 minutes");
    draft.put("windows", "1", windows as f64);
    draft.put("windows.ln_rmssd", "ln ms", cut.cleaned.ln_rmssd.value());
    put_usable(draft, "", &cut.cleaned);
    draft.put("repaired.windows", "1", repaired as f64);
    draft.put("repaired.ln_rmssd", "ln ms", cut.repaired.ln_rmssd.value());
    put_usable(draft, "repaired.", &cut.repaired);
}

/// What usable windows tell on average.
fn put_usable(draft: &mut Draft, of: &str, found: &Usables) {
    let mut put = |name: &str, unit: &str, value: Option<f64>| {
        draft.put(&format!("{of}{name}"), unit, value);
    };
    put("sdann_ms", "ms", found.means.deviation());
    put("sdnni_ms", "ms", found.sdnn.value());
    let [vlf, lf, hf, lomb_vlf, lomb_lf, lomb_hf, entropy, alpha] = found.spectral.values();
    let ratio = |lf: Option<f64>, hf: Option<f64>| lf.zip(hf).map(|(lf, hf)| lf / hf);
    put("welch_vlf", "ms^2", vlf);
    put("welch_lf", "ms^2", lf);
    put("welch_hf", "ms^2", hf);
    put("welch_lf_hf", "1", ratio(lf, hf));
    put("lomb_vlf", "ms^2", lomb_vlf);
    put("lomb_lf", "ms^2", lomb_lf);
    put("lomb_hf", "ms^2", lomb_hf);
    put("lomb_lf_hf", "1", ratio(lomb_lf, lomb_hf));
    put("sample_entropy", "1", entropy);
    put("dfa_alpha1", "1", alpha);
}
