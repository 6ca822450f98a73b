//! The pictures of a report: differences by estimator, arms, decisions that turn by hour.

use zeitgeber_processors::evaluation::Answer;

use super::Report;
use crate::plot::{
    page::{Axis, Ink, Layer, Page, Panel, Shapes},
    scale,
};

/// Half the width of a bar, of 1.
const BAR: f64 = 0.38;
/// Height of an estimator's row, px.
const ROW_PX: u32 = 22;

/// All pictures of a report that there is something for.
pub fn page(report: &Report) -> Page {
    let notes = match &report.value.answer {
        Answer::Refused { .. } => vec!["refused: the log cannot carry an estimate".into()],
        Answer::Told(_) => Vec::new(),
    };
    let panels = differences(report).into_iter().chain([arms(report), hours(report)]);
    let version = &report.candidate.version;
    let title = format!("{version} beside the log: {}", report.value.verdict.name());
    Page { title, notes, panels: panels.collect() }
}

/// The difference to the incumbent with its interval, an estimator a row.
fn differences(report: &Report) -> Option<Panel> {
    let Answer::Told(told) = &report.value.answer else { return None };
    let rows = told.estimates.len();
    let at = |row: usize| (rows - row) as f64;
    let (mut low, mut high, mut ticks) = (0.0_f64, 0.0_f64, Vec::new());
    let (mut decide, mut other, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (row, estimate) in told.estimates.iter().enumerate() {
        let interval = estimate.difference.interval();
        (low, high) = (low.min(interval.low), high.max(interval.high));
        ticks.push((at(row), estimate.estimator.name().to_owned()));
        let line = vec![(interval.low, at(row)), (interval.high, at(row))];
        let decides = estimate.estimator.decides();
        if decides {
            decide.push(line)
        } else {
            other.push(line)
        }
        values.push((estimate.difference.value, at(row)));
    }
    ticks.reverse();
    let room = ((high - low) * 0.05).max(1e-6);
    let top = rows as f64 + 0.6;
    Some(Panel {
        title: "Candidate less incumbent, by estimator".into(),
        notes: vec!["95 %, the wider of influence function and bootstrap over persons".into()],
        x: scale::plain("difference of the mean reward", low - room, high + room),
        y: Axis { label: String::new(), from: 0.4, to: top, ticks, lines: false },
        layers: vec![
            Layer::plain(Ink::Grey, Shapes::Lines(vec![vec![(0.0, 0.4), (0.0, top)]], 1)),
            Layer::named("decides", Ink::Blue, Shapes::Lines(decide, 4)),
            Layer::named("for comparison", Ink::Grey, Shapes::Lines(other, 2)),
            Layer::named("value", Ink::Vermillion, Shapes::Dots(values, 4)),
        ],
        half: false,
        height: ROW_PX * (rows as u32 + 1),
    })
}

/// How often each arm is chosen, logged and under the candidate.
fn arms(report: &Report) -> Panel {
    let arms = &report.value.arms;
    let bar = |at: usize, from: f64, to: f64, share: f64| {
        let centre = at as f64 + 1.0;
        [from + centre, 0.0, to + centre, share * 100.0]
    };
    let logged = arms.iter().enumerate().map(|(at, arm)| bar(at, -BAR, 0.0, arm.of.logged));
    let target = arms.iter().enumerate().map(|(at, arm)| bar(at, 0.0, BAR, arm.of.target));
    let most = arms.iter().map(|arm| arm.of.logged.max(arm.of.target)).fold(0.01, f64::max);
    let names = arms.iter().enumerate().map(|(at, arm)| (at as f64 + 1.0, arm.name.clone()));
    Panel {
        title: "Arms".into(),
        notes: Vec::new(),
        x: Axis {
            label: String::new(),
            from: 0.4,
            to: arms.len() as f64 + 0.6,
            ticks: names.collect(),
            lines: false,
        },
        y: scale::plain("% of the valued decisions", 0.0, most * 105.0),
        layers: vec![
            Layer::named("logged", Ink::Grey, Shapes::Boxes(logged.collect())),
            Layer::named("candidate", Ink::Blue, Shapes::Boxes(target.collect())),
        ],
        half: false,
        height: 180,
    }
}

/// The share of decisions that turn, by hour of people's local day.
fn hours(report: &Report) -> Panel {
    let hours = &report.flips.hours;
    let share = |flips: u64, of: u64| flips as f64 / of.max(1) as f64 * 100.0;
    let shares = hours.iter().map(|hour| share(hour.flips, hour.decisions));
    let most = shares.clone().fold(1.0, f64::max);
    let bars = shares.enumerate().map(|(hour, share)| {
        let from = hour as f64;
        [from + 0.5 - BAR, 0.0, from + 0.5 + BAR, share]
    });
    Panel {
        title: "Decisions that turn, by local hour".into(),
        notes: Vec::new(),
        x: scale::hours("local hour", 0, 24, 3),
        y: scale::plain("% of the hour's decisions", 0.0, most * 1.05),
        layers: vec![Layer::plain(Ink::Vermillion, Shapes::Boxes(bars.collect()))],
        half: false,
        height: 160,
    }
}
