//! Epochs, counts and autocalibration.

use zeitgeber_processors::rhythm::acceleration::{
    Epochs, FEATURES, Sample,
    calibration::{StillFinder, StillWindow, StillWindows, WINDOWS_MAX, fit},
    counts::Counts,
};

use super::{Noise, restored};

/// A wrist that moves at some 2 Hz, with noise.
fn moving(seed: u64, rate_hz: f64, seconds: f64) -> Vec<Sample> {
    let mut noise = Noise(seed);
    let sample = |i: u32| {
        let angle = f64::from(i) / rate_hz * 12.0;
        let wave = 0.5 * angle.sin();
        [wave + 0.1 * noise.signed(), 0.3 * noise.signed() - wave, 1.0 + 0.2 * noise.signed()]
    };
    (0..(rate_hz * seconds) as u32).map(sample).collect()
}

#[test]
fn epochs_equal_the_batch_formulas() {
    let samples = moving(1, 50.0, 23.0);
    let mut machine = Epochs::new(50.0).expect("250 samples are an epoch");
    let epochs: Vec<_> = samples.iter().filter_map(|sample| machine.feed(*sample)).collect();
    assert_eq!(epochs.len(), 4);
    for (epoch, samples) in epochs.iter().zip(samples.chunks(250)) {
        let norms: Vec<f64> =
            samples.iter().map(|[x, y, z]| (x * x + y * y + z * z).sqrt()).collect();
        let mean = norms.iter().sum::<f64>() / 250.0;
        let enmo = norms.iter().map(|norm| (norm - 1.0).max(0.0)).sum::<f64>() / 250.0;
        let mad = norms.iter().map(|norm| (norm - mean).abs()).sum::<f64>() / 250.0;
        assert!((epoch.enmo_g - enmo).abs() < 1e-12);
        assert!((epoch.mad_g - mad).abs() < 1e-12);
    }
}

#[test]
fn a_sample_that_is_not_finite_drops_its_epoch() {
    let mut machine = Epochs::new(1.0).expect("5 samples are an epoch");
    let up = [0.0, 0.0, 1.0];
    let fed = [up, up, [f64::NAN, 0.0, 0.0], up, up, up, up];
    assert!(fed.into_iter().all(|sample| machine.feed(sample).is_none()));
    let epoch = machine.feed(up).expect("five samples in a row");
    assert_eq!((epoch.enmo_g, epoch.mad_g, epoch.angle_z_deg), (0.0, 0.0, 90.0));
    assert_eq!(machine.norm_mean_g(), Some(1.0));
}

#[test]
fn nothing_fed_tells_nothing() {
    assert_eq!(Epochs::new(30.0).and_then(|machine| machine.norm_mean_g()), None);
    assert!(Epochs::new(0.1).is_none() && Epochs::new(f64::NAN).is_none());
    assert!(Counts::new(31, 10).is_none() && Counts::new(30, 0).is_none());
    assert_eq!(StillWindows::default().value(), None);
    assert!(fit(&[]).is_none());
}

#[test]
fn a_minute_of_counts_is_six_times_ten_seconds_at_every_rate() {
    for rate in [30, 32, 40, 50, 60, 64, 70, 80, 90, 100, 128, 256] {
        let samples = moving(2, f64::from(rate), 62.0);
        let count = |epoch_s: u32| -> Vec<[u32; 3]> {
            let mut machine = Counts::new(rate, epoch_s).expect("the rate is known");
            samples.iter().filter_map(|sample| machine.feed(*sample)).collect()
        };
        let tens = count(10);
        assert_eq!(tens.len(), 6, "{rate} Hz");
        let sums = [0, 1, 2].map(|axis| tens.iter().map(|epoch| epoch[axis]).sum::<u32>());
        assert_eq!(count(60), [sums], "{rate} Hz");
        assert!(sums[0] > 1000, "{rate} Hz: {sums:?}");
    }
}

#[test]
fn a_wrist_at_rest_has_no_counts() {
    for rate in [30, 32, 60, 128] {
        let mut machine = Counts::new(rate, 1).expect("the rate is known");
        let epochs: Vec<_> =
            (0..10 * rate).filter_map(|_| machine.feed([0.6, 0.0, -0.8])).collect();
        assert!(epochs.len() >= 9);
        assert!(epochs.iter().all(|epoch| *epoch == [0; 3]), "{rate} Hz: {epochs:?}");
    }
}

#[test]
fn a_snapshot_in_mid_stream_changes_no_bit() {
    let samples = moving(3, 32.0, 40.0);
    let mut epochs = Epochs::new(32.0).expect("160 samples are an epoch");
    let mut counts = Counts::new(32, 1).expect("the rate is known");
    let mut finder = StillFinder::new(32.0).expect("320 samples are a window");
    let (mut other, mut other_counts, mut other_finder) =
        (epochs.clone(), counts.clone(), finder.clone());
    for (at, sample) in samples.iter().enumerate() {
        if at % 97 == 0 {
            (other, other_counts) = (restored(&other), restored(&other_counts));
            other_finder = restored(&other_finder);
        }
        assert_eq!(epochs.feed(*sample), other.feed(*sample));
        assert_eq!(counts.feed(*sample), other_counts.feed(*sample));
        assert_eq!(finder.feed(*sample, Some(25.0)), other_finder.feed(*sample, Some(25.0)));
    }
    assert_eq!((epochs, counts, finder), (other, other_counts, other_finder));
}

/// A still window as a sensor with known errors measures it.
fn measured(noise: &mut Noise, scale: Sample, offset: Sample, drift: Sample) -> StillWindow {
    let (z, turn) = (noise.signed(), std::f64::consts::PI * noise.signed());
    let flat = (1.0 - z * z).sqrt();
    let truth = [flat * turn.cos(), flat * turn.sin(), z];
    let degrees = 25.0 + 4.0 * noise.signed();
    let mean_g = std::array::from_fn(|axis| {
        (truth[axis] - (degrees - 25.0) * drift[axis]) / scale[axis] - offset[axis]
    });
    StillWindow { mean_g, temperature_c: Some(degrees) }
}

#[test]
fn a_sensor_with_known_errors_is_corrected() {
    let (scale, offset) = ([1.01, 0.98, 1.005], [0.02, -0.03, 0.01]);
    let drift = [0.001, -0.002, 0.0005];
    let mut noise = Noise(4);
    let mut kept = StillWindows::default();
    for _ in 0..3000 {
        assert!(kept.feed(measured(&mut noise, scale, offset, drift), [0.004; 3]));
    }
    assert!(!kept.feed(measured(&mut noise, scale, offset, drift), [0.004, 0.02, 0.004]));
    assert_eq!(kept.windows().len(), WINDOWS_MAX);
    let found = kept.value().expect("every posture is there");
    assert_eq!(found, restored(&kept).value().expect("it is the same"));
    assert!(found.error_start_g > 0.01 && found.error_end_g < 5e-4, "{found:?}");
    for axis in 0..3 {
        assert!((found.scale[axis] - scale[axis]).abs() < 1e-3, "{found:?}");
        assert!((found.offset_g[axis] - offset[axis]).abs() < 1e-3, "{found:?}");
        assert!((found.temperature_offset_g_per_c[axis] - drift[axis]).abs() < 2e-4, "{found:?}");
    }
}

#[test]
fn windows_on_one_side_alone_calibrate_nothing() {
    let mut noise = Noise(5);
    let mut windows: Vec<StillWindow> =
        (0..100).map(|_| measured(&mut noise, [1.0; 3], [0.0; 3], [0.0; 3])).collect();
    assert!(fit(&windows).is_some());
    windows.iter_mut().for_each(|window| window.temperature_c = None);
    let found = fit(&windows).expect("temperature is not needed");
    assert_eq!(found.temperature_offset_g_per_c, [0.0; 3]);
    windows.retain(|window| window.mean_g[2] > 0.0);
    assert!(fit(&windows).is_none());
}

#[test]
fn a_finder_tells_mean_and_deviation() {
    let mut finder = StillFinder::new(1.0).expect("10 samples are a window");
    let mut found = None;
    for at in 0..10 {
        found = finder.feed([f64::from(at), 0.0, 1.0], (at < 2).then_some(20.0 + f64::from(at)));
    }
    let (window, sd) = found.expect("the window is complete");
    assert_eq!(window.temperature_c, Some(20.5));
    assert!((window.mean_g[0] - 4.5).abs() < 1e-12 && window.mean_g[1..] == [0.0, 1.0]);
    assert!((sd[0] - (82.5f64 / 9.0).sqrt()).abs() < 1e-12 && sd[1..] == [0.0, 0.0]);
}

#[test]
fn every_feature_of_acceleration_is_described() {
    let names: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
    assert_eq!(names.len(), 6);
    assert!(FEATURES.iter().all(|feature| !feature.distrust.is_empty()));
}
