//! A file of the model disk: what the process sees, and what the medium holds, by sectors.

use std::collections::BTreeSet;

use super::super::rng::Rng;

/// What a medium writes whole or tears, bytes.
pub(super) const SECTOR: usize = 512;

/// A file's content.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// What reads return: the page cache.
    pub(super) cached: Vec<u8>,
    /// What the medium holds.
    medium: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Up to where the file had room before it was written: such sectors read as zeros until then.
    reserved: usize,
}

impl Inode {
    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
        }
        self.cached[at..end].copy_from_slice(bytes);
        self.dirty.extend(at / SECTOR..end.div_ceil(SECTOR));
    }

    pub(super) fn set_length(&mut self, bytes: usize) {
        if bytes < self.cached.len() {
            self.dirty.extend(bytes / SECTOR..self.cached.len().div_ceil(SECTOR));
            self.reserved = self.reserved.min(bytes);
        }
        self.cached.resize(bytes, 0);
    }

    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved = self.reserved.max(bytes);
        if bytes > self.cached.len() {
            self.cached.resize(bytes, 0);
        }
    }

    /// Everything reaches the medium.
    pub(super) fn sync(&mut self) {
        self.medium.resize(self.cached.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            copy(&self.cached, &mut self.medium, sector);
        }
    }

    /// A sync fails (DISK-2): some of it reached the medium, and the system takes all of it for
    /// written. The page cache keeps it, or reads it anew.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        if rng.chance(500_000) {
            self.medium.resize(self.cached.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if rng.chance(500_000) {
                copy(&self.cached, &mut self.medium, sector);
            }
        }
        if rng.chance(300_000) {
            self.cached.clone_from(&self.medium);
        }
    }

    /// The power fails (DISK-1): each sector that was not synced is the old one, the new one or
    /// torn, and the length is the old one, the new one or one between.
    pub(super) fn cut_power(&mut self, rng: &mut Rng) {
        let (old, new) = (self.medium.len(), self.cached.len());
        let length = match rng.below(3) {
            0 => old,
            1 => new,
            _ => rng.within(old.min(new) as u64, old.max(new) as u64) as usize,
        };
        let before = self.medium.clone();
        self.medium.resize(length, 0);
        if length > old.max(self.reserved) && rng.chance(200_000) {
            // Blocks that were added and never written show what somebody else left in them.
            let from = old.max(self.reserved);
            self.medium[from..].iter_mut().for_each(|byte| *byte = rng.next() as u8);
        }
        let mood = rng.below(4);
        for sector in std::mem::take(&mut self.dirty) {
            let fate = if mood < 2 { mood } else { rng.below(3) };
            match fate {
                0 => copy(&before, &mut self.medium, sector),
                1 => copy(&self.cached, &mut self.medium, sector),
                _ => tear(&before, &self.cached, &mut self.medium, sector, rng),
            }
        }
        self.cached.clone_from(&self.medium);
        self.reserved = 0;
    }

    /// One bit of the medium changes by itself.
    pub(super) fn rot(&mut self, at: usize, bit: u8) {
        for image in [&mut self.cached, &mut self.medium] {
            if let Some(byte) = image.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Whether there is something that no sync has covered.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.medium.len() != self.cached.len()
    }
}

fn range(sector: usize, length: usize) -> std::ops::Range<usize> {
    (sector * SECTOR).min(length)..((sector + 1) * SECTOR).min(length)
}

/// Puts a sector of `from` into `to`, as far as both reach.
fn copy(from: &[u8], to: &mut [u8], sector: usize) {
    let range = range(sector, from.len().min(to.len()));
    to[range.clone()].copy_from_slice(&from[range]);
}

/// Puts the beginning of the one and the end of the other.
fn tear(old: &[u8], new: &[u8], to: &mut [u8], sector: usize, rng: &mut Rng) {
    let (first, then) = if rng.chance(500_000) { (new, old) } else { (old, new) };
    copy(then, to, sector);
    let all = range(sector, first.len().min(to.len()));
    let torn = all.start..all.start + rng.below(all.len() as u64 + 1) as usize;
    to[torn.clone()].copy_from_slice(&first[torn]);
}
