//! What the documentation says of the features of raw acceleration.

use crate::rhythm::feature::Feature;

/// The features of raw acceleration.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "enmo_g",
        unit: "g",
        meaning: "How much the wrist moves, as acceleration beyond gravity.",
        formula: "mean of max(sqrt(x^2 + y^2 + z^2) - 1, 0)",
        window: "5 s",
        source: "van Hees 2013",
        reference: "scikit-digital-health 0.17.18",
        tolerance: "1e-9 g",
        distrust: "The sensor is not calibrated: an offset of 20 mg is as much as slow walking \
                   adds. It also differs between filters, ranges and wrists.",
    },
    Feature {
        name: "mad_g",
        unit: "g",
        meaning: "How much the wrist moves, whatever the sensor's offset.",
        formula: "mean of |r - mean r|, r = sqrt(x^2 + y^2 + z^2)",
        window: "5 s",
        source: "Vähä-Ypyä 2015",
        reference: "scikit-digital-health 0.17.18",
        tolerance: "1e-9 g",
        distrust: "Vibration (vehicles, tools) counts as movement.",
    },
    Feature {
        name: "angle_z_deg",
        unit: "degree",
        meaning: "The posture of the wrist: the angle of its z axis above the horizontal.",
        formula: "mean of atan2(z, sqrt(x^2 + y^2))",
        window: "5 s",
        source: "van Hees 2015",
        reference: "scikit-digital-health 0.17.18; GGIR takes the angle of rolling medians",
        tolerance: "1e-6 degree",
        distrust: "The wrist accelerates: only at rest is the direction measured that of gravity.",
    },
    Feature {
        name: "norm_mean_g",
        unit: "g",
        meaning: "Mean length of the acceleration vector, a check of the sensor.",
        formula: "mean of sqrt(x^2 + y^2 + z^2)",
        window: "all samples",
        source: "van Hees 2014",
        reference: "batch formula",
        tolerance: "1e-9 g",
        distrust: "Far from 1 at rest: calibrate first.",
    },
    Feature {
        name: "counts",
        unit: "counts per epoch",
        meaning: "Movement in the units of ActiGraph devices, axis by axis.",
        formula: "to 30 Hz, rounded to 1 mg; band-pass of order 7 from rest; times 17.127; size \
                  below 4 is 0, at most 128, whole; threes summed and divided by 3, whole; summed",
        window: "any epoch of whole seconds; a day: a minute, of records of a minute or more",
        source: "Neishabouri 2022",
        reference: "agcounts 0.2.6",
        tolerance: "exact",
        distrust: "Rates other than 30, 60 and 90 Hz pass other filters first, so that counts of \
                   devices with different rates are not quite comparable.",
    },
    Feature {
        name: "calibration",
        unit: "1, g, g/degC",
        meaning: "Gain, offset and temperature drift of each axis of the sensor.",
        formula: "still windows of 10 s (SD below 13 mg) fitted to the unit sphere; weights \
                  1/distance up to 100; ends when the residual changes by less than 1e-10",
        window: "one window for each 10 degrees of posture and 2 degC, at most 600; a day: the mean \
                 window of each posture in the 7 whole days of UTC before its end, of 10 s within a \
                 record or of a whole shorter record",
        source: "van Hees 2014",
        reference: "GGIR 3.3-7 on the same windows",
        tolerance: "1e-6",
        distrust: "Fewer than some days of wear, or an error after it of more than 10 mg. The \
                   bounded set of windows is fitted exactly but is not all windows. A day tells it \
                   beside ENMO, which it does not correct.",
    },
];
