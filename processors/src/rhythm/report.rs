//! The report: a person's features over all readings given to it, by the live stage's own code.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{
    HeartSummary, HourlyRhythm, LightSummary, MinuteRhythm, ProfileBody, Signal, Values,
};

use super::{
    Accepted, Retention, Tables,
    cycles::{Cycles, HourlyCycles},
    local,
    movement::RawSamples,
    nonparametric::hour_means,
    series::{self, Series},
    window::Window,
};

/// Readings added up, without bound and without regard to when they arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    series: Series,
    raw: RawSamples,
    imu: u64,
    environment: u64,
    /// First and last minute covered.
    extent: Option<(i64, i64)>,
}

/// A person's features. What the readings cannot carry is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Accepted movement readings.
    pub imu_accepted: u64,
    /// The movement signal that was analysed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// Minutes without Choi non-wear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wear_only: Option<WearOnly>,
    /// All minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_minutes: Option<Minutes>,
    /// An hourly signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<Hourly>,
    /// Heart beats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hrv: Option<HeartSummary>,
    /// Light.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub light: Option<LightSummary>,
    /// Raw acceleration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_imu: Option<RawImu>,
    /// Accepted environment readings.
    pub environment_accepted: u64,
}

/// Rhythm of worn minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WearOnly {
    /// The rhythm.
    #[serde(flatten)]
    pub rhythm: Minutes,
    /// Non-wear minutes.
    pub nonwear_minutes: u32,
}

/// Rhythm of a minute series; the fields are those of [`MinuteRhythm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are documented where they are defined")]
pub struct Minutes {
    pub valid_minutes: u32,
    pub n_hours: u32,
    #[serde(rename = "IS", skip_serializing_if = "Option::is_none")]
    pub is: Option<f64>,
    #[serde(rename = "IV", skip_serializing_if = "Option::is_none")]
    pub iv: Option<f64>,
    #[serde(rename = "L5", skip_serializing_if = "Option::is_none")]
    pub l5: Option<f64>,
    #[serde(rename = "L5_onset_min", skip_serializing_if = "Option::is_none")]
    pub l5_onset_min: Option<u32>,
    #[serde(rename = "M10", skip_serializing_if = "Option::is_none")]
    pub m10: Option<f64>,
    #[serde(rename = "M10_onset_min", skip_serializing_if = "Option::is_none")]
    pub m10_onset_min: Option<u32>,
    #[serde(rename = "RA", skip_serializing_if = "Option::is_none")]
    pub ra: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amplitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acrophase_rad: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_h: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2_two: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orthophase_h: Option<f64>,
}

/// Rhythm of an hourly series; the fields are those of [`HourlyRhythm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are documented where they are defined")]
pub struct Hourly {
    pub n_hours: u32,
    #[serde(rename = "IS", skip_serializing_if = "Option::is_none")]
    pub is: Option<f64>,
    #[serde(rename = "IV", skip_serializing_if = "Option::is_none")]
    pub iv: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amplitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acrophase_rad: Option<f64>,
}

/// Raw acceleration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RawImu {
    /// Accepted records with samples.
    pub records: u64,
    /// Their samples.
    pub samples: u64,
    /// Mean ENMO of all samples, g.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enmo_mean_g: Option<f64>,
}

impl Default for Fold {
    fn default() -> Self {
        Self::new()
    }
}

impl Fold {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            series: Series::new(Retention::Unbounded),
            raw: RawSamples::default(),
            imu: 0,
            environment: 0,
            extent: None,
        }
    }

    /// Takes in an accepted reading.
    pub fn add(&mut self, profile: &ProfileBody, input: &Accepted<'_>) {
        let (first, last) = series::covered(input);
        self.extent = Some(match self.extent {
            None => (first, last),
            Some(known) => (known.0.min(first), known.1.max(last)),
        });
        match &input.body.values {
            Values::Imu(imu) => {
                self.imu += 1;
                if !imu.acc_g.is_empty() {
                    self.raw.add(imu);
                }
            }
            Values::Hrv(_) => {}
            Values::Environment(_) => self.environment += 1,
        }
        self.series.add(profile, input);
    }

    /// The cycles of the movement signal kept by the minute, with every estimate's uncertainty;
    /// none where there is none. Local time is the profile's of now.
    pub fn cycles(&self, profile: &ProfileBody, tables: &Tables) -> Option<Cycles> {
        let (start, last) = self.extent?;
        let end = local::hour_start(profile, last) + 60;
        Cycles::of(&self.series, Window { start, end }, last, profile, tables)
    }

    /// The mean day behind [`Cycles::told`], by the minute of the local day.
    pub fn mean_day(&self, cycles: &Cycles, profile: &ProfileBody) -> Vec<Option<f64>> {
        cycles.mean_day(&self.series, profile)
    }

    /// The means of the local hours of the signal given by the hour, and the minute since 1970 at
    /// which the first begins; none where there is no such signal.
    pub fn hourly_means(&self, profile: &ProfileBody) -> Option<(i64, Vec<Option<f64>>)> {
        let (start, last) = self.extent?;
        let end = local::hour_start(profile, last) + 60;
        let (slots, _, first) = self.series.hourly_in(Window { start, end })?;
        let (hours, _) =
            series::hours(slots, first, end, profile, super::movement::HourValues::get);
        let means: Vec<_> = hour_means(&hours, 1).into_iter().map(|(mean, _)| mean).collect();
        Some((end - 60 * means.len() as i64, means))
    }

    /// The cycles of the signal given by the hour; none where there is none.
    pub fn hourly_cycles(&self, profile: &ProfileBody, tables: &Tables) -> Option<HourlyCycles> {
        let (start, last) = self.extent?;
        let end = local::hour_start(profile, last) + 60;
        HourlyCycles::of(&self.series, Window { start, end }, profile, tables)
    }

    /// The minute series of a movement signal; none where no reading carried it.
    pub fn minutes_of(&self, signal: Signal) -> Option<&super::minutes::Minutes> {
        self.series.minutes_of(signal)
    }

    /// The features of everything added. Local time is the profile's of now.
    pub fn features(&self, profile: &ProfileBody, tables: &Tables) -> Report {
        let (start, last) = self.extent.unwrap_or((0, 0));
        let end = local::hour_start(profile, last) + 60;
        let found = self.series.features(Window { start, end }, end, profile, tables);
        let nonwear_minutes = found.nonwear_minutes;
        Report {
            imu_accepted: self.imu,
            signal: found.signal,
            wear_only: found
                .wear_minutes
                .map(|rhythm| WearOnly { rhythm: rhythm.into(), nonwear_minutes }),
            all_minutes: found.all_minutes.map(Minutes::from),
            hourly: found.hourly.map(Hourly::from),
            hrv: found.heart,
            light: found.light,
            raw_imu: (self.raw.records > 0).then(|| RawImu {
                records: self.raw.records,
                samples: self.raw.samples,
                enmo_mean_g: self.raw.enmo_mean_g(),
            }),
            environment_accepted: self.environment,
        }
    }
}

impl From<MinuteRhythm> for Minutes {
    fn from(rhythm: MinuteRhythm) -> Self {
        Self {
            valid_minutes: rhythm.valid_minutes,
            n_hours: rhythm.n_hours,
            is: rhythm.is,
            iv: rhythm.iv,
            l5: rhythm.l5,
            l5_onset_min: rhythm.l5_onset_min,
            m10: rhythm.m10,
            m10_onset_min: rhythm.m10_onset_min,
            ra: rhythm.ra,
            mesor: rhythm.mesor,
            amplitude: rhythm.amplitude,
            acrophase_rad: rhythm.acrophase_rad,
            peak_h: rhythm.peak_h,
            r2: rhythm.r2,
            r2_two: rhythm.r2_two,
            orthophase_h: rhythm.orthophase_h,
        }
    }
}

impl From<HourlyRhythm> for Hourly {
    fn from(rhythm: HourlyRhythm) -> Self {
        Self {
            n_hours: rhythm.n_hours,
            is: rhythm.is,
            iv: rhythm.iv,
            mesor: rhythm.mesor,
            amplitude: rhythm.amplitude,
            acrophase_rad: rhythm.acrophase_rad,
        }
    }
}
