//! Names on the model disk: what the process sees, and what each name may be after a loss of power.

use std::collections::BTreeMap;

use super::super::rng::Rng;

/// What a name led to before the last sync of its directory, and since: file numbers, or nothing.
type Meanings = Vec<Option<usize>>;

/// A directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// What the process sees.
    seen: BTreeMap<String, usize>,
    /// Of each name that changed since the last sync, all that it meant since, in order.
    unsynced: BTreeMap<String, Meanings>,
    /// The changes in their order, as a file system's own log has them.
    order: Vec<Vec<(String, Option<usize>)>>,
    /// Whether the directory itself is there for good.
    pub(super) is_durable: bool,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.seen.get(name).copied()
    }

    pub(super) fn list(&self) -> Vec<String> {
        self.seen.keys().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, usize)> {
        self.seen.iter().map(|(name, file)| (name, *file))
    }

    pub(super) fn set(&mut self, name: &str, file: Option<usize>) {
        self.change(vec![(name.to_owned(), file)]);
    }

    /// One file takes another name at once.
    pub(super) fn rename(&mut self, from: &str, to: &str, file: usize) {
        self.change(vec![(to.to_owned(), Some(file)), (from.to_owned(), None)]);
    }

    fn change(&mut self, changes: Vec<(String, Option<usize>)>) {
        for (name, file) in &changes {
            let before = self.seen.get(name).copied();
            self.unsynced.entry(name.clone()).or_insert_with(|| vec![before]).push(*file);
            match file {
                Some(file) => self.seen.insert(name.clone(), *file),
                None => self.seen.remove(name),
            };
        }
        self.order.push(changes);
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
        self.order.clear();
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.order.is_empty()
    }

    /// The power fails (DISK-3): as many of the changes stand as the file system had logged, or
    /// each name by itself is what it was at some time since the last sync.
    pub(super) fn cut_power(&mut self, rng: &mut Rng) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let order = std::mem::take(&mut self.order);
        let in_order = rng.chance(500_000);
        for (name, meanings) in unsynced {
            let meaning = if in_order { meanings.first() } else { rng.pick(&meanings) };
            self.put(&name, meaning.copied().flatten());
        }
        if in_order {
            let logged = rng.below(order.len() as u64 + 1) as usize;
            for changes in order.into_iter().take(logged) {
                for (name, file) in changes {
                    self.put(&name, file);
                }
            }
        }
    }

    fn put(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.seen.insert(name.to_owned(), file),
            None => self.seen.remove(name),
        };
    }
}
