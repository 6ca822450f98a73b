//! The body night: when melatonin rises and temperature is least, night by night.

use super::{
    page::{Axis, Ink, Layer, Panel, Shapes},
    scale::{self, DAY_MS, HOUR_MS, clock, date},
    subject::Subject,
};
use zeitgeber_processors::rhythm::phase::DLMO_BEFORE_CBTMIN_H;

/// Nights go from noon to noon.
const NOON_H: i64 = 12;

pub(super) fn panel(subject: &Subject) -> Option<Panel> {
    let estimate = subject.phase?;
    let shown: Vec<i64> = minima(subject, true);
    let checks: Vec<i64> = minima(subject, false);
    let earlier = (DLMO_BEFORE_CBTMIN_H * HOUR_MS as f64) as i64;
    let onsets: Vec<i64> = shown.iter().map(|at_ms| at_ms - earlier).collect();
    // A night has the number of the day at whose noon it begins.
    let night = |local_ms: i64| (local_ms - NOON_H * HOUR_MS).div_euclid(DAY_MS);
    let all = || shown.iter().chain(&checks).chain(&onsets).map(|at_ms| night(*at_ms));
    let (first, last) = (all().min()?, all().max()?);
    let count = last - first + 1;
    let place = |local_ms: &i64| {
        let row = (night(*local_ms) - first) as f64;
        let hour = (local_ms - NOON_H * HOUR_MS).rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        (NOON_H as f64 + hour, -row - 0.5)
    };
    let places = |times: &[i64]| times.iter().map(place).collect::<Vec<_>>();
    // The two intervals may meet, so that each lies on its own side of the marks.
    let interval = |times: &[i64], beside: f64| -> Vec<Vec<(f64, f64)>> {
        let Some((x, y)) = times.last().map(place) else { return Vec::new() };
        let y = y + beside;
        let ends = [x - estimate.half_width_h, x + estimate.half_width_h];
        let [from, to] = ends.map(|end| end.clamp(NOON_H as f64, NOON_H as f64 + 24.0));
        vec![vec![(from, y), (to, y)]]
    };
    let layers = vec![
        Layer::plain(Ink::Green, Shapes::Lines(interval(&onsets, 0.25), 3)),
        Layer::plain(Ink::Purple, Shapes::Lines(interval(&shown, -0.25), 3)),
        Layer::named(
            "CBTmin by Forger 1999, the check",
            Ink::Grey,
            Shapes::Dots(places(&checks), 3),
        ),
        Layer::named("DLMO", Ink::Green, Shapes::Dots(places(&onsets), 4)),
        Layer::named("CBTmin (Hannay 2019)", Ink::Purple, Shapes::Triangles(places(&shown))),
        Layer::plain(Ink::Grey, Shapes::Lines(vec![vec![(24.0, -(count as f64)), (24.0, 0.0)]], 1)),
    ];
    let within = |h: f64| format!("{} ± {:.1} h", clock(h), estimate.half_width_h);
    let every = (count as usize).div_ceil(20);
    let ticks = (0..count).step_by(every);
    let ticks = ticks
        .map(|row| (-(row as f64) - 0.5, date((first + row) * DAY_MS, "%a %Y-%m-%d")))
        .collect();
    Some(Panel {
        title: "Circadian phase".into(),
        notes: vec![
            format!(
                "Last night: DLMO {}, CBTmin {}",
                within(estimate.dlmo_clock_h),
                within(estimate.cbtmin_clock_h)
            ),
            "Models of light; the first nights still show where they began.".into(),
        ],
        x: scale::hours("local time", NOON_H, NOON_H + 24, 3),
        y: Axis { label: String::new(), from: -(count as f64), to: 0.0, ticks, lines: false },
        layers,
        half: true,
        height: 300,
    })
}

/// Minima of a model by local time.
fn minima(subject: &Subject, shown: bool) -> Vec<i64> {
    let minima = subject.trace.minima.iter().filter(|minimum| minimum.shown == shown);
    minima.map(|minimum| subject.local(minimum.at_ms)).collect()
}
