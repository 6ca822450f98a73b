//! Values of labels that people choose: only so many of them become series.

use std::{collections::BTreeSet, sync::Mutex};

use super::catalogue::OTHER;

/// The first so many different values; whatever comes after them is [`OTHER`].
#[derive(Debug)]
pub struct Bounded {
    most: usize,
    known: Mutex<BTreeSet<String>>,
}

impl Bounded {
    /// Nothing known yet, and at most so many later.
    pub const fn new(most: usize) -> Self {
        Self { most, known: Mutex::new(BTreeSet::new()) }
    }

    /// What stands for a value.
    pub fn label<'a>(&self, value: &'a str) -> &'a str {
        let mut known = self.known.lock().expect("nothing panics while the values are held");
        if known.contains(value) {
            return value;
        }
        if known.len() < self.most {
            known.insert(value.into());
            return value;
        }
        OTHER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_bound_are_other_and_known_ones_stay() {
        let bounded = Bounded::new(2);
        assert_eq!(["a", "b", "c", "a"].map(|value| bounded.label(value)), ["a", "b", OTHER, "a"]);
    }
}
