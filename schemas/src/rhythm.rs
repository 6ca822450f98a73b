//! The event of rhythm analysis.

use alloc::{string::String, vec::Vec};

use crate::wire::{record, symbols};

symbols! {
    /// What an analysis closes.
    Span {
        /// A local hour.
        Hour = "hour",
        /// A local day.
        Midnight = "midnight",
    }
}

symbols! {
    /// The movement signal that was analysed.
    Signal {
        /// Activity counts a minute.
        ActivityCounts = "activity_counts",
        /// ENMO, mg.
        EnmoMg = "enmo_mg",
        /// Steps a minute.
        Steps = "steps",
        /// Intensity by the hour.
        Intensity = "intensity",
    }
}

symbols! {
    /// Energy predicted from sleepiness.
    EnergyState {
        /// KSS 7 or more.
        Low = "low",
        /// In between.
        Moderate = "moderate",
        /// KSS 4 or less.
        High = "high",
    }
}

symbols! {
    /// The parts of vitality.
    PartName {
        /// Predicted alertness.
        Alertness = "alertness",
        /// RMSSD against the person's own baseline.
        Hrv = "hrv",
        /// Regularity of rhythm.
        Regularity = "regularity",
        /// Sleep debt over the last nights.
        Sleep = "sleep",
        /// Light by time of day.
        Light = "light",
    }
}

record! {
    /// Non-parametric rhythm and cosinor of a minute series (RHYTHM tables: Witting 1990, Van
    /// Someren 1999, Cornelissen 2014). A value that the data cannot carry is absent.
    MinuteRhythm {
        /// Minutes with a value.
        valid_minutes: u32,
        /// Hours with at least 30 valid minutes.
        n_hours: u32,
        /// Interdaily stability, 0 to 1.
        is: Option<f64>,
        /// Intradaily variability.
        iv: Option<f64>,
        /// Mean of the least active 5 hours of the mean day, signal unit.
        l5: Option<f64>,
        /// Its onset, minutes after local midnight.
        l5_onset_min: Option<u32>,
        /// Mean of the most active 10 hours of the mean day, signal unit.
        m10: Option<f64>,
        /// Its onset, minutes after local midnight.
        m10_onset_min: Option<u32>,
        /// Relative amplitude (M10 - L5) / (M10 + L5).
        ra: Option<f64>,
        /// MESOR of the 24 h cosinor, signal unit.
        mesor: Option<f64>,
        /// Amplitude of the 24 h cosinor, signal unit.
        amplitude: Option<f64>,
        /// Acrophase in (-2 pi, 0], rad.
        acrophase_rad: Option<f64>,
        /// Peak of the fitted curve, hours after local midnight.
        peak_h: Option<f64>,
        /// Share of variance the 24 h cosinor explains.
        r2: Option<f64>,
        /// Share of variance the 24 h + 12 h cosinor explains.
        r2_two: Option<f64>,
        /// Time of the two-component curve's maximum, hours after local midnight.
        orthophase_h: Option<f64>,
    }
}

record! {
    /// Rhythm of an hourly series.
    HourlyRhythm {
        /// Hours with a value.
        n_hours: u32,
        /// Interdaily stability.
        is: Option<f64>,
        /// Intradaily variability.
        iv: Option<f64>,
        /// MESOR, signal unit.
        mesor: Option<f64>,
        /// Amplitude, signal unit.
        amplitude: Option<f64>,
        /// Acrophase, rad.
        acrophase_rad: Option<f64>,
    }
}

record! {
    /// RR intervals of a window. No artefact correction.
    HeartSummary {
        /// Accepted records.
        accepted_records: u64,
        /// Intervals of accepted records, dropped ones included.
        intervals: u64,
        /// Intervals kept: 300 to 2,000 ms.
        intervals_300_2000: u64,
        /// Root mean square of successive differences within records, ms; a dropped interval
        /// breaks adjacency.
        rmssd_ms: Option<f64>,
        /// Mean kept interval, ms.
        mean_nn_ms: Option<f64>,
    }
}

record! {
    /// Light of a window.
    LightSummary {
        /// Readings with a light value.
        n: u64,
        /// Mean of log10(lux + 1).
        mean_log10_lux_plus1: Option<f64>,
        /// Minutes at or above 250 lux: 5 for each reading.
        minutes_ge_250: u64,
        /// Share of day readings (08 to 19 h local) at or above 250 lux.
        day_frac_ge250: Option<f64>,
        /// Share of readings in the 3 hours before usual sleep at or below 10 lux.
        evening_frac_le10: Option<f64>,
        /// Share of readings within usual sleep at or below 1 lux.
        night_frac_le1: Option<f64>,
    }
}

record! {
    /// One part of vitality.
    Part {
        /// Which.
        name: PartName,
        /// Its weight.
        weight: f64,
        /// Its value, 0 to 1; absent where it could not be computed.
        value: Option<f64>,
    }
}

record! {
    /// Vitality: a transparent composite of parts, weights and confidence. Not a diagnosis.
    Composite {
        /// The composite, 0 to 1; absent below 0.40 of available weight.
        vitality: Option<f64>,
        /// Available weight times data coverage, 0 to 1.
        confidence: f64,
        /// Every part, missing ones included.
        parts: Vec<Part>,
        /// Energy predicted from sleepiness, with hysteresis.
        energy: Option<EnergyState>,
        /// Risk flags that stand, in words.
        risks: Vec<String>,
    }
}

record! {
    /// A window was sealed and analysed, or analysed again after late data.
    RhythmAnalysed {
        /// What it closes.
        span: Span,
        /// Start of the window, ms UTC.
        window_start_ms: i64,
        /// End of the window (the sealed hour's or day's end), ms UTC.
        window_end_ms: i64,
        /// Offset of local time at the end, minutes east of UTC.
        offset_min: i32,
        /// 0 for the first analysis of this end, then counted up.
        revision: u32,
        /// Version of the algorithms.
        algorithm: u32,
        /// Movement signal, where there was one.
        signal: Option<Signal>,
        /// All minutes.
        all_minutes: Option<MinuteRhythm>,
        /// Minutes without Choi non-wear.
        wear_minutes: Option<MinuteRhythm>,
        /// Non-wear minutes in the window.
        nonwear_minutes: u32,
        /// Rhythm of an hourly signal.
        hourly: Option<HourlyRhythm>,
        /// Heart beats.
        heart: Option<HeartSummary>,
        /// Light.
        light: Option<LightSummary>,
        /// Share of the window's minutes (or hours) that hold a worn value, 0 to 1.
        coverage: f64,
        /// Mean movement of the window's last hour, signal unit.
        recent_activity: Option<f64>,
        /// Mean of log10(lux + 1) in the window's last hour.
        recent_light: Option<f64>,
        /// Predicted sleepiness at the window's end (Karolinska scale, 1 to 9).
        kss: f64,
        /// Predicted sleepiness 1 to 24 hours later, by the hour.
        kss_forecast: Vec<f64>,
        /// Vitality and its parts.
        composite: Composite,
    }
}
