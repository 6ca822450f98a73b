//! How an analysis is shown to a person.

use std::{collections::BTreeMap, io::Write};

use zeitgeber::analyze::{Acceleration, Analysis, Features, Heart, Light, Movement, Sound};
use zeitgeber_processors::rhythm::{
    acceleration::Epoch,
    cycles::{HourlyCycles, Rhythm},
    timing::SleepTiming,
};
use zeitgeber_schemas::Signal;

use super::super::{Failure, output};

/// Longest list that is shown row by row.
const SHOWN: usize = 14;
/// Most people that are shown.
const PEOPLE_SHOWN: usize = 50;
/// Hours below which a rhythm is not told.
const HOURS_MIN: u32 = 48;

/// Shows an analysis to a person.
pub(super) fn readable(out: &mut impl Write, analysis: &Analysis) -> Result<(), Failure> {
    let Analysis { file, kind, rows, repeats, epoch_s, .. } = analysis;
    write!(out, "{}: {kind}, {rows} rows", output::tone(output::Tone::Bold, file))?;
    if let Some(epoch_s) = epoch_s {
        write!(out, " every {} s", (epoch_s * 1e6).round() / 1e6)?;
    }
    if let (Some(first), Some(last)) = (analysis.first_ms, analysis.last_ms) {
        write!(out, ", {} to {}", time(first as i64), time(last as i64))?;
    }
    if *repeats > 0 {
        write!(out, "; {repeats} at the time of the row before were left out")?;
    }
    writeln!(out)?;
    match &analysis.features {
        Features::Movement(movement) => self::movement(out, movement)?,
        Features::Hourly(people) => hourly(out, people)?,
        Features::Heart(heart) => self::heart(out, heart)?,
        Features::Acceleration(found) => acceleration(out, found)?,
        Features::Light(light) => self::light(out, light)?,
        Features::Sound(sound) => self::sound(out, sound)?,
        Features::Sleep(timing) => sleep(out, timing.as_ref())?,
    }
    writeln!(out)?;
    Ok(())
}

/// Rows of a name, a value with its uncertainty, and a unit.
type Lines = Vec<(&'static str, String, &'static str)>;

fn show(out: &mut impl Write, lines: &Lines) -> std::io::Result<()> {
    let mut table = output::table(&["feature", "value", "unit"]);
    for (name, value, unit) in lines {
        table.add_row([
            comfy_table::Cell::new(name),
            output::right(value),
            comfy_table::Cell::new(unit),
        ]);
    }
    writeln!(out, "{table}")
}

fn rhythm(lines: &mut Lines, rhythm: &Rhythm, unit: &'static str) {
    lines.push(("interdaily stability (IS)", output::number(rhythm.is, 3), ""));
    lines.push(("intradaily variability (IV)", output::number(rhythm.iv, 3), ""));
    if let Some(found) = rhythm.extremes {
        lines.push(("L5", format!("{:.1} from {}", found.l5, clock(found.l5_onset_min)), unit));
        let m10 = format!("{:.1} from {}", found.m10, clock(found.m10_onset_min));
        lines.push(("M10", m10, unit));
        lines.push(("relative amplitude (RA)", output::number(found.ra, 3), ""));
    }
    if let Some(fit) = &rhythm.cosinor[0] {
        lines.push(("MESOR", format!("{:.1} ± {:.1}", fit.mesor.value, fit.mesor.se), unit));
        if let Some(wave) = fit.components.first() {
            let amplitude = wave.amplitude;
            lines.push((
                "amplitude",
                format!("{:.1} ± {:.1}", amplitude.value, amplitude.se),
                unit,
            ));
            lines.push(("acrophase", hours(Some(wave.peak_h)), "clock"));
        }
        lines.push(("R² of the cosinor", format!("{:.3}", fit.r2), ""));
    }
}

fn movement(out: &mut impl Write, movement: &Movement) -> Result<(), Failure> {
    let cycles = &movement.cycles;
    let unit = if cycles.signal == Signal::ActivityCounts { "counts/min" } else { "mg" };
    let mut lines: Lines = vec![
        ("signal", cycles.signal.as_str().into(), unit),
        ("minutes with a value", format!("{} of {}", cycles.n_valid, cycles.n_minutes), "min"),
    ];
    if let Some(periods) = &cycles.nonwear {
        let minutes: i64 = periods.iter().map(|(from, until)| until - from).sum();
        lines.push(("non-wear (Choi)", format!("{minutes} in {} periods", periods.len()), "min"));
    }
    if let Some((shown, worn)) = cycles.told() {
        let of = if worn { "worn minutes" } else { "all minutes" };
        lines.push(("what follows is of", of.into(), ""));
        rhythm(&mut lines, shown, unit);
    }
    show(out, &lines)?;
    if cycles.all_minutes.is_none() {
        writeln!(out, "a rhythm needs two days from the first value to the last")?;
    }
    if !movement.sleep.is_empty() {
        let mut table = output::table(&["sleep scored by", "minutes", "SRI", "pairs"]);
        for (scorer, sleep) in &movement.sleep {
            table.add_row([
                comfy_table::Cell::new(scorer),
                output::right(sleep.sleep_minutes),
                output::right(output::number(sleep.sri, 1)),
                output::right(sleep.sri_pairs),
            ]);
        }
        writeln!(out, "{table}")?;
    }
    for bout in movement.rest_bouts.iter().take(SHOWN) {
        writeln!(out, "rest {} to {}", time(bout.onset_ms), time(bout.offset_ms))?;
    }
    more(out, movement.rest_bouts.len())
}

fn hourly(out: &mut impl Write, people: &BTreeMap<String, HourlyCycles>) -> Result<(), Failure> {
    let mut table =
        output::table(&["person", "hours", "IS", "IV", "MESOR", "amplitude", "acrophase"]);
    for (person, HourlyCycles { rhythm, .. }) in people.iter().take(PEOPLE_SHOWN) {
        let long = rhythm.n_hours >= HOURS_MIN;
        let fit = rhythm.cosinor[0].as_ref().filter(|_| long);
        let wave = fit.and_then(|fit| fit.components.first());
        table.add_row([
            comfy_table::Cell::new(output::cell(person)),
            output::right(rhythm.n_hours),
            output::right(output::number(rhythm.is.filter(|_| long), 3)),
            output::right(output::number(rhythm.iv.filter(|_| long), 3)),
            output::right(output::number(fit.map(|fit| fit.mesor.value), 1)),
            output::right(output::number(wave.map(|wave| wave.amplitude.value), 1)),
            output::right(hours(wave.map(|wave| wave.peak_h))),
        ]);
    }
    writeln!(out, "{table}")?;
    let signal = people.values().next().map_or("none", |cycles| cycles.signal.as_str());
    writeln!(out, "MESOR and amplitude by the hour, signal {signal}; a rhythm needs two days")?;
    if people.len() > PEOPLE_SHOWN {
        writeln!(out, "and {} more people; `--json` gives all", people.len() - PEOPLE_SHOWN)?;
    }
    Ok(())
}

fn heart(out: &mut impl Write, heart: &Heart) -> Result<(), Failure> {
    let removed = heart.removed;
    let mut lines: Lines = vec![
        ("intervals kept", format!("{} of {}", heart.kept, heart.intervals), ""),
        ("out of range, jumps", format!("{}, {}", removed.range, removed.jump), ""),
        ("artefacts (Lipponen-Tarvainen)", heart.artefacts.to_string(), ""),
    ];
    if let Some(time) = &heart.time {
        lines.push(("mean NN", format!("{:.1}", time.mean_nn_ms), "ms"));
        lines.push(("mean heart rate", format!("{:.1}", time.mean_hr), "1/min"));
        lines.push(("SDNN", output::number(time.sdnn_ms, 2), "ms"));
        lines.push(("RMSSD", output::number(time.rmssd_ms, 2), "ms"));
        lines.push(("pNN50", output::number(time.pnn50, 2), "%"));
        let ellipse =
            format!("{}, {}", output::number(time.sd1_ms, 2), output::number(time.sd2_ms, 2));
        lines.push(("SD1, SD2", ellipse, "ms"));
    }
    lines.push(("SDANN of 5 min", output::number(heart.sdann_ms, 2), "ms"));
    lines.push(("SDNNI of 5 min", output::number(heart.sdnni_ms, 2), "ms"));
    show(out, &lines)?;
    let mut table = output::table(&[
        "window of 5 min",
        "covered s",
        "RMSSD ms",
        "LF ms²",
        "HF ms²",
        "SampEn",
        "DFA α1",
        "usable for",
    ]);
    for window in heart.windows.iter().take(SHOWN) {
        let welch = window.welch.filter(|_| window.usable.frequency_domain);
        let entropy = window.sample_entropy.and_then(|found| found.value);
        let usable = match (window.usable.time_domain, window.usable.frequency_domain) {
            (true, true) => "time, frequency",
            (true, false) => "time",
            (false, _) => "-",
        };
        table.add_row([
            comfy_table::Cell::new(time(window.start_ms as i64)),
            output::right(format!("{:.0}", window.coverage_s)),
            output::right(output::number(window.time.and_then(|time| time.rmssd_ms), 1)),
            output::right(output::number(welch.map(|bands| bands.lf), 0)),
            output::right(output::number(welch.map(|bands| bands.hf), 0)),
            output::right(output::number(entropy, 2)),
            output::right(output::number(window.dfa_alpha1, 2)),
            comfy_table::Cell::new(usable),
        ]);
    }
    writeln!(out, "{table}")?;
    more(out, heart.windows.len())
}

fn acceleration(out: &mut impl Write, found: &Acceleration) -> Result<(), Failure> {
    let count = found.epochs.len() as f64;
    let mean = |of: fn(&Epoch) -> f64| {
        (count > 0.0).then(|| found.epochs.iter().map(|epoch| of(&epoch.told)).sum::<f64>() / count)
    };
    let mut lines: Lines = vec![
        ("samples", format!("{} at {} Hz", found.samples, found.rate_hz), ""),
        ("gaps", found.gaps.to_string(), ""),
        ("mean norm", output::number(found.norm_mean_g, 4), "g"),
        ("epochs of 5 s", found.epochs.len().to_string(), ""),
        ("mean ENMO", output::number(mean(|epoch| epoch.enmo_g * 1000.0), 2), "mg"),
        ("mean MAD", output::number(mean(|epoch| epoch.mad_g * 1000.0), 2), "mg"),
    ];
    if let Some(counts) = found.counts.as_ref().filter(|counts| !counts.is_empty()) {
        let sums = counts.iter().fold([0_u64; 3], |mut sums, minute| {
            let axes = sums.iter_mut().zip(minute.told.counts);
            axes.for_each(|(sum, count)| *sum += u64::from(count));
            sums
        });
        lines.push(("whole minutes of counts", counts.len().to_string(), ""));
        lines.push(("ActiGraph counts x, y, z", format!("{sums:?}"), "counts"));
    }
    if let Some(fit) = &found.calibration {
        let error = format!(
            "{:.1} to {:.1} over {} still windows",
            fit.error_start_g * 1000.0,
            fit.error_end_g * 1000.0,
            fit.n
        );
        lines.push(("calibration error, before and after", error, "mg"));
    }
    Ok(show(out, &lines)?)
}

fn light(out: &mut impl Write, light: &Light) -> Result<(), Failure> {
    let mut table = output::table(&[
        "day",
        "samples",
        "mean lux",
        "dose lux h",
        "TAT10 min",
        "TAT250 min",
        "TAT1000 min",
        "MLiT250",
    ]);
    for day in light.days.iter().take(SHOWN) {
        let [ten, bright, very] = day.light.above;
        table.add_row([
            comfy_table::Cell::new(time(day.start_ms).split(' ').next().unwrap_or_default()),
            output::right(day.light.n),
            output::right(format!("{:.1}", day.light.mean_lux)),
            output::right(format!("{:.0}", day.light.dose_lux_h)),
            output::right(format!("{:.1}", ten.tat_min)),
            output::right(format!("{:.1}", bright.tat_min)),
            output::right(format!("{:.1}", very.tat_min)),
            output::right(hours(bright.mlit_h)),
        ]);
    }
    writeln!(out, "{table}")?;
    more(out, light.days.len())?;
    let mut lines: Lines = vec![
        ("IS of light", output::number(light.hours.is, 3), ""),
        ("IV of light", output::number(light.hours.iv, 3), ""),
    ];
    if let Some(phase) = light.phase {
        let within = |h: f64| format!("{} ± {:.1} h", hours(Some(h)), phase.half_width_h);
        lines.push(("CBTmin", within(phase.cbtmin_clock_h), "clock"));
        lines.push(("DLMO", within(phase.dlmo_clock_h), "clock"));
    }
    show(out, &lines)?;
    if !light.close {
        writeln!(out, "samples more than a minute apart tell neither hours nor phase")?;
    } else if light.phase.is_none() {
        writeln!(out, "circadian phase is told after five days of light")?;
    } else if !light.melanopic {
        writeln!(out, "phase from photopic lux, which is not what the body clock sees")?;
    }
    Ok(())
}

fn sound(out: &mut impl Write, sound: &Sound) -> Result<(), Failure> {
    let most = sound.minutes.iter().map(|minute| minute.lamax).max_by(f64::total_cmp);
    let lines: Lines = vec![
        ("LAeq", output::number(sound.laeq_db, 2), "dB"),
        ("LAmax", output::number(most, 2), "dB"),
        ("minutes", sound.minutes.len().to_string(), ""),
    ];
    show(out, &lines)?;
    if sound.partial {
        writeln!(out, "some octave bands only: the true levels are higher")?;
    }
    Ok(())
}

fn sleep(out: &mut impl Write, timing: Option<&SleepTiming>) -> Result<(), Failure> {
    let Some(timing) = timing else {
        return Ok(writeln!(out, "no whole night in it")?);
    };
    let lines: Lines = vec![
        ("nights (28 at most)", timing.nights.to_string(), ""),
        ("midsleep on work days (MSW)", hours(timing.msw_h), "clock"),
        ("midsleep on free days (MSF)", hours(timing.msf_h), "clock"),
        ("chronotype (MSFsc)", hours(timing.msfsc_h), "clock"),
        ("social jetlag", output::number(timing.social_jetlag_h, 2), "h"),
        ("mean sleep", output::number(timing.sdweek_h, 2), "h"),
        ("spread of midsleep", output::number(timing.midsleep_sd_min, 1), "min"),
        ("sleep regularity index", output::number(timing.sri, 1), ""),
    ];
    Ok(show(out, &lines)?)
}

fn more(out: &mut impl Write, count: usize) -> Result<(), Failure> {
    if count > SHOWN {
        writeln!(out, "and {} more; `--json` gives all", count - SHOWN)?;
    }
    Ok(())
}

/// A local time, to the minute.
fn time(ms: i64) -> String {
    /// Recordings whose clock begins at 0 tell elapsed time.
    const ELAPSED_BELOW_MS: i64 = 100_000_000_000;
    if (0..ELAPSED_BELOW_MS).contains(&ms) {
        return format!("+{}:{:02}", ms / 3_600_000, ms / 60_000 % 60);
    }
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Hours of the day as a clock shows them.
fn hours(hours: Option<f64>) -> String {
    hours.map_or_else(|| "-".into(), |h| clock((h * 60.0).round().rem_euclid(1440.0) as u32))
}
