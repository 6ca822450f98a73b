//! Sleep of the week from movement, the night that ended in the day, and timing over 28 nights.

use alloc::{format, vec::Vec};

use zeitgeber_schemas::{Family, FamilyAnalysed, Signal};

use super::{
    analysis::DayAnalysis,
    draft::{Draft, Head},
};
use crate::rhythm::{
    local::{self, DAY_MIN},
    series::{RHYTHM_MIN, Worn},
    sleep::{Rest, by_counts, rest},
    timing::{Diary, Night, SleepTiming},
};

/// What is carried where there is no SRI; it lies far below every one.
pub(super) const NO_SRI: f64 = -1000.0;
/// Shortest rest that is taken for the night, minutes.
const NIGHT_MIN: i64 = 3 * 60;
/// Share of a night's minutes that must hold a worn value.
const NIGHT_SEEN: f64 = 0.8;
/// Days that regularity should stand on.
const REGULAR_DAYS: u64 = 5;

impl DayAnalysis<'_> {
    /// Sleep, and the night that ended in the day: the longest rest of at least 3 hours.
    pub(super) fn sleep(&self) -> (Option<FamilyAnalysed>, Option<Night>) {
        let Some(found) = self.series.worn(self.week, self.horizon, self.profile) else {
            return (None, None);
        };
        if found.span < RHYTHM_MIN {
            return (None, None);
        }
        let offset = local::offset(self.profile, self.day.end);
        let first = self.week.start + offset;
        let values = self.worn_values(&found);
        let (told, bouts) = rest(&values, first);
        let night = self.night(&bouts, offset);
        let length = (self.week.end - self.week.start) as f64;
        let (all, worn) = (f64::from(found.all.count), f64::from(found.worn.count));
        let mut draft = Draft::new(&Head {
            family: Family::Sleep,
            signal: found.signal.as_str(),
            algorithm: "MASDA, where the device allows Cole-Kripke, Webster, Sadeh and Oakley",
            version: 2,
            window: self.week,
            coverage: all / length,
        });
        draft.wear(worn / all);
        let per_day = (DAY_MIN / crate::rhythm::sleep::BIN_MIN) as u64;
        draft.flag(told.sri_pairs < REGULAR_DAYS * per_day, "regularity of fewer than 5 days");
        draft.flag(night.is_none(), "no night was seen");
        draft.put("rest_bouts.sri", "1", told.sri);
        draft.put("rest_bouts.minutes", "min", told.sleep_minutes as f64);
        if found.signal == Signal::ActivityCounts {
            for (name, scored) in by_counts(&values, first, self.profile.device_scale) {
                draft.put(&format!("{name}.sri"), "1", scored.sri);
                draft.put(&format!("{name}.minutes"), "min", scored.sleep_minutes as f64);
            }
        }
        let mut carry = Vec::from([told.sri.unwrap_or(NO_SRI)]);
        if let Some(night) = night {
            draft.put("onset", "ms UTC", night.onset_ms as f64);
            draft.put("wake", "ms UTC", night.wake_ms as f64);
            draft.put("midsleep_h", "h", night.midsleep_h());
            draft.put("duration_h", "h", night.duration_h());
            carry.extend([night.onset_ms as f64, night.wake_ms as f64]);
        }
        draft.carry(carry);
        (Some(draft.done()), night)
    }

    /// The minutes of the week; none where the device was not worn.
    fn worn_values(&self, found: &Worn<'_>) -> Vec<Option<f64>> {
        let mut values: Vec<_> = found.minutes.values(self.week.start, self.week.end).collect();
        for (from, until) in &found.periods {
            let inside = (from - self.week.start) as usize..(until - self.week.start) as usize;
            values[inside].iter_mut().for_each(|value| *value = None);
        }
        values
    }

    fn night(&self, bouts: &[Rest], offset: i64) -> Option<Night> {
        let (start, end) = (self.day.start + offset, self.day.end + offset);
        let is_night = |bout: &&Rest| {
            let length = bout.until - bout.from;
            let seen = f64::from(bout.seen) >= NIGHT_SEEN * length as f64;
            start < bout.until && bout.until <= end && length >= NIGHT_MIN && seen
        };
        // The later one of equals: `max_by_key` takes the last.
        let bout = bouts.iter().filter(is_night).max_by_key(|bout| bout.until - bout.from)?;
        let at_ms = |minute: i64| local::ms(minute - offset);
        Some(Night::new(at_ms(bout.from), at_ms(bout.until), offset as i32))
    }

    /// Timing over the last 28 nights that were seen, this one included.
    pub(super) fn timing(&self, night: Option<Night>) -> Option<FamilyAnalysed> {
        let mut diary = Diary::new();
        self.known.nights().chain(night).for_each(|night| {
            diary.feed(night);
        });
        let first = local::minute_of(diary.nights().next()?.onset_ms);
        let told = diary.value()?;
        let window = crate::rhythm::window::Window { start: first, end: self.day.end };
        let days = ((window.end - window.start) as f64 / DAY_MIN as f64).max(1.0);
        let mut draft = Draft::new(&Head {
            family: Family::Timing,
            signal: "nights",
            algorithm: "circular means of the nights' middles",
            version: 1,
            window,
            coverage: f64::from(told.nights) / days,
        });
        put_timing(&mut draft, &told);
        Some(draft.done())
    }
}

fn put_timing(draft: &mut Draft, told: &SleepTiming) {
    draft.flag(told.nights < 7, "fewer than 7 nights");
    draft.put("nights", "1", f64::from(told.nights));
    draft.put("msw_h", "h", told.msw_h);
    draft.put("msf_h", "h", told.msf_h);
    draft.put("sdw_h", "h", told.sdw_h);
    draft.put("sdf_h", "h", told.sdf_h);
    draft.put("sdweek_h", "h", told.sdweek_h);
    draft.put("msfsc_h", "h", told.msfsc_h);
    draft.put("social_jetlag_h", "h", told.social_jetlag_h);
    draft.put("midsleep_sd_min", "min", told.midsleep_sd_min);
    draft.put("sri", "1", told.sri);
}
