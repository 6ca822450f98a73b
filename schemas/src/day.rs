//! The event of a sealed local day: every family of features, each with what it stands on.

use alloc::{string::String, vec::Vec};

use crate::wire::{record, symbols};

symbols! {
    /// A family of features.
    Family {
        /// Rest and activity: non-parametric rhythm and cosinor.
        Cycles = "cycles",
        /// Sleep from movement and its regularity.
        Sleep = "sleep",
        /// Sleep timing over the last 28 nights.
        Timing = "timing",
        /// Raw acceleration.
        Acceleration = "acceleration",
        /// Heart beats.
        Heart = "heart",
        /// Light of the day.
        Light = "light",
        /// Circadian phase.
        Phase = "phase",
        /// Alertness from the sleep that was had, and its forecast.
        Alertness = "alertness",
        /// Noise.
        Noise = "noise",
    }
}

record! {
    /// The value of a feature.
    FeatureValue {
        /// Its name: what it was computed of and by, then the name that `docs/features.md` describes, with dots between.
        name: String,
        /// Its unit; `1` for a plain number.
        unit: String,
        /// The value.
        value: f64,
        /// Lower end of its 95 % interval, or of the interval that the feature defines.
        low: Option<f64>,
        /// Upper end.
        high: Option<f64>,
    }
}

record! {
    /// A family of features of one signal over one window.
    FamilyAnalysed {
        /// Which family.
        family: Family,
        /// What was analysed, for example `activity_counts`.
        signal: String,
        /// The algorithm.
        algorithm: String,
        /// Its version, from 1.
        version: u32,
        /// Start of the window, ms UTC.
        window_start_ms: i64,
        /// End of the window, ms UTC.
        window_end_ms: i64,
        /// Share of the window that holds values, 0 to 1.
        coverage: f64,
        /// Share of those that were worn, 0 to 1; absent where it cannot be told.
        wear: Option<f64>,
        /// Why not to trust it, in words.
        flags: Vec<String>,
        /// The values; one that the data cannot carry is left out.
        values: Vec<FeatureValue>,
        /// What the next day goes on from, in the family's own order: no later analysis looks further back.
        carry: Vec<f64>,
    }
}

record! {
    /// A local day was sealed and analysed, or analysed again after late data.
    DayAnalysed {
        /// Start of the day, ms UTC.
        day_start_ms: i64,
        /// Its end, ms UTC.
        day_end_ms: i64,
        /// Offset of local time at the end, minutes east of UTC.
        offset_min: i32,
        /// 0 for the first analysis of this day, then counted up.
        revision: u32,
        /// The families that the data carry.
        families: Vec<FamilyAnalysed>,
    }
}
