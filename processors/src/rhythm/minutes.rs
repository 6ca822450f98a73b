//! A minute series in hour blocks: what a movement signal was in each minute.
//!
//! Values are integers on the signal grid and every block keeps its own sums, so that a window is
//! summed by the block and comes to the same bits in whatever order the minutes arrived.

use alloc::{boxed::Box, collections::VecDeque, vec, vec::Vec};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::slots::{Retention, Source};
use crate::exact;

/// Greatest value of a minute. It bounds the sums of squares of eight years within `i128`.
const MINUTE_MAX: f64 = 1_000_000.0;

/// How long before the newest hour a minute may still become complete: the 48 hours in which
/// readings take part, and one for the hour itself and for clocks that run ahead.
const PARTIAL_HOURS: i64 = 49;

/// Most incomplete minutes kept: two devices over the 48 hours in which readings take part.
const PARTIAL_MAX: usize = 2 * 2880;

/// A mask with one bit for each minute of an hour or second of a minute.
const FULL: u64 = (1 << 60) - 1;

/// How epochs shorter or longer than a minute become minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Combine {
    /// Amounts (counts, steps): short epochs add up, a long one is shared out evenly.
    Sum,
    /// Levels (ENMO): short epochs are averaged, a long one holds in each of its minutes.
    Mean,
}

/// A minute series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Minutes {
    retention: Retention,
    blocks: VecDeque<Block>,
    partial: Vec<Partial>,
}

/// One hour of UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Block {
    /// Hours since 1970-01-01 00:00 UTC.
    hour: i64,
    valid: u64,
    primary: u64,
    zero: u64,
    sum: i64,
    sum_squares: i128,
    values: Values,
}

/// The values of an hour's minutes on the signal grid, in the shortest form that holds them all:
/// counts and steps are whole numbers, and levels are seldom great.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Values {
    /// Whole units.
    Whole(Box<[u32]>),
    /// Whole units below 2^16, and the parts of one on the grid.
    Split(Box<[u16]>, Box<[u32]>),
    /// On the grid.
    Grid(Box<[i64]>),
}

/// Bits of the grid below one unit.
const FRACTION_BITS: u32 = 32;

impl Values {
    /// An hour without values, in the form of another hour of the series.
    fn like(other: Option<&Self>) -> Self {
        match other {
            Some(Self::Split(..) | Self::Grid(_)) => {
                Self::Split(vec![0; 60].into_boxed_slice(), vec![0; 60].into_boxed_slice())
            }
            _ => Self::Whole(vec![0; 60].into_boxed_slice()),
        }
    }

    fn get(&self, index: usize) -> i64 {
        match self {
            Self::Whole(values) => i64::from(values[index]) << FRACTION_BITS,
            Self::Split(whole, parts) => joined(whole[index], parts[index]),
            Self::Grid(values) => values[index],
        }
    }

    fn set(&mut self, index: usize, value: i64) {
        let (whole, part) = (value >> FRACTION_BITS, value as u32);
        match self {
            Self::Whole(values) if part == 0 && u32::try_from(whole).is_ok() => {
                values[index] = whole as u32;
            }
            Self::Split(units, parts) if u16::try_from(whole).is_ok() => {
                (units[index], parts[index]) = (whole as u16, part);
            }
            Self::Grid(values) => values[index] = value,
            _ => {
                *self = self.widened();
                self.set(index, value);
            }
        }
    }

    /// The same values in the next wider form that holds them.
    fn widened(&self) -> Self {
        let all = (0..60).map(|index| self.get(index));
        let fits = all.clone().all(|value| u16::try_from(value >> FRACTION_BITS).is_ok());
        match self {
            Self::Whole(_) if fits => {
                let units = all.clone().map(|value| (value >> FRACTION_BITS) as u16).collect();
                Self::Split(units, all.map(|value| value as u32).collect())
            }
            _ => Self::Grid(all.collect()),
        }
    }

    const fn heap_bytes(&self) -> usize {
        match self {
            Self::Whole(values) => size_of_val(&**values),
            Self::Split(whole, parts) => size_of_val(&**whole) + size_of_val(&**parts),
            Self::Grid(values) => size_of_val(&**values),
        }
    }
}

/// A minute of one device that is not complete yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Partial {
    minute: i64,
    device: u64,
    seconds: u64,
    sum: i64,
}

impl Minutes {
    /// An empty series.
    pub const fn new(retention: Retention) -> Self {
        Self { retention, blocks: VecDeque::new(), partial: Vec::new() }
    }

    /// Takes in an epoch of `epoch_s` seconds from `start_ms` (UTC).
    ///
    /// Starts are taken to the nearest second: a clock that is smeared around a leap second, or
    /// rounds, is less than that away. A minute's epoch counts for the minute that holds its start. Shorter epochs divide 60 and
    /// lie within one minute, which counts when all its seconds are covered; longer ones are whole
    /// minutes below an hour. Any other epoch is left out, and so is a second time covered twice
    /// by a device: its first epoch stands.
    pub fn insert(
        &mut self,
        start_ms: i64,
        epoch_s: i64,
        value: f64,
        combine: Combine,
        source: Source,
        device: &str,
    ) {
        let start_s = start_ms.saturating_add(500).div_euclid(1000);
        let minute = start_s.div_euclid(60);
        if epoch_s == 60 {
            self.place(minute, minute_value(value), source);
        } else if epoch_s > 60 && epoch_s < 3600 && epoch_s % 60 == 0 {
            let share = if combine == Combine::Sum { epoch_s / 60 } else { 1 };
            let value = minute_value(value / share as f64);
            for later in 0..epoch_s / 60 {
                self.place(minute + later, value, source);
            }
        } else if epoch_s > 0 && 60 % epoch_s == 0 {
            let second = start_s.rem_euclid(60);
            if second + epoch_s <= 60 {
                let weight = if combine == Combine::Sum { 1 } else { epoch_s };
                let seconds = ones(second, second + epoch_s);
                let part = Partial {
                    minute,
                    device: xxh3_64(device.as_bytes()),
                    seconds,
                    sum: minute_value(value) * weight,
                };
                self.gather(part, combine, source);
            }
        }
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// First and last minute with a value in `[from, until)`.
    pub fn extent(&self, from: i64, until: i64) -> Option<(i64, i64)> {
        let (head, mask) = self.range(from, until).find(|(_, mask)| *mask != 0)?;
        let first = head.first() + i64::from(mask.trailing_zeros());
        let (tail, mask) = self.range(from, until).rev().find(|(_, mask)| *mask != 0)?;
        Some((first, tail.first() + 63 - i64::from(mask.leading_zeros())))
    }

    /// The values of the minutes `[from, until)`; none for a minute without one.
    pub fn values(&self, from: i64, until: i64) -> impl Iterator<Item = Option<f64>> {
        let mut blocks = self.range(from, until).peekable();
        (from..until).map(move |minute| {
            while blocks.next_if(|(block, _)| block.first() + 60 <= minute).is_some() {}
            let (block, mask) = blocks.peek()?;
            let index = usize::try_from(minute - block.first()).ok()?;
            (mask >> index & 1 == 1).then(|| exact::signal_value(block.value(index)))
        })
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
            + self.blocks.iter().map(|block| block.values.heap_bytes()).sum::<usize>()
            + self.partial.capacity() * size_of::<Partial>()
    }

    /// The blocks that overlap `[from, until)`, each with its valid minutes within.
    pub(crate) fn range(
        &self,
        from: i64,
        until: i64,
    ) -> impl DoubleEndedIterator<Item = (&Block, u64)> {
        let low = self.blocks.partition_point(|block| block.first() + 60 <= from);
        let high = self.blocks.partition_point(|block| block.first() < until).max(low);
        self.blocks.range(low..high).map(move |block| {
            let inside = ones((from - block.first()).max(0), (until - block.first()).min(60));
            (block, block.valid & inside)
        })
    }

    fn gather(&mut self, part: Partial, combine: Combine, source: Source) {
        let key = (part.minute, part.device);
        let at = self.partial.partition_point(|known| (known.minute, known.device) < key);
        match self.partial.get_mut(at).filter(|known| (known.minute, known.device) == key) {
            None => {
                if self.partial.len() >= PARTIAL_MAX {
                    self.partial.remove(0);
                    self.partial.insert(at.saturating_sub(1), part);
                } else {
                    self.partial.insert(at, part);
                }
            }
            Some(known) if known.seconds & part.seconds != 0 => {}
            Some(known) => {
                known.seconds |= part.seconds;
                known.sum += part.sum;
                if known.seconds == FULL {
                    let whole = self.partial.remove(at);
                    let share = if combine == Combine::Sum { 1 } else { 60 };
                    let most = exact::signal(MINUTE_MAX);
                    self.place(whole.minute, (whole.sum / share).min(most), source);
                }
            }
        }
    }

    fn place(&mut self, minute: i64, value: i64, source: Source) {
        let Some(block) = self.open(minute.div_euclid(60)) else {
            return;
        };
        let index = minute.rem_euclid(60) as usize;
        let (bit, primary) = (1 << index, source == Source::Primary);
        if block.valid & bit != 0 {
            if !primary || block.primary & bit != 0 {
                return;
            }
            let old = block.value(index);
            block.sum -= old;
            block.sum_squares -= i128::from(old) * i128::from(old);
        }
        block.valid |= bit;
        block.primary |= if primary { bit } else { 0 };
        block.zero = if value == 0 { block.zero | bit } else { block.zero & !bit };
        block.values.set(index, value);
        block.sum += value;
        block.sum_squares += i128::from(value) * i128::from(value);
    }

    /// The block of an hour, opened where it is new; none before what is retained.
    fn open(&mut self, hour: i64) -> Option<&mut Block> {
        let newest = self.blocks.back().map_or(hour, |block| block.hour);
        if newest == hour && !self.blocks.is_empty() {
            return self.blocks.back_mut();
        }
        let kept = self.retention.hours();
        if kept.is_some_and(|hours| hour < newest - hours) {
            return None;
        }
        let at = self.blocks.partition_point(|block| block.hour < hour);
        if self.blocks.get(at).is_none_or(|block| block.hour != hour) {
            let values = Values::like(self.blocks.back().map(|block| &block.values));
            self.blocks.insert(at, Block::new(hour, values));
        }
        if let Some(hours) = kept.filter(|_| hour > newest) {
            let gone = self.blocks.partition_point(|block| block.hour < hour - hours);
            self.blocks.drain(..gone);
            let open = 60 * (hour - PARTIAL_HOURS);
            let over = self.partial.partition_point(|part| part.minute < open);
            self.partial.drain(..over);
            return self.blocks.back_mut();
        }
        self.blocks.get_mut(at)
    }
}

impl Block {
    const fn new(hour: i64, values: Values) -> Self {
        Self { hour, valid: 0, primary: 0, zero: 0, sum: 0, sum_squares: 0, values }
    }

    /// Its first minute.
    pub(crate) const fn first(&self) -> i64 {
        self.hour * 60
    }

    /// Its minutes with the value 0.
    pub(crate) const fn zero(&self) -> u64 {
        self.zero
    }

    /// The value of a minute; that of one that is not valid means nothing.
    pub(crate) fn value(&self, index: usize) -> i64 {
        self.values.get(index)
    }

    /// Adds every minute's value to its sum.
    pub(crate) fn add_to(&self, sums: &mut [i64]) {
        match &self.values {
            Values::Whole(values) => {
                let wide = values.iter().map(|value| i64::from(*value) << FRACTION_BITS);
                sums.iter_mut().zip(wide).for_each(|(sum, value)| *sum += value);
            }
            Values::Split(whole, parts) => {
                let wide = whole.iter().zip(parts).map(|(whole, part)| joined(*whole, *part));
                sums.iter_mut().zip(wide).for_each(|(sum, value)| *sum += value);
            }
            Values::Grid(values) => {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// Sum of the valid minutes in `mask`.
    pub(crate) fn sum_of(&self, mask: u64) -> i64 {
        if mask == self.valid {
            return self.sum;
        }
        bits(mask).map(|index| self.value(index)).sum()
    }

    /// Sum of the squares of the valid minutes in `mask`.
    pub(crate) fn sum_squares_of(&self, mask: u64) -> i128 {
        if mask == self.valid {
            return self.sum_squares;
        }
        bits(mask).map(|index| i128::from(self.value(index)) * i128::from(self.value(index))).sum()
    }
}

/// The bits `[low, high)` of an hour; none where that is empty.
pub(crate) fn ones(low: i64, high: i64) -> u64 {
    if low >= high {
        return 0;
    }
    (FULL >> (60 - (high - low))) << low
}

/// The numbers of the bits that are set, lowest first.
pub(crate) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let index = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (index < 64).then_some(index)
    })
}

fn joined(whole: u16, part: u32) -> i64 {
    i64::from(whole) << FRACTION_BITS | i64::from(part)
}

fn minute_value(value: f64) -> i64 {
    exact::signal(value.clamp(0.0, MINUTE_MAX))
}
