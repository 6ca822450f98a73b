//! The actogram: a row for each local day, with the day after it to its right, so that every night
//! stands in one piece.
//!
//! Rows are of local days by the offset in force, so that on the day when clocks go back the hour
//! that comes twice is averaged, and on the day when they go forward an hour is missing.

use super::{
    page::{Axis, Ink, Layer, Panel, Shapes},
    scale::{self, DAY_MS, MINUTE_MS, date, number, quantile},
    subject::Subject,
};

const DAY_MIN: i64 = 1_440;
/// Share of the bins that are drawn in full height at most: one burst does not flatten the rest.
const SHOWN: f64 = 0.98;
/// Height of a row that its values may take.
const FULL: f64 = 0.92;
/// Height of a row at which something is marked.
const MARKED: f64 = 0.8;
/// Decades of light: 1 to 100,000 lux.
const LIGHT_DECADES: f64 = 5.0;

/// Local days in order, each in bins.
struct Days {
    /// The first day, in days since 1970.
    first: i64,
    count: i64,
    /// Length of a bin, minutes; a whole part of a day.
    bin_min: i64,
}

pub(super) fn panel(subject: &Subject) -> Option<Panel> {
    let days = Days::of(subject)?;
    let movement = movement(subject, &days);
    let light = light(subject, &days);
    let unit = subject.movement_unit();
    let mut layers =
        vec![Layer::named("no data", Ink::Pale, days.gaps(&movement, &light, subject))];
    let boxes = |spans: &mut dyn Iterator<Item = (i64, i64)>| -> Vec<[f64; 4]> {
        spans.flat_map(|(from, to)| days.boxes(subject.local(from), subject.local(to))).collect()
    };
    let sleep = boxes(&mut subject.sleeps());
    let name = if subject.movement.is_some() { "rest (MASDA bouts)" } else { "sleep (diary)" };
    layers.push(Layer::named(name, Ink::BlueWash, Shapes::Boxes(sleep)));
    let lux: Vec<Option<f64>> = light
        .iter()
        .map(|lux| lux.map(|lux| ((lux + 1.0).log10() / LIGHT_DECADES).min(1.0)))
        .collect();
    layers.push(Layer::named("light", Ink::Yellow, Shapes::Areas(days.areas(&lux))));
    let cap = cap(&movement);
    let shares: Vec<Option<f64>> =
        movement.iter().map(|value| value.map(|value| (value / cap).min(1.0))).collect();
    layers.push(Layer::named("movement", Ink::Black, Shapes::Areas(days.areas(&shares))));
    let over = |value: &Option<f64>| value.is_some_and(|value| value > cap);
    let cut: Vec<bool> = movement.iter().map(over).collect();
    layers.push(Layer::named("cut off", Ink::Vermillion, Shapes::Boxes(days.tops(&cut))));
    let nonwear = subject.movement.iter().flat_map(|movement| &movement.cycles.nonwear).flatten();
    let mut nonwear = nonwear.map(|(from, to)| (from * MINUTE_MS, to * MINUTE_MS));
    layers.push(Layer::named("non-wear (Choi)", Ink::Grey, Shapes::Hatched(boxes(&mut nonwear))));
    let issued = subject.interventions.iter().map(|(at_ms, _)| subject.local(*at_ms));
    let issued = issued.flat_map(|local_ms| days.points(local_ms, MARKED)).collect();
    layers.push(Layer::named("intervention", Ink::Vermillion, Shapes::Triangles(issued)));
    layers.push(days.midnights());
    let mut scales = Vec::new();
    if movement.iter().any(Option::is_some) {
        let cut = cut.iter().filter(|cut| **cut).count();
        scales.push(format!(
            "Movement: means of {} min, full height {} {unit}, {cut} above it are cut off.",
            days.bin_min,
            number(cap)
        ));
    }
    if light.iter().any(Option::is_some) {
        scales.push("Light: log scale, full height 100 000 lux.".into());
    }
    let count = days.count as f64;
    Some(Panel {
        title: "Actogram, two days a row".into(),
        notes: if scales.is_empty() { Vec::new() } else { vec![scales.join(" ")] },
        x: scale::hours("local time", 0, 48, 3),
        y: Axis { label: String::new(), from: -count, to: 0.0, ticks: days.dates(), lines: false },
        layers,
        half: false,
        height: (days.count as u32 * days.row_px()).max(80),
    })
}

/// The value that fills a row: of the largest bins some are cut off, unless they hardly stand out.
fn cap(values: &[Option<f64>]) -> f64 {
    let mut found: Vec<f64> =
        values.iter().flatten().copied().filter(|value| *value > 0.0).collect();
    let usual = quantile(&mut found, SHOWN).unwrap_or(1.0);
    let most = found.last().copied().unwrap_or(1.0);
    if most <= 1.25 * usual { most } else { usual }
}

fn movement(subject: &Subject, days: &Days) -> Vec<Option<f64>> {
    let Some(movement) = &subject.trace.movement else { return days.empty() };
    // A bin of movement longer than one here holds throughout.
    let parts = (movement.bin_ms / MINUTE_MS / days.bin_min).max(1);
    let values = (0..).zip(&movement.values).flat_map(|(n, value)| {
        let at_ms = movement.first_ms + n * movement.bin_ms;
        (0..parts).map(move |part| (at_ms + part * movement.bin_ms / parts, *value))
    });
    days.means(values.filter_map(|(at_ms, value)| Some((subject.local(at_ms), value?))))
}

fn light(subject: &Subject, days: &Days) -> Vec<Option<f64>> {
    let light = subject.trace.light.iter().map(|(at_ms, lux)| (subject.local(*at_ms), *lux));
    days.means(light)
}

impl Days {
    /// The days that hold anything.
    fn of(subject: &Subject) -> Option<Self> {
        let trace = &subject.trace;
        let movement = trace.movement.as_ref().map(|movement| {
            let end = movement.first_ms + movement.values.len() as i64 * movement.bin_ms;
            [movement.first_ms, end - 1]
        });
        let light = [trace.light.first(), trace.light.last()];
        let light = light.into_iter().flatten().map(|(at_ms, _)| *at_ms);
        let sleeps = trace.nights.iter().flat_map(|(from, to)| [*from, *to]);
        let day = |at_ms: i64| subject.local(at_ms).div_euclid(DAY_MS);
        let all = movement.into_iter().flatten().chain(light).chain(sleeps).map(day);
        let (first, last) = (all.clone().min()?, all.max()?);
        let count = last - first + 1;
        let fine = match count {
            ..=45 => 5,
            46..=120 => 10,
            _ => 15,
        };
        let coarse = trace.movement.as_ref().map_or(0, |movement| movement.bin_ms / MINUTE_MS);
        // Light every few minutes leaves no holes between its readings.
        let apart = match (&trace.movement, trace.light.len()) {
            (_, 0 | 1) => 0,
            (None, n) => {
                let span = trace.light[n - 1].0 - trace.light[0].0;
                span / (n as i64 - 1) / MINUTE_MS
            }
            _ => 0,
        };
        let least = if coarse >= 60 { 60 } else { fine };
        let bins = [5, 10, 15, 20, 30, 60].into_iter();
        let bin_min = bins.clone().find(|bin| *bin >= least.max(apart)).unwrap_or(60);
        Some(Self { first, count, bin_min })
    }

    const fn per_day(&self) -> usize {
        (DAY_MIN / self.bin_min) as usize
    }

    fn row_px(&self) -> u32 {
        match self.count {
            ..=21 => 30,
            22..=45 => 20,
            46..=120 => 12,
            121..=400 => 6,
            _ => 4,
        }
    }

    fn empty(&self) -> Vec<Option<f64>> {
        vec![None; self.count as usize * self.per_day()]
    }

    /// Means of values at local times by the bin.
    fn means(&self, values: impl Iterator<Item = (i64, f64)>) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0u32); self.count as usize * self.per_day()];
        let first_ms = self.first * DAY_MS;
        for (local_ms, value) in values {
            let bin = (local_ms - first_ms).div_euclid(self.bin_min * MINUTE_MS);
            if let Some(sum) = usize::try_from(bin).ok().and_then(|bin| sums.get_mut(bin)) {
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
        sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect()
    }

    /// Where a day's part lies: its own row's left half, and the right half of the row above.
    fn rows(&self, day: i64) -> impl Iterator<Item = (f64, f64)> {
        let places = [(day, 0.0), (day - 1, 24.0)];
        let count = self.count;
        let shown = places.into_iter().filter(move |(row, _)| (0..count).contains(row));
        shown.map(|(row, hour)| (hour, -(row as f64) - 1.0))
    }

    /// Runs of bins with values, as `(day, first bin, values)`.
    fn runs<'a, T>(&self, bins: &'a [T], holds: impl Fn(&T) -> bool) -> Vec<(i64, usize, &'a [T])> {
        let mut runs = Vec::new();
        for (day, bins) in (0..).zip(bins.chunks(self.per_day())) {
            let mut at = 0;
            for run in bins.chunk_by(|one, other| holds(one) == holds(other)) {
                if holds(&run[0]) {
                    runs.push((day, at, run));
                }
                at += run.len();
            }
        }
        runs
    }

    fn hour(&self, bin: usize) -> f64 {
        bin as f64 * self.bin_min as f64 / 60.0
    }

    /// Steps of values from 0 to 1, standing on the rows.
    fn areas(&self, bins: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
        let mut areas = Vec::new();
        for (day, first, values) in self.runs(bins, Option::is_some) {
            if values.iter().flatten().all(|value| *value <= 0.0) {
                continue;
            }
            for (left, base) in self.rows(day) {
                let mut outline = vec![(left + self.hour(first), base)];
                for (bin, value) in (first..).zip(values) {
                    let top = base + FULL * value.unwrap_or(0.0);
                    let (from, to) = (left + self.hour(bin), left + self.hour(bin + 1));
                    if outline.last().is_some_and(|last| last.1 != top) {
                        outline.push((from, top));
                    }
                    outline.push((to, top));
                }
                outline.push((left + self.hour(first + values.len()), base));
                areas.push(outline);
            }
        }
        areas
    }

    /// Marks at the rows' tops.
    fn tops(&self, cut: &[bool]) -> Vec<[f64; 4]> {
        let runs = self.runs(cut, |cut| *cut).into_iter();
        let boxes = runs.flat_map(|(day, first, run)| {
            self.rows(day).map(move |(left, base)| {
                let (from, to) = (self.hour(first), self.hour(first + run.len()));
                [left + from, base + FULL - 0.08, left + to, base + FULL]
            })
        });
        boxes.collect()
    }

    /// Where there is neither movement nor light; of a diary, nowhere.
    fn gaps(&self, one: &[Option<f64>], other: &[Option<f64>], subject: &Subject) -> Shapes {
        let none: Vec<bool> =
            one.iter().zip(other).map(|(one, other)| one.is_none() && other.is_none()).collect();
        if subject.trace.movement.is_none() && subject.trace.light.is_empty() {
            return Shapes::Boxes(Vec::new());
        }
        let runs = self.runs(&none, |none| *none).into_iter();
        let gaps = runs.flat_map(|(day, first, run)| {
            self.rows(day).map(move |(left, base)| {
                let (from, to) = (self.hour(first), self.hour(first + run.len()));
                [left + from, base, left + to, base + 1.0]
            })
        });
        let below_last = [24.0, -(self.count as f64), 48.0, 1.0 - self.count as f64];
        Shapes::Boxes(gaps.chain([below_last]).collect())
    }

    /// A stretch of local time by the day.
    fn boxes(&self, from_ms: i64, to_ms: i64) -> Vec<[f64; 4]> {
        let first_ms = self.first * DAY_MS;
        let (from, to) = (from_ms - first_ms, to_ms - first_ms);
        let mut boxes = Vec::new();
        for day in from.div_euclid(DAY_MS)..=(to - 1).div_euclid(DAY_MS) {
            let hour = |ms: i64| (ms - day * DAY_MS).clamp(0, DAY_MS) as f64 / 3_600_000.0;
            if hour(from) < hour(to) && (0..self.count).contains(&day) {
                let rows = self.rows(day);
                boxes.extend(
                    rows.map(|(left, base)| [left + hour(from), base, left + hour(to), base + 1.0]),
                );
            }
        }
        boxes
    }

    /// A local time, so high in its rows.
    fn points(&self, local_ms: i64, height: f64) -> Vec<(f64, f64)> {
        let day = local_ms.div_euclid(DAY_MS) - self.first;
        let hour = local_ms.rem_euclid(DAY_MS) as f64 / 3_600_000.0;
        if !(0..self.count).contains(&day) {
            return Vec::new();
        }
        self.rows(day).map(|(left, base)| (left + hour, base + height)).collect()
    }

    /// Lines at the midnights, and between the days where rows are high enough.
    fn midnights(&self) -> Layer {
        let bottom = -(self.count as f64);
        let mut lines: Vec<_> =
            [0.0, 24.0, 48.0].map(|hour| vec![(hour, bottom), (hour, 0.0)]).into();
        if self.row_px() >= 12 {
            let between = 1..self.count;
            lines.extend(between.map(|row| vec![(0.0, -(row as f64)), (48.0, -(row as f64))]));
        }
        Layer::plain(Ink::Grey, Shapes::Lines(lines, 1))
    }

    /// Dates in the middle of the rows, as many as there is room for.
    fn dates(&self) -> Vec<(f64, String)> {
        let every = if self.row_px() < 16 { 7 } else { 1 };
        let rows = (0..self.count).step_by(every);
        rows.map(|row| {
            let day = (self.first + row) * DAY_MS;
            (-(row as f64) - 0.5, date(day, "%a %Y-%m-%d"))
        })
        .collect()
    }
}
