//! The mean day: the profile that rhythm is told of, its least and most active hours, and the fitted
//! curve.

use zeitgeber_processors::rhythm::Extremes;

use super::{
    page::{Ink, Layer, Panel, Shapes},
    scale::{self, clock, number},
    subject::{Subject, Told},
};

/// Points of a fitted curve.
const CURVE: u32 = 240;
/// The values of the mean day that its axis has room for.
const SHOWN: f64 = 0.995;

pub(super) fn panel(subject: &Subject) -> Option<Panel> {
    let Told { rhythm, of, unit } = subject.rhythm()?;
    let day = &subject.trace.movement.as_ref()?.mean_day;
    let extremes = rhythm.extremes?;
    let mut values: Vec<f64> = day.iter().flatten().copied().collect();
    let usual = scale::quantile(&mut values, SHOWN).filter(|usual| *usual > 0.0)?;
    let fit = rhythm.cosinor[0].as_ref();
    let most = fit.map_or(usual, |fit| usual.max(fit.curve_max)) * 1.05;
    let least = fit.map_or(0.0, |fit| fit.curve_min.min(0.0)) * 1.1;
    let hour = |bin: usize| bin as f64 * 24.0 / day.len() as f64;
    let mut outline = vec![(0.0, 0.0)];
    for (bin, value) in day.iter().enumerate() {
        let value = value.unwrap_or(0.0).min(most);
        outline.extend([(hour(bin), value), (hour(bin + 1), value)]);
    }
    outline.push((24.0, 0.0));
    let mut layers = Vec::new();
    layers.extend(spans(&extremes, least, most));
    layers.push(Layer::named("mean day", Ink::Black, Shapes::Areas(vec![outline])));
    layers.extend(levels(&extremes));
    let cut = day.iter().flatten().filter(|value| **value > most).count();
    let mut notes = vec![words(rhythm.is, rhythm.iv, &extremes, of)];
    if let Some(fit) = fit {
        let curve = (0..=CURVE).map(|n| f64::from(n) * 24.0 / f64::from(CURVE));
        let curve = curve.map(|at| (at, fit.at(at))).collect();
        layers.push(Layer::named("cosinor 24 h", Ink::Vermillion, Shapes::Lines(vec![curve], 3)));
        let mesor = vec![(0.0, fit.mesor.value), (24.0, fit.mesor.value)];
        layers.push(Layer::named("MESOR", Ink::Vermillion, Shapes::Dashes(vec![mesor])));
        if let Some(wave) = fit.components.first() {
            notes.push(format!(
                "MESOR {} ± {}, amplitude {} ± {} {unit}, acrophase {}, R² {:.3}",
                number(fit.mesor.value),
                number(fit.mesor.se),
                number(wave.amplitude.value),
                number(wave.amplitude.se),
                clock(wave.peak_h),
                fit.r2
            ));
        }
    }
    if cut > 0 {
        notes.push(format!("{cut} minutes of the mean day reach above the picture."));
    }
    let name = if day.len() == 24 { "mean of the hour" } else { "mean of the minute" };
    Some(Panel {
        title: "Mean 24-hour profile".into(),
        notes,
        x: scale::hours("local time", 0, 24, 3),
        y: scale::plain(&format!("{name}, {unit}"), least, most),
        layers,
        half: true,
        height: 300,
    })
}

/// A daily stretch as hours, in two parts where it passes midnight.
fn parts(onset_min: u32, hours: f64) -> Vec<(f64, f64)> {
    let from = f64::from(onset_min) / 60.0;
    let to = from + hours;
    if to <= 24.0 { vec![(from, to)] } else { vec![(from, 24.0), (0.0, to - 24.0)] }
}

fn spans(extremes: &Extremes, least: f64, most: f64) -> [Layer; 2] {
    let boxes = |onset_min, hours| {
        let parts = parts(onset_min, hours).into_iter();
        Shapes::Boxes(parts.map(|(from, to)| [from, least, to, most]).collect())
    };
    [
        Layer::named("L5", Ink::BlueWash, boxes(extremes.l5_onset_min, 5.0)),
        Layer::named("M10", Ink::OrangeWash, boxes(extremes.m10_onset_min, 10.0)),
    ]
}

fn levels(extremes: &Extremes) -> [Layer; 2] {
    let lines = |onset_min, hours, level: f64| {
        let parts = parts(onset_min, hours).into_iter();
        Shapes::Lines(parts.map(|(from, to)| vec![(from, level), (to, level)]).collect(), 2)
    };
    [
        Layer::plain(Ink::Blue, lines(extremes.l5_onset_min, 5.0, extremes.l5)),
        Layer::plain(Ink::Vermillion, lines(extremes.m10_onset_min, 10.0, extremes.m10)),
    ]
}

fn words(is: Option<f64>, iv: Option<f64>, extremes: &Extremes, of: &str) -> String {
    let told = |name: &str, value: Option<f64>| {
        value.map_or_else(String::new, |value| format!("{name} {value:.3}, "))
    };
    let onset = |minute: u32| clock(f64::from(minute) / 60.0);
    format!(
        "{}{}{}L5 {} from {}, M10 {} from {}; of {of}",
        told("IS", is),
        told("IV", iv),
        told("RA", extremes.ra),
        number(extremes.l5),
        onset(extremes.l5_onset_min),
        number(extremes.m10),
        onset(extremes.m10_onset_min),
    )
}
