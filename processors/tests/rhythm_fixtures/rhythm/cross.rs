//! What other packages give for the same recording, from our values and the ways in which they are
//! known to differ.

use std::f64::consts::TAU;

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::{Fit, cycles::Rhythm};

use super::Movement;

/// Adds the other packages' values to ours, and how far one of them is off once corrected.
pub(super) fn nonparametric(
    fixture: &Value,
    movement: &Movement<'_>,
    rhythm: &Rhythm,
    values: &mut Value,
) {
    let first = movement.cycles.first_hour.div_euclid(60);
    let hours = Hours::new(first, movement.cycles.hourly.clone());
    let ours = rhythm.is.expect("the hours vary");
    values["IS_check_rel"] = json!((hours.is_corrected() / ours - 1.0).abs());
    let items = fixture["cross"].as_array().expect("a list of packages");
    values["cross"] = items.iter().map(|item| package(item, movement, rhythm, &hours)).collect();
}

fn package(item: &Value, movement: &Movement<'_>, rhythm: &Rhythm, hours: &Hours) -> Value {
    let name = item["impl"].as_str().expect("an item names its package");
    let n = hours.valid.len() as f64;
    if name.contains("_interdaily_stability") {
        return json!({ "value": hours.is_sample(), "value_corrected": hours.is_corrected() });
    }
    if name.contains("_intradaily_variability") {
        let corrected = rhythm.iv.expect("the hours vary");
        return json!({ "value": corrected * (n - 1.0) / n, "value_corrected": corrected });
    }
    if name.contains("L5/M10/RA") {
        let found = rhythm.extremes.expect("the day has no hole");
        return json!({
            "L5": found.l5, "M10": found.m10, "RA": found.ra,
            "L5_onset": onset(&item["L5_onset"], found.l5_onset_min),
            "M10_onset": onset(&item["M10_onset"], found.m10_onset_min),
        });
    }
    if name.contains("binarize=True") {
        let hours = binarized(&movement.minute_values());
        return json!({ "IS": hours.is_sample(), "IV": hours.adjacent() / hours.variance(1.0) });
    }
    if name.contains("GGIR") {
        return json!({ "IS": hours.is_ggir(), "IV": hours.iv_ggir() });
    }
    if name.contains("LightLogR") {
        let ours = rhythm.is.expect("the hours vary");
        return json!({
            "IS": ours, "IS_samplevar": ours * 24.0 / 23.0 * (n - 1.0) / n,
            "IV": hours.across_gaps() / hours.variance(0.0),
        });
    }
    let whole_days = movement.cycles.n_minutes / 1440;
    json!({ "n_hours": 24 * whole_days })
}

/// An onset as a time since the start of the profile, on whichever day the package places it.
fn onset(given: &Value, minute: u32) -> String {
    let day = given.as_str().and_then(|text| text.split(' ').next()).unwrap_or_default();
    format!("{day} days {:02}:{:02}:00", minute / 60, minute % 60)
}

/// Minutes above 4 summed by the hour from the recording's start, the last hour in part.
fn binarized(minutes: &[Option<f64>]) -> Hours {
    let active = |value: &Option<f64>| f64::from(u8::from(value.is_some_and(|value| value > 4.0)));
    let sums = minutes.chunks(60).map(|hour| Some(hour.iter().map(active).sum()));
    Hours::new(0, sums.collect())
}

/// Hours in the forms of other packages.
struct Hours {
    all: Vec<Option<f64>>,
    valid: Vec<f64>,
    /// Means by hour of day.
    profile: Vec<f64>,
}

impl Hours {
    fn new(first: i64, all: Vec<Option<f64>>) -> Self {
        let mut of_day = [(0.0, 0.0); 24];
        for (hour, value) in (first..).zip(&all) {
            let slot: &mut (f64, f64) = &mut of_day[hour.rem_euclid(24) as usize];
            *slot = value.map_or(*slot, |value| (slot.0 + value, slot.1 + 1.0));
        }
        let profile = of_day.iter().filter(|slot| slot.1 > 0.0).map(|slot| slot.0 / slot.1);
        let valid = all.iter().flatten().copied().collect();
        Self { profile: profile.collect(), valid, all }
    }

    fn variance(&self, less: f64) -> f64 {
        squares(&self.valid, mean(&self.valid)) / (self.valid.len() as f64 - less)
    }

    /// The ratio of sample variances.
    fn is_sample(&self) -> f64 {
        let of_profile = squares(&self.profile, mean(&self.profile));
        of_profile / (self.profile.len() as f64 - 1.0) / self.variance(1.0)
    }

    fn is_corrected(&self) -> f64 {
        let n = self.valid.len() as f64;
        self.is_sample() * (23.0 / 24.0) * n / (n - 1.0)
    }

    /// Centred on the mean of the profile.
    fn is_ggir(&self) -> f64 {
        let (centre, n) = (mean(&self.profile), self.valid.len() as f64);
        n * squares(&self.profile, centre) / (24.0 * squares(&self.valid, centre))
    }

    /// The same, and pairs across a gap counted as if they were there.
    fn iv_ggir(&self) -> f64 {
        let (centre, n) = (mean(&self.profile), self.valid.len() as f64);
        let pairs = self.all.windows(2).filter(|pair| pair.iter().all(Option::is_some)).count();
        self.adjacent() * pairs as f64 / (n - 1.0) / (squares(&self.valid, centre) / n)
    }

    /// Mean squared difference of adjacent hours.
    fn adjacent(&self) -> f64 {
        let steps = self.all.windows(2).filter_map(|pair| Some(pair[1]? - pair[0]?));
        mean(&steps.map(|step| step * step).collect::<Vec<f64>>())
    }

    /// The same with missing hours taken out.
    fn across_gaps(&self) -> f64 {
        let steps = self.valid.windows(2).map(|pair| pair[1] - pair[0]);
        mean(&steps.map(|step| step * step).collect::<Vec<f64>>())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares(values: &[f64], centre: f64) -> f64 {
    values.iter().map(|value| (value - centre) * (value - centre)).sum()
}

/// The other packages' values of a fit.
pub(super) fn cosinor(items: &Value, fit: &Fit) -> Value {
    let items = items.as_array().expect("a list of packages");
    let mesor = &fit.mesor;
    let values = items.iter().map(|item| {
        let name = item["impl"].as_str().expect("an item names its package");
        let amplitude = &fit.components[0].amplitude;
        let acrophase = &fit.components[0].acrophase_rad;
        if name.contains("statsmodels") {
            json!({
                "mesor": mesor.value, "mesor_se": mesor.se, "r2": fit.r2, "f": fit.f,
                "p": fit.p(), "amplitude1": amplitude.value,
            })
        } else if name.contains("fit_cosinor") {
            json!({
                "mesor": mesor.value, "amplitude": amplitude.value,
                "acrophase_rad": acrophase.value, "p": fit.p(),
                "se": [mesor.se, amplitude.se, acrophase.se],
            })
        } else {
            coarse_curve(fit)
        }
    });
    values.collect()
}

/// The range of the curve on 1,000 points over 48 h, its peak in the first 24 h, and P as one less
/// its complement.
fn coarse_curve(fit: &Fit) -> Value {
    let at = |angle: f64| {
        let waves = fit.components.iter().map(|component| {
            let angle = angle * f64::from(component.harmonic);
            component.amplitude.value * (angle + component.acrophase_rad.value).cos()
        });
        fit.mesor.value + waves.sum::<f64>()
    };
    let angles = (0..1000).map(|point| 2.0 * TAU * f64::from(point) / 999.0);
    let curve: Vec<(f64, f64)> = angles.map(|angle| (at(angle), angle)).collect();
    let low = curve.iter().fold(f64::INFINITY, |low, point| low.min(point.0));
    let higher =
        |high: (f64, f64), point: &(f64, f64)| if point.0 > high.0 { *point } else { high };
    let high = curve.iter().fold(curve[0], higher);
    let first_day = curve.iter().filter(|point| point.1 < TAU);
    let peak = -first_day.fold(curve[0], higher).1;
    json!({
        "rss": fit.rss, "p": 1.0 - (1.0 - fit.p()),
        "curve_half_range": (high.0 - low) / 2.0, "curve_mid": (high.0 + low) / 2.0,
        "peak_rad": if peak <= -TAU / 2.0 { peak + TAU } else { peak },
    })
}
