//! A part of the log that has one order, and whoever follows its end.
//!
//! A log of files is one course. In a database each partition is one: between them there is no
//! order, so a stream of several partitions is several streams in one. A course is read only while
//! somebody wants something of it, where reading it means asking other machines.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use zeitgeber_schemas::PartitionId;

use super::{follow::Live, outbox::Outbox};
use crate::journal::{Journal, Place};

/// A part of the log that has one order.
pub(super) struct Course {
    /// The partition that it is; none where it is the whole log.
    pub(super) partition: Option<PartitionId>,
    live: Mutex<Option<Live>>,
    pub(super) joining: Mutex<Vec<Arc<Outbox>>>,
    pub(super) leaving: Mutex<Vec<Arc<Outbox>>>,
}

impl Course {
    /// The courses of a log.
    pub(super) fn all(journal: &dyn Journal) -> Vec<Self> {
        if journal.has_one_order() {
            return vec![Self::of(None)];
        }
        (0..journal.layout().partitions).map(|number| Self::of(Some(PartitionId(number)))).collect()
    }

    fn of(partition: Option<PartitionId>) -> Self {
        let (joining, leaving) = (Mutex::default(), Mutex::default());
        Self { partition, live: Mutex::default(), joining, leaving }
    }

    /// Where it stands in the log.
    pub(super) fn places(&self) -> Range<Place> {
        match self.partition {
            None => Place::START..Place::END,
            Some(PartitionId(number)) => {
                let number = u32::from(number);
                Place::of_segment(number)..Place::of_segment(number + 1)
            }
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().expect("a reader of the log reports failures and does not panic")
    }

    pub(super) fn joining(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.joining.lock().expect(HELD)
    }

    pub(super) fn leaving(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.leaving.lock().expect(HELD)
    }

    /// Whether there is anything to do for the follower.
    pub(super) fn is_idle(&self) -> bool {
        // One after the other: whoever serves it holds one and takes another.
        let nobody_moves = [self.joining(), self.leaving()].iter().all(|moving| moving.is_empty());
        nobody_moves && self.live().is_none()
    }

    /// Whether what is appended to it is heard of here at once.
    pub(super) fn is_here(&self, journal: &dyn Journal) -> bool {
        self.partition.is_none_or(|partition| journal.is_claimed(partition))
    }
}

const HELD: &str = "nothing panics while it is held";
