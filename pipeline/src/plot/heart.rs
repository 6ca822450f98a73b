//! Heart beats: over time, each against the one before, and by frequency.

use zeitgeber_processors::rhythm::hrv::{BOUNDS_HZ, Judgement};

use super::{
    page::{Axis, Ink, Layer, Panel, Shapes},
    scale::{self, number, quantile, round_step},
    subject::Subject,
};
use crate::analyze::Beat;

/// Intervals up to which each is drawn by itself.
const SINGLE: usize = 3_000;
/// Columns into which more of them are gathered.
const COLUMNS: i64 = 560;
/// Pairs up to which each is a dot.
const DOTS: usize = 1_500;
/// Cells of the Poincaré plot along an axis.
const CELLS: f64 = 90.0;
/// Steps of the number of pairs in a cell, from which on each begins.
const STEPS: [(u32, &str); 5] =
    [(1, "1 pair"), (3, "3"), (10, "10"), (30, "30"), (100, "100 or more")];
/// Powers below this decade are drawn there, ms²/Hz.
const LEAST_DECADE: f64 = -3.0;
/// Share of the kept intervals that axes have room for at either end.
const ENDS: f64 = 0.0005;

pub(super) fn tachogram(subject: &Subject) -> Option<Panel> {
    let beats = &subject.trace.beats;
    let local = |at_ms: f64| subject.local(at_ms as i64) as f64;
    let (first, last) = (beats.first()?, beats.last()?);
    let (from, to) = (local(first.interval.end_ms), local(last.interval.end_ms));
    let (low, high) = range(beats)?;
    let kept = beats.iter().filter(|beat| beat.judgement.is_kept()).count();
    let mut layers = if kept <= SINGLE {
        single(beats, local, low, high)
    } else {
        gathered(beats, local, low, high)
    };
    let within = |rr_ms: f64| rr_ms.clamp(low, high);
    let dropped = beats.iter().filter(|beat| !beat.judgement.is_kept());
    let dropped: Vec<_> =
        dropped.map(|beat| (local(beat.interval.end_ms), within(beat.interval.rr_ms))).collect();
    let mut notes = Vec::new();
    if let Some(heart) = &subject.heart {
        let mut words = format!("{} of {} intervals kept", heart.kept, heart.intervals);
        if let Some(time) = heart.time {
            let told = |value: Option<f64>| value.map_or_else(|| "none".into(), number);
            words.push_str(&format!(
                "; mean NN {} ms, SDNN {} ms, RMSSD {} ms, mean heart rate {}/min",
                number(time.mean_nn_ms),
                told(time.sdnn_ms),
                told(time.rmssd_ms),
                number(time.mean_hr)
            ));
        }
        notes.push(words);
    }
    let beyond = |beat: &&Beat| !(low..=high).contains(&beat.interval.rr_ms);
    let beyond = beats.iter().filter(beyond).count();
    if beyond > 0 {
        notes.push(format!("{beyond} intervals lie beyond the picture and stand at its edge."));
    }
    layers.push(Layer::named(
        "left out (out of range, jump)",
        Ink::Vermillion,
        Shapes::Dots(dropped, 2),
    ));
    Some(Panel {
        title: "RR tachogram".into(),
        notes,
        x: scale::times(from as i64, (to as i64).max(from as i64 + 1), subject.has_clock),
        y: scale::plain("RR interval, ms", low, high),
        layers,
        half: false,
        height: 240,
    })
}

/// What nearly all kept intervals lie in, with some room; none without any.
fn range(beats: &[Beat]) -> Option<(f64, f64)> {
    let kept = beats.iter().filter(|beat| beat.judgement.is_kept());
    let mut kept: Vec<f64> = kept.map(|beat| beat.interval.rr_ms).collect();
    let (low, high) = (quantile(&mut kept, ENDS)?, quantile(&mut kept, 1.0 - ENDS)?);
    let step = round_step(((high - low) / 8.0).max(10.0));
    Some((((low / step).floor() - 0.5) * step, ((high / step).ceil() + 0.5) * step))
}

/// Every interval, lines between those that follow each other.
fn single(beats: &[Beat], local: impl Fn(f64) -> f64, low: f64, high: f64) -> Vec<Layer> {
    let mut lines: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut joined = false;
    for Beat { interval, judgement } in beats {
        let point = (local(interval.end_ms), interval.rr_ms.clamp(low, high));
        match (judgement, lines.last_mut()) {
            (Judgement::Adjacent, Some(line)) if joined => line.push(point),
            (Judgement::Adjacent | Judgement::AfterBreak, _) => lines.push(vec![point]),
            _ => {}
        }
        joined = judgement.is_kept();
    }
    let alone = lines.iter().filter(|line| line.len() == 1).map(|line| line[0]).collect();
    lines.retain(|line| line.len() > 1);
    vec![
        Layer::named("kept intervals", Ink::Blue, Shapes::Lines(lines, 1)),
        Layer::plain(Ink::Blue, Shapes::Dots(alone, 1)),
    ]
}

/// The range and the median of the kept intervals in each column of time.
fn gathered(beats: &[Beat], local: impl Fn(f64) -> f64, low: f64, high: f64) -> Vec<Layer> {
    let kept = beats.iter().filter(|beat| beat.judgement.is_kept());
    let kept = kept.map(|beat| (local(beat.interval.end_ms), beat.interval.rr_ms));
    let (Some(first), Some(last)) = (beats.first(), beats.last()) else { return Vec::new() };
    let (from, to) = (local(first.interval.end_ms), local(last.interval.end_ms));
    let width = (to - from).max(1.0) / COLUMNS as f64;
    let mut columns = vec![Vec::new(); COLUMNS as usize];
    for (at, rr_ms) in kept {
        let column = ((at - from) / width).clamp(0.0, COLUMNS as f64 - 1.0) as usize;
        columns[column].push(rr_ms.clamp(low, high));
    }
    let (mut boxes, mut lines) = (Vec::new(), Vec::new());
    let mut line: Vec<(f64, f64)> = Vec::new();
    for (n, mut values) in columns.into_iter().enumerate() {
        let at = from + n as f64 * width;
        let Some(median) = quantile(&mut values, 0.5) else {
            lines.push(std::mem::take(&mut line));
            continue;
        };
        boxes.push([at, values[0], at + width, values[values.len() - 1]]);
        line.extend([(at, median), (at + width, median)]);
    }
    lines.push(line);
    lines.retain(|line| line.len() > 1);
    let range = format!("range within {:.0} s", width / 1_000.0);
    vec![
        Layer::named(range, Ink::BlueWash, Shapes::Boxes(boxes)),
        Layer::named("median", Ink::Blue, Shapes::Lines(lines, 1)),
    ]
}

pub(super) fn poincare(subject: &Subject) -> Option<Panel> {
    let beats = &subject.trace.beats;
    let mut pairs = Vec::new();
    let mut before: Option<f64> = None;
    for Beat { interval, judgement } in beats {
        if let (Judgement::Adjacent, Some(before)) = (judgement, before) {
            pairs.push((before, interval.rr_ms));
        }
        before = judgement.is_kept().then_some(interval.rr_ms);
    }
    let time = subject.heart.as_ref()?.time?;
    let (sd1, sd2) = (time.sd1_ms?, time.sd2_ms?);
    let (low, high) = range(beats)?;
    let inside = |one: &(f64, f64)| (low..=high).contains(&one.0) && (low..=high).contains(&one.1);
    let all = pairs.len();
    pairs.retain(inside);
    let mut layers = if pairs.len() <= DOTS {
        vec![Layer::named("pair", Ink::Step(2), Shapes::Dots(pairs.clone(), 2))]
    } else {
        density(&pairs, low, high)
    };
    layers.push(Layer::plain(Ink::Grey, Shapes::Dashes(vec![vec![(low, low), (high, high)]])));
    layers.extend(ellipse(time.mean_nn_ms, sd1, sd2, low, high));
    let mut notes =
        vec![format!("SD1 {} ms, SD2 {} ms, {all} pairs of neighbours", number(sd1), number(sd2))];
    if all > pairs.len() {
        notes.push(format!("{} pairs lie beyond the picture.", all - pairs.len()));
    }
    Some(Panel {
        title: "Poincaré plot".into(),
        notes,
        x: scale::plain("RR interval n, ms", low, high),
        y: scale::plain("RR interval n + 1, ms", low, high),
        layers,
        half: true,
        height: 440,
    })
}

/// Cells by how many pairs they hold.
fn density(pairs: &[(f64, f64)], low: f64, high: f64) -> Vec<Layer> {
    let size = (high - low) / CELLS;
    let cell = |value: f64| ((value - low) / size).clamp(0.0, CELLS - 1.0) as usize;
    let mut counts = vec![0u32; (CELLS * CELLS) as usize];
    for (x, y) in pairs {
        counts[cell(*y) * CELLS as usize + cell(*x)] += 1;
    }
    let mut boxes: [Vec<[f64; 4]>; STEPS.len()] = Default::default();
    for (at, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
        let step = STEPS.iter().take_while(|(least, _)| *least <= count).count() - 1;
        let (row, column) = (at / CELLS as usize, at % CELLS as usize);
        let (x, y) = (low + column as f64 * size, low + row as f64 * size);
        boxes[step].push([x, y, x + size, y + size]);
    }
    let layers = (0..).zip(STEPS).zip(boxes);
    let layer =
        |((step, (_, name)), boxes)| Layer::named(name, Ink::Step(step), Shapes::Boxes(boxes));
    layers.map(layer).collect()
}

/// The ellipse of SD1 and SD2 around the mean, and its axes.
fn ellipse(mean: f64, sd1: f64, sd2: f64, low: f64, high: f64) -> [Layer; 2] {
    let place = |along: f64, across: f64| {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let (x, y) = (mean + (along - across) * half, mean + (along + across) * half);
        (x.clamp(low, high), y.clamp(low, high))
    };
    let turn = |n: i32| f64::from(n) * std::f64::consts::TAU / 120.0;
    let outline = (0..=120).map(|n| place(sd2 * turn(n).cos(), sd1 * turn(n).sin())).collect();
    let axes =
        vec![vec![place(-sd2, 0.0), place(sd2, 0.0)], vec![place(0.0, -sd1), place(0.0, sd1)]];
    [
        Layer::named("SD1, SD2", Ink::Vermillion, Shapes::Lines(vec![outline], 2)),
        Layer::plain(Ink::Vermillion, Shapes::Lines(axes, 1)),
    ]
}

pub(super) fn spectrum(subject: &Subject) -> Option<Panel> {
    let spectra = &subject.trace.spectra;
    let heart = subject.heart.as_ref()?;
    let frequencies: Vec<f64> = spectra.first()?.iter().map(|(hz, _)| *hz).collect();
    let at = |bin: usize, share: f64| {
        let mut powers: Vec<f64> = spectra.iter().map(|spectrum| spectrum[bin].1).collect();
        quantile(&mut powers, share).unwrap_or(0.0).max(f64::MIN_POSITIVE).log10()
    };
    let curve = |share: f64| -> Vec<(f64, f64)> {
        frequencies.iter().enumerate().map(|(bin, hz)| (*hz, at(bin, share))).collect()
    };
    let (lower, median, upper) = (curve(0.25), curve(0.5), curve(0.75));
    let least = lower.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let most = upper.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let (from, to) = ((least - 0.1).max(LEAST_DECADE), (most + 0.3).max(LEAST_DECADE + 1.0));
    let within = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        points.into_iter().map(|(hz, power)| (hz, power.max(from))).collect()
    };
    let mut between = within(upper);
    between.extend(within(lower).into_iter().rev());
    let bounds = BOUNDS_HZ[1..3].iter().map(|hz| vec![(*hz, from), (*hz, to)]);
    let label = to - 0.08 * (to - from);
    let words = [(BOUNDS_HZ[0], "VLF"), (BOUNDS_HZ[1], "LF"), (BOUNDS_HZ[2], "HF")];
    let words = words.map(|(hz, band)| (hz + 0.004, label, band.to_owned()));
    let mut layers = vec![Layer::plain(Ink::Grey, Shapes::Lines(bounds.collect(), 1))];
    if spectra.len() > 1 {
        let name = "middle half of the windows";
        layers.push(Layer::named(name, Ink::BlueWash, Shapes::Areas(vec![between])));
    }
    let name = if spectra.len() > 1 { "median of the windows" } else { "the window" };
    layers.push(Layer::named(name, Ink::Blue, Shapes::Lines(vec![within(median)], 2)));
    layers.push(Layer::plain(Ink::Black, Shapes::Words(words.into())));
    let windows = heart.windows.iter().filter(|window| window.usable.frequency_domain);
    let bands: Vec<_> = windows.filter_map(|window| window.welch).collect();
    let middle = |power: &dyn Fn(usize) -> Option<f64>| {
        let mut powers: Vec<f64> = (0..bands.len()).filter_map(power).collect();
        quantile(&mut powers, 0.5).map_or_else(|| "none".into(), number)
    };
    let notes = vec![format!(
        "{} windows of 5 min by Welch's method; medians: LF {} ms², HF {} ms², LF/HF {}",
        spectra.len(),
        middle(&|n| Some(bands[n].lf)),
        middle(&|n| Some(bands[n].hf)),
        middle(&|n| bands[n].lf_hf)
    )];
    let x = scale::plain("frequency, Hz", 0.0, 0.4);
    Some(Panel {
        title: "Spectrum of heart rate variability".into(),
        notes,
        x: Axis { lines: false, ..x },
        y: scale::decades("power density, ms²/Hz", from, to),
        layers,
        half: true,
        height: 440,
    })
}
