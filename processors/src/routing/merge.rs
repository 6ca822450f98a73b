//! What other partitions learnt: each publishes all its sums with a version; the newest counts.
//!
//! A partition's sums are cumulative and only its own, so keeping the newest version for each and
//! adding them up is all there is to it: a contribution that comes twice, late, out of order or after
//! lost ones changes no bit of the totals (a grow-only counter for each partition). Priors are not
//! part of contributions, nor is what a partition took over from others.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use zeitgeber_schemas::PartitionId;

use super::{forgetting::Buckets, learner::Layout};

/// What one partition learnt by itself up to a version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contribution {
    /// Outcomes taken in so far, changes included. A greater one holds all of a lesser one.
    pub version: u64,
    /// How its features are laid out.
    pub layout: Layout,
    /// Newest time it learnt of, ms.
    pub now_ms: i64,
    /// Sums by arm.
    pub arms: Vec<ArmContribution>,
}

/// One registration of an arm in a contribution.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArmContribution {
    /// Its name.
    pub arm: String,
    /// Which registration of that name, from 0.
    pub incarnation: u32,
    /// Its sums.
    pub buckets: Buckets,
}

/// The newest contribution of each other partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Others(BTreeMap<PartitionId, Contribution>);

impl Others {
    /// Nothing heard of anybody.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Takes a contribution if it is newer than what is known. Whether it was.
    pub fn take(&mut self, from: PartitionId, contribution: Contribution) -> bool {
        let known = self.0.get(&from).map(|known| known.version);
        let is_newer = known.is_none_or(|known| contribution.version > known);
        if is_newer {
            self.0.insert(from, contribution);
        }
        is_newer
    }

    /// Every partition's sums of one registration, in order of partitions.
    pub fn of<'a>(
        &'a self,
        arm: &'a str,
        incarnation: u32,
    ) -> impl Iterator<Item = &'a Buckets> + Clone {
        let is_it = move |one: &&ArmContribution| one.incarnation == incarnation && one.arm == arm;
        let all = self.0.values().flat_map(|contribution| &contribution.arms);
        all.filter(is_it).map(|one| &one.buckets)
    }

    /// Zero-extends contributions of an earlier layout.
    pub(super) fn extend(&mut self, layout: Layout) {
        for contribution in self.0.values_mut() {
            let from = contribution.layout;
            if from.extends_to(layout) {
                let arms = contribution.arms.iter_mut();
                arms.for_each(|arm| arm.buckets.widen(|sums| from.extended(sums, layout)));
                contribution.layout = layout;
            }
        }
    }
}
