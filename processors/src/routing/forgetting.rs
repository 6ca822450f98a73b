//! Forgetting: sums kept by event time, weighed by age when they are derived.
//!
//! An outcome belongs to the bucket of its decision's time, so a correction finds it again. Weights
//! are a fixed table by age in buckets: powers of gamma discount (the same as forward decay, Cormode
//! et al. 2009), ones are a sliding window, and past the table's end nothing counts. Sums stay
//! exact integers, so order, batches and partitions change no bit; a discount in the sums
//! themselves would.

use alloc::vec::Vec;

use super::sums::{ArmSums, WEIGHT_ONE};

/// Start of the bucket of a learner that does not forget.
pub const ALL_TIME: i64 = i64::MIN;

/// Most buckets of a table.
pub const BUCKETS_MAX: usize = 1024;

/// How outcomes lose weight with age.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Forgetting {
    /// A bucket's length, ms of event time.
    bucket_ms: i64,
    /// Weights by age in buckets, the newest first, units of 2^-52.
    weights: Vec<u64>,
    /// The width is D-LinUCB's, of two matrices; else sqrt(x' V^-1 x).
    two_matrices: bool,
}

impl Forgetting {
    /// Weights gamma^age for `buckets` ages (at most [`BUCKETS_MAX`]), powers by repeated
    /// multiplication. Gamma is taken between 0 and 1.
    pub fn discounted(bucket_ms: i64, gamma: f64, buckets: usize, two_matrices: bool) -> Self {
        let gamma = gamma.clamp(0.0, 1.0);
        let mut power = 1.0;
        let weights = (0..buckets.clamp(1, BUCKETS_MAX)).map(|_| {
            let weight = libm::rint(power * WEIGHT_ONE as f64) as u64;
            power *= gamma;
            weight
        });
        Self { bucket_ms: bucket_ms.max(1), weights: weights.collect(), two_matrices }
    }

    /// Only the newest `buckets` (at most [`BUCKETS_MAX`]) count, and all the same.
    pub fn window(bucket_ms: i64, buckets: usize) -> Self {
        Self::discounted(bucket_ms, 1.0, buckets, false)
    }

    /// A bucket's length, ms.
    pub const fn bucket_ms(&self) -> i64 {
        self.bucket_ms
    }

    /// Whether the width is D-LinUCB's.
    pub const fn two_matrices(&self) -> bool {
        self.two_matrices
    }

    /// Start of the bucket of a time, ms.
    pub const fn start(&self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.bucket_ms))
    }

    /// Weight of a bucket as of a time.
    pub fn weight(&self, start_ms: i64, now_ms: i64) -> u64 {
        let age = self.start(now_ms).checked_sub(start_ms).filter(|age| *age >= 0);
        let age = age.and_then(|age| usize::try_from(age / self.bucket_ms).ok());
        age.and_then(|age| self.weights.get(age)).copied().unwrap_or(0)
    }
}

/// An arm's sums by start of bucket (ms), oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Buckets(Vec<(i64, ArmSums)>);

impl Buckets {
    /// The buckets, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &ArmSums)> + Clone {
        self.0.iter().map(|(start_ms, sums)| (*start_ms, sums))
    }

    /// The sums of a time's bucket; none where that time no longer counts. Buckets that the
    /// newest one puts past the table's end are dropped: whatever the order, the same remain.
    pub fn at(
        &mut self,
        forgetting: Option<&Forgetting>,
        at_ms: i64,
        dimension: usize,
    ) -> Option<&mut ArmSums> {
        let start_ms = forgetting.map_or(ALL_TIME, |forgetting| forgetting.start(at_ms));
        let at = match self.0.binary_search_by_key(&start_ms, |(start_ms, _)| *start_ms) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (start_ms, ArmSums::new(dimension)));
                if let (Some(forgetting), Some((newest_ms, _))) = (forgetting, self.0.last()) {
                    let reach_ms =
                        forgetting.bucket_ms.saturating_mul(forgetting.weights.len() as i64);
                    let from_ms = newest_ms.saturating_sub(reach_ms);
                    self.0.retain(|(start_ms, _)| *start_ms > from_ms);
                }
                self.0.binary_search_by_key(&start_ms, |(start_ms, _)| *start_ms).ok()?
            }
        };
        self.0.get_mut(at).map(|(_, sums)| sums)
    }

    /// Puts all sums into one bucket.
    pub(super) fn join(&mut self, start_ms: i64) {
        let mut all = core::mem::take(&mut self.0).into_iter().map(|(_, sums)| sums);
        if let Some(mut total) = all.next() {
            all.for_each(|sums| total.merge(&sums));
            self.0.push((start_ms, total));
        }
    }

    /// Puts every bucket's sums into another form.
    pub(super) fn widen(&mut self, form: impl Fn(&ArmSums) -> ArmSums) {
        self.0.iter_mut().for_each(|(_, sums)| *sums = form(sums));
    }
}
