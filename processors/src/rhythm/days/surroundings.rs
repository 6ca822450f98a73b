//! The day's noise, and what raw acceleration says of its movement.

use alloc::format;

use zeitgeber_schemas::{Family, FamilyAnalysed};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
};
use crate::rhythm::acceleration::{EPOCH_S, calibration::fit};

/// The axes as they are named in values.
const AXES: [&str; 3] = ["x", "y", "z"];

/// Minutes that one reading of noise stands for.
const READING_MIN: f64 = 5.0;

/// Seconds of still windows that a fit should stand on.
const STILL_MIN_S: u32 = 1800;
/// Error that a fit should come below, g (van Hees 2014).
const ERROR_MAX_G: f64 = 0.01;

impl DayAnalysis<'_> {
    pub(super) fn noise(&self) -> Option<FamilyAnalysed> {
        let total = self.kept.noise.as_deref()?.total(self.day.start, self.day.end);
        let level = total.equivalent()?;
        let length = (self.day.end - self.day.start) as f64;
        let coverage = READING_MIN * f64::from(total.n) / length;
        let mut draft = self.draft(Family::Noise, "noise", "levels on 0.5 dB", coverage);
        draft.flag(coverage < 0.8, "less than 80 % of the day was heard");
        draft.put("laeq", "dB", level);
        draft.put("lamax", "dB", total.percentile(1.0));
        draft.put("l10", "dB", total.percentile(0.9));
        draft.put("l90", "dB", total.percentile(0.1));
        Some(draft.done())
    }

    pub(super) fn acceleration(&self) -> Option<FamilyAnalysed> {
        let total = self.kept.motion.as_deref()?.total(self.day.start, self.day.end);
        let [enmo_g, mad_g] = total.means_g()?;
        let seconds = 60.0 * (self.day.end - self.day.start) as f64;
        let coverage = f64::from(EPOCH_S) * f64::from(total.epochs) / seconds;
        let mut draft = self.draft(Family::Acceleration, "acc", "epochs of 5 s", coverage);
        draft.flag(true, "not calibrated");
        draft.put("enmo_g", "g", enmo_g);
        draft.put("mad_g", "g", mad_g);
        for (axis, counts) in AXES.iter().zip(total.counts_per_min()) {
            draft.put(&format!("{axis}.counts"), "counts/min", counts);
        }
        Some(draft.done())
    }

    /// The sensor's errors, from the still windows of a week.
    pub(super) fn calibration(&self) -> Option<FamilyAnalysed> {
        let (windows, seconds, window) = self.kept.still.as_deref()?.windows(self.day.end);
        let found = fit(&windows)?;
        // Two devices may rest at a time.
        let covered = f64::from(seconds) / (60 * (window.end - window.start)) as f64;
        let mut draft = Draft::new(&Head {
            family: Family::Acceleration,
            signal: "acc",
            algorithm: "autocalibration on the mean still window of each posture",
            version: 2,
            window,
            coverage: covered.min(1.0),
        });
        draft.flag(seconds < STILL_MIN_S, "fewer than 30 min of still windows");
        draft.flag(found.error_end_g > ERROR_MAX_G, "an error of more than 10 mg is left");
        for (axis, (gain, offset)) in AXES.iter().zip(found.scale.iter().zip(found.offset_g)) {
            draft.put(&format!("{axis}.gain.calibration"), "1", *gain);
            draft.put(&format!("{axis}.offset.calibration"), "g", offset);
        }
        draft.put("error_before.calibration", "g", found.error_start_g);
        draft.put("error_after.calibration", "g", found.error_end_g);
        Some(draft.done())
    }

    fn draft(&self, family: Family, signal: &str, algorithm: &str, coverage: f64) -> Draft {
        let version = if family == Family::Acceleration { 2 } else { 1 };
        Draft::new(&Head { family, signal, algorithm, version, window: self.day, coverage })
    }
}
