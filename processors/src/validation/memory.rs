//! The bounded memory of ids: which (person, id) was accepted before.
//!
//! Most producers number their readings: `u11-imu-000731` is a stem and a number. A person has up
//! to 16 stems, each kept as at most 256 runs of consecutive numbers; beyond that the lowest run
//! is forgotten. A numbered producer is thereby remembered for weeks in 4 KiB. Ids without a
//! number (UUIDs), and stems beyond the sixteenth, are remembered by 64-bit fingerprint: the last
//! 4,096 of each kind, in 64 buckets. Whether a known id comes with other content than before is
//! told by a fingerprint of the content, kept for the last 512 readings of each kind; an older copy
//! is taken for an exact one, as nearly all are: files that are sent again.

use alloc::{vec, vec::Vec};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};
use zeitgeber_schemas::Kind;

use super::KINDS;

/// Numbered stems a person may have.
pub const STEMS: usize = 16;
/// Runs of consecutive numbers kept for a stem.
pub const RUNS: usize = 256;
const BUCKETS: usize = 64;
const BUCKET: usize = 64;
const COPIES: usize = 512;
/// Slots that are made at a time.
const COPIES_STEP: usize = 64;
/// Longest number that is read as one; longer ones are opaque.
const DIGITS: usize = 18;

/// Which ids of a person were accepted.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct IdMemory {
    stems: Vec<Stem>,
    opaque: [Opaque; KINDS],
    /// Id and content, each as a fingerprint. No id has the fingerprint 0.
    copies: [Vec<(u64, u64)>; KINDS],
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Stem {
    fingerprint: u64,
    /// The highest run: an ordinary reading looks no further.
    last: (u64, u64),
    /// The runs below it: inclusive, ascending, never adjacent.
    earlier: Vec<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
struct Opaque {
    fingerprints: Vec<u64>,
    next: Vec<u8>,
}

/// An id, taken apart once.
#[derive(Debug, Clone, Copy)]
pub struct IdKey {
    numbered: Option<(u64, u64)>,
    opaque: u64,
}

impl IdKey {
    /// Takes an id apart.
    pub fn of(id: &str) -> Self {
        match numbered(id) {
            // Only an id whose stem finds no place needs the other fingerprint too.
            Some((stem, number)) => {
                let opaque = stem ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Self { numbered: Some((stem, number)), opaque: opaque.max(1) }
            }
            None => Self { numbered: None, opaque: xxh3_64(id.as_bytes()).max(1) },
        }
    }
}

impl IdMemory {
    /// Whether the id was accepted before.
    pub fn contains(&self, id: &IdKey) -> bool {
        if let Some((stem, number)) = id.numbered
            && let Some(stem) = self.stems.iter().find(|known| known.fingerprint == stem)
        {
            return stem.contains(number);
        }
        self.opaque.iter().any(|opaque| opaque.contains(id.opaque))
    }

    /// Whether the id is known to have been accepted with other content.
    pub fn is_conflict(&self, kind: Kind, id: &IdKey, content: u64) -> bool {
        let known = self.copies[kind as usize].get(copy_slot(id));
        known.is_some_and(|(of, with)| *of == id.opaque && *with != content)
    }

    /// Remembers an accepted id.
    pub fn insert(&mut self, kind: Kind, id: &IdKey, content: u64) {
        self.insert_id(kind, id);
        let copies = &mut self.copies[kind as usize];
        let slot = copy_slot(id);
        if copies.len() <= slot {
            copies.resize((slot / COPIES_STEP + 1) * COPIES_STEP, (0, 0));
        }
        copies[slot] = (id.opaque, content);
    }

    fn insert_id(&mut self, kind: Kind, id: &IdKey) {
        if let Some((fingerprint, number)) = id.numbered {
            if let Some(stem) = self.stems.iter_mut().find(|s| s.fingerprint == fingerprint) {
                return stem.insert(number);
            }
            if self.stems.len() < STEMS {
                let last = (number, number);
                return self.stems.push(Stem { fingerprint, last, earlier: Vec::new() });
            }
        }
        self.opaque[kind as usize].insert(id.opaque);
    }

    /// Memory held, bytes.
    pub fn heap_bytes(&self) -> usize {
        let stems: usize = self.stems.iter().map(|stem| stem.earlier.capacity() * 16).sum();
        let opaque: usize = self.opaque.iter().map(|o| o.fingerprints.capacity() * 8).sum();
        let copies: usize = self.copies.iter().map(|copies| copies.capacity() * 16).sum();
        self.stems.capacity() * size_of::<Stem>() + stems + opaque + copies
    }
}

impl Stem {
    fn contains(&self, number: u64) -> bool {
        if number >= self.last.0 {
            return number <= self.last.1;
        }
        let after = self.earlier.partition_point(|run| run.0 <= number);
        after > 0 && self.earlier[after - 1].1 >= number
    }

    fn insert(&mut self, number: u64) {
        if number == self.last.1 + 1 {
            self.last.1 = number;
        } else if number > self.last.1 {
            self.earlier.push(self.last);
            self.last = (number, number);
            self.forget();
        } else if number < self.last.0 {
            self.insert_earlier(number);
            self.join_last();
        }
    }

    fn insert_earlier(&mut self, number: u64) {
        let at = self.earlier.partition_point(|run| run.0 <= number);
        if at > 0 && self.earlier[at - 1].1 >= number {
            return;
        }
        let joins_left = at > 0 && self.earlier[at - 1].1 + 1 == number;
        let joins_right = self.earlier.get(at).is_some_and(|run| number + 1 == run.0);
        match (joins_left, joins_right) {
            (true, true) => self.earlier[at - 1].1 = self.earlier.remove(at).1,
            (true, false) => self.earlier[at - 1].1 = number,
            (false, true) => self.earlier[at].0 = number,
            (false, false) => {
                self.earlier.insert(at, (number, number));
                self.forget();
            }
        }
    }

    /// Joins the run below the last one to it where they have become adjacent.
    fn join_last(&mut self) {
        if let Some(below) = self.earlier.pop_if(|below| below.1 + 1 == self.last.0) {
            self.last.0 = below.0;
        }
    }

    fn forget(&mut self) {
        if self.earlier.len() >= RUNS {
            self.earlier.remove(0);
        }
    }
}

impl Opaque {
    fn contains(&self, fingerprint: u64) -> bool {
        let start = bucket(fingerprint) * BUCKET;
        self.fingerprints.get(start..start + BUCKET).is_some_and(|all| all.contains(&fingerprint))
    }

    fn insert(&mut self, fingerprint: u64) {
        if self.fingerprints.is_empty() {
            self.fingerprints = vec![0; BUCKETS * BUCKET];
            self.next = vec![0; BUCKETS];
        }
        let bucket = bucket(fingerprint);
        let next = &mut self.next[bucket];
        self.fingerprints[bucket * BUCKET + usize::from(*next)] = fingerprint;
        *next = (*next + 1) % BUCKET as u8;
    }
}

fn bucket(fingerprint: u64) -> usize {
    fingerprint as usize % BUCKETS
}

/// Splits `stem` and decimal number. Leading zeros make the width part of the stem, so that `07`
/// and `7` stay two ids.
fn numbered(id: &str) -> Option<(u64, u64)> {
    let bytes = id.as_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > DIGITS {
        return None;
    }
    let (stem, number) = bytes.split_at(bytes.len() - digits);
    let width = if number[0] == b'0' { digits as u64 } else { 0 };
    let number = number.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some((xxh3_64_with_seed(stem, width), number))
}

/// Numbered ids take turns in the slots, so that the last 512 are always there.
fn copy_slot(id: &IdKey) -> usize {
    id.numbered.map_or(id.opaque, |(_, number)| number) as usize % COPIES
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    fn key(id: &str) -> IdKey {
        IdKey::of(id)
    }

    proptest! {
        #[test]
        fn numbered_ids_are_remembered_in_any_order(
            mut numbers in prop::collection::btree_set(0u64..600, 0..120),
            probe in 0u64..600,
        ) {
            let mut memory = IdMemory::default();
            let order: Vec<u64> = numbers.iter().copied().rev().collect();
            for number in order {
                memory.insert(Kind::Imu, &key(&format!("u-{number:06}")), number);
            }
            prop_assert_eq!(memory.contains(&key(&format!("u-{probe:06}"))), numbers.contains(&probe));
            memory.insert(Kind::Imu, &key(&format!("u-{probe:06}")), 9);
            numbers.insert(probe);
            for number in 0..600 {
                prop_assert_eq!(
                    memory.contains(&key(&format!("u-{number:06}"))), numbers.contains(&number)
                );
            }
        }
    }

    #[test]
    fn widths_stems_and_unnumbered_ids_are_told_apart() {
        let mut memory = IdMemory::default();
        for id in ["7", "a7", "uuid-x", "007"] {
            assert!(!memory.contains(&key(id)), "{id}");
            memory.insert(Kind::Hrv, &key(id), 1);
            assert!(memory.contains(&key(id)), "{id}");
        }
        assert!(!memory.contains(&key("07")) && !memory.contains(&key("b7")));
    }

    #[test]
    fn an_exact_copy_is_told_from_a_conflicting_one() {
        let mut memory = IdMemory::default();
        memory.insert(Kind::Imu, &key("u-1"), 42);
        assert!(!memory.is_conflict(Kind::Imu, &key("u-1"), 42));
        assert!(memory.is_conflict(Kind::Imu, &key("u-1"), 43));
        memory.insert(Kind::Imu, &key("u-513"), 7);
        assert!(!memory.is_conflict(Kind::Imu, &key("u-1"), 43), "its content is forgotten");
    }

    #[test]
    fn memory_stays_bounded_for_any_ids() {
        let mut memory = IdMemory::default();
        for i in 0..40_000u64 {
            memory.insert(Kind::Imu, &key(&format!("{:x}-{}x", i * 7919, i)), i);
            memory.insert(Kind::Imu, &key(&format!("gap-{}", i * 2)), i);
            memory.insert(Kind::Imu, &key(&format!("stem{i}-1")), i);
        }
        assert!(memory.heap_bytes() < 140_000, "{}", memory.heap_bytes());
        assert!(memory.contains(&key("gap-79998")) && !memory.contains(&key("gap-2")));
    }
}
