//! Sleepiness behind and ahead, and vitality.

use zeitgeber_processors::rhythm::alertness::SLEEPY_KSS;

use super::{
    page::{Axis, Ink, Layer, Panel, Shapes},
    scale,
    subject::{Subject, Vitality},
};

/// The Karolinska sleepiness scale.
const KSS: (f64, f64) = (1.0, 9.0);

pub(super) fn panel(subject: &Subject) -> Option<Panel> {
    let alertness = subject.alertness.as_ref()?;
    let local = |at_ms: &i64| subject.local(*at_ms) as f64;
    let (first, now) = (local(&alertness.past.first()?.0), local(&alertness.past.last()?.0));
    let last = alertness.ahead.last().map_or(now, |ahead| local(&ahead.0));
    let lines = |values: &[(i64, Option<f64>)]| {
        let runs = values.chunk_by(|one, other| one.1.is_some() && other.1.is_some());
        let line = |run: &[(i64, Option<f64>)]| -> Vec<(f64, f64)> {
            let points = run.iter().filter_map(|(at_ms, kss)| Some((local(at_ms), (*kss)?)));
            points.map(|(at, kss)| (at, kss.clamp(KSS.0, KSS.1))).collect()
        };
        runs.map(line).filter(|line| line.len() > 1).collect::<Vec<_>>()
    };
    let ahead: Vec<_> =
        alertness.past.last().into_iter().chain(&alertness.ahead).copied().collect();
    let sleeps = subject.sleeps().map(|(from, to)| (local(&from).max(first), local(&to).min(now)));
    let sleeps = sleeps.filter(|(from, to)| from < to);
    let sleeps = sleeps.map(|(from, to)| [from, KSS.0, to, KSS.1]).collect();
    let issued = subject.interventions.iter().map(|(at_ms, _)| local(at_ms));
    let issued = issued.filter(|at| (first..=last).contains(at)).map(|at| (at, KSS.1 - 0.3));
    let across = |level: f64| vec![(first, level), (last, level)];
    let layers = vec![
        Layer::named("rest (MASDA bouts)", Ink::BlueWash, Shapes::Boxes(sleeps)),
        Layer::named(
            format!("sleepy, KSS {SLEEPY_KSS:.0}"),
            Ink::Grey,
            Shapes::Lines(vec![across(SLEEPY_KSS)], 1),
        ),
        Layer::plain(Ink::Black, Shapes::Lines(vec![vec![(now, KSS.0), (now, KSS.1)]], 1)),
        Layer::named("predicted so far", Ink::Black, Shapes::Lines(lines(&alertness.past), 2)),
        Layer::named("next 24 h", Ink::Vermillion, Shapes::Dashes(lines(&ahead))),
        Layer::named("intervention", Ink::Vermillion, Shapes::Triangles(issued.collect())),
        Layer::plain(Ink::Black, Shapes::Words(vec![(now, KSS.0 + 0.15, " now".into())])),
    ];
    let words =
        [(1.0, "1 very alert"), (3.0, "3"), (5.0, "5"), (7.0, "7"), (9.0, "9 fighting sleep")];
    Some(Panel {
        title: "Predicted sleepiness".into(),
        notes: vec![alertness.source.clone()],
        x: scale::times(first as i64, last as i64, true),
        y: Axis {
            label: "KSS (1 to 9)".into(),
            from: KSS.0,
            to: KSS.1,
            ticks: words.map(|(at, text)| (at, text.to_owned())).into(),
            lines: false,
        },
        layers,
        half: false,
        height: 200,
    })
}

pub(super) fn vitality(subject: &Subject) -> Option<Panel> {
    let hours = &subject.vitality;
    let local = |hour: &Vitality| subject.local(hour.at_ms) as f64;
    let (first, last) = (local(hours.first()?), local(hours.last()?));
    let lines = |value: &dyn Fn(&Vitality) -> Option<f64>| {
        let runs = hours.chunk_by(|one, other| value(one).is_some() && value(other).is_some());
        let line = |run: &[Vitality]| -> Vec<(f64, f64)> {
            run.iter().filter_map(|hour| Some((local(hour), value(hour)?))).collect()
        };
        runs.map(line).filter(|line| line.len() > 1).collect::<Vec<_>>()
    };
    Some(Panel {
        title: "Vitality by the analysed hour".into(),
        notes: Vec::new(),
        x: scale::times(first as i64, (last as i64).max(first as i64 + scale::HOUR_MS), true),
        y: scale::plain("vitality, 0 to 1", 0.0, 1.0),
        layers: vec![
            Layer::named("vitality", Ink::Blue, Shapes::Lines(lines(&|hour| hour.vitality), 2)),
            Layer::named(
                "confidence",
                Ink::Grey,
                Shapes::Lines(lines(&|hour| Some(hour.confidence)), 1),
            ),
        ],
        half: false,
        height: 160,
    })
}
