//! Exact arithmetic: values that many orders or partitions may add up to the same bits.
//!
//! Signals live on the grid 2^-32 as `i64`; features and rewards on the grid 2^-12 as `i32`.
//! Each value is rounded once, where it enters; integer sums then commute and associate.

/// Steps of the signal grid in one unit.
pub const SIGNAL_ONE: f64 = 4_294_967_296.0;

/// Steps of the feature and reward grid in one unit.
pub const FEATURE_ONE: f64 = 4096.0;

/// Greatest magnitude of a feature or reward.
pub const FEATURE_CLIP: f64 = 8.0;

/// Puts a finite signal value on the grid 2^-32, ties to even. Values beyond ±2^30 are clipped.
pub fn signal(value: f64) -> i64 {
    libm::rint(value.clamp(-1_073_741_824.0, 1_073_741_824.0) * SIGNAL_ONE) as i64
}

/// The value of a grid number or of a sum of them.
pub fn signal_value(grid: i64) -> f64 {
    grid as f64 / SIGNAL_ONE
}

/// Puts a feature or reward on the grid 2^-12, clipped to ±8, ties to even; NaN becomes 0.
pub fn feature(value: f64) -> i32 {
    if value.is_nan() {
        return 0;
    }
    libm::rint(value.clamp(-FEATURE_CLIP, FEATURE_CLIP) * FEATURE_ONE) as i32
}
