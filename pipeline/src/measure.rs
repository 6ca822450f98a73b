//! Counts in fixed buckets: what the parts of the writer measure about themselves.
//!
//! A [`Histogram`] is shared and lock-free, a [`Buckets`] belongs to one thread and is poured into
//! a histogram once per batch. Neither keeps a sample, so neither grows. They know nothing of
//! metric names: whoever watches the service reads them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Most bounds of a histogram.
pub const BOUNDS_MAX: usize = 16;

/// Bounds for what should take milliseconds, s.
pub const LATENCY_S: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bounds for what people's devices and agents take, s: from a second to two days.
pub const DELAY_S: &[f64] = &[
    1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 43_200.0, 86_400.0,
    172_800.0,
];
/// Bounds for what agents do, s: from a millisecond to a day.
pub const WORK_S: &[f64] = &[
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0,
    86_400.0,
];
/// Bounds for shares, 0 to 1.
pub const RATIO: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Bounds for the Karolinska sleepiness scale, 1 to 9.
pub const SLEEPINESS: &[f64] = &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
/// Bounds for chunks that share one sync.
pub const CHUNKS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Counts of values between bounds, shared between threads.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One for each bound, and one for what is beyond the last.
    counts: [AtomicU64; BOUNDS_MAX + 1],
    /// Bits of the sum of all values.
    sum: AtomicU64,
}

/// The same for one thread alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buckets {
    bounds: &'static [f64],
    counts: [u64; BOUNDS_MAX + 1],
    sum: f64,
}

/// What a histogram holds at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Values up to each bound, those of lower bounds included.
    pub up_to: Vec<(f64, u64)>,
    /// All values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Histogram {
    /// An empty histogram of at most [`BOUNDS_MAX`] bounds, ascending.
    pub fn new(bounds: &'static [f64]) -> Self {
        assert!(bounds.len() <= BOUNDS_MAX, "{} bounds are too many", bounds.len());
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts one value.
    pub fn record(&self, value: f64) {
        self.counts[bucket(self.bounds, value)].fetch_add(1, Ordering::Relaxed);
        self.add_sum(value);
    }

    /// Counts one duration, in seconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(duration.as_secs_f64());
    }

    /// Counts what was gathered, which has the same bounds.
    pub fn pour(&self, buckets: &Buckets) {
        debug_assert_eq!(self.bounds, buckets.bounds);
        let counts = self.counts.iter().zip(buckets.counts);
        for (total, count) in counts.filter(|(_, count)| *count > 0) {
            total.fetch_add(count, Ordering::Relaxed);
        }
        if buckets.sum != 0.0 {
            self.add_sum(buckets.sum);
        }
    }

    /// What it holds now.
    pub fn read(&self) -> Reading {
        let mut count = 0;
        let mut up_to = Vec::with_capacity(self.bounds.len());
        for (bound, bucket) in self.bounds.iter().zip(&self.counts) {
            count += bucket.load(Ordering::Relaxed);
            up_to.push((*bound, count));
        }
        count += self.counts[self.bounds.len()].load(Ordering::Relaxed);
        Reading { up_to, count, sum: f64::from_bits(self.sum.load(Ordering::Relaxed)) }
    }

    fn add_sum(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure always gives a value, so this cannot fail.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Buckets {
    /// Empty buckets of at most [`BOUNDS_MAX`] bounds, ascending.
    pub const fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: [0; BOUNDS_MAX + 1], sum: 0.0 }
    }

    /// Counts one value.
    pub fn record(&mut self, value: f64) {
        self.counts[bucket(self.bounds, value)] += 1;
        self.sum += value;
    }

    /// Counts what another one gathered.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(total, count)| *total += count);
        self.sum += other.sum;
    }

    /// All values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The first bound that a value does not exceed; one past the last for everything else.
fn bucket(bounds: &[f64], value: f64) -> usize {
    bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_counts_below_it_and_one_beyond_all_counts_only_in_the_total() {
        let histogram = Histogram::new(CHUNKS);
        [1.0, 2.0, 3.0, 512.0, 513.0].into_iter().for_each(|value| histogram.record(value));
        let read = histogram.read();
        assert_eq!(read.up_to[..3], [(1.0, 1), (2.0, 2), (4.0, 3)]);
        assert_eq!(read.up_to.last(), Some(&(512.0, 4)));
        assert_eq!((read.count, read.sum), (5, 1_031.0));
    }

    #[test]
    fn pouring_buckets_counts_what_recording_one_by_one_does() {
        let (direct, poured) = (Histogram::new(LATENCY_S), Histogram::new(LATENCY_S));
        let (mut first, mut second) = (Buckets::new(LATENCY_S), Buckets::new(LATENCY_S));
        for i in 0..1_000_u32 {
            let value = f64::from(i) / 64.0;
            direct.record(value);
            if i % 3 == 0 { first.record(value) } else { second.record(value) }
        }
        first.merge(&second);
        poured.pour(&first);
        assert_eq!(poured.read(), direct.read());
        assert_eq!(first.count(), 1_000);
    }
}
