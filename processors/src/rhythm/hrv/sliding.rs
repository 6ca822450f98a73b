//! A window that slides over a series, centred, and keeps its values sorted.
//!
//! At both ends the window is cut off, as a rolling quantile with one value at least has it.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

/// Values around the present centre, in order of time and of size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Centred {
    /// Values on either side of the centre.
    half: usize,
    /// Values of which the centre has passed or is about to, and those ahead.
    recent: VecDeque<f64>,
    sorted: Vec<f64>,
    /// Values pushed.
    pushed: usize,
    /// Centres passed.
    passed: usize,
}

impl Centred {
    pub(super) fn new(half: usize) -> Self {
        let (recent, sorted) = (VecDeque::with_capacity(2 * half + 2), Vec::new());
        Self { half, recent, sorted, pushed: 0, passed: 0 }
    }

    pub(super) fn push(&mut self, value: f64) {
        let at = self.sorted.partition_point(|other| other.total_cmp(&value).is_lt());
        self.sorted.insert(at, value);
        self.recent.push_back(value);
        self.pushed += 1;
    }

    /// Centres passed so far: the next one's place in the series.
    pub(super) const fn passed(&self) -> usize {
        self.passed
    }

    /// Whether all that the next centre needs has been pushed; when the series has ended, whatever
    /// there is.
    pub(super) const fn is_ready(&self, ended: bool) -> bool {
        let ahead = if ended { 0 } else { self.half };
        self.pushed > self.passed + ahead
    }

    /// Reads the sorted values around the next centre, and passes it.
    pub(super) fn pass<T>(&mut self, read: impl FnOnce(&[f64]) -> T) -> T {
        let value = read(&self.sorted);
        if self.passed >= self.half
            && let Some(oldest) = self.recent.pop_front()
        {
            let at = self.sorted.partition_point(|other| other.total_cmp(&oldest).is_lt());
            self.sorted.remove(at);
        }
        self.passed += 1;
        value
    }
}

/// Quantile of sorted values, linear between neighbours; NaN of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = libm::floor(place);
    let (index, part) = (below as usize, place - below);
    match sorted.get(index + 1) {
        Some(above) if part > 0.0 => sorted[index] + (above - sorted[index]) * part,
        _ => sorted[index],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[3.0], 0.25), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.75), 5.0);
    }

    proptest! {
        #[test]
        fn sliding_sees_what_a_cut_out_window_holds(
            values in prop::collection::vec(-9_i32..9, 1..60), half in 1_usize..8,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut window = Centred::new(half);
            let mut seen = Vec::new();
            for value in &values {
                window.push(*value);
                while window.is_ready(false) {
                    seen.push(window.pass(<[f64]>::to_vec));
                }
            }
            while window.is_ready(true) {
                seen.push(window.pass(<[f64]>::to_vec));
            }
            for (i, seen) in seen.iter().enumerate() {
                let end = values.len().min(i + half + 1);
                let mut cut = values[i.saturating_sub(half)..end].to_vec();
                cut.sort_by(f64::total_cmp);
                prop_assert_eq!(seen, &cut);
            }
            prop_assert_eq!(seen.len(), values.len());
        }
    }
}
