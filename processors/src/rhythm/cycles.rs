//! The cycles of a whole recording: the rhythm of its minutes with every estimate's uncertainty.
//!
//! The live stage tells a few of these values each midnight; here is everything that the same
//! sums, periods and fits carry, for whoever analyses a recording.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{ProfileBody, Signal};

use super::{
    cosinor::{Fit, Moments, Tables},
    feature::Feature,
    movement::HourValues,
    nonparametric::{self, Extremes, Variability, hour_means, minute_variability, variability},
    nonwear,
    series::{self, RHYTHM_MIN, Series},
    window::{Hour, Totals, Window},
};
use crate::exact;

/// The cycles of a minute series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cycles {
    /// The signal that was analysed.
    pub signal: Signal,
    /// First minute that a reading covered, minutes since 1970-01-01 00:00 UTC.
    pub first_minute: i64,
    /// Minutes from there to the last one covered.
    pub n_minutes: u32,
    /// Minutes with a value.
    pub n_valid: u32,
    /// The minute at which the first local hour starts.
    pub first_hour: i64,
    /// Means of the local hours with at least 30 valid minutes.
    pub hourly: Vec<Option<f64>>,
    /// The rhythm of all minutes; none below two days.
    pub all_minutes: Option<Rhythm>,
    /// Non-wear periods `(start, end)`, minutes since 1970; none where the signal has no counts.
    pub nonwear: Option<Vec<(i64, i64)>>,
    /// The rhythm of the worn minutes, where some were not worn.
    pub wear_minutes: Option<Rhythm>,
}

/// The rhythm of some minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Minutes with a value.
    pub n_valid: u32,
    /// Valid hours.
    pub n_hours: u32,
    /// Interdaily stability, 0 to 1; none where the hours do not vary.
    pub is: Option<f64>,
    /// Intradaily variability, about 0 to 3.
    pub iv: Option<f64>,
    /// L5, M10 and relative amplitude; none where the mean day has a hole.
    pub extremes: Option<Extremes>,
    /// Cosinor fits of one, two and three harmonics.
    pub cosinor: [Option<Fit>; 3],
}

/// The cycles of a series given by the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HourlyCycles {
    /// The signal that was analysed.
    pub signal: Signal,
    /// Its rhythm, each hour standing for its mean at its centre; `n_valid` counts hours.
    pub rhythm: Rhythm,
}

impl Cycles {
    pub(crate) fn of(
        series: &Series,
        window: Window,
        last: i64,
        profile: &ProfileBody,
        tables: &Tables,
    ) -> Option<Self> {
        let (minutes, signal, (first, until)) = series.minutes_in(window)?;
        let totals = Totals::new(minutes, window, profile);
        let hours = hour_means(&totals.hours, nonparametric::HOUR_MINUTES);
        let nonwear = (signal == Signal::ActivityCounts)
            .then(|| nonwear::periods(minutes, window.start, window.end));
        let long = until - first + 1 >= RHYTHM_MIN;
        let periods = nonwear.as_deref().unwrap_or_default();
        let worn = (long && !periods.is_empty())
            .then(|| Rhythm::of(&totals.without(periods, minutes, profile), tables));
        Some(Self {
            signal,
            first_minute: window.start,
            n_minutes: (last - window.start + 1) as u32,
            n_valid: totals.count,
            first_hour: window.end - 60 * hours.len() as i64,
            hourly: hours.into_iter().map(|(mean, _)| mean).collect(),
            all_minutes: long.then(|| Rhythm::of(&totals, tables)),
            nonwear,
            wear_minutes: worn,
        })
    }
}

impl Cycles {
    /// The rhythm to tell, and whether it is of the worn minutes alone: these, unless they leave a
    /// hole in the mean day; else that of all minutes.
    pub fn told(&self) -> Option<(&Rhythm, bool)> {
        let worn = self.wear_minutes.as_ref().filter(|worn| worn.extremes.is_some());
        worn.map(|worn| (worn, true)).or(Some((self.all_minutes.as_ref()?, false)))
    }

    /// The mean day that the told rhythm is made of: the mean of each minute of the local day, of
    /// the worn minutes where that rhythm is theirs; none for a minute without a value.
    pub(crate) fn mean_day(&self, series: &Series, profile: &ProfileBody) -> Vec<Option<f64>> {
        let window = Window { start: self.first_minute, end: self.end() };
        let Some((minutes, ..)) = series.minutes_in(window) else { return Vec::new() };
        let mut totals = Totals::new(minutes, window, profile);
        if self.told().is_some_and(|(_, worn)| worn) {
            totals = totals.without(self.nonwear.as_deref().unwrap_or_default(), minutes, profile);
        }
        let mean = |(sum, count): (&i64, &u32)| {
            (*count > 0).then(|| exact::signal_value(*sum) / f64::from(*count))
        };
        totals.sums.iter().zip(&totals.counts).map(mean).collect()
    }

    /// The end of the last hour.
    fn end(&self) -> i64 {
        self.first_hour + 60 * self.hourly.len() as i64
    }
}

impl Rhythm {
    pub(crate) fn of(totals: &Totals, tables: &Tables) -> Self {
        let Variability { n_hours, is, iv } = minute_variability(totals);
        let moments = Moments::<3>::of_minutes(totals, tables);
        Self {
            n_valid: totals.count,
            n_hours,
            is,
            iv,
            extremes: nonparametric::extremes(totals),
            cosinor: moments.map_or([const { None }; 3], |moments| moments.fits(tables)),
        }
    }
}

impl Rhythm {
    /// Of hours, each standing for its mean at its centre.
    pub(crate) fn of_hours(hours: &[Hour], tables: &Tables) -> Self {
        let Variability { n_hours, is, iv } = variability(&hour_means(hours, 1));
        let moments = Moments::<3>::of_hours(hours, tables);
        Self {
            n_valid: n_hours,
            n_hours,
            is,
            iv,
            extremes: nonparametric::hour_extremes(hours),
            cosinor: moments.map_or([const { None }; 3], |moments| moments.fits(tables)),
        }
    }
}

impl HourlyCycles {
    pub(crate) fn of(
        series: &Series,
        window: Window,
        profile: &ProfileBody,
        tables: &Tables,
    ) -> Option<Self> {
        let (slots, signal, first) = series.hourly_in(window)?;
        let (hours, _) = series::hours(slots, first, window.end, profile, HourValues::get);
        Some(Self { signal, rhythm: Rhythm::of_hours(&hours, tables) })
    }
}

const WHOLE: &str = "the recording, or the 7 days before a local midnight";
const COSINOR: &str = "Cornelissen 2014";
const STATSMODELS: &str = "statsmodels 0.15.0, CosinorPy 3.1";
const AUTOCORRELATED: &str = "minutes depend on their neighbours, so that it is too small";

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "is",
        unit: "1",
        meaning: "How alike the days are: 1 where every day repeats, 0 where none does.",
        formula: "n sum_h (x_h - x)^2 / (24 sum_i (x_i - x)^2) of hourly means x_i, x_h their \
                  means by hour of day, x the mean of all",
        window: WHOLE,
        source: "Witting 1990, Van Someren 1999",
        reference: "LightLogR 0.10.0, GGIR 3.3-7, pyActigraphy 1.2.2 (corrected)",
        tolerance: "absolute 1e-9",
        distrust: "below 5 days, or where worn hours cover the day unevenly",
    },
    Feature {
        name: "iv",
        unit: "1",
        meaning: "How often activity and rest alternate: near 0 for a smooth wave, 2 for noise.",
        formula: "mean squared difference of adjacent valid hours / variance of the hours",
        window: WHOLE,
        source: "Witting 1990, Van Someren 1999",
        reference: "LightLogR 0.10.0, pyActigraphy 1.2.2 (corrected)",
        tolerance: "absolute 1e-9",
        distrust: "where few hours follow each other without a gap",
    },
    Feature {
        name: "ra",
        unit: "1",
        meaning: "How much the most active 10 h (M10) stand out from the least active 5 h (L5).",
        formula: "(M10 - L5) / (M10 + L5) of the mean 24 h minute profile, windows circular",
        window: WHOLE,
        source: "Van Someren 1999",
        reference: "pyActigraphy 1.2.2 (binarize=False)",
        tolerance: "relative 1e-9, onsets exact",
        distrust: "where non-wear falls into the night: it passes for rest",
    },
    Feature {
        name: "mesor",
        unit: "signal",
        meaning: "Midline of the fitted day.",
        formula: "intercept of least squares on 1, cos(j w t), sin(j w t), j = 1..K, K = 1, 2, 3, \
                  w = 2 pi / 24 h; interval by Student's t",
        window: WHOLE,
        source: COSINOR,
        reference: STATSMODELS,
        tolerance: "relative 1e-9, standard error relative 1e-7",
        distrust: "its standard error is too small, for minutes depend on their neighbours",
    },
    Feature {
        name: "amplitude",
        unit: "signal",
        meaning: "Half the range of a fitted harmonic.",
        formula: "hypot of its coefficients; standard error by the delta method",
        window: WHOLE,
        source: COSINOR,
        reference: STATSMODELS,
        tolerance: "relative 1e-9, standard error relative 1e-7",
        distrust: "where r2 is small or its standard error is near the amplitude itself",
    },
    Feature {
        name: "acrophase_rad",
        unit: "rad",
        meaning: "When a fitted harmonic peaks; the peak is at -acrophase * 24 / (2 pi j) h.",
        formula: "atan2(-g, b) in (-2 pi, 0] of its coefficients b (cosine) and g (sine)",
        window: WHOLE,
        source: COSINOR,
        reference: STATSMODELS,
        tolerance: "absolute 1e-8",
        distrust: "where the amplitude does not differ from 0",
    },
    Feature {
        name: "log10_p",
        unit: "1",
        meaning: "Whether there is a rhythm at all: log10 of P under a flat day.",
        formula: "P = x^a sum_{j<K} G(a+j) / (G(a) j!) (1-x)^j, x = RSS / TSS, a = dof / 2",
        window: WHOLE,
        source: COSINOR,
        reference: "scipy F distribution, statsmodels 0.15.0",
        tolerance: "relative 1e-8",
        distrust: AUTOCORRELATED,
    },
    Feature {
        name: "orthophase_h",
        unit: "h",
        meaning: "When the fitted curve of all harmonics is greatest; bathyphase: least.",
        formula: "argmax and argmin of the curve on a grid of 14,400 points",
        window: WHOLE,
        source: COSINOR,
        reference: "batch formula",
        tolerance: "one grid step, 6 s",
        distrust: "where the curve has two tops of nearly the same height",
    },
    Feature {
        name: "nonwear",
        unit: "min",
        meaning: "Stretches in which the device was not worn.",
        formula: "90 min of zero counts, spikes of at most 2 min between 30 min of zeros",
        window: "a minute and 2 h around it",
        source: "Choi 2011",
        reference: "ActiLife 6",
        tolerance: "exact",
        distrust: "for still sleepers and for signals other than counts",
    },
];
