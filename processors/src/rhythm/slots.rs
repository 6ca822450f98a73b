//! Sums by the local hour: a sparse ring for whatever is added up over a window.
//!
//! Where a primary device and another one report the same minute, only the primary one counts. The
//! others' contributions are remembered for as long as a late primary reading may displace them.

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

use super::local;

/// Hours that a live ring holds: 7 days of window, 48 hours of late data and the context of both.
pub(crate) const RETAINED_HOURS: i64 = 240;

/// How long a contribution can still be displaced, minutes.
const PENDING_MIN: i64 = 48 * 60;

/// Most contributions that can be displaced.
const PENDING_MAX: usize = 2 * PENDING_MIN as usize;

/// Hours by which a ring grows.
const ROOM: usize = 8;

/// How much a series keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retention {
    /// The 10 days before the newest hour.
    Live,
    /// The 90 hours before the newest hour: a day and the night before it, its grace, and 48 hours of
    /// late data.
    Day,
    /// Everything.
    Unbounded,
}

impl Retention {
    /// Hours before the newest one that are kept; none: all.
    pub(crate) const fn hours(self) -> Option<i64> {
        match self {
            Self::Live => Some(RETAINED_HOURS),
            Self::Day => Some(90),
            Self::Unbounded => None,
        }
    }
}

/// The standing of the device that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The profile names no primary device.
    Sole,
    /// It is the primary device.
    Primary,
    /// It is another one.
    Other,
}

impl Source {
    /// The standing of a device in a profile.
    pub fn of(profile: &ProfileBody, device: &str) -> Self {
        match profile.primary_device.as_deref() {
            None => Self::Sole,
            Some(primary) if primary == device => Self::Primary,
            Some(_) => Self::Other,
        }
    }
}

/// What slots hold: sums of integers, so that adding commutes and can be undone.
pub(crate) trait Sums: Clone + Default {
    /// Adds another's sums.
    fn add(&mut self, other: &Self);
    /// Takes another's sums away again.
    fn subtract(&mut self, other: &Self);
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// Sums by the local hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slots<T> {
    retention: Retention,
    slots: VecDeque<Slot<T>>,
    /// Of other devices, by minute.
    pending: Vec<Pending<T>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Slot<T> {
    start: i64,
    primary: u64,
    sums: T,
}

/// A contribution that can still be displaced, and the slot it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pending<T> {
    minute: i64,
    start: i64,
    sums: T,
}

impl<T: Sums> Slots<T> {
    pub(crate) const fn new(retention: Retention) -> Self {
        Self { retention, slots: VecDeque::new(), pending: Vec::new() }
    }

    /// Adds what a device measured in a minute.
    pub(crate) fn add(&mut self, profile: &ProfileBody, minute: i64, source: Source, new: &T) {
        self.feed(profile, minute, source, |sums| sums.add(new));
    }

    /// Lets sums take in what a device measured in a minute.
    pub(crate) fn feed(
        &mut self,
        profile: &ProfileBody,
        minute: i64,
        source: Source,
        take_in: impl Fn(&mut T),
    ) {
        let start = local::hour_start(profile, minute);
        let Some(at) = self.open(start) else { return };
        let bit = 1u64 << (minute - start);
        let known = self.slots[at].primary & bit != 0;
        match source {
            Source::Other if known => return,
            Source::Other => {
                let mut sums = T::default();
                take_in(&mut sums);
                self.remember(Pending { minute, start, sums });
            }
            Source::Primary if !known => {
                self.slots[at].primary |= bit;
                self.displace(minute);
            }
            Source::Primary | Source::Sole => {}
        }
        take_in(&mut self.slots[at].sums);
    }

    /// The hours that start in `[from, until)` with their sums, oldest first.
    pub(crate) fn range(&self, from: i64, until: i64) -> impl Iterator<Item = (i64, &T)> {
        let low = self.slots.partition_point(|slot| slot.start < from);
        let high = self.slots.partition_point(|slot| slot.start < until).max(low);
        self.slots.range(low..high).map(|slot| (slot.start, &slot.sums))
    }

    /// Everything in `[from, until)` added up.
    pub(crate) fn total(&self, from: i64, until: i64) -> T {
        let mut total = T::default();
        self.range(from, until).for_each(|(_, sums)| total.add(sums));
        total
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let slots = self.slots.iter().map(|slot| slot.sums.heap_bytes());
        let pending = self.pending.iter().map(|known| known.sums.heap_bytes());
        self.slots.capacity() * size_of::<Slot<T>>()
            + self.pending.capacity() * size_of::<Pending<T>>()
            + slots.chain(pending).sum::<usize>()
    }

    fn remember(&mut self, new: Pending<T>) {
        if self.pending.len() >= PENDING_MAX {
            let newest = self.pending.last().map_or(new.minute, |known| known.minute);
            let old = self.pending.partition_point(|known| known.minute < newest - PENDING_MIN);
            self.pending.drain(..old.max(1));
        }
        let at = self.pending.partition_point(|known| known.minute <= new.minute);
        self.pending.insert(at, new);
    }

    /// Takes away what other devices reported for a minute.
    fn displace(&mut self, minute: i64) {
        let low = self.pending.partition_point(|known| known.minute < minute);
        let high = self.pending.partition_point(|known| known.minute <= minute);
        for gone in self.pending.drain(low..high) {
            let at = self.slots.partition_point(|slot| slot.start < gone.start);
            if let Some(slot) = self.slots.get_mut(at).filter(|slot| slot.start == gone.start) {
                slot.sums.subtract(&gone.sums);
            }
        }
    }

    fn open(&mut self, start: i64) -> Option<usize> {
        let newest = self.slots.back().map_or(start, |slot| slot.start);
        let kept = self.retention.hours();
        if kept.is_some_and(|hours| start < newest - hours * 60) {
            return None;
        }
        let mut at = self.slots.partition_point(|slot| slot.start < start);
        if self.slots.get(at).is_none_or(|slot| slot.start != start) {
            if self.slots.len() == self.slots.capacity() {
                self.slots.reserve_exact(ROOM);
            }
            self.slots.insert(at, Slot { start, primary: 0, sums: T::default() });
        }
        if let Some(hours) = kept.filter(|_| start > newest) {
            let oldest = start - hours * 60;
            let gone = self.slots.partition_point(|slot| slot.start < oldest);
            self.slots.drain(..gone);
            at -= gone;
            let settled = self.pending.partition_point(|old| old.minute < start - PENDING_MIN);
            self.pending.drain(..settled);
        }
        Some(at)
    }
}
