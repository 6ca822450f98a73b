//! Still windows of a wrist: what autocalibration stands on.
//!
//! A record of raw samples is cut into windows of 10 s from its beginning; what is left at its end, or
//! a record that is shorter, is a window of its own. So a window is all of one record, and nothing waits
//! for others: records count in whatever order they arrive. Whether the wrist was still in it is told by
//! sums of integers. The mean of a still window is added to the cell of its posture, weighed by its
//! seconds; of a day of UTC at most [`CELLS_MAX`] cells are kept, always the same ones whatever came
//! first.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::Imu;

use super::super::{
    acceleration::calibration::{POSTURES, STILL_SD_G, StillWindow, WINDOW_S, posture},
    local::DAY_MIN,
    window::Window,
};

/// Cells of a day.
const CELLS_MAX: usize = 48;
/// Cells by which a day's list grows.
const ROOM: usize = 16;
/// Days of UTC that are kept: the seven of a fit, two of late data and those that these begin in.
const DAYS_KEPT: i64 = 11;
/// Days of a fit.
const FIT_DAYS: i64 = 7;
/// Steps of the sample grid in one g.
const SAMPLE_ONE: f64 = 65_536.0;
/// Steps of the grid of means in one g: three whole days of 2 g fit into 31 bits.
const MEAN_ONE: f64 = 4_096.0;
/// Greatest mean of an axis, g.
const MEAN_MAX_G: f64 = 2.0;
/// Greatest acceleration of a sample, g. It bounds the sums.
const SAMPLE_MAX_G: f64 = 100.0;
/// Fewer samples tell nothing of stillness.
const SAMPLES_MIN: i64 = 10;
/// Seconds of a record at most.
const RECORD_S_MAX: f64 = 4_096.0;
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Still windows by day and posture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Still {
    days: VecDeque<StillDay>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StillDay {
    /// Days since 1970.
    number: i64,
    /// By their rank.
    cells: Vec<Cell>,
}

/// The still windows of a posture in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    /// Which posture: see [`rank`].
    rank: u16,
    seconds: u32,
    /// Sum of the windows' means on the grid of means, each times its seconds.
    sum: [i32; 3],
}

/// Sums over samples on the sample grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moments {
    n: i64,
    sum: [i64; 3],
    squares: [i64; 3],
}

impl Still {
    /// Takes in a record that ended at an instant, where its samples make whole seconds. Its beginning
    /// is taken to the nearest second.
    pub(crate) fn feed(&mut self, ts: i64, imu: &Imu<'_>) {
        let Some(rate_hz) = imu.fs_hz.filter(|rate| *rate >= 1.0) else { return };
        let n = imu.acc_g.len() / 3;
        let seconds = libm::rint(n as f64 / rate_hz);
        let whole = libm::fabs(seconds * rate_hz - n as f64) < 0.5;
        if !whole || !(1.0..=RECORD_S_MAX).contains(&seconds) {
            return;
        }
        let seconds = seconds as i64;
        let start_s = ts.saturating_sub(1000 * seconds).saturating_add(500).div_euclid(1000);
        let (mut axes, mut taken) = (imu.acc_g.iter(), 0);
        for from in (0..seconds).step_by(WINDOW_S as usize) {
            let to = seconds.min(from + i64::from(WINDOW_S));
            let (mut moments, until) = (Moments::default(), libm::rint(to as f64 * rate_hz));
            while taken < n.min(until as usize) {
                moments.feed(core::array::from_fn(|_| axes.next().unwrap_or(0.0)));
                taken += 1;
            }
            if let Some(mean_g) = moments.still() {
                self.keep((start_s + from).div_euclid(DAY_S), (to - from) as u32, mean_g);
            }
        }
    }

    /// The mean windows of the seven whole days of UTC before the end of a local day, a posture each,
    /// the seconds that are in them, and the days' bounds.
    pub(crate) fn windows(&self, day_end: i64) -> (Vec<StillWindow>, u32, Window) {
        let last = day_end.div_euclid(DAY_MIN);
        let days = self.days.iter().filter(|day| (last - FIT_DAYS..last).contains(&day.number));
        let mut cells: Vec<(u16, i64, [i64; 3])> = Vec::new();
        for cell in days.flat_map(|day| &day.cells) {
            let at = cells.binary_search_by_key(&cell.rank, |known| known.0).unwrap_or_else(|at| {
                cells.insert(at, (cell.rank, 0, [0; 3]));
                at
            });
            cells[at].1 += i64::from(cell.seconds);
            cells[at].2.iter_mut().zip(cell.sum).for_each(|(sum, new)| *sum += i64::from(new));
        }
        let mean = |(_, seconds, sum): &(u16, i64, [i64; 3])| StillWindow {
            mean_g: sum.map(|sum| sum as f64 / MEAN_ONE / *seconds as f64),
            temperature_c: None,
        };
        let seconds = cells.iter().map(|cell| cell.1 as u32).sum();
        let window = Window { start: (last - FIT_DAYS) * DAY_MIN, end: last * DAY_MIN };
        (cells.iter().map(mean).collect(), seconds, window)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let cells: usize = self.days.iter().map(|day| day.cells.capacity()).sum();
        self.days.capacity() * size_of::<StillDay>() + cells * size_of::<Cell>()
    }

    /// Adds a still window to its cell.
    fn keep(&mut self, day: i64, seconds: u32, mean_g: [f64; 3]) {
        let newest = self.days.back().map_or(day, |newest| newest.number.max(day));
        if day <= newest - DAYS_KEPT {
            return;
        }
        while self.days.front().is_some_and(|oldest| oldest.number <= newest - DAYS_KEPT) {
            self.days.pop_front();
        }
        let at = self.days.partition_point(|known| known.number < day);
        if self.days.get(at).is_none_or(|known| known.number != day) {
            self.days.insert(at, StillDay { number: day, cells: Vec::new() });
        }
        let sum = mean_g.map(|mean| libm::rint(mean * MEAN_ONE) as i32 * seconds as i32);
        self.days[at].add(Cell { rank: rank(mean_g), seconds, sum });
    }
}

impl StillDay {
    fn add(&mut self, new: Cell) {
        match self.cells.binary_search_by_key(&new.rank, |known| known.rank) {
            Ok(at) => {
                let known = &mut self.cells[at];
                // Even without end they add up to the same in every order.
                known.seconds = known.seconds.wrapping_add(new.seconds);
                let sums = known.sum.iter_mut().zip(new.sum);
                sums.for_each(|(sum, new)| *sum = sum.wrapping_add(new));
            }
            // A cell that has to go stays away: those before it do not become fewer.
            Err(at) if at == CELLS_MAX => {}
            Err(at) => {
                self.cells.truncate(CELLS_MAX - 1);
                if self.cells.len() == self.cells.capacity() {
                    self.cells.reserve_exact(ROOM);
                }
                self.cells.insert(at, new);
            }
        }
    }
}

impl Moments {
    fn feed(&mut self, sample: [f64; 3]) {
        self.n += 1;
        for (axis, value) in sample.into_iter().enumerate() {
            let value = libm::rint(value.clamp(-SAMPLE_MAX_G, SAMPLE_MAX_G) * SAMPLE_ONE) as i64;
            self.sum[axis] += value;
            self.squares[axis] += value * value;
        }
    }

    /// The mean of each axis, g, where the wrist was still.
    fn still(&self) -> Option<[f64; 3]> {
        if self.n < SAMPLES_MIN {
            return None;
        }
        let n = i128::from(self.n);
        let variance_g2 = |axis: usize| {
            let (sum, squares) = (i128::from(self.sum[axis]), i128::from(self.squares[axis]));
            (n * squares - sum * sum) as f64 / (n * (n - 1)) as f64 / (SAMPLE_ONE * SAMPLE_ONE)
        };
        let mean_g = self.sum.map(|sum| sum as f64 / SAMPLE_ONE / self.n as f64);
        let is_still = (0..3).all(|axis| libm::sqrt(variance_g2(axis)) < STILL_SD_G);
        let bounded = mean_g.iter().all(|mean| libm::fabs(*mean) < MEAN_MAX_G);
        (is_still && bounded && mean_g.iter().any(|mean| *mean != 0.0)).then_some(mean_g)
    }
}

/// The number of a posture in an order that mixes all of them, so that those of low rank are spread
/// over the sphere.
fn rank(mean_g: [f64; 3]) -> u16 {
    (u32::from(posture(mean_g)) * 389 % u32::from(POSTURES)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeitgeber_schemas::Doubles;

    use super::*;
    use crate::rhythm::acceleration::calibration::fit;

    /// A Monday's midnight, s.
    const START_S: i64 = 20_002 * 86_400;
    /// What the sensor does to each axis.
    const GAIN: f64 = 1.03;
    const OFFSET_G: f64 = 0.02;

    /// Seconds of samples at 20 Hz in the posture of a window, where it ended.
    fn record(window: i64, from: i64, seconds: i64) -> (i64, Vec<u8>) {
        let (around, up) = (window as f64 * 2.399_963, (window * 7 % 19 - 9) as f64 / 9.5);
        let flat = libm::sqrt(1.0 - up * up);
        let truth = [flat * libm::cos(around), flat * libm::sin(around), up];
        let shiver = |at: i64| 0.004 * libm::sin((at * 7 + from) as f64);
        let samples =
            (0..20 * seconds).flat_map(|at| truth.map(|g| g * GAIN + OFFSET_G + shiver(at)));
        let bytes = samples.flat_map(f64::to_le_bytes).collect();
        (1000 * (START_S + window * 10 + from + seconds), bytes)
    }

    /// Windows of 10 s in records of some seconds.
    fn records(windows: i64, seconds: i64) -> Vec<(i64, Vec<u8>)> {
        let of = |window| (0..10 / seconds).map(move |n| record(window, n * seconds, seconds));
        (0..windows).flat_map(of).collect()
    }

    fn feed(still: &mut Still, (ts, bytes): &(i64, Vec<u8>)) {
        let acc_g = Doubles::from_le_bytes(bytes);
        still.feed(*ts, &Imu { fs_hz: Some(20.0), acc_g, ..Imu::default() });
    }

    fn of(records: &[(i64, Vec<u8>)]) -> Still {
        let mut still = Still::default();
        records.iter().for_each(|record| feed(&mut still, record));
        still
    }

    #[test]
    fn the_errors_of_a_sensor_are_found_from_records_of_any_length() {
        for seconds in [1, 5, 10] {
            let still = of(&records(400, seconds));
            let (windows, covered, days) = still.windows(START_S / 60 + 1440 + 330);
            assert_eq!((days.start, days.end), (START_S / 60 - 6 * 1440, START_S / 60 + 1440));
            assert_eq!(windows.len(), CELLS_MAX);
            assert!((10 * CELLS_MAX as u32..4000).contains(&covered), "{covered} s");
            let found = fit(&windows).expect("it was still in every direction");
            for axis in 0..3 {
                // A scaled offset is taken away before the gain.
                assert!((found.scale[axis] - 1.0 / GAIN).abs() < 2e-3, "{found:?}");
                assert!((found.offset_g[axis] + OFFSET_G).abs() < 2e-3, "{found:?}");
            }
            assert!(found.error_end_g < 0.002 && found.error_start_g > 0.01, "{found:?}");
            assert_eq!(still.windows(START_S / 60 + 1439).1, 0, "the day is not over");
        }
    }

    #[test]
    fn a_long_record_is_cut_and_its_last_part_counts_for_its_seconds() {
        let still = of(&[record(3, 0, 24)]);
        assert_eq!(still.windows(START_S / 60 + 1440).1, 24);
        // The second window moves.
        let (ts, mut bytes) = record(3, 0, 24);
        bytes[24 * 20 * 12..][..8].copy_from_slice(&1.5_f64.to_le_bytes());
        assert_eq!(of(&[(ts, bytes)]).windows(START_S / 60 + 1440).1, 14);
    }

    #[test]
    fn a_hand_that_moves_and_a_record_of_no_whole_seconds_count_for_nothing() {
        let mut still = Still::default();
        for (ts, mut bytes) in records(3, 1) {
            bytes[..8].copy_from_slice(&1.5_f64.to_le_bytes());
            feed(&mut still, &(ts, bytes));
        }
        for (ts, bytes) in records(3, 1) {
            feed(&mut still, &(ts, bytes[..24 * 13].to_vec()));
        }
        assert_eq!(still.days.len(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut still = Still::default();
        for day in 0..40 {
            for (ts, bytes) in records(150, 1) {
                feed(&mut still, &(ts + day * 86_400_000, bytes));
            }
        }
        assert_eq!(still.days.len() as i64, DAYS_KEPT);
        let bytes = still.heap_bytes();
        assert!(bytes < 30_000, "{bytes}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn the_order_of_records_changes_no_bit(seed in any::<u64>(), length in 0..3_usize) {
            let records = records(240, [1, 2, 10][length]);
            let mut mixed = records.clone();
            let mut state = seed;
            let mut below = |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as usize % n
            };
            (1..mixed.len()).rev().for_each(|at| mixed.swap(at, below(at + 1)));
            prop_assert!(of(&mixed) == of(&records));
        }
    }
}
