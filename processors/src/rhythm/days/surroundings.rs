//! The day's noise, and what raw acceleration says of its movement.

use zeitgeber_schemas::{Family, FamilyAnalysed};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
};
use crate::rhythm::acceleration::EPOCH_S;

/// Minutes that one reading of noise stands for.
const READING_MIN: f64 = 5.0;

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
        Some(draft.done())
    }

    fn draft(&self, family: Family, signal: &str, algorithm: &str, coverage: f64) -> Draft {
        Draft::new(&Head { family, signal, algorithm, version: 1, window: self.day, coverage })
    }
}
