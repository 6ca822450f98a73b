//! Where axes are marked: round numbers, decades, hours of the clock, dates.

use jiff::Timestamp;

use super::page::Axis;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// An axis of plain numbers from one to another, marked at round ones.
pub(crate) fn plain(label: &str, from: f64, to: f64) -> Axis {
    let step = round_step((to - from) / 6.5);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let first = (from / step).ceil() as i64;
    let last = (to / step * (1.0 + 1e-12)).floor() as i64;
    let ticks = (first..=last).map(|n| n as f64 * step);
    let ticks = ticks.map(|at| (at, format!("{at:.decimals$}").replace('-', "\u{2212}"))).collect();
    Axis { label: label.into(), from, to, ticks, lines: true }
}

/// The least of 1, 2 and 5 times a power of ten that is no less than a number.
pub(super) fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(least)
}

/// An axis of decimal logarithms, marked at whole decades with what they stand for.
pub(super) fn decades(label: &str, from: f64, to: f64) -> Axis {
    let name = |decade: i32| match decade {
        0..=5 => format!("{}", 10i64.pow(decade as u32)),
        -3..0 => format!("{:.*}", decade.unsigned_abs() as usize, 10f64.powi(decade)),
        _ => format!("1e{decade}").replace('-', "\u{2212}"),
    };
    let whole = from.ceil() as i32..=to.floor() as i32;
    let ticks = whole.map(|decade| (f64::from(decade), name(decade))).collect();
    Axis { label: label.into(), from, to, ticks, lines: true }
}

/// An axis of clock hours from one to another, every so many of them.
pub(crate) fn hours(label: &str, from: i64, to: i64, step: i64) -> Axis {
    let ticks = (from..=to).filter(|hour| hour % step == 0);
    let ticks = ticks.map(|hour| (hour as f64, format!("{:02}:00", hour.rem_euclid(24)))).collect();
    Axis { label: label.into(), from: from as f64, to: to as f64, ticks, lines: true }
}

/// An axis of local time, ms, marked at round hours, at midnights with the date; of time since the
/// beginning where there is no clock.
pub(super) fn times(from_ms: i64, to_ms: i64, has_clock: bool) -> Axis {
    const STEPS_MIN: [i64; 14] =
        [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2 * 1_440, 7 * 1_440];
    const MARKS: i64 = 12;
    let span = to_ms - from_ms;
    let step = STEPS_MIN.into_iter().map(|min| min * MINUTE_MS).find(|step| span / step <= MARKS);
    let step = step.unwrap_or_else(|| (span / MARKS / DAY_MS + 1) * DAY_MS);
    let first = from_ms.div_euclid(step) + i64::from(from_ms.rem_euclid(step) > 0);
    let name = |at_ms: i64| {
        let minutes = at_ms.div_euclid(MINUTE_MS);
        match has_clock {
            false => format!("{}:{:02}", minutes / 60, minutes % 60),
            true if at_ms.rem_euclid(DAY_MS) == 0 => date(at_ms, "%b %-d"),
            true => date(at_ms, "%H:%M"),
        }
    };
    let ticks = (first..=to_ms.div_euclid(step)).map(|n| (n * step) as f64);
    let ticks = ticks.map(|at| (at, name(at as i64))).collect();
    let label = match has_clock {
        true => format!("local time, from {}", date(from_ms, "%Y-%m-%d %H:%M")),
        false => "time since the beginning, h:min".into(),
    };
    Axis { label, from: from_ms as f64, to: to_ms as f64, ticks, lines: true }
}

/// A local time as text.
pub(super) fn date(local_ms: i64, format: &str) -> String {
    let at = Timestamp::from_millisecond(local_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime(format).to_string()
}

/// Hours of the day as a clock shows them.
pub(super) fn clock(hours: f64) -> String {
    let minute = (hours * 60.0).round().rem_euclid(1_440.0) as u32;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The value below which this share of some values lies, between two of them where it falls there;
/// none of none. The values are in order thereafter.
pub(super) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let at = (values.len().max(1) - 1) as f64 * share;
    let (low, high) = (values.get(at.floor() as usize)?, values.get(at.ceil() as usize)?);
    Some(low + (high - low) * at.fract())
}

/// A number with as many digits as its size deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
