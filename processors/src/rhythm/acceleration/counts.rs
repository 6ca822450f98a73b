//! ActiGraph activity counts of raw acceleration (Neishabouri 2022), axis by axis.
//!
//! At 30 Hz a band-pass keeps what people do by will; what remains is scaled to the units of the
//! first analogue devices, dead below 4 and full at 128, and summed. Everything is causal, so a
//! count is final when its epoch is. Rates other than 30, 60 and 90 Hz pass a filter that lets
//! high frequencies through; the same movement then has somewhat other counts.

use serde::{Deserialize, Serialize};

use super::{RANGE_G, Sample, resample::Resampler};

/// Order of the band-pass.
const ORDER: usize = 7;

/// Its numerator.
const FORWARD: [f64; ORDER + 1] = [
    -0.009_341_062_898_525,
    -0.025_470_289_659_360,
    -0.004_235_264_826_105,
    0.044_152_415_456_420,
    0.036_493_718_347_760,
    -0.011_893_961_934_740,
    -0.022_917_390_623_150,
    -0.006_788_163_862_310,
];

/// Its denominator.
const BACK: [f64; ORDER + 1] = [
    1.0,
    -3.633_673_959_109_57,
    5.036_898_127_574_86,
    -3.096_122_478_196_66,
    0.506_205_076_338_83,
    0.324_217_015_666_82,
    -0.156_854_858_755_59,
    0.019_491_302_058_90,
];

/// Units of the digital device in one g of the band: its range over its resolution.
const SCALE: f64 = (3.0 / 4096.0) / (2.6 / 256.0) * 237.5;

/// Below this a value is rest.
const DEAD: f64 = 4.0;

/// The greatest value that the device can tell.
const FULL: f64 = 128.0;

/// Makes counts of samples. State: 42 numbers at 30 Hz; at powers of two also half a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    resampler: Resampler,
    axes: [Axis; 3],
    values_per_epoch: u32,
    n_epoch: u32,
    n_third: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Axis {
    memory: Option<[f64; ORDER]>,
    /// Sum of up to three values at 30 Hz.
    third: u32,
    /// Sum of the epoch's values at 10 Hz.
    epoch: u32,
}

impl Counts {
    /// Counts per `epoch_s` seconds of samples taken `rate_hz` times a second; none where the rate
    /// is not 30, 40, 50, 60, 70, 80, 90 or 100 Hz or a power of two from 32 to 256 Hz, or where
    /// the epoch is not from 1 s to an hour.
    pub fn new(rate_hz: u32, epoch_s: u32) -> Option<Self> {
        if !(1..=3600).contains(&epoch_s) {
            return None;
        }
        Some(Self {
            resampler: Resampler::new(rate_hz)?,
            axes: [Axis::default(); 3],
            values_per_epoch: 10 * epoch_s,
            n_epoch: 0,
            n_third: 0,
        })
    }

    /// Takes the next sample in, g; gives the counts of the epoch that it completes, by axis.
    ///
    /// The filters remember, so that a new machine is needed after missing samples. A sample that
    /// is not finite is left out, and one beyond [`RANGE_G`] counts as that.
    pub fn feed(&mut self, sample: Sample) -> Option<[u32; 3]> {
        if !sample.iter().all(|value| value.is_finite()) {
            return None;
        }
        let value = self.resampler.feed(sample.map(|axis| axis.clamp(-RANGE_G, RANGE_G)))?;
        for (axis, value) in self.axes.iter_mut().zip(value) {
            axis.feed(libm::rint(value * 1000.0) / 1000.0);
        }
        self.n_third += 1;
        if self.n_third < 3 {
            return None;
        }
        self.n_third = 0;
        self.axes.iter_mut().for_each(Axis::close_third);
        self.n_epoch += 1;
        if self.n_epoch < self.values_per_epoch {
            return None;
        }
        self.n_epoch = 0;
        Some(self.axes.each_mut().map(|axis| core::mem::take(&mut axis.epoch)))
    }
}

impl Axis {
    fn feed(&mut self, value: f64) {
        let level = libm::fabs(SCALE * self.band_pass(value));
        if level >= DEAD {
            self.third += libm::floor(level.min(FULL)) as u32;
        }
    }

    /// The direct form II transposed, from rest on the first value.
    fn band_pass(&mut self, value: f64) -> f64 {
        let memory = self.memory.get_or_insert_with(|| at_rest(value));
        let out = FORWARD[0] * value + memory[0];
        for k in 0..ORDER {
            let next = memory.get(k + 1).copied().unwrap_or(0.0);
            memory[k] = next + FORWARD[k + 1] * value - BACK[k + 1] * out;
        }
        out
    }

    fn close_third(&mut self) {
        self.epoch += core::mem::take(&mut self.third) / 3;
    }
}

/// What the filter remembers after it has seen one value for ever.
fn at_rest(value: f64) -> [f64; ORDER] {
    let out = FORWARD.iter().sum::<f64>() / BACK.iter().sum::<f64>();
    let mut memory = [0.0; ORDER];
    let mut after = 0.0;
    for k in (0..ORDER).rev() {
        after += FORWARD[k + 1] - BACK[k + 1] * out;
        memory[k] = after * value;
    }
    memory
}
