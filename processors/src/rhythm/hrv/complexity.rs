//! How irregular intervals are: sample entropy, and the short-term scaling exponent of detrended
//! fluctuation analysis.
//!
//! Both look at every interval of a window against the others, so they are computed when it is
//! complete.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Intervals of a template.
pub const TEMPLATE: usize = 2;

/// Distance within which templates match, in standard deviations of the intervals.
const MATCH_SD: f64 = 0.2;

/// Shortest and longest box of the short-term exponent, intervals.
const BOXES: core::ops::RangeInclusive<usize> = 4..=16;

/// Intervals that the exponent needs: four of its longest boxes.
const SCALING_MIN: usize = 64;

/// Sample entropy with the counts that it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleEntropy {
    /// Pairs of templates that still match with one interval more.
    pub a: u64,
    /// Pairs of templates that match.
    pub b: u64,
    /// -ln(a / b); none where a count is 0, for then it has no bound.
    pub value: Option<f64>,
}

/// Sample entropy with templates of 2 intervals and a distance of 0.2 standard deviations (Richman
/// and Moorman 2000); none below 4 intervals. It takes time with the square of their number.
pub fn sample_entropy(nn_ms: &[f64]) -> Option<SampleEntropy> {
    let templates = nn_ms.len().checked_sub(TEMPLATE).filter(|count| *count > 1)?;
    let n = nn_ms.len() as f64;
    let mean = nn_ms.iter().sum::<f64>() / n;
    let squares: f64 = nn_ms.iter().map(|nn| (nn - mean) * (nn - mean)).sum();
    let reach = MATCH_SD * libm::sqrt(squares / (n - 1.0));
    let (mut a, mut b) = (0, 0);
    for i in 0..templates {
        for j in i + 1..templates {
            let near = |k: usize| (nn_ms[j + k] - nn_ms[i + k]).abs() <= reach;
            if (0..TEMPLATE).all(near) {
                b += 1;
                a += u64::from(near(TEMPLATE));
            }
        }
    }
    let value = (a > 0).then(|| 0.0 - libm::log(a as f64 / b as f64));
    Some(SampleEntropy { a, b, value })
}

/// Short-term exponent alpha 1 of detrended fluctuation analysis (Peng 1995): boxes of 4 to 16
/// intervals that do not overlap, straight lines removed. None below 64 intervals, and where a box
/// length leaves no fluctuation.
pub fn dfa_alpha1(nn_ms: &[f64]) -> Option<f64> {
    if nn_ms.len() < SCALING_MIN {
        return None;
    }
    let mean = nn_ms.iter().sum::<f64>() / nn_ms.len() as f64;
    let mut sum = 0.0;
    let mut profile = Vec::with_capacity(nn_ms.len());
    for nn in nn_ms {
        sum += nn - mean;
        profile.push(sum);
    }
    let count = BOXES.count() as f64;
    let (mut x_sum, mut y_sum, mut xx_sum, mut xy_sum) = (0.0, 0.0, 0.0, 0.0);
    for length in BOXES {
        let square = mean_square(&profile, length);
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        let x = libm::log10(length as f64);
        let y = libm::log10(libm::sqrt(square));
        x_sum += x;
        y_sum += y;
        xx_sum += x * x;
        xy_sum += x * y;
    }
    Some((xy_sum - x_sum * y_sum / count) / (xx_sum - x_sum * x_sum / count))
}

/// Mean square of what straight lines leave of a profile in boxes of a length.
fn mean_square(profile: &[f64], length: usize) -> f64 {
    let middle = (length - 1) as f64 / 2.0;
    let from_middle = |i: usize| i as f64 - middle;
    let spread: f64 = (0..length).map(|i| from_middle(i) * from_middle(i)).sum();
    let (mut squares, mut values) = (0.0, 0.0);
    for part in profile.chunks_exact(length) {
        let mean = part.iter().sum::<f64>() / length as f64;
        let product: f64 = part.iter().enumerate().map(|(i, y)| y * from_middle(i)).sum();
        let slope = product / spread;
        for (i, y) in part.iter().enumerate() {
            let left = y - mean - slope * from_middle(i);
            squares += left * left;
            values += 1.0;
        }
    }
    squares / values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_intervals_have_no_entropy_and_no_exponent() {
        assert_eq!(sample_entropy(&[]), None);
        assert_eq!(sample_entropy(&[800.0, 810.0, 805.0]), None);
        assert_eq!(dfa_alpha1(&[800.0; 63]), None);
    }

    #[test]
    fn equal_intervals_match_everywhere_and_scale_nowhere() {
        let equal = [800.0; 100];
        let entropy = sample_entropy(&equal).expect("there are enough");
        assert_eq!((entropy.a, entropy.b, entropy.value), (98 * 97 / 2, 98 * 97 / 2, Some(0.0)));
        assert_eq!(dfa_alpha1(&equal), None);
    }

    #[test]
    fn a_walk_scales_more_steeply_than_its_steps() {
        let step = |i: u32| 20.0 * libm::sin(f64::from(i * i % 977) * 1.7);
        let steps: Vec<f64> = (0..600).map(|i| 800.0 + step(i)).collect();
        let mut at = 800.0;
        let walk: Vec<f64> = (0..600)
            .map(|i| {
                at += step(i);
                at
            })
            .collect();
        let (noise, brown) = dfa_alpha1(&steps).zip(dfa_alpha1(&walk)).expect("both scale");
        assert!(noise < 0.8 && brown > 1.2, "{noise} {brown}");
    }
}
