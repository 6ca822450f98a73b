//! Light: the features of a day, its stability, and circadian phase by four models.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::{
    light_day::{
        Above, DailyLight, HOUR_MINUTES, LightDays, LightHours, LightMinutes, LightStability,
    },
    phase::{DLMO_BEFORE_CBTMIN_H, Model, Pacemaker, PhaseTracker},
};

use super::{Kind, Recording, Tolerance};

pub(super) const KIND: Kind = Kind {
    name: "light",
    // `own_rk4_final_diff`, `checks` and `worst` tell how far the fixture's own values are from
    // other packages.
    notes: &["impl", "convention", "note", "own_rk4_final_diff", "checks", "worst"],
    tolerance,
    compute,
};

const MINUTE_MS: i64 = 60_000;
const DAY_MIN: i64 = 1440;

fn tolerance(path: &[&str]) -> Tolerance {
    let key = path.last().copied().unwrap_or_default();
    match key {
        "cbtmin_h" | "dlmo_h" => Tolerance::Absolute(1.0 / 60.0 + 1e-6),
        "cbtmin_clock_h" => Tolerance::Circular(1.0 / 60.0 + 1e-6, 24.0),
        "initial_state" | "state" | "states_hourly_first_48h" | "final_state" => {
            Tolerance::Absolute(1e-7)
        }
        "phase" | "amplitude" => Tolerance::Absolute(1e-6),
        "value" => Tolerance::Absolute(1e-6),
        "mean" | "dose_lux_h" => Tolerance::Relative(1e-9),
        "log10_mean_plus1" | "light_IS" | "light_IV" | "IS" | "IV" => Tolerance::Absolute(1e-9),
        timed if timed.ends_with("_h") || timed.ends_with("_min") => Tolerance::Absolute(1e-6),
        _ => Tolerance::Exact,
    }
}

fn compute(fixture: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("every fixture of this kind has a recording");
    let column = fixture["column"].as_str().expect("the column is named");
    let epoch_s: f64 = recording.notes["epoch_s"].parse().expect("the epoch is a number");
    let times = recording.numbers("epoch_ms").into_iter().flatten().map(|ms| ms as i64);
    let samples = times.zip(recording.numbers(column));
    let samples: Vec<(i64, f64)> =
        samples.filter_map(|(at, lux)| lux.map(|lux| (at, lux))).collect();
    let minutes = minutes(&samples);
    let (first, last) = (minutes[0].0, minutes[minutes.len() - 1].0);
    let LightStability { is, iv, .. } = stability(&minutes, HOUR_MINUTES);
    let all = last - first + 1;
    let mut tree = json!({
        "column": column,
        "n_minutes": all,
        "filled_minutes": all - minutes.len() as i64,
        "first_minute_ms": first * MINUTE_MS,
        "daily": daily(epoch_s, &samples),
        "light_IS": is,
        "light_IV": iv,
    });
    if fixture.get("circadian_models").is_some() {
        let regular = fixture.get("esri_midnights").is_some();
        follow(&minutes, regular, tree.as_object_mut().expect("it is an object"));
    }
    if fixture.get("lightlogr_cross").is_some() {
        // That package takes hours with any sample.
        let samples: Vec<_> = samples.iter().map(|(at, lux)| (at / MINUTE_MS, *lux)).collect();
        let LightStability { is, iv, .. } = stability(&samples, 1);
        tree["lightlogr_cross"] = json!({ "IS": is, "IV": iv });
    }
    tree
}

fn stability(values: &[(i64, f64)], least: u32) -> LightStability {
    let mut hours = LightHours::new(366 * 24);
    values.iter().for_each(|(minute, lux)| hours.feed(*minute, *lux));
    hours.value(least)
}

fn minutes(samples: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let mut machine = LightMinutes::default();
    let mut minutes: Vec<(i64, f64)> =
        samples.iter().filter_map(|(at, lux)| machine.feed(*at, *lux)).collect();
    minutes.extend(machine.value());
    minutes
}

fn daily(epoch_s: f64, samples: &[(i64, f64)]) -> Value {
    let mut machine = LightDays::new(epoch_s);
    let mut days: Vec<(i64, DailyLight)> =
        samples.iter().filter_map(|(at, lux)| machine.feed(*at, *lux)).collect();
    days.extend(machine.value());
    Value::Object(days.into_iter().map(|(day, found)| (date(day), of_day(&found))).collect())
}

fn of_day(found: &DailyLight) -> Value {
    let mut tree = json!({
        "n": found.n,
        "mean": found.mean_lux,
        "log10_mean_plus1": found.log10_mean_plus1,
        "dose_lux_h": found.dose_lux_h,
    });
    for Above { threshold_lux, tat_min, mlit_h, flit_h, llit_h } in found.above {
        tree[format!("tat{threshold_lux}_min")] = json!(tat_min);
        tree[format!("mlit{threshold_lux}_h")] = json!(mlit_h);
        tree[format!("flit{threshold_lux}_h")] = json!(flit_h);
        tree[format!("llit{threshold_lux}_h")] = json!(llit_h);
    }
    tree
}

/// The date of a day since 1970.
fn date(day: i64) -> String {
    let (mut year, mut left) = (1970, day);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

/// Follows phase; its local clock is UTC, as that of the recordings.
fn follow(minutes: &[(i64, f64)], regular: bool, tree: &mut Map<String, Value>) {
    let mut tracker = PhaseTracker::new();
    let mut views: [View; 4] = Model::ALL.map(|model| View::of(&Pacemaker::new(model)));
    let (mut before, mut held) = (None, 0.0);
    for (minute, lux) in minutes {
        for missing in before.map_or(*minute, |before: i64| before + 1)..*minute {
            feed(&mut tracker, missing, held, &mut views);
        }
        feed(&mut tracker, *minute, *lux, &mut views);
        (before, held) = (Some(*minute), *lux);
    }
    let start = tracker.start_minute().expect("there is light");
    let named = Model::ALL.into_iter().zip(&views).zip(tracker.pacemakers());
    let models: Map<String, Value> =
        named.map(|((model, view), last)| (name(model).into(), view.tree(last))).collect();
    let circadian = json!({ "input_first_minute_ms": start * MINUTE_MS, "models": models });
    tree.insert("circadian_models".into(), circadian);
    if regular {
        let values: Vec<_> = tracker.esri().values().collect();
        let days = values.iter().map(|esri| esri.start_minute as f64 / DAY_MIN as f64);
        let days: Vec<f64> = days.collect();
        let values: Vec<_> = values.iter().map(|esri| esri.value).collect();
        tree.insert("esri_midnights".into(), json!({ "day": days, "value": values }));
    }
}

fn feed(tracker: &mut PhaseTracker, minute: i64, lux: f64, views: &mut [View; 4]) {
    tracker.feed(minute, 0, lux);
    for (view, pacemaker) in views.iter_mut().zip(tracker.pacemakers()) {
        view.look(pacemaker);
    }
}

const fn name(model: Model) -> &'static str {
    match model {
        Model::Forger99 => "Forger99",
        Model::Jewett99 => "Jewett99",
        Model::Hannay19 => "Hannay19",
        Model::Hannay19Tp => "Hannay19TP",
    }
}

/// What was seen of a model as it ran.
struct View {
    initial: Vec<f64>,
    midnights: Vec<Value>,
    hours: Vec<Vec<f64>>,
    minutes: u64,
}

impl View {
    fn of(pacemaker: &Pacemaker) -> Self {
        let initial = pacemaker.state().to_vec();
        let hours = vec![initial.clone()];
        Self { initial, midnights: vec![midnight(pacemaker)], hours, minutes: 0 }
    }

    fn look(&mut self, pacemaker: &Pacemaker) {
        let minutes = pacemaker.minutes();
        if minutes == self.minutes {
            return;
        }
        self.minutes = minutes;
        if minutes.is_multiple_of(60) && minutes <= 48 * 60 {
            self.hours.push(pacemaker.state().to_vec());
        }
        if minutes.is_multiple_of(DAY_MIN as u64) {
            self.midnights.push(midnight(pacemaker));
        }
    }

    fn tree(&self, last: &Pacemaker) -> Value {
        let cbtmin: Vec<f64> = last.cbtmin_h().collect();
        let of = |value: fn(&f64) -> f64| cbtmin.iter().map(value).collect::<Vec<_>>();
        json!({
            "initial_state": self.initial,
            "states_at_midnight": self.midnights,
            "states_hourly_first_48h": self.hours,
            "final_state": last.state(),
            "cbtmin_h": cbtmin,
            "dlmo_h": of(|at| at - DLMO_BEFORE_CBTMIN_H),
            "cbtmin_clock_h": of(|at| at.rem_euclid(24.0)),
        })
    }
}

fn midnight(pacemaker: &Pacemaker) -> Value {
    json!({
        "day": pacemaker.minutes() / DAY_MIN as u64,
        "state": pacemaker.state(),
        "phase": pacemaker.phase_rad(),
        "amplitude": pacemaker.amplitude(),
    })
}
