//! The analysis of one day: what it looks at, and the families in order.

use alloc::vec::Vec;

use zeitgeber_schemas::{DayAnalysed, FamilyAnalysed, ProfileBody};

use super::{DaySeries, Known};
use crate::rhythm::{Tables, local, series::Series, window::Window};

/// Everything that the analysis of a day looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DayAnalysis<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) profile: &'a ProfileBody,
    pub(crate) series: &'a Series,
    pub(crate) kept: &'a DaySeries,
    /// The days before it.
    pub(crate) known: Known<'a>,
    /// The day.
    pub(crate) day: Window,
    /// Up to seven days that end with it.
    pub(crate) week: Window,
    /// Where the recording counts as ended for non-wear.
    pub(crate) horizon: i64,
}

impl DayAnalysis<'_> {
    /// The event, in its first revision.
    pub(crate) fn event(&self) -> DayAnalysed {
        let end_ms = local::ms(self.day.end);
        DayAnalysed {
            day_start_ms: local::ms(self.day.start),
            day_end_ms: end_ms,
            offset_min: self.profile.offset_at(end_ms),
            revision: 0,
            families: self.families(),
        }
    }

    fn families(&self) -> Vec<FamilyAnalysed> {
        let mut families = self.cycles();
        let (sleep, night) = self.sleep();
        let phase = self.phase();
        families.extend(sleep);
        families.extend(self.timing(night));
        families.extend(self.acceleration());
        families.extend(self.calibration());
        families.extend(self.heart(night));
        families.extend(self.light());
        families.extend(phase.family);
        families.extend(self.alertness(night, phase.cbtmin_ms));
        families.extend(self.noise());
        families
    }
}
