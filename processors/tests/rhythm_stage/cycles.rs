//! Laws of the cycles and of sleep scoring: the report and the live stage fit the same bits, a
//! machine stored in mid-stream goes on as if nothing had been, and nothing gives no value.

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use zeitgeber_processors::rhythm::{
    Tables,
    report::Fold,
    sleep::{ColeKripke, Counts, Masda, Oakley, Regularity, RestBouts, Sadeh, Webster},
};

use super::kit::{DAY_MS, MINUTE_MS, Reading, Value, profile};

fn fold(values: impl Iterator<Item = Option<f64>>) -> Fold {
    let mut fold = Fold::new();
    for (minute, value) in (0..).zip(values) {
        if let Some(value) = value {
            let start = 20_000 * DAY_MS + minute * MINUTE_MS;
            Reading::epoch(start, 60, Value::Counts(value))
                .with(|input| fold.add(&profile(60), input));
        }
    }
    fold
}

/// The machine as it comes back from storage.
fn stored<T: Serialize + DeserializeOwned>(machine: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(machine).unwrap()).unwrap()
}

/// Webster's rules run by run over the whole scoring.
fn rescored(scored: &[bool]) -> Vec<bool> {
    let runs: Vec<&[bool]> = scored.chunk_by(PartialEq::eq).collect();
    let length = |at: Option<usize>| at.and_then(|at| runs.get(at)).map_or(0, |run| run.len());
    let mut states = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let (before, after) = (length(at.checked_sub(1)), length(Some(at + 1)));
        let between = |wake: usize| before >= wake && after >= wake;
        let taken = [(4, 1), (10, 3), (15, 4)].iter().filter(|(wake, _)| before >= *wake);
        let taken = taken.map(|(_, taken)| *taken).max().unwrap_or(0);
        let gone = run.len() <= 6 && between(10) || run.len() <= 10 && between(20);
        let kept = |minute: usize| run[0] && !gone && minute >= taken;
        states.extend((0..run.len()).map(kept));
    }
    states
}

fn runs() -> impl Strategy<Value = Vec<bool>> {
    let run = (any::<bool>(), prop_oneof![1..13usize, 8..24usize, 1..60usize]);
    prop::collection::vec(run, 0..40).prop_map(|runs| {
        runs.into_iter().flat_map(|(state, length)| std::iter::repeat_n(state, length)).collect()
    })
}

fn counts() -> impl Strategy<Value = Vec<f64>> {
    let quiet = 0..4u32;
    prop::collection::vec(prop_oneof![quiet.clone(), quiet, 0..500u32], 0..400)
        .prop_map(|values| values.into_iter().map(f64::from).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn webster_as_a_stream_is_webster_over_the_whole(scored in runs(), cut in 0..400usize) {
        let (mut machine, mut states) = (Webster::new(), Vec::new());
        for (at, sleep) in scored.iter().enumerate() {
            if at == cut {
                machine = stored(&machine);
            }
            machine.feed(*sleep, |state| states.push(state));
            prop_assert!(at + 1 - states.len() <= 30, "a state waits at most 30 minutes");
        }
        machine.finish(|state| states.push(state));
        prop_assert_eq!(states, rescored(&scored));
    }

    #[test]
    fn a_scorer_stored_in_mid_stream_goes_on_the_same(values in counts(), cut in 0..400usize) {
        macro_rules! same {
            ($new:expr) => {{
                let (mut whole, mut part) = ($new, $new);
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                for (at, value) in values.iter().enumerate() {
                    if at == cut {
                        part = stored(&part);
                    }
                    whole.feed(*value, |state| expected.push(state));
                    part.feed(*value, |state| found.push(state));
                }
                whole.finish(|state| expected.push(state));
                part.finish(|state| found.push(state));
                prop_assert_eq!(expected.len(), values.len(), "a state for each epoch");
                prop_assert_eq!(expected, found);
            }};
        }
        same!(ColeKripke::new(Counts::Generic));
        same!(ColeKripke::new(Counts::ActiGraph));
        same!(Sadeh::new());
        same!(Masda::new());
        same!(Oakley::new(15).unwrap());
        same!(Oakley::new(60).unwrap());
    }

    #[test]
    fn bouts_hold_the_bins_of_rest(values in counts()) {
        let (mut machine, mut states) = (Masda::new(), Vec::new());
        values.iter().for_each(|sum| machine.feed(*sum, |rest| states.push(rest)));
        machine.finish(|rest| states.push(rest));
        let mut bouts = RestBouts::default();
        let mut ends: Vec<_> = states.iter().filter_map(|rest| bouts.feed(*rest)).collect();
        ends.extend(bouts.finish());
        let rest = states.iter().filter(|rest| **rest).count() as u64;
        prop_assert_eq!(ends.iter().map(|bout| bout.offset - bout.onset).sum::<u64>(), rest);
        prop_assert!(ends.iter().all(|bout| bout.offset - bout.onset < 72), "12 h at most");
    }
}

#[test]
fn the_report_and_the_cycles_fit_the_same_bits() {
    let value = |minute: u32| {
        let clock = f64::from(minute % 1440);
        (minute % 97 != 5).then(|| if clock < 400.0 { 0.0 } else { 50.0 + clock % 211.0 })
    };
    let (fold, tables) = (fold((0..4 * 1440).map(value)), Tables::new());
    let told = fold.features(&profile(60), &tables).all_minutes.unwrap();
    let cycles = fold.cycles(&profile(60), &tables).unwrap();
    let all = cycles.all_minutes.unwrap();
    let [one, two, three] = all.cosinor.map(Option::unwrap);
    let component = &one.components[0];
    assert_eq!(told.is.map(f64::to_bits), all.is.map(f64::to_bits));
    assert_eq!(told.ra.map(f64::to_bits), all.extremes.unwrap().ra.map(f64::to_bits));
    assert_eq!(told.mesor.map(f64::to_bits), Some(one.mesor.value.to_bits()));
    assert_eq!(told.amplitude.map(f64::to_bits), Some(component.amplitude.value.to_bits()));
    assert_eq!(told.acrophase_rad, Some(component.acrophase_rad.value));
    assert_eq!(told.peak_h, Some(component.peak_h));
    assert_eq!((told.r2, told.r2_two), (Some(one.r2), Some(two.r2)));
    assert_eq!(told.orthophase_h, Some(two.orthophase_h));
    assert!(three.r2 > two.r2 && two.r2 > one.r2, "each harmonic explains more");
    let periods = cycles.nonwear.unwrap();
    let nonwear: i64 = periods.iter().map(|(start, end)| end - start).sum();
    assert_eq!(nonwear, 4 * 400, "the zeros of each day, gaps among them");
}

#[test]
fn a_curve_of_three_harmonics_is_recovered_with_the_errors_of_a_balanced_day() {
    let waves: [(f64, f64); 3] = [(1.0, 30.0), (2.0, 20.0), (3.0, 10.0)];
    let curve = |of_day: f64| {
        let angle = std::f64::consts::TAU * of_day;
        100.0 + waves.iter().map(|(j, height)| height * (j * angle - j).cos()).sum::<f64>()
    };
    // Half the days lie 5 above and half below it at each minute: the fit cannot see them.
    let value = |minute: u32| {
        let noise = if (minute + minute / 1440).is_multiple_of(2) { 5.0 } else { -5.0 };
        let clock = (minute + 60) % 1440;
        Some(curve((f64::from(clock) + 0.5) / 1440.0) + noise)
    };
    let n = 4 * 1440;
    let cycles = fold((0..n).map(value)).cycles(&profile(60), &Tables::new()).unwrap();
    let [_, _, fit] = cycles.all_minutes.unwrap().cosinor;
    let (fit, n) = (fit.unwrap(), f64::from(n));
    let near = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-8, "{found}, not {expected}");
    };
    let sigma = (25.0 * n / (n - 7.0)).sqrt();
    near(fit.rss, 25.0 * n);
    near(fit.resid_se, sigma);
    near(fit.mesor.value, 100.0);
    near(fit.mesor.se, sigma / n.sqrt());
    for (component, (harmonic, height)) in fit.components.iter().zip(waves) {
        near(component.amplitude.value, height);
        near(component.amplitude.se, sigma * (2.0 / n).sqrt());
        near(component.acrophase_rad.value, -harmonic);
        near(component.acrophase_rad.se, sigma * (2.0 / n).sqrt() / height);
    }
    near(fit.curve_max, 160.0);
    let day_h = 24.0 / std::f64::consts::TAU;
    assert!((fit.orthophase_h - day_h).abs() <= 24.0 / 14_400.0, "all peak together");
    let lowest = (0..14_400).map(|point| curve(f64::from(point) / 14_400.0));
    near(fit.curve_min, lowest.fold(f64::INFINITY, f64::min));
    assert!(fit.log10_p < -300.0 && fit.p() == 0.0, "{}", fit.log10_p);
}

#[test]
fn nothing_gives_no_value_and_a_flat_signal_no_rhythm() {
    let tables = Tables::new();
    assert_eq!(Fold::new().cycles(&profile(0), &tables), None);
    assert_eq!(Fold::new().hourly_cycles(&profile(0), &tables), None);
    assert_eq!(Regularity::new(1440, 0).all().index(), None);
    assert!(Oakley::new(10).is_none());
    let flat = fold((0..3 * 1440).map(|_| Some(7.0))).cycles(&profile(0), &tables).unwrap();
    let rhythm = flat.all_minutes.unwrap();
    assert_eq!((rhythm.is, rhythm.iv), (None, None));
    assert_eq!(rhythm.cosinor, [const { None }; 3]);
    assert_eq!(rhythm.extremes.unwrap().ra, Some(0.0));
    let short = fold((0..1440).map(|_| Some(7.0))).cycles(&profile(0), &tables).unwrap();
    assert_eq!(short.all_minutes, None, "a day is no rhythm");
}
