//! The memory of refused bytes: the same refused bytes within two days are counted, not stored.
//!
//! It belongs to a partition, runs on the partition's greatest accepted arrival time, and holds at
//! most 65,536 hashes; beyond that the oldest is forgotten and its bytes would be stored again.

use alloc::collections::{BTreeMap, VecDeque};

/// How long refused bytes are remembered, ms.
pub const REMEMBER_MS: i64 = 48 * 3_600_000;
/// Most hashes remembered in one partition.
pub const REMEMBER_MAX: usize = 65_536;

/// Hashes of refused bytes and when they were stored.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RefusedMemory {
    newest_ms: i64,
    since: BTreeMap<u128, i64>,
    order: VecDeque<(i64, u128)>,
}

impl RefusedMemory {
    /// Nothing refused yet.
    pub fn initial() -> Self {
        Self { newest_ms: i64::MIN, since: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Whether bytes with this hash were stored within the last two days.
    pub fn contains(&self, hash: [u8; 16]) -> bool {
        self.since
            .get(&u128::from_le_bytes(hash))
            .is_some_and(|at| self.newest_ms.saturating_sub(*at) <= REMEMBER_MS)
    }

    /// The greatest arrival time of an accepted input, ms UTC; none before the first.
    pub const fn newest_ms(&self) -> Option<i64> {
        if self.newest_ms == i64::MIN { None } else { Some(self.newest_ms) }
    }

    /// Folds the arrival time of an accepted input.
    pub fn advance(&mut self, received_ms: i64) {
        if self.newest_ms == i64::MIN {
            // What was refused before any clock was known was refused now.
            self.order.iter_mut().for_each(|(at, _)| *at = received_ms);
            self.since.values_mut().for_each(|at| *at = received_ms);
        }
        self.newest_ms = self.newest_ms.max(received_ms);
    }

    /// Folds a stored refusal.
    pub fn insert(&mut self, hash: [u8; 16]) {
        let hash = u128::from_le_bytes(hash);
        self.since.insert(hash, self.newest_ms);
        self.order.push_back((self.newest_ms, hash));
        while let Some(&(at, hash)) = self.order.front() {
            let expired = self.newest_ms.saturating_sub(at) > REMEMBER_MS;
            if !expired && self.order.len() <= REMEMBER_MAX {
                break;
            }
            self.order.pop_front();
            if self.since.get(&hash) == Some(&at) {
                self.since.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_bytes_are_remembered_for_two_days_of_arrivals() {
        let mut memory = RefusedMemory::initial();
        memory.advance(1_000);
        memory.insert([7; 16]);
        memory.advance(1_000 + REMEMBER_MS);
        assert!(memory.contains([7; 16]));
        memory.advance(1_001 + REMEMBER_MS);
        assert!(!memory.contains([7; 16]));
    }

    #[test]
    fn what_is_refused_before_the_first_accepted_input_is_remembered_from_there() {
        let mut memory = RefusedMemory::initial();
        memory.insert([7; 16]);
        memory.advance(1_000);
        assert!(memory.contains([7; 16]));
    }

    #[test]
    fn the_number_of_hashes_is_bounded() {
        let mut memory = RefusedMemory::initial();
        for i in 0..=REMEMBER_MAX as u128 {
            memory.insert(i.to_le_bytes());
        }
        assert!(!memory.contains(0u128.to_le_bytes()) && memory.contains(1u128.to_le_bytes()));
    }
}
